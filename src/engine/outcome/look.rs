//! What a session has seen of what it speaks of: one that saw nothing has no say in it.

use super::Verdict;
use crate::engine::stream::{StreamFacts, is_look};

/// How far a session got in looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// It called no tool that looks at anything, or was denied each.
    Nowhere,
    /// It tried, and each of its calls came back as an error.
    InVain,
    Seen,
}

impl Look {
    /// Why it cannot have come to what it says; `None` where it can. That something fails is seen by a
    /// call that fails, that something is right is not.
    pub fn objection(self, said: Option<Verdict>) -> Option<&'static str> {
        match self {
            Self::Seen => None,
            Self::InVain if said == Some(Verdict::Fail) => None,
            Self::InVain => Some("each of its calls failed, so it has seen nothing"),
            Self::Nowhere => Some("it used no tool to look, or was denied each"),
        }
    }
}

/// What the stream of a session shows of that.
pub fn look_of(stream: &StreamFacts) -> Look {
    let n_denied = stream.permission_denials.iter().filter(|call| is_look(call)).count();
    match () {
        () if stream.n_seen > 0 => Look::Seen,
        () if stream.n_looks as usize > n_denied => Look::InVain,
        () => Look::Nowhere,
    }
}
