//! What follows a failure, step by step: fresh, resumed, waited out, given up; over restarts, too.

use crate::base::measure::Billing;
use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::engine::effect::LaunchAction;
use crate::ui::render::why::why_text;

/// One task of one attempt each way; `X` stands for its further keys.
const ONE: &str = "\
meta: { name: P }
sections:
- id: s
  name: S
  tasks:
  - { id: 'a', status: pending, name: A, description: x }
";

/// What sessions were told: how each began, and the part of its prompt that is not the task's.
type Briefs = Rc<RefCell<Vec<String>>>;

/// A space whose attempts end in turn like this; `.` is done.
fn space_of(ends: &'static str, plan: &str) -> (Space, Briefs) {
    let briefs = Briefs::default();
    let mut space = Space::new(plan);
    let log = Rc::clone(&briefs);
    let mut ends = ends.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter();
    space.play = Box::new(move |launch, files| {
        if let LaunchAction::Session(session) = &launch.action {
            log.borrow_mut().push(beginning_of(session));
        }
        match ends.next().as_deref() {
            Some("failed") => Ended::Failed("no idea"),
            Some("silent") => Ended::Silent,
            Some("lost") => Ended::NoProgram,
            Some("overloaded") => Ended::Api("overloaded"),
            Some("unknown") => Ended::Exit(1),
            Some("login") => Ended::LoggedOut,
            _ => {
                write(files, &format!("out/{}.txt", launch.task.task), "made");
                Ended::Done
            }
        }
    });
    (space, briefs)
}

fn beginning_of(session: &crate::engine::effect::SessionLaunch) -> String {
    let how = if session.resume.is_some() { "resumed" } else { "fresh" };
    let effort = session.effort.map(|it| format!(" effort {}", it.as_str())).unwrap_or_default();
    let mut lines = session.prompt.lines();
    let why = match session.resume {
        Some(_) => lines.next(),
        None => lines.find(|it| it.starts_with("Why it was not accepted: ")),
    };
    format!("{how}{effort}: {}", why.unwrap_or("-"))
}

fn rule(text: &str) -> Source {
    Source::new(RelPath::new("rules/defaults.yaml").unwrap(), text)
}

