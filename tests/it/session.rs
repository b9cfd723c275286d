//! Attempts run for real, through the shim: nothing of them is left behind, whatever happens.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orch::base::digest::Digest;
use orch::base::measure::{Millis, Usd};
use orch::base::name::{ActionKey, AttemptId, ModelName, PoolName, SessionId, TaskId, TaskRef};
use orch::engine::effect::{Base, Launch, LaunchAction, Purpose, SessionLaunch};
use orch::engine::outcome::evidence::{Ending, Evidence, StatusFile};
use orch::engine::outcome::{Expectation, Judgement, OutcomeClass, Verdict, classify};
use orch::engine::stream::Progress;
use orch::host::process::{ProcessInfo, reap};
use orch::host::session::{Attempted, Patience, Place, Runner, Stop, Update, new_session_id};
use orch::spec::agent::Permission;
use orch::spec::config::SessionConfig;
use orch::spec::plan::CommandLine;
use orch::spec::rule::Limits;
use orch::spec::sandbox::{Guard, Sandbox, Sandboxing};
use tokio::sync::{mpsc, watch};

const ORCH: &str = env!("CARGO_BIN_EXE_orch");
const PATIENCE: Duration = Duration::from_secs(60);

const PATIENCES: Patience = Patience {
    start: Duration::from_secs(30),
    linger: Duration::from_millis(300),
    grace: Duration::from_millis(300),
};

/// A scratch place for attempts.
struct Bench {
    folder: tempfile::TempDir,
    place: Place,
    runner: Runner,
    stop: watch::Sender<Stop>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let worktree = folder.path().join("worktree");
        fs::create_dir(&worktree).unwrap();
        let place = Place {
            worktree,
            private: folder.path().join("private"),
            root: folder.path().to_owned(),
            links: Vec::new(),
            config: SessionConfig::default(),
            base_cost: Usd::ZERO,
            session: new_session_id(),
        };
        let runner = Runner::with_shim(ORCH.into()).patience(PATIENCES);
        Self { folder, place, runner, stop: watch::channel(Stop::No).0 }
    }

    fn scripted(script: &str) -> Self {
        let mut bench = Self::new();
        fs::write(bench.folder.path().join("script.yaml"), script).unwrap();
        bench.place.config.scripted = Some("script.yaml".into());
        bench
    }

    async fn run(&self, launch: &Launch) -> (Attempted, Vec<Progress>) {
        self.run_watched(launch, |_, _| ()).await
    }

    /// Runs, and shows every message to `see`.
    async fn run_watched(
        &self,
        launch: &Launch,
        mut see: impl FnMut(&Update, &watch::Sender<Stop>),
    ) -> (Attempted, Vec<Progress>) {
        let (sender, mut receiver) = mpsc::channel(4);
        let run = self.runner.run(launch, &self.place, sender, self.stop.subscribe());
        let mut progress = Vec::new();
        let listen = async {
            while let Some(printed) = receiver.recv().await {
                see(&printed, &self.stop);
                begun(&printed);
                if let Update::Progress(it) = printed {
                    progress.push(it);
                }
            }
        };
        let both = async { tokio::join!(run, listen).0 };
        let attempted = tokio::time::timeout(PATIENCE, both).await.expect("it ends").unwrap();
        (attempted, progress)
    }

    async fn judged(&self, launch: &Launch, expectation: &Expectation) -> (Judgement, Attempted) {
        let (attempted, _) = self.run(launch).await;
        let evidence = Evidence {
            stream: attempted.stream.clone(),
            status_file: attempted.status_file.clone(),
            stdout_tail: attempted.stdout_tail.clone(),
            stderr_tail: attempted.stderr_tail.clone(),
            session: attempted.session.clone(),
            duration: attempted.duration,
            ..Evidence::of(attempted.ending.clone())
        };
        (classify(&evidence, expectation), attempted)
    }
}

/// Lets what has started begin, as whoever keeps the record does.
fn begun(update: &Update) {
    if let Update::Started(family) = update {
        family.begin();
    }
}

fn launch(action: LaunchAction) -> Launch {
    Launch {
        attempt: AttemptId(7),
        task: TaskRef::new("demo", "1.1"),
        key: ActionKey(Digest::of(b"key")),
        number: 1,
        purpose: Purpose::Work,
        action,
        base: Base::Tip,
        overlay: Vec::new(),
        declared: Vec::new(),
        env: Vec::new(),
        limits: Limits::default(),
        pool: PoolName::new("sessions"),
        sandbox: Sandboxing::Off,
        required_outputs: Default::default(),
        plan: None,
        bench: None,
        needs: Vec::new(),
        is_report: false,
    }
}

