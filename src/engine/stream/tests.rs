//! The reader against every recorded stream, in chunks of any size, and against nonsense.

use proptest::prelude::*;

use super::*;
use crate::engine::corpus;

fn facts_in_chunks(bytes: &[u8], size: usize) -> StreamFacts {
    let mut reader = StreamReader::default();
    for chunk in bytes.chunks(size.max(1)) {
        reader.feed(chunk);
    }
    reader.finish()
}

fn results_of(bytes: &[u8]) -> Vec<serde_json::Value> {
    bytes
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter(|event| event["type"] == "result")
        .collect()
}

#[test]
fn every_recorded_stream_is_read_without_loss() {
    let streams = corpus::streams();
    assert!(streams.len() > 30, "streams are found");
    for (name, bytes) in streams {
        let n_lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
        let facts = facts_of(&bytes);
        let is_text = name.starts_with("text_output");
        assert_eq!(facts.n_foreign_lines > 0, is_text, "{name}");
        assert_eq!(facts.n_events + facts.n_foreign_lines, n_lines as u64, "{name}");
        assert!(!facts.is_truncated, "{name}");
        assert_eq!(facts, facts_in_chunks(&bytes, 17), "{name}");
    }
}

#[test]
fn costs_and_tokens_are_those_of_the_results() {
    for (name, bytes) in corpus::streams() {
        let results = results_of(&bytes);
        let Some(last) = results.last() else { continue };
        let facts = facts_of(&bytes);
        let since = results.iter().map(|it| &it["model_usage_since_last_result"]);
        let since: Vec<_> = since.filter_map(|usage| usage.as_object()).collect();
        let new = since.iter().flat_map(|usage| usage.values());
        let new: f64 = new.map(|model| model["costUSD"].as_f64().unwrap()).sum();
        let total = last["total_cost_usd"].as_f64().unwrap();
        let expected = if since.is_empty() { total } else { new };
        assert!((facts.cost.dollars() - expected).abs() < 1e-8, "{name}");
        // A session that goes on with another counts the other's cost too.
        let goes_on =
            name.starts_with("resume") || name == "continue" || name.contains("then_resume");
        assert!(goes_on || (facts.cost.dollars() - total).abs() < 1e-8, "{name}");
        let models = last["modelUsage"].as_object().map(|it| it.values().cloned().collect());
        let models: Vec<serde_json::Value> = models.unwrap_or_default();
        let input: u64 = models.iter().map(|model| model["inputTokens"].as_u64().unwrap()).sum();
        assert!(goes_on || models.is_empty() || facts.tokens.input == input, "{name}");
    }
}

#[test]
fn logs_of_the_original_agree_with_their_headers() {
    let logs = corpus::logs();
    assert!(!logs.is_empty(), "logs are found");
    for (name, bytes) in logs {
        let text = String::from_utf8(bytes).unwrap();
        let (head, rest) = text.split_once("=== STDOUT ===\n").unwrap();
        let stdout = rest.rsplit_once("\n=== STDERR ===").unwrap().0;
        let facts = facts_of(stdout.as_bytes());
        let field = |key: &str| head.lines().find_map(|line| line.strip_prefix(key));
        assert_eq!(field("Stdout lines: "), Some(facts.n_events.to_string().as_str()), "{name}");
        assert_eq!(facts.n_foreign_lines, 0, "{name}");
        let Some(cost) = field("Cost: $") else { continue };
        assert_eq!(format!("{:.4}", facts.cost.dollars()), cost, "{name}");
        let usage = facts.result.unwrap().usage;
        let shown = format!(
            "{} input / {} output / {} cache_read / {} cache_create",
            usage.input, usage.output, usage.cache_read, usage.cache_creation
        );
        assert_eq!(field("Tokens: "), Some(shown.as_str()), "{name}");
        assert!(!facts.files_read.is_empty() && facts.n_tool_uses > 0, "{name}");
    }
}

