//! The events as the CLI writes them, read leniently: a field of another type than expected is as
//! if it were absent, so that no event is lost to it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use crate::base::measure::Usd;

use super::Tokens;

/// One event, as far as it matters.
pub enum Wire {
    Init(Init),
    Assistant(Box<Assistant>),
    User(Box<User>),
    Result(Box<ResultLine>),
    Retry(Retry),
    Denied(Denial),
    TaskStarted(BackgroundTask),
    TaskEnded(String),
    TasksChanged(Vec<BackgroundTask>),
    RateLimited(RateLimitInfo),
    Other,
}

/// Reads one JSON object; `None` where the text is none.
pub fn event_of(text: &str) -> Option<Wire> {
    if !text.starts_with('{') {
        return None;
    }
    let head: Head = match serde_json::from_str(text) {
        Ok(head) => head,
        Err(_) => return without_duplicates(text).and_then(|text| typed_event(&text)),
    };
    read_as(&head, text).or_else(|| typed_event(&without_duplicates(text)?))
}

fn typed_event(text: &str) -> Option<Wire> {
    read_as(&serde_json::from_str(text).ok()?, text)
}

/// JSON allows a key twice, derived readers do not: the last one wins.
fn without_duplicates(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Map<_, _>>(text).ok().and_then(|map| {
        let value: serde_json::Map<String, serde_json::Value> = map;
        serde_json::to_string(&value).ok()
    })
}

fn read_as(head: &Head, text: &str) -> Option<Wire> {
    fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_str(text).ok()
    }
    Some(match (head.kind.as_str(), head.subtype.as_str()) {
        ("assistant", _) => Wire::Assistant(read(text)?),
        ("user", _) => Wire::User(read(text)?),
        ("result", _) => Wire::Result(read(text)?),
        ("rate_limit_event", _) => Wire::RateLimited(read::<RateLimitLine>(text)?.rate_limit_info),
        ("system", "init") => Wire::Init(read(text)?),
        ("system", "api_retry") => Wire::Retry(read(text)?),
        ("system", "permission_denied") => Wire::Denied(read(text)?),
        ("system", "task_started") => Wire::TaskStarted(read(text)?),
        ("system", "task_notification") => Wire::TaskEnded(read::<BackgroundTask>(text)?.task_id),
        ("system", "task_updated") => read::<TaskUpdate>(text)?.ended(),
        ("system", "background_tasks_changed") => Wire::TasksChanged(read::<TaskList>(text)?.tasks),
        _ => Wire::Other,
    })
}

fn lenient<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

macro_rules! wire {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$attribute])* #[serde(deserialize_with = "lenient")] pub $field: $kind,)*
        }
    )*};
}

