//! Agent files as people have them, by the built program.

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";
const WRITES: &str =
    "'1':\n- save-prompt: PROMPT\n- write: { path: one.txt, content: \"one\\n\" }\n";

/// One task of this agent, and agent files.
fn one(agent: &str, files: &[(&str, &str)]) -> Space {
    let plan = format!(
        "sections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: Make it\n    description: Write one.txt.\n    agent: {agent}\n"
    );
    let own = [("orch.yaml", SETTINGS), ("plans/one.yaml", &plan), ("sessions.yaml", WRITES)];
    let space = Space::new(&[&own[..], files].concat());
    let prompt = space.home().join("prompt");
    space.replace("sessions.yaml", "PROMPT", &prompt.display().to_string());
    space
}

fn prompt(space: &Space) -> String {
    std::fs::read_to_string(space.home().join("prompt")).unwrap()
}

#[test]
fn what_nobody_uses_stops_nobody_and_is_not_told() {
    let space = one(
        "coder",
        &[
            (".claude/agents/a.md", "---\nname: a\ndescription: x: y\n---\nRole.\n"),
            (".claude/agents/b.md", "---\nname: a\ntools: {read: true}\nmodel: [\n---\nRole.\n"),
            (".claude/agents/c.md", "---\n- nothing\n---\n"),
            (".claude/agents/d.md", "---\ntools: Raed\npermission: all\n---\n"),
        ],
    );
    std::fs::write(space.root().join(".claude/agents/e.md"), b"\xff\xfea\0").unwrap();
    std::os::unix::fs::symlink("nowhere", space.root().join(".claude/agents/f.md")).unwrap();
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    let checked = space.orch(&["check"]).exits(0);
    checked.says(&["agent::no-yaml", "agent::same-name", "`Raed`", "did you mean `Read`?", "f.md"]);
}

#[test]
fn a_role_that_is_no_yaml_is_read_all_the_same() {
    let tester = "---\nname: tester\ndescription: Example: user: \"add\" x\ntools: Read, Write\nmodel: inherit\n---\nYou test with care.\n";
    let space = one("tester", &[(".claude/agents/team/deep/t.md", tester)]);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert!(prompt(&space).starts_with("You test with care."), "{}", prompt(&space));
}

#[test]
fn an_agent_that_cannot_be_told_is_an_error_of_the_plans_that_use_it() {
    let check = |front: &str, why: &str| {
        let file = format!("---\n{front}\n---\nRole.\n");
        let space = one("coder", &[(".claude/agents/coder.md", &file)]);
        let other = space.read("plans/one.yaml").replace("agent: coder", "agent: ux-designer");
        space.write("plans/other.yaml", &other.replace("agent: ux-designer", "run: 'true'"));
        space.commit("another plan");
        space.orch(&["build"]).exits(2).complains(&["plan::unclear-agent", why, "plans/one.yaml"]);
        space.build(&["other"], 0).has(&[("accepted", 1), ("sessions", 0)]);
    };
    check("tools: {read: true}", "must be a list of tools");
    check("tools: Raed, Edti", "there is no tool that this agent may use");
    check("description: a: b\ntools: [Read", "its bracket does not close");
}

#[test]
fn a_file_that_is_no_text_does_not_leave_its_name_to_a_built_in() {
    let space = one("coder", &[]);
    std::fs::create_dir_all(space.root().join(".claude/agents")).unwrap();
    std::fs::write(space.root().join(".claude/agents/coder.md"), b"\xff\xfea\0").unwrap();
    space.orch(&["build"]).exits(2).complains(&["plan::unclear-agent", "not UTF-8"]);
    std::fs::write(space.root().join(".claude/agents/coder.md"), b"The r\xf4le.\n").unwrap();
    space.build(&[], 0).has(&[("accepted", 1)]);
    assert!(prompt(&space).starts_with("The r\u{fffd}le."), "{}", prompt(&space));
}

#[test]
fn a_rules_own_agent_and_validators_are_asked_for_too() {
    let check = |agent: &str, rule: &str| {
        let files = [
            (".claude/agents/odd.md", "---\npermission: all\n---\n"),
            ("rules/implement.yaml", &format!("rule: implement\nextends: implement\n{rule}\n")),
        ];
        let space = one(agent, &files);
        space.orch(&["build"]).exits(2).complains(&["plan::unclear-agent", "odd"]);
        space.replace("plans/one.yaml", &format!("agent: {agent}\n"), "run: 'true'\n");
        space.build(&[], 0).has(&[("accepted", 1)]);
    };
    check("", "agent: odd");
    check("coder", "validators: [odd]");
}
