//! The keys of an agent's front matter.

use super::{Effort, Permission};
use crate::spec::keys::Shape::{self, Forms, List, Text, Texts, Word};
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
        /// How hard its sessions are to think: `low`, `medium`, `high` or `max`.
        effort: Word("effort", words::<Effort>),
        /// Model calls that a session of it may make, at most.
        maxTurns: Shape::POSITIVE,
        /// Servers of tools (MCP) that its sessions have: names of the project's `.mcp.json`, or definitions
        /// as there.
        mcpServers: Forms(&[Texts, SERVERS, List(&SERVERS)]),
        /// The CLI's own word for how calls are answered. `default`, `acceptEdits` and `dontAsk` are what a
        /// session does anyway; others have no effect and are told.
        permissionMode: Text,
    ];
}

/// Names of servers, each with a mapping of its own.
const SERVERS: Shape = Shape::Names(&Text, &Shape::Names(&Text, &ANY));

/// What a server's definition may say of one thing.
const ANY: Shape = Forms(&[Text, Shape::Flag, Shape::NUMBER, Texts, Shape::Names(&Text, &Text)]);

/// Keys that mean something to Claude Code and nothing here; `terms` tells of those that would change
/// what a session does.
const OF_CLI: &[&str] =
    &["background", "color", "hooks", "initialPrompt", "isolation", "memory", "skills"];

const HABITS: &[(&str, &str)] = &[("allowedtools", "tools"), ("permissions", "permission")];
