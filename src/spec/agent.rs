//! An agent: Markdown with YAML front matter; the body is the role text that opens the prompt. Front
//! matter is read as leniently as Claude Code reads it: nothing in an agent file is an error by
//! itself, only a task whose agent cannot be told is.

pub mod keys;
mod loose;
mod parts;
mod terms;
mod tools;

use strum::{EnumIter, EnumMessage};

use crate::base::diagnostic::{Diagnostic, Parsed, Severity};
use crate::base::name::{AgentName, ModelName};
use crate::base::source::{Source, Span};

use super::yaml::{self, Codes, Fields, Node, Problems, codes};

pub use terms::{Effort, Server};
pub use tools::{DEFAULT_TOOLS, covers};

use keys::AGENT;

/// An agent file. The name is the file's stem unless the front matter has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    pub name: AgentName,
    pub description: String,
    /// Tool names as the CLI knows them (`Read`, `Bash`, `Bash(git *)`); empty means none declared.
    pub tools: Vec<String>,
    /// What it may not use whatever `tools` says: names of tools, and patterns.
    pub disallowed: Vec<String>,
    pub model: Option<ModelName>,
    pub permission: Permission,
    /// How hard its sessions are to think; `None` leaves it to the CLI.
    pub effort: Option<Effort>,
    /// Model calls that a session of it may make.
    pub max_turns: Option<u32>,
    /// The servers of tools that it lists itself.
    pub servers: Vec<Server>,
    /// The Markdown after the front matter, without leading blank lines.
    pub body: String,
    /// Why tools, model or permission cannot be told: no session may be started with this agent.
    pub doubt: Option<String>,
}

/// How the CLI's permission prompts are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
pub enum Permission {
    /// Exactly the declared tools, file tools confined to the worktree; everything else is denied.
    #[default]
    #[strum(serialize = "least")]
    LeastPrivilege,
    /// `--dangerously-skip-permissions`: only where the agent's file asks for it (`permission: bypass`).
    Bypass,
}

const CODES: Codes = codes!("agent");

/// Reads an agent file. Without front matter the whole file is the body.
pub fn parse(source: &Source) -> Parsed<Agent> {
    let problems = Problems::new(&source.path, &CODES);
    let parts = parts::split(&source.text);
    let mut agent = Agent {
        name: AgentName::new(stem(source.path.file_name())),
        description: String::new(),
        tools: Vec::new(),
        disallowed: Vec::new(),
        model: None,
        permission: Permission::default(),
        effort: None,
        max_turns: None,
        servers: Vec::new(),
        body: body_of(&source.text[parts.body..]).to_owned(),
        doubt: None,
    };
    if let Some(opening) = parts.unclosed {
        problems.report(unclosed(opening, parts.front.is_some()));
    }
    if let Some(front) = parts.front {
        read_front(source, front, &mut agent, &problems);
    }
    let mut diagnostics = problems.into_found();
    let doubt = diagnostics.iter().find(|it| it.severity == Severity::Error);
    agent.doubt = doubt.map(|it| it.message.clone());
    for found in &mut diagnostics {
        found.severity = found.severity.min(Severity::Warning);
    }
    Parsed { value: agent, diagnostics }
}

/// Where front matter stands in a text that begins with it, without its fences.
pub fn front_matter_of(text: &str) -> Option<Span> {
    let parts = parts::split(text);
    parts.front.filter(|_| parts.unclosed.is_none())
}

/// True where a text begins with front matter, closed or not.
pub fn has_front_matter(text: &str) -> bool {
    parts::split(text).front.is_some()
}

/// YAML where it is YAML, else line by line.
fn read_front(source: &Source, front: Span, agent: &mut Agent, problems: &Problems<'_>) {
    let parsed = yaml::parse_part(source, front.clone());
    let wrong = parsed.diagnostics.into_iter().find(Diagnostic::is_error);
    match parsed.value {
        None if wrong.is_none() => return,
        Some(node) if wrong.is_none() && node.is_null() => return,
        Some(node) if wrong.is_none() && node.as_mapping().is_some() => {
            return read_node(&node, agent, problems);
        }
        _ => {}
    }
    let Some(loose) = loose::read(&source.text[front.clone()], front.start) else {
        let message = "nothing of the front matter is understood";
        let found = Diagnostic::error("agent::wrong-type", message)
            .label(front, "no line has a `key: value`")
            .help("begin with `name:`, `description:` and `tools:`, each in a line of its own");
        problems.report(found);
        return;
    };
    problems.report(no_yaml(wrong, front));
    for (key, span, odd) in &loose.unclear {
        if matches!(*key, "tools" | "disallowedTools" | "model" | "permission" | "mcpServers") {
            let message = format!("`{key}` cannot be told: {odd}");
            problems.report(
                Diagnostic::error(CODES.bad_value, message)
                    .label(span.clone(), "not understood")
                    .help("write it in one line, without quotes: `tools: Read, Edit`"),
            );
        }
    }
    read_node(&loose.node, agent, problems);
}

