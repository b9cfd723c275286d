//! Sessions that cannot start for what their own task asks for: other tasks go on, and it is said before.

use crate::support::Space;

fn space(model: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Mixed, order: free, backoff_base: 10ms }}\nsections:\n- id: s\n  name: All\n  tasks:\n  \
         - {{ id: '1', name: One, description: d, agent: coder, model: {model} }}\n  \
         - {{ id: '2', name: Two, description: d, agent: coder, model: {model} }}\n  \
         - {{ id: '3', name: Three, description: d, agent: coder }}\n  \
         - {{ id: '4', name: Four, description: d, agent: coder }}\n"
    );
    let refused = "- fail: { class: launch-refused }";
    let script = format!(
        "'1':\n{refused}\n'2':\n{refused}\n'3':\n- write: {{ path: 3.txt, content: x }}\n'4':\n- write: {{ path: 4.txt, content: x }}\n"
    );
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/mixed.yaml", &plan),
        ("sessions.yaml", &script),
    ])
}

#[test]
fn a_model_that_is_refused_fails_its_own_tasks_and_is_asked_for_once() {
    let space = space("sonet-9");
    let built = space.build(&["-j", "1", "-k"], 1);
    let built = built.has(&[("accepted", 2), ("failed", 2), ("held", 0), ("sessions", 3)]);
    let shown = built.ran.shown();
    assert!(shown.contains("issue with the selected model"), "{shown}");
    assert!(shown.contains("a model is named by the task"), "what to do: {shown}");
    assert_eq!((space.read("3.txt"), space.read("4.txt")), ("x".to_owned(), "x".to_owned()));
}

#[test]
fn check_says_beforehand_that_a_name_looks_misspelt() {
    let checked = space("sonet-9").orch(&["check"]).exits(0);
    checked.says(&["document::unknown-model", "did you mean `sonnet`?"]);
    let fine = space("claude-sonnet-4-5").orch(&["check"]).exits(0);
    assert!(!fine.shown().contains("unknown-model"), "{}", fine.shown());
}

/// As root the CLI refuses `bypass`; another user is told nothing.
#[test]
fn check_and_doctor_name_agents_that_cannot_start_as_root() {
    let space = space("sonnet");
    space.write(".claude/agents/free.md", "---\nname: free\npermission: bypass\n---\nYou do it.\n");
    let is_root = std::fs::metadata("/proc/self")
        .is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    let checked = space.orch(&["check"]).exits(0).shown();
    let doctor = space.orch(&["doctor"]).shown();
    for text in [checked, doctor] {
        assert_eq!(text.contains("sessions of `free` cannot start here"), is_root, "{text}");
    }
    let space = space.env("IS_SANDBOX", "1");
    let checked = space.orch(&["check"]).exits(0).shown();
    assert!(!checked.contains("cannot start here"), "{checked}");
}