#[test]
fn a_killed_session_is_estimated_close_to_what_it_would_have_said() {
    let mut n_cut = 0;
    for (name, bytes) in corpus::logs().into_iter().chain(corpus::streams()) {
        let whole = facts_of(&bytes);
        let is_plain = whole.n_results == 1 && whole.api_error.is_none() && whole.n_calls > 2;
        if !is_plain || name.starts_with("resume") {
            continue;
        }
        let cut = bytes.split_inclusive(|&byte| byte == b'\n');
        let is_result = |line: &[u8]| String::from_utf8_lossy(line).contains("\"total_cost_usd\"");
        let cut: Vec<u8> = cut.filter(|line| !is_result(line)).flatten().copied().collect();
        let facts = facts_of(&cut);
        let ratio = facts.cost.dollars() / whole.cost.dollars();
        assert!((0.4..1.6).contains(&ratio), "{name}: {} of {}", facts.cost, whole.cost);
        assert!(facts.is_estimate && !whole.is_estimate, "{name}");
        n_cut += 1;
    }
    assert!(n_cut > 1);
}

#[test]
fn a_background_task_is_pending_until_it_is_told_ended() {
    let bytes = corpus::stream("background");
    let facts = facts_of(&bytes);
    assert_eq!((facts.n_results, facts.inits, facts.has_background_task), (2, 2, false));
    let lines: Vec<_> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let first = lines.iter().position(|line| line.windows(14).any(|it| it == b"total_cost_usd"));
    let first = first.or_else(|| {
        lines.iter().position(|line| String::from_utf8_lossy(line).contains("total_cost_usd"))
    });
    let cut = lines[..=first.unwrap()].concat();
    assert!(facts_of(&cut).has_background_task);
}

#[test]
fn sub_agents_are_counted_but_do_not_speak_for_the_session() {
    let bytes = corpus::stream("two_models");
    let facts = facts_of(&bytes);
    let models: Vec<_> = facts.models.iter().map(ModelName::as_str).collect();
    assert_eq!(models, ["claude-opus-5-5", "claude-haiku-5-5"]);
    assert!(!facts.final_text.is_empty() && !facts.has_background_task);
}

#[test]
fn a_near_limit_is_heard_with_its_share() {
    let bytes = corpus::stream("limit_near");
    let facts = facts_of(&bytes);
    let shown = |it: &WindowUse| (it.window.clone(), it.permille, it.is_near_limit());
    let windows: Vec<_> = facts.windows.iter().map(shown).collect();
    let expected = [("five_hour", Some(920), true), ("seven_day", Some(410), false)];
    assert_eq!(windows, expected.map(|(name, used, near)| (name.to_owned(), used, near)));
    assert_eq!(facts.windows[0].resets_at, Some(1_796_047_200));
    assert_eq!((facts.rate_limit, facts.is_using_overage), (None, false));
    assert!(facts.last_message_at.is_some_and(|at| at.starts_with("2026-11-30T")));
}

#[test]
fn what_was_overcome_does_not_stand_at_the_end() {
    let rejected = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795370791,"rateLimitType":"seven_day_opus"}}"#;
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":3,"error_status":529,"error":"overloaded"}"#;
    let answer =
        r#"{"type":"assistant","message":{"id":"m","model":"claude-sonnet-5-5","content":[]}}"#;
    let check = |lines: &[&str]| {
        let facts = facts_of(lines.join("\n").as_bytes());
        (facts.rate_limit.is_some(), facts.retrying.map(|it| it.attempt))
    };
    assert_eq!(check(&[rejected, retry]), (true, Some(3)));
    assert_eq!(check(&[rejected, retry, answer]), (false, None));
}

