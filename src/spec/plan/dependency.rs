//! What a task waits for: a task of its own plan, one of another, or all of another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::name::{PlanName, TaskId, TaskRef};

/// Between a plan and a task.
const SEPARATOR: &str = "//";
/// In the place of a task: all of them.
const ALL: &str = "*";

/// An entry of `depends_on`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dependency {
    /// `1.1`
    Own(TaskId),
    /// `plan//1.1`
    Other(TaskRef),
    /// `plan//*`
    All(PlanName),
}

impl Dependency {
    /// `None` where `//` has nothing before or behind it.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.contains(SEPARATOR) {
            return Some(Self::Own(TaskId::new(text)));
        }
        let task = TaskRef::parse(text)?;
        Some(if task.task.as_str() == ALL { Self::All(task.plan) } else { Self::Other(task) })
    }

    /// The plan that is named; `None` for the task's own without a name.
    pub fn plan(&self) -> Option<&PlanName> {
        match self {
            Self::Own(_) => None,
            Self::Other(task) => Some(&task.plan),
            Self::All(plan) => Some(plan),
        }
    }

    /// A task as it is named from within `plan`.
    pub fn from_within(plan: &PlanName, task: &TaskRef) -> Self {
        if task.plan == *plan { Self::Own(task.task.clone()) } else { Self::Other(task.clone()) }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(task) => task.fmt(f),
            Self::Other(task) => task.fmt(f),
            Self::All(plan) => f.pad(&format!("{plan}{SEPARATOR}{ALL}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_shown() {
        let check = |text: &str, plan: Option<&str>| {
            let read = Dependency::parse(text).unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!(read.plan().map(PlanName::as_str), plan);
        };
        check("1.1", None);
        check("other//1.1", Some("other"));
        check("item:login//archive", Some("item:login"));
        check("item:login//*", Some("item:login"));
        assert_eq!(Dependency::parse("//1"), None);
        assert_eq!(Dependency::parse("other//"), None);
    }
}
