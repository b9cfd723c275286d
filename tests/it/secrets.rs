//! Secrets that a session or a command shows are in nothing that is kept or shown.

use crate::support::{Space, picture_of};

const KEY: &str = "made-up-key-0123456789";
const TOKEN: &str = "sk-ant-api03-MadeUpMadeUpMadeUp";

const PLAN: &str = "\
meta: { name: Secrets, order: free }
sections:
- id: s
  name: All
  tasks:
  - id: '1'
    name: Tells
    description: tells
    max_attempts: 2
    validators:
    - { name: tells, run: 'echo found sk-ant-api03-MadeUpMadeUpMadeUp; echo $ANTHROPIC_API_KEY >&2; test -e good.txt' }
  - { id: '2', name: Fails, run: 'echo sk-ant-api03-MadeUpMadeUpMadeUp >&2; false', description: fails }
";

const SESSIONS: &str = "\
'1':
- - say: 'I use made-up-key-0123456789 and sk-ant-api03-MadeUpMadeUpMadeUp'
  - run: 'echo $ANTHROPIC_API_KEY; echo $ANTHROPIC_API_KEY >&2'
  - write: { path: one.txt, content: x }
  - status: { status: completed, message: 'done with made-up-key-0123456789' }
- - noise: 'made-up-key-0123456789'
  - write: { path: good.txt, content: x }
  - status: { status: completed, message: 'done with made-up-key-0123456789' }
";

#[test]
fn what_a_session_shows_of_secrets_is_kept_nowhere() {
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: ../sessions.yaml }\n"),
        ("plans/s.yaml", PLAN),
    ]);
    let space = space.env("ANTHROPIC_API_KEY", KEY);
    // The script itself is no output of orch's: it lies beside.
    space.write("sessions.yaml", SESSIONS);
    space.write("orch.yaml", "session: { scripted: sessions.yaml }\n");
    space.write(".git/info/exclude", "sessions.yaml\n");
    space.commit("settings");
    let built = space.orch(&["build", "-v", "-k", "--events", "events.jsonl"]).exits(1);
    let mut shown = built.shown();
    for args in [
        &["log", "s//1"][..],
        &["log", "s//1", "--attempt", "1"],
        &["show", "s//1"],
        &["show", "s//2"],
        &["why", "s//2"],
        &["status"],
    ] {
        shown.push_str(&space.orch(args).shown());
    }
    shown.push_str(&space.orch(&["log", "s//1", "--format", "json"]).shown());
    shown.push_str(&space.git(&["log", "-p", "--all", "--", ".", ":!plans/s.yaml"]));
    assert!(shown.contains("[masked]"), "{shown}");
    for secret in [KEY, TOKEN] {
        assert!(!shown.contains(secret), "{secret} in:\n{shown}");
    }
    let kept =
        picture_of(space.root(), &|path| path.starts_with(".orch/") || path == "events.jsonl");
    for path in kept.keys().filter(|path| !path.contains("worktrees/")) {
        let bytes = std::fs::read(space.root().join(path)).unwrap_or_default();
        let holds = |secret: &str| bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!holds(KEY) && !holds(&format!("{TOKEN} and")), "{path}");
    }
    let plan = space.read("plans/s.yaml");
    assert!(!plan.contains(KEY), "{plan}");
    assert_eq!(plan.matches(TOKEN).count(), PLAN.matches(TOKEN).count(), "{plan}");
}

#[test]
fn a_validator_that_finds_a_secret_it_was_not_given_tells_it_to_nobody() {
    let plan = "meta: { name: Leak }\nsections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: Tells, description: writes it, env: [APP_TOKEN], validators: [validator] }\n";
    let sessions = "'1':\n- run: 'echo $APP_TOKEN > leak.txt'\n'validate:validator':\n- run: cat leak.txt\n- verdict: { is: WARN, findings: ['[WARN] made-up-key-0123456789 and https://me:made-up-word@host are committed'] }\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/leak.yaml", plan),
        ("sessions.yaml", sessions),
    ]);
    let space = space.env("APP_TOKEN", KEY);
    let built = space.orch(&["build", "-v", "--events", "events.jsonl"]).exits(0);
    let mut shown = built.shown() + &space.read("events.jsonl") + &space.read(".orch/journal-v1");
    for command in ["show", "log", "why"] {
        shown.push_str(&space.orch(&[command, "leak//1"]).shown());
    }
    assert!(shown.contains("[WARN] [masked] and https://me:[masked]@host"), "{shown}");
    assert!(!shown.contains(KEY) && !shown.contains("made-up-word"), "{shown}");
}

#[test]
fn what_people_type_is_kept_without_secrets_and_a_build_goes_on_all_the_same() {
    let plan = "meta: { name: Ask }\nsections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: Asks, description: asks }\n";
    let sessions =
        "'1':\n- - ask: Which key?\n- - write: { path: one.txt, content: x }\n- - save-prompt: p\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/ask.yaml", plan),
        ("sessions.yaml", sessions),
    ]);
    let space = space.env("APP_TOKEN", KEY);
    let events = space.home().join(format!("{TOKEN} {KEY}")).display().to_string();
    space.orch(&["build", "--events", &events]).exits(1);
    for answer in [KEY, TOKEN, &format!("take {TOKEN}")] {
        let refused = space.orch(&["answer", "ask//1", answer]).exits(2);
        let refused = refused.complains(&["looks like a secret", "[masked]", "session.env"]);
        assert!(!refused.stderr.contains(answer), "{}", refused.shown());
    }
    space.orch(&["status"]).says(&["Which key?"]);
    space.orch(&["answer", "ask//1", "the one in APP_TOKEN"]).exits(0);
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
    let kept = picture_of(&space.root().join(".orch"), &|_| true);
    for path in kept.keys() {
        let bytes = std::fs::read(space.root().join(".orch").join(path)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(KEY) && !text.contains(TOKEN), "{path}: {text}");
    }
    assert!(space.read(".orch/journal-v1").contains("[masked] [masked]"));
}
