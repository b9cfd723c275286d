//! The view over lineage: what a node may see of a path.
//!
//! Start from the content now; while it is exactly what the last landing on the path left, and that
//! landing belongs to a node that is not upstream, step back to the content before that landing. So
//! orch's own later, sibling or own work is hidden, and what a person or an upstream task wrote is
//! seen. A hand edit stops the walk.

use serde::{Deserialize, Serialize};

use crate::base::file::FileState;
use crate::base::name::TaskRef;

/// One landing's effect on one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    pub by: TaskRef,
    pub before: Option<FileState>,
    pub after: Option<FileState>,
}

/// The path's content for a node. `touches` is oldest first; `is_upstream` says whether a task's
/// work may be seen.
pub fn view(
    now: Option<FileState>,
    touches: &[Touch],
    is_upstream: impl Fn(&TaskRef) -> bool,
) -> Option<FileState> {
    let mut content = now;
    for touch in touches.iter().rev() {
        if content != touch.after || is_upstream(&touch.by) {
            break;
        }
        content = touch.before;
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(text: &str) -> Option<FileState> {
        (text != "-").then(|| FileState::regular(text.as_bytes()))
    }

    /// `history` is `task:before>after` words, oldest first; `-` is absent.
    fn check(now: &str, history: &str, upstream: &[&str]) -> Option<FileState> {
        let touches: Vec<Touch> = history
            .split_whitespace()
            .map(|word| {
                let (task, states) = word.split_once(':').unwrap();
                let (before, after) = states.split_once('>').unwrap();
                Touch { by: TaskRef::new("p", task), before: state(before), after: state(after) }
            })
            .collect();
        view(state(now), &touches, |task| upstream.contains(&task.task.as_str()))
    }

    #[test]
    fn own_and_later_work_is_hidden() {
        assert_eq!(check("2", "a:0>1 b:1>2", &[]), state("0"));
        assert_eq!(check("1", "a:->1", &[]), state("-"), "a file it made itself was not there");
        assert_eq!(check("-", "a:1>-", &[]), state("1"), "a file it removed itself was there");
    }

    #[test]
    fn upstream_work_is_seen() {
        assert_eq!(check("2", "a:0>1 b:1>2", &["a"]), state("1"));
        assert_eq!(check("2", "a:0>1 b:1>2", &["a", "b"]), state("2"));
    }

    #[test]
    fn a_hand_edit_stops_the_walk() {
        assert_eq!(check("x", "a:0>1", &[]), state("x"));
        assert_eq!(check("3", "a:0>1 b:2>3", &[]), state("2"), "the edit lay between the landings");
    }

    proptest! {
        #[test]
        fn without_landings_the_view_is_the_content(now in "[a-c]") {
            prop_assert_eq!(check(&now, "", &[]), state(&now));
        }

        #[test]
        fn landing_ones_own_work_changes_nothing(before in "[a-c]", after in "[d-f]") {
            let without = check(&before, "", &[]);
            prop_assert_eq!(check(&after, &format!("own:{before}>{after}"), &[]), without);
        }
    }
}
