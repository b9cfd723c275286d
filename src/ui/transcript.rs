//! A session's stream as people read it: one event of the CLI, one or a few lines. Lines that are
//! no JSON, and all lines of a command, are shown as they are.

use serde::Serialize;
use serde_json::Value;

use crate::base::measure::{Billing, Millis, Usd};
use crate::engine::record::is_subscription;
use crate::engine::stream::{stderr_in, stdout_line};
use crate::ui::shell::{Paint, Tone};
use crate::ui::text::{call_text, cut, one_line, outgoing_json, visible};

/// Longest detail of a tool call or result, in columns.
const DETAIL: usize = 160;

/// Turns bytes into readable lines as they come, whatever their boundaries.
pub struct Reader {
    rest: Vec<u8>,
    form: Form,
    speaker: Speaker,
    /// As the session's first event says.
    billing: Billing,
}

/// Whose lines they are: what a command prints is no event, whatever it looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaker {
    #[default]
    Command,
    Session,
}

/// For whom it is read.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    People(Paint),
    /// Nothing but objects of JSON, one a line: a session's events as they came, all other lines in one of
    /// orch's own.
    Programs,
}

impl Form {
    /// A line above another log.
    pub fn of_heading(self, text: &str) -> String {
        match self {
            Self::People(paint) => {
                format!("{}\n", paint.paint(Tone::Strong, format!("-- {}", one_line(text))))
            }
            Self::Programs => {
                crate::ui::json::line_of(&serde_json::json!({ "type": "log", "text": text }))
            }
        }
    }

    /// One line of the stream, each line of it ended.
    fn of_line(self, line: &str, speaker: Speaker, billing: Billing) -> String {
        match self {
            Self::People(paint) => text_of_line(line, speaker, billing, paint),
            Self::Programs if line.trim().is_empty() => String::new(),
            Self::Programs => {
                let line = line.trim_end();
                let is_own = stderr_in(line).is_some() || speaker.event_in(line).is_some();
                let line = if is_own { line.to_owned() } else { stdout_line(line) };
                outgoing_json(line) + "\n"
            }
        }
    }
}

impl Speaker {
    fn event_in(self, line: &str) -> Option<Value> {
        let event = || serde_json::from_str::<Value>(line).ok().filter(Value::is_object);
        (self == Self::Session).then(event).flatten()
    }
}

impl Reader {
    pub fn new(form: Form, speaker: Speaker) -> Self {
        Self { rest: Vec::new(), form, speaker, billing: Billing::default() }
    }

    /// What the complete lines so far say; an incomplete one is kept.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return String::new();
        };
        let complete: Vec<u8> = self.rest.drain(..=end).collect();
        let text = String::from_utf8_lossy(&complete);
        text.lines().map(|line| self.line(line)).collect()
    }

    /// The last line, where it had no line break.
    pub fn finish(mut self) -> String {
        if self.rest.is_empty() {
            return String::new();
        }
        let rest = std::mem::take(&mut self.rest);
        self.line(&String::from_utf8_lossy(&rest))
    }

    fn line(&mut self, line: &str) -> String {
        match self.speaker.event_in(line) {
            Some(event) if event["apiKeySource"].is_string() => {
                let source = event["apiKeySource"].as_str().unwrap_or_default();
                self.billing = Billing::of(is_subscription(source));
            }
            _ => {}
        }
        self.form.of_line(line, self.speaker, self.billing)
    }
}

/// A line of plain output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputLine {
    pub stream: &'static str,
    pub text: String,
}

/// The last `n` lines of a transcript that are plain output, and not events of a session.
pub fn output_of(bytes: &[u8], speaker: Speaker, n: usize) -> Vec<OutputLine> {
    let line_of = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if let Some(text) = stderr_in(line) {
            return Some(OutputLine { stream: "stderr", text });
        }
        let is_event = speaker.event_in(line).is_some_and(|it| it["type"].is_string());
        let is_output = !line.is_empty() && !is_event;
        is_output.then(|| OutputLine { stream: "stdout", text: line.to_owned() })
    };
    let lines = bytes.rsplit(|byte| *byte == b'\n').filter_map(line_of);
    let mut lines: Vec<OutputLine> =
        lines.filter(|it| !it.text.trim().is_empty()).take(n).collect();
    lines.reverse();
    lines
}

/// One line of the stream as text, each line of it ended.
fn text_of_line(line: &str, speaker: Speaker, billing: Billing, paint: Paint) -> String {
    if let Some(text) = stderr_in(line) {
        return format!("{}\n", paint.paint(Tone::Caution, visible(&text).trim_end()));
    }
    let shown = match speaker.event_in(line) {
        Some(event) => text_of_event(&event, billing, paint),
        None if line.trim().is_empty() => return String::new(),
        None => vec![visible(line).trim_end().to_owned()],
    };
    shown.iter().map(|line| format!("{line}\n")).collect()
}

