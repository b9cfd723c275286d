//! What commands and session programs say on stderr, by the built program.

use serde_json::Value;

use crate::support::Space;

/// A plan of one command task.
fn command(line: &str) -> Space {
    let line = serde_json::to_string(line).unwrap();
    let plan = format!(
        "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: Compile, run: {line}, max_attempts: 1 }}\n"
    );
    Space::new(&[("plans/a.yaml", &plan)])
}

#[test]
fn every_line_of_stderr_is_kept_and_marked() {
    let space = command(
        "echo fine; for i in 1 2 3 4; do echo \"complaint $i\" >&2; done; echo ghp_0123456789abcdefghij >&2; printf last >&2; exit 3",
    );
    space.orch(&["build"]).exits(1);
    let all =
        ["fine", "complaint 1", "complaint 2", "complaint 3", "complaint 4", "[masked]", "last"];
    space.orch(&["log", "a//1"]).exits(0).says(&all);
    space.orch(&["show", "a//1"]).exits(0).says(&all);
    let json = space.orch(&["log", "a//1", "--format", "json"]).exits(0);
    let lines: Vec<Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |stream: &str| -> Vec<&str> {
        let lines = lines.iter().filter(|line| line["stream"] == stream);
        lines.map(|line| line["text"].as_str().unwrap()).collect()
    };
    assert_eq!(of("stdout"), ["fine"]);
    assert_eq!(of("stderr"), all[1..]);
    let shown = space.orch(&["show", "a//1", "--format", "json"]).exits(0);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["output"].as_array().unwrap().len(), all.len(), "{shown}");
}

#[test]
fn a_name_is_whole_where_no_screen_is_narrow() {
    let space = command("true");
    let name = "Compile everything that there is in this repository, and more";
    space.replace("plans/a.yaml", "name: Compile", &format!("name: \"{name}\""));
    space.orch(&["status"]).exits(0).says(&[name]);
}

#[test]
fn a_name_of_a_file_moves_no_cursor() {
    let space = command("touch \"$(printf 'odd\\033[31mred.txt')\"");
    let built = space.orch(&["build", "-v"]).exits(0).shown();
    let shown = space.orch(&["show", "a//1"]).exits(0).says(&["A odd\\u{1b}[31mred.txt"]).shown();
    let listed = space.orch(&["cache", "ls", "--format", "json"]).exits(0).stdout;
    let key = listed.split("\"key\":\"").nth(1).unwrap()[..64].to_owned();
    let cached = space.orch(&["cache", "show", &key]).exits(0).says(&["odd\\u{1b}"]).shown();
    assert!(!(built + &shown + &cached).contains('\u{1b}'));
}

#[test]
fn a_command_may_be_longer_than_a_word_of_a_command_line() {
    let long = format!("{}echo made by $1 > one.txt", ": a generated line\n".repeat(10_000));
    let space = command(&long);
    space.orch(&["build"]).exits(0);
    assert_eq!(space.read("one.txt"), "made by\n");
    let words = format!("[echo, {}]", serde_json::to_string(&"x".repeat(200_000)).unwrap());
    let plan = format!(
        "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: N, run: {words}, max_attempts: 1 }}\n"
    );
    space.write("plans/a.yaml", &plan);
    space.orch(&["build"]).exits(1).complains(&["FAIL  a//1", "too long"]);
}

#[test]
fn a_finding_beside_a_line_without_end_is_a_page() {
    let space = command("true");
    let long = format!("{}: a\n  name: \"{}\"\n", "x".repeat(20), "ü".repeat(150_000));
    space.write(
        "plans/b.yaml",
        &format!("meta:\n  name: \"{}\"\nsections: 3\n", "ü".repeat(150_000)),
    );
    space.write("plans/c.yaml", &format!("{long}sections: [\n"));
    let checked = space.orch(&["check", "."]).exits(2);
    checked
        .says(&["plans/b.yaml:3:11", "plan::wrong-type", "ü…", "plans/c.yaml:", "yaml::syntax"])
        .complains(&["2 errors"]);
    let checked = space.orch(&["check", "plans"]).exits(2).stdout;
    assert!(checked.len() < 5_000, "{}", checked.len());
}

