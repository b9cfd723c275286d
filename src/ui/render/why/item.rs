//! Why nothing starts for a backlog item, in words.

use crate::engine::why::ItemHold;
use crate::spec::item::Standing;

/// One line, without a full stop.
pub fn item_text(hold: &ItemHold) -> String {
    match hold {
        ItemHold::Archived => "closed: its item is archived".to_owned(),
        ItemHold::Standing(standing) => standing_text(*standing).to_owned(),
        ItemHold::NeverDone(name) => {
            format!("waits for `{name}`, which is not being worked on")
        }
        ItemHold::Unknown(name) => {
            format!("waits for `{name}`, which names no item, or several: `orch check` says more")
        }
        ItemHold::Circle => "waits for itself: `orch check` shows the circle".to_owned(),
        ItemHold::CyclesUsed(n) => format!(
            "{n} verifications said FAIL: a person has to look; an entry taken out of its log, or a changed \
             text with `orch reset`, opens it again"
        ),
        ItemHold::Unapproved(task) => {
            format!("waits for a person: `orch accept {task}` lets its plan be built")
        }
        ItemHold::Unplanned(name) => {
            format!("its plan `{name}` is not to be seen in the checkout")
        }
    }
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "open",
        Standing::Done => {
            "its file says that it is done, and it is not archived: move it to the archive, or set its status \
             to `Open`"
        }
        Standing::Dropped => "its file says that it was closed",
        Standing::OnHold => "its file says that it is on hold",
        Standing::Failed => "its file says that it has failed",
        Standing::Unclear => "its status is not understood: `orch check` says more",
    }
}
