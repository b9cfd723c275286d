//! Events for programs: one JSON object a line, numbered without gaps.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::measure::{Billing, Moment};
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Picture, TaskState};
use crate::engine::stream::Progress;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::render::data;
use crate::ui::render::obstacle::parked_text;

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
    billing: Billing,
    /// The plans and the number of wanted tasks were told.
    has_said_wanted: bool,
    problem: Option<io::Error>,
}

impl Events {
    pub fn new(writer: impl Write + 'static) -> Self {
        Self {
            writer: Box::new(writer),
            next: 1,
            states: BTreeMap::new(),
            now: Moment::default(),
            billing: Billing::default(),
            has_said_wanted: false,
            problem: None,
        }
    }

    /// `{"seq","at_ms","event", ...fields}`; the first line says which format this is.
    fn emit(&mut self, (event, fields): data::Event) {
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
            self.emit(data::state_data(task, picture.billing));
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
    /// What waits for the user's branch, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<String>,
}

impl Surface for Events {
    fn show(&mut self, picture: &Picture, now: Moment) {
        self.billing = picture.billing;
        self.now = now;
        if !self.has_said_wanted {
            self.has_said_wanted = true;
            self.emit(data::wanted_data(picture));
        }
        self.emit_states(picture);
    }

    fn say(&mut self, notice: &Notice, now: Moment) {
        self.now = now;
        self.emit(data::notice_data(notice, self.billing));
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], now: Moment) {
        self.now = now;
        self.emit(data::diagnoses_data(documents));
    }

    fn caution(&mut self, documents: &[CheckedDocument], now: Moment) {
        self.now = now;
        self.emit(data::cautions_data(documents));
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress, _now: Moment) {
        self.emit(data::progress_data(task, progress));
    }
}

impl Screen for Events {
    fn close(&mut self, summary: Option<&Summary>) -> io::Result<()> {
        if let Some(summary) = summary {
            let (seq, at_ms) = (self.next, self.now.0);
            let parked = summary.parked.as_ref().map(parked_text);
            self.write(&LastLine { seq, at_ms, event: "build-ended", summary, parked });
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
