//! Folds events into facts. Costs of finished turns are the CLI's own, of a cut turn estimated.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::base::measure::{Millis, Usd};
use crate::base::name::{ModelName, SessionId};

use super::ended::{models_of, result_facts};
use super::line::trim_noise;
use super::output::stderr_in;
use super::pace::Pacer;
use super::spending::Spending;
use super::tools::Tools;
use super::windows::Windows;
use super::wire::{self, Wire};
use super::{ApiError, Progress, Retrying, StreamFacts};

const TEXT_LIMIT: usize = 1 << 20;
const FOREIGN_LIMIT: usize = 64 * 1024;
const LABEL_LIMIT: usize = 4096;
const SAID_LIMIT: usize = 200;
/// Of a tool call, as it is told: a surface shortens it to what it has room for.
const CALL_LIMIT: usize = 1000;
/// Of a time.
const TIME_LIMIT: usize = 80;
const SYNTHETIC: &str = "<synthetic>";
/// The tool that the CLI adds where a structured answer is asked for.
const SCHEMA_TOOL: &str = "StructuredOutput";

/// What is known so far.
#[derive(Debug, Default)]
pub struct Fold {
    facts: StreamFacts,
    pub(super) pacer: Pacer,
    spending: Spending,
    windows: Windows,
    calls: BTreeSet<String>,
    tools: Tools,
    models: Models,
    last_text: LastText,
    foreign_text: String,
}

/// Who answered, in the order of their first words.
#[derive(Debug, Default)]
struct Models {
    streamed: Vec<String>,
    /// Those of the session itself, its subagents' left out.
    main: Vec<String>,
}

#[derive(Debug, Default)]
struct LastText {
    message: String,
    text: String,
}

impl Fold {
    pub fn new(base_cost: Usd) -> Self {
        Self { spending: Spending::new(base_cost), ..Self::default() }
    }

    pub fn cost(&self) -> Usd {
        self.spending.cost()
    }

    pub fn session(&self) -> Option<&SessionId> {
        self.facts.session.as_ref()
    }

    /// Takes one whole line.
    pub fn take(&mut self, line: &[u8], shown: &mut Vec<Progress>) {
        let text = String::from_utf8_lossy(trim_noise(line));
        if text.is_empty() || stderr_in(&text).is_some() {
            return;
        }
        if self.take_text(&text, shown).is_err() {
            self.take_foreign(&text);
        }
    }

    /// Takes a last line that had no newline.
    pub fn take_last(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(trim_noise(line));
        let is_no_event = text.is_empty() || stderr_in(&text).is_some();
        if is_no_event || self.take_text(&text, &mut Vec::new()).is_ok() {
            return;
        }
        if self.facts.n_events > 0 || text.starts_with(['{', '[']) {
            self.facts.is_truncated = true;
        } else {
            self.take_foreign(&text);
        }
    }

    fn take_text(&mut self, text: &str, shown: &mut Vec<Progress>) -> Result<(), ()> {
        if let Some(event) = wire::event_of(text) {
            self.take_event(event, shown);
            return Ok(());
        }
        // `--output-format json --verbose` is one array of events.
        if let Ok(events) = serde_json::from_str::<Vec<&RawValue>>(text) {
            let events: Option<Vec<_>> = events.iter().map(|it| wire::event_of(it.get())).collect();
            let events = events.filter(|events| !events.is_empty()).ok_or(())?;
            events.into_iter().for_each(|event| self.take_event(event, shown));
            return Ok(());
        }
        self.take_several(text, shown)
    }

    /// Two writers, or noise behind the object: takes what objects there are.
    fn take_several(&mut self, text: &str, shown: &mut Vec<Progress>) -> Result<(), ()> {
        let mut objects = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        let mut n_taken = 0;
        let mut end = 0;
        while let Some(Ok(object)) = objects.next() {
            let Some(event) = wire::event_of(object.get()) else { break };
            self.take_event(event, shown);
            n_taken += 1;
            end = objects.byte_offset();
        }
        if n_taken == 0 {
            return Err(());
        }
        let rest = trim_noise(text.get(end..).unwrap_or_default().as_bytes());
        if !rest.is_empty() {
            self.facts.n_foreign_lines += 1;
        }
        Ok(())
    }

    fn take_foreign(&mut self, text: &str) {
        self.facts.n_foreign_lines += 1;
        if self.foreign_text.len() + text.len() < FOREIGN_LIMIT {
            self.foreign_text.push_str(text);
            self.foreign_text.push('\n');
        }
    }