fn shell(line: &str) -> Launch {
    launch(LaunchAction::Command(CommandLine::Shell(line.to_owned())))
}

/// As a rule has it that says nothing of a sandbox.
fn guarded(line: &str) -> Launch {
    Launch { sandbox: Sandboxing::default(), ..shell(line) }
}

fn session() -> Launch {
    launch(LaunchAction::Session(SessionLaunch {
        max_usd: None,
        prompt: "Do it.\n".into(),
        model: Some(ModelName::new("sonnet")),
        denied: Vec::new(),
        tools: vec!["Read".into(), "Write".into()],
        permission: Permission::LeastPrivilege,
        effort: None,
        max_turns: None,
        servers: Vec::new(),
        resume: None,
        otherwise: Vec::new(),
        schema: None,
    }))
}

fn expected() -> Expectation {
    Expectation { no_change_allowed: true, ..Expectation::of_session(TaskId::new("1.1")) }
}

/// Living processes that hold `marker` in their environment, by /proc.
fn processes_with(marker: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(marker.len()).any(|window| window == marker.as_bytes())
    };
    let is_alive = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    pids.filter(|pid| is_marked(pid) && is_alive(pid)).collect()
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A marker in the environment of everything a shell line starts.
fn marked(name: &str, rest: &str) -> (String, String) {
    let marker = format!("ORCH_TEST_{name}_{}=1", std::process::id());
    (format!("export {marker}; {rest}"), marker)
}

/// Children, a subshell's child, a daemon in its own session, and one that shuns signals.
const FAMILY: &str = "sleep 1000 & (sleep 1001 & sleep 1002) & setsid sleep 1003 & \
    setsid sh -c 'trap \"\" TERM HUP; sleep 1004 & sleep 1005' & \
    (setsid setsid sleep 1006 &) ; echo ready; ";

