//! The keys of an agent's front matter.

use super::Permission;
use crate::spec::keys::Shape::{Text, Texts, Word};
use crate::spec::keys::{keys, words};

keys! {
    /// The front matter of an agent; the Markdown below it is the role text that opens the prompt.
    pub static AGENT = "front matter", Kept { foreign: OF_CLI, habits: HABITS } [
        /// What plans and rules call it.
        name [default: "the file's stem"]: Text,
        /// What it is for, in a sentence.
        description: Text,
        /// The CLI's names of the tools it may use (`Read`, `Bash(git *)`), as a list or with commas. `*`
        /// stands for the default ones.
        tools: Texts,
        /// Tools it may not use, or uses of them (`Bash(rm *)`), whatever `tools` says.
        disallowedTools: Texts,
        /// The model, as the CLI takes it; `inherit` is the same as none.
        model: Text,
        /// `least`: exactly these tools. `bypass`: no permission is ever asked for.
        permission [default: "`least`"]: Word("permission", words::<Permission>),
    ];
}

/// Keys that mean something to Claude Code and nothing here.
const OF_CLI: &[&str] = &[
    "background",
    "color",
    "effort",
    "hooks",
    "initialPrompt",
    "isolation",
    "maxTurns",
    "mcpServers",
    "memory",
    "permissionMode",
    "skills",
];

const HABITS: &[(&str, &str)] = &[("allowedtools", "tools"), ("permissions", "permission")];
