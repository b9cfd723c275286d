//! The CLI's event stream: one JSON object a line, read as it comes, folded into facts.

use serde::{Deserialize, Serialize};

use crate::base::measure::{Millis, Usd};
use crate::base::name::{ModelName, SessionId};

/// What a whole stream says, without judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFacts {
    pub session: Option<SessionId>,
    /// `claude_code_version` of the last `init`.
    pub cli_version: Option<String>,
    pub inits: u32,
    /// Events by `type/subtype`, unknown ones too: nothing is lost silently.
    pub n_events: u64,
    /// Lines that are no JSON object (blank lines apart).
    pub n_foreign_lines: u64,
    /// The last line had no newline and did not parse.
    pub is_truncated: bool,
    /// The last `result` event before the end.
    pub result: Option<ResultFacts>,
    pub n_results: u32,
    /// Cost of this process: deltas where the CLI resumed a session, estimates where it was killed.
    pub cost: Usd,
    pub tokens: Tokens,
    /// Models that answered, from `modelUsage`, else from messages; without `<synthetic>`.
    pub models: Vec<ModelName>,
    /// Distinct completed model calls.
    pub n_calls: u32,
    /// Tool calls, and those that were not answered when the stream ended.
    pub n_tool_uses: u32,
    pub permission_denials: Vec<String>,
    /// The last synthetic API-error message.
    pub api_error: Option<ApiError>,
    /// The last rejected `rate_limit_event`.
    pub rate_limit: Option<RateLimit>,
    pub n_api_retries: u32,
    /// Files by the tool calls' own words, as the stream names them (absolute or relative).
    pub files_read: Vec<String>,
    pub files_written: Vec<String>,
    /// The final text: the last result's, else the last assistant text.
    pub final_text: String,
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
    pub n_turns: u32,
    pub duration: Millis,
    /// As the CLI says it, cumulative over a resumed session.
    pub total_cost: Usd,
    pub has_structured_output: bool,
    pub structured_output: Option<String>,
    pub errors: Vec<String>,
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
    pub kind: Option<String>,
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
}
