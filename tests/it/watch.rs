//! `orch watch` by the built program: what wakes it, what does not, and how it ends.

use std::cell::Cell;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{ORCH, Space, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

/// Two tasks: `b` needs `a`, and each reads a file of its own.
const PLAN: &str = "\
# A plan of two.
meta: { name: Two, order: free }
sections:
- id: s
  name: All
  tasks:
  - id: a
    name: First
    description: Write a.txt.
    inputs: [in/a.txt]
    agent: writer
  - id: b
    name: Second
    description: Write b.txt.
    inputs: [in/b.txt]
    depends_on: [a]
";

const OTHER: &str = "\
meta: { name: Other }
sections:
- id: s
  name: All
  tasks:
  - { id: x, name: Alone, description: Write x.txt. }
";

const AGENT: &str = "---\nname: writer\ndescription: Writes.\n---\nWrite what is asked for.\n";

fn space(sessions: &str) -> Space {
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/two.yaml", PLAN),
        (".claude/agents/writer.md", AGENT),
        ("in/a.txt", "1\n"),
        ("in/b.txt", "1\n"),
        ("other.txt", "1\n"),
        ("sessions.yaml", sessions),
    ])
}

/// Every session writes the same each time: what depends on it is never woken.
const STEADY: &str = "\
a: [{ write: { path: a.txt, content: \"a\\n\" } }]
b: [{ write: { path: b.txt, content: \"b\\n\" } }]
x: [{ write: { path: x.txt, content: \"x\\n\" } }]
";

/// A watch under way. Events are taken one after the other.
struct Watch {
    child: Child,
    events: std::path::PathBuf,
    errors: std::path::PathBuf,
    seen: Cell<usize>,
}

impl Watch {
    fn start(space: &Space, args: &[&str]) -> Self {
        let events = space.home().join("events");
        let errors = space.home().join("errors");
        let _ = fs::remove_file(&events);
        let child = space
            .bare(ORCH)
            .args(["watch", "--events"])
            .arg(&events)
            .args(args)
            .current_dir(space.root())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        Self { child, events, errors, seen: Cell::new(0) }
    }

    fn all(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.events).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Takes events up to the first that `is_it` accepts; answers with all that were taken.
    #[track_caller]
    fn until(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let all = self.all();
            if let Some(at) = all.iter().skip(self.seen.get()).position(&is_it) {
                let end = self.seen.get() + at + 1;
                return all[self.seen.replace(end)..end].to_vec();
            }
            assert!(Instant::now() < give_up, "{what} never came\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Until there is nothing to do; the tasks that started meanwhile.
    #[track_caller]
    fn rested(&self) -> Vec<String> {
        started(&self.until("rest", |event| event["event"] == "rested"))
    }

    #[track_caller]
    fn started(&self, task: &str) -> Vec<Value> {
        self.until(task, |event| event["event"] == "task-started" && event["task"] == task)
    }

    #[track_caller]
    fn ended(&self, task: &str) -> Vec<Value> {
        let ends = ["task-finished", "task-failed"];
        self.until(task, |event| {
            event["task"] == task && ends.contains(&event["event"].as_str().unwrap())
        })
    }

    /// Until documents were shown to be wrong, or right again; their codes.
    #[track_caller]
    fn diagnosed(&self) -> (Vec<String>, Vec<String>) {
        let taken = self.until("a diagnosis", |event| event["event"] == "diagnosed");
        let documents = taken.last().unwrap()["documents"].as_array().unwrap().clone();
        let found = documents.iter().flat_map(|it| it["diagnostics"].as_array().unwrap());
        let errors = found.filter(|it| it["severity"] == "error");
        (errors.map(|it| it["code"].as_str().unwrap().to_owned()).collect(), started(&taken))
    }

    /// Everything that was done so far has been seen: a document is broken and mended, and both are
    /// told of; answers with the tasks that started meanwhile.
    #[track_caller]
    fn barrier(&self, space: &Space) -> Vec<String> {
        space.write("plans/barrier.yaml", "meta: [");
        let (codes, mut tasks) = self.diagnosed();
        assert!(!codes.is_empty());
        fs::remove_file(space.root().join("plans/barrier.yaml")).unwrap();
        let (codes, more) = self.diagnosed();
        assert!(codes.is_empty(), "{codes:?}");
        tasks.extend(more);
        tasks
    }

    /// Takes all there is once nothing runs, which may be so already; the tasks that started.
    #[track_caller]
    fn settled(&self) -> Vec<String> {
        let is_told =
            |event: &&Value| event["event"] == "task-started" || event["event"] == "rested";
        wait_until(|| self.all().iter().rfind(is_told).is_some_and(|it| it["event"] == "rested"));
        let all = self.all();
        started(&all[self.seen.replace(all.len())..])
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let killed = std::process::Command::new("kill").args(["-s", name, &pid]).status();
        assert!(killed.unwrap().success());
    }

    #[track_caller]
    fn exits(&mut self, code: i32) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(code), "{}", self.shown());
                return;
            }
            assert!(Instant::now() < give_up, "it does not end\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn shown(&self) -> String {
        let events: Vec<String> =
            self.all().iter().skip(self.seen.get()).map(ToString::to_string).collect();
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        format!("--- events since\n{}\n--- stderr\n{errors}", events.join("\n"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn started(events: &[Value]) -> Vec<String> {
    let starts = events.iter().filter(|event| event["event"] == "task-started");
    starts.map(|event| event["task"].as_str().unwrap().to_owned()).collect()
}

/// A step that waits until the test opens the gate.
fn gate(space_home: &str, name: &str) -> String {
    format!(
        "run: 'touch {space_home}/at-{name}; while ! test -e {space_home}/{name}; do sleep 0.02; done'"
    )
}

/// Replaces `SESSIONS` in place, with gates in it. Needs the folder that only exists by then.
fn play(space: &Space, sessions: &str) {
    let home = space.home().to_str().unwrap();
    let mut text = sessions.to_owned();
    for name in ["one", "two", "three"] {
        text = text.replace(&format!("gate: {name}"), &gate(home, name));
    }
    space.write("sessions.yaml", &text);
}

fn open(space: &Space, gate: &str) {
    fs::write(space.home().join(gate), "").unwrap();
}

fn wait_at(space: &Space, gate: &str) {
    let at = space.home().join(format!("at-{gate}"));
    wait_until(|| at.exists());
}

#[test]
fn an_edit_runs_only_what_reads_it() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    assert_eq!(watch.rested(), ["two//a", "two//b"]);

    space.replace("plans/two.yaml", "Write a.txt.", "Write a.txt again.");
    assert_eq!(watch.rested(), ["two//a"], "its output is the same, so `b` stays");
    space.write("in/b.txt", "2\n");
    assert_eq!(watch.rested(), ["two//b"]);
    space.write("sessions.yaml", &STEADY.replace("a\\n", "another\\n"));
    space.write("in/a.txt", "2\n");
    assert_eq!(watch.rested(), ["two//a", "two//b"], "its output is another");

    space.replace("plans/two.yaml", "# A plan of two.", "# Two tasks.");
    space.write("other.txt", "2\n");
    space.write(".claude/agents/writer.md", &AGENT.replace("asked for", "wanted"));
    assert_eq!(watch.barrier(&space), [""; 0], "nobody reads these, or they are recipe");
    space.write("in/b.txt", "3\n");
    assert_eq!(watch.rested(), ["two//b"]);
}

#[test]
fn what_a_person_did_before_a_task_began_is_not_told_of_it() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    space.git(&["branch", "mine"]);
    space.write("in/b.txt", "2\n");
    let events = watch.until("rest", |event| event["event"] == "rested");
    assert_eq!(started(&events), ["two//b"]);
    assert!(!events.iter().any(|event| event["event"] == "warning"), "{events:?}");
}

#[test]
fn a_rule_or_a_setting_runs_what_reads_it() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    space.write("rules/implement.yaml", "rule: implement\nextends: implement\nenv: [SOME_VALUE]\n");
    assert_eq!(watch.rested(), ["two//a", "two//b"]);
    space.write("sessions-2.yaml", &STEADY.replace("b\\n", "from the other script\\n"));
    space.write("orch.yaml", "session: { scripted: sessions-2.yaml }\n");
    assert_eq!(watch.barrier(&space), [""; 0], "how sessions are run is in no key");
    space.write("in/b.txt", "2\n");
    assert_eq!(watch.rested(), ["two//b"]);
    assert_eq!(space.read("b.txt"), "from the other script\n");
}

#[test]
fn own_writes_cause_nothing() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    assert_eq!(watch.rested(), ["two//a", "two//b"]);
    assert_eq!(watch.barrier(&space), [""; 0]);
    assert_eq!(space.read("plans/two.yaml").matches("status: completed").count(), 3);
    assert_eq!(space.git(&["status", "--porcelain"]), "", "the last status line landed, too");
    let head = space.git(&["rev-parse", "HEAD"]);
    assert_eq!(watch.barrier(&space), [""; 0]);
    assert_eq!(space.git(&["rev-parse", "HEAD"]), head, "no commit follows from a commit");
}

#[test]
fn an_edit_while_its_task_runs_runs_it_again() {
    let space = space("");
    play(
        &space,
        "a:\n- - gate: one\n  - write: { path: a.txt, content: \"1\\n\" }\n- - write: { path: a.txt, content: \"2\\n\" }\nb: [{ write: { path: b.txt, content: \"b\\n\" } }]\n",
    );
    let watch = Watch::start(&space, &[]);
    watch.started("two//a");
    wait_at(&space, "one");
    space.replace("plans/two.yaml", "Write a.txt.", "Write it better.");
    watch.barrier(&space);
    open(&space, "one");
    assert_eq!(started(&watch.ended("two//a")), [""; 0], "what runs ends as it began");
    assert_eq!(watch.rested(), ["two//a", "two//b"], "then it runs for what is asked now");
    let landed = space.subjects();
    let of_a = landed.iter().filter(|it| *it == "two//a: First").count();
    assert_eq!(of_a, 1, "the second run finds the first one's file right: {landed:?}");
}

#[test]
fn an_edited_input_of_a_running_task_makes_it_stale_again() {
    let space = space("");
    play(
        &space,
        "a:\n- gate: one\n- run: cp in/a.txt a.txt\nb: [{ write: { path: b.txt, content: \"b\\n\" } }]\n",
    );
    let watch = Watch::start(&space, &[]);
    wait_at(&space, "one");
    space.write("in/a.txt", "2\n");
    assert_eq!(watch.barrier(&space), ["two//a"]);
    open(&space, "one");
    assert_eq!(watch.rested(), ["two//a", "two//b"]);
    assert_eq!(space.read("a.txt"), "2\n");
}

#[test]
fn a_malformed_edit_is_shown_whole_and_holds_only_its_plan() {
    let space = space("");
    play(
        &space,
        "a:\n- gate: one\n- write: { path: a.txt, content: \"a\\n\" }\nb: [{ write: { path: b.txt, content: \"b\\n\" } }]\nx: [{ write: { path: x.txt, content: \"x\\n\" } }]\n",
    );
    let watch = Watch::start(&space, &[]);
    wait_at(&space, "one");
    let right = space.read("plans/two.yaml");
    let wrong = right.replace("depends_on: [a]", "depends_on: [nobody]\n    agent: nobody");
    space.write("plans/two.yaml", &wrong);
    let (codes, _) = watch.diagnosed();
    assert_eq!(codes.len(), 2, "both are shown: {codes:?}");

    open(&space, "one");
    watch.ended("two//a");
    assert_eq!(watch.rested(), [""; 0], "what runs goes on, and nothing new starts");
    assert_eq!(space.read("a.txt"), "a\n");
    assert!(!space.exists("b.txt"));
    space.write("plans/other.yaml", OTHER);
    assert_eq!(watch.rested(), ["other//x"], "another plan goes on");

    space.replace("plans/two.yaml", "depends_on: [nobody]\n    agent: nobody", "depends_on: [a]");
    let (codes, _) = watch.diagnosed();
    assert_eq!(codes, [""; 0]);
    assert_eq!(watch.rested(), ["two//b"]);
    watch.barrier(&space);
    assert_eq!(space.read("plans/two.yaml").matches("    status: completed").count(), 2);
}

#[test]
fn what_needs_a_wrong_plan_is_held_and_nothing_else() {
    let late = "z: [{ write: { path: z.txt, content: \"z\\n\" } }]\ny: [{ write: { path: y.txt, content: \"y\\n\" } }]\n";
    let space = space(&(STEADY.to_owned() + late));
    let watch = Watch::start(&space, &["-j", "1"]);
    assert_eq!(watch.rested(), ["two//a", "two//b"]);
    // Another one that is wrong from the first.
    space.write("plans/late.yaml", "sections: [\n");
    assert!(!watch.diagnosed().0.is_empty());
    let needs = "[late//z, two//b]";
    let waiting =
        format!("  - {{ id: y, name: Waits, description: Write y.txt., depends_on: {needs} }}\n");
    space.write("plans/other.yaml", &(OTHER.replace("name: Other", "order: free") + &waiting));
    assert_eq!(watch.rested(), ["other//x"]);
    let mended = OTHER.replace(
        "id: x, name: Alone, description: Write x.txt.",
        "id: z, name: Late, description: Write z.txt., depends_on: [other//x]",
    );
    space.write("plans/late.yaml", &mended);
    assert_eq!(watch.diagnosed().0, [""; 0]);
    assert_eq!(watch.rested(), ["late//z", "other//y"]);

    // A name that nobody has is the task's own matter.
    let lost = "  - { id: w, name: Lost, description: Write w.txt., depends_on: [nobody//b] }\n";
    space.write("plans/other.yaml", &(space.read("plans/other.yaml") + lost));
    let taken = watch.until("a caution", |event| event["event"] == "cautioned");
    assert!(taken.last().unwrap().to_string().contains("plan::unknown-plan"));
    space.replace("plans/other.yaml", "Write x.txt.", "Write x.txt anew.");
    assert_eq!(watch.rested(), ["other//x"]);
}

#[test]
fn a_watch_that_begins_with_wrong_documents_waits_for_them() {
    let space = space(STEADY);
    space.write("orch.yaml", "session: { scripted: [\n");
    let watch = Watch::start(&space, &[]);
    let (codes, tasks) = watch.diagnosed();
    assert!(!codes.is_empty() && tasks.is_empty(), "{codes:?} {tasks:?}");
    space.write("orch.yaml", "session: { scripted: sessions.yaml }\n");
    assert_eq!(watch.diagnosed().0, [""; 0]);
    watch.ended("two//a");
    watch.ended("two//b");
}

#[test]
fn a_failed_task_runs_again_only_for_another_key_or_when_asked() {
    let space = space(
        "a: [{ status: failed }]\nb: [{ write: { path: b.txt, content: \"b\\n\" } }]\nx: [{ write: { path: x.txt, content: \"x\\n\" } }]\n",
    );
    space.replace("plans/two.yaml", "agent: writer", "agent: coder\n    max_attempts: 1");
    let watch = Watch::start(&space, &[]);
    assert_eq!(watch.rested(), ["two//a"]);
    space.write("in/b.txt", "2\n");
    space.write("plans/other.yaml", OTHER);
    assert_eq!(watch.rested(), ["other//x"]);
    assert_eq!(watch.barrier(&space), [""; 0]);

    space.write("in/a.txt", "2\n");
    assert_eq!(watch.rested(), ["two//a"], "another key");
    wait_until(|| space.read("plans/two.yaml").contains("status: failed"));
    space.write("sessions.yaml", STEADY);
    assert_eq!(watch.barrier(&space), [""; 0]);
    let failed = "status: failed\n    name: First";
    space.replace("plans/two.yaml", failed, "status: pending\n    name: First");
    assert_eq!(watch.rested(), ["two//a", "two//b"], "somebody asked");
}

#[test]
fn a_status_set_back_to_pending_is_heard_every_time() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    for _ in 0..3 {
        let plan = space.read("plans/two.yaml");
        let (before, second) = plan.split_at(plan.find("id: b").unwrap());
        let second = second.replacen("status: completed", "status: pending", 1);
        space.write("plans/two.yaml", &(before.to_owned() + &second));
        assert_eq!(watch.rested(), ["two//b"]);
        assert_eq!(watch.barrier(&space), [""; 0]);
        assert_eq!(space.read("plans/two.yaml").matches("status: pending").count(), 0);
    }
}

#[test]
fn a_plan_deleted_while_it_runs_lands_nothing_and_loses_nothing() {
    let space = space("");
    play(&space, "a:\n- gate: one\n- write: { path: a.txt, content: \"a\\n\" }\nb: []\n");
    let watch = Watch::start(&space, &[]);
    wait_at(&space, "one");
    fs::remove_file(space.root().join("plans/two.yaml")).unwrap();
    watch.barrier(&space);
    open(&space, "one");
    let taken = watch.until("where it is kept", |event| event["event"] == "warning");
    let text = taken.last().unwrap()["message"].as_str().unwrap().to_owned();
    let command = text.split('`').nth(1).unwrap_or_else(|| panic!("{text}"));
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert!(space.git(&words).contains("+a"), "{command}");
    assert_eq!(space.subjects(), ["start"]);
    assert!(!space.exists("plans/two.yaml"), "it stays deleted");
}

#[test]
fn a_renamed_plan_is_another_plan_and_an_added_one_is_built() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    space.write("plans/other.yaml", OTHER);
    assert_eq!(watch.rested(), ["other//x"]);
    fs::rename(space.root().join("plans/other.yaml"), space.root().join("plans/new.yaml")).unwrap();
    assert_eq!(watch.barrier(&space), [""; 0], "its tasks are done by their own word");
    space.write("sessions.yaml", &STEADY.replace("x\\n", "anew\\n"));
    space.replace("plans/new.yaml", "Write x.txt.", "Write x.txt anew.");
    assert_eq!(watch.rested(), ["new//x"]);
}

#[test]
fn atomic_saves_and_storms_of_renames_are_one_edit() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    let plan = space.read("plans/two.yaml");
    let file = space.root().join("plans/two.yaml");
    for n in 0..200 {
        let aside = space.root().join(format!("plans/.two.yaml.{n}"));
        fs::write(&aside, plan.replace("Write a.txt.", &format!("Write a.txt, {n}."))).unwrap();
        fs::rename(&aside, &file).unwrap();
    }
    let mut ran = watch.rested();
    ran.extend(watch.barrier(&space));
    ran.extend(watch.settled());
    assert!(ran.iter().all(|it| it == "two//a") && !ran.is_empty(), "{ran:?}");
    assert!(ran.len() < 20, "not one for each save: {}", ran.len());
    assert_eq!(watch.barrier(&space), [""; 0]);
    space.write("in/b.txt", "2\n");
    assert_eq!(watch.rested(), ["two//b"]);
}

#[test]
fn a_commit_of_the_user_and_another_commit_checked_out_are_taken_in() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    let built = space.git(&["rev-parse", "HEAD"]);
    space.write("in/a.txt", "2\n");
    space.commit("by hand");
    assert_eq!(watch.rested(), ["two//a"]);
    space.write("other.txt", "2\n");
    space.commit("nobody reads it");
    assert_eq!(watch.barrier(&space), [""; 0]);
    space.git(&["reset", "--quiet", "--hard", &built]);
    assert_eq!(watch.barrier(&space), [""; 0], "there all of it was built");
    space.write("in/b.txt", "2\n");
    assert_eq!(watch.rested(), ["two//b"]);
}

#[test]
fn nothing_starts_while_another_branch_is_checked_out() {
    let space = space(STEADY);
    let watch = Watch::start(&space, &[]);
    watch.rested();
    space.git(&["switch", "--quiet", "-c", "elsewhere"]);
    let printed = watch.until("a warning", |event| event["event"] == "warning");
    assert!(printed.last().unwrap()["message"].as_str().unwrap().contains("git switch main"));
    space.write("in/a.txt", "2\n");
    space.write("plans/barrier.yaml", "meta: [");
    space.commit("elsewhere");
    space.git(&["switch", "--quiet", "main"]);
    assert_eq!(watch.barrier(&space), [""; 0]);
    space.write("in/b.txt", "2\n");
    assert_eq!(watch.rested(), ["two//b"]);
    assert_eq!(space.git(&["log", "-1", "--format=%s", "elsewhere"]), "elsewhere");
}

#[test]
fn signals_and_the_stop_file_end_it() {
    let check = |end: &dyn Fn(&Space, &Watch), code: i32| {
        let space = space(STEADY);
        let mut watch = Watch::start(&space, &[]);
        watch.rested();
        end(&space, &watch);
        watch.exits(code);
        let last = watch.all().pop().unwrap();
        assert_eq!((&last["event"], &last["exit"]), (&"build-ended".into(), &code.into()));
        assert_eq!(space.git(&["status", "--porcelain"]), "");
        space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
    };
    check(&|_, watch| watch.signal("INT"), 130);
    check(&|_, watch| watch.signal("TERM"), 143);
    check(&|space, _| space.write(".claude/plans/.stop", ""), 3);
}

#[test]
fn a_signal_lets_what_runs_end_and_starts_nothing_more() {
    let space = space("");
    play(&space, "a:\n- gate: one\n- write: { path: a.txt, content: \"a\\n\" }\nb: []\n");
    let mut watch = Watch::start(&space, &[]);
    wait_at(&space, "one");
    watch.signal("INT");
    open(&space, "one");
    watch.exits(130);
    assert_eq!(started(&watch.all()), ["two//a"]);
    assert_eq!(space.subjects(), ["two//a: First", "start"]);
}

#[test]
fn once_and_dry_run_do_not_stay() {
    let space = space(STEADY);
    space.orch(&["watch", "-n"]).exits(0);
    assert!(!space.exists("a.txt"));
    space.orch(&["watch", "--once"]).exits(0);
    assert_eq!(space.read("b.txt"), "b\n");
    space.orch(&["watch", "--once"]).exits(0);
}

#[test]
fn a_named_plan_is_watched_with_what_comes_into_it() {
    let space = space(STEADY);
    space.write("plans/other.yaml", OTHER);
    let watch = Watch::start(&space, &["other"]);
    assert_eq!(watch.rested(), ["other//x"]);
    let more = "  - { id: a, name: More, description: More. }\n";
    space.write("plans/other.yaml", &(space.read("plans/other.yaml") + more));
    assert_eq!(watch.rested(), ["other//a"]);
}

#[test]
fn a_running_session_is_followed_from_another_process_to_its_end() {
    let space = space("");
    play(
        &space,
        "a:\n- say: The beginning.\n- gate: one\n- say: The end.\n- write: { path: a.txt, content: \"a\\n\" }\nb: []\n",
    );
    let _watch = Watch::start(&space, &[]);
    wait_at(&space, "one");
    let said = space.home().join("said");
    let mut log = space
        .bare(ORCH)
        .args(["log", "two//a", "-f"])
        .current_dir(space.root())
        .stdout(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let text = || fs::read_to_string(&said).unwrap();
    wait_until(|| text().contains("The beginning."));
    assert!(!text().contains("The end."));
    assert!(log.try_wait().unwrap().is_none(), "it waits for more");
    open(&space, "one");
    let mut ended = None;
    wait_until(|| {
        ended = log.try_wait().unwrap();
        ended.is_some()
    });
    assert!(ended.unwrap().success());
    assert_eq!(
        (text().matches("The beginning.").count(), text().matches("The end.").count()),
        (1, 1)
    );
    space.orch(&["log", "two//a"]).exits(0).says(&["The beginning.", "The end."]);
}

/// A dev server that writes down when it comes and goes, on a port where it never answers.
const DEV_SERVER: &str = "trap 'echo down >> \"$HOME/server\"; exit 0' TERM; \
    echo up $MINE >> \"$HOME/server\"; while :; do sleep 0.1; done";

fn kept(port: u16) -> Space {
    let plan = "\
meta: { name: P }
sections:
- id: s
  name: All
  tasks:
  - { id: a, name: A, run: 'cat \"$HOME/server\" > seen.txt || echo none > seen.txt', inputs: [in.txt], outputs: [seen.txt] }
";
    let settings = format!(
        "dev_server: {{ command: {DEV_SERVER:?}, port: {port}, wait: 1h, env: [MINE], keep: true }}\n"
    );
    Space::new(&[("plans/p.yaml", plan), ("orch.yaml", &settings), ("in.txt", "1\n")])
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_dev_server_is_kept_while_nothing_is_built() {
    let space = kept(free_port()).env("MINE", "of mine");
    let log = || fs::read_to_string(space.home().join("server")).unwrap_or_default();
    let mut watch = Watch::start(&space, &[]);
    assert_eq!(watch.rested(), ["p//a"]);
    assert_eq!(space.read("seen.txt"), "none\n", "none was there before the first build");
    wait_until(|| log() == "up of mine\n");
    space.write("in.txt", "2\n");
    assert_eq!(watch.rested(), ["p//a"]);
    assert_eq!(space.read("seen.txt"), "up of mine\ndown\n", "it was gone before the task began");
    wait_until(|| log() == "up of mine\ndown\nup of mine\n");
    watch.signal("TERM");
    watch.exits(143);
    assert_eq!(log(), "up of mine\ndown\nup of mine\ndown\n");
}

#[test]
fn what_orch_did_not_start_is_left_on_its_port() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let space = kept(other.local_addr().unwrap().port());
    let mut watch = Watch::start(&space, &[]);
    let is_told = |event: &Value| {
        let text = event["message"].as_str().unwrap_or_default();
        event["event"] == "warning" && text.contains("something else answers on port")
    };
    watch.until("a warning", is_told);
    assert!(!space.home().join("server").exists());
    watch.signal("TERM");
    watch.exits(143);
    let port = other.local_addr().unwrap().port();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[test]
fn a_dev_server_that_ends_is_told_once() {
    let space = kept(free_port());
    space.write("orch.yaml", "dev_server: { command: 'echo no such port; exit 3', keep: true }\n");
    space.commit("another server");
    let mut watch = Watch::start(&space, &[]);
    let is_told = |event: &Value| {
        let text = event["message"].as_str().unwrap_or_default();
        text.contains("the dev server ended by itself") && text.contains("no such port")
    };
    watch.until("a warning", is_told);
    let n_told = |watch: &Watch| watch.all().iter().filter(|it| is_told(it)).count();
    space.write("in.txt", "2\n");
    wait_until(|| n_told(&watch) == 2);
    watch.signal("TERM");
    watch.exits(143);
    assert_eq!(n_told(&watch), 2);
}

#[test]
fn a_rule_that_tells_people_holds_from_when_it_is_written() {
    let space = kept(free_port());
    space.write("orch.yaml", "");
    let heard = || fs::read_to_string(space.home().join("heard")).unwrap_or_default();
    let mut watch = Watch::start(&space, &[]);
    assert_eq!(watch.rested(), ["p//a"]);
    space.write(
        "rules/phone.yaml",
        "extends: notify\non: [plan-started, plan-ended, build-ended]\nrun: 'echo $ORCH_EVENT >> \"$HOME/heard\"'\n",
    );
    assert_eq!(watch.barrier(&space), [""; 0]);
    assert_eq!(heard(), "");
    space.write("in.txt", "2\n");
    assert_eq!(watch.rested(), ["p//a"]);
    wait_until(|| heard() == "plan-started\nplan-ended\n");
    watch.signal("TERM");
    watch.exits(143);
    assert_eq!(heard(), "plan-started\nplan-ended\nbuild-ended\n");
}
