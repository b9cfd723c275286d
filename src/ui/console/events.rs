//! Events for programs: one JSON object a line, numbered without gaps.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::measure::Moment;
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Picture, TaskState};
use crate::engine::record::Score;
use crate::engine::stream::Progress;
use crate::host::surface::{CheckedDocument, Summary, Surface};

use super::Screen;

/// Version of the events' format; raised when a reader of the old one would be misled.
const FORMAT: u32 = 1;

/// Writes what happens as lines of JSON. The last line is the summary with its own keys.
pub struct Events {
    writer: Box<dyn Write>,
    /// Number of the next line.
    next: u64,
    /// What was last told of each task.
    states: BTreeMap<TaskRef, TaskState>,
    now: Moment,
    /// The plans and the number of wanted tasks were told.
    is_wanted_told: bool,
    problem: Option<io::Error>,
}

impl Events {
    pub fn new(writer: impl Write + 'static) -> Self {
        Self {
            writer: Box::new(writer),
            next: 1,
            states: BTreeMap::new(),
            now: Moment::default(),
            is_wanted_told: false,
            problem: None,
        }
    }

    /// `{"seq","at_ms","event", ...fields}`; the first line says which format this is.
    fn emit(&mut self, event: &str, fields: Value) {
        let at_ms = self.now.0;
        if self.next == 1 {
            let fields = json!({ "format": FORMAT, "orch": env!("CARGO_PKG_VERSION") });
            self.write(&Line { seq: 1, at_ms, event: "build-started", fields });
        }
        self.write(&Line { seq: self.next, at_ms, event, fields });
    }

    /// After the first failure nothing more is written: a gap would mislead.
    fn write(&mut self, line: &impl Serialize) {
        if self.problem.is_some() {
            return;
        }
        let text = crate::ui::json::line_of(line);
        match self.writer.write_all(text.as_bytes()) {
            Ok(()) => self.next += 1,
            Err(problem) => self.problem = Some(problem),
        }
    }

