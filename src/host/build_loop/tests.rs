//! Builds in scratch repositories, from the request to the summary.

use std::path::Path;

use super::*;
use crate::base::measure::Moment;
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::effect::{Notice, Warning};
use crate::engine::picture::Picture;
use crate::engine::record::AcceptedResult;
use crate::engine::stream::Progress;
use crate::host::git::scratch::{Scratch, result};
use crate::host::store::folder::Access;
use crate::host::surface::CheckedDocument;

/// A surface that keeps what it is told.
#[derive(Default)]
pub struct Recorder {
    /// Warnings, word by word; of other notices how they are written in code.
    pub said: Vec<String>,
    /// The documents with errors, each time that they are shown.
    pub faulty: Vec<Vec<String>>,
    pub n_shown: usize,
}

impl Surface for Recorder {
    fn show(&mut self, _picture: &Picture, _now: Moment) {
        self.n_shown += 1;
    }

    fn say(&mut self, notice: &Notice, _now: Moment) {
        self.said.push(match notice {
            Notice::Warning(Warning::Said(text)) => text.clone(),
            other => format!("{other:?}"),
        });
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.faulty.push(documents.iter().map(|it| it.path.clone()).collect());
    }

    fn caution(&mut self, _documents: &[CheckedDocument], _now: Moment) {}

    fn stream(&mut self, _task: &TaskRef, _progress: &Progress, _now: Moment) {}
}

const PLAN: &str = "meta: { name: demo }\nsections:\n- id: s\n  name: S\n  status: pending\n  tasks:\n  \
                    - id: '1'\n    name: Make\n    status: pending\n    run: 'exit 3'\n";

fn scratch() -> Scratch {
    Scratch::new(&[("plans/demo.yaml", PLAN), (".gitignore", ".orch/\n")])
}

