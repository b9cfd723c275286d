//! People who are told of builds outside of the terminal, by the built program.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};

use serde_json::Value;

use crate::support::{Space, wait_until};

/// Two sections: the first is done, in the second one task fails and another waits for it.
const PLAN: &str = "\
meta: { name: P }
sections:
- id: one
  name: First
  tasks:
  - { id: a, name: A, run: 'echo 1 > a.txt' }
- id: two
  name: Second
  tasks:
  - { id: b, name: B, run: 'echo oops with $API_TOKEN >&2; exit 3', env: [API_TOKEN] }
  - { id: c, name: C, run: 'true', depends_on: [b] }
";

const GOOD: &str = "\
meta: { name: P }
sections:
- id: one
  name: First
  tasks:
  - { id: a, name: A, run: 'echo 1 > a.txt', inputs: [in.txt] }
";

/// A server that says yes to all, and hands on what it was sent before it answers.
fn listening() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (heard, bodies) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let body = body_of(&mut stream);
            if heard.send(serde_json::from_str(&body).unwrap()).is_err() {
                return;
            }
            let yes = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            stream.write_all(yes.as_bytes()).unwrap();
        }
    });
    (url, bodies)
}

fn body_of(stream: &mut TcpStream) -> String {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|it| it.strip_prefix("content-length:")).unwrap();
            if body.len() >= length.trim().parse().unwrap() {
                return body.to_owned();
            }
        }
        let n = stream.read(&mut chunk).unwrap();
        assert_ne!(n, 0, "the request ended early: {text}");
        bytes.extend_from_slice(&chunk[..n]);
    }
}

fn space(plan: &str, settings: &str, rule: &str) -> Space {
    Space::new(&[
        ("plans/p.yaml", plan),
        ("orch.yaml", settings),
        ("rules/phone.yaml", rule),
        ("in.txt", "1\n"),
        (".gitignore", ".orch/\n"),
    ])
}

/// The process has ended; whether its parent has taken notice is not ours to say.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn in_home(space: &Space, name: &str) -> String {
    std::fs::read_to_string(space.home().join(name)).unwrap_or_default()
}

#[test]
fn a_webhook_is_told_what_happens_in_its_order_and_no_secret() {
    let (url, bodies) = listening();
    let rule = "extends: notify\n\
        on: [plan-started, section-done, task-failed, plan-ended, build-ended]\nwebhook: ${HOOK}\n";
    let space =
        space(PLAN, "", rule).env("HOOK", &url).env("API_TOKEN", "made-up-secret-of-nobody");
    let ran = space.orch(&["build", "--keep-going"]).exits(1);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let bodies: Vec<Value> = bodies.try_iter().collect();
    let events: Vec<&str> = bodies.iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events[0], "plan-started");
    assert_eq!(events[events.len() - 2..], ["plan-ended", "build-ended"]);
    let mut sorted = events.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        ["build-ended", "plan-ended", "plan-started", "section-done", "task-failed"]
    );
    let of = |event: &str| bodies.iter().find(|it| it["event"] == event).unwrap();
    assert_eq!(of("section-done")["data"]["section"], "First");
    let failed = of("task-failed");
    assert_eq!((&failed["plan"], &failed["task"]), (&"p".into(), &"p//b".into()));
    assert_eq!(failed["project"], "repository");
    assert!(failed["text"].as_str().unwrap().contains("FAIL: p//b  B"), "{failed}");
    let ended = &of("plan-ended")["data"];
    assert_eq!((&ended["failed"], &ended["blocked"]), (&1.into(), &1.into()));
    assert_eq!(of("build-ended")["data"]["exit"], 1);
    for body in &bodies {
        assert!(!body.to_string().contains("made-up-secret"), "{body}");
    }

    // Nothing happened: nobody is told.
    space.orch(&["build", "-n"]).exits(0);
    space.orch(&["status"]).exits(0);
    space.orch(&["check"]).exits(0);
}

#[test]
fn only_builds_tell_and_only_where_there_is_something() {
    let (url, bodies) = listening();
    let rule =
        format!("extends: notify\non: [plan-started, plan-ended, build-ended]\nwebhook: {url}\n");
    let space = space(GOOD, "", &rule);
    for args in [&["build", "-n"][..], &["watch", "-n"], &["status"], &["why", "p//a"], &["check"]]
    {
        space.orch(args).exits(0);
    }
    assert_eq!(bodies.try_iter().count(), 0);
    space.orch(&["build"]).exits(0);
    assert_eq!(bodies.try_iter().count(), 3);
    space.orch(&["build"]).exits(0);
    space.orch(&["build", "p"]).exits(0);
    assert_eq!(bodies.try_iter().count(), 0, "there was nothing to do");
    // Little is to be done: only what the change can reach is read.
    space.write("in.txt", "2\n");
    space.orch(&["build"]).exits(0);
    assert_eq!(bodies.try_iter().count(), 3);
}

