//! The classifier against every recorded stream, and against runs that only look like success.

use std::fmt::Write as _;

use proptest::prelude::*;
use strum::IntoEnumIterator as _;

use super::*;
use crate::base::file::{FileChange, FileState, Patch};
use crate::base::measure::Moment;
use crate::base::name::{RelPath, TaskId};
use crate::engine::corpus;
use crate::engine::limits::Window;
use crate::engine::outcome::evidence::StatusReport;
use crate::engine::stream::{
    ApiError, RateLimit, ResultFacts, Retrying, StreamFacts, Tokens, facts_of,
};

fn status(task_id: &str, status: &str) -> StatusFile {
    let (task_id, status) = (Some(task_id.to_owned()), status.to_owned());
    StatusFile::Given(StatusReport { task_id, status, ..StatusReport::default() })
}

fn patch() -> Patch {
    let path = RelPath::new("src/a.rs").unwrap();
    Patch::new(vec![FileChange { path, before: None, after: Some(FileState::regular(b"x")) }])
}

/// A session that ended as well as a session can.
fn good() -> Evidence {
    let result = ResultFacts { subtype: "success".into(), ..ResultFacts::default() };
    let stream = StreamFacts { result: Some(result), n_calls: 1, ..StreamFacts::default() };
    Evidence {
        stream: Some(stream),
        status_file: status("1.1", "completed"),
        patch: patch(),
        ..Evidence::of(Ending::Exited(0))
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
    let cases: [(&str, Change, C); 25] = [
        ("no status", |e, _| e.status_file = StatusFile::Absent, C::NoStatus),
        ("bad status", |e, _| e.status_file = status_from_json(b"[]"), C::NoStatus),
        ("other word", |e, _| e.status_file = status("1.1", "partly"), C::NoStatus),
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
fn a_denied_call_fails_what_lacks_something_and_nothing_else() {
    type Change = fn(&mut Evidence);
    let check = |denied: &[&str], change: Change| {
        let mut evidence = good();
        let denied = denied.iter().map(|it| (*it).to_owned());
        stream_of(&mut evidence).permission_denials.extend(denied);
        change(&mut evidence);
        let judgement = classify(&evidence, &expected());
        (judgement.class, judgement.message)
    };
    let denied = |message: &str| (OutcomeClass::PermissionDenied, message.to_owned());
    assert_eq!(check(&["Write(/tmp/a)"], |_| ()).0, OutcomeClass::Done);
    assert_eq!(
        check(&["Write(/w/out/a.md)", "Write(/tmp/a)"], |e| e
            .missing_outputs
            .push("out/a.md".into())),
        denied("denied: Write(/w/out/a.md); declared outputs are missing: out/a.md")
    );
    let status = |e: &mut Evidence| e.status_file = StatusFile::Absent;
    assert_eq!(
        check(&["Write(/w/.orch/task/status.json)", "Bash(ls /)"], status),
        denied("denied: Write(/w/.orch/task/status.json); no status file was written")
    );
    assert_eq!(
        check(&["Write(/tmp/a)", "Bash(make)"], |e| e.patch = Patch::default()),
        denied("denied: Bash(make); nothing was changed")
    );
    assert_eq!(
        check(&["Bash(sh gen.sh > out/a.md)"], |e| e.missing_outputs.push("out/a.md".into())),
        denied("denied: Bash(sh gen.sh > out/a.md); declared outputs are missing: out/a.md")
    );
    let (class, _) = check(&["Write(/tmp/a)"], |e| e.ignored_outputs.push("gen/x".into()));
    assert_eq!(class, OutcomeClass::OutputMismatch, "the call is not the reason");
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
    assert_eq!(check(Ending::Unequipped("no server".into())), OutcomeClass::LaunchRefused);
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
    assert_eq!(check("**Verdict: FAIL**\nlater\n**Verdict: PASS**"), Some((fail, 0)));
    assert_eq!(check("**Verdict: PASS**\nno:\n**Verdict: WARN**"), Some((warn, 0)));
    assert_eq!(
        check(r#"{"verdict":"PASS","findings":["a",{"level":"warn","message":"b"}]}"#),
        Some((warn, 2))
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
        "```\n**Verdict: PASS**\n```",
        "~~~\nVerdict: WARN\n~~~",
        "**Verdict: PASS**\nbut the log has\n> **Verdict: FAIL**",
        "```\n**Verdict: FAIL**\n```\n**Verdict: PASS**",
    ] {
        assert_eq!(check(none), None, "{none}");
    }
    assert_eq!(check("```\n**Verdict: FAIL**\n```"), Some((fail, 0)));
    assert_eq!(check("> **Verdict: PASS**\n\n**Verdict: FAIL**"), Some((fail, 0)));
    assert_eq!(check("**Verdict: PASS**\n- [FAIL] it does not build"), Some((fail, 1)));
    assert_eq!(check("**Verdict: PASS**\n- [WARN] slow"), Some((warn, 1)));
}

#[test]
fn a_pass_beside_a_grave_finding_is_none() {
    let check = |text: &str| verdict_of(text).map(|(verdict, _)| verdict);
    for finding in [
        "1. [FAIL] the column is missing",
        "- **[FAIL]** the column is missing",
        "- [CRITICAL] the file is empty",
        "[BLOCKER] the file is empty",
        "- **FAIL**: the file is empty",
    ] {
        let text = format!("**Verdict: PASS**\n\n{finding}");
        assert_eq!(check(&text), Some(Verdict::Fail), "{finding}");
    }
    let graded = r#"{"verdict":"PASS","findings":[{"severity":"critical","text":"empty"}]}"#;
    assert_eq!(check(graded), Some(Verdict::Fail));
    let good = "**Verdict: PASS**\n\n**Findings:**\n\n- [PASS] a\n- [FAIL] none\n- [NOTE] b";
    assert_eq!(check(good), Some(Verdict::Pass));
    assert_eq!(check("Overall verdict: PASS"), Some(Verdict::Pass));
}

#[test]
fn a_fail_that_ends_an_answer_is_a_verdict_and_a_pass_has_to_be_called_one() {
    let check = |text: &str| verdict_of(text).map(|(verdict, _)| verdict);
    for text in [
        "It does not build.\n\n**FAIL**\n",
        "Overall: FAIL",
        "# Overall result: **FAIL**",
        "`FAIL`.",
    ] {
        assert_eq!(check(text), Some(Verdict::Fail), "{text}");
    }
    let none = [
        "> **FAIL**",
        "```\nFAIL\n```",
        "FAIL is what I feared.",
        "**FAIL**\n\nwas said before",
        "**PASS**",
    ];
    for text in none {
        assert_eq!(check(text), None, "{text}");
    }
    assert_eq!(check("**Verdict: PASS**\n\nFAIL"), Some(Verdict::Fail), "the worse word counts");
}

#[test]
fn a_block_that_was_never_closed_does_not_hide_the_status() {
    let text = "Found:\n```\nlet a = 1;\n\n```json\n{\"task_id\": \"1.1\", \"status\": \"completed\"}\n```\n";
    assert!(matches!(status_from_text(text), StatusFile::Given(_)));
    assert_eq!(super::answer_of(text), "Found:\n```\nlet a = 1;");
    let shown =
        format!("An example:\n````\n{}\n````\n", &text[text.find("```json").unwrap()..].trim());
    assert!(matches!(status_from_text(&shown), StatusFile::Absent), "{shown}");
}

#[test]
fn a_verdict_that_is_shown_or_hangs_on_something_is_none() {
    for none in [
        "I was given\n\n    **Verdict: PASS**\n\nand leave it aside.",
        "I was given\n\n\t**Verdict: PASS**",
        "````\n```\n**Verdict: PASS**\n```\n````",
        "<!--\n**Verdict: PASS**\n-->",
        "    ```\n    {\"verdict\": \"PASS\"}\n    ```",
        "Verdict: PASS (assuming the suite passes, which I could not run)",
        "**Verdict: PASS**, provided that CI is green",
        "**Verdict: PASS**\n(assuming the suite passes)",
        "**Verdict: WARN** - tests not run",
        r#"{"verdict": "FAIL", "verdict": "PASS"}"#,
    ] {
        assert_eq!(verdict_of(none), None, "{none}");
    }
    let fail = verdict_of("Verdict: FAIL (assuming that the table is meant)");
    assert_eq!(fail.map(|it| it.0), Some(Verdict::Fail));
}

#[test]
fn a_session_that_has_seen_nothing_has_no_say() {
    let check = |n_looks: u32, n_seen: u32, denied: &[&str]| {
        let permission_denials = denied.iter().map(|it| (*it).to_owned()).collect();
        look_of(&StreamFacts { n_looks, n_seen, permission_denials, ..StreamFacts::default() })
    };
    assert_eq!(check(0, 0, &[]), Look::Nowhere);
    assert_eq!(check(1, 0, &["Read(a)", "Write(b)"]), Look::Nowhere);
    assert_eq!(check(1, 0, &["Write(b)"]), Look::InVain);
    assert_eq!(check(2, 1, &["Read(a)"]), Look::Seen);
    assert!(Look::InVain.objection(Some(Verdict::Pass)).is_some());
    assert!(Look::InVain.objection(Some(Verdict::Fail)).is_none(), "a test that fails was seen");
    assert!(Look::Nowhere.objection(Some(Verdict::Fail)).is_some());
}

#[test]
fn an_error_of_the_cli_as_its_last_word_is_no_success() {
    let check =
        |error: ApiError| class_after(|evidence, _| stream_of(evidence).api_error = Some(error));
    let text = "API Error: 529 Overloaded".to_owned();
    let marked =
        ApiError { error: "overloaded".to_owned(), text: text.clone(), ..ApiError::default() };
    assert_eq!(check(marked), OutcomeClass::Overloaded);
    assert_eq!(check(ApiError { text, ..ApiError::default() }), OutcomeClass::Overloaded);
    // What older versions make up, and is no failure.
    let text = "No response requested.".to_owned();
    assert_eq!(check(ApiError { text, ..ApiError::default() }), OutcomeClass::Done);
}

#[test]
fn a_word_for_the_end_that_is_not_known_is_found() {
    let check = |word: Option<&str>| {
        let mut evidence = good();
        result_of(&mut evidence).terminal_reason = word.map(str::to_owned);
        unknown_word(&evidence).map(str::to_owned)
    };
    assert_eq!(check(Some("paused_by_policy")).as_deref(), Some("paused_by_policy"));
    for known in [None, Some(""), Some("completed"), Some("max_turns")] {
        assert_eq!(check(known), None);
    }
}

#[test]
fn who_only_reads_has_to_see_something() {
    let check = |n_seen: u32, sight: Sight, text: &str| {
        class_after(|evidence, expectation| {
            let stream = stream_of(evidence);
            (stream.n_looks, stream.n_seen) = (1, n_seen);
            stream.final_text = text.to_owned();
            expectation.sight = sight;
        })
    };
    assert_eq!(check(1, Sight::Needed, "all good"), OutcomeClass::Done);
    assert_eq!(check(0, Sight::Needed, "all good"), OutcomeClass::NoVerdict);
    assert_eq!(check(0, Sight::Needed, "Verdict: FAIL"), OutcomeClass::Done, "a test failed");
    assert_eq!(check(0, Sight::Free, "all good"), OutcomeClass::Done);
}

#[test]
fn a_status_is_understood_as_a_model_writes_it_and_never_as_two() {
    let check = |text: &str| {
        let expectation = Expectation { plan: Some("make".into()), ..expected() };
        let status_file = status_from_json(text.as_bytes());
        classify(&Evidence { status_file, ..good() }, &expectation).class
    };
    for done in [
        r#"{"task_id": "1.1", "status": "done"}"#,
        r#"{"task_id": "1.1", "status": "Success"}"#,
        r#"{"task_id": "1.1", "status": "completed",}"#,
        "```json\n{\"task_id\": \"1.1\", \"status\": \"completed\"}\n```\n",
        "{\"task_id\": \"1.1\", \"status\": \"completed\", \"message\": \"one\ntwo\"}",
        r#"{"task_id": "make//1.1", "status": "completed"}"#,
        r#"{"task_id": "plans/make.yaml//1.1", "status": "completed"}"#,
    ] {
        assert_eq!(check(done), OutcomeClass::Done, "{done}");
    }
    let other = r#"{"task_id": "other//1.1", "status": "completed"}"#;
    assert_eq!(check(other), OutcomeClass::WrongTask);
    let failed = r#"{"task_id": "1.1", "status": "error"}"#;
    assert_eq!(check(failed), OutcomeClass::FailedByStatus);
    let twice = r#"{"task_id": "1.1", "status": "failed", "status": "completed"}"#;
    assert_eq!(check(twice), OutcomeClass::NoStatus);
    let block = format!("It is done.\n\n```json\n{twice}\n```");
    assert!(
        matches!(status_from_text(&block), StatusFile::Unreadable(why) if why.contains("twice"))
    );
}

#[test]
fn a_structured_answer_is_a_verdict_and_the_worse_of_two_counts() {
    let check = |structured: Option<&str>, text: &str| {
        verdict_of_answer(structured, text).map(|(verdict, findings)| (verdict, findings.join("|")))
    };
    let pass = r#"{"verdict":"PASS","findings":[]}"#;
    let warn = r#"{"verdict":"WARN","findings":[{"level":"WARN","text":"a"}]}"#;
    assert_eq!(check(Some(pass), pass), Some((Verdict::Pass, String::new())));
    assert_eq!(check(Some(warn), ""), Some((Verdict::Warn, "[WARN] a".into())));
    assert_eq!(check(None, warn), Some((Verdict::Warn, "[WARN] a".into())));
    let both = check(Some(pass), "**Verdict: FAIL**\n- [FAIL] b");
    assert_eq!(both, Some((Verdict::Fail, "[FAIL] b".into())));
    assert_eq!(check(Some("{}"), "fine"), None);
    assert!(serde_json::from_str::<serde_json::Value>(VERDICT_SCHEMA).is_ok());
}

/// What is expected of a case, and what comes of it: ` window reset` of a limit stands behind the
/// class, `~` before a cost that is estimated.
fn outcome_of(case: &corpus::Case) -> String {
    let stream = facts_of(&case.bytes);
    let (cost, tokens, is_estimate) = (stream.cost, stream.tokens, stream.is_estimate);
    let work = &case.task;
    let clock = Clock { now: Moment(1_796_040_000_000), zone: "Europe/Berlin".to_owned() };
    let id = TaskId::new("1.1");
    let (stream, expectation) = match work.kind.as_str() {
        "session" => (Some(stream), Expectation::of_session(id)),
        "validator" => (Some(stream), Expectation::of_validator(id)),
        "command" => (None, Expectation::of_command(id)),
        other => panic!("{}: kind {other}", case.name),
    };
    let said = work.status.as_ref().map(|said| StatusReport {
        task_id: Some(work.names.clone()),
        status: said.clone(),
        question: work.question.clone(),
        ..StatusReport::default()
    });
    let evidence = Evidence {
        ending: case.ending(),
        stream,
        status_file: said.map_or(StatusFile::Absent, StatusFile::Given),
        patch: if work.changes { patch() } else { Patch::default() },
        missing_outputs: work.missing.clone(),
        stderr_tail: case.stderr.clone(),
        ..good()
    };
    let judgement = classify(&evidence, &Expectation { clock, ..expectation });
    let limit = judgement.limit.map_or(String::new(), |limit| {
        let at = limit.resets_at.map(|at| Moment(at * 1000).to_string());
        format!(" {} {}", limit.window, at.as_deref().unwrap_or("-"))
    });
    let about = if is_estimate { "~" } else { "" };
    let Tokens { input, output, cache_read, cache_creation } = tokens;
    let class = judgement.class.as_str();
    format!("{class}{limit} | {about}{cost} | {input} {output} {cache_read} {cache_creation}")
}

#[test]
fn every_case_comes_to_what_it_is_expected_to() {
    let cases = corpus::cases();
    let table = |line: &dyn Fn(&corpus::Case) -> String| -> String {
        cases.iter().map(|case| format!("{}: {}\n", case.name, line(case))).collect()
    };
    let (expected, found) = (table(&|case| case.expect.clone()), table(&outcome_of));
    assert!(expected == found, "expected:\n{expected}\nfound:\n{found}");
}

/// Those that only a merge or a plan's change can end in are not the classifier's.
#[test]
fn every_class_has_a_case() {
    let of_others = [OutcomeClass::Conflict, OutcomeClass::PlanRefused];
    let cases = corpus::cases();
    let shown = |class: &OutcomeClass| {
        let is_of = |case: &corpus::Case| case.expect.split(' ').next() == Some(class.as_str());
        cases.iter().any(is_of)
    };
    let missing: Vec<_> =
        OutcomeClass::iter().filter(|class| !of_others.contains(class) && !shown(class)).collect();
    assert_eq!(missing, []);
}

#[test]
fn every_message_has_its_class() {
    for (expected, text) in corpus::limit_messages() {
        let class = class_of_api_error(&text);
        assert_eq!(expected.split(' ').next(), Some(class.as_str()), "{text}");
    }
}

fn class_of_api_error(text: &str) -> OutcomeClass {
    class_after(|evidence, _| {
        evidence.ending = Ending::Exited(1);
        result_of(evidence).is_error = true;
        let text = text.to_owned();
        stream_of(evidence).api_error = Some(ApiError { text, ..ApiError::default() });
    })
}

/// Class, limit, cost and tokens of a stream alone; with a worktree in which all is well they are
/// the same.
fn line_of(name: &str, bytes: &[u8], meta: &serde_json::Value) -> String {
    let stream = facts_of(bytes);
    // Streams without a recorded exit code: the CLI exits 1 whenever the result is an error.
    let is_error = stream.result.as_ref().is_none_or(|result| result.is_error);
    let code = meta["exit"].as_i64().unwrap_or(i64::from(is_error)) as i32;
    let ending = if code < 0 { Ending::Signaled(-code) } else { Ending::Exited(code) };
    let stderr_tail = meta["stderr"].as_str().unwrap_or_default().to_owned();
    let (cost, tokens) = (stream.cost, stream.tokens);
    let evidence = Evidence { ending, stream: Some(stream), stderr_tail, ..good() };
    let clock = Clock { now: Moment(1_795_370_000_000), zone: "Europe/Berlin".to_owned() };
    let whole = classify(&evidence, &Expectation { clock: clock.clone(), ..expected() });
    let bare = Evidence { status_file: StatusFile::Absent, patch: Patch::default(), ..evidence };
    let alone = classify(&bare, &Expectation::of_stream(clock));
    // What was denied was got around where all is well, which the stream alone does not tell.
    let is_got_around = alone.class == OutcomeClass::PermissionDenied;
    let class = if is_got_around { OutcomeClass::Done } else { alone.class };
    assert_eq!((class, &alone.limit), (whole.class, &whole.limit), "{name}");
    let limit = whole.limit.map_or(String::new(), |limit| {
        let at = limit.resets_at.map(|at| Moment(at * 1000).to_string());
        format!(" {} {}", limit.window, at.as_deref().unwrap_or("-"))
    });
    let Tokens { input, output, cache_read, cache_creation } = tokens;
    let class = alone.class.as_str();
    format!("{name}: {class}{limit} | {cost} | {input} {output} {cache_read} {cache_creation}")
}

#[test]
fn every_recorded_stream_has_its_class_cost_and_tokens() {
    let metas: std::collections::BTreeMap<_, _> = corpus::collected_metas().into_iter().collect();
    let mut table = String::new();
    for (name, bytes) in corpus::collected_streams() {
        let meta = metas.get(&name).and_then(|meta| serde_json::from_slice(meta).ok());
        writeln!(table, "{}", line_of(&name, &bytes, &meta.unwrap_or_default())).unwrap();
    }
    if !table.is_empty() {
        insta::assert_snapshot!(table);
    }
}

#[test]
fn every_log_of_the_original_has_its_class_cost_and_tokens() {
    let mut table = String::new();
    for (name, bytes) in corpus::collected_logs() {
        let text = String::from_utf8(bytes).unwrap();
        let (head, rest) = text.split_once("=== STDOUT ===\n").unwrap();
        let stdout = rest.rsplit_once("\n=== STDERR ===").unwrap().0;
        let code = head.lines().find_map(|line| line.strip_prefix("Return code: "));
        let meta = serde_json::json!({"exit": code.and_then(|it| it.parse::<i32>().ok())});
        writeln!(table, "{}", line_of(&name, stdout.as_bytes(), &meta)).unwrap();
    }
    if !table.is_empty() {
        insta::assert_snapshot!(table);
    }
}

#[test]
fn every_collected_limit_message_has_its_class() {
    let mut table = String::new();
    for row in corpus::collected_limit_messages() {
        if row[0].starts_with('{') {
            continue;
        }
        let class = class_of_api_error(&row[0]);
        writeln!(table, "{class:?} <- {} | {}", row[0], row[2]).unwrap();
    }
    if !table.is_empty() {
        insta::assert_snapshot!(table);
    }
}

/// Whatever ended a session, its words in another's mouth are none of it.
#[test]
fn failures_are_told_by_structure() {
    use OutcomeClass as C;
    type Change = fn(&mut Evidence, &mut Expectation);
    let failed = |e: &mut Evidence, reason: &str| {
        result_of(e).is_error = true;
        result_of(e).terminal_reason = Some(reason.into());
    };
    let cases: [(&str, Change, C); 21] = [
        ("retry", |e, _| retries(e, "overloaded", Some(529), Ending::TimedOut), C::Overloaded),
        ("login", |e, _| retries(e, "authentication_failed", Some(401), Ending::Stalled), C::Auth),
        ("cable", |e, _| retries(e, "unknown", None, Ending::TimedOut), C::Network),
        ("killed", |e, _| retries(e, "overloaded", Some(529), Ending::Signaled(9)), C::Killed),
        ("cut", |e, _| retries(e, "overloaded", Some(529), Ending::Exited(0)), C::Overloaded),
        ("schema by tool", |e, _| stream_of(e).has_schema = true, C::SchemaMiss),
        ("hook", |e, _| reason(e, "hook_stopped"), C::Unknown),
        ("deferred", |e, _| reason(e, "tool_deferred"), C::PermissionDenied),
        ("full", |e, _| reason(e, "rapid_refill_breaker"), C::ContextOverflow),
        ("aborted", |e, _| reason(e, "aborted_tools"), C::Aborted),
        ("completed", |e, _| reason(e, "completed"), C::Done),
        ("not yet known", |e, _| reason(e, "brand_new"), C::Done),
        ("abort trap", |e, _| silent(e, 134, ""), C::LaunchFailure),
        ("not found", |e, _| silent(e, 127, "claude: command not found"), C::LaunchFailure),
        ("option", |e, _| silent(e, 1, "error: unknown option '--x'"), C::LaunchFailure),
        ("stderr login", |e, _| silent(e, 1, "Invalid API key · Please run /login"), C::Auth),
        (
            "stderr limit",
            |e, _| silent(e, 1, "Claude AI usage limit reached|1795370000"),
            C::PlanLimit,
        ),
        ("stderr network", |e, _| silent(e, 1, "Error: getaddrinfo ENOTFOUND"), C::Network),
        (
            "stderr of a session",
            |e, _| {
                stream_of(e).n_events = 3;
                stream_of(e).result = None;
                e.ending = Ending::Exited(1);
                e.stderr_tail = "You've hit your limit · resets 6pm".into();
            },
            C::Unknown,
        ),
        (
            "startup",
            |e, _| {
                result_of(e).subtype = "error_during_execution".into();
                result_of(e).startup_failure = Some("config_file_invalid".into());
            },
            C::LaunchFailure,
        ),
        (
            "a model's last words",
            |e, _| {
                result_of(e).is_error = true;
                stream_of(e).final_text = "You've hit your limit · resets 6pm".into();
                stream_of(e).is_final_text_said = true;
            },
            C::Unknown,
        ),
    ];
    for (name, change, class) in cases {
        assert_eq!(class_after(change), class, "{name}");
    }
    assert_eq!(class_after(|e, _| failed(e, "api_error")), C::Unknown);
}

fn reason(evidence: &mut Evidence, reason: &str) {
    result_of(evidence).terminal_reason = Some(reason.into());
}

/// Cut off while the CLI was asking the API again.
fn retries(evidence: &mut Evidence, error: &str, status: Option<u16>, ending: Ending) {
    evidence.ending = ending;
    let stream = stream_of(evidence);
    stream.result = None;
    stream.n_events = 9;
    stream.retrying = Some(Retrying { attempt: 3, error: error.into(), status });
}

/// No event at all, and these words.
fn silent(evidence: &mut Evidence, code: i32, stderr: &str) {
    evidence.ending = Ending::Exited(code);
    evidence.stream = Some(StreamFacts::default());
    evidence.stderr_tail = stderr.into();
}

#[test]
fn a_plan_limit_says_which_and_until_when() {
    let check = |text: &str, event: Option<(&str, Option<u64>)>| {
        let (mut evidence, mut expectation) = (good(), expected());
        evidence.ending = Ending::Exited(1);
        expectation.clock.now = Moment(1_795_366_800_000);
        result_of(&mut evidence).is_error = true;
        let stream = stream_of(&mut evidence);
        let (error, text) = ("rate_limit".to_owned(), text.to_owned());
        stream.api_error = Some(ApiError { error, text, ..ApiError::default() });
        stream.rate_limit = event.map(|(window, resets_at)| RateLimit {
            status: "rejected".into(),
            resets_at,
            window: Some(window.to_owned()),
        });
        let judgement = classify(&evidence, &expectation);
        (judgement.class, judgement.limit.map(|it| (it.window, it.resets_at)))
    };
    let limit = |window, at| (OutcomeClass::PlanLimit, Some((window, Some(at))));
    let text = "You've hit your session limit · resets 7pm (UTC)";
    assert_eq!(check(text, None), limit(Window::FiveHour, 1_795_374_000));
    let event = Some(("seven_day", Some(1_795_400_000)));
    assert_eq!(check(text, event), limit(Window::Weekly, 1_795_400_000));
    let event = Some(("five_hour", None));
    assert_eq!(check(text, event), limit(Window::FiveHour, 1_795_374_000));
    let spend = "You've hit your monthly spend limit";
    assert_eq!(check(spend, None), (OutcomeClass::Billing, None));
    let both = format!("{spend} · resets 7pm (UTC)");
    assert_eq!(check(&both, None), limit(Window::Unknown, 1_795_374_000));
    let busy = "Server is temporarily limiting requests (not your usage limit)";
    assert_eq!(check(busy, Some(("five_hour", None))), (OutcomeClass::Throttled, None));
}

/// Messages that a session may meet in files, tools' output and diffs.
const QUOTES: [&str; 16] = [
    "You've hit your session limit · resets 1:10am (Europe/Moscow)",
    "You’ve hit your weekly limit · resets Dec 2, 7pm (UTC)",
    "Claude AI usage limit reached|1751385600",
    "5-hour limit reached ∙ resets 12am",
    "You're out of extra usage · resets 9pm",
    "API Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
    "API Error: 500 Internal server error",
    "API Error: Server is temporarily limiting requests (not your usage limit) · Rate limited",
    "Credit balance is too low",
    "Not logged in · Please run /login",
    "Invalid API key · Fix external API key",
    "Prompt is too long",
    "connect ECONNREFUSED 127.0.0.1:443",
    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"api_error_status\":429}",
    "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"rejected\",\"resetsAt\":1779202200}}",
    "{\"type\":\"assistant\",\"error\":\"rate_limit\",\"message\":{\"model\":\"<synthetic>\"}}",
];

/// How a generated session really ends.
#[derive(Clone, Copy, Debug)]
enum Real {
    Done,
    NoStatus,
    TurnCap,
    Killed,
    Unknown,
    Throttled,
}

/// A stream in which tools answer, files hold and the model says what other sessions ended by.
fn quoting_stream(quotes: &[&str], ends: &[&str], real: Real) -> String {
    let event = |value: serde_json::Value| format!("{value}\n");
    let assistant = |id: usize, block: serde_json::Value| {
        let message = serde_json::json!({"id": format!("m{id}"), "model": "claude-opus-5-5",
            "content": [block], "usage": {"input_tokens": 1, "output_tokens": 1}});
        event(serde_json::json!({"type": "assistant", "message": message}))
    };
    let mut text = event(serde_json::json!({"type": "system", "subtype": "init"}));
    for (at, quote) in quotes.iter().enumerate() {
        let id = format!("t{at}");
        let content = if at % 2 == 0 { (*quote).to_owned() } else { format!("+{quote}\n-old\n") };
        let input = serde_json::json!({"file_path": "log", "content": content});
        let call =
            serde_json::json!({"type": "tool_use", "id": id, "name": "Write", "input": input});
        text += &assistant(at, call);
        let answer = serde_json::json!({"type": "tool_result", "tool_use_id": id,
            "content": content, "is_error": at % 3 == 1});
        text += &event(serde_json::json!({"type": "user", "message": {"content": [answer]},
            "tool_use_result": {"stdout": content, "stderr": quote}}));
    }
    let last = ends.join("\n");
    text += &assistant(999, serde_json::json!({"type": "text", "text": last}));
    let (subtype, is_error, said) = match real {
        Real::Killed => return text,
        Real::TurnCap => ("error_max_turns", true, None),
        Real::Unknown => ("success", true, Some(last)),
        Real::Throttled => {
            let said = "API Error: Request rejected (429)".to_owned();
            let block = serde_json::json!({"type": "text", "text": said});
            text += &event(serde_json::json!({"type": "assistant", "error": "rate_limit",
                "message": {"id": "s", "model": "<synthetic>", "content": [block]}}));
            ("success", true, Some(said))
        }
        Real::Done | Real::NoStatus => ("success", false, Some(last)),
    };
    text + &event(serde_json::json!({"subtype": subtype, "is_error": is_error, "result": said,
        "num_turns": 3, "total_cost_usd": 0.1, "type": "result"}))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn transcripts_that_quote_failures_are_classed_as_what_they_are(
        quotes in prop::collection::vec(prop::sample::select(&QUOTES[..]), 1..8),
        ends in prop::collection::vec(prop::sample::select(&QUOTES[..]), 1..4),
        real in prop::sample::select(&[Real::Done, Real::NoStatus, Real::TurnCap, Real::Killed,
            Real::Unknown, Real::Throttled][..]),
    ) {
        use OutcomeClass as C;
        let stream = facts_of(quoting_stream(&quotes, &ends, real).as_bytes());
        let (ending, class) = match real {
            Real::Done => (Ending::Exited(0), C::Done),
            Real::NoStatus => (Ending::Exited(0), C::NoStatus),
            Real::TurnCap => (Ending::Exited(1), C::TurnCap),
            Real::Killed => (Ending::Signaled(9), C::Killed),
            Real::Unknown => (Ending::Exited(1), C::Unknown),
            Real::Throttled => (Ending::Exited(1), C::Throttled),
        };
        let has_status = !matches!(real, Real::NoStatus);
        let status_file = if has_status { status("1.1", "completed") } else { StatusFile::Absent };
        let stderr_tail = ends.join("\n");
        let evidence = Evidence { ending, stream: Some(stream), status_file, stderr_tail, ..good() };
        let judgement = classify(&evidence, &expected());
        prop_assert_eq!(judgement.class, class);
        prop_assert_eq!(judgement.limit, None);
        if matches!(real, Real::Done) {
            let bare = Evidence { status_file: StatusFile::Absent, ..evidence };
            let alone = classify(&bare, &Expectation::of_stream(Clock::default()));
            prop_assert_eq!(alone.class, C::Done);
        }
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
fn a_crash_before_the_first_word_is_no_fault_of_the_task() {
    let check = |ending: Ending, n_events: u32| {
        class_after(|evidence, _| {
            evidence.ending = ending;
            let stream = stream_of(evidence);
            stream.result = None;
            stream.n_events = n_events.into();
        })
    };
    assert_eq!(check(Ending::Signaled(11), 0), OutcomeClass::LaunchFailure);
    assert_eq!(check(Ending::Exited(139), 0), OutcomeClass::LaunchFailure, "as a shell tells it");
    assert_eq!(check(Ending::Signaled(11), 3), OutcomeClass::Killed);
    assert_eq!(check(Ending::Signaled(9), 0), OutcomeClass::Killed, "somebody's doing");
}

#[test]
fn failures_of_clouds_and_throttles_are_known_by_their_words() {
    let check = |text: &str| class_of_api_error(text);
    for text in [
        "API Error: The security token included in the request is expired",
        "API Error: Could not load the default credentials. Browse to the documentation",
        "API Error: Error loading SSO Token: Token is expired. Run aws sso login",
        "API Error: invalid_grant: reauth related error",
    ] {
        assert_eq!(check(text), OutcomeClass::Auth, "{text}");
    }
    let text = "API Error: Request rejected (429) . this may be a temporary capacity issue";
    assert_eq!(check(text), OutcomeClass::Throttled);
}