wire! {
    struct Head {
        #[serde(rename = "type")]
        kind: String,
        subtype: String,
    }
    struct Init {
        session_id: Option<String>,
        model: Option<String>,
        claude_code_version: Option<String>,
        tools: Vec<String>,
        #[serde(rename = "apiKeySource")]
        key_source: Option<String>,
    }
    struct Assistant {
        message: Message,
        session_id: Option<String>,
        parent_tool_use_id: Option<String>,
        timestamp: Option<String>,
        error: Option<String>,
        is_api_error_message: bool,
        api_error_status: Option<u16>,
        api_error_type: Option<String>,
        api_error: Option<String>,
    }
    struct Message {
        id: String,
        model: String,
        content: Vec<Block>,
        usage: Usage,
    }
    /// One block of a message: text, thinking, tool_use or tool_result.
    struct Block {
        #[serde(rename = "type")]
        kind: String,
        text: String,
        thinking: String,
        id: String,
        name: String,
        input: ToolInput,
        tool_use_id: String,
        is_error: bool,
        /// Of a tool_result that is one text.
        content: Option<String>,
    }
    struct ToolInput {
        file_path: Option<String>,
        notebook_path: Option<String>,
        path: Option<String>,
        command: Option<String>,
        pattern: Option<String>,
        url: Option<String>,
        query: Option<String>,
        description: Option<String>,
        timeout: Option<u64>,
        questions: Vec<AskedQuestion>,
    }
    struct AskedQuestion {
        question: Option<String>,
    }
    struct User {
        message: Message,
        timestamp: Option<String>,
        tool_use_result: ToolUseResult,
    }
    struct ToolUseResult {
        filenames: Vec<String>,
    }
    struct ResultLine {
        subtype: String,
        is_error: bool,
        session_id: Option<String>,
        terminal_reason: Option<String>,
        stop_reason: Option<String>,
        api_error_status: Option<u16>,
        num_turns: u32,
        duration_ms: u64,
        duration_api_ms: u64,
        total_cost_usd: f64,
        usage: Usage,
        #[serde(rename = "modelUsage")]
        model_usage: BTreeMap<String, ModelUsage>,
        model_usage_since_last_result: Option<BTreeMap<String, ModelUsage>>,
        permission_denials: Vec<Denial>,
        result: Option<String>,
        errors: Vec<String>,
        startup_failure_reason: Option<String>,
        structured_output: Option<serde_json::Value>,
    }
    struct Usage {
        input_tokens: u64,
        output_tokens: u64,
        cache_read_input_tokens: u64,
        cache_creation_input_tokens: u64,
        cache_creation: CacheCreation,
    }
    /// What of the writes into the provider's cache is kept how long.
    struct CacheCreation {
        ephemeral_1h_input_tokens: u64,
    }
    struct ModelUsage {
        #[serde(rename = "inputTokens")]
        input: u64,
        #[serde(rename = "outputTokens")]
        output: u64,
        #[serde(rename = "cacheReadInputTokens")]
        cache_read: u64,
        #[serde(rename = "cacheCreationInputTokens")]
        cache_creation: u64,
        #[serde(rename = "costUSD")]
        cost: f64,
    }
    struct Retry {
        attempt: u32,
        retry_delay_ms: f64,
        error_status: Option<u16>,
        error: String,
    }
    struct Denial {
        tool_name: String,
        tool_use_id: String,
        tool_input: ToolInput,
    }
    struct BackgroundTask {
        task_id: String,
        is_backgrounded: Option<bool>,
    }
    struct TaskUpdate {
        task_id: String,
        patch: TaskPatch,
    }
    struct TaskPatch {
        status: String,
    }
    struct TaskList {
        tasks: Vec<BackgroundTask>,
    }
    struct RateLimitLine {
        rate_limit_info: RateLimitInfo,
    }
    struct RateLimitInfo {
        status: String,
        #[serde(rename = "resetsAt")]
        resets_at: Option<u64>,
        #[serde(rename = "rateLimitType")]
        window: Option<String>,
        utilization: Option<f64>,
        #[serde(rename = "isUsingOverage")]
        is_using_overage: bool,
        #[serde(rename = "unifiedWindows")]
        windows: BTreeMap<String, OneWindow>,
    }
    struct OneWindow {
        status: String,
        #[serde(rename = "resetsAt")]
        resets_at: Option<u64>,
        utilization: Option<f64>,
    }
}

impl ToolInput {
    /// The one detail that matters: path, command, pattern.
    pub fn detail(&self) -> &str {
        [
            &self.file_path,
            &self.notebook_path,
            &self.command,
            &self.pattern,
            &self.path,
            &self.url,
            &self.query,
            &self.description,
        ]
        .into_iter()
        .chain(self.questions.iter().map(|it| &it.question))
        .find_map(Option::as_deref)
        .unwrap_or_default()
    }
}

impl TaskUpdate {
    fn ended(self) -> Wire {
        match self.patch.status.as_str() {
            "" | "pending" | "queued" | "running" | "in_progress" => Wire::Other,
            _ => Wire::TaskEnded(self.task_id),
        }
    }
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        Self {
            input: usage.input_tokens,
            output: usage.output_tokens,
            cache_read: usage.cache_read_input_tokens,
            cache_creation: usage.cache_creation_input_tokens,
        }
    }
}

impl From<&ModelUsage> for Tokens {
    fn from(usage: &ModelUsage) -> Self {
        Self {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_creation: usage.cache_creation,
        }
    }
}

/// Sums of a `modelUsage` object.
pub fn total_of(usage: &BTreeMap<String, ModelUsage>) -> (Usd, Tokens) {
    usage.values().fold(Default::default(), |(cost, tokens): (Usd, Tokens), model| {
        (cost + Usd::from_dollars(model.cost), tokens.plus(Tokens::from(model)))
    })
}

impl Tokens {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_creation: self.cache_creation.saturating_add(other.cache_creation),
        }
    }
}
