//! Broken invariants: faults of orch itself, which are told and never passed over in silence.

use std::panic::Location;

use crate::base::name::TaskRef;

/// Something that must be so is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// What is wrong: `an attempt is not among those at work`.
    pub what: &'static str,
    /// Who relied on it.
    pub at: &'static Location<'static>,
}

/// What comes of a step that rests on invariants.
pub type Sound<T = ()> = Result<T, Broken>;

impl Broken {
    #[track_caller]
    pub fn of(what: &'static str) -> Self {
        Self { what, at: Location::caller() }
    }
}

/// What has to be there.
pub trait Must<T> {
    /// `what` says what it means that it is not there.
    #[track_caller]
    fn must(self, what: &'static str) -> Sound<T>;
}

impl<T> Must<T> for Option<T> {
    #[track_caller]
    fn must(self, what: &'static str) -> Sound<T> {
        match self {
            Some(it) => Ok(it),
            None => Err(Broken::of(what)),
        }
    }
}

/// A broken invariant with what orch was at, to be told and reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub broken: Broken,
    /// `judging an attempt that ended`.
    pub doing: &'static str,
    /// The task it was met at, where that is known.
    pub task: Option<TaskRef>,
}

impl Fault {
    /// Where in orch's own sources, `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.broken.at.file(), self.broken.at.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_is_placed_where_it_was_relied_on() {
        let (broken, line) = (None::<()>.must("nothing is there").unwrap_err(), line!());
        let fault = Fault { broken, doing: "looking", task: None };
        assert_eq!(fault.place(), format!("{}:{line}", file!()));
    }
}