    fn emit_states(&mut self, picture: &Picture) {
        for task in &picture.tasks {
            if self.states.get(&task.task) == Some(&task.state) {
                continue;
            }
            self.states.insert(task.task.clone(), task.state);
            let name = task.task.to_string();
            let fields = json!({
                "task": name, "state": task.state.as_str(), "detail": task.state.detail(),
                "reason": task.reason, "key": task.key,
                "cost_usd": task.cost, "commit": task.commit,
            });
            self.emit("state", fields);
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at_ms: u64,
    event: &'a str,
    #[serde(flatten)]
    fields: Value,
}

#[derive(Serialize)]
struct LastLine<'a> {
    seq: u64,
    at_ms: u64,
    event: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

impl Surface for Events {
    fn show(&mut self, picture: &Picture, now: Moment) {
        self.now = now;
        if !self.is_wanted_told {
            self.is_wanted_told = true;
            let plans: Vec<&str> = picture.plans.iter().map(|plan| plan.name.as_str()).collect();
            self.emit("wanted", json!({ "plans": plans, "wanted": picture.counts.wanted }));
        }
        self.emit_states(picture);
    }

    fn say(&mut self, notice: &Notice, now: Moment) {
        self.now = now;
        let (event, fields) = notice_fields(notice);
        self.emit(event, fields);
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], now: Moment) {
        self.now = now;
        self.emit("diagnosed", json!({ "documents": values_of(documents) }));
    }

    fn caution(&mut self, documents: &[CheckedDocument], now: Moment) {
        self.now = now;
        self.emit("cautioned", json!({ "documents": values_of(documents) }));
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress) {
        let (step, mut fields) = progress_fields(progress);
        fields["task"] = json!(task.to_string());
        fields["step"] = json!(step);
        self.emit("progress", fields);
    }
}

fn values_of(documents: &[CheckedDocument]) -> Vec<Value> {
    let lines = crate::ui::report::json_lines(documents);
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn notice_fields(notice: &Notice) -> (&'static str, Value) {
    let name = |task: &TaskRef| task.to_string();
    match notice {
        Notice::TaskStarted { task, name: title, number, reason } => {
            let fields = json!({
                "task": name(task), "name": title, "attempt": number, "reason": reason,
            });
            ("task-started", fields)
        }
        Notice::TaskFinished { task, how } => {
            ("task-finished", json!({"task": name(task), "how": how}))
        }
        Notice::TaskRetried { task, why, wait_ms } => {
            ("task-retried", json!({"task": name(task), "why": why, "wait_ms": wait_ms}))
        }
        Notice::TaskFailed { task, why, help } => {
            ("task-failed", json!({"task": name(task), "why": why, "help": help}))
        }
        Notice::TaskHeld { task, why } => ("task-held", json!({"task": name(task), "why": why})),
        Notice::TaskAsked { task, question, options } => {
            let fields = json!({"task": name(task), "question": question, "options": options});
            ("task-asked", fields)
        }
        Notice::TaskBlocked { task, by } => {
            ("task-blocked", json!({"task": name(task), "by": name(by)}))
        }
        Notice::Validated { task, validator, verdict, findings } => {
            let fields = json!({
                "task": name(task), "validator": validator, "verdict": verdict,
                "findings": findings,
            });
            ("validated", fields)
        }
        Notice::Judged { task, winner, scores, reasons, kept } => {
            let scores: BTreeMap<&str, Score> =
                scores.iter().map(|(label, score)| (label.as_str(), *score)).collect();
            let fields = json!({
                "task": name(task), "winner": winner, "scores": scores, "reasons": reasons,
                "kept": kept,
            });
            ("judged", fields)
        }
        Notice::Parked { task, reason } => {
            ("parked", json!({"task": name(task), "reason": reason}))
        }
        Notice::PlanChanged(told) => ("plan-changed", json!(told)),
        Notice::SmokeStarted { plans } => ("smoke-started", json!({"plans": plans})),
        Notice::SmokeEnded { plans, outcome, message, tail } => {
            let fields = json!({
                "plans": plans, "outcome": outcome, "message": message, "tail": tail,
            });
            ("smoke-ended", fields)
        }
        Notice::Rested { accepted, wanted } => {
            ("rested", json!({"accepted": accepted, "wanted": wanted}))
        }
        Notice::Waiting { why, until } => ("waiting", json!({"why": why, "until_ms": until})),
        Notice::Resumed { why } => ("resumed", json!({"why": why})),
        Notice::Warning(text) => ("warning", json!({"message": text})),
    }
}

fn progress_fields(progress: &Progress) -> (&'static str, Value) {
    match progress {
        Progress::Started { session, model } => {
            ("started", json!({"session": session, "model": model}))
        }
        Progress::Said(text) => ("said", json!({"text": text})),
        Progress::UsedTool { tool, detail } => ("tool", json!({"tool": tool, "detail": detail})),
        Progress::Cost(cost) => ("cost", json!({"cost_usd": cost})),
        Progress::Retrying { attempt, wait, error } => {
            ("retrying", json!({"try": attempt, "wait_ms": wait, "error": error}))
        }
        Progress::Output(text) => ("output", json!({"stream": "stdout", "text": text})),
        Progress::Complaint(text) => ("output", json!({"stream": "stderr", "text": text})),
    }
}

impl Screen for Events {
    fn close(&mut self, summary: Option<&Summary>) -> io::Result<()> {
        if let Some(summary) = summary {
            let (seq, at_ms) = (self.next, self.now.0);
            self.write(&LastLine { seq, at_ms, event: "build-ended", summary });
        }
        match self.problem.take() {
            Some(problem) => Err(problem),
            None => self.writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    #[test]
    fn lines_are_numbered_without_gaps_and_states_are_told_once() {
        let out = sample::Buffer::default();
        let mut events = Events::new(out.clone());
        sample::play(&mut events);
        events.close(Some(&Summary { targets: 7, exit: 1, ..Summary::default() })).unwrap();
        let text = out.text();
        let numbers: Vec<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert_eq!(text.matches(r#""event":"state""#).count(), sample::picture().tasks.len());
        let lines: Vec<&str> = text.lines().collect();
        let kept = [0, 1, 3, 9, 12].map(|at| lines[at]).into_iter().chain(lines.last().copied());
        let kept: Vec<&str> = kept.collect();
        insta::assert_snapshot!(kept.join("\n"), @r#"
            {"seq":1,"at_ms":1000000,"event":"build-started","format":1,"orch":"0.1.0"}
            {"seq":2,"at_ms":1000000,"event":"wanted","plans":["demo","other"],"wanted":7}
            {"seq":4,"at_ms":1000000,"event":"state","commit":null,"cost_usd":0.0,"detail":null,"key":null,"reason":"input src/a.rs changed","state":"running","task":"demo//1.2"}
            {"seq":10,"at_ms":1000000,"event":"task-started","attempt":1,"name":"Add parser","reason":"input src/a.rs changed","task":"demo//1.2"}
            {"seq":13,"at_ms":1000000,"event":"progress","detail":"src/a.rs","step":"tool","task":"demo//1.2","tool":"Edit"}
            {"seq":25,"at_ms":1062000,"event":"build-ended","targets":7,"accepted":0,"skipped":0,"up_to_date":0,"replayed":0,"ran":0,"failed":0,"blocked":0,"held":0,"sessions":0,"cost_usd":0.0,"wall_ms":0,"exit":1}
            "#);
    }

    #[test]
    fn a_failed_write_is_reported_at_the_end() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut events = Events::new(Full);
        sample::play(&mut events);
        let closed = events.close(None);
        assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
