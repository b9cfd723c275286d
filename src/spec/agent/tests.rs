//! Behaviour of agent files.

use super::*;
use crate::base::name::RelPath;

fn source(text: &str) -> Source {
    Source::new(RelPath::new("agents/tester.md").unwrap(), text)
}

fn check(text: &str) -> (Agent, Vec<String>) {
    let source = source(text);
    let parsed = parse(&source);
    let shown = parsed.diagnostics.iter().map(|found| {
        let label = found.labels.first().map_or("", |label| &source.text[label.span.clone()]);
        format!("{} {}: {}", found.severity, found.code, label.trim_end())
    });
    (parsed.value, shown.collect())
}

#[test]
fn front_matter_and_body_are_read() {
    let (agent, found) = check(
        "---\nname: critic\ndescription: >\n  Reads\n  code.\ntools: [Read, 'Bash(git *)']\nmodel: opus\npermission: bypass\n---\n\n\n# Role\n---\nmore\n",
    );
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(agent.name.as_str(), "critic");
    assert_eq!(agent.description, "Reads code.");
    assert_eq!(agent.tools, ["Read", "Bash(git *)"]);
    assert_eq!(agent.model, Some(ModelName::new("opus")));
    assert_eq!(agent.permission, Permission::Bypass);
    assert_eq!(agent.body, "# Role\n---\nmore\n");
}

#[test]
fn tools_may_be_one_text_with_commas() {
    let (agent, found) = check("---\ntools: Read, Grep,Bash(git log, git diff)\n---\nx");
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(agent.tools, ["Read", "Grep", "Bash(git log, git diff)"]);
    assert_eq!(agent.name.as_str(), "tester");
}

#[test]
fn only_a_line_of_its_own_closes_front_matter() {
    let (agent, found) = check("---\r\ndescription: a --- b\r\n---\r\nbody\r\n");
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(agent.description, "a --- b");
    assert_eq!(agent.body, "body\r\n");
}

#[test]
fn without_front_matter_the_whole_file_is_body() {
    for text in ["# Role\n---\nname: x\n---\n", "", "text --- text"] {
        let (agent, found) = check(text);
        assert_eq!(found, [] as [&str; 0]);
        assert_eq!(agent.body, text);
        assert_eq!(agent.name.as_str(), "tester");
    }
    let (agent, found) = check("---\n---\nbody");
    assert_eq!((agent.body.as_str(), found.len()), ("body", 0));
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let check = |text: &str| check(text).1;
    assert_eq!(check("---\nname: x\nbody"), ["warning agent::unclosed-front-matter: ---"]);
    assert_eq!(check("---\n\n# Role"), ["warning agent::unclosed-front-matter: ---"]);
    assert_eq!(check("---\nmodle: opus\n---\n"), ["warning agent::unknown-key: modle"]);
    for key in keys::AGENT.foreign {
        let found = check(&format!("---\n{key}: [{{a: b}}]\n---\n"));
        let is_heeded = ["background", "color", "isolation"].contains(key);
        let expected = "warning agent::not-heeded: [{a: b}]".to_owned();
        assert_eq!(found, if is_heeded { vec![] } else { vec![expected] });
    }
    assert_eq!(check("---\nversion: 3\ntags: [a]\n---\n"), [] as [&str; 0]);
    assert_eq!(check("---\npermission: none\n---\n"), ["warning agent::bad-value: none"]);
    assert_eq!(check("---\nmodel: {a: b}\n---\n"), ["warning agent::wrong-type: {a: b}"]);
    assert_eq!(check("---\n- a\n---\n"), ["warning agent::wrong-type: - a"]);
    assert_eq!(check("---\nname: \"x\n---\nbody\n").len(), 1);
}

