//! Measures with their units: moments, spans of time, money.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl fmt::Display for Moment {
    /// `2026-01-15 15:04 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0 / 60_000;
        let (year, month, day) = date_of(minutes / 1440);
        let (hour, minute) = (minutes / 60 % 24, minutes % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// The Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
fn date_of(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// A span of time in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1000)
    }
}

impl Add<Millis> for Moment {
    type Output = Moment;
    fn add(self, span: Millis) -> Moment {
        Moment(self.0.saturating_add(span.0))
    }
}

impl Sub<Moment> for Moment {
    type Output = Millis;
    /// Zero where `earlier` is the later one: clocks may step back.
    fn sub(self, earlier: Moment) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Millis {
    /// `0.4s`, `12s`, `3m05s`, `2h03m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        match seconds {
            0..10 => write!(f, "{}.{}s", seconds, self.0 % 1000 / 100),
            10..60 => write!(f, "{seconds}s"),
            60..3600 => write!(f, "{}m{:02}s", seconds / 60, seconds % 60),
            _ => write!(f, "{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

/// Money in US dollars, kept in whole nano-dollars so that sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

impl Usd {
    pub const ZERO: Self = Self(0);

    /// Rounds to the nearest nano-dollar; a value that is no finite number is zero.
    pub fn from_dollars(dollars: f64) -> Self {
        if dollars.is_finite() { Self((dollars * 1e9).round() as i64) } else { Self::ZERO }
    }

    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    pub const fn nanos(self) -> i64 {
        self.0
    }
}

/// Whether amounts are billed. On a subscription they are what the API would have asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Billing {
    #[default]
    Billed,
    Equivalent,
}

impl Billing {
    pub fn of(is_equivalent: bool) -> Self {
        if is_equivalent { Self::Equivalent } else { Self::Billed }
    }

    /// An amount as people read it, with what says that nobody is billed it: `$1.20`, `~$1.20`.
    pub fn text(self, amount: Usd) -> String {
        match self {
            Self::Billed => amount.to_string(),
            Self::Equivalent => format!("~{amount}"),
        }
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl Sub for Usd {
    type Output = Usd;
    fn sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(costs: I) -> Usd {
        costs.fold(Usd::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    /// `$1.23`, and four digits below ten cents: `$0.0123`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars();
        if self.0 != 0 && dollars.abs() < 0.1 {
            write!(f, "${dollars:.4}")
        } else {
            write!(f, "${dollars:.2}")
        }
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::from_dollars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_sums_exactly() {
        let third = Usd::from_dollars(0.00914);
        assert_eq!([third; 3].into_iter().sum::<Usd>(), Usd::from_dollars(0.02742));
        assert_eq!(third.to_string(), "$0.0091");
        assert_eq!(Usd::from_dollars(12.345).to_string(), "$12.35");
        assert_eq!(Usd::from_dollars(f64::NAN), Usd::ZERO);
        assert_eq!([false, true].map(|it| Billing::of(it).text(third)), ["$0.0091", "~$0.0091"]);
    }

    #[test]
    fn moments_have_dates() {
        let shown = [0, 951_782_400, 1_735_689_540].map(|s| Moment(s * 1000).to_string());
        assert_eq!(shown, ["1970-01-01 00:00 UTC", "2000-02-29 00:00 UTC", "2024-12-31 23:59 UTC"]);
    }

    #[test]
    fn spans_are_short_to_read() {
        let shown = [400, 12_000, 185_000, 7_400_000].map(|ms| Millis(ms).to_string());
        assert_eq!(shown, ["0.4s", "12s", "3m05s", "2h03m"]);
    }
}
