//! What a person sees on a terminal.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{ORCH, Space, wait_until};

const FAILS: &str = "\
meta: { name: P }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: One, run: 'true', validators: [{ name: good, run: 'echo the reason; exit 1' }] }
";

/// orch on a terminal of its own; ended with the value.
struct Terminal {
    child: Child,
    sent: mpsc::Receiver<Vec<u8>>,
    keys: File,
    text: String,
}

impl Terminal {
    fn start(space: &Space, args: &[&str], rows: u16, env: &[(&str, &str)]) -> Self {
        let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&own).unwrap();
        unlockpt(&own).unwrap();
        let size = Winsize { ws_row: rows, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&own, size).unwrap();
        let name = ptsname(&own, Vec::new()).unwrap();
        let open = || {
            let file = File::options().read(true).write(true).open(name.to_str().unwrap());
            Stdio::from(file.unwrap())
        };
        let mut command = space.bare(ORCH);
        command.args(args).current_dir(space.root()).env_remove("NO_COLOR");
        command.envs(env.iter().copied());
        let child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        drop(command);
        let own = File::from(own);
        let keys = own.try_clone().unwrap();
        let (send, sent) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut own, mut buffer) = (own, [0; 4096]);
            // An error says that nobody has the other end any more.
            while let Ok(n @ 1..) = own.read(&mut buffer) {
                let _ = send.send(buffer[..n].to_vec());
            }
        });
        Self { child, sent, keys, text: String::new() }
    }

    /// All that was sent so far.
    fn text(&mut self) -> &str {
        for bytes in self.sent.try_iter() {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        &self.text
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    fn end(mut self) -> String {
        self.child.wait().unwrap();
        while let Ok(bytes) = self.sent.recv() {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
        std::mem::take(&mut self.text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_dumb_terminal_gets_every_line_and_no_escape() {
    for env in [&[("TERM", "dumb")][..], &[]] {
        let space = Space::new(&[("plans/p.yaml", FAILS)]);
        let text = Terminal::start(&space, &["build"], 24, env).end();
        for part in ["run   p//1", "check p//1  good: FAIL", "the reason", "FAIL  p//1", "0 of 1"] {
            assert!(text.contains(part), "{env:?}: no `{part}` in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{env:?}: {text:?}");
    }
}

#[test]
fn a_terminal_is_sent_colours_unless_nobody_wants_them() {
    let check = |env: &[(&str, &str)]| {
        let space = Space::new(&[("plans/p.yaml", FAILS)]);
        let text = Terminal::start(&space, &["build"], 24, env).end();
        assert!(text.contains("the reason"), "{text:?}");
        // Colours end in `m`; the cursor moves by other letters.
        let ends = text.split("\u{1b}[").skip(1).filter_map(|it| {
            it.trim_start_matches(|it: char| it.is_ascii_digit() || it == ';').chars().next()
        });
        ends.filter(|end| *end == 'm').count() > 0
    };
    assert!(check(&[("TERM", "xterm")]));
    assert!(!check(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
}

#[test]
fn the_bar_is_on_the_screen_however_many_tasks_run() {
    let tasks: String = (1..=16)
        .map(|n| {
            format!("  - {{ id: '{n}', name: N, run: 'touch $HOME/at-{n}; until test -e $HOME/go; do sleep 0.05; done' }}\n")
        })
        .collect();
    let plan = format!(
        "meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    );
    let space =
        Space::new(&[("plans/p.yaml", &plan), ("orch.yaml", "schedule: { per_core: 16 }\n")]);
    let mut terminal = Terminal::start(&space, &["build", "-j", "16"], 12, &[("TERM", "xterm")]);
    let n_begun = || std::fs::read_dir(space.home()).unwrap().count();
    wait_until(|| n_begun() == 16);
    wait_until(|| {
        let text = terminal.text();
        text.contains("0/16 tasks · 16 running") && text.contains("and 7 more")
    });
    std::fs::write(space.home().join("go"), "").unwrap();
    terminal.end();
}

#[test]
fn a_watch_at_rest_takes_its_bar_away() {
    let plan = "meta: { name: P }\nsections:\n- id: s\n  name: All\n  tasks:\n  \
                - { id: '1', name: One, run: 'sleep 0.3; cat a.txt > b.txt', inputs: [a.txt] }\n";
    let space = Space::new(&[("plans/p.yaml", plan), ("a.txt", "1\n")]);
    let mut terminal = Terminal::start(&space, &["watch"], 24, &[("TERM", "xterm")]);
    wait_until(|| terminal.text().matches("waiting for changes").count() == 1);
    space.write("a.txt", "2\n");
    wait_until(|| terminal.text().matches("waiting for changes").count() == 2);
    // What is drawn last on each line counts; a line that is cleared holds nothing.
    wait_until(|| {
        let text = terminal.text();
        let last = text.rfind(" running").unwrap_or(0);
        last > 0 && text[last..].contains("\u{1b}[2K")
    });
}

#[test]
fn finished_work_is_asked_for_before_it_is_bought_again() {
    let tasks: String = (1..=2)
        .map(|at| format!("  - {{ id: 't{at}', name: T{at}, description: D, inputs: [in.txt] }}\n"))
        .collect();
    let plan = format!(
        "meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: A\n  tasks:\n{tasks}"
    );
    let settings =
        "session: { scripted: sessions.yaml }\nrebuild: { ask_above: { sessions: 1 } }\n";
    let sessions =
        "'t1':\n- - write: { path: a, content: a }\n't2':\n- - write: { path: b, content: b }\n";
    for (answer, sessions_bought, kind) in
        [("y\n", 2, "xterm"), ("\n", 0, "xterm"), ("y\n", 2, "dumb")]
    {
        let space = Space::new(&[
            ("orch.yaml", settings),
            ("in.txt", "in\n"),
            ("plans/p.yaml", &plan),
            ("sessions.yaml", sessions),
        ]);
        space.build(&[], 0).has(&[("sessions", 2)]);
        space.write("in.txt", "other\n");
        space.commit("edited");
        let mut terminal = Terminal::start(&space, &["build"], 24, &[("TERM", kind)]);
        wait_until(|| terminal.text().contains("again now, for about"));
        terminal.types(answer);
        let text = terminal.end();
        assert!(text.contains("run 2 finished tasks again now"), "{text}");
        assert_eq!(text.contains("2 sessions"), sessions_bought == 2, "{text}");
        let left = if sessions_bought == 2 { ("up_to_date", 2) } else { ("held", 2) };
        space.build(&[], i32::from(sessions_bought == 0)).has(&[left, ("sessions", 0)]);
    }
}