#[test]
fn a_session_that_left_no_status_goes_on_and_is_told_just_that() {
    let (mut space, briefs) = space_of("silent .", ONE);
    let engine = space.build();
    assert_eq!(states(&engine), "a=Done(Ran)");
    insta::assert_snapshot!(briefs.borrow().join("\n"), @"
    fresh: -
    resumed: You did not write the status file, so nobody can know whether the task is done (no status file was written).
    ");
}

#[test]
fn a_ladder_is_climbed_step_by_step() {
    let (mut space, briefs) =
        space_of("silent silent failed .", &ONE.replace("x }", "x, max_attempts: 9 }"));
    space.rules =
        vec![rule("retry: { on: { no-status: [resume, effort], failed-by-status: effort } }\n")];
    let engine = space.build();
    assert_eq!(states(&engine), "a=Done(Ran)");
    insta::assert_snapshot!(briefs.borrow().join("\n"), @"
    fresh: -
    resumed: You did not write the status file, so nobody can know whether the task is done (no status file was written).
    fresh effort high: Why it was not accepted: no status file was written
    fresh effort max: Why it was not accepted: no idea
    ");
}

#[test]
fn what_is_nobodys_fault_uses_up_no_attempt_and_hides_no_error() {
    let (mut space, briefs) = space_of("failed overloaded overloaded failed .", ONE);
    let began = space.now;
    let engine = space.build();
    assert_eq!(states(&engine), "a=Done(Ran)", "three attempts of three count");
    assert_eq!(engine.history().task(&TaskRef::new("p", "a")).unwrap().n_attempts, 3);
    insta::assert_snapshot!(briefs.borrow().join("\n"), @"
    fresh: -
    fresh: Why it was not accepted: no idea
    resumed: You were interrupted by the service, not by anything you did (overloaded). Everything you wrote is still there: go on where you stopped.
    resumed: You were interrupted by the service, not by anything you did (overloaded). Everything you wrote is still there: go on where you stopped.
    fresh: Why it was not accepted: no idea
    ");
    let waited = space.now - began;
    assert!((10_000..60_000).contains(&waited), "{waited}");
}

#[test]
fn what_never_gets_better_is_given_up() {
    let (mut space, _) = space_of("overloaded overloaded overloaded . .", ONE);
    space.rules = vec![rule("retry: { waits: 2 }\n")];
    let engine = space.build();
    assert_eq!(states(&engine), "a=Failed(Overloaded)");
}

#[test]
fn a_session_that_cannot_be_taken_up_again_is_begun_anew() {
    let (mut space, briefs) = space_of("silent lost .", ONE);
    let engine = space.build();
    assert_eq!(states(&engine), "a=Done(Ran)", "the login and the program are right");
    insta::assert_snapshot!(briefs.borrow().join("\n"), @"
    fresh: -
    resumed: You did not write the status file, so nobody can know whether the task is done (no status file was written).
    fresh: Why it was not accepted: no status file was written
    ");
}

#[test]
fn asking_and_stopping_end_a_task_at_once() {
    for (step, ended, why) in [
        ("stop", "a=Failed(FailedByStatus)", "no idea"),
        ("ask", "a=Suspended", "asks: no idea: how is it to go on?"),
    ] {
        let (mut space, _) = space_of("failed .", ONE);
        let text = format!("extends: implement\nretry: {{ on: {{ failed-by-status: {step} }} }}\n");
        let path = RelPath::new("rules/implement.yaml").unwrap();
        space.rules = vec![Source::new(path, text.as_str())];
        let engine = space.build();
        assert_eq!(states(&engine), ended);
        assert_eq!(why_text(&engine.picture().tasks[0].reason, Billing::Billed), why);
    }
}

#[test]
fn the_next_run_of_orch_tells_what_the_last_one_failed_by() {
    let (mut space, briefs) =
        space_of("failed overloaded . ", &ONE.replace("x }", "x, max_attempts: 1 }"));
    space.rules = vec![rule("retry: { waits: 0 }\n")];
    space.build();
    space.retry("a");
    space.build();
    space.build();
    insta::assert_snapshot!(briefs.borrow().join("\n"), @"
    fresh: -
    fresh: Why it was not accepted: no idea
    resumed: You were interrupted by the service, not by anything you did (overloaded). Everything you wrote is still there: go on where you stopped.
    ");
}

#[test]
fn findings_are_told_in_the_next_run_of_orch_too() {
    let mut space = Space::new(&CHECKED.replace("name: A", "name: A, max_attempts: 1"));
    space.play = Box::new(|launch, files| match launch.purpose {
        Purpose::Validate(_) | Purpose::Judge(..) => Ended::Exit(1),
        Purpose::Work => {
            write(files, "a.txt", "x");
            Ended::Done
        }
    });
    let engine = space.build();
    assert_eq!(states(&engine), "a=Failed(Rejected)");
    let (other, briefs) = space_of(".", ONE);
    space.play = other.play;
    let mut n_asked = 0;
    space.play = Box::new({
        let mut play = space.play;
        move |launch, files| match &launch.action {
            LaunchAction::Session(session) => {
                assert!(session.prompt.contains("## Findings to address\n\n> - exit 1"));
                play(launch, files)
            }
            // The result that was refused is still no better.
            LaunchAction::Command(_) => {
                n_asked += 1;
                Ended::Exit(i32::from(n_asked == 1))
            }
        }
    });
    space.retry("a");
    let engine = space.build();
    assert_eq!(states(&engine), "a=Done(Ran)");
    assert_eq!(briefs.borrow().len(), 1);
}
