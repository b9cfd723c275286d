//! Agents whose sessions cannot start here: the CLI would refuse them, or a server of tools is missing.

use std::path::Path;

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::host::session::servers::{PROJECT_FILE, definitions_in, unreadable};
use crate::spec::agent::{self, Permission};

/// A finding for each agent that asks for `permission: bypass` where the CLI does not start so.
pub fn refused(agents: &[Source]) -> Vec<Diagnostic> {
    let is_sandbox = std::env::var_os("IS_SANDBOX").is_some_and(|it| it == "1");
    let is_refused = rustix::process::geteuid().is_root() && !is_sandbox;
    agents.iter().filter(|_| is_refused).filter_map(refused_as_root).collect()
}

fn refused_as_root(source: &Source) -> Option<Diagnostic> {
    let agent = agent::parse(source).value;
    if agent.permission != Permission::Bypass {
        return None;
    }
    let message =
        format!("sessions of `{}` cannot start here: `permission: bypass` as root", agent.name);
    let help = "the CLI refuses that: run orch as another user, set IS_SANDBOX=1 in a real sandbox, or say \
                `permission: least` and list `tools`";
    Some(Diagnostic::warning("agent::bypass-as-root", message).help(help).in_file(&source.path))
}

/// A finding for each server of tools that an agent names and that the project does not define.
pub fn without_server(root: &Path, agents: &[Source]) -> Vec<Diagnostic> {
    let text = std::fs::read(root.join(PROJECT_FILE));
    let defined = definitions_in(text.as_deref().unwrap_or_default());
    let broken = text.as_deref().ok().and_then(unreadable);
    let missing = agents.iter().flat_map(|source| {
        let agent = agent::parse(source).value;
        let wanted = agent.servers_wanted().into_iter();
        let gone = wanted.filter(|it| it.definition.is_none() && !defined.contains_key(&it.name));
        let found = gone.map(|server| {
            let why = broken.clone().unwrap_or_else(|| {
                format!("{PROJECT_FILE} defines no MCP server `{}`", server.name)
            });
            let message = format!("sessions of `{}` cannot start: {why}", agent.name);
            Diagnostic::warning("agent::unknown-server", message)
                .help("define it there, or in the agent's `mcpServers`, or take its tools out")
                .in_file(&source.path)
        });
        found.collect::<Vec<_>>()
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::codes_of;

    #[test]
    fn a_server_that_nobody_defines_is_told() {
        let task = "name: One, agent: a, description: one";
        let check = |front: &str, project: &str| {
            let agent = format!("---\nname: a\n{front}\n---\nRole.\n");
            codes_of(task, &[(".claude/agents/a.md", &agent), (".mcp.json", project)])
        };
        let project = r#"{"mcpServers": {"tracker": {"command": "t"}}}"#;
        assert_eq!(check("tools: Read, Edit, mcp__tracker__list", project), "");
        assert_eq!(check("tools: Read, Edit, mcp__tracer__list", project), "agent::unknown-server");
        assert_eq!(check("mcpServers: [tracker, other]", project), "agent::unknown-server");
        assert_eq!(check("mcpServers: [other: {command: o}]", ""), "");
    }
}