/// Name, description, tools, model and role as they were read, and why they cannot be told.
fn shown(front: &str) -> String {
    let agent = check(front).0;
    let model = agent.model.as_ref().map_or("-", |it| it.as_str());
    let tools = agent.tools.join(" ");
    let mut shown = format!(
        "{} | {} | {tools} | {model} | {}",
        agent.name,
        agent.description.replace('\n', "/"),
        agent.body.trim_end()
    );
    if let Some(doubt) = agent.doubt {
        shown += &format!(" ! {doubt}");
    }
    shown
}

#[test]
fn what_is_no_yaml_is_read_line_by_line() {
    let check = |front: &str| shown(&format!("---\n{front}\n---\nRole.\n"));
    let example =
        "name: t\ndescription: Say user: \"add\" now\ntools: Read, Edit # both\nmodel: opus";
    assert_eq!(check(example), "t | Say user: \"add\" now | Read Edit | opus | Role.");
    let block = "name: t\ndescription: |\n  One: two: three\n\n\t\"four\"\ntools:\n- Read\n- \"Bash(git *)\"";
    assert_eq!(check(block), "t | One: two: three/\"four\" | Read Bash(git *) | - | Role.");
    let loose = "description: a: b\n  goes on\nuser: \"x\" y\ntools: \"*\"\ncolor: red";
    assert_eq!(check(loose), "tester | a: b goes on |  | - | Role.");
    assert_eq!(check("description: a: b\ntools: *"), "tester | a: b |  | - | Role.");
    assert_eq!(check("description: a: b\ntools:Read"), "tester | a: b | Read | - | Role.");
    assert_eq!(
        check("  name: t\n  description: a: b\n  tools: Read"),
        "t | a: b | Read | - | Role."
    );
    let flow = "description: a: b\ntools: [\n  'Read',\n  Edit,\n]\nmodel: 'sonnet'";
    assert_eq!(check(flow), "tester | a: b | Read Edit | sonnet | Role.");
    assert_eq!(check("description: a: b\r\ntools: Read\r"), "tester | a: b | Read | - | Role.");
    assert_eq!(check("description: 🚀 a: b\nname:\tt"), "t | 🚀 a: b |  | - | Role.");
    assert_eq!(check("description: \"a\" b\ntools: Read"), "tester | \"a\" b | Read | - | Role.");
}

#[test]
fn a_role_that_cannot_be_told_is_in_doubt() {
    let doubt = |front: &str| check(&format!("---\n{front}\n---\nRole.\n")).0.doubt;
    let check = |front: &str| doubt(front).unwrap_or_default();
    assert_eq!(check("tools: [Read"), "`tools` cannot be told: its bracket does not close");
    assert_eq!(check("tools: Read\ntools: Edit"), "`tools` cannot be told: it is written twice");
    assert_eq!(check("model: 'opus"), "`model` cannot be told: its quotes do not close");
    assert_eq!(check("tools: {read: true}"), "`tools` must be a list of tools, not a mapping");
    assert_eq!(check("permission: all"), "`permission` cannot be `all`");
    assert_eq!(check("just text"), "nothing of the front matter is understood");
    assert_eq!(check("tools: Raed, Edti"), "there is no tool that this agent may use");
    assert_eq!(check("disallowedTools: '*'"), "there is no tool that this agent may use");
    assert_eq!(
        check("tools: Read\ndisallowedTools: Read"),
        "there is no tool that this agent may use"
    );
    for fine in ["name: [a]", "description: {a: b}", "name: x\nname: y", "color: 'x", "tools:", ""]
    {
        assert_eq!(doubt(fine), None, "{fine}");
    }
}

#[test]
fn front_matter_that_nothing_closes_ends_with_its_keys() {
    assert_eq!(shown("---\nname: t\ntools: Read\n\nYou: work.\n"), "t |  | Read | - | You: work.");
    assert_eq!(shown("---\nname: t\n\ntools:\n  - Read\n# Role\n"), "t |  | Read | - | # Role");
    assert_eq!(shown("---\n# Role\nname: t\n"), "tester |  |  | - | ---\n# Role\nname: t");
}

