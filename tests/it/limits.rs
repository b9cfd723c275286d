//! Usage limits of an account over several runs of the program: whose they are, and how they end.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\nlimits: { wait: never }\n";

const PLAN: &str = "\
meta: { name: Limited }
sections:
- id: s
  name: All
  tasks:
  - id: '1'
    name: First
    description: Write one.txt.
    max_attempts: 1
";

const WRITES: &str = "'1':\n- write: { path: one.txt, content: one }\n";

/// A limit that is met and lasts for three days more. From then on a session would succeed.
fn limited() -> Space {
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/limited.yaml", PLAN),
        ("sessions.yaml", &meets(3 * 86_400)),
    ])
    .env("ANTHROPIC_API_KEY", "sk-made-up");
    let held = space.build(&[], 75).has(&[("held", 1), ("sessions", 1)]);
    let said = held.ran.shown();
    assert!(
        said.contains("`orch resume --limits`") && said.contains("`orch retry TASK`"),
        "{said}"
    );
    space.write("sessions.yaml", WRITES);
    space.commit("the limit is over");
    space.build(&[], 75).has(&[("held", 1), ("sessions", 0)]);
    space
}

fn meets(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    format!("'1':\n- limit: {{ resets_at: {} }}\n", now + seconds)
}

#[test]
fn a_limit_ends_with_its_account() {
    let space = limited();
    let journal = std::fs::read_to_string(space.root().join(".orch/journal-v1")).unwrap();
    assert!(journal.contains("\"account\":") && !journal.contains("sk-made-up"), "{journal}");
    let space = space.env("ANTHROPIC_API_KEY", "sk-made-up-too");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
}

#[test]
fn a_login_is_told_by_its_account() {
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/limited.yaml", PLAN),
        ("sessions.yaml", &meets(3 * 86_400)),
    ]);
    let log_in = |account: &str, token: &str| {
        let login = format!(
            r#"{{"t": "{token}", "oauthAccount": {{"accountUuid": "{account}", "organizationUuid": "o"}}}}"#
        );
        std::fs::write(space.home().join(".claude.json"), login).unwrap();
    };
    log_in("a", "1");
    space.build(&[], 75).has(&[("sessions", 1)]);
    space.write("sessions.yaml", WRITES);
    log_in("a", "2");
    space.build(&[], 75).has(&[("sessions", 0)]);
    log_in("b", "3");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
}

#[test]
fn a_person_lifts_a_limit() {
    let space = limited();
    space.orch(&["resume", "--limits"]).exits(0).complains(&["is taken for over"]);
    assert_eq!(space.read("one.txt"), "one");
}

#[test]
fn where_a_person_asks_one_session_finds_out() {
    let forced = limited();
    forced.build(&["--force", "limited//1"], 0).has(&[("accepted", 1), ("sessions", 1)]);
    let retried = limited();
    retried.orch(&["retry", "limited//1"]).exits(0);
    retried.write("sessions.yaml", &meets(4 * 86_400));
    retried.build(&[], 75).has(&[("held", 1), ("sessions", 1)]);
    retried.build(&[], 75).has(&[("held", 1), ("sessions", 0)]);
    retried.write("sessions.yaml", WRITES);
    retried.orch(&["retry", "limited//1"]).exits(0);
    retried.build(&[], 0).has(&[("accepted", 1), ("sessions", 1)]);
}

#[test]
fn a_reset_that_is_past_holds_nothing() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for ago in [5, 700, 100_000] {
        let sessions = format!(
            "'1':\n- - limit: {{ resets_at: {} }}\n- - write: {{ path: one.txt, content: one }}\n",
            now - ago
        );
        let space = Space::new(&[
            ("orch.yaml", SETTINGS),
            ("plans/limited.yaml", PLAN),
            ("sessions.yaml", &sessions),
        ]);
        let built = space.orch(&["build"]).exits(0);
        let said = built.shown();
        assert!(said.contains("was used up and reset 20"), "{said}");
        assert!(!said.contains("resets 20") && !said.contains("no session starts"), "{said}");
        assert_eq!(space.read("one.txt"), "one");
    }
    let sessions = format!("'1':\n- limit: {{ resets_at: {} }}\n", now - 700);
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/limited.yaml", PLAN),
        ("sessions.yaml", &sessions),
    ]);
    space.build(&[], 75).has(&[("held", 1), ("sessions", 2)]);
}