#[test]
fn a_final_text_is_the_models_or_the_clis() {
    let said = |text: &str| {
        format!(
            r#"{{"type":"assistant","message":{{"id":"m","model":"x","content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let result =
        r#"{"type":"result","subtype":"success","is_error":true,"result":"limit reached"}"#;
    let check = |first: &str| facts_of(format!("{first}\n{result}").as_bytes()).is_final_text_said;
    assert!(check(&said("limit reached")));
    assert!(!check(&said("I work on it.")));
    assert!(!check(""));
}

#[test]
fn noise_and_cuts_are_told_apart() {
    let check = |text: &str| {
        let facts = facts_of(text.as_bytes());
        (facts.n_events, facts.n_foreign_lines, facts.is_truncated)
    };
    assert_eq!(check("\x1b[0m{\"type\":\"x\"}\x1b[0m\r\n\n"), (1, 0, false));
    assert_eq!(check("{\"type\":\"x\"}{\"type\":\"y\"}\n"), (2, 0, false));
    assert_eq!(check("[{\"type\":\"x\"},{\"type\":\"y\"}]"), (2, 0, false));
    assert_eq!(check("{\"type\":\"x\"} oops\n"), (1, 1, false));
    assert_eq!(check("{\"type\":\"x\"}\n{\"type\":\"assis"), (1, 0, true));
    assert_eq!(check("{\"type\":\"x\",\"type\":\"y\"}"), (1, 0, false));
    assert_eq!(check("{\"type\":\"result\",\"num_turns\":\"many\",\"usage\":[]}"), (1, 0, false));
    assert_eq!(check("plain words"), (0, 1, false));
    assert_eq!(check("[1]\n\"x\"\n7\n"), (0, 3, false));
}

#[test]
fn a_denied_call_that_is_allowed_later_is_overcome() {
    let call = |id: &str, path: &str| {
        format!(
            r#"{{"type":"assistant","message":{{"id":"m{id}","model":"x","content":[{{"type":"tool_use","id":"{id}","name":"Write","input":{{"file_path":"{path}"}}}}]}}}}"#
        )
    };
    let answer = |id: &str, is_error: bool| {
        format!(
            r#"{{"type":"user","message":{{"content":[{{"type":"tool_result","tool_use_id":"{id}","is_error":{is_error}}}]}}}}"#
        )
    };
    let denied = |id: &str| {
        format!(
            r#"{{"type":"system","subtype":"permission_denied","tool_name":"Write","tool_use_id":"{id}"}}"#
        )
    };
    let lines = [
        call("1", "a"),
        denied("1"),
        answer("1", true),
        call("2", "b"),
        denied("2"),
        answer("2", true),
        call("3", "a"),
        answer("3", false),
    ];
    let facts = facts_of(lines.join("\n").as_bytes());
    assert_eq!(facts.permission_denials, ["Write(b)"]);
    assert_eq!((facts.n_tool_uses, facts.n_unanswered_tools), (3, 0));
    assert_eq!(facts.files_written, ["a", "b"]);
}

proptest! {
    #[test]
    fn chunks_do_not_matter(cuts in proptest::collection::vec(1usize..400, 1..200)) {
        let bytes = corpus::stream("steps");
        let mut reader = StreamReader::default();
        let mut rest = bytes.as_slice();
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            reader.feed(now);
            rest = later;
        }
        reader.feed(rest);
        prop_assert_eq!(reader.finish(), facts_of(&bytes));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600), size in 1usize..40) {
        prop_assert_eq!(facts_in_chunks(&bytes, size), facts_of(&bytes));
    }

    #[test]
    fn damaged_events_are_survived(at in 0usize..9_000, byte in any::<u8>()) {
        let mut bytes = corpus::stream("steps");
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        let facts = facts_of(&bytes);
        prop_assert!(facts.n_events > 0);
    }
}

#[test]
fn of_a_resumed_session_only_what_is_new_counts() {
    let result = |total: f64, since: Option<f64>| {
        let usage = |cost| serde_json::json!({"m": {"inputTokens": 7, "costUSD": cost}});
        let mut line = serde_json::json!({"type": "result", "subtype": "success",
            "total_cost_usd": total, "modelUsage": usage(total), "usage": {"input_tokens": 3}});
        if let Some(since) = since {
            line["model_usage_since_last_result"] = usage(since);
        }
        format!("{line}\n")
    };
    let check = |base: f64, lines: &[String]| {
        let mut reader = StreamReader::new(Usd::from_dollars(base));
        reader.feed(lines.concat().as_bytes());
        let facts = reader.finish();
        let parts: Usd = facts.by_model.iter().map(|it| it.cost).sum();
        assert_eq!((parts, facts.is_estimate), (facts.cost, false));
        (facts.cost.dollars(), facts.tokens.input)
    };
    assert_eq!(check(0.0, &[result(0.5, None)]), (0.5, 7));
    assert_eq!(check(0.5, &[result(0.75, None)]), (0.25, 3), "an old CLI goes on counting");
    assert_eq!(check(0.5, &[result(0.25, None)]), (0.25, 7), "or begins anew");
    assert_eq!(check(0.0, &[result(0.75, Some(0.25))]), (0.25, 7), "a new one says what is new");
    assert_eq!(check(9.0, &[result(1.0, Some(0.25)), result(1.5, Some(0.5))]), (0.75, 14));
    let open = r#"{"type":"assistant","message":{"id":"x","model":"m","content":[],"usage":{"input_tokens":1000000}}}"#;
    let facts = facts_of(format!("{}{open}\n", result(0.5, Some(0.5))).as_bytes());
    assert_eq!((facts.cost.dollars(), facts.is_estimate), (5.5, true), "cut after its first turn");
}
