//! The servers of tools (MCP) of a session. `--strict-mcp-config` keeps every server away that the CLI
//! would find by itself; the file made here has those that the agent asks for.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::host::error::{Doing, Result};
use crate::spec::agent::Server;

/// Where a project keeps the definitions of its servers.
pub const PROJECT_FILE: &str = ".mcp.json";

/// Writes the file for the CLI into an attempt's own folder; `None` where no server is asked for. What
/// the project does not define is the inner error: the session would lack tools that it was promised.
pub fn written(
    servers: &[Server],
    worktree: &Path,
    private: &Path,
) -> Result<std::result::Result<Option<PathBuf>, String>> {
    if servers.is_empty() {
        return Ok(Ok(None));
    }
    let text = fs::read(worktree.join(PROJECT_FILE));
    let of_project = definitions_in(text.as_deref().unwrap_or_default());
    let mut defined = Map::new();
    for server in servers {
        let own = server.definition.as_deref().and_then(|it| serde_json::from_str(it).ok());
        match own.or_else(|| of_project.get(&server.name).cloned()) {
            Some(definition) => _ = defined.insert(server.name.clone(), definition),
            None => {
                let why = text.as_deref().ok().and_then(unreadable);
                return Ok(Err(why.unwrap_or_else(|| missing(&server.name))));
            }
        }
    }
    let path = private.join("servers.json");
    let text = json!({ "mcpServers": defined }).to_string();
    fs::write(&path, text).doing("writing the servers of a session", &path)?;
    Ok(Ok(Some(path)))
}

/// What such a file defines, by name; nothing where it is none.
pub fn definitions_in(text: &[u8]) -> Map<String, Value> {
    let file: Value = serde_json::from_slice(text).unwrap_or_default();
    file.get("mcpServers").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Why such a file defines nothing, where it is broken.
pub fn unreadable(text: &[u8]) -> Option<String> {
    let file = match serde_json::from_slice::<Value>(text) {
        Err(why) => return Some(format!("{PROJECT_FILE} is no JSON: {why}")),
        Ok(file) => file,
    };
    let servers = file.get("mcpServers");
    let is_map = file.is_object() && servers.is_none_or(Value::is_object);
    (!is_map).then(|| format!("{PROJECT_FILE} has no object `mcpServers`: it defines no server"))
}

fn missing(name: &str) -> String {
    format!(
        "its agent needs the MCP server `{name}`, which {PROJECT_FILE} does not define: define it there, \
         commit it, or give the definition in the agent's `mcpServers`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(project: &str, servers: &[(&str, Option<&str>)]) -> String {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(PROJECT_FILE), project).unwrap();
        let servers: Vec<Server> = servers
            .iter()
            .map(|(name, definition)| Server {
                name: (*name).to_owned(),
                definition: definition.map(str::to_owned),
            })
            .collect();
        match written(&servers, scratch.path(), scratch.path()).unwrap() {
            Ok(Some(path)) => fs::read_to_string(path).unwrap(),
            Ok(None) => "none".to_owned(),
            Err(why) => why.split(':').next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn a_session_has_the_servers_of_its_agent_and_no_other() {
        let project = r#"{"mcpServers": {"tracker": {"command": "t"}, "other": {"command": "o"}}}"#;
        assert_eq!(check(project, &[]), "none");
        assert_eq!(
            check(project, &[("tracker", None)]),
            r#"{"mcpServers":{"tracker":{"command":"t"}}}"#
        );
        assert_eq!(
            check(project, &[("tracker", Some(r#"{"type":"http"}"#))]),
            r#"{"mcpServers":{"tracker":{"type":"http"}}}"#
        );
        assert_eq!(
            check(project, &[("gone", None)]),
            "its agent needs the MCP server `gone`, which .mcp.json does not define"
        );
        for broken in ["no json", "", "{\"mcpServers\": {\"gone\": {},}}"] {
            assert_eq!(check(broken, &[("gone", None)]), ".mcp.json is no JSON");
        }
        let other = check("{\"mcpServers\": []}", &[("gone", None)]);
        assert_eq!(other, ".mcp.json has no object `mcpServers`");
    }
}
