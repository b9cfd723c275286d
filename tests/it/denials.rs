//! Calls that the CLI denies: got around, mended when the session is told what is allowed, or fatal.

use crate::support::Space;

const PLAN: &str = "\
meta: { name: Denied, backoff_base: 10ms, backoff_max: 10ms }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: One, description: Write one.txt., agent: coder, outputs: [one.txt] }
";

const DENIED: &str = "- deny: { tool: Write, path: /outside/note.txt }\n";
const WRITTEN: &str = "- write: { path: one.txt, content: x }\n";

/// The sessions of task 1, in their order: steps of each.
fn space(sessions: &[&str]) -> Space {
    let attempts = sessions.iter().map(|steps| {
        let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
        format!("  -\n{steps}")
    });
    let script = format!("'1':\n{}", attempts.collect::<String>());
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/denied.yaml", PLAN),
        ("sessions.yaml", &script),
    ])
}

#[test]
fn what_a_session_got_around_is_a_warning() {
    let space = space(&[&format!("{DENIED}{WRITTEN}")]);
    let built = space.orch(&["build"]).exits(0);
    built.complains(&["denied//1: denied, and done without: Write(/outside/note.txt)"]);
    assert_eq!(space.read("one.txt"), "x");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
}

#[test]
fn a_session_whose_result_lacks_something_goes_on_once_told_what_is_allowed() {
    let printed = "- save-prompt: told.txt\n";
    let space = space(&[DENIED, &format!("{WRITTEN}{printed}")]);
    let built = space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2), ("failed", 0)]);
    assert!(built.ran.shown().contains("Write(/outside/note.txt)"), "{}", built.ran.shown());
    let printed = space.read("told.txt");
    assert!(
        printed.starts_with("A call of yours was denied"),
        "the same session goes on: {printed}"
    );
    assert!(
        printed.contains("Your tools are") && printed.contains("below your worktree only"),
        "{printed}"
    );
    assert_eq!(space.read("one.txt"), "x");
}

#[test]
fn a_second_time_it_has_failed_by_the_denial_that_mattered() {
    let mattered = "- deny: { tool: Write, path: one.txt }\n- deny: Bash\n";
    let space = space(&[mattered]);
    let built = space.build(&[], 1).has(&[("failed", 1), ("sessions", 2), ("accepted", 0)]);
    let shown = built.ran.shown();
    assert!(shown.contains("one.txt); declared outputs are missing: one.txt"), "{shown}");
    assert!(shown.contains("permission-denied"), "{shown}");
}

const READ_DENIED: &str = "- deny: { tool: Read, path: spec.md }\n";

fn with_input(sessions: &[&str]) -> Space {
    let space = space(sessions);
    space.write("spec.md", "a\n");
    space.replace(
        "plans/denied.yaml",
        "outputs: [one.txt]",
        "inputs: [spec.md], outputs: [one.txt]",
    );
    space.commit("an input");
    space
}

#[test]
fn an_input_that_a_session_was_not_let_read_keeps_its_task_from_being_done() {
    let denied = format!("{READ_DENIED}{WRITTEN}");
    let space = with_input(&[&denied, &denied]);
    let built = space.build(&[], 1).has(&[("failed", 1), ("accepted", 0), ("sessions", 2)]);
    let shown = built.ran.shown();
    assert!(shown.contains("Read(spec.md), which the task declares as an input"), "{shown}");
}

#[test]
fn an_input_may_be_read_when_the_session_goes_on() {
    let denied = format!("{READ_DENIED}{WRITTEN}");
    with_input(&[&denied, "- read: spec.md\n"]).build(&[], 0).has(&[("accepted", 1)]);
    let other = format!("- deny: {{ tool: Read, path: other.md }}\n{WRITTEN}");
    with_input(&[&other]).build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
}

#[test]
fn what_belongs_below_the_folder_of_the_cli_is_written_beside_it_and_lands_there() {
    let plan = "\
meta: { name: Agents }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: Make the agent, agent: coder, description: 'Write .claude/agents/a.md.', outputs: [.claude/agents/a.md] }
  - { id: '2', name: Two, agent: coder, description: Write two.txt., outputs: [two.txt] }
";
    let script = "\
'1':
  - - save-prompt: told.txt
    - write: { path: .orch/task/claude/agents/a.md, content: \"---\\nname: a\\n---\\nYou look.\\n\" }
'2':
  - - save-prompt: other.txt
    - write: { path: .orch/task/claude/settings.json, content: '{}' }
    - write: { path: two.txt, content: x }
  - - delete: .orch/task/claude/settings.json
    - delete: .claude/settings.json
";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/agents.yaml", plan),
        ("sessions.yaml", script),
    ]);
    let built = space.build(&["agents//1"], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert!(!built.ran.shown().contains("warning"), "{}", built.ran.shown());
    assert_eq!(space.git(&["show", "HEAD:.claude/agents/a.md"]), "---\nname: a\n---\nYou look.");
    assert!(space.read("told.txt").contains("becomes `.claude/agents/x.md`"));
    // What is not this task's to change is not by this way either.
    let built = space.build(&["agents//2"], 0).has(&[("accepted", 1), ("sessions", 2)]);
    let shown = built.ran.shown();
    assert!(shown.contains("`.claude/settings.json`, which is settings"), "{shown}");
    assert_eq!(space.git(&["ls-tree", "--name-only", "HEAD", ".claude/"]), ".claude/agents");
    assert!(!space.read("other.txt").contains(".orch/task/claude"));
}