#[tokio::test]
async fn a_command_that_ends_leaves_nothing_behind() {
    let (line, marker) = marked("ends", &format!("{FAMILY} exit 3"));
    let bench = Bench::new();
    let (attempted, progress) = bench.run(&shell(&line)).await;
    assert_eq!(attempted.ending, Ending::Exited(3));
    assert_eq!(progress, [Progress::Output("ready".into())]);
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[tokio::test]
async fn stopping_ends_the_whole_family() {
    for stop in [Stop::Politely, Stop::AtOnce] {
        let (line, marker) = marked("stopped", &format!("trap '' TERM; {FAMILY} wait; sleep 1000"));
        let bench = Bench::new();
        let launch = shell(&line);
        let watch = |printed: &Update, sender: &watch::Sender<Stop>| {
            if *printed == Update::Progress(Progress::Output("ready".into())) {
                eventually("the family is complete", || processes_with(&marker).len() >= 7);
                sender.send_replace(stop);
            }
        };
        let (attempted, _) = bench.run_watched(&launch, watch).await;
        assert_eq!(attempted.ending, Ending::Cancelled);
        assert_eq!(processes_with(&marker), [0; 0]);
    }
}

#[tokio::test]
async fn a_polite_stop_lets_the_command_tidy_up() {
    let bench = Bench::new();
    let line = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
    let watch = |printed: &Update, sender: &watch::Sender<Stop>| {
        if *printed == Update::Progress(Progress::Output("ready".into())) {
            sender.send_replace(Stop::Politely);
        }
    };
    let (attempted, progress) = bench.run_watched(&shell(line), watch).await;
    assert_eq!(attempted.ending, Ending::Cancelled);
    // The shell itself may say on stderr that something was ended.
    let last = progress.iter().rfind(|it| matches!(it, Progress::Output(_)));
    assert_eq!(last, Some(&Progress::Output("tidy".into())));
}

#[tokio::test]
async fn limits_end_what_takes_too_long_or_is_silent() {
    let limit = Some(Millis(200));
    let wall = Limits { wall: limit, ..Limits::default() };
    let stall = Limits { stall: limit, ..Limits::default() };
    let noisy = "while :; do echo x; sleep 0.01; done";
    for (limits, line, ending) in [
        (wall, noisy, Ending::TimedOut),
        (stall, "setsid sleep 1000 & sleep 1000", Ending::Stalled),
    ] {
        let (line, marker) = marked("limits", line);
        let (attempted, _) = Bench::new().run(&Launch { limits, ..shell(&line) }).await;
        assert_eq!(attempted.ending, ending);
        assert_eq!(processes_with(&marker), [0; 0]);
    }
}

/// A session whose CLI is a shell script.
fn cli(script: &str) -> Bench {
    let mut bench = Bench::new();
    bench.place.config.claude = ["sh", "-c", script].map(str::to_owned).into();
    bench
}

const INIT: &str = r#"echo '{"type":"system","subtype":"init","session_id":"s"}'; "#;
const RESULT: &str = r#"echo '{"type":"result","subtype":"success","is_error":false,"result":"said","total_cost_usd":0.5,"session_id":"s"}'; "#;

#[tokio::test]
async fn a_session_that_never_begins_and_one_that_never_exits_have_their_own_ends() {
    let mut bench = cli("sleep 1000");
    let start = Duration::from_millis(300);
    bench.runner = bench.runner.patience(Patience { start, ..PATIENCES });
    let (judgement, attempted) = bench.judged(&session(), &expected()).await;
    assert_eq!(attempted.ending, Ending::NeverStarted);
    assert_eq!(judgement.class, OutcomeClass::Stalled);
    assert!(judgement.message.starts_with("never started: no event in"), "{}", judgement.message);

    let status = r#"mkdir -p .orch/task; echo '{"task_id":"1.1","status":"completed","message":"ok"}' > .orch/task/status.json; "#;
    let (line, marker) =
        marked("lingers", &format!("{status}{INIT}{RESULT} setsid sleep 1000 & sleep 1000"));
    let (judgement, attempted) = cli(&line).judged(&session(), &expected()).await;
    assert_eq!(attempted.ending, Ending::Lingered);
    assert_eq!((judgement.class, judgement.message.as_str()), (OutcomeClass::Done, "ok"));
    assert_eq!(attempted.stream.unwrap().cost, Usd::from_dollars(0.5));
    assert_eq!(processes_with(&marker), [0; 0]);

    let bad = RESULT.replace("false", "true");
    let (judgement, _) =
        cli(&format!("{INIT}{bad} sleep 1000")).judged(&session(), &expected()).await;
    assert_ne!(judgement.class, OutcomeClass::Done, "its result counts, whatever it is");
}

#[tokio::test]
async fn what_works_in_silence_is_not_stalled() {
    let limits = Limits { stall: Some(Millis(400)), wall: Some(Millis(2500)), ..Limits::default() };
    let silent = async |launch: Launch, bench: &Bench| {
        let launch = Launch { limits: limits.clone(), ..launch };
        bench.run(&launch).await.0.ending
    };
    // Its child burns CPU time, in a session of its own.
    let busy = shell("setsid sh -c 'while :; do :; done' & wait");
    assert_eq!(silent(busy, &Bench::new()).await, Ending::TimedOut);
    let talks = shell("while sleep 0.1; do echo x >&2; done");
    assert_eq!(silent(talks, &Bench::new()).await, Ending::TimedOut);
    let bash = |rest: &str| {
        let call = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"x","timeout":1500}}]}}"#;
        cli(&format!("{INIT} echo '{call}'; {rest}"))
    };
    let waits = silent(session(), &bash(&format!("sleep 1.2; {RESULT}"))).await;
    assert_eq!(waits, Ending::Exited(0), "the CLI itself ends that command");
    assert_eq!(silent(session(), &bash("sleep 1000")).await, Ending::Stalled);
}

#[tokio::test]
async fn dropping_an_attempt_ends_its_family() {
    let (line, marker) = marked("dropped", &format!("{FAMILY} sleep 1000"));
    let bench = Bench::new();
    let launch = shell(&line);
    let (sender, mut receiver) = mpsc::channel(4);
    let run = bench.runner.run(&launch, &bench.place, sender, bench.stop.subscribe());
    let ready = async {
        while let Some(printed) = receiver.recv().await {
            begun(&printed);
            if printed == Update::Progress(Progress::Output("ready".into())) {
                return;
            }
        }
    };
    tokio::select! {
        _ = run => panic!("it sleeps"),
        () = ready => {}
    }
    eventually("the family is gone", || processes_with(&marker).is_empty());
}

/// A shim with a life-line in our hand, once its family is complete.
fn shim_of(line: &str) -> std::process::Child {
    let mut child = Command::new(ORCH)
        .args(["__shim", "--", "sh", "-c", line])
        .env("ORCH_ATTEMPT", "test")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    child
}

