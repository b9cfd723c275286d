//! `orch show --prompt`: what the session of an attempt was told.

use serde_json::json;

use crate::base::name::TaskRef;
use crate::ui::exit::Exit;
use crate::ui::json::line_of;
use crate::ui::project::{Project, Prompt};
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::text::visible;

/// Prints the prompt of one attempt of each task, as `orch log` counts them; without a number, of the
/// newest.
pub fn run(
    tasks: &[TaskRef],
    attempt: Option<u32>,
    project: &mut dyn Project,
    shell: &mut Shell,
) -> Ran {
    for (number, task) in tasks.iter().enumerate() {
        let prompt = project.prompt(task, attempt)?.ok_or_else(|| nothing_kept(task, attempt))?;
        if shell.is_json() {
            let Prompt { attempt, text } = prompt;
            let fields = json!({ "task": task.to_string(), "attempt": attempt, "prompt": text });
            shell.data(&line_of(&fields))?;
            continue;
        }
        shell.note(&format!("{task}, attempt {}", prompt.attempt))?;
        let gap = if number > 0 { "\n" } else { "" };
        shell.data(&format!("{gap}{}\n", visible(&prompt.text).trim_end()))?;
    }
    Ok(Exit::Success)
}

fn nothing_kept(task: &TaskRef, attempt: Option<u32>) -> Failure {
    let of = attempt.map_or(String::new(), |number| format!(" for attempt {number}"));
    Failure::usage_with_help(
        format!("no prompt of `{task}` is kept{of}: no session was told anything there"),
        format!(
            "`orch show {task}` lists its attempts, `orch build {task} -n -v` has the next prompt"
        ),
    )
}
