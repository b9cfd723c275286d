//! What is refused for who asks, whatever it is asked for.

use std::path::Path;
use std::time::Duration;

use crate::host::asker::{self, Asker, Inside};
use crate::host::git::inherited;
use crate::host::inbox::{self, Word};
use crate::host::lock::Lock;
use crate::ui::args::{Command, Effect};
use crate::ui::shell::Failure;

/// So long the build is given to hear of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Refuses what a process of an attempt asks of the repository whose build runs it, in whatever checkout, and tells that build.
///
/// # Errors
/// It is refused.
pub fn of_session(command: &Command, root: &Path, start: Option<&Path>) -> Result<(), Failure> {
    let Asker::Inside(inside) = asker::this_process(root, start) else { return Ok(()) };
    tell(command.name(), &inside, inside.checkout.as_deref().unwrap_or(root));
    let message = format!("`{}` is not for {inside}", command.name());
    Err(Failure::usage_with_help(message, help_of(command.effect())))
}

/// Refuses to build or land in the middle of a command of git: index and branch are git's then.
///
/// # Errors
/// It is refused.
pub fn in_a_hook(command: &Command, root: &Path, start: Option<&Path>) -> Result<(), Failure> {
    let Some(git) = inherited::command_under_way(root, start) else { return Ok(()) };
    let message = format!(
        "`{}` inside `{git}`, as in a hook: it would move the branch beneath that; nothing was run",
        command.name()
    );
    let help = "run it when that is over, or leave `orch watch` running: it sees every commit; \
                `orch check` may stand in a hook";
    Err(Failure::usage_with_help(message, help))
}

fn help_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Builds => {
            "the build here, which waits for it, would have to end first; `orch build` in another \
             repository is free"
        }
        Effect::Looks | Effect::Decides => {
            "a session decides nothing about the repository that it works for; what a person should \
             decide belongs into its status message"
        }
    }
}

/// Best effort: where it cannot be told, it is refused all the same.
fn tell(asked: &str, inside: &Inside, root: &Path) {
    if Lock::holder_of(root).is_none() {
        return;
    }
    let word = Word::Refused { asked: asked.to_owned(), by: inside.task.clone() };
    if let Ok(posted) = inbox::post(root, &word) {
        posted.reply_within(PATIENCE);
    }
}
