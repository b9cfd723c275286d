//! The CLI's event stream: one JSON object a line, read as it comes, folded into facts.

mod clean;
mod denied;
mod ended;
mod fold;
mod line;
mod looks;
mod output;
mod pace;
mod phrases;
mod price;
mod spending;
mod tools;
mod windows;
mod wire;

use serde::{Deserialize, Serialize};

pub use clean::clean;
pub use line::LINE_LIMIT;
pub use looks::is_look;
pub use output::{stderr_in, stderr_line, stdout_line};
pub use pace::Pace;
pub use phrases::{class_of_message, class_of_refusal};
pub use price::PRICES_VERSION;

use crate::base::measure::{Millis, Usd};
use crate::base::name::{ModelName, SessionId};

/// What a whole stream says, without judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFacts {
    pub session: Option<SessionId>,
    /// `claude_code_version` of the last `init`.
    pub cli_version: Option<String>,
    pub inits: u32,
    /// Events, unknown ones too: nothing is lost silently.
    pub n_events: u64,
    /// Lines that are no JSON object (blank lines apart).
    pub n_foreign_lines: u64,
    /// Lines above [`LINE_LIMIT`] bytes: counted, not read.
    pub n_skipped_lines: u64,
    /// Events of a type this reader has no use for.
    pub n_unknown_events: u64,
    /// The last line had no newline and did not parse.
    pub is_truncated: bool,
    /// When the last message came, as the CLI writes it (RFC 3339); older versions write none.
    pub last_message_at: Option<String>,
    /// The last `result` event before the end.
    pub result: Option<ResultFacts>,
    pub n_results: u32,
    /// Cost of this process: deltas where the CLI resumed a session, estimates where it was killed.
    pub cost: Usd,
    pub tokens: Tokens,
    /// The same by model, by name.
    pub by_model: Vec<ModelSpend>,
    /// The CLI did not count all of it, since it was cut short: the rest is estimated by list price.
    pub is_estimate: bool,
    /// Turns and time at the API, over all results.
    pub n_turns: u32,
    pub api_duration: Millis,
    /// `apiKeySource` of the last `init`: where the session's key came from.
    pub key_source: Option<String>,
    /// Models that answered, from `modelUsage`, else from messages; without `<synthetic>`.
    pub models: Vec<ModelName>,
    /// Models that answered in the session itself, without its sub-agents, the first one first.
    pub main_models: Vec<ModelName>,
    /// Distinct completed model calls.
    pub n_calls: u32,
    pub n_tool_uses: u32,
    /// Tools whose calls were answered without an error, by name.
    pub tools_used: Vec<String>,
    /// Calls that were answered, with an error or without, as `Tool(detail)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<String>,
    /// Of all calls, those that look at something, and how many of those were answered without an error.
    pub n_looks: u32,
    pub n_seen: u32,
    /// Tool calls that had no answer when the stream ended.
    pub n_unanswered_tools: u32,
    /// Denied calls as `Tool(detail)`, without those of which the very same call was allowed later.
    pub permission_denials: Vec<String>,
    /// The last synthetic API-error message.
    pub api_error: Option<ApiError>,
    /// The last rejected `rate_limit_event` that no answer and no allowance followed.
    pub rate_limit: Option<RateLimit>,
    /// How far each window of the plan is used, as last heard, by the CLI's name of the window.
    pub windows: Vec<WindowUse>,
    /// The plan is used up and paid use goes on beyond it.
    pub is_using_overage: bool,
    pub n_api_retries: u32,
    /// The last `api_retry` that nothing followed: what the CLI was waiting for at the end.
    pub retrying: Option<Retrying>,
    /// Files by the tool calls' own words, as the stream names them (absolute or relative).
    pub files_read: Vec<String>,
    pub files_written: Vec<String>,
    /// The final text: the last result's, else the last assistant text.
    pub final_text: String,
    /// The final text is the model's, not the CLI's: it may quote anything.
    pub is_final_text_said: bool,
    /// The session had the tool by which a structured answer is given: one was asked for.
    pub has_schema: bool,
    /// A background task was still running when the last result came.
    pub has_background_task: bool,
}

/// The last `result` event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFacts {
    pub subtype: String,
    pub is_error: bool,
    pub terminal_reason: Option<String>,
    pub api_error_status: Option<u16>,
    pub stop_reason: Option<String>,
    pub n_turns: u32,
    pub duration: Millis,
    /// The main loop's own count; the whole, with sub-agents, is `StreamFacts::tokens`.
    pub usage: Tokens,
    /// As the CLI says it, cumulative over a resumed session.
    pub total_cost: Usd,
    pub has_structured_output: bool,
    pub structured_output: Option<String>,
    pub errors: Vec<String>,
    /// Why the CLI did not even begin, in its own word.
    pub startup_failure: Option<String>,
}

