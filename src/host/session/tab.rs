//! What the stand-in of the CLI keeps of its own costs: the total of each session, for when it goes on,
//! and, where somebody counts along, a line for every call and result.

use std::fs;
use std::io::Write;

use serde_json::{Value, json};

/// Names a file that gets a line of JSON for every model call (`{"session", "call"}`) and every
/// result (`{"session", "cost"}`). Tests hold the ledger against it.
const LOG: &str = "ORCH_SCRIPTED_LOG";

/// In the worktree, which is the same where a session goes on; nothing below `.orch` lands.
fn place(session: &str) -> String {
    format!(".orch/task/played-{session}")
}

/// What a process spends, on top of what its session had cost before.
#[derive(Debug, Default)]
pub struct Tab {
    before: f64,
    cost: f64,
    max: Option<f64>,
}

impl Tab {
    /// For a session that goes on, or a new one; `max` is the flag's word.
    pub fn open(resumed: Option<&str>, max: Option<&str>) -> Self {
        let before = resumed.and_then(total_of).unwrap_or_default();
        Self { before, cost: 0.0, max: max.and_then(|text| text.parse().ok()) }
    }

    /// True where that was all it may spend.
    pub fn add(&mut self, dollars: f64) -> bool {
        self.cost += dollars;
        self.max.is_some_and(|max| self.cost >= max)
    }

    /// Tells costs as the CLI does: the totals are those of the whole session, resumed or not.
    pub fn close(&self, session: &str, model: &str, n_calls: u64, result: &mut Value) {
        let total = self.before + self.cost;
        let usage = |cost: f64| {
            json!({ model: {"inputTokens": 100 * n_calls, "outputTokens": 10 * n_calls,
                "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0, "costUSD": cost} })
        };
        result["total_cost_usd"] = json!(total);
        result["modelUsage"] = usage(total);
        result["model_usage_since_last_result"] = usage(self.cost);
        log(session, json!({"cost": self.cost}));
        // Where it cannot be kept the session counts from zero, as a CLI without its state would.
        let _ = fs::write(place(session), total.to_string());
    }
}

fn total_of(session: &str) -> Option<f64> {
    fs::read_to_string(place(session)).ok()?.trim().parse().ok()
}

pub fn log(session: &str, mut line: Value) {
    let Some(path) = std::env::var_os(LOG) else { return };
    line["session"] = json!(session);
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    // One write for each line: several players share the file.
    let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}