fn text_of_event(event: &Value, billing: Billing, paint: Paint) -> Vec<String> {
    let nested = event["parent_tool_use_id"].is_string();
    let lines = match event["type"].as_str().unwrap_or_default() {
        "system" => text_of_system(event, paint),
        "assistant" => text_of_contents(event, paint),
        "user" => text_of_contents(event, paint),
        "result" => vec![text_of_result(event, billing, paint)],
        "rate_limit_event" => text_of_rate_limit(event, paint),
        _ => Vec::new(),
    };
    let indent = |line: String| if nested { format!("    {line}") } else { line };
    lines.into_iter().map(indent).collect()
}

fn text_of_system(event: &Value, paint: Paint) -> Vec<String> {
    let text = |name: &str| event[name].as_str().unwrap_or("?");
    let line = match event["subtype"].as_str() {
        Some("init") => format!(
            "session {}, model {}, CLI {}",
            text("session_id"),
            text("model"),
            text("claude_code_version")
        ),
        Some("api_retry") => format!(
            "the CLI asks again, try {}: {}",
            event["attempt"],
            event["error"].as_str().map_or_else(|| event["error_status"].to_string(), one_line)
        ),
        Some("permission_denied") => {
            let line = format!("denied: {} {}", text("tool_name"), text("message"));
            return vec![paint.paint(Tone::Bad, format!("  ! {}", one_line(&line)))];
        }
        Some("model_fallback") => "another model answers".to_owned(),
        Some("compact_boundary") => "the conversation was compacted".to_owned(),
        _ => return Vec::new(),
    };
    vec![paint.paint(Tone::Faint, format!("-- {line}"))]
}

fn text_of_contents(event: &Value, paint: Paint) -> Vec<String> {
    match &event["message"]["content"] {
        Value::String(text) => said(text),
        Value::Array(blocks) => {
            blocks.iter().flat_map(|block| text_of_block(block, paint)).collect()
        }
        _ => Vec::new(),
    }
}

fn text_of_block(block: &Value, paint: Paint) -> Vec<String> {
    match block["type"].as_str() {
        Some("text") => said(block["text"].as_str().unwrap_or_default()),
        Some("thinking") => {
            let thought = one_line(block["thinking"].as_str().unwrap_or_default());
            match thought.is_empty() {
                true => Vec::new(),
                false => vec![paint.paint(Tone::Faint, format!("~ {}", cut(&thought, DETAIL)))],
            }
        }
        Some("tool_use") => {
            let name = one_line(block["name"].as_str().unwrap_or("?"));
            let head = paint.paint(Tone::Active, format!("> {name}"));
            vec![format!("{head} {}", detail_of(&block["input"])).trim_end().to_owned()]
        }
        Some("tool_result") => text_of_tool_result(block, paint),
        _ => Vec::new(),
    }
}