#[test]
fn a_flood_of_stderr_is_kept_whole_and_shown_by_its_end() {
    let space = command("seq 1 30000 >&2; exit 1");
    let printed = space.orch(&["build", "-v"]).exits(1).shown();
    assert!(printed.contains("lines left out") && printed.len() < 1_000_000, "{}", printed.len());
    let log = space.orch(&["log", "a//1"]).exits(0).stdout;
    assert_eq!(log.lines().count(), 30_000);
    let shown = space.orch(&["show", "a//1"]).exits(0).says(&["29981", "30000"]).shown();
    assert!(!shown.contains("29980"), "{shown}");
}

#[test]
fn what_a_validator_says_on_stderr_reaches_the_next_attempt_beside_its_output() {
    let line = "echo the test that failed; seq 1 100 >&2; echo the error >&2; grep -q good one.txt";
    let plan = format!(
        "sections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: A\n    description: Write one.txt.\n    max_attempts: 2\n    validators:\n    - name: tests\n      run: {}\n",
        serde_json::to_string(line).unwrap()
    );
    let sessions = "'1':\n- - write: { path: one.txt, content: bad }\n- - save-prompt: PROMPT\n  - write: { path: one.txt, content: good }\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/a.yaml", &plan),
        ("sessions.yaml", sessions),
    ]);
    let prompt = space.home().join("prompt");
    space.replace("sessions.yaml", "PROMPT", &prompt.display().to_string());
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
    let prompt = std::fs::read_to_string(prompt).unwrap();
    assert!(prompt.contains("the test that failed") && prompt.contains("the error"), "{prompt}");
    assert!(!prompt.contains("\n>   80\n") && prompt.contains("\n>   90\n"), "{prompt}");
}

#[test]
fn why_a_session_did_not_start_is_told_by_all_its_lines() {
    let cli = "#!/bin/sh\n[ \"$1\" = --version ] && { echo '2.1.0 (Claude Code)'; exit 0; }\ncat > /dev/null\necho 'error: nothing is installed here' >&2\necho 'a newer release is out' >&2\nexit 1\n";
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: A, description: d, agent: coder }\n";
    let space = Space::new(&[("plans/a.yaml", plan), ("cli.sh", cli)]);
    let place = space.root().join("cli.sh");
    let space = space.env("ORCH_CLAUDE", &format!("sh {}", place.display()));
    let printed = space.orch(&["build"]).shown();
    assert!(
        printed.contains("nothing is installed here") && printed.contains("newer release"),
        "{printed}"
    );
    space.orch(&["log", "a//1"]).exits(0).says(&["nothing is installed here", "newer release"]);
}

/// A task whose session writes these words to `one.txt`, an attempt each, and is judged by two validators.
fn judged(words: &[&str]) -> Space {
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    name: A\n    description: Write one.txt.\n    max_attempts: 3\n    validators:\n    - { name: style, run: 'echo style looked; echo style warned >&2' }\n    - { name: tests, run: 'echo test 7 ran; echo test 7 complained >&2; grep -q good one.txt' }\n";
    let attempts: String = words
        .iter()
        .map(|word| format!("- write: {{ path: one.txt, content: {word} }}\n"))
        .collect();
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/a.yaml", plan),
        ("sessions.yaml", &format!("'1':\n{}", attempts.replace("- write", "- - write"))),
    ])
}

