//! The classifier against every recorded stream, and against runs that only look like success.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::base::file::{Change, FileState, Patch};
use crate::base::name::{RelPath, TaskId};
use crate::engine::corpus;
use crate::engine::evidence::StatusReport;
use crate::engine::stream::{ApiError, facts_of};

fn status(task_id: &str, status: &str) -> StatusFile {
    let (task_id, status) = (Some(task_id.to_owned()), status.to_owned());
    StatusFile::Given(StatusReport { task_id, status, ..StatusReport::default() })
}

fn patch() -> Patch {
    let path = RelPath::new("src/a.rs").unwrap();
    Patch::new(vec![Change { path, before: None, after: Some(FileState::regular(b"x")) }])
}

/// A session that ended as well as a session can.
fn good() -> Evidence {
    let result = ResultFacts { subtype: "success".into(), ..ResultFacts::default() };
    let stream = StreamFacts { result: Some(result), n_calls: 1, ..StreamFacts::default() };
    Evidence {
        ending: Ending::Exited(0),
        stream: Some(stream),
        status_file: status("1.1", "completed"),
        patch: patch(),
        base: None,
        damage: None,
        missing_outputs: Vec::new(),
        ignored_outputs: Vec::new(),
        read_set: Vec::new(),
        stdout_tail: String::new(),
        stderr_tail: String::new(),
        session: None,
        transcript: None,
        duration: Default::default(),
    }
}

fn expected() -> Expectation {
    Expectation::of_session(TaskId::new("1.1"))
}

fn class_after(change: impl FnOnce(&mut Evidence, &mut Expectation)) -> OutcomeClass {
    let (mut evidence, mut expectation) = (good(), expected());
    change(&mut evidence, &mut expectation);
    classify(&evidence, &expectation).class
}

fn stream_of(evidence: &mut Evidence) -> &mut StreamFacts {
    evidence.stream.as_mut().unwrap()
}

fn result_of(evidence: &mut Evidence) -> &mut ResultFacts {
    stream_of(evidence).result.as_mut().unwrap()
}

#[test]
fn only_full_evidence_is_done() {
    assert_eq!(class_after(|_, _| ()), OutcomeClass::Done);
}

