//! What `retry`, `skip`, `accept` and `reset` share: a person's decision about some tasks.

use crate::engine::effect::Decide;
use crate::engine::record::Decision;
use crate::host::driver::Delivery;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::report::counted;
use crate::ui::shell::{Failure, Ran, Shell};

use super::selection::Selection;

/// Journals the decision for every task named, and says what follows from it.
pub fn run(
    decision: Decision,
    selection: &Selection,
    project: &mut dyn Project,
    shell: &mut Shell,
) -> Ran {
    let tasks = selection.tasks();
    let decisions: Vec<Decide> =
        tasks.iter().map(|task| Decide { task: task.clone(), decision }).collect();
    let delivery = match project.decide(&decisions)? {
        Delivery::Refused(why) => return Err(Failure::usage(why)),
        delivery => delivery,
    };
    for task in &tasks {
        let text = match shell.is_json() {
            true => crate::ui::json::line_of(
                &serde_json::json!({ "task": task.to_string(), "decision": decision }),
            ),
            false => format!("{task}  {}\n", word_of(decision)),
        };
        shell.data(&text)?;
    }
    let count = counted(tasks.len(), "task");
    let consequence = match delivery {
        Delivery::Journaled => consequence_of(decision),
        Delivery::ToBuilder | Delivery::Refused(_) => "the orch that builds here is told",
    };
    shell.note(&format!("{count}: {consequence}"))?;
    Ok(Exit::Success)
}

fn word_of(decision: Decision) -> &'static str {
    match decision {
        Decision::Retry => "to run again",
        Decision::Skip => "skipped",
        Decision::Accept => "accepted as it is",
        Decision::Reset => "forgotten",
    }
}

fn consequence_of(decision: Decision) -> &'static str {
    match decision {
        Decision::Retry => "the next build runs it, whatever the cache has",
        Decision::Skip => "what depends on it goes on without it",
        Decision::Accept => "its files as they are now are its result",
        Decision::Reset => "the next build knows nothing of its past",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;
    use crate::ui::project::fake::Fake;

    #[test]
    fn every_task_named_is_decided_once() {
        let mut fake = Fake::default();
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone());
        let targets = ["other", "//a"].map(str::to_owned).to_vec();
        let selection = Selection::of(&mut fake, &targets, "").unwrap();
        let ran = run(Decision::Skip, &selection, &mut fake, &mut shell);
        assert_eq!(shell.conclude(ran), Exit::Success);
        insta::assert_snapshot!(out.text(), @r#"
            other//a  skipped
            other//b  skipped
            2 tasks: what depends on it goes on without it
            "#);
        assert_eq!(fake.decisions.len(), 2);
    }
}