#[test]
fn what_validators_said_is_told_whatever_their_verdict() {
    let said = ["style looked", "style warned", "test 7 ran", "test 7 complained"];
    let space = judged(&["good"]);
    space.build(&[], 0).has(&[("accepted", 1)]);
    let log = space.orch(&["log", "a//1"]).exits(0).says(&said);
    log.says(&["validator style on attempt 1: PASS", "validator tests on attempt 1: PASS"]);
    space.orch(&["show", "a//1"]).exits(0).says(&said[2..]);
    let json = space.orch(&["log", "a//1", "--format", "json"]).exits(0);
    let all = json.stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok());
    assert!(all && json.stdout.contains(r#""stream":"stderr","text":"test 7 complained""#));
    let first = space.orch(&["log", "a//1", "--attempt", "1"]).exits(0).shown();
    assert!(!first.contains("test 7"), "{first}");
}

#[test]
fn a_verdict_that_was_known_is_told_by_the_run_that_reached_it() {
    let space = judged(&["bad", "bad", "bad"]);
    space.build(&[], 1).has(&[("sessions", 3)]);
    let said = ["test 7 ran", "test 7 complained"];
    let log = space.orch(&["log", "a//1"]).exits(0).says(&said);
    log.says(&["validator tests on attempt 1: FAIL", "style warned"]);
    let shown = space.orch(&["show", "a//1"]).exits(0).says(&said).shown();
    assert!(!shown.contains("style warned"), "{shown}");
}

/// A plan of one session task, in worktrees with this set-up line.
fn set_up(line: &str) -> Space {
    let settings = format!(
        "session: {{ scripted: sessions.yaml }}\nworktree: {{ setup: {} }}\n",
        serde_json::to_string(line).unwrap()
    );
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: A, description: Write one.txt., max_attempts: 1 }\n";
    Space::new(&[
        ("orch.yaml", &settings),
        ("plans/a.yaml", plan),
        ("sessions.yaml", "'1':\n- write: { path: one.txt, content: x }\n"),
    ])
}