#[test]
fn silent_successes_are_caught() {
    use OutcomeClass as C;
    type Change = fn(&mut Evidence, &mut Expectation);
    let cases: [(&str, Change, C); 26] = [
        ("no status", |e, _| e.status_file = StatusFile::Absent, C::NoStatus),
        ("bad status", |e, _| e.status_file = status_from_json(b"[]"), C::NoStatus),
        ("other word", |e, _| e.status_file = status("1.1", "done"), C::NoStatus),
        (
            "nameless",
            |e, _| e.status_file = status_from_json(br#"{"status":"completed"}"#),
            C::NoStatus,
        ),
        ("other task", |e, _| e.status_file = status("1.10", "completed"), C::WrongTask),
        ("failed", |e, _| e.status_file = status("1.1", "failed"), C::FailedByStatus),
        ("no change", |e, _| e.patch = Patch::default(), C::NoChange),
        ("worktree", |e, _| e.damage = Some("it removed its own worktree".into()), C::Unknown),
        ("setup", |e, _| e.ending = Ending::SetupFailed("npm ci".into()), C::CommandFailed),
        ("ignored", |e, _| e.ignored_outputs.push("gen/x".into()), C::OutputMismatch),
        ("missing", |e, _| e.missing_outputs.push("docs/*".into()), C::OutputMismatch),
        ("lost", |_, x| x.lost_files.push(RelPath::new("b").unwrap()), C::OutputMismatch),
        ("stray", |_, x| x.stray_writes.push(RelPath::new("b").unwrap()), C::OutputMismatch),
        ("no result", |e, _| stream_of(e).result = None, C::Unknown),
        ("truncated", |e, _| stream_of(e).is_truncated = true, C::Unknown),
        ("background", |e, _| stream_of(e).has_background_task = true, C::Unknown),
        ("no stream", |e, _| e.stream = None, C::Unknown),
        ("exit 1", |e, _| e.ending = Ending::Exited(1), C::Unknown),
        ("is_error", |e, _| result_of(e).is_error = true, C::Unknown),
        (
            "SIGINT",
            |e, _| {
                let result = result_of(e);
                result.subtype = "error_during_execution".into();
                result.terminal_reason = Some("aborted_streaming".into());
                result.is_error = true;
            },
            C::Aborted,
        ),
        (
            "denied",
            |e, _| stream_of(e).permission_denials.push("Write(a)".into()),
            C::PermissionDenied,
        ),
        ("schema", |_, x| x.schema_expected = true, C::SchemaMiss),
        ("killed", |e, _| e.ending = Ending::Signaled(9), C::Killed),
        ("timeout", |e, _| e.ending = Ending::TimedOut, C::TimedOut),
        ("stall", |e, _| e.ending = Ending::Stalled, C::Stalled),
        ("stop", |e, _| e.ending = Ending::Cancelled, C::Aborted),
    ];
    for (name, change, class) in cases {
        assert_eq!(class_after(change), class, "{name}");
    }
}

#[test]
fn a_denied_tool_that_is_not_needed_is_no_failure() {
    let class = class_after(|evidence, _| {
        stream_of(evidence).permission_denials.push("WebFetch(https://example.org)".into());
    });
    assert_eq!(class, OutcomeClass::Done);
}

#[test]
fn a_transcript_that_quotes_a_limit_is_no_limit() {
    let quoted = "You've hit your limit · resets Feb 9 at 6pm (America/Toronto)";
    let class = class_after(|evidence, _| {
        stream_of(evidence).final_text = quoted.into();
        evidence.stderr_tail = quoted.into();
        evidence.status_file = StatusFile::Absent;
    });
    assert_eq!(class, OutcomeClass::NoStatus);
}

#[test]
fn read_only_agents_report_in_their_text() {
    let text = "All well.\n```json\n{\"task_id\": 1.1, \"status\": \"completed\"}\n```\n";
    let class = class_after(|evidence, expectation| {
        evidence.status_file = StatusFile::Absent;
        evidence.patch = Patch::default();
        stream_of(evidence).final_text = text.into();
        expectation.report = ReportPlace::StatusFileOrText;
        expectation.no_change_allowed = true;
    });
    assert_eq!(class, OutcomeClass::Done);
}

#[test]
fn commands_are_judged_by_their_exit() {
    let check = |ending: Ending| {
        let evidence = Evidence { ending, stream: None, ..good() };
        classify(&evidence, &Expectation::of_command(TaskId::new("1.1"))).class
    };
    assert_eq!(check(Ending::Exited(0)), OutcomeClass::Done);
    assert_eq!(check(Ending::Exited(2)), OutcomeClass::CommandFailed);
    assert_eq!(check(Ending::Signaled(11)), OutcomeClass::Killed);
    assert_eq!(check(Ending::LaunchFailed("no such file".into())), OutcomeClass::LaunchFailure);
}

#[test]
fn validators_are_judged_by_their_verdict() {
    let expectation = Expectation::of_validator(TaskId::new("1.1"));
    let check = |text: &str| {
        let mut evidence = Evidence { status_file: StatusFile::Absent, ..good() };
        stream_of(&mut evidence).final_text = text.into();
        classify(&evidence, &expectation).class
    };
    assert_eq!(check("**Verdict: PASS**"), OutcomeClass::Done);
    assert_eq!(check("**Verdict: FAIL**\n- [FAIL] no test"), OutcomeClass::Rejected);
    assert_eq!(check("I think it is fine."), OutcomeClass::NoVerdict);
    let output = "test a ... FAILED\n\n1 test failed\n".to_owned();
    let ending = Ending::Exited(1);
    let command = Evidence { ending, stream: None, stdout_tail: output, ..good() };
    let judgement = classify(&command, &expectation);
    let findings =
        ["exit 1: 1 test failed", "before that:\ntest a ... FAILED"].map(str::to_owned).into();
    assert_eq!(judgement.verdict, Some((Verdict::Fail, findings)));
    for code in [126, 127] {
        let ending = Ending::Exited(code);
        let absent = Evidence { ending, stream: None, ..good() };
        let judgement = classify(&absent, &expectation);
        assert_eq!((judgement.class, judgement.verdict), (OutcomeClass::NoVerdict, None));
    }
    let killed = Evidence { ending: Ending::TimedOut, stream: None, ..good() };
    assert_eq!(classify(&killed, &expectation).class, OutcomeClass::TimedOut);
}

#[test]
fn verdicts_are_read_in_all_their_forms() {
    let check = |text: &str| verdict_of(text).map(|(verdict, findings)| (verdict, findings.len()));
    let (pass, warn, fail) = (Verdict::Pass, Verdict::Warn, Verdict::Fail);
    assert_eq!(check("**Verdict: PASS**"), Some((pass, 0)));
    assert_eq!(check("x\n**Verdict:** warn\n- [WARN] a\n- [PASS] b\n- other"), Some((warn, 2)));
    assert_eq!(check("VERDICT: FAIL"), Some((fail, 0)));
    assert_eq!(check("## Verdict: **FAIL** - two tests"), Some((fail, 0)));
    assert_eq!(check("**Verdict: FAIL**\nlater\n**Verdict: PASS**"), Some((pass, 0)));
    assert_eq!(
        check(r#"{"verdict":"PASS","findings":["a",{"level":"warn","message":"b"}]}"#),
        Some((pass, 2))
    );
    assert_eq!(check("```json\n{\"verdict\": \"FAIL\"}\n```"), Some((fail, 0)));
    assert_eq!(
        check("**Verdict: FAIL**\nThe form was:\n```\n**Verdict: PASS**\n```"),
        Some((fail, 0))
    );
    for none in [
        "",
        "the verdict: PASS was given",
        "**Verdict: PASS | WARN | FAIL**",
        "**Verdict: PASS or FAIL**",
        "Verdict: PASS/WARN/FAIL",
        "Verdict: PASS, WARN or FAIL",
        "> **Verdict: PASS**",
        "Verdict: PASSABLE",
        "**Verdict: maybe**",
        "verdict\nPASS",
    ] {
        assert_eq!(check(none), None, "{none}");
    }
}

#[test]
fn every_recorded_stream_has_its_class() {
    let endings: std::collections::BTreeMap<_, _> = corpus::metas().into_iter().collect();
    let mut table = String::new();
    for (name, bytes) in corpus::streams() {
        let stream = facts_of(&bytes);
        let meta: serde_json::Value = endings
            .get(&name)
            .and_then(|meta| serde_json::from_slice(meta).ok())
            .unwrap_or_default();
        // Streams without a recorded exit code: the CLI exits 1 whenever the result is an error.
        let is_error = stream.result.as_ref().is_none_or(|result| result.is_error);
        let code = meta["exit"].as_i64().unwrap_or(i64::from(is_error)) as i32;
        let ending = if code < 0 { Ending::Signaled(-code) } else { Ending::Exited(code) };
        let stderr_tail = meta["stderr"].as_str().unwrap_or_default().to_owned();
        let schema_expected = name.starts_with("structured");
        let evidence = Evidence { ending, stream: Some(stream), stderr_tail, ..good() };
        let judgement = classify(&evidence, &Expectation { schema_expected, ..expected() });
        let class = serde_json::to_value(judgement.class).unwrap();
        writeln!(table, "{name}: {}", class.as_str().unwrap()).unwrap();
    }
    if !table.is_empty() {
        insta::assert_snapshot!(table);
    }
}

#[test]
fn every_collected_limit_message_has_its_class() {
    let mut table = String::new();
    for row in corpus::limit_messages() {
        if row[0].starts_with('{') {
            continue;
        }
        let class = class_after(|evidence, _| {
            evidence.ending = Ending::Exited(1);
            result_of(evidence).is_error = true;
            let text = row[0].replace("\\n", "\n");
            stream_of(evidence).api_error = Some(ApiError { text, ..ApiError::default() });
        });
        writeln!(table, "{class:?} <- {} | {}", row[0], row[2]).unwrap();
    }
    if !table.is_empty() {
        insta::assert_snapshot!(table);
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "[vV`*:{}\" \n\\[\\]a-zA-Z-]{0,80}") {
        let _ = verdict_of(&text);
        let _ = status_from_text(&text);
        let _ = status_from_json(text.as_bytes());
    }
}

#[test]
fn rules_may_name_every_class_but_done() {
    let refusal = serde_json::from_str::<OutcomeClass>("\"?\"").unwrap_err().to_string();
    let all: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
    assert_eq!(all[0], "done");
    assert_eq!(all[1..], *crate::spec::rule::OUTCOME_CLASSES);
    for name in all {
        let class: OutcomeClass = serde_json::from_value(name.into()).unwrap();
        assert_eq!(class.as_str(), name);
    }
}
