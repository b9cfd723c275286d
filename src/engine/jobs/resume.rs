//! What a session that goes on is told: the one thing that was missing, by how its attempt ended.

use crate::base::name::{ActionKey, TaskId};
use crate::engine::outcome::OutcomeClass;
use crate::engine::outcome::evidence::STATUS_FILE;
use crate::engine::past::history::TaskHistory;

use crate::engine::decide::TaskRun;
use crate::engine::world::prompt::{CLAUDE_COPY, one_line, quoted_list};
use crate::spec::agent::Effort;

/// How the session was ended the last time, and what was found wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub class: OutcomeClass,
    pub why: &'a str,
    pub findings: &'a [String],
}

/// The message to a session that is taken up again; `tools` are those it has.
pub(super) fn resume_message(end: End<'_>, task: &TaskId, tools: &[String]) -> String {
    let End { class, why, findings } = end;
    let why = &one_line(why);
    let mut text = match class {
        OutcomeClass::PermissionDenied => what_is_allowed(why, tools),
        class => targeted(class, why, task),
    };
    text.push_str(&quoted_list(findings.iter().map(String::as_str)));
    if class != OutcomeClass::NoStatus {
        text.push_str(&format!(
            "Finish the task and write the status file `{STATUS_FILE}` as instructed.\n"
        ));
    }
    text
}

/// The prompt as it is now, to a session that was told another one at its start.
pub(super) fn reworded(prompt: &str) -> String {
    format!(
        "\n## What is asked for has been reworded\n\nSince you were told it, the text of your task's agent or rule, \
         or a setting that it names, was changed. From here on this holds, in place of what you were told at the \
         start; where what you did does not agree with it, mend that:\n\n{}\n",
        prompt.trim_end()
    )
}

/// The second try is the last one: it is told where the walls are.
fn what_is_allowed(why: &str, tools: &[String]) -> String {
    format!(
        "A call of yours was denied, and what it was for is missing: {why}\n\
         Your tools are {}. Files can be written below your worktree only, by absolute or relative \
         paths, and none below `.claude/`, `.git/` or `.vscode/`; what is written below `{CLAUDE_COPY}/` lands \
         below `.claude/`. Nobody can allow more: do it in a way that this permits. Where there is none, report `failed` and say what would have to be allowed.\n",
        tools.join(", ")
    )
}

fn targeted(class: OutcomeClass, why: &str, task: &TaskId) -> String {
    use OutcomeClass as C;
    match class {
        C::NoStatus => format!(
            "You did not write the status file, so nobody can know whether the task is done ({why}).\n\
             If it is not done, finish it. Then write `{STATUS_FILE}` as instructed, with \
             `\"task_id\": \"{task}\"`; without a tool that can write, end your message with that object in a \
             fenced block.\n"
        ),
        C::WrongTask => format!(
            "Your status file is about another task: {why}\n\
             Your task is `{task}`, and `task_id` must say so.\n"
        ),
        C::OutputMismatch => format!(
            "The files are not what the task asks for: {why}\n\
             Write what is missing, and put back what was not to be written.\n"
        ),
        C::NoChange => format!("You changed nothing, and the task needs a change: {why}\n"),
        C::SchemaMiss => format!("Your answer did not have the form that was asked for: {why}\n"),
        C::FailedByStatus => {
            format!("You reported that you failed: {why}\nTry it another way.\n")
        }
        C::TurnCap | C::BudgetCap => format!(
            "You were ended at a limit ({why}). Everything you wrote is still there: do only what is left.\n"
        ),
        C::Stalled | C::TimedOut => format!(
            "You were ended since nothing was heard of you for too long ({why}). Everything you wrote is \
             still there. Start nothing that waits for input or never returns.\n"
        ),
        C::Aborted | C::Killed => format!(
            "You were ended in the middle of your work ({why}). Everything you wrote is still there: go on \
             where you stopped.\n"
        ),
        C::Rejected => {
            format!("Your result was looked at and not accepted: {why}. What was found:\n")
        }
        class if !class.counts_as_attempt() => format!(
            "You were interrupted by the service, not by anything you did ({why}). Everything you wrote is \
             still there: go on where you stopped.\n"
        ),
        _ => format!("Your last turn ended, but the result was not accepted: {why}\n"),
    }
}

/// Why the attempt before was not accepted, and what was found wrong: of this build, else of the
/// one before it.
pub(super) fn told_before<'a>(
    past: Option<&'a TaskHistory>,
    run: &'a TaskRun,
    key: ActionKey,
) -> (Option<&'a str>, &'a [String]) {
    let error = run.previous_error.as_deref().or_else(|| past?.error_of(key));
    let findings = match run.findings.is_empty() {
        true => past.map_or(&[][..], |past| past.findings_of(key)),
        false => &run.findings,
    };
    (error, findings)
}

/// How hard a session thinks after the ladder asked for more so often, where its agent asks for `own`.
pub(super) fn effort_of(own: Option<Effort>, n_raised: u32) -> Option<Effort> {
    match n_raised {
        0 => own,
        1 if own < Some(Effort::High) => Some(Effort::High),
        _ => Some(Effort::Max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(class: OutcomeClass, why: &str) -> String {
        let end = End { class, why, findings: &[] };
        resume_message(end, &"1.2".into(), &["Read".to_owned(), "Edit".to_owned()])
    }

    #[test]
    fn each_failure_has_a_message_of_its_own() {
        let shown = [
            check(OutcomeClass::NoStatus, "no status file"),
            check(OutcomeClass::WrongTask, "it names 1.1"),
            check(OutcomeClass::OutputMismatch, "declared outputs are missing: a.md"),
            check(OutcomeClass::PlanLimit, "You've hit your limit"),
            check(
                OutcomeClass::PermissionDenied,
                "denied: Write(/a.md); no status file was written",
            ),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r#"
        You did not write the status file, so nobody can know whether the task is done (no status file).
        If it is not done, finish it. Then write `.orch/task/status.json` as instructed, with `"task_id": "1.2"`; without a tool that can write, end your message with that object in a fenced block.

        Your status file is about another task: it names 1.1
        Your task is `1.2`, and `task_id` must say so.
        Finish the task and write the status file `.orch/task/status.json` as instructed.

        The files are not what the task asks for: declared outputs are missing: a.md
        Write what is missing, and put back what was not to be written.
        Finish the task and write the status file `.orch/task/status.json` as instructed.

        You were interrupted by the service, not by anything you did (You've hit your limit). Everything you wrote is still there: go on where you stopped.
        Finish the task and write the status file `.orch/task/status.json` as instructed.

        A call of yours was denied, and what it was for is missing: denied: Write(/a.md); no status file was written
        Your tools are Read, Edit. Files can be written below your worktree only, by absolute or relative paths, and none below `.claude/`, `.git/` or `.vscode/`; what is written below `.orch/task/claude/` lands below `.claude/`. Nobody can allow more: do it in a way that this permits. Where there is none, report `failed` and say what would have to be allowed.
        Finish the task and write the status file `.orch/task/status.json` as instructed.
        "#);
    }

    #[test]
    fn effort_goes_up_to_its_end() {
        assert_eq!(
            [0, 1, 2, 9].map(|n| effort_of(None, n).map_or("", Effort::as_str)),
            ["", "high", "max", "max"]
        );
        assert_eq!(
            [0, 1, 2].map(|n| effort_of(Some(Effort::High), n).map_or("", Effort::as_str)),
            ["high", "max", "max"]
        );
    }
}
