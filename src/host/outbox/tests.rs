//! What goes out, to a server on this machine and to commands.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::base::name::RuleName;
use crate::spec::rule::{self, Notify};

/// Reads one request; its body.
fn body_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().to_owned())
            });
            let length: usize = length.unwrap().parse().unwrap();
            if body.len() >= length {
                return body.to_owned();
            }
        }
        let n = stream.read(&mut chunk).unwrap();
        assert_ne!(n, 0, "the request ended early: {text}");
        bytes.extend_from_slice(&chunk[..n]);
    }
}

/// A server that gives these answers, one a request, and hands back what it was sent.
fn server(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let answer = |status: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let body = body_of(&mut stream);
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
            body
        };
        answers.iter().map(answer).collect()
    });
    (url, thread)
}

fn rule(webhook: &str) -> Rule {
    let file = |text: &str| {
        let path = crate::base::name::RelPath::new("rules/phone.yaml").unwrap();
        rule::parse(&crate::base::source::Source::new(path, text), &|_| None).value
    };
    let text = "extends: notify\non: question\nwebhook: http://localhost\n";
    let built_in = crate::spec::builtin::rules().into_iter();
    let mut drafts: Vec<_> = built_in.map(|it| rule::parse(&it, &|_| None).value).collect();
    drafts.push(file(text));
    let mut rule = rule::resolve(drafts).value.remove(&RuleName::new("phone")).unwrap();
    rule.retry.backoff_base = Millis(1);
    let on = rule.notify.take().unwrap().on;
    let webhook = Some(webhook.to_owned()).filter(|it| !it.is_empty());
    rule.notify = Some(Notify { on, webhook, ..Notify::default() });
    rule
}

fn letter(text: &str) -> Letter {
    Letter {
        occasion: Occasion::Question,
        at: Moment(7),
        plan: Some(PlanName::new("demo")),
        task: Some(TaskRef::new("demo", "1")),
        subject: "orch shop: ask".to_owned(),
        text: text.to_owned(),
        fields: json!({ "question": "why?" }),
    }
}

fn outbox(folder: &tempfile::TempDir) -> Outbox {
    Outbox::new(folder.path().to_owned())
}

#[test]
fn a_webhook_is_tried_again_where_that_may_help_and_secrets_stay_here() {
    let folder = tempfile::tempdir().unwrap();
    let (url, server) = server(&["503 Busy", "200 OK"]);
    let mut outbox = outbox(&folder);
    outbox.send(&rule(&url), &letter("with ghp_0123456789abcdefghijABCDEFGHIJ in it"));
    assert_eq!(outbox.close(Millis::seconds(60)), [""; 0]);
    let bodies = server.join().unwrap();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(body["event"], "question");
    assert_eq!(body["task"], "demo//1");
    assert_eq!(body["text"], "with [masked] in it");
    assert_eq!(body["data"]["question"], "why?");
}

#[test]
fn what_no_further_try_can_change_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (url, server) = server(&["404 Not Found", "404 Not Found"]);
    let mut outbox = outbox(&folder);
    outbox.send(&rule(&url), &letter("a"));
    outbox.send(&rule(&url), &letter("b"));
    let lines = outbox.close(Millis::seconds(60));
    assert_eq!(server.join().unwrap().len(), 2);
    assert_eq!(
        lines,
        [
            "the webhook of rule `phone` failed: it answered 404 Not Found; further failures of it are not told in this build"
        ]
    );
}

#[test]
fn one_that_hangs_holds_nobody_and_its_queue_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = rule(&format!("http://{}/", listener.local_addr().unwrap()));
    let (url, server) = server(&["204 No Content"]);
    let mut other = rule(&url);
    other.name = RuleName::new("other");
    let mut outbox = outbox(&folder);
    // One is on its way at most, and nobody ever answers it.
    for _ in 0..WAITING + 2 {
        outbox.send(&hanging, &letter("a"));
    }
    outbox.send(&other, &letter("b"));
    assert_eq!(server.join().unwrap().len(), 1, "the other one went out meanwhile");
    let lines = outbox.close(Millis(1));
    assert!(lines[0].contains("more than 64 notices wait for it"), "{lines:?}");
    assert!(lines[1].contains("`phone` was not done within"), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_variable_that_is_missing_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = outbox(&folder);
    outbox.send(&rule("${ORCH_NO_SUCH_VARIABLE}"), &letter("a"));
    let lines = outbox.close(Millis::seconds(60));
    assert!(lines[0].contains("`ORCH_NO_SUCH_VARIABLE` is not set"), "{lines:?}");
}
