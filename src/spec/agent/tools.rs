//! The tools of an agent: what its lists mean, which tools there are, what is left to use.

use crate::spec::text::nearest;
use crate::spec::yaml::split_commas;

use super::Agent;

/// What a session may use where its agent declares no tools.
pub const DEFAULT_TOOLS: [&str; 6] = ["Read", "Grep", "Glob", "Edit", "Write", "Bash"];

/// Every tool that some release of the CLI has, or has had.
const KNOWN: &[&str] = &[
    "Agent",
    "AgentOutputTool",
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "Brief",
    "Config",
    "CronCreate",
    "CronDelete",
    "CronList",
    "Edit",
    "EnterPlanMode",
    "EnterWorktree",
    "ExitPlanMode",
    "ExitWorktree",
    "Glob",
    "Grep",
    "KillBash",
    "KillShell",
    "LS",
    "LSP",
    "ListAgents",
    "ListMcpResources",
    "ListMcpResourcesTool",
    "Monitor",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "PowerShell",
    "REPL",
    "Read",
    "ReadMcpResource",
    "ReadMcpResourceTool",
    "ReportFindings",
    "ScheduleWakeup",
    "SendMessage",
    "SendUserMessage",
    "Skill",
    "Sleep",
    "SlashCommand",
    "StructuredOutput",
    "Task",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "TeamCreate",
    "TeamDelete",
    "TodoRead",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Workflow",
    "Write",
];

/// Those that can change files.
const WRITERS: [&str; 5] = ["Edit", "Write", "MultiEdit", "NotebookEdit", "Bash"];

/// Stands for every tool.
pub(super) const ALL: &str = "*";

impl Agent {
    /// What a session of this agent may use: its tools, or `defaults` where it declares none,
    /// without those that it disallows.
    pub fn tools_or(&self, defaults: &[String]) -> Vec<String> {
        let tools = if self.tools.is_empty() { defaults } else { &self.tools };
        tools.iter().filter(|tool| !self.forbids(tool)).cloned().collect()
    }

    /// What can be said of its tools without a rule; empty where it says nothing of them itself.
    pub fn own_tools(&self) -> Vec<String> {
        match self.tools.is_empty() && self.disallowed.is_empty() {
            true => Vec::new(),
            false => self.tools_or(&DEFAULT_TOOLS.map(str::to_owned)),
        }
    }

    /// True where a tool that can change files is left to it; the default tools have one.
    pub fn can_write(&self) -> bool {
        let tools = self.tools_or(&DEFAULT_TOOLS.map(str::to_owned));
        tools.iter().any(|tool| WRITERS.contains(&name_of(tool)))
    }

    /// A pattern such as `Bash(rm *)` takes away only what it matches, which is the CLI's to judge.
    fn forbids(&self, tool: &str) -> bool {
        self.disallowed.iter().any(|it| it == ALL || it == tool || it == name_of(tool))
    }
}

/// `Bash(git *)` is a use of `Bash`.
fn name_of(tool: &str) -> &str {
    tool.split('(').next().unwrap_or(tool).trim()
}

/// The server of a tool's name: `mcp__github__get_issue` and `mcp__github` are of `github`.
pub(super) fn server_of(tool: &str) -> Option<&str> {
    let rest = name_of(tool).strip_prefix("mcp__")?;
    let server = rest.split("__").next().unwrap_or(rest);
    (!server.is_empty() && server != ALL).then_some(server)
}

/// True where a session that was given `tools` may well have used `used`: by its own name, by that of its
/// server, or as what goes along with it.
pub fn covers(tools: &[String], used: &str) -> bool {
    ALONG.contains(&used) || tools.iter().any(|tool| brings(name_of(tool), used))
}

/// What the CLI has for its own ends, whatever tools there are.
const ALONG: [&str; 2] = ["StructuredOutput", "ToolSearch"];

fn brings(tool: &str, used: &str) -> bool {
    if let Some(server) = server_of(tool) {
        let of_server = format!("mcp__{server}");
        let is_whole = tool == of_server || tool.ends_with('*');
        let is_its =
            used.strip_prefix(&of_server).is_some_and(|it| it.is_empty() || it.starts_with("__"));
        return tool == used || is_whole && is_its;
    }
    tool == used
        || match tool {
            "Edit" => used == "MultiEdit",
            "MultiEdit" => used == "Edit",
            "Bash" => matches!(used, "BashOutput" | "KillShell" | "KillBash") || is_of_tasks(used),
            "Agent" | "Task" => {
                matches!(used, "Agent" | "Task" | "AgentOutputTool") || is_of_tasks(used)
            }
            "Skill" | "SlashCommand" => matches!(used, "Skill" | "SlashCommand"),
            "TodoWrite" | "TaskCreate" => {
                matches!(
                    used,
                    "TodoWrite" | "TodoRead" | "TaskCreate" | "TaskUpdate" | "TaskList" | "TaskGet"
                )
            }
            _ => false,
        }
}

/// By these the CLI lets a session look after what it started in the background.
fn is_of_tasks(tool: &str) -> bool {
    matches!(tool, "TaskOutput" | "TaskStop")
}

/// False for what no release of the CLI has. Tools of MCP servers cannot be known here.
pub(super) fn is_known(tool: &str) -> bool {
    let name = name_of(tool);
    name == ALL || name.starts_with("mcp__") || KNOWN.contains(&name)
}

/// The tool that an unknown one was most likely meant to be.
pub(super) fn meant_by(tool: &str) -> Option<&'static str> {
    let name = name_of(tool);
    let same = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name));
    same.copied().or_else(|| nearest(name, KNOWN.iter().copied()))
}

/// A list of tools in one text: split at commas and blanks, but not inside of parentheses or before them.
pub(super) fn split(text: &str) -> Vec<String> {
    split_commas(text).iter().flat_map(|part| words_of(part)).collect()
}

fn words_of(part: &str) -> Vec<String> {
    let mut tools: Vec<String> = Vec::new();
    let mut depth = 0i32;
    for word in part.split_whitespace().map(|word| word.trim_matches(['"', '\''])) {
        match tools.last_mut().filter(|_| depth > 0 || word.starts_with('(')) {
            Some(last) if depth > 0 => *last += &format!(" {word}"),
            Some(last) => last.push_str(word),
            None => tools.push(word.to_owned()),
        }
        depth += word.chars().map(|c| i32::from(c == '(') - i32::from(c == ')')).sum::<i32>();
    }
    tools.retain(|tool| !tool.is_empty());
    tools
}
