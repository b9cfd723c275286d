//! Agents that ask the CLI for more than its own tools: servers, turns, effort; and sessions that use what
//! their agent does not have.

use crate::support::Space;

/// Does what its task asks for, keeps how it was called, and uses a tool of some later release.
const CLI: &str = r#"
say() { printf '%s\n' "$1"; }
file=; next=; words=
for word; do
    [ "$next" = --mcp-config ] && file=$word
    case $next in --effort|--max-turns) words="$words $next $word" ;; esac
    next=$word
done
say '{"type":"system","subtype":"init","session_id":"s","model":"m"}'
say '{"type":"assistant","session_id":"s","message":{"id":"m1","model":"m","content":[{"type":"tool_use","id":"t1","name":"Write","input":{"file_path":"made.txt"}},{"type":"tool_use","id":"t2","name":"CronCreate","input":{}}]}}'
say '{"type":"user","session_id":"s","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":"ok"},{"type":"tool_result","tool_use_id":"t2","content":"ok"}]}}'
mkdir -p .orch/task
{ echo "$words"; [ -n "$file" ] && cat "$file"; echo; } > made.txt
echo '{"task_id":"1","status":"completed","message":"made"}' > .orch/task/status.json
say '{"type":"result","subtype":"success","is_error":false,"result":"made","session_id":"s","total_cost_usd":0.5}'
"#;

fn space(agent: &str) -> Space {
    let agent = format!("---\nname: caller\n{agent}\n---\nYou call.\n");
    let plan = |name: &str, agent: &str| {
        format!(
            "meta: {{ name: {name} }}\nsections:\n- {{ id: s, name: S, tasks: [{{ id: '1', name: One, agent: {agent}, description: one }}] }}\n"
        )
    };
    Space::new(&[
        ("orch.yaml", "session: { claude: [sh, cli.sh] }\n"),
        (".claude/agents/caller.md", &agent),
        (
            ".mcp.json",
            r#"{"mcpServers": {"tracker": {"command": "t"}, "other": {"command": "o"}}}"#,
        ),
        ("plans/a.yaml", &plan("A", "caller")),
        ("cli.sh", CLI),
    ])
}

#[test]
fn a_session_gets_what_its_agent_asks_for_and_a_tool_beyond_it_is_told() {
    let space = space("tools: Read, Write, mcp__tracker__list\neffort: high\nmaxTurns: 7");
    let built = space.orch(&["build"]).exits(0);
    let made = std::fs::read_to_string(space.root().join("made.txt")).unwrap();
    assert_eq!(
        made,
        " --effort high --max-turns 7\n{\"mcpServers\":{\"tracker\":{\"command\":\"t\"}}}\n"
    );
    let shown = "its session used `CronCreate`, which its agent does not have";
    assert!(built.stderr.contains(shown) || built.stdout.contains(shown), "{}", built.stderr);
}

#[test]
fn without_a_server_that_it_needs_no_session_is_paid() {
    let space = space("tools: Read, Write, mcp__tracer__list");
    let checked = space.orch(&["check"]).exits(0);
    assert!(checked.stdout.contains("agent::unknown-server"), "{}", checked.stdout);
    let built = space.orch(&["build"]).exits(1);
    let why = "its agent needs the MCP server `tracer`, which .mcp.json does not define";
    assert!(built.stdout.contains(why) || built.stderr.contains(why), "{}", built.stdout);
    assert!(!space.root().join("made.txt").exists());
    assert!(space.orch(&["cost"]).exits(0).stdout.contains("nothing was spent"));
}