/// A runner that cannot start anything: there is no such program.
fn no_runner(root: &Path) -> Runner {
    Runner::with_shim(root.join("no-such-program"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

struct Built {
    summary: Summary,
    records: Vec<Record>,
    said: Vec<String>,
}

impl Built {
    fn n_started(&self) -> usize {
        let is_start = |it: &&Record| matches!(it, Record::AttemptStarted { .. });
        self.records.iter().filter(is_start).count()
    }
}

/// Builds everything with a runner that cannot start anything.
fn build(scratch: &Scratch) -> Built {
    let mut state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
    let (mut landings, mut surface) = (Landings::default(), Recorder::default());
    let request = BuildRequest { jobs: 1, ..BuildRequest::default() };
    let runner = no_runner(&scratch.root());
    let parts = Parts { state: &mut state, landings: &mut landings };
    let summary = runtime().block_on(run(parts, request, runner, &mut surface));
    Built { summary: summary.unwrap(), records: state.log.records().unwrap(), said: surface.said }
}

/// Keeps a result in the store as though the plan's task had been accepted with it elsewhere.
fn keep_result(scratch: &Scratch) -> AcceptedResult {
    let mut state = State::open(&scratch.root(), Access::ReadOnly, Vec::new()).unwrap();
    state.survey(BuildRequest::default()).unwrap();
    let task = TaskRef::new("demo", "1");
    let key = state.engine.key_of(&task).unwrap();
    let result = AcceptedResult { key, task, ..result("1", "made.txt", "made\n") };
    let store = crate::host::store::Store::open(&scratch.root());
    store.put(b"made\n").unwrap();
    store.remember(&result).unwrap();
    result
}

#[test]
fn a_cached_result_is_found_replayed_and_landed() {
    let scratch = scratch();
    keep_result(&scratch);
    let built = build(&scratch);
    let Summary { exit, replayed, ran, .. } = built.summary;
    assert_eq!((exit, replayed, ran), (0, 1, 0), "{:?}", built.said);
    assert_eq!((built.n_started(), scratch.read("made.txt").as_str()), (0, "made\n"));
    assert!(scratch.read("plans/demo.yaml").contains("status: completed"));
    assert!(matches!(built.records.last(), Some(Record::RunEnded { exit: 0, .. })));
    // Nothing is left to do, and that is noted.
    let again = build(&scratch).summary;
    assert_eq!((again.exit, again.up_to_date), (0, 1));
    assert!(rest::at_rest(&scratch.root()).is_some());
}

#[test]
fn where_nothing_can_be_started_the_machine_has_failed() {
    let scratch = scratch();
    let built = build(&scratch);
    assert_eq!((built.summary.exit, built.summary.accepted), (101, 0), "{:?}", built.said);
    assert_eq!(built.n_started(), 1);
    assert!(matches!(built.records.last(), Some(Record::RunEnded { exit: 101, .. })));
    assert!(!scratch.read("plans/demo.yaml").contains("status: completed"));
}

#[test]
fn a_build_in_which_orch_was_wrong_is_no_success_whatever_it_accepted() {
    let scratch = scratch();
    keep_result(&scratch);
    with_loop(&scratch, async |build, sources| {
        build.begin(BuildRequest { jobs: 1, ..BuildRequest::default() }).unwrap();
        build.go_on(sources).await.unwrap();
        build.step(Event::Settled { attempt: AttemptId(99) }).unwrap();
        build.go_on(sources).await.unwrap();
        let Summary { accepted, targets, exit, .. } = build.conclude().unwrap();
        assert_eq!((accepted, targets, exit), (1, 1, 101));
        let records = build.state.log.records().unwrap();
        assert!(matches!(records.last(), Some(Record::RunEnded { exit: 101, .. })));
    });
}

#[test]
fn a_stop_file_that_waits_starts_nothing_and_is_used_up() {
    let scratch = scratch();
    scratch.write("plans/.stop", "");
    let built = build(&scratch);
    assert_eq!((built.summary.exit, built.n_started()), (3, 0));
    assert!(built.said.iter().any(|it| it.contains("nothing starts, and it is used up")));
    assert!(!scratch.root().join("plans/.stop").exists());
}

/// Lets `look` look at a loop that has begun nothing.
fn with_loop(scratch: &Scratch, look: impl AsyncFnOnce(&mut BuildLoop<'_>, &mut Sources)) {
    let mut state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
    let (mut landings, mut surface) = (Landings::default(), Recorder::default());
    let runner = no_runner(&scratch.root());
    runtime().block_on(async {
        let parts = Parts { state: &mut state, landings: &mut landings };
        let voice = Voice::of(&mut surface, None);
        let request = BuildRequest::default();
        let (mut build, mut sources) = BuildLoop::open(parts, &request, runner, voice).unwrap();
        look(&mut build, &mut sources).await;
    });
}

/// One effect at a time.
#[test]
fn effects_of_the_store_are_ordered_and_answered_by_message() {
    let scratch = scratch();
    let result = keep_result(&scratch);
    with_loop(&scratch, async |build, sources| {
        let (task, key, output) = (result.task.clone(), result.key, result.output);
        let lookup = crate::engine::record::Lookup::All;
        for effect in [
            Effect::Refuse { key, output },
            Effect::FindCandidates { task, key, older: None, manifest: None, lookup },
            Effect::Replay { attempt: AttemptId(1), result: Box::new(result) },
        ] {
            assert!(build.perform(effect).unwrap().is_empty());
        }
        let mut found = Vec::new();
        while !build.archive.is_idle() {
            let Some(Message::Archived(reply)) = sources.heard.recv().await else {
                panic!("silence")
            };
            build.archive.answered();
            found.push(match reply.unwrap() {
                Reply::Done => "done".to_owned(),
                Reply::Found(it) => format!("refused: {}", it.results[0].0.is_refused),
                Reply::Fetched { attempt, cached } => {
                    let event = build.landings.replay(attempt, *cached, build.state).unwrap();
                    assert!(matches!(event, Event::Merged { .. }), "{event:?}");
                    "fetched".to_owned()
                }
            });
        }
        assert_eq!(found, ["done", "refused: true", "fetched"]);
        // The merge is kept until it is dropped.
        assert_eq!(build.landings.kept().count(), 1);
        assert!(build.perform(Effect::Drop { attempt: AttemptId(1) }).unwrap().is_empty());
        assert_eq!(build.landings.kept().count(), 0);
        let record = Record::ProcessStarted { attempt: AttemptId(1), pid: 1, start_ticks: 1 };
        build.perform(Effect::Append(record.clone())).unwrap();
        assert_eq!(build.state.log.records().unwrap(), [record]);
        build.perform(Effect::WakeAt(Moment(5))).unwrap();
        assert_eq!(build.pace.wake_at(), Some(Moment(5)));
    });
}

#[test]
fn a_store_that_does_not_answer_keeps_nothing_else_waiting() {
    let scratch = scratch();
    let result = keep_result(&scratch);
    let silent = crate::base::digest::Digest::of(b"a manifest that is slow to come");
    let place = crate::host::store::blob::place_of(&silent);
    let pipe = scratch.root().join(".orch/cas-v1").join(place);
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    with_loop(&scratch, async |build, sources| {
        let (task, key) = (result.task.clone(), result.key);
        let lookup = crate::engine::record::Lookup::All;
        let find =
            Effect::FindCandidates { task, key, older: None, manifest: Some(silent), lookup };
        assert!(build.perform(find).unwrap().is_empty());
        // Reading the pipe waits for somebody who writes; the loop does not.
        build.perform(Effect::WakeAt(Moment(5))).unwrap();
        build.tick().unwrap();
        assert!(!build.archive.is_idle() && sources.heard.try_recv().is_err());
        drop(std::fs::File::options().write(true).open(&pipe).unwrap());
        let Some(Message::Archived(Ok(Reply::Found(answer)))) = sources.heard.recv().await else {
            panic!("no answer");
        };
        assert_eq!((answer.results.len(), answer.previous.is_some()), (1, false));
    });
}

#[test]
fn a_smoke_test_that_needs_no_run_is_answered_at_once() {
    let scratch = scratch();
    with_loop(&scratch, async |build, _| {
        let mut check = |needs: &str, passed: Option<crate::base::digest::Digest>| {
            let launch = crate::engine::effect::SmokeLaunch {
                attempt: AttemptId(1),
                plans: Vec::new(),
                run: crate::spec::plan::CommandLine::Shell("true".to_owned()),
                env: Vec::new(),
                timeout: crate::base::measure::Millis(1000),
                needs_server: false,
                needs_files: vec![crate::host::git::scratch::path(needs)],
                passed,
            };
            let n_before = build.crew.n_running();
            let events = build.smoke(launch).unwrap();
            match &events[..] {
                [] => assert_eq!(build.crew.n_running(), n_before + 1),
                [Event::SmokeEnded { .. }] => assert_eq!(build.crew.n_running(), n_before),
                _ => panic!("{events:?}"),
            }
            events.into_iter().find_map(|it| match it {
                Event::SmokeEnded { report, .. } => Some((report.outcome, report.key)),
                _ => None,
            })
        };
        use crate::engine::record::SmokeOutcome;
        let absent = check("no/such.file", None).unwrap();
        assert_eq!(absent.0, SmokeOutcome::Absent);
        // It begins, and is known as under way.
        assert_eq!(check("plans/demo.yaml", None), None);
        assert_eq!(build.crew.tasks(), None, "it is no task's");
    });
}

#[test]
fn who_runs_is_known_by_name_until_it_has_ended() {
    let scratch = scratch();
    with_loop(&scratch, async |build, sources| {
        let launch = crate::host::git::scratch::launch("1", "true");
        build.perform(Effect::Run(Box::new(launch))).unwrap();
        assert_eq!(build.crew.tasks().as_deref(), Some("demo//1"));
        assert_eq!(build.crew.n_running(), 1);
        build.crew.end_at_once();
        while let Some(message) = sources.heard.recv().await {
            let is_over = matches!(message, Message::Ended { .. } | Message::MachineFailed { .. });
            build.hear(message).unwrap();
            if is_over {
                break;
            }
        }
        assert_eq!((build.crew.tasks(), build.crew.n_running()), (None, 0));
    });
}