#[test]
fn a_mark_and_blank_lines_may_stand_in_front() {
    assert_eq!(shown("\u{feff}---\nname: t\n---\nRole."), "t |  |  | - | Role.");
    assert_eq!(shown("\n\n---\ntools: Read\n---\nRole."), "tester |  | Read | - | Role.");
}

#[test]
fn inherit_is_no_model() {
    assert_eq!(shown("---\nmodel: inherit\n---\n"), "tester |  |  | - | ");
    assert_eq!(shown("---\nmodel: ' Inherit '\n---\n"), "tester |  |  | - | ");
}

#[test]
fn tools_that_do_not_exist_are_named() {
    let help = |tools: &str| {
        let source = source(&format!("---\ntools: {tools}\n---\n"));
        let found = parse(&source).diagnostics;
        let helps = found.iter().filter(|it| it.code == "agent::unknown-tool");
        helps.map(|it| format!("{}: {}", it.message, it.help.clone().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(help("Read, Bash(git log, git diff), mcp__linear__*, Task, '*'"), [] as [&str; 0]);
    assert_eq!(help("Raed, Read"), ["there is no tool `Raed`: did you mean `Read`?"]);
    assert_eq!(help("[Read, WEBFETCH]"), ["there is no tool `WEBFETCH`: did you mean `WebFetch`?"]);
    assert_eq!(help("Read, codebase").len(), 1);
}

#[test]
fn tools_are_split_at_commas_and_blanks() {
    let check = |tools: &str| check(&format!("---\ntools: {tools}\n---\n")).0.tools;
    assert_eq!(check("Read Grep  Glob"), ["Read", "Grep", "Glob"]);
    assert_eq!(
        check("Read, Bash (git log, git diff) Edit"),
        ["Read", "Bash(git log, git diff)", "Edit"]
    );
    assert_eq!(check("\"Read\", \"Edit\""), ["Read", "Edit"]);
    assert_eq!(check("\n  - Read\n  -\n  - Edit"), ["Read", "Edit"]);
    assert_eq!(check("Read, '*'"), [] as [&str; 0]);
}

#[test]
fn every_listed_key_is_read() {
    for key in keys::AGENT.names() {
        let (_, found) = check(&format!("---\n{key}: {{odd: value}}\n---\n"));
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert!(found[0].starts_with("warning agent::wrong-type"), "{key}: {found:?}");
    }
}

#[test]
fn a_tool_that_writes_is_known() {
    let can_write = |tools: &str| check(&format!("---\ntools: {tools}\n---\n")).0.can_write();
    assert!(can_write("Read, Write"));
    assert!(can_write("Bash(git *)"));
    assert!(!can_write("Read, Grep, Glob"));
    assert!(can_write("[]"), "the default tools");
    assert!(can_write("Read\ndisallowedTools: Bash") == can_write("Read"));
    assert!(can_write("[]\ndisallowedTools: [Bash]"), "two are left");
    assert!(!can_write("[]\ndisallowedTools: [Bash, Edit, Write]"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "agents lie in files")]
fn real_agents_are_read_without_a_finding() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let shared = std::env::var("ORCH_SHARED").unwrap_or_else(|_| format!("{root}../shared"));
    let collected = std::fs::read_dir(format!("{shared}/corpus/agents")).ok();
    if collected.is_none() {
        crate::left_out::note("larger collection of recordings (ORCH_SHARED names one)");
    }
    let own = std::fs::read_dir(format!("{root}tests/corpus/agents")).unwrap();
    for entry in own.chain(collected.into_iter().flatten()) {
        let path = entry.unwrap().path();
        let (agent, found) = check(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(found, [] as [&str; 0], "{}", path.display());
        assert_eq!(agent.name.as_str(), path.file_stem().unwrap().to_str().unwrap());
        assert!(!agent.tools.is_empty() && agent.model.is_some() && agent.body.starts_with("# "));
    }
}

/// Effort, turns and servers as they were read, and what is told.
fn terms_of(front: &str) -> (String, Vec<String>) {
    let (agent, found) = check(&format!("---\n{front}\n---\nRole.\n"));
    assert_eq!(agent.doubt, None, "{front}");
    let effort = agent.effort.map_or("-", Effort::as_str);
    let turns = agent.max_turns.map_or("-".to_owned(), |it| it.to_string());
    let servers = agent.servers_wanted().into_iter().map(|it| match it.definition {
        Some(definition) => format!("{} {definition}", it.name),
        None => it.name,
    });
    (format!("{effort} {turns} {}", servers.collect::<Vec<_>>().join("; ")), found)
}

#[test]
fn what_an_agent_asks_of_the_cli_is_read() {
    let check = |front: &str| {
        let (terms, found) = terms_of(front);
        assert_eq!(found, [] as [&str; 0], "{front}");
        terms
    };
    assert_eq!(check("effort: high\nmaxTurns: 30"), "high 30 ");
    assert_eq!(check("maxTurns: '5'\nmcpServers: [tracker, docs]"), "- 5 tracker; docs");
    assert_eq!(check("mcpServers: tracker, docs"), "- - tracker; docs");
    assert_eq!(
        check("mcpServers:\n- tracker\n- docs: {type: http, port: 80, on: true}"),
        r#"- - tracker; docs {"on":true,"port":80,"type":"http"}"#
    );
    assert_eq!(
        check("mcpServers:\n  docs:\n    command: d\n    args: [-x, '1']\n  tracker:"),
        r#"- - docs {"args":["-x","1"],"command":"d"}; tracker"#
    );
    assert_eq!(check("tools: Read, mcp__tracker__list, mcp__tracker, mcp__*"), "- - tracker");
    for mode in ["default", "acceptEdits", "dontAsk"] {
        assert_eq!(check(&format!("permissionMode: {mode}")), "- - ");
    }
}

#[test]
fn what_a_session_cannot_heed_is_told() {
    let check = |front: &str| {
        let (terms, found) = terms_of(front);
        assert_eq!(terms, "- - ");
        found.join("; ")
    };
    assert_eq!(check("maxTurns: many"), "warning agent::bad-value: many");
    assert_eq!(check("maxTurns: 0"), "warning agent::bad-value: 0");
    assert_eq!(check("mcpServers: {a: 1}"), "warning agent::wrong-type: 1");
    assert_eq!(check("effort: extreme"), "warning agent::bad-value: extreme");
    assert_eq!(check("permissionMode: plan"), "warning agent::not-heeded: plan");
    assert_eq!(
        check("permissionMode: bypassPermissions"),
        "warning agent::not-heeded: bypassPermissions"
    );
    assert_eq!(check("skills: [pdf]"), "warning agent::not-heeded: [pdf]");
}

#[test]
fn tools_bring_what_goes_along_with_them() {
    let check = |tools: &[&str], used: &str| {
        covers(&tools.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), used)
    };
    for (tool, used) in [
        ("Read", "Read"),
        ("Bash(git *)", "Bash"),
        ("Bash", "KillShell"),
        ("Task", "Agent"),
        ("TodoWrite", "TaskCreate"),
        ("mcp__tracker", "mcp__tracker__list"),
        ("mcp__tracker__*", "mcp__tracker__list"),
        ("mcp__tracker__list", "mcp__tracker__list"),
        ("Read", "StructuredOutput"),
    ] {
        assert!(check(&[tool], used), "{tool} {used}");
    }
    for (tool, used) in [
        ("Read", "Write"),
        ("Bash", "CronCreate"),
        ("Agent", "Workflow"),
        ("mcp__tracker__list", "mcp__tracker__drop"),
        ("mcp__tracker", "mcp__tracker2__list"),
        ("Read", "mcp__tracker__list"),
    ] {
        assert!(!check(&[tool], used), "{tool} {used}");
    }
}
