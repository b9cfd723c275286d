//! An agent: Markdown with YAML front matter; the body is the role text that opens the prompt.

use crate::base::diagnostic::{Diagnostic, Parsed};
use crate::base::name::{AgentName, ModelName};
use crate::base::source::{Source, Span};

use super::yaml::{self, Codes, Fields, Problems, codes};

/// An agent file. The name is the file's stem unless the front matter has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    pub name: AgentName,
    pub description: String,
    /// Tool names as the CLI knows them (`Read`, `Bash`, `Bash(git *)`); empty means none declared.
    pub tools: Vec<String>,
    pub model: Option<ModelName>,
    pub permission: Permission,
    /// The Markdown after the front matter, without leading blank lines.
    pub body: String,
}

impl Agent {
    /// True where a tool that can change files is declared, or none is: the default tools have one.
    pub fn can_write(&self) -> bool {
        self.tools.is_empty()
            || self.tools.iter().any(|tool| {
                let name = tool.split('(').next().unwrap_or(tool).trim();
                matches!(name, "Edit" | "Write" | "MultiEdit" | "NotebookEdit" | "Bash")
            })
    }
}

/// How the CLI's permission prompts are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Exactly the declared tools, file tools confined to the worktree; everything else is denied.
    #[default]
    LeastPrivilege,
    /// `--dangerously-skip-permissions`: only where the agent's file asks for it (`permission: bypass`).
    Bypass,
}

/// Every key of the front matter that has a meaning.
pub const KEYS: &[&str] = &["name", "description", "tools", "model", "permission"];

const CODES: Codes = codes!("agent");

/// Reads an agent file. Without front matter the whole file is the body.
pub fn parse(source: &Source) -> Parsed<Agent> {
    let problems = Problems::new(&source.path, &CODES);
    let parts = split(&source.text);
    let mut agent = Agent {
        name: AgentName::new(stem(source.path.file_name())),
        description: String::new(),
        tools: Vec::new(),
        model: None,
        permission: Permission::default(),
        body: body_of(&source.text[parts.body..]).to_owned(),
    };
    if parts.is_open {
        problems.report(unclosed());
    }
    let mut diagnostics = Vec::new();
    if let Some(front) = parts.front {
        let parsed = yaml::parse_part(source, front);
        diagnostics = parsed.diagnostics;
        let fields = parsed.value.as_ref().filter(|node| !node.is_null());
        if let Some(fields) = fields.and_then(|node| Fields::of(node, "front matter", &problems)) {
            read(fields, &mut agent);
        }
    }
    diagnostics.extend(problems.into_found());
    Parsed { value: agent, diagnostics }
}

fn read(mut fields: Fields<'_, '_>, agent: &mut Agent) {
    if let Some(name) = fields.text("name").map(str::trim).filter(|name| !name.is_empty()) {
        agent.name = AgentName::new(name);
    }
    agent.description = fields.text("description").unwrap_or_default().trim().to_owned();
    agent.tools = fields.comma_texts("tools");
    agent.model = fields.model();
    let permissions = [("least", Permission::LeastPrivilege), ("bypass", Permission::Bypass)];
    agent.permission = fields.choice("permission", &permissions).unwrap_or_default();
    fields.rest_of(KEYS);
}

/// Where the parts of the file stand.
struct Parts {
    front: Option<Span>,
    body: usize,
    /// The first line opens front matter and no line closes it.
    is_open: bool,
}

/// Front matter stands between a first line `---` and the next line that is nothing but `---`.
fn split(text: &str) -> Parts {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lines = text[start..].split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_fence(line)) else {
        return Parts { front: None, body: start, is_open: false };
    };
    let front = start + first.len();
    let mut at = front;
    for line in lines {
        if is_fence(line) {
            return Parts { front: Some(front..at), body: at + line.len(), is_open: false };
        }
        at += line.len();
    }
    Parts { front: None, body: start, is_open: true }
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

fn unclosed() -> Diagnostic {
    Diagnostic::warning("agent::unclosed-front-matter", "the front matter is never closed")
        .label(0..3, "opened here; the whole file is taken as the role text")
        .help("end the front matter with a line `---`")
}

fn body_of(text: &str) -> &str {
    let blank: usize =
        text.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
    &text[blank..]
}

/// A file name without its extension.
pub(super) fn stem(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests;