/// What one model's share of a session was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpend {
    pub model: ModelName,
    pub cost: Usd,
    pub tokens: Tokens,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_creation: u64,
}

/// A synthetic message that reports an API failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// `rate_limit`, `authentication_failed`, `server_error`, ...
    pub error: String,
    pub status: Option<u16>,
    /// The API's own `error.type`.
    pub kind: Option<String>,
    /// The CLI's finer word: `connection_failed`, `usage_limit_reached`, `max_output_tokens`.
    pub code: Option<String>,
    pub text: String,
}

/// A `rate_limit_event` that rejected the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    pub status: String,
    /// Seconds since 1970; absent means a throttle, not a plan limit.
    pub resets_at: Option<u64>,
    pub window: Option<String>,
}

/// How far a window of the plan is used: a near limit is told before it is hit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowUse {
    /// The CLI's name of it: `five_hour`, `seven_day`, ...
    pub window: String,
    /// `allowed`, `allowed_warning` or `rejected`.
    pub status: String,
    /// Thousandths of what the plan has.
    pub permille: Option<u16>,
    /// Seconds since 1970.
    pub resets_at: Option<u64>,
}

impl WindowUse {
    /// The CLI warns that little is left.
    pub fn is_near_limit(&self) -> bool {
        self.status == "allowed_warning"
    }
}

/// The CLI asks the API again after a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrying {
    pub attempt: u32,
    /// `authentication_failed`, `overloaded`, `rate_limit`, ...
    pub error: String,
    /// Absent where the API could not be reached.
    pub status: Option<u16>,
}

impl ApiError {
    /// The CLI has marked it as a failure; older versions do not, and some of the messages that
    /// they make up are none.
    pub fn is_marked(&self) -> bool {
        !self.error.is_empty()
            || self.status.is_some()
            || self.code.is_some()
            || self.kind.is_some()
    }
}

/// A step worth showing while the session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Started {
        session: Option<SessionId>,
        model: Option<ModelName>,
    },
    /// Text of the model, cut to 200 characters.
    Said(String),
    /// A tool call: its name and the one detail that matters (path, command, pattern), cut to 80.
    UsedTool {
        tool: String,
        detail: String,
    },
    /// What this process has cost so far, estimated until its result comes.
    Cost(Usd),
    /// The CLI waits before it asks the API again.
    Retrying {
        attempt: u32,
        wait: Millis,
        error: String,
    },
    /// Output of a command, one line.
    Output(String),
    /// The same of its stderr.
    Complaint(String),
}

/// Reads a stream as it comes, in chunks of any size, with bounded memory.
#[derive(Debug, Default)]
pub struct StreamReader {
    lines: line::LineSplitter,
    fold: fold::Fold,
}

impl StreamReader {
    /// `base_cost` is what the CLI already counts for a session that is resumed; it is needed only
    /// where the CLI is too old to say what is new (`model_usage_since_last_result`).
    pub fn new(base_cost: Usd) -> Self {
        Self { lines: line::LineSplitter::default(), fold: fold::Fold::new(base_cost) }
    }

    /// Takes the next bytes; answers with what is worth showing.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Progress> {
        let mut shown = Vec::new();
        let fold = &mut self.fold;
        self.lines.feed(bytes, &mut |line| fold.take(line, &mut shown));
        shown
    }

    /// What the stream cost so far: estimated until its result comes.
    pub fn cost(&self) -> Usd {
        self.fold.cost()
    }

    /// The session, once the stream has named it.
    pub fn session(&self) -> Option<&SessionId> {
        self.fold.session()
    }

    /// Whether silence is to be expected now.
    pub fn pace(&self) -> Pace {
        self.fold.pacer.pace()
    }

    /// The stream is over; a last line without newline still counts where it can be read.
    pub fn finish(mut self) -> StreamFacts {
        if let Some(rest) = self.lines.finish() {
            self.fold.take_last(&rest);
        }
        self.fold.finish(self.lines.n_skipped())
    }
}

/// Facts of a whole stream at once.
pub fn facts_of(bytes: &[u8]) -> StreamFacts {
    let mut reader = StreamReader::default();
    reader.feed(bytes);
    reader.finish()
}

#[cfg(test)]
mod tests;
