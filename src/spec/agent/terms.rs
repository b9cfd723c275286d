//! What an agent's file asks of the CLI beside its tools and its model: how hard it is to think, how many
//! turns it may take, which servers give it tools. What cannot be had is told, never dropped in silence.

use strum::{EnumIter, EnumMessage};

use super::tools::server_of;
use super::{Agent, CODES};
use crate::base::diagnostic::Diagnostic;
use crate::spec::keys::{value_of, words};
use crate::spec::yaml::{Fields, Node, NodeKind, Resolved, Scalar};

/// How hard a session is to think, weakest first, in the CLI's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumMessage)]
pub enum Effort {
    #[strum(serialize = "low")]
    Low,
    #[strum(serialize = "medium")]
    Medium,
    #[strum(serialize = "high")]
    High,
    #[strum(serialize = "max")]
    Max,
}

/// A server of tools (MCP) that an agent's sessions have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    pub name: String,
    /// As JSON; `None` means that the project's `.mcp.json` has it.
    pub definition: Option<String>,
}

/// Modes in which a session does what it does under orch anyway.
const SAME_MODES: [&str; 4] = ["", "default", "acceptEdits", "dontAsk"];

/// Keys of the CLI that a session of orch cannot heed, and what to do instead.
const UNHEEDED: [(&str, &str); 4] = [
    ("hooks", "hooks of the project's `.claude/settings.json` are run"),
    ("initialPrompt", "write it into the role text"),
    ("memory", "each session starts afresh; name the files that it is to read in the role text"),
    ("skills", "name the skills' files in the role text"),
];

impl Effort {
    /// The CLI's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Max => "max",
        }
    }
}

impl Agent {
    /// The servers whose tools it may use: those that it lists, and those that its tools name.
    pub fn servers_wanted(&self) -> Vec<Server> {
        let mut wanted = self.servers.clone();
        for name in self.tools.iter().filter_map(|tool| server_of(tool)) {
            if !wanted.iter().any(|it| it.name == name) {
                wanted.push(Server { name: name.to_owned(), definition: None });
            }
        }
        wanted
    }
}

/// Reads what the front matter asks for, and tells what of it cannot be had.
pub(super) fn read(fields: &mut Fields<'_, '_>, agent: &mut Agent) {
    agent.max_turns = fields.node("maxTurns").and_then(|node| {
        let turns = node.as_text().and_then(|it| it.trim().parse().ok()).filter(|it| *it > 0);
        turns.or_else(|| left_out(fields, "maxTurns", node, "a whole number, at least 1"))
    });
    agent.effort = fields.node("effort").and_then(|node| {
        let effort = node.as_text().and_then(|it| value_of::<Effort>(it.trim()));
        let known: Vec<&str> = words::<Effort>().iter().map(|it| it.text).collect();
        effort.or_else(|| left_out(fields, "effort", node, &known.join(", ")))
    });
    if let Some(node) = fields.node("mcpServers") {
        agent.servers = servers_of(fields, node);
    }
    check_mode(fields);
    for (key, help) in UNHEEDED {
        if let Some(span) = fields.span_of(key) {
            let found = not_heeded(format!("`{key}` has no effect in sessions of orch"));
            fields.problems().report(found.label(span, "not heeded").help(help));
        }
    }
}

fn not_heeded(message: String) -> Diagnostic {
    Diagnostic::warning("agent::not-heeded", message)
}

/// Says that a value is not understood and has no effect; there is none.
fn left_out<T>(fields: &Fields<'_, '_>, key: &str, node: &Node<'_>, right: &str) -> Option<T> {
    let code = if node.as_text().is_some() { CODES.bad_value } else { CODES.wrong_type };
    let found = Diagnostic::warning(code, format!("`{key}` is not understood"));
    let found = found.label(node.span.clone(), "it is left out").help(format!("one of: {right}"));
    fields.problems().report(found);
    None
}

fn no_definition(fields: &Fields<'_, '_>, node: &Node<'_>) {
    let message =
        format!("a server in `mcpServers` must be defined by a mapping, not {}", node.noun());
    let found = Diagnostic::warning(CODES.wrong_type, message);
    let help = "a name alone stands for the server of this name in `.mcp.json`";
    fields.problems().report(found.label(node.span.clone(), "it is left out").help(help));
}

fn check_mode(fields: &mut Fields<'_, '_>) {
    let Some(node) = fields.node("permissionMode") else { return };
    let Some(mode) = node.as_text().map(str::trim) else {
        left_out::<()>(fields, "permissionMode", node, &SAME_MODES[1..].join(", "));
        return;
    };
    if SAME_MODES.contains(&mode) {
        return;
    }
    let help = match mode {
        "bypassPermissions" | "auto" => "`permission: bypass` lets a session of orch do everything",
        "plan" => "leave Edit, Write and Bash out of `tools` for one that only looks",
        _ => "`default`, `acceptEdits` and `dontAsk` are what a session of orch does",
    };
    let found = not_heeded(format!("`permissionMode: {mode}` has no effect in sessions of orch"));
    let found = found.label(node.span.clone(), "only what `tools` lists is let through");
    fields.problems().report(found.help(help));
}

/// Names, and mappings of names to definitions, in a list or alone.
fn servers_of(fields: &Fields<'_, '_>, node: &Node<'_>) -> Vec<Server> {
    match &node.kind {
        NodeKind::Sequence(list) => {
            list.items.iter().flat_map(|item| servers_of(fields, item)).collect()
        }
        NodeKind::Mapping(mapping) => {
            let defined = mapping.entries.iter().filter_map(|entry| {
                let (name, value) = (entry.key.to_string(), &entry.value);
                if value.as_mapping().is_none() && !value.is_null() {
                    no_definition(fields, value);
                    return None;
                }
                let definition = value.as_mapping().map(|_| json_of(value).to_string());
                Some(Server { name, definition })
            });
            defined.collect()
        }
        NodeKind::Scalar(Scalar { text, .. }) => {
            let names = text.split(',').map(str::trim).filter(|it| !it.is_empty() && *it != "~");
            names.map(|name| Server { name: name.to_owned(), definition: None }).collect()
        }
    }
}

fn json_of(node: &Node<'_>) -> serde_json::Value {
    match &node.kind {
        NodeKind::Scalar(scalar) => match scalar.resolve() {
            Resolved::Null => serde_json::Value::Null,
            Resolved::Bool(is_so) => is_so.into(),
            Resolved::Int(number) => number.into(),
            Resolved::Float(number) => number.into(),
            Resolved::Text => scalar.text.to_string().into(),
        },
        NodeKind::Sequence(list) => list.items.iter().map(json_of).collect(),
        NodeKind::Mapping(mapping) => {
            let entries = mapping.entries.iter();
            entries.map(|entry| (entry.key.to_string(), json_of(&entry.value))).collect()
        }
    }
}