#[test]
fn the_family_dies_with_the_holder_of_the_life_line() {
    let (line, marker) = marked("killed", &format!("{FAMILY} sleep 1000"));
    let mut child = shim_of(&line);
    eventually("the family is complete", || processes_with(&marker).len() >= 7);
    // The kernel closes the pipe of a killed orch in just this way.
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[test]
fn what_a_killed_shim_left_is_reaped_by_its_marker() {
    let (line, marker) = marked("reaped", &format!("{FAMILY} sleep 1000"));
    let mut child = shim_of(&line);
    let pid = child.id();
    eventually("the family is complete", || processes_with(&marker).len() >= 7);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let info = ProcessInfo { pid, start_ticks: ticks.parse().unwrap() };
    let stranger = ProcessInfo { start_ticks: info.start_ticks + 1, ..info };
    assert_eq!(reap(stranger), 0, "another process of the same number is left alone");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(processes_with(&marker).len() >= 6, "its family outlives it");
    assert!(reap(info) >= 6);
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[tokio::test]
async fn a_shim_that_is_killed_takes_its_family_with_it() {
    let (line, marker) = marked("shimless", &format!("{FAMILY} sleep 1000"));
    let bench = Bench::new();
    let mut shim = 0;
    let watch = |printed: &Update, _: &watch::Sender<Stop>| match printed {
        Update::Started(family) => shim = family.info.pid,
        Update::Unguarded(_) | Update::Hindered(_) => {}
        Update::Progress(_) => {
            Command::new("kill").args(["-9", &shim.to_string()]).status().unwrap();
        }
    };
    let (attempted, _) = bench.run_watched(&shell(&line), watch).await;
    assert_eq!(attempted.ending, Ending::Signaled(9));
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[tokio::test]
async fn what_nobody_has_on_record_never_runs() {
    let bench = Bench::new();
    let launch = shell("touch ran");
    let (sender, mut receiver) = mpsc::channel(4);
    let run = bench.runner.run(&launch, &bench.place, sender, bench.stop.subscribe());
    let refuse = async {
        let first = receiver.recv().await;
        assert!(matches!(first, Some(Update::Started(_))), "{first:?}");
        bench.stop.send_replace(Stop::Politely);
        while receiver.recv().await.is_some() {}
    };
    let (attempted, ()) = tokio::join!(run, refuse);
    assert_eq!(attempted.unwrap().ending, Ending::Cancelled);
    let (sender, receiver) = mpsc::channel(4);
    drop(receiver);
    bench.stop.send_replace(Stop::No);
    let run = bench.runner.run(&launch, &bench.place, sender, bench.stop.subscribe());
    let unheard = run.await.unwrap().ending;
    assert!(matches!(unheard, Ending::Signaled(_)), "nobody keeps the record: {unheard:?}");
    assert!(!bench.place.worktree.join("ran").exists());
}

#[test]
fn a_shim_whose_orch_dies_before_the_record_is_kept_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut shim = Command::new(ORCH)
        .args(["__shim", "--wait", "--", "touch", "ran"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    drop(shim.stdin.take());
    assert_eq!(shim.wait().unwrap().code(), Some(143));
    assert!(!folder.path().join("ran").exists());
}

/// Living processes with a word among those they were started with.
fn processes_saying(word: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let says = |words: Vec<u8>| words.split(|it| *it == 0).any(|it| it == word.as_bytes());
    entries.filter(|it| fs::read(it.path().join("cmdline")).is_ok_and(says)).count()
}

/// One process in a session of its own, whose parent is gone and whose environment is empty.
fn lost(seconds: &str) -> String {
    format!("(env -i setsid sleep {seconds} &); echo ready; exec sleep 1000")
}

#[test]
fn what_cleared_its_environment_is_found_by_its_mark() {
    let seconds = format!("86401.{}", std::process::id());
    let mut shim = shim_of(&lost(&seconds));
    eventually("it sleeps", || processes_saying(&seconds) == 1);
    let stat = fs::read_to_string(format!("/proc/{}/stat", shim.id())).unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let info = ProcessInfo { pid: shim.id(), start_ticks: ticks.parse().unwrap() };
    shim.kill().unwrap();
    shim.wait().unwrap();
    assert_eq!(processes_saying(&seconds), 1, "it outlives its shim");
    assert_eq!(reap(ProcessInfo { start_ticks: info.start_ticks + 1, ..info }), 0);
    assert!(reap(info) >= 1);
    assert_eq!(processes_saying(&seconds), 0);
}

#[test]
fn what_outlives_orch_ends_what_a_killed_shim_left() {
    let seconds = format!("86402.{}", std::process::id());
    let mut shim = shim_of(&lost(&seconds));
    let stat = fs::read_to_string(format!("/proc/{}/stat", shim.id())).unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let mut reaper = Command::new(ORCH)
        .args(["__shim", "--reaper"])
        .env_clear()
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = reaper.stdin.take().unwrap();
    writeln!(line, "+ {} {ticks}", shim.id()).unwrap();
    eventually("it sleeps", || processes_saying(&seconds) == 1);
    shim.kill().unwrap();
    shim.wait().unwrap();
    // As the kernel does with what a killed orch held.
    drop(line);
    reaper.wait().unwrap();
    assert_eq!(processes_saying(&seconds), 0);
}

/// Says so and returns false where no family can have process numbers of its own.
fn has_own_numbers() -> bool {
    let probed = orch::host::session::keeping::probe(ORCH.as_ref());
    if let Err(why) = &probed {
        crate::left_out::note(&format!("process namespaces ({why})"));
    }
    probed.is_ok()
}

#[tokio::test]
async fn a_family_in_a_namespace_is_alone_and_may_not_mount() {
    if !has_own_numbers() {
        return;
    }
    let line = "ls -d /proc/[0-9]* | wc -l; umount /proc 2> /dev/null && echo unmounted; \
        tr '\\0' '\\n' < /proc/1/environ | grep -c ^ORCH_CHECKOUT=; readlink /proc/self";
    let (attempted, progress) = Bench::new().run(&guarded(line)).await;
    assert_eq!(attempted.ending, Ending::Exited(0), "{}", attempted.stderr_tail);
    let said: Vec<u32> = progress
        .iter()
        .map(|it| match it {
            Progress::Output(line) => line.parse().unwrap_or_else(|_| panic!("{line}")),
            other => panic!("{other:?}"),
        })
        .collect();
    let [n_processes, n_checkouts, number] = said[..] else { panic!("{said:?}") };
    assert!(n_processes < 9, "the first, the shell, and what it runs");
    assert_eq!(n_checkouts, 1, "by which orch knows who asks");
    assert!(number > 1);
}

#[tokio::test]
async fn a_killed_shim_leaves_nothing_of_a_namespace() {
    if !has_own_numbers() {
        return;
    }
    let seconds = format!("86403.{}", std::process::id());
    let bench = Bench::new();
    let mut shim = 0;
    let watch = |update: &Update, _: &watch::Sender<Stop>| match update {
        Update::Started(family) => shim = family.info.pid,
        Update::Unguarded(_) | Update::Hindered(_) => {}
        Update::Progress(_) => {
            eventually("it sleeps", || processes_saying(&seconds) == 1);
            Command::new("kill").args(["-9", &shim.to_string()]).status().unwrap();
            eventually("the kernel has ended it", || processes_saying(&seconds) == 0);
        }
    };
    let (attempted, _) = bench.run_watched(&guarded(&lost(&seconds)), watch).await;
    assert_eq!(attempted.ending, Ending::Signaled(9));
}

#[tokio::test]
async fn a_signal_and_a_program_that_is_not_there_are_told_apart() {
    let (attempted, _) = Bench::new().run(&shell("kill -SEGV $$")).await;
    assert_eq!(attempted.ending, Ending::Signaled(11));
    let argv = CommandLine::Argv(vec!["/nowhere/at-all".into()]);
    let (attempted, _) = Bench::new().run(&launch(LaunchAction::Command(argv))).await;
    assert!(
        matches!(attempted.ending, Ending::LaunchFailed(why) if why.contains("/nowhere/at-all"))
    );
    let (attempted, _) = Bench::new().run(&shell("exit 127")).await;
    assert_eq!(attempted.ending, Ending::Exited(127));
}

#[tokio::test]
async fn huge_output_passes_a_slow_listener_with_bounded_memory() {
    let bench = Bench::new();
    let launch = shell("yes 0123456789012345678901234567890123456789 | head -c 8200000");
    let (sender, mut receiver) = mpsc::channel(1);
    let run = bench.runner.run(&launch, &bench.place, sender, bench.stop.subscribe());
    let (mut n_told, mut n_lines) = (0, 0);
    let listen = async {
        while let Some(printed) = receiver.recv().await {
            n_told += 1;
            begun(&printed);
            n_lines += match printed {
                Update::Progress(Progress::Output(line)) => lines_spoken_of(&line),
                _ => 0,
            };
            tokio::task::yield_now().await;
        }
    };
    let (attempted, ()) = tokio::join!(run, listen);
    let attempted = attempted.unwrap();
    assert_eq!(fs::metadata(&attempted.transcript).unwrap().len(), 8_200_000);
    assert_eq!(n_lines, 200_000, "every line is told, or counted as left out");
    assert!(n_told < 100_000, "{n_told} for 200,000 lines");
    assert!(attempted.stdout_tail.len() <= 64 * 1024);
}

/// One, or as many as the line says were left out.
fn lines_spoken_of(line: &str) -> usize {
    let count = line.strip_prefix("... ").and_then(|rest| rest.split_once(" lines left out"));
    count.map_or(1, |(count, _)| count.parse().unwrap())
}

#[tokio::test]
async fn the_environment_is_built_from_nothing() {
    let bench = Bench::new();
    let (attempted, progress) = bench.run(&shell("env | sed 's/=.*//' | sort")).await;
    assert_eq!(attempted.ending, Ending::Exited(0));
    let names: Vec<_> = progress
        .iter()
        .map(|it| if let Progress::Output(line) = it { line.as_str() } else { "?" })
        .collect();
    for name in ["PATH", "TMPDIR", "ORCH_TASK", "ORCH_ATTEMPT", "ORCH_ATTEMPT_NUMBER"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.starts_with("CARGO")), "{names:?}");
}

#[tokio::test]
async fn secrets_are_masked_in_all_that_is_kept() {
    let secret = "sk-ant-api03-abcdefghijklmnop";
    let bench = Bench::new();
    let line = format!("printf '%s\\n' {secret}; echo {secret} >&2; printf 'tail {secret}'");
    let (attempted, progress) = bench.run(&shell(&line)).await;
    let kept = fs::read_to_string(&attempted.transcript).unwrap();
    let stderr = fs::read_to_string(bench.place.private.join("stderr")).unwrap();
    let complaint = "{\"type\":\"output\",\"stream\":\"stderr\",\"text\":\"[masked]\"}";
    let mut lines: Vec<&str> = kept.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        (lines, stderr.as_str()),
        (vec!["[masked]", "tail [masked]", complaint], "[masked]\n")
    );
    let shown = format!("{progress:?}{}{}", attempted.stdout_tail, attempted.stderr_tail);
    assert!(!shown.contains("abcdefgh"), "{shown}");
}

#[tokio::test]
async fn a_scripted_session_is_read_like_a_real_one() {
    let bench = Bench::scripted(
        "'1.1':\n- - say: hello\n  - write: {path: src/a.txt, content: 'a'}\n  - read: src/a.txt\n  \
         - edit: {path: src/a.txt, old: a, new: b}\n  - cost: 0.25\n  - save-prompt: prompt.txt\n  \
         - say: done\n",
    );
    let (judgement, attempted) = bench.judged(&session(), &expected()).await;
    assert_eq!(judgement.class, OutcomeClass::Done, "{judgement:?}");
    let stream = attempted.stream.unwrap();
    assert_eq!(stream.cost, Usd::from_dollars(0.25));
    assert_eq!(stream.models, [ModelName::new("sonnet")]);
    assert_eq!((stream.final_text.as_str(), stream.n_tool_uses), ("done", 3));
    let file = bench.place.worktree.join("src/a.txt");
    assert_eq!(stream.files_written, [file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(file).unwrap(), "b");
    assert_eq!(fs::read_to_string(bench.place.worktree.join("prompt.txt")).unwrap(), "Do it.\n");
    assert!(!bench.place.worktree.join(".orch/task/status.json").exists());
    assert_eq!(attempted.session.unwrap().as_str().len(), 36);
}

#[tokio::test]
async fn every_class_that_can_be_played_is_recognised() {
    let classes: BTreeMap<&str, OutcomeClass> = [
        ("fail: {class: plan-limit}", OutcomeClass::PlanLimit),
        ("fail: {class: throttled}", OutcomeClass::Throttled),
        ("fail: {class: overloaded}", OutcomeClass::Overloaded),
        ("fail: {class: server-error}", OutcomeClass::ServerError),
        ("fail: {class: network}", OutcomeClass::Network),
        ("fail: {class: auth}", OutcomeClass::Auth),
        ("fail: {class: billing}", OutcomeClass::Billing),
        ("fail: {class: context-overflow}", OutcomeClass::ContextOverflow),
        ("fail: {class: refused}", OutcomeClass::Refused),
        ("fail: {class: turn-cap}", OutcomeClass::TurnCap),
        ("fail: {class: budget-cap}", OutcomeClass::BudgetCap),
        ("fail: {class: schema-miss}", OutcomeClass::SchemaMiss),
        ("fail: {class: aborted}", OutcomeClass::Aborted),
        ("fail: {class: killed}", OutcomeClass::Killed),
        ("fail: {exit: 3}", OutcomeClass::Unknown),
        ("cut", OutcomeClass::Unknown),
        ("limit: {resets_at: 1795370728}", OutcomeClass::PlanLimit),
        ("deny: Write", OutcomeClass::Done),
        ("deny: Write\n  - status: none", OutcomeClass::PermissionDenied),
        ("fail: {class: launch-refused}", OutcomeClass::LaunchRefused),
        ("status: failed", OutcomeClass::FailedByStatus),
        ("status: none", OutcomeClass::NoStatus),
        ("status: {status: completed, task_id: '9'}", OutcomeClass::WrongTask),
        ("noise: plain words", OutcomeClass::Done),
    ]
    .into();
    for (step, class) in classes {
        let bench = Bench::scripted(&format!("'*':\n- - say: hello\n  - {step}\n"));
        let (judgement, attempted) = bench.judged(&session(), &expected()).await;
        assert_eq!(judgement.class, class, "{step}: {judgement:?} {:?}", attempted.stderr_tail);
    }
}

#[tokio::test]
async fn a_deaf_session_is_ended_by_force_and_a_validator_speaks_its_verdict() {
    let script = "'*':\n- - ignore-term\n  - run: 'setsid sleep 1000 >/dev/null 2>&1 &'\n  - say: deaf\n  - hang\n\
         validate:v:\n- - verdict: {is: FAIL, findings: ['[FAIL] no test']}\n";
    let bench = Bench::scripted(script);
    let watch = |printed: &Update, sender: &watch::Sender<Stop>| {
        if *printed == Update::Progress(Progress::Said("deaf".into())) {
            sender.send_replace(Stop::Politely);
        }
    };
    let (attempted, _) = bench.run_watched(&session(), watch).await;
    assert_eq!(attempted.ending, Ending::Cancelled);
    assert_eq!(attempted.status_file, StatusFile::Absent);

    let validate = Launch { purpose: Purpose::Validate("v".into()), ..session() };
    let bench = Bench::scripted(script);
    let (judgement, _) =
        bench.judged(&validate, &Expectation::of_validator(TaskId::new("1.1"))).await;
    assert_eq!(judgement.class, OutcomeClass::Rejected);
    let findings = vec!["[FAIL] no test".to_owned()];
    assert_eq!(judgement.verdict, Some((Verdict::Fail, findings)));
}

#[tokio::test]
async fn a_resumed_session_keeps_its_id() {
    let bench = Bench::scripted("'*':\n- - say: again\n");
    let mut launch = session();
    if let LaunchAction::Session(session) = &mut launch.action {
        session.resume = Some(SessionId::new("0000-old"));
    }
    let (attempted, _) = bench.run(&launch).await;
    assert_eq!(attempted.session, Some(SessionId::new("0000-old")));
}

/// Says so and returns false where there is no bubblewrap, or it is not allowed.
fn has_bwrap() -> bool {
    let probed = orch::host::session::bubble::probe(orch::host::session::bubble::Network::None);
    if let Err(why) = &probed {
        crate::left_out::note(&format!("bubblewrap that works ({why})"));
    }
    probed.is_ok()
}

fn boxed(launch: Launch, network: Option<bool>, write: &[&str]) -> Launch {
    let write = write.iter().map(|it| (*it).to_owned()).collect();
    Launch { sandbox: Sandboxing::Bwrap(Sandbox { network, write }), ..launch }
}

#[tokio::test]
async fn a_boxed_command_writes_its_worktree_and_what_its_rule_lists_and_nothing_else() {
    if !has_bwrap() {
        return;
    }
    let bench = Bench::new();
    let root = bench.folder.path();
    fs::write(root.join("mine.txt"), "mine").unwrap();
    fs::create_dir(root.join("shared")).unwrap();
    let line = format!(
        "cat {0}/mine.txt; echo x > in.txt; echo x > {0}/shared/out.txt; echo x > \"$TMPDIR/t\"; \
         echo y > {0}/mine.txt; echo x > {0}/new.txt; echo x > \"$HOME/.orch-test\"; \
         ls /sys/class/net | wc -w; test $(ls -d /proc/[0-9]* | wc -l) -lt 9 && echo alone",
        root.display()
    );
    let shared = root.join("shared");
    let launch = boxed(shell(&line), Some(false), &[shared.to_str().unwrap()]);
    let (attempted, progress) = bench.run(&launch).await;
    let said: Vec<_> = progress.iter().filter(|it| matches!(it, Progress::Output(_))).collect();
    assert!(
        format!("{said:?}").contains("mine") && format!("{said:?}").contains("alone"),
        "{said:?} {}",
        attempted.stderr_tail
    );
    assert!(bench.place.worktree.join("in.txt").exists() && shared.join("out.txt").exists());
    assert_eq!(fs::read_to_string(root.join("mine.txt")).unwrap(), "mine");
    assert!(!root.join("new.txt").exists());
    assert_eq!(
        attempted.stderr_tail.matches("Read-only file system").count(),
        3,
        "{}",
        attempted.stderr_tail
    );
}

#[tokio::test]
async fn a_boxed_family_is_asked_politely_and_nothing_of_it_stays() {
    if !has_bwrap() {
        return;
    }
    let (line, marker) = marked(
        "boxed",
        &format!("trap 'echo tidy; exit 0' TERM; {FAMILY} while :; do sleep 0.02; done"),
    );
    let bench = Bench::new();
    let watch = |printed: &Update, sender: &watch::Sender<Stop>| {
        if *printed == Update::Progress(Progress::Output("ready".into())) {
            eventually("the family is complete", || processes_with(&marker).len() >= 7);
            sender.send_replace(Stop::Politely);
        }
    };
    let launch = boxed(shell(&line), None, &[]);
    let (attempted, progress) = bench.run_watched(&launch, watch).await;
    assert_eq!(attempted.ending, Ending::Cancelled);
    assert!(progress.contains(&Progress::Output("tidy".into())), "{progress:?}");
    assert_eq!(processes_with(&marker), [0; 0]);
}

#[tokio::test]
async fn a_boxed_session_is_played_like_any_other() {
    if !has_bwrap() {
        return;
    }
    let bench = Bench::scripted("'1.1':\n- - write: {path: src/a.txt, content: 'a'}\n");
    let launch = boxed(session(), None, &[]);
    let (judgement, attempted) = bench.judged(&launch, &expected()).await;
    assert_eq!(
        judgement.class,
        OutcomeClass::Done,
        "{} {}",
        judgement.message,
        attempted.stderr_tail
    );
    assert!(bench.place.worktree.join("src/a.txt").exists());
}

/// With a program in the place of orch's that can guard nothing.
#[tokio::test]
async fn where_no_guard_is_kept_that_is_said_once_and_what_asks_for_one_is_refused() {
    let mut bench = Bench::new();
    let shim = bench.folder.path().join("shim");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *--guard*) echo 'orch: the guard cannot be set: not here' >&2; exit 127; esac\n\
         exec {ORCH} \"$@\"\n"
    );
    // By another process: this one's files are open in whatever its threads start at the moment.
    let mut made = Command::new("sh");
    made.args(["-c", "printf %s \"$1\" > \"$0\"; chmod +x \"$0\""]);
    assert!(made.arg(&shim).arg(text).status().unwrap().success());
    bench.runner = Runner::with_shim(shim).patience(PATIENCES);
    let mut said = Vec::new();
    let by_default = Launch { sandbox: Sandboxing::default(), ..shell("echo ran >> ran") };
    for _ in 0..2 {
        let hear = |update: &Update, _: &watch::Sender<Stop>| {
            if let Update::Unguarded(why) = update {
                said.push(why.clone());
            }
        };
        bench.run_watched(&by_default, hear).await;
    }
    assert_eq!(said, ["no mount namespace (not here); no Landlock (not here)"]);
    assert_eq!(fs::read_to_string(bench.place.worktree.join("ran")).unwrap(), "ran\nran\n");
    let guard = Guard { is_required: true, ..Guard::default() };
    let asked = Launch { sandbox: Sandboxing::Guard(guard), ..shell("echo ran >> ran") };
    let (attempted, _) = bench.run(&asked).await;
    let Ending::LaunchFailed(why) = attempted.ending else { panic!("{:?}", attempted.ending) };
    assert!(
        why.contains("the guard that is asked for cannot be kept: no mount namespace"),
        "{why}"
    );
    assert_eq!(fs::read_to_string(bench.place.worktree.join("ran")).unwrap(), "ran\nran\n");
}