    fn take_event(&mut self, event: Wire, shown: &mut Vec<Progress>) {
        self.facts.n_events += 1;
        self.pacer.event();
        match event {
            Wire::Init(init) => self.take_init(init, shown),
            Wire::Assistant(assistant) => self.take_assistant(*assistant, shown),
            Wire::User(user) => self.take_answers(*user),
            Wire::Result(result) => self.take_result(*result, shown),
            Wire::Retry(retry) => self.take_retry(retry, shown),
            Wire::Denied(denial) => self.take_denial(denial),
            Wire::TaskStarted(task) => {
                if task.is_backgrounded != Some(false) {
                    self.tools.background.insert(task.task_id);
                }
            }
            Wire::TaskEnded(task) => {
                self.tools.background.remove(&task);
            }
            Wire::TasksChanged(tasks) => {
                self.tools.background = tasks.into_iter().map(|task| task.task_id).collect();
            }
            Wire::RateLimited(limit) => self.windows.take(limit),
            Wire::Other => self.facts.n_unknown_events += 1,
        }
    }

    fn take_init(&mut self, init: wire::Init, shown: &mut Vec<Progress>) {
        self.facts.inits += 1;
        let session = init.session_id.map(SessionId::new);
        self.facts.session = session.clone().or(self.facts.session.take());
        self.facts.has_schema |= init.tools.iter().any(|tool| tool == SCHEMA_TOOL);
        self.facts.key_source = init.key_source.or(self.facts.key_source.take());
        self.facts.cli_version = init.claude_code_version.or(self.facts.cli_version.take());
        shown.push(Progress::Started { session, model: init.model.map(ModelName::new) });
    }

    fn take_assistant(&mut self, event: wire::Assistant, shown: &mut Vec<Progress>) {
        if self.facts.session.is_none() {
            self.facts.session = event.session_id.as_deref().map(SessionId::new);
        }
        self.facts.retrying = None;
        self.note_time(event.timestamp.as_deref());
        let is_main = event.parent_tool_use_id.is_none();
        if event.message.model == SYNTHETIC || event.is_api_error_message {
            // A sub-agent's failure is its caller's to deal with.
            if is_main {
                self.take_api_error(event);
            }
            return;
        }
        // A model call that went through means that an earlier failure was overcome.
        self.facts.api_error = None;
        self.windows.answered();
        self.count_call(&event.message);
        if is_main {
            note_once(&mut self.models.main, &event.message.model);
        }
        for block in &event.message.content {
            match block.kind.as_str() {
                "text" => self.take_said(&event.message.id, &block.text, is_main, shown),
                "tool_use" => self.take_tool_use(block, shown),
                _ => {}
            }
        }
        shown.push(Progress::Cost(self.cost()));
    }

    fn count_call(&mut self, message: &wire::Message) {
        if !self.calls.contains(&message.id) {
            self.calls.insert(message.id.clone());
            self.facts.n_calls += 1;
        }
        note_once(&mut self.models.streamed, &message.model);
        self.spending.count(message);
    }

    fn take_said(&mut self, id: &str, text: &str, is_main: bool, shown: &mut Vec<Progress>) {
        if text.trim().is_empty() {
            return;
        }
        shown.push(Progress::Said(cut(text.trim(), SAID_LIMIT)));
        if !is_main {
            return;
        }
        if self.last_text.message != id {
            self.last_text = LastText { message: id.to_owned(), text: String::new() };
        } else if !self.last_text.text.is_empty() {
            self.last_text.text.push_str("\n\n");
        }
        if self.last_text.text.len() + text.len() <= TEXT_LIMIT {
            self.last_text.text.push_str(text);
        }
    }

    fn take_tool_use(&mut self, block: &wire::Block, shown: &mut Vec<Progress>) {
        // The CLI's own tool for a structured answer: it looks at nothing.
        self.facts.n_tool_uses += u32::from(block.name != "StructuredOutput");
        let detail = block.input.detail();
        let call = label(&block.name, detail);
        self.tools.asked(block, call);
        self.pacer.tool(&block.id, &block.name, block.input.timeout);
        let detail = cut(detail, CALL_LIMIT);
        shown.push(Progress::UsedTool { tool: block.name.clone(), detail });
    }

    fn note_time(&mut self, at: Option<&str>) {
        if let Some(at) = at.filter(|at| at.len() <= TIME_LIMIT) {
            self.facts.last_message_at = Some(at.to_owned());
        }
    }

