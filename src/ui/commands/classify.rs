//! `orch classify`: how a recorded session ended, and why. One JSON object, whatever the format.

use std::path::Path;

use serde::Serialize;

use crate::base::measure::Usd;
use crate::base::name::{ModelName, SessionId};
use crate::engine::limits::{Clock, Window};
use crate::engine::outcome::evidence::{Ending, Evidence};
use crate::engine::outcome::{Expectation, Judgement, OutcomeClass, classify, classify_message};
use crate::engine::stream::{StreamFacts, Tokens};
use crate::host::clock::now;
use crate::host::error::{Doing, Result};
use crate::host::store::recording::{self, Recording};
use crate::host::zone::local_zone;
use crate::ui::args::{ClassifyArgs, moment_of};
use crate::ui::exit::Exit;
use crate::ui::shell::{Failure, Ran, Shell};

/// What is printed.
#[derive(Debug, Serialize)]
struct Classified {
    class: OutcomeClass,
    evidence: Vec<String>,
    /// Of a plan limit, by the CLI's name of it.
    window: Option<Window>,
    /// Seconds since 1970.
    resets_at: Option<u64>,
    /// Absent for a message.
    cost_usd: Option<Usd>,
    tokens: Tokens,
    models: Vec<ModelName>,
    files_read: Vec<String>,
    files_written: Vec<String>,
    /// As the result counts them, else answers of the model.
    turns: u32,
    session_id: Option<SessionId>,
}

/// Judges the stream by itself: no status file and no worktree are looked at.
pub fn run(args: &ClassifyArgs, shell: &mut Shell) -> Ran {
    let classified = match (&args.text, &args.file) {
        (Some(text), _) => of_message(text, args),
        (None, Some(file)) => {
            must_be_there(file)?;
            args.stderr.as_deref().map_or(Ok(()), must_be_there)?;
            of_recording(recording::read(file)?, args)?
        }
        (None, None) => of_recording(Recording::default(), args)?,
    };
    let json = serde_json::to_string(&classified).doing("writing the answer", "stdout")?;
    shell.data(&format!("{json}\n"))?;
    Ok(Exit::Success)
}

fn must_be_there(file: &Path) -> std::result::Result<(), Failure> {
    if file == Path::new("-") || file.exists() {
        return Ok(());
    }
    Err(Failure::usage_with_help(
        format!("there is no file `{}`", file.display()),
        "name a recorded stream, or `-` for standard input",
    ))
}

fn of_message(text: &str, args: &ClassifyArgs) -> Classified {
    let judgement = classify_message(text, &clock_of(args, None));
    classified(judgement, StreamFacts::default(), Vec::new(), None)
}

fn of_recording(recording: Recording, args: &ClassifyArgs) -> Result<Classified> {
    let Recording { facts, exit, stderr } = recording;
    let stderr_tail = match &args.stderr {
        Some(path) => stderr_of(path)?,
        None => stderr.unwrap_or_default(),
    };
    let (ending, assumed) = ending_of(args, exit, &facts, &stderr_tail);
    let clock = clock_of(args, facts.last_message_at.as_deref());
    let evidence = Evidence {
        stream: Some(facts.clone()),
        stderr_tail,
        session: facts.session.clone(),
        ..Evidence::of(ending)
    };
    let judgement = classify(&evidence, &Expectation::of_stream(clock));
    let cost = Some(facts.cost);
    Ok(classified(judgement, facts, assumed, cost))
}

fn classified(
    judgement: Judgement,
    facts: StreamFacts,
    assumed: Vec<String>,
    cost_usd: Option<Usd>,
) -> Classified {
    let message = Some(judgement.message).filter(|it| !it.is_empty());
    let evidence = message.into_iter().chain(assumed).chain(judgement.evidence);
    Classified {
        class: judgement.class,
        evidence: evidence.collect(),
        resets_at: judgement.limit.as_ref().and_then(|limit| limit.resets_at),
        window: judgement.limit.map(|limit| limit.window),
        cost_usd,
        tokens: facts.tokens,
        models: facts.models,
        files_read: facts.files_read,
        files_written: facts.files_written,
        turns: facts.result.map_or(facts.n_calls, |result| result.n_turns),
        session_id: facts.session,
    }
}

