//! What `orch build` says before it starts anything.

use super::*;
use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::ui::console::sample::Buffer;
use crate::ui::project::fake::Fake;
use crate::ui::shell::Format;

/// Runs `orch build` on a fake project; gives stdout with the exit code, and stderr.
fn check(args: BuildArgs, fake: &mut Fake) -> (String, String) {
    check_in(Format::Text, args, fake)
}

fn check_in(format: Format, args: BuildArgs, fake: &mut Fake) -> (String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut shell = Shell::of_writers(out.clone(), err.clone()).with_format(format);
    let ran = run(&args, fake, &mut shell, "");
    let exit = shell.conclude(ran);
    (format!("{}exit {}", out.text(), exit.code()), err.text())
}

fn bad_document() -> CheckedDocument {
    CheckedDocument {
        path: "plans/broken.yaml".to_owned(),
        source: Source::new(RelPath::new("plans/broken.yaml").unwrap(), "sections: 1\n"),
        diagnostics: vec![
            Diagnostic::error("plan::wrong-type", "`sections` must be a list").label(10..11, ""),
        ],
        plan: None,
    }
}

#[test]
fn wrong_documents_stop_everything_before_anything_runs() {
    let mut fake = Fake { documents: vec![bad_document()], ..Fake::default() };
    let (out, err) = check(BuildArgs::default(), &mut fake);
    assert_eq!(out, "exit 2");
    assert!(err.contains("plans/broken.yaml:1:11"), "{err}");
    assert!(err.ends_with("1 error in 1 of 1 file; nothing was run\n"), "{err}");
    assert!(fake.requests.is_empty());
}

#[test]
fn wrong_documents_end_in_a_summary_for_programs() {
    let mut fake = Fake { documents: vec![bad_document()], ..Fake::default() };
    let (out, _) = check_in(Format::Json, BuildArgs::default(), &mut fake);
    let summary: serde_json::Value =
        serde_json::from_str(out.lines().rev().nth(1).unwrap()).unwrap();
    assert_eq!((&summary["exit"], &summary["targets"]), (&2.into(), &0.into()));
}

#[test]
fn flags_become_the_request_and_the_summary_the_exit() {
    let summary = Summary { targets: 1, failed: 1, exit: 1, ..Summary::default() };
    let mut fake = Fake { summary, ..Fake::default() };
    let args = BuildArgs {
        targets: vec!["demo//2.1".to_owned()],
        force: vec!["//a".to_owned()],
        keep_going: true,
        jobs: Some(3),
        ..BuildArgs::default()
    };
    let (out, _) = check(args, &mut fake);
    assert!(out.ends_with("not finished: 0 of 1 task: 1 failed; 0.00s, exit 1\nexit 1"), "{out}");
    let task = |text: &str| TaskRef::parse(text).unwrap();
    let request = &fake.requests[0];
    assert_eq!(request.targets, Some(vec![task("demo//2.1")]));
    assert_eq!(request.force, [task("other//a")]);
    assert!(request.keep_going && !request.watch && request.jobs == 3);
}

#[test]
fn a_dry_run_asks_for_nothing() {
    let mut fake = Fake::default();
    let args = BuildArgs { dry_run: true, ..BuildArgs::default() };
    let (out, _) = check(args, &mut fake);
    assert!(out.contains("would run"), "{out}");
    assert!(fake.requests.is_empty());
}

#[test]
fn an_unknown_target_is_refused() {
    let mut fake = Fake::default();
    let args = BuildArgs { targets: vec!["dmo".to_owned()], ..BuildArgs::default() };
    let (out, err) = check(args, &mut fake);
    assert_eq!(out, "exit 2");
    assert_eq!(err, "error: `dmo` names no plan\n  help: did you mean `demo`?\n");
}
