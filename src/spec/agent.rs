//! An agent: Markdown with YAML front matter; the body is the role text that opens the prompt.

use crate::base::name::{AgentName, ModelName};

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
    /// True where a tool that can change files is declared.
    pub fn can_write(&self) -> bool {
        self.tools.iter().any(|tool| {
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