    fn take_answers(&mut self, event: wire::User) {
        self.note_time(event.timestamp.as_deref());
        self.tools.note_read(event.tool_use_result.filenames);
        for block in event.message.content {
            if block.kind != "tool_result" {
                continue;
            }
            self.pacer.answer(&block.tool_use_id);
            let said = block.is_error.then(|| block.content.unwrap_or_default());
            self.tools.answered(block.tool_use_id, said.as_deref());
        }
    }

    fn take_denial(&mut self, denial: wire::Denial) {
        let known = self.tools.open.get(&denial.tool_use_id).cloned();
        let label = known.unwrap_or_else(|| label(&denial.tool_name, denial.tool_input.detail()));
        self.tools.denied.add(denial.tool_use_id, label);
    }

    fn take_api_error(&mut self, event: wire::Assistant) {
        let text: Vec<_> = event.message.content.into_iter().map(|block| block.text).collect();
        self.facts.api_error = Some(ApiError {
            error: event.error.unwrap_or_default(),
            status: event.api_error_status,
            kind: event.api_error_type,
            code: event.api_error,
            text: text.join("\n"),
        });
    }

    fn take_retry(&mut self, retry: wire::Retry, shown: &mut Vec<Progress>) {
        self.facts.n_api_retries += 1;
        self.facts.retrying = Some(Retrying {
            attempt: retry.attempt,
            error: retry.error.clone(),
            status: retry.error_status,
        });
        let error = match retry.error_status {
            Some(status) => format!("{} ({status})", retry.error),
            None => retry.error,
        };
        let wait = Millis(retry.retry_delay_ms.max(0.0) as u64);
        self.pacer.retry(wait);
        shown.push(Progress::Retrying { attempt: retry.attempt, wait, error });
    }

    fn take_result(&mut self, result: wire::ResultLine, shown: &mut Vec<Progress>) {
        self.facts.n_results += 1;
        self.facts.n_turns = self.facts.n_turns.saturating_add(result.num_turns);
        let api = &mut self.facts.api_duration.0;
        *api = api.saturating_add(result.duration_api_ms);
        self.spending.settle(&result);
        self.facts.models = models_of(&result);
        for denial in &result.permission_denials {
            self.take_denial(denial.clone());
        }
        self.facts.has_background_task = !self.tools.background.is_empty();
        self.pacer.result(self.facts.has_background_task);
        if let Some(session) = &result.session_id {
            self.facts.session = Some(SessionId::new(session));
        }
        self.facts.retrying = None;
        let said = std::mem::take(&mut self.last_text).text;
        let is_said = |text: &String| !said.is_empty() && said.ends_with(text.trim_end());
        self.facts.is_final_text_said = result.result.as_ref().is_none_or(is_said);
        self.facts.final_text = result.result.clone().unwrap_or(said);
        self.facts.result = Some(result_facts(result));
        shown.push(Progress::Cost(self.cost()));
    }

    pub fn finish(self, n_skipped_lines: u64) -> StreamFacts {
        let mut facts = self.facts;
        facts.n_skipped_lines = n_skipped_lines;
        self.windows.tell(&mut facts);
        facts.cost = self.spending.cost();
        facts.tokens = self.spending.tokens();
        facts.by_model = self.spending.by_model();
        facts.is_estimate = self.spending.is_estimate();
        if facts.models.is_empty() {
            facts.models = self.models.streamed.iter().map(ModelName::new).collect();
        }
        if !self.last_text.text.is_empty() {
            facts.final_text = self.last_text.text;
            facts.is_final_text_said = true;
        } else if facts.n_events == 0 {
            facts.final_text = self.foreign_text;
        }
        facts.calls = self.tools.answered.into_iter().collect();
        facts.permission_denials = self.tools.denied.into_calls();
        (facts.n_looks, facts.n_seen) = (self.tools.looks.n_asked, self.tools.looks.n_seen);
        facts.tools_used = self.tools.looks.tools.into_iter().collect();
        facts.main_models = self.models.main.iter().map(ModelName::new).collect();
        facts.n_unanswered_tools = self.tools.open.len() as u32;
        facts.files_read = self.tools.files_read.into_iter().collect();
        facts.files_written = self.tools.files_written.into_iter().collect();
        facts
    }
}

fn note_once(names: &mut Vec<String>, name: &str) {
    if !name.is_empty() && !names.iter().any(|it| it == name) {
        names.push(name.to_owned());
    }
}

fn label(tool: &str, detail: &str) -> String {
    format!("{tool}({})", cut(detail, LABEL_LIMIT))
}

/// At most `limit` characters.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
