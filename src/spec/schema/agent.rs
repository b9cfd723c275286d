//! The shape of an agent's front matter.
#![expect(dead_code, reason = "the types only describe: their schema is read, never a value")]

use schemars::JsonSchema;

use super::shared::OneOrMany;

/// The front matter of an agent; the Markdown below it is the role text that opens the prompt.
#[derive(JsonSchema)]
#[schemars(title = "orch agent")]
pub(super) struct Agent {
    /// What plans and rules call it. The stem of the file where none is given.
    pub name: Option<String>,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// The CLI's names of the tools it may use (`Read`, `Bash(git *)`), as a list or with commas. `*`
    /// stands for the default ones.
    pub tools: Option<OneOrMany>,
    /// Tools it may not use, or uses of them (`Bash(rm *)`), whatever `tools` says.
    #[schemars(rename = "disallowedTools")]
    pub disallowed_tools: Option<OneOrMany>,
    /// The model, as the CLI takes it; `inherit` is the same as none.
    pub model: Option<String>,
    /// `least` (the default): exactly these tools. `bypass`: no permission is ever asked for.
    pub permission: Option<Permission>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Permission {
    Least,
    Bypass,
}