/// How it ended: as it is told, else as a log says, else as the stream makes likely.
fn ending_of(
    args: &ClassifyArgs,
    recorded: Option<i32>,
    facts: &StreamFacts,
    stderr: &str,
) -> (Ending, Vec<String>) {
    if let Some(signal) = args.signal {
        return (Ending::Signaled(signal), Vec::new());
    }
    match args.exit.or(recorded) {
        Some(code) if code < 0 => (Ending::Signaled(code.saturating_neg()), Vec::new()),
        Some(code) => (Ending::Exited(code), Vec::new()),
        None => {
            let is_silent = facts.n_events == 0 && !stderr.trim().is_empty();
            let is_error = facts.result.as_ref().map_or(is_silent, |result| result.is_error);
            let code = i32::from(is_error);
            (Ending::Exited(code), vec![format!("no exit code given: {code} is assumed")])
        }
    }
}

fn clock_of(args: &ClassifyArgs, last_message_at: Option<&str>) -> Clock {
    let of_message = || last_message_at.and_then(|at| moment_of(at).ok());
    Clock {
        now: args.now.or_else(of_message).unwrap_or_else(now),
        zone: args.zone.clone().unwrap_or_else(local_zone),
    }
}

/// The end of stderr: what a session writes there can be long.
fn stderr_of(path: &Path) -> Result<String> {
    const TAIL: usize = 8 * 1024;
    let bytes = std::fs::read(path).doing("reading what it wrote to stderr", path)?;
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    Ok(String::from_utf8_lossy(tail).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::args::{Args, Command};
    use crate::ui::console::sample::Buffer;

    fn check(words: &[&str]) -> String {
        let words = [&["orch", "classify"], words].concat();
        let Command::Classify(args) = Args::read(words).unwrap().command else {
            panic!("not classify")
        };
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone());
        let ran = run(&args, &mut shell);
        shell.conclude(ran);
        out.text()
    }

    #[test]
    fn one_message_is_judged_by_itself() {
        let place = ["--now", "2026-11-22T17:00:00Z", "--zone", "Europe/Berlin"];
        let check = |text: &str| check(&[&["--text", text], &place[..]].concat());
        insta::assert_snapshot!(check("You've hit your session limit · resets 7pm"), @r#"{"class":"plan-limit","evidence":["You've hit your session limit · resets 7pm","no zone given: Europe/Berlin is taken"],"window":"five_hour","resets_at":1795370400,"cost_usd":null,"tokens":{"input":0,"output":0,"cache_read":0,"cache_creation":0},"models":[],"files_read":[],"files_written":[],"turns":0,"session_id":null}"#);
        insta::assert_snapshot!(check("--dangerously-skip-permissions cannot be used with root"), @r#"{"class":"launch-refused","evidence":["--dangerously-skip-permissions cannot be used with root"],"window":null,"resets_at":null,"cost_usd":null,"tokens":{"input":0,"output":0,"cache_read":0,"cache_creation":0},"models":[],"files_read":[],"files_written":[],"turns":0,"session_id":null}"#);
    }

    #[test]
    fn times_and_signals_are_read_as_people_type_them() {
        assert_eq!(moment_of("1795366800"), moment_of("2026-11-22T18:00:00+01:00"));
        for wrong in ["", "noon", "1969-01-01T00:00:00Z", "99999999999999999999"] {
            assert!(moment_of(wrong).is_err(), "{wrong}");
        }
        let read = |line: &str| {
            Args::read(line.split(' ')).map(|args| match args.command {
                Command::Classify(args) => (args.exit, args.signal),
                _ => panic!("not classify"),
            })
        };
        assert_eq!(read("orch classify x --signal SIGTERM").unwrap(), (None, Some(15)));
        assert_eq!(read("orch classify x --exit -9").unwrap(), (Some(-9), None));
        for wrong in ["", " x --signal NO", " x --text y", " x --exit 1 --signal 2"] {
            assert!(read(&format!("orch classify{wrong}")).is_err(), "{wrong}");
        }
    }
}
