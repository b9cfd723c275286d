//! What a judge gives a proposal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// From 0 to 10, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Score(u16);

impl TryFrom<f64> for Score {
    type Error = String;

    fn try_from(points: f64) -> Result<Self, String> {
        match (0.0..=10.0).contains(&points) {
            true => Ok(Self((points * 100.0).round() as u16)),
            false => Err(format!("{points} is not from 0 to 10")),
        }
    }
}

impl From<Score> for f64 {
    fn from(score: Score) -> Self {
        f64::from(score.0) / 100.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(*self))
    }
}
