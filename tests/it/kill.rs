//! orch is killed as by `kill -9` and run again: what was accepted is reused, nothing lands twice,
//! and nothing is left behind. Fault points are those of `host::fault`.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::support::{ORCH, Space, wait_until};

/// Two chains that end in one task, a command, and a task that changes nothing.
const PLAN: &str = "\
meta: { name: Killed, order: free }
sections:
  - id: s
    name: All
    status: pending
    tasks:
      - { id: '1', name: First, description: Write one., status: pending }
      - { id: '2', name: Second, description: Write two., status: pending }
      - id: '3'
        name: Third
        description: Go on with one.
        status: pending
        depends_on: ['1']
        validators: [{ name: there, run: 'test -s one.txt' }]
      - { id: '4', name: Look, description: Look around., status: pending, no_change: allowed }
      - { id: '5', name: Made, description: Make it., status: pending, run: 'echo 5 >> \"$HOME/ran\"; cat one.txt > made.txt', depends_on: ['3'] }
      - { id: '6', name: Last, description: Bring both together., status: pending, depends_on: ['2', '4', '5'] }
";

/// A session that goes on after a kill finds what it wrote: each says the whole of its file.
const SESSIONS: &str = "\
'1': [{ run: 'echo 1 >> \"$HOME/ran\"' }, { write: { path: one.txt, content: \"one\\n\" } }]
'2': [{ run: 'echo 2 >> \"$HOME/ran\"; (setsid sleep 1000 > /dev/null 2>&1 &)' }, { write: { path: dir/two.txt, content: \"two\\n\" } }]
'3': [{ run: 'echo 3 >> \"$HOME/ran\"' }, { write: { path: one.txt, content: \"one\\nthree\\n\" } }]
'4': [{ run: 'echo 4 >> \"$HOME/ran\"' }, { say: Nothing to do. }]
'6': [{ run: 'echo 6 >> \"$HOME/ran\"; cat one.txt dir/two.txt > all.txt' }]
";

const TASKS: [&str; 6] = ["1", "2", "3", "4", "5", "6"];

fn space() -> Space {
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/killed.yaml", PLAN),
        ("sessions.yaml", SESSIONS),
        ("README", "Nothing yet.\n"),
    ])
}

fn start(space: &Space, fault: Option<&str>) -> Child {
    let mut build = space.bare(ORCH);
    build.args(["build", "-j", "3"]).current_dir(space.root());
    build.envs(fault.map(|it| ("ORCH_FAULT", it)));
    build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// What an undisturbed build leaves, the points it passes, and how long it takes.
struct Undisturbed {
    left: String,
    n_points: u64,
    took: Duration,
}

fn undisturbed() -> Undisturbed {
    let space = space();
    let log = space.home().join("points");
    let space = space.env("ORCH_FAULT_LOG", log.to_str().unwrap());
    let begun = Instant::now();
    space.build(&["-j", "3"], 0).has(&[("accepted", 6)]);
    let took = begun.elapsed();
    let n_points = fs::read_to_string(log).unwrap().lines().count() as u64;
    Undisturbed { left: left_in(&space), n_points, took }
}

/// The tree of the branch, with the plan's statuses: when and how often differs.
fn left_in(space: &Space) -> String {
    let tree = space.git(&["ls-tree", "-r", "HEAD"]);
    let files = tree.lines().filter(|line| !line.ends_with("plans/killed.yaml"));
    let plan = space.git(&["show", "HEAD:plans/killed.yaml"]);
    let statuses = plan.split("status: ").skip(1);
    let statuses = statuses.filter_map(|it| it.split([',', '\n', ' ']).next());
    files.chain(statuses).collect::<Vec<_>>().join("\n")
}

/// How often each task was begun.
fn runs(space: &Space) -> BTreeMap<String, usize> {
    let mut runs = BTreeMap::new();
    for line in fs::read_to_string(space.home().join("ran")).unwrap_or_default().lines() {
        *runs.entry(line.to_owned()).or_default() += 1;
    }
    runs
}

/// Tasks with a landing on the tip, or with an acceptance in the journal.
fn accepted(space: &Space) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = landings(space).into_iter().collect();
    let journal = fs::read_to_string(space.root().join(".orch/journal-v1")).unwrap_or_default();
    for line in journal.lines().filter(|it| it.ends_with('}')) {
        let json = &line[line.find('{').unwrap_or(0)..];
        let Ok(record) = serde_json::from_str::<serde_json::Value>(json) else { continue };
        if record["record"] == "accepted" {
            found.insert(record["task"]["task"].as_str().unwrap_or_default().to_owned());
        }
    }
    assert!(found.iter().all(|it| TASKS.contains(&it.as_str())), "{found:?}");
    found
}

/// The tasks of all landings on the tip, one each.
fn landings(space: &Space) -> Vec<String> {
    let refs = space.git(&["for-each-ref", "--format=%(refname)", "refs/heads", "refs/orch/tip"]);
    let format = "--format=%(trailers:key=Orch-Task,valueonly)";
    let log: Vec<&str> = ["log", format].into_iter().chain(refs.lines()).collect();
    let log = space.git(&log);
    let tasks = log.lines().filter_map(|line| Some(line.split_once("//")?.1.to_owned()));
    tasks.collect()
}

/// Processes that have the home of this space, by /proc.
fn processes_of(space: &Space) -> Vec<String> {
    let home = format!("HOME={}\0", space.home().display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let is_dead = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']));
        if !is_dead && environment.windows(home.len()).any(|it| it == home.as_bytes()) {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

fn locks_below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            locks_below(&path, found);
        } else if path.extension().is_some_and(|it| it == "lock") {
            found.push(path.display().to_string());
        }
    }
}

/// Runs it again after a kill, and holds everything to what was promised.
fn check_after(space: &Space, undisturbed: &Undisturbed, how: &str) {
    // Sessions are paid for: they end with orch, not with the next start.
    wait_until(|| processes_of(space).is_empty());
    let (before, had) = (runs(space), accepted(space));
    let built = space.orch(&["build", "-j", "3", "--format", "json"]);
    assert_eq!(built.code, 0, "{how}\n{}", built.shown());
    let after = runs(space);
    for task in &had {
        assert_eq!(before.get(task), after.get(task), "{how}: {task} ran again\n{}", built.shown());
    }
    let mut landed = landings(space);
    landed.sort();
    assert_eq!(landed, ["1", "2", "3", "5", "6"], "{how}\n{}", built.shown());
    assert_eq!(left_in(space), undisturbed.left, "{how}\n{}", built.shown());
    assert_eq!(space.git(&["status", "--porcelain"]), "", "{how}");
    assert_eq!(space.git(&["branch", "--format=%(refname:short)"]), "main", "{how}");
    assert!(!space.git(&["worktree", "list"]).contains("prunable"), "{how}");
    let mut locks = Vec::new();
    locks_below(&space.root().join(".git"), &mut locks);
    assert_eq!(locks, [""; 0], "{how}");
    for folder in [".orch/run", ".orch/tmp"] {
        let left = fs::read_dir(space.root().join(folder)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{how}: {folder}");
    }
    assert_eq!(processes_of(space), [""; 0], "{how}");
    space.build(&[], 0).has(&[("accepted", 6), ("sessions", 0), ("ran", 0)]);
}

fn die_at_point(n: u64, undisturbed: &Undisturbed) {
    let space = space();
    let fault = format!("*:{n}");
    let status = start(&space, Some(&fault)).wait().unwrap();
    // The order of events differs from run to run, and so does the number of points a little.
    assert!(status.signal() == Some(9) || status.success(), "{fault}: {status}");
    check_after(&space, undisturbed, &fault);
}

fn die_after(wait: Duration, undisturbed: &Undisturbed) {
    let space = space();
    let mut build = start(&space, None);
    std::thread::sleep(wait);
    build.kill().unwrap();
    build.wait().unwrap();
    check_after(&space, undisturbed, &format!("killed after {wait:?}"));
}

#[test]
fn killed_anywhere_the_next_build_pays_for_nothing_twice_and_ends_as_if_undisturbed() {
    let undisturbed = undisturbed();
    let mut chance = Chance::of_the_day();
    for _ in 0..12 {
        die_at_point(1 + chance.below(undisturbed.n_points), &undisturbed);
    }
    for _ in 0..6 {
        let wait = chance.below(undisturbed.took.as_millis() as u64);
        die_after(Duration::from_millis(wait), &undisturbed);
    }
}

/// How long each half of the long test may take; what does not come to its turn by then is said.
const LONG: Duration = Duration::from_secs(15 * 60);

#[test]
#[ignore = "half an hour at most; tests/long.sh runs it"]
fn killed_at_every_point_and_at_200_random_moments_the_next_build_ends_as_if_undisturbed() {
    let undisturbed = undisturbed();
    let mut chance = Chance::of_the_day();
    let all: Vec<u64> = (1..=undisturbed.n_points).collect();
    let points = hold_all("points", &all, |n| die_at_point(n, &undisturbed));
    let end = undisturbed.took.as_millis() as u64;
    let moments: Vec<u64> = (0..200).map(|_| chance.below(end)).collect();
    let moments = hold_all("moments", &moments, |wait| {
        die_after(Duration::from_millis(wait), &undisturbed);
    });
    assert_eq!(points + moments, 0, "see above");
}

/// Checks as many as there is time for, on two threads; how many failed.
fn hold_all(what: &str, all: &[u64], check: impl Fn(u64) + Sync) -> usize {
    let begun = Instant::now();
    let (next, n_failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while begun.elapsed() < LONG
                    && let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(&it) = all.get(at)
                {
                    if at % 25 == 0 {
                        let seconds = begun.elapsed().as_secs();
                        eprintln!("{at} of {} {what} after {seconds} s", all.len());
                    }
                    let check = std::panic::AssertUnwindSafe(|| check(it));
                    let has_failed = std::panic::catch_unwind(check).is_err();
                    n_failed.fetch_add(usize::from(has_failed), Ordering::Relaxed);
                }
            });
        }
    });
    let n_tried = next.into_inner().min(all.len());
    let n_failed = n_failed.into_inner();
    let seconds = begun.elapsed().as_secs();
    eprintln!("{n_tried} of {} {what} tried in {seconds} s, {n_failed} failed", all.len());
    n_failed
}
