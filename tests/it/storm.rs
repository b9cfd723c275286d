//! orch, shims, or both are killed as by `kill -9` at random moments, while commands run whose processes
//! did all to get lost: cleared environments, sessions of their own, parents that are gone. What lives on
//! is counted.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::chance::Chance;
use crate::support::{ORCH, Space};

/// How many commands run at once.
const TASKS: u32 = 3;
/// By when a kill comes, from the start of the build on: all commands run by then.
const LATEST: Duration = Duration::from_millis(1200);
/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is killed, in this order, with up to so many milliseconds between the two.
const KILLS: [(&str, &[Target], u64); 9] = [
    ("orch", &[Target::Orch], 0),
    ("a shim, then orch at once", &[Target::Shim, Target::Orch], 0),
    ("a shim, later orch", &[Target::Shim, Target::Orch], 300),
    ("orch, then a shim at once", &[Target::Orch, Target::Shim], 0),
    ("orch, then all shims at once", &[Target::Orch, Target::Shims], 0),
    ("all shims, then orch at once", &[Target::Shims, Target::Orch], 0),
    ("all shims, later orch", &[Target::Shims, Target::Orch], 300),
    ("a child of a shim, then orch at once", &[Target::Child, Target::Orch], 0),
    (ALL, &[Target::Shims, Target::Reaper, Target::Orch], 0),
];

/// Nothing of orch is left that could end anything: without namespaces that waits for the next start.
const ALL: &str = "all that is orch's, at once";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Orch,
    /// A shim, or all that there are.
    Shim,
    Shims,
    /// What a shim has started.
    Child,
    /// What outlives orch, without namespaces.
    Reaper,
}

/// What a storm left.
#[derive(Default)]
struct Toll {
    n_kills: u32,
    /// Kills at which processes of commands lived.
    n_met: u32,
    n_left: u32,
    /// Of these, what the next start did not end.
    n_stayed: u32,
}

/// The processes of one command: `TAG` is in the words of each.
fn family(tag: &str) -> String {
    let lost = format!("sleep {tag}");
    format!(
        "env -i setsid sh -c \"(setsid {lost} &); {lost} & {lost}\" & (env -i setsid {lost} &); \
         (env -i {lost} &); {lost} & env -i {lost}"
    )
}

fn space(tag: &str, sandbox: &str) -> Space {
    let tasks: String = (1..=TASKS)
        .map(|n| {
            format!(
                "      - {{ id: '{n}', name: N, description: D., status: pending, run: '{}' }}\n",
                family(tag)
            )
        })
        .collect();
    let plan = format!(
        "meta: {{ name: Storm, order: free }}\nsections:\n  - id: s\n    name: All\n    status: pending\n    tasks:\n{tasks}"
    );
    let settings = format!("session: {{ scripted: sessions.yaml }}\n{sandbox}");
    Space::new(&[("orch.yaml", &settings), ("plans/storm.yaml", &plan), ("sessions.yaml", "{}\n")])
}

/// Living processes with their parents and words.
fn processes() -> BTreeMap<u32, (u32, String)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let mut fields = rest.split(' ');
        if matches!(fields.next(), Some("Z" | "X")) {
            continue;
        }
        let parent = fields.next().and_then(|it| it.parse().ok()).unwrap_or(0);
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        found.insert(pid, (parent, String::from_utf8_lossy(&words).replace('\0', " ")));
    }
    found
}

fn children_of(parents: &[u32]) -> Vec<u32> {
    let all = processes().into_iter();
    all.filter(|(_, (parent, _))| parents.contains(parent)).map(|(pid, _)| pid).collect()
}

fn shims_of(orch: u32) -> Vec<u32> {
    started(orch, |words| words.contains("__shim") && !words.contains("--reaper"))
}

fn reaper_of(orch: u32) -> Vec<u32> {
    started(orch, |words| words.contains("--reaper"))
}

/// Children of orch, by the words they were started with.
fn started(orch: u32, is_wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let all = processes().into_iter();
    let wanted = all.filter(|(_, (parent, words))| *parent == orch && is_wanted(words));
    wanted.map(|(pid, _)| pid).collect()
}

fn tagged(tag: &str) -> Vec<u32> {
    let all = processes().into_iter();
    all.filter(|(_, (_, words))| words.contains(tag)).map(|(pid, _)| pid).collect()
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    let _ = kill_process(pid, Signal::KILL);
}

