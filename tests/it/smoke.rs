//! Smoke tests and development servers, by the built program.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::Space;

const PLAN: &str = "\
meta: { name: P }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: One, run: 'echo 1 > one.txt', status: pending }
";

fn space(settings: &str) -> Space {
    Space::new(&[("orch.yaml", settings), ("plans/p.yaml", PLAN)])
}

/// The smoke tests of a build's summary: plan, outcome, message.
fn smoked(space: &Space, args: &[&str], code: i32) -> Vec<(String, String, String)> {
    let all = [&["build", "--format", "json"], args].concat();
    let ran = space.orch(&all).exits(code);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "build-ended");
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let shown = last["smoke"].as_array().cloned().unwrap_or_default();
    shown.iter().map(|it| (text(&it["plan"]), text(&it["outcome"]), text(&it["message"]))).collect()
}

fn outcomes(space: &Space, args: &[&str], code: i32) -> Vec<String> {
    smoked(space, args, code).into_iter().map(|it| it.1).collect()
}

/// The process has ended; whether its parent has taken notice is not ours to say.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_failure_is_a_failure_of_the_build_until_it_passes() {
    let space = space("smoke: 'test -e one.txt && grep -q good state'\n");
    space.write("state", "bad\n");
    assert_eq!(outcomes(&space, &[], 1), ["failed"]);
    let status = space.orch(&["status"]).exits(0).stdout;
    assert!(status.contains("smoke test failed: exit code 1"), "{status}");
    let again = space.orch(&["build"]).exits(1);
    assert!(again.stdout.contains("smoke test failed: exit code 1"), "{}", again.stdout);
    assert_eq!(outcomes(&space, &["--skip-smoke"], 0), [""; 0]);
    space.write("state", "good\n");
    assert_eq!(outcomes(&space, &[], 0), ["passed"]);
    assert_eq!(outcomes(&space, &[], 0), ["unchanged"]);
    space.write("state", "bad again\n");
    assert_eq!(outcomes(&space, &[], 1), ["failed"], "another tree, though no task reads it");
}

#[test]
fn a_plan_may_have_its_own_or_none() {
    let space = space("smoke: 'false'\n");
    space.replace("plans/p.yaml", "{ name: P }", "{ name: P, smoke: [test, -e, one.txt] }");
    assert_eq!(outcomes(&space, &[], 0), ["passed"]);
    space.replace("plans/p.yaml", "smoke: [test, -e, one.txt]", "smoke: false");
    assert_eq!(outcomes(&space, &[], 0), [""; 0]);
}

#[test]
fn nothing_of_the_callers_environment_reaches_it_unasked() {
    let settings = "smoke: { run: 'test -z \"$SECRET\" && test \"$NAMED\" = yes && test -n \"$PLAYWRIGHT_BASE_URL\"', env: [NAMED] }\n";
    let space = space(settings).env("SECRET", "x").env("NAMED", "yes");
    assert_eq!(outcomes(&space, &[], 0), ["passed"]);
}

#[test]
fn one_that_hangs_is_ended_with_its_family() {
    let space = space("smoke: { run: 'sleep 300 & echo $! > child; sleep 300', timeout: 500ms }\n");
    let shown = smoked(&space, &[], 1);
    assert_eq!(shown[0].1, "failed");
    assert!(shown[0].2.contains("not over within"), "{shown:?}");
    assert!(is_gone(&space.read("child")));
}

#[test]
fn the_built_in_one_is_skipped_loudly_where_no_server_answers() {
    let settings = format!("dev_server_port: {}\n", free_port());
    let space = space(&settings);
    assert_eq!(outcomes(&space, &[], 0), [""; 0], "the project has no such test");
    space.write("tests/SMOKE01-critical-paths.spec.ts", "// critical paths\n");
    let shown = smoked(&space, &[], 0);
    assert_eq!(shown[0].1, "skipped");
    assert!(shown[0].2.contains("nothing answers on port"), "{shown:?}");
}

#[test]
fn a_dev_server_is_started_and_surely_ended() {
    let port = free_port();
    let server = "import http.server, os\n\
        open('server.pid', 'w').write(str(os.getpid()))\n\
        http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler).serve_forever()\n";
    let settings = format!(
        "smoke: {{ run: [python3, smoke.py], needs_server: true }}\n\
         dev_server: {{ command: 'python3 server.py & wait', port: {port}, wait: 60s }}\n"
    );
    let smoke = "import os, urllib.request\n\
        assert urllib.request.urlopen(os.environ['PLAYWRIGHT_BASE_URL'] + '/one.txt').read() == b'1\\n'\n";
    let space = Space::new(&[
        ("orch.yaml", &settings),
        ("plans/p.yaml", PLAN),
        ("server.py", server),
        ("smoke.py", smoke),
        (".gitignore", "server.pid\n"),
    ]);
    assert_eq!(outcomes(&space, &[], 0), ["passed"]);
    assert!(is_gone(&space.read("server.pid")));
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
}

#[test]
fn a_dev_server_that_does_not_come_up_is_a_failure() {
    let settings = format!(
        "smoke: 'true'\ndev_server: {{ command: 'echo no such port; exit 3', port: {} }}\n",
        free_port()
    );
    let shown = smoked(&space(&settings), &[], 1);
    assert_eq!(shown[0].1, "failed");
    assert!(shown[0].2.contains("ended before it answered"), "{shown:?}");
}