#[test]
fn a_command_gets_what_it_needs_and_nothing_that_signs_in() {
    let rule = "extends: notify\non: task-failed\nenv: [PAGER]\n\
        run: 'cat > \"$HOME/letter\"; env > \"$HOME/env\"; pwd > \"$HOME/place\"'\n";
    let space = space(PLAN, "", rule)
        .env("PAGER", "of mine")
        .env("ANTHROPIC_API_KEY", "made-up-key-of-nobody");
    space.orch(&["build"]).exits(1);
    let letter: Value = serde_json::from_str(&in_home(&space, "letter")).unwrap();
    assert_eq!(letter["event"], "task-failed");
    assert_eq!(in_home(&space, "place").trim(), space.root().to_str().unwrap());
    let env = in_home(&space, "env");
    for line in ["ORCH_EVENT=task-failed", "ORCH_TASK=p//b", "ORCH_PLAN=p", "PAGER=of mine"] {
        assert!(env.lines().any(|it| it == line), "no `{line}` in {env}");
    }
    assert!(!env.contains("ANTHROPIC"), "{env}");
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_hangs_delays_nothing_and_is_gone_with_orch() {
    // It takes the connection, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let rule = format!(
        "extends: notify\non: [plan-started, build-ended]\nwebhook: http://{}/\n\
         run: 'sleep 3000 & echo $! > \"$HOME/child\"; sleep 3000'\nlimits: {{ wall: 1h }}\n",
        silent.local_addr().unwrap()
    );
    let space = space(GOOD, "notify: { wait: 2s }\n", &rule);
    let ran = space.orch(&["build"]).exits(0).complains(&[
        "the command of rule `phone` was not done within 2.0s (`notify.wait`): 2 of its notices are lost",
        "the webhook of rule `phone` was not done within 2.0s",
    ]);
    assert!(ran.stdout.contains("done: 1 of 1 task"), "{}", ran.stdout);
    let child = in_home(&space, "child");
    assert!(!child.trim().is_empty(), "it was started");
    wait_until(|| is_gone(&child));
}

#[test]
fn what_fails_is_told_once_and_changes_nothing() {
    let rule = "extends: notify\non: [plan-started, plan-ended]\n\
        run: 'echo no such pager >&2; exit 7'\n";
    let space = space(GOOD, "", rule);
    let ran = space.orch(&["build"]).exits(0);
    let told = "the command of rule `phone` failed: exit code 7: no such pager";
    assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.stderr);
}

#[test]
fn mail_goes_to_who_a_plan_names() {
    let plan = GOOD.replace("{ name: P }", "{ name: P, notification_email: a@example.org }");
    let mail = "#!/bin/sh\n(echo \"to $1: $ORCH_SUBJECT\"; cat) >> \"$HOME/mail\"\n";
    let space = space(&plan, "", "extends: notify\non: fault\nbell: true\n");
    let advised = space.orch(&["check"]).exits(0);
    assert!(advised.stdout.contains("plan::no-mail"), "{}", advised.shown());
    space.write("mail.sh", mail);
    space.write("orch.yaml", "notify: { mail: [sh, mail.sh] }\n");
    space.commit("mail");
    space.orch(&["build"]).exits(0);
    let mail = in_home(&space, "mail");
    assert_eq!(
        mail,
        "to a@example.org: orch repository: section First of p is done\nsection First of p is done\n\
         to a@example.org: orch repository: plan p is done\nplan p is done\n"
    );
}

#[test]
fn a_rule_that_tells_people_does_no_task() {
    let rule = "extends: notify\non: task-failed\nrun: 'true'\n";
    let plan = GOOD.replace("name: A,", "name: A, rule: phone,");
    let ran = space(&plan, "", rule).orch(&["check"]).exits(2);
    assert!(ran.stdout.contains("plan::unusable-rule"), "{}", ran.shown());
    let wrong = rule.replace("task-failed", "task-faild");
    let ran = space(GOOD, "", &wrong).orch(&["check"]).exits(2);
    let said = &ran.stdout;
    assert!(said.contains("rule::unknown-event") && said.contains("task-failed"), "{said}");
}