fn build(space: &Space) -> Child {
    let mut build = space.bare(ORCH);
    build.args(["build", "-j", &TASKS.to_string()]).current_dir(space.root());
    build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until none of them lives; answers with those that do all the same.
fn wait_for_end(mut pids: impl FnMut() -> Vec<u32>) -> Vec<u32> {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = pids();
        if left.is_empty() || Instant::now() > until {
            return left;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Kills one build in one way.
fn strike(space: &Space, tag: &str, way: usize, chance: &mut Chance) -> Toll {
    let mut orch = build(space);
    thread::sleep(Duration::from_millis(chance.below(LATEST.as_millis() as u64)));
    let (name, targets, between) = KILLS[way];
    let shims = shims_of(orch.id());
    let first = shims.get(chance.below(shims.len() as u64) as usize).copied();
    let n_met = u32::from(!tagged(tag).is_empty());
    for (n, target) in targets.iter().enumerate() {
        if n > 0 {
            thread::sleep(Duration::from_millis(chance.below(between)));
        }
        match target {
            Target::Orch => kill(orch.id()),
            Target::Shim => first.into_iter().for_each(kill),
            Target::Shims => shims.iter().copied().for_each(kill),
            Target::Reaper => reaper_of(orch.id()).into_iter().for_each(kill),
            Target::Child => children_of(&shims).first().copied().into_iter().for_each(kill),
        }
    }
    orch.wait().unwrap();
    let left = wait_for_end(|| tagged(tag));
    let n_stayed = u32::from(!left.is_empty() && !ends_at_the_next_start(space, &left));
    let all = processes();
    for pid in left.iter().filter(|_| n_stayed > 0 || name != ALL) {
        eprintln!("left by {name}: {pid} {:?}", all.get(pid));
    }
    tagged(tag).into_iter().for_each(kill);
    Toll { n_kills: 1, n_met, n_left: u32::from(!left.is_empty()), n_stayed }
}

fn ends_at_the_next_start(space: &Space, left: &[u32]) -> bool {
    let mut orch = build(space);
    let stayed = wait_for_end(|| {
        let all = processes();
        left.iter().copied().filter(|pid| all.contains_key(pid)).collect()
    });
    kill(orch.id());
    orch.wait().unwrap();
    stayed.is_empty()
}

/// Kills `n` times; what each way left.
fn storm(sandbox: &str, n: u32) -> Vec<Toll> {
    let mut chance = Chance::of_the_day();
    let mut tolls: Vec<Toll> = KILLS.iter().map(|_| Toll::default()).collect();
    let mut place: Option<(Space, String)> = None;
    for round in 0..n {
        // A repository serves for a while: most of its builds follow upon one that was killed.
        if round % 50 == 0 {
            let tag = format!("86400.{}{round:04}", std::process::id());
            place = Some((space(&tag, sandbox), tag));
        }
        let (space, tag) = place.as_ref().unwrap();
        if round % 100 == 99 {
            eprintln!("{round} kills");
        }
        let way = round as usize % KILLS.len();
        let one = strike(space, tag, way, &mut chance);
        let toll = &mut tolls[way];
        toll.n_kills += one.n_kills;
        toll.n_met += one.n_met;
        toll.n_left += one.n_left;
        toll.n_stayed += one.n_stayed;
    }
    for ((name, ..), toll) in KILLS.iter().zip(&tolls) {
        let Toll { n_kills, n_met, n_left, n_stayed } = toll;
        eprintln!(
            "{name}: {n_kills} kills, {n_met} met commands, {n_left} left some, {n_stayed} beyond the next start"
        );
    }
    tolls
}

fn n_kills() -> u32 {
    std::env::var("ORCH_STORM").ok().and_then(|it| it.parse().ok()).unwrap_or(1000)
}

#[test]
#[ignore = "minutes; tests/storm.sh runs it"]
fn in_namespaces_no_kill_leaves_anything() {
    let tolls = storm("", n_kills());
    let n_left: u32 = tolls.iter().map(|it| it.n_left).sum();
    assert_eq!(n_left, 0);
    assert!(tolls.iter().map(|it| it.n_met).sum::<u32>() > n_kills() / 4, "it met too few");
}

/// As in a container that lets nobody make namespaces.
#[test]
#[ignore = "minutes; tests/storm.sh runs it"]
fn without_namespaces_the_rate_is_told() {
    let tolls = storm("sandbox: none\n", n_kills());
    let (all, others) = tolls.split_last().unwrap();
    let n_left: u32 = others.iter().map(|it| it.n_left).sum();
    let n_others = n_kills() - all.n_kills;
    eprintln!(
        "without namespaces {n_left} of {n_others} kills left something, and {} of {} that also met the reaper",
        all.n_left, all.n_kills
    );
    assert!(n_left * 100 <= n_others, "more than one in a hundred");
    assert_eq!(tolls.iter().map(|it| it.n_stayed).sum::<u32>(), 0, "the next start ends them");
}