fn read_node(node: &Node<'_>, agent: &mut Agent, problems: &Problems<'_>) {
    let Some(mut fields) = Fields::of(node, &AGENT, problems) else { return };
    if let Some(name) = said(&mut fields, "name").map(str::trim).filter(|name| !name.is_empty()) {
        agent.name = AgentName::new(name);
    }
    agent.description = said(&mut fields, "description").unwrap_or_default().trim().to_owned();
    agent.tools = tools_of(&mut fields, "tools");
    agent.disallowed = tools_of(&mut fields, "disallowedTools");
    agent.model = fields.model();
    agent.permission = fields.choice("permission").unwrap_or_default();
    check_tools(&mut fields, agent);
    terms::read(&mut fields, agent);
    fields.rest();
}

/// A text that decides nothing: where it is none, only a warning is worth it.
fn said<'n>(fields: &mut Fields<'n, '_>, name: &'static str) -> Option<&'n str> {
    let node = fields.node(name)?;
    if node.as_text().is_none() {
        let message = format!("`{name}` must be text, not {}", node.noun());
        let found = Diagnostic::warning(CODES.wrong_type, message);
        fields.problems().report(found.label(node.span.clone(), "it is left out"));
    }
    node.as_text()
}

fn tools_of(fields: &mut Fields<'_, '_>, name: &'static str) -> Vec<String> {
    let Some(node) = fields.node(name) else { return Vec::new() };
    if let Some(text) = node.as_text() {
        return tools::split(text);
    }
    let Some(list) = node.as_sequence() else {
        fields.problems().wrong_type(name, node, "a list of tools");
        return Vec::new();
    };
    let items = list.items.iter().filter(|item| !item.is_null());
    let (texts, others): (Vec<&Node<'_>>, Vec<&Node<'_>>) =
        items.partition(|item| item.as_text().is_some());
    for other in others {
        fields.problems().wrong_type(&format!("{name}[]"), other, "text");
    }
    texts.into_iter().filter_map(Node::as_text).map(|text| text.trim().to_owned()).collect()
}

/// Tools that do not exist, and whether any is left. `*` among them means every tool: none declared.
fn check_tools(fields: &mut Fields<'_, '_>, agent: &mut Agent) {
    let place = |fields: &Fields<'_, '_>, key: &str| fields.span_of(key).unwrap_or_default();
    for (key, tools) in [("tools", &agent.tools), ("disallowedTools", &agent.disallowed)] {
        for tool in tools.iter().filter(|tool| !tools::is_known(tool)) {
            let found =
                unknown_tool(tool).label(place(fields, key), "no release of the CLI has it");
            fields.problems().report(found);
        }
    }
    if agent.tools.iter().any(|tool| tool == tools::ALL) {
        agent.tools.clear();
    }
    let is_useless = |tool: &String| !tools::is_known(tool);
    let has_none = !agent.tools.is_empty() && agent.tools.iter().all(is_useless);
    let has_lost_all = !agent.disallowed.is_empty() && agent.own_tools().is_empty();
    if has_none || has_lost_all {
        let key = if has_none { "tools" } else { "disallowedTools" };
        let message = "there is no tool that this agent may use";
        let found =
            Diagnostic::error(CODES.bad_value, message).label(place(fields, key), "by this");
        fields.problems().report(found.help("leave `tools` out for the default ones"));
    }
}

fn unknown_tool(tool: &str) -> Diagnostic {
    let help = match tools::meant_by(tool) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "tools are called as Claude Code calls them: `Read`, `Edit`, `Bash`".to_owned(),
    };
    Diagnostic::warning("agent::unknown-tool", format!("there is no tool `{tool}`")).help(help)
}

/// What is said of front matter that YAML does not take; `wrong` is what YAML says.
fn no_yaml(wrong: Option<Diagnostic>, front: Span) -> Diagnostic {
    let label = wrong.as_ref().and_then(|it| it.labels.first());
    let (span, text) = match (label, &wrong) {
        (Some(label), Some(wrong)) => (label.span.clone(), wrong.message.clone()),
        _ => (front, "a text".to_owned()),
    };
    Diagnostic::warning("agent::no-yaml", "the front matter is no YAML; it was read line by line")
        .label(span, text)
        .help("put texts with a `: ` or quotes into quotes, or below `|`")
}

fn unclosed(opening: Span, has_keys: bool) -> Diagnostic {
    let taken = match has_keys {
        true => "opened here; the lines with keys are taken as the front matter",
        false => "opened here; the whole file is taken as the role text",
    };
    Diagnostic::warning("agent::unclosed-front-matter", "the front matter is never closed")
        .label(opening, taken)
        .help("end the front matter with a line `---`")
}

fn body_of(text: &str) -> &str {
    let blank: usize =
        text.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
    &text[blank..]
}

/// A file name without its extension.
pub fn stem(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests;