#[test]
fn all_that_a_failed_set_up_line_said_is_kept_and_is_no_session() {
    let space = set_up(
        "for i in $(seq 1 40); do echo \"step $i.\"; done; echo ghp_0123456789abcdefghij; for i in 1 2 3; do echo \"complaint $i.\" >&2; done; exit 4",
    );
    space.build(&[], 1).has(&[("failed", 1), ("sessions", 0)]);
    let all = ["step 1.", "step 20.", "step 40.", "[masked]", "complaint 1.", "complaint 3."];
    space.orch(&["log", "a//1"]).exits(0).says(&all);
    space.orch(&["show", "a//1"]).exits(0).says(&["exit status: 4", "step 40."]);
    let json = space.orch(&["log", "a//1", "--format", "json"]).exits(0);
    let of = |stream: &str| json.stdout.matches(&format!(r#""stream":"{stream}""#)).count();
    assert_eq!((of("stdout"), of("stderr")), (41, 3), "{}", json.stdout);
    space.orch(&["cost"]).exits(0).says(&["nothing was spent"]);
    space.build(&[], 1).has(&[("sessions", 0)]);
}

#[test]
fn a_set_up_line_that_complains_on_stdout_is_told_by_that() {
    let space = set_up("echo 'error: no such package'; false");
    let printed = space.orch(&["build"]).exits(1).shown();
    assert!(printed.contains("(exit status: 1): error: no such package; try it"), "{printed}");
    let silent = set_up("exit 3").orch(&["build"]).exits(1).shown();
    assert!(silent.contains("(exit status: 3): it said nothing; try it"), "{silent}");
}

/// A plan of one command, with this line as its smoke test and these further settings.
fn smoke(line: &str, settings: &str) -> Space {
    let settings = format!("smoke: {}\n{settings}", serde_json::to_string(line).unwrap());
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: A, run: 'echo 1 > one.txt' }\n  - { id: '2', name: B, run: 'echo 2 > two.txt' }\n";
    Space::new(&[("orch.yaml", &settings), ("plans/a.yaml", plan)])
}

#[test]
fn all_that_a_smoke_test_said_is_kept_and_found_by_what_the_build_tells() {
    let line = "for i in $(seq 1 40); do echo \"check $i.\"; done; echo ghp_0123456789abcdefghij; for i in 1 2 3; do echo \"complaint $i.\" >&2; done; test -e good";
    let space = smoke(line, "");
    space.orch(&["log", "a", "--smoke"]).exits(2).complains(&["none has run here"]);
    let printed = space.orch(&["build"]).exits(1).shown();
    assert!(printed.contains("all of it: orch log a --smoke"), "{printed}");
    assert!(printed.contains("check 40.") && !printed.contains("check 1."), "{printed}");
    let all = ["check 1.", "check 20.", "check 40.", "[masked]", "complaint 1.", "complaint 3."];
    let check = |outcome: &str| {
        let log = space.orch(&["log", "a", "--smoke"]).exits(0).says(&all);
        log.complains(&[&format!("a, smoke test {outcome} at ")]);
    };
    check("failed");
    let json = space.orch(&["log", "plans/a.yaml", "--smoke", "--format", "json"]).exits(0);
    let of = |stream: &str| json.stdout.matches(&format!(r#""stream":"{stream}""#)).count();
    assert_eq!((of("stdout"), of("stderr")), (41, 3), "{}", json.stdout);
    space.orch(&["cache", "gc", "--max-age", "0s"]).exits(0);
    check("failed");
    space.write("good", "");
    space.build(&[], 0);
    check("passed");
}

#[test]
fn all_that_a_server_said_which_did_not_come_up_is_kept() {
    let line = "for i in $(seq 1 40); do echo \"boot $i.\"; done; echo ghp_$(echo 0123456789abcdefghij); echo no such port >&2; exit 3";
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = serde_json::to_string(line).unwrap();
    let space = smoke("true", &format!("dev_server: {{ command: {server}, port: {port} }}\n"));
    let printed = space.orch(&["build"]).exits(1).shown();
    assert!(printed.contains("all of it: orch log a --smoke"), "{printed}");
    assert!(printed.contains("[masked]") && !printed.contains("ghp_0"), "{printed}");
    let all = ["boot 1.", "boot 40.", "[masked]", "no such port"];
    space.orch(&["log", "a", "--smoke"]).exits(0).says(&all);
}

/// What tools print with `--json`: to a person it is output like any other.
const REPORTS: &str = r#"echo '{"type":"step","data":"Resolving"}'; echo '{"type":"result","subtype":"success"}'; echo '{"done":1}'"#;

#[test]
fn what_commands_print_as_json_is_output() {
    let check = |space: &Space, log: &[&str], shown: bool| {
        let all = [
            r#"{"type":"step","data":"Resolving"}"#,
            r#"{"type":"result","subtype":"success"}"#,
            r#"{"done":1}"#,
        ];
        let said = space.orch(log).exits(0).stdout;
        assert_eq!(said.lines().filter(|it| all.contains(it)).count(), 3, "{said}");
        let mut log = log.to_vec();
        log.extend(["--format", "json"]);
        let json = space.orch(&log).exits(0).stdout;
        let lines: Vec<Value> = json.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        let said =
            |it: &&Value| it["type"] == "output" && all.contains(&it["text"].as_str().unwrap());
        assert_eq!(lines.iter().filter(said).count(), 3, "{json}");
        assert!(lines.iter().all(|it| it["type"] == "output" || it["type"] == "log"), "{json}");
        if shown {
            space.orch(&["show", "a//1"]).exits(0).says(&all);
        }
    };
    let task = command(&format!("{REPORTS}; exit 1"));
    task.orch(&["build"]).exits(1);
    check(&task, &["log", "a//1"], true);
    let set_up = set_up(&format!("{REPORTS}; exit 1"));
    set_up.orch(&["build"]).exits(1);
    check(&set_up, &["log", "a//1"], true);
    let smoke = smoke(REPORTS, "");
    smoke.build(&[], 0);
    check(&smoke, &["log", "a", "--smoke"], false);
    let validator =
        format!("validators: [{{ name: v, run: {} }}]", serde_json::to_string(REPORTS).unwrap());
    let validated = command("echo x > x");
    validated.replace("plans/a.yaml", "max_attempts: 1", &format!("max_attempts: 1, {validator}"));
    validated.commit("a validator");
    validated.build(&[], 0);
    check(&validated, &["log", "a//1"], true);
}