/// What was said, line by line.
fn said(text: &str) -> Vec<String> {
    visible(text).trim().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// The one value of a tool's input that tells most; the whole input where none does.
fn detail_of(input: &Value) -> String {
    const TELLING: [&str; 9] = [
        "file_path",
        "notebook_path",
        "command",
        "pattern",
        "url",
        "query",
        "description",
        "skill",
        "path",
    ];
    let telling = TELLING.iter().find_map(|name| input[*name].as_str());
    let text = match telling {
        Some(text) => text.to_owned(),
        None if input.as_object().is_some_and(|input| !input.is_empty()) => input.to_string(),
        None => String::new(),
    };
    call_text(&text, DETAIL)
}

fn text_of_tool_result(block: &Value, paint: Paint) -> Vec<String> {
    let text = match &block["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    };
    let n_lines = text.trim().lines().count();
    let mut first = cut(&one_line(text.trim().lines().next().unwrap_or("(nothing)")), DETAIL);
    if n_lines > 1 {
        first.push_str(&format!("  (+{} lines)", n_lines - 1));
    }
    let is_error = block["is_error"].as_bool().unwrap_or(false);
    let tone = if is_error { Tone::Bad } else { Tone::Faint };
    let head = if is_error { "  ! " } else { "  < " };
    vec![paint.paint(tone, format!("{head}{first}"))]
}

fn text_of_result(event: &Value, billing: Billing, paint: Paint) -> String {
    let subtype = one_line(event["subtype"].as_str().unwrap_or("?"));
    let is_error = event["is_error"].as_bool().unwrap_or(false);
    let mut parts = vec![if is_error { format!("{subtype}, is_error") } else { subtype }];
    if let Some(reason) = event["terminal_reason"].as_str() {
        parts.push(one_line(reason));
    }
    if let Some(turns) = event["num_turns"].as_u64() {
        parts.push(format!("{turns} turns"));
    }
    if let Some(duration) = event["duration_ms"].as_u64() {
        parts.push(Millis(duration).to_string());
    }
    if let Some(cost) = event["total_cost_usd"].as_f64() {
        parts.push(billing.text(Usd::from_dollars(cost)));
    }
    if is_error && let Some(text) = event["result"].as_str() {
        parts.push(cut(&one_line(text), DETAIL));
    }
    let tone = if is_error { Tone::Bad } else { Tone::Good };
    paint.paint(tone, format!("== {}", parts.join(", ")))
}

fn text_of_rate_limit(event: &Value, paint: Paint) -> Vec<String> {
    let info = &event["rate_limit_info"];
    match info["status"].as_str() {
        None | Some("allowed") => Vec::new(),
        Some(status) => {
            let window = info["rateLimitType"].as_str().unwrap_or("?");
            vec![
                paint
                    .paint(Tone::Caution, format!("-- usage limit {window}: {}", one_line(status))),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        r#"{"type":"system","subtype":"init","session_id":"5f0c","model":"sonnet","claude_code_version":"2.1.3"}"#,
        "\n",
        r#"{"type":"assistant","message":{"content":[{"type":"text","text":"\n\nI will read\nthe file."}]}}"#,
        "\n",
        r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash","input":{"command":"ls\n  -l","description":"List"}}]}}"#,
        "\n",
        r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"a\nb\nc","is_error":false}]}}"#,
        "\n",
        r#"{"type":"user","parent_tool_use_id":"t1","message":{"content":[{"type":"tool_result","content":[{"type":"text","text":"denied"}],"is_error":true}]}}"#,
        "\n",
        "plain \u{1b}[31moutput\n\n",
        r#"{"type":"news","x":1}"#,
        "\n",
        r#"{"num_turns":3,"type":"result","subtype":"success","is_error":false,"duration_ms":62000,"total_cost_usd":0.42}"#,
    );

    fn check(pieces: usize) -> String {
        let mut reader = Reader::new(Form::People(Paint::PLAIN), Speaker::Session);
        let chunks = STREAM.as_bytes().chunks(STREAM.len().div_ceil(pieces));
        let text: String = chunks.map(|chunk| reader.push(chunk)).collect();
        text + &reader.finish()
    }

    #[test]
    fn a_stream_reads_as_a_conversation() {
        insta::assert_snapshot!(check(1), @r#"
            -- session 5f0c, model sonnet, CLI 2.1.3
            I will read
            the file.
            > Bash ls -l
              < a  (+2 lines)
                  ! denied
            plain output
            == success, 3 turns, 1m02s, $0.42
            "#);
    }

    #[test]
    fn nobody_is_billed_for_a_subscription() {
        let check = |source: &str| {
            let mut reader = Reader::new(Form::People(Paint::PLAIN), Speaker::Session);
            let stream = STREAM.replacen('{', &format!(r#"{{"apiKeySource":"{source}","#), 1);
            reader.push(stream.as_bytes()) + &reader.finish()
        };
        assert!(check("none").ends_with("1m02s, ~$0.42\n"));
        assert!(check("ANTHROPIC_API_KEY").ends_with("1m02s, $0.42\n"));
    }

    #[test]
    fn lines_of_a_command_are_no_events() {
        let line = r#"{"type":"result","subtype":"success"}"#;
        let check = |form, speaker| Reader::new(form, speaker).push(format!("{line}\n").as_bytes());
        let people = Form::People(Paint::PLAIN);
        assert_eq!(check(people, Speaker::Session), "== success\n");
        assert_eq!(check(people, Speaker::Command), format!("{line}\n"));
        assert_eq!(check(Form::Programs, Speaker::Session), format!("{line}\n"));
        assert_eq!(check(Form::Programs, Speaker::Command), format!("{}\n", stdout_line(line)));
        let shown = |speaker| output_of(line.as_bytes(), speaker, 5).len();
        assert_eq!((shown(Speaker::Session), shown(Speaker::Command)), (0, 1));
    }

    #[test]
    fn pieces_of_any_size_read_the_same() {
        for pieces in [2, 7, 64, STREAM.len()] {
            assert_eq!(check(pieces), check(1), "{pieces}");
        }
    }

    #[test]
    fn every_recorded_stream_can_be_read() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let shared =
            std::env::var_os("ORCH_SHARED").map_or_else(|| root.join("../shared"), Into::into);
        let collected = std::fs::read_dir(shared.join("corpus/streams")).ok();
        if collected.is_none() {
            crate::left_out::note("larger collection of recordings (ORCH_SHARED names one)");
        }
        let own = std::fs::read_dir(root.join("tests/corpus/streams")).unwrap();
        let files = own.chain(collected.into_iter().flatten()).map(|entry| entry.unwrap().path());
        let mut count = 0;
        for path in files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")) {
            let mut reader = Reader::new(Form::People(Paint::PLAIN), Speaker::Session);
            let text = reader.push(&std::fs::read(&path).unwrap()) + &reader.finish();
            assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{path:?}");
            count += 1;
        }
        assert!(count > 30);
    }
}
