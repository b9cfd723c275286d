//! The engine against a world in memory: no disk, no clock, no process.

mod beside;
mod chart;
mod compete;
mod fault;
mod limits;
mod money;
mod outages;
mod pace;
mod retries;
mod timeline;

use crate::base::measure::Billing;
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::digest::Digest;
use crate::base::file::{FileChange, FileState, Patch};
use crate::base::measure::{Millis, Usd};
use crate::base::name::{AttemptId, CommitId, RelPath, SessionId, TaskId, TaskRef, TreeId};
use crate::base::source::Source;
use crate::engine::effect::{Launch, Notice, Purpose, Request};
use crate::engine::event::{Candidate, Conflict, Documents, Found, Merged, Placement, Written};
use crate::engine::outcome::evidence::{Ending, Evidence, StatusFile, StatusReport};
use crate::engine::record::lineage::{Landing, Lineage};
use crate::engine::record::{AcceptedResult, Decision, Record};
use crate::engine::stream::{ApiError, RateLimit, ResultFacts, StreamFacts};
use crate::ui::render::why::{barrier_text, reopened_text, why_text};
use crate::ui::render::words::warning_text;

/// What a task's next attempts do: which files they write, or how they fail.
type Play = Box<dyn FnMut(&Launch, &mut Files) -> Ended>;
type Files = BTreeMap<RelPath, String>;

#[derive(Clone)]
enum Ended {
    Done,
    /// A judge's structured answer, after a look or without one.
    Ballot(String, u32),
    Failed(&'static str),
    Silent,
    Exit(i32),
    /// The API refuses: a limit that resets, or a login that is missing.
    Limit,
    /// The same with its window and the reset in seconds since 1970; 0: nobody says.
    LimitIn(&'static str, u64),
    LoggedOut,
    NoProgram,
    /// The API refuses for this reason: `overloaded`, `server_error`.
    Api(&'static str),
    /// A validator's word.
    Verdict(&'static str),
    /// Done, and this was told of the account meanwhile.
    Streamed(Box<StreamFacts>),
}

/// A repository in memory that does what the engine says.
struct Space {
    plans: BTreeMap<&'static str, String>,
    rules: Vec<Source>,
    agents: Vec<Source>,
    config: crate::spec::config::Config,
    files: Files,
    links: Vec<(RelPath, RelPath)>,
    records: Vec<Record>,
    lineage: Lineage,
    cache: Vec<AcceptedResult>,
    play: Play,
    /// Tasks and validators that ran, in order.
    ran: Vec<String>,
    pending: BTreeMap<AttemptId, (Patch, Files)>,
    refuse_merge: BTreeSet<TaskId>,
    now: u64,
    /// Proposals by ref.
    kept: BTreeMap<String, (Patch, Files)>,
    /// Warnings and held tasks, as published.
    said: Vec<String>,
}

impl Space {
    fn new(plan: &str) -> Self {
        Self {
            plans: BTreeMap::from([("plans/p.yaml", plan.to_owned())]),
            rules: Vec::new(),
            agents: Vec::new(),
            config: crate::spec::config::Config::default(),
            files: Files::new(),
            links: Vec::new(),
            records: Vec::new(),
            lineage: Lineage::default(),
            cache: Vec::new(),
            play: Box::new(|launch, files| {
                write(files, &format!("out/{}.txt", launch.task.task), "made");
                Ended::Done
            }),
            ran: Vec::new(),
            pending: BTreeMap::new(),
            kept: BTreeMap::new(),
            refuse_merge: BTreeSet::new(),
            now: 1_000_000,
            said: Vec::new(),
        }
    }

    fn documents(&self) -> Documents {
        let source = |(path, text): (&&str, &String)| {
            Source::new(RelPath::new(path).unwrap(), text.as_str())
        };
        Documents {
            plans: self.plans.iter().map(source).collect(),
            rules: self.rules.clone(),
            agents: self.agents.clone(),
            config: self.config.clone(),
            ..Documents::default()
        }
    }

    fn build(&mut self) -> Engine {
        self.build_with(BuildRequest { jobs: 2, ..BuildRequest::default() })
    }

    fn build_with(&mut self, request: BuildRequest) -> Engine {
        let mut engine = Engine::default();
        self.drive(&mut engine, request);
        engine
    }

    fn open(&self, engine: &mut Engine) {
        let documents = Event::DocumentsRead(Box::new(self.documents()));
        assert!(engine.step(Moment(self.now), documents).is_empty());
        let errors: Vec<_> = engine.diagnostics().into_iter().filter(|it| it.is_error()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let lineage = Box::new(self.lineage.clone());
        engine
            .step(Moment(self.now), Event::HistoryRead { records: self.records.clone(), lineage });
    }

    fn drive(&mut self, engine: &mut Engine, request: BuildRequest) {
        self.open(engine);
        let asked = Event::Asked(Request::Build(request));
        let mut effects = engine.step(Moment(self.now), asked);
        self.run(engine, &mut effects);
    }

    fn run(&mut self, engine: &mut Engine, effects: &mut Vec<Effect>) {
        for _ in 0..10_000 {
            if effects.is_empty() {
                return;
            }
            let effect = effects.remove(0);
            for event in self.perform(effect) {
                effects.extend(engine.step(Moment(self.now), event));
            }
        }
        panic!("the engine never finishes");
    }

    /// A person asks for a task again.
    fn retry(&mut self, task: &str) {
        let task = TaskRef::new("p", task);
        self.records.push(Record::Decided {
            at: Moment(self.now),
            task,
            decision: Decision::Retry,
        });
    }

    fn perform(&mut self, effect: Effect) -> Vec<Event> {
        match effect {
            Effect::Scan { globs, paths } => {
                let found = self.scan(&globs, &paths);
                vec![Event::FilesScanned { found, links: self.links.clone() }]
            }
            Effect::Recheck { task, globs, paths } => {
                let found = self.scan(&globs, &paths);
                vec![Event::Rechecked { task, found }]
            }
            Effect::FindFiles { paths } => {
                let found = paths.iter().map(|it| (it.clone(), self.files.contains_key(it)));
                vec![Event::FilesFound(found.collect())]
            }
            Effect::FindLost { task, paths } | Effect::Restore { task, paths } => {
                let found = self.scan(&[], &paths);
                vec![Event::Restored { task, found }]
            }
            Effect::Look { paths } => vec![Event::Looked(self.scan(&[], &paths))],
            Effect::FindCandidates { task, key, lookup, .. } => {
                let found = self.cache.iter().rev().filter(|it| lookup.takes(it) && it.key == key);
                let candidates = found.map(|it| self.candidate(it)).collect();
                let found = Box::new(Found { candidates, previous: None });
                vec![Event::CandidatesFound { task, key, found }]
            }
            Effect::Run(launch) => vec![self.play(&launch)],
            Effect::Merge { attempt } => vec![self.merge(attempt)],
            Effect::Replay { attempt, result } => {
                let files =
                    result.patch.changes().iter().map(|it| (it.path.clone(), "made".into()));
                self.pending.insert(attempt, (result.patch.clone(), files.collect()));
                vec![self.merge(attempt)]
            }
            Effect::Land(request) => {
                let landed = self.land(&request);
                let mut events = self.write_status(&request.status);
                events.push(landed);
                events
            }
            Effect::Append(record) => {
                self.records.push(record);
                vec![]
            }
            Effect::Disown { key, output } => {
                let is_it = |it: &AcceptedResult| it.key == key && it.output == output;
                self.cache.retain(|it| !is_it(it) || !it.verdicts.is_empty());
                self.cache.retain(|it| it.key != key || !it.is_refused);
                vec![]
            }
            Effect::Refuse { key, output } => {
                let is_it = |it: &&mut AcceptedResult| it.key == key && it.output == output;
                let cached = self.cache.iter_mut().filter(|it| it.verdicts.is_empty());
                cached.filter(is_it).for_each(|it| it.is_refused = true);
                vec![]
            }
            Effect::Remember(result) => {
                self.cache.push(*result);
                vec![]
            }
            Effect::WriteStatus(edit) => self.write_status(&edit),
            Effect::WakeAt(moment) => {
                self.now = self.now.max(moment.0);
                vec![Event::Woken]
            }
            Effect::Publish(Notice::Waiting { why, until }) => {
                let why = barrier_text(&why);
                self.said.push(format!("waiting until {}: {why}", until.0 / 1000 - 1000));
                vec![]
            }
            Effect::Publish(Notice::Resumed { why }) => {
                self.said.push(reopened_text(&why));
                vec![]
            }
            Effect::Publish(Notice::TaskHeld { task, .. }) => {
                self.said.push(format!("held {task}"));
                vec![]
            }
            Effect::Publish(Notice::Warning(warning)) => {
                self.said.push(warning_text(&warning, Billing::Billed));
                vec![]
            }
            Effect::Shelve { attempt, kept_as, .. } => {
                self.kept.insert(kept_as.clone(), self.pending[&attempt].clone());
                vec![Event::Shelved { attempt, commit: Some(CommitId::new(kept_as)) }]
            }
            Effect::Recall { attempt, kept_as, .. } => match self.kept.get(&kept_as).cloned() {
                Some(kept) => {
                    self.pending.insert(attempt, kept);
                    vec![self.merge(attempt)]
                }
                None => vec![Event::LandingFailed { attempt, message: "gone".to_owned() }],
            },
            Effect::Forget { kept_as } => {
                self.kept.remove(&kept_as);
                vec![]
            }
            Effect::Keep { .. } | Effect::Drop { .. } | Effect::Park { .. } => vec![],
            Effect::Unpark { .. } | Effect::Stay { .. } | Effect::Leave { .. } => vec![],
            Effect::Smoke(launch) => vec![self.smoke(&launch)],
            Effect::Publish(Notice::Fault(fault)) => panic!("{fault:?}"),
            Effect::Publish(_) | Effect::Finish | Effect::Stop { .. } => vec![],
        }
    }

    /// There is none, unless a file says how it ends.
    fn smoke(&mut self, launch: &crate::engine::effect::SmokeLaunch) -> Event {
        use crate::engine::record::SmokeOutcome as O;
        let said = self.files.get(&RelPath::new("smoke.txt").unwrap()).map(String::as_str);
        let key = Digest::of(format!("{:?}", self.files).as_bytes());
        let outcome = match said {
            None => O::Absent,
            Some(_) if launch.passed == Some(key) => O::Unchanged,
            Some("pass") => O::Passed,
            Some(_) => O::Failed,
        };
        if !matches!(outcome, O::Absent | O::Unchanged) {
            self.ran.push(format!("smoke:{}", launch.plans[0]));
        }
        let report = crate::engine::event::SmokeReport {
            key,
            outcome,
            message: outcome.as_str().to_owned(),
            tail: Vec::new(),
            transcript: None,
            duration: Millis(0),
        };
        Event::SmokeEnded { attempt: launch.attempt, report: Box::new(report) }
    }

    fn candidate(&self, result: &AcceptedResult) -> Candidate {
        let differs = |(path, state): &&(RelPath, Option<FileState>)| self.state(path) != *state;
        let mismatched = result.read_set.iter().filter(differs).map(|it| it.0.clone()).collect();
        Candidate { result: result.clone(), mismatched, lost: Vec::new() }
    }

    fn state(&self, path: &RelPath) -> Option<FileState> {
        self.files.get(path).map(|text| FileState::regular(text.as_bytes()))
    }

    fn scan(
        &self,
        globs: &[crate::spec::glob::GlobSet],
        paths: &[RelPath],
    ) -> Vec<(RelPath, Option<FileState>)> {
        let matchers: Vec<_> = globs.iter().map(|it| it.compile().unwrap()).collect();
        let mut found: BTreeSet<RelPath> = paths.iter().cloned().collect();
        let wanted = |path: &&RelPath| matchers.iter().any(|it| it.is_match(path));
        found.extend(self.files.keys().filter(wanted).cloned());
        found.into_iter().map(|path| (path.clone(), self.state(&path))).collect()
    }

    fn play(&mut self, launch: &Launch) -> Event {
        let mut files = self.files.clone();
        let ended = (self.play)(launch, &mut files);
        let task = &launch.task.task;
        let is_review = launch.purpose != Purpose::Work;
        self.ran.push(match &launch.purpose {
            Purpose::Work => task.to_string(),
            Purpose::Validate(name) | Purpose::Judge(name, _) => format!("{name}:{task}"),
        });
        let changes = files
            .iter()
            .map(|(path, text)| FileChange {
                path: path.clone(),
                before: self.state(path),
                after: Some(FileState::regular(text.as_bytes())),
            })
            .collect();
        let patch = if is_review { Patch::default() } else { Patch::new(changes) };
        self.pending.insert(launch.attempt, (patch.clone(), files));
        let is_command = matches!(launch.action, crate::engine::effect::LaunchAction::Command(_));
        Event::AttemptEnded {
            attempt: launch.attempt,
            evidence: Box::new(evidence(&ended, task, patch, is_command)),
        }
    }

    fn merge(&mut self, attempt: AttemptId) -> Event {
        let (patch, _) = &self.pending[&attempt];
        if let Some(task) = self.refuse_merge.pop_first() {
            let conflict = Conflict {
                paths: patch.paths().cloned().collect(),
                with: vec![TaskRef { plan: "p".into(), task }],
                tip: CommitId::new("tip"),
                description: "<<<<<<<".to_owned(),
                uncommitted: Vec::new(),
                kept_as: "refs/orch/kept/1".to_owned(),
                at: Moment(self.now),
            };
            return Event::Conflicted { attempt, conflict };
        }
        let candidate = TreeId::new("tree");
        let (beneath, before) = (self.tree(), self.tree());
        let merged = Merged { candidate, beneath, before, patch: patch.clone() };
        Event::Merged { attempt, merged }
    }

    /// As many trees as there are landings.
    fn tree(&self) -> TreeId {
        TreeId::new(format!("tree {}", self.lineage.landings.len()))
    }

    fn land(&mut self, request: &crate::engine::effect::LandingRequest) -> Event {
        let attempt = request.attempt;
        let Some((patch, files)) = self.pending.remove(&attempt).filter(|it| !it.0.is_empty())
        else {
            return Event::Settled { attempt };
        };
        for change in patch.changes() {
            self.files.insert(change.path.clone(), files[&change.path].clone());
        }
        let order = self.lineage.landings.len() as u32;
        let landing = Landing {
            order,
            commit: CommitId::new(format!("c{order}")),
            task: request.task.clone(),
            action: request.key,
            recipe: Some(request.recipe),
            output: request.output,
            report: None,
            session: None,
            model: None,
            cost: request.cost,
            verdicts: request.verdicts.clone(),
            changes: patch.changes().to_vec(),
        };
        self.lineage.landings.push(landing.clone());
        Event::Landed { attempt, landing: Box::new(landing), placement: Placement::OnBranch }
    }

    fn write_status(&mut self, edit: &crate::engine::effect::StatusEdit) -> Vec<Event> {
        self.status(edit);
        vec![Event::StatusWritten {
            task: edit.task.clone(),
            status: edit.status,
            written: Written::Kept,
        }]
    }

    /// Plans here write `status: x` right behind the id, so a plain replacement does.
    fn status(&mut self, edit: &crate::engine::effect::StatusEdit) {
        let text = self.plans.get_mut(edit.plan_path.as_str()).unwrap();
        let id = format!("id: '{}', status: ", edit.task.task);
        if let Some(at) = text.find(&id) {
            let start = at + id.len();
            let end = start + text[start..].find(',').unwrap();
            text.replace_range(start..end, edit.status.as_str());
        }
    }

    fn ran(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ran)
    }

    fn edit(&mut self, from: &str, to: &str) {
        let text = self.plans.get_mut("plans/p.yaml").unwrap();
        assert!(text.contains(from), "{from} is not in the plan");
        *text = text.replace(from, to);
    }
}

fn write(files: &mut Files, path: &str, text: &str) {
    files.insert(RelPath::new(path).unwrap(), text.to_owned());
}

fn evidence(ended: &Ended, task: &TaskId, patch: Patch, is_command: bool) -> Evidence {
    let status = |status: &str, message: &str| {
        StatusFile::Given(StatusReport {
            task_id: Some(task.to_string()),
            status: status.to_owned(),
            message: Some(message.to_owned()),
            ..StatusReport::default()
        })
    };
    let (code, status_file) = match ended {
        Ended::Done | Ended::Streamed(_) => (0, status("completed", "did it")),
        Ended::Ballot(..) => (0, StatusFile::Absent),
        Ended::Failed(why) => (0, status("failed", why)),
        Ended::Silent | Ended::Verdict(_) => (0, StatusFile::Absent),
        Ended::Exit(code) => (*code, StatusFile::Absent),
        Ended::Limit | Ended::LimitIn(..) | Ended::LoggedOut | Ended::NoProgram | Ended::Api(_) => {
            (1, StatusFile::Absent)
        }
    };
    let result = ResultFacts { subtype: "success".to_owned(), ..ResultFacts::default() };
    let stream = StreamFacts {
        n_events: 3,
        n_results: 1,
        n_calls: 1,
        n_tool_uses: 1,
        n_looks: 1,
        n_seen: 1,
        result: Some(result),
        cost: Usd::from_dollars(0.5),
        ..StreamFacts::default()
    };
    let stream = match ended {
        Ended::Ballot(answer, n_tool_uses) => voted(stream, answer, *n_tool_uses),
        Ended::Limit => refused(stream, "rate_limit", "You've hit your session limit"),
        Ended::LimitIn(window, resets_at) => {
            let mut stream = refused(stream, "rate_limit", "You've hit your limit");
            stream.rate_limit = stream.rate_limit.map(|it| RateLimit {
                resets_at: Some(*resets_at),
                window: Some((*window).to_owned()),
                ..it
            });
            stream
        }
        Ended::LoggedOut => refused(stream, "authentication_failed", "Not logged in"),
        Ended::Api(error) => refused(stream, error, error),
        Ended::Streamed(facts) => StreamFacts {
            windows: facts.windows.clone(),
            is_using_overage: facts.is_using_overage,
            ..stream
        },
        Ended::Verdict(word) => {
            StreamFacts { final_text: format!("**Verdict: {word}**\n"), ..stream }
        }
        _ => stream,
    };
    let is_launched = !matches!(ended, Ended::NoProgram);
    let ending = match is_launched {
        true => Ending::Exited(code),
        false => Ending::LaunchFailed("no such program".to_owned()),
    };
    Evidence {
        stream: (!is_command && is_launched).then_some(stream),
        status_file,
        patch,
        session: (!is_command && is_launched).then(|| SessionId::new(format!("s-{task}"))),
        duration: Millis(10),
        ..Evidence::of(ending)
    }
}

fn voted(stream: StreamFacts, answer: &str, n_tool_uses: u32) -> StreamFacts {
    let result = stream.result.clone().unwrap_or_default();
    let structured_output = Some(answer.to_owned());
    let result = ResultFacts { structured_output, has_structured_output: true, ..result };
    let (n_looks, n_seen) = (n_tool_uses, n_tool_uses);
    StreamFacts { n_tool_uses, n_looks, n_seen, result: Some(result), ..stream }
}

fn refused(mut stream: StreamFacts, error: &str, text: &str) -> StreamFacts {
    let (error, text) = (error.to_owned(), text.to_owned());
    stream.rate_limit = (error == "rate_limit").then(|| RateLimit {
        status: "rejected".to_owned(),
        resets_at: Some(9_000),
        window: Some("five_hour".to_owned()),
    });
    stream.api_error = Some(ApiError { error, text, ..ApiError::default() });
    stream.result = stream.result.map(|it| ResultFacts { is_error: true, ..it });
    stream.cost = Usd::ZERO;
    stream
}

const DIAMOND: &str = "\
meta: { name: P, order: free }
sections:
- id: s
  name: S
  tasks:
  - { id: 'a', status: pending, name: A, description: first, inputs: [src/a.txt] }
  - { id: 'b', status: pending, name: B, description: second, depends_on: [a] }
  - { id: 'c', status: pending, name: C, description: third, depends_on: [a] }
  - { id: 'd', status: pending, name: D, description: fourth, depends_on: [b, c] }
";

fn states(engine: &Engine) -> String {
    let picture = engine.picture();
    let shown: Vec<String> =
        picture.tasks.iter().map(|it| format!("{}={:?}", it.task.task, it.state)).collect();
    shown.join(" ")
}

#[test]
fn a_build_runs_everything_once_and_the_next_runs_nothing() {
    let mut space = Space::new(DIAMOND);
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "b", "c", "d"]);
    assert!(engine.picture().is_finished);
    assert_eq!(engine.picture().cost, Usd::from_dollars(2.0));
    let engine = space.build();
    assert_eq!(space.ran(), [""; 0]);
    assert_eq!(states(&engine), "a=UpToDate b=UpToDate c=UpToDate d=UpToDate");
}

#[test]
fn a_fresh_clone_builds_nothing() {
    let mut space = Space::new(DIAMOND);
    space.build();
    space.ran();
    space.records.clear();
    space.cache.clear();
    space.build();
    assert_eq!(space.ran(), [""; 0]);
}

#[test]
fn an_edited_task_runs_alone_where_its_output_stays() {
    let mut space = Space::new(DIAMOND);
    space.build();
    space.ran();
    space.edit("description: second", "description: second thoughts");
    space.build();
    assert_eq!(space.ran(), ["b"], "the same output: early cutoff");
    space.play = Box::new(|launch, files| {
        write(files, &format!("out/{}.txt", launch.task.task), &format!("{:?}", launch.key));
        Ended::Done
    });
    space.edit("description: first", "description: at first");
    space.build();
    assert_eq!(space.ran(), ["a", "b", "c", "d"], "other output: dependents follow");
}

#[test]
fn hand_edits_of_outputs_run_nothing_and_of_inputs_their_readers() {
    let mut space = Space::new(DIAMOND);
    space.build();
    space.ran();
    write(&mut space.files, "out/b.txt", "edited by hand");
    space.build();
    assert_eq!(space.ran(), [""; 0]);
    write(&mut space.files, "src/a.txt", "new input");
    space.build();
    assert_eq!(space.ran(), ["a"]);
}

#[test]
fn an_undone_edit_is_replayed_not_paid_again() {
    let mut space = Space::new(DIAMOND);
    space.build();
    space.edit("description: second", "description: another");
    space.play = Box::new(|launch, files| {
        write(files, &format!("out/{}.txt", launch.task.task), "made otherwise");
        Ended::Done
    });
    space.build();
    space.edit("description: another", "description: second");
    space.ran();
    let engine = space.build();
    assert_eq!(space.ran(), [""; 0]);
    assert_eq!(engine.counts().replayed, 2, "b, and d that needs it");
}

#[test]
fn failure_blocks_dependents_and_nothing_else() {
    let mut space = Space::new(DIAMOND);
    space.play = Box::new(|launch, files| match launch.task.task.as_str() {
        "b" => Ended::Failed("no idea"),
        task => {
            write(files, &format!("out/{task}.txt"), "made");
            Ended::Done
        }
    });
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "b", "c", "b", "b"]);
    assert_eq!(states(&engine), "a=Done(Ran) b=Failed(FailedByStatus) c=Done(Ran) d=Blocked");
    assert!(space.plans["plans/p.yaml"].contains("id: 'b', status: failed"));
    space.build();
    assert_eq!(space.ran(), [""; 0], "nobody asks for it");
    space.retry("b");
    let engine = space.build();
    assert_eq!(space.ran(), ["b", "b", "b"], "only what has no accepted result");
    assert_eq!(engine.counts().failed, 1);
}

#[test]
fn what_was_not_proved_is_not_done() {
    for (ended, class) in [(Ended::Silent, "NoStatus"), (Ended::Exit(1), "Unknown")] {
        let mut space = Space::new(DIAMOND);
        let silent = matches!(ended, Ended::Silent);
        space.play = Box::new(move |_, files| {
            write(files, "x.txt", "x");
            if silent { Ended::Silent } else { Ended::Exit(1) }
        });
        let engine = space.build();
        assert!(states(&engine).starts_with(&format!("a=Failed({class})")), "{}", states(&engine));
    }
}

#[test]
fn a_status_set_back_to_pending_asks_for_a_run() {
    let mut space = Space::new(DIAMOND);
    space.build();
    space.ran();
    space.edit("id: 'c', status: completed", "id: 'c', status: pending");
    space.build();
    assert_eq!(space.ran(), ["c"]);
    space.build();
    assert_eq!(space.ran(), [""; 0]);
}

#[test]
fn completed_without_a_record_is_adopted_and_keyed() {
    let mut space = Space::new(&DIAMOND.replace("pending", "completed"));
    let engine = space.build();
    assert_eq!(space.ran(), [""; 0]);
    assert_eq!(engine.counts().accepted, 4);
    space.edit("description: fourth", "description: changed");
    space.build();
    assert_eq!(space.ran(), ["d"]);
}

const CHECKED: &str = "\
meta: { name: P }
sections:
- id: s
  name: S
  tasks:
  - { id: 'a', status: pending, name: A, description: x, validators: [{ name: t, run: [check] }] }
";

#[test]
fn a_rejected_result_never_lands_and_its_findings_come_back() {
    let mut space = Space::new(CHECKED);
    let mut n = 0;
    space.play = Box::new(move |launch, files| match launch.purpose {
        Purpose::Validate(_) | Purpose::Judge(..) => {
            n += 1;
            if n == 1 { Ended::Exit(1) } else { Ended::Exit(0) }
        }
        Purpose::Work => {
            let crate::engine::effect::LaunchAction::Session(session) = &launch.action else {
                panic!("a session")
            };
            assert_eq!(launch.number > 1, session.prompt.contains("Findings to address"));
            write(files, "a.txt", &format!("try {}", launch.number));
            Ended::Done
        }
    });
    space.build();
    assert_eq!(space.ran(), ["a", "t:a", "a", "t:a"]);
    assert_eq!(space.lineage.landings.len(), 1);
    space.play = Box::new(|_, _| Ended::Exit(0));
    space.build();
    assert_eq!(space.ran(), [""; 0], "the verdict is on record");
    write(&mut space.files, "a.txt", "edited");
    space.build();
    assert_eq!(space.ran(), ["t:a"], "a hand edit makes the verdict stale, not the task");
}

#[test]
fn a_conflict_runs_the_later_task_again() {
    let mut space = Space::new(DIAMOND);
    space.refuse_merge.insert("a".into());
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "a", "b", "c", "d"]);
    assert_eq!(engine.counts().accepted, 4);
}

#[test]
fn a_survey_has_no_effect() {
    let mut space = Space::new(DIAMOND);
    let mut engine = Engine::default();
    space.open(&mut engine);
    let mut effects = engine.survey(Moment(1), BuildRequest::default());
    let writes = |effect: &Effect| {
        !matches!(effect, Effect::Scan { .. } | Effect::FindCandidates { .. } | Effect::Finish)
    };
    while !effects.is_empty() {
        let effect = effects.remove(0);
        assert!(!writes(&effect), "{effect:?}");
        for event in space.perform(effect) {
            effects.extend(engine.step(Moment(1), event));
        }
    }
    assert_eq!(states(&engine), "a=Ready b=Waiting c=Waiting d=Waiting");
}

/// The queries that run when `change` is made to a finished build.
fn queries_after(change: impl FnOnce(&mut Space)) -> BTreeMap<String, usize> {
    let mut space = Space::new(DIAMOND);
    space.build();
    let (mut engine, log) = Engine::observed();
    space.drive(&mut engine, BuildRequest { jobs: 2, watch: true, ..BuildRequest::default() });
    space.ran();
    change(&mut space);
    log.lock().unwrap().clear();
    let documents = Event::DocumentsRead(Box::new(space.documents()));
    let seen = Event::Changed { paths: Vec::new(), everything: true };
    for event in [documents, seen] {
        let mut effects = engine.step(Moment(space.now), event);
        effects.retain(|it| matches!(it, Effect::Scan { .. }));
        let answers: Vec<Event> =
            effects.into_iter().flat_map(|scan| space.perform(scan)).collect();
        for event in answers {
            engine.step(Moment(space.now), event);
        }
    }
    let mut counts = BTreeMap::new();
    for name in log.lock().unwrap().iter() {
        *counts.entry(name.clone()).or_default() += 1;
    }
    counts
}

#[test]
fn only_readers_of_what_changed_run() {
    let check = |what: &str, change: fn(&mut Space)| {
        let counts = queries_after(change);
        let shown: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        format!("{what}: {}", shown.join(", "))
    };
    let lines = [
        check("comment", |space| space.edit("meta:", "# a comment\nmeta:")),
        check("status", |space| {
            space.edit("id: 'a', status: completed", "id: 'a', status: failed");
        }),
        check("prompt of b", |space| space.edit("second", "second one")),
        check("input of a", |space| write(&mut space.files, "src/a.txt", "x")),
        check("unrelated file", |space| write(&mut space.files, "other.txt", "x")),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    comment: graph_of 1, meta_of 1, plan_of 1, specs_of 1
    status: graph_of 1, meta_of 1, plan_of 1, specs_of 1
    prompt of b: beside_of 1, graph_of 1, inputs_of 1, key_of 1, meta_of 1, plan_of 1, recipe_digest_of 1, recipe_of 1, spec_of 4, specs_of 1
    input of a: inputs_of 1, key_of 1
    unrelated file:
    ");
}

#[test]
fn manifests_and_keys_come_from_one_walk() {
    let mut space = Space::new(DIAMOND);
    let engine = space.build();
    let manifest = engine.manifest_of(&TaskRef::new("p", "b")).unwrap();
    let sections: Vec<&str> = manifest.sections.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        sections,
        [
            "rule",
            "task",
            "inputs",
            "outputs",
            "dependencies",
            "environment",
            "template",
            "agent",
            "model",
            "commands"
        ]
    );
    assert_ne!(Digest::of(b""), Digest::of(b"x"));
}

#[test]
fn what_an_upstream_task_created_is_an_input_at_once() {
    let mut space = Space::new(
        &DIAMOND.replace("description: second", "description: second, inputs: ['out/**']"),
    );
    space.build();
    assert_eq!(space.ran(), ["a", "b", "c", "d"]);
    space.build();
    assert_eq!(space.ran(), [""; 0]);
}

#[test]
fn a_done_task_whose_agent_is_gone_is_still_in_the_picture() {
    let plan =
        DIAMOND.replace("id: 'a', status: pending", "id: 'a', status: completed, agent: gone");
    let mut space = Space::new(&plan);
    let engine = space.build();
    assert_eq!(states(&engine), "a=UpToDate b=Done(Ran) c=Done(Ran) d=Done(Ran)");
    let picture = engine.picture();
    let task = &picture.tasks[0];
    assert_eq!((task.name.as_str(), task.agent.as_deref()), ("A", Some("gone")));
    assert_eq!(why_text(&task.reason, Billing::Billed), "done before its agent or rule went away");
    space.edit("completed, agent: gone", "pending, agent: codr");
    let mut engine = Engine::default();
    engine.step(Moment(1), Event::DocumentsRead(Box::new(space.documents())));
    let errors: Vec<_> = engine.diagnostics().into_iter().filter(|it| it.is_error()).collect();
    assert_eq!(errors[0].code, "plan::unknown-agent");
    assert_eq!(errors[0].help.as_deref(), Some("did you mean `coder`?"));
}

#[test]
fn a_rule_with_an_unknown_agent_is_an_error() {
    let check = |text: &str, wanted: &str| {
        let path = RelPath::new("rules/other.yml").unwrap();
        let mut documents = Space::new(DIAMOND).documents();
        documents.rules = vec![Source::new(path.clone(), text)];
        let mut engine = Engine::default();
        engine.step(Moment(1), Event::DocumentsRead(Box::new(documents)));
        let errors: Vec<_> = engine.diagnostics().into_iter().filter(|it| it.is_error()).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!((errors[0].code, &errors[0].file), ("rule::unknown-agent", &Some(path)));
        assert_eq!(&text[errors[0].labels[0].span.clone()], wanted);
    };
    check("rule: mine\nextends: implement\nagent: codr\n", "codr");
    check("rule: mine\nextends: implement\nproposals: {count: 2, judge: jugde}\n", "jugde");
}

#[test]
fn a_validator_that_cannot_be_run_gives_no_verdict() {
    let mut space = Space::new(CHECKED);
    space.play = Box::new(|launch, files| match launch.purpose {
        Purpose::Validate(_) | Purpose::Judge(..) => Ended::Exit(127),
        Purpose::Work => {
            write(files, "a.txt", "x");
            Ended::Done
        }
    });
    let engine = space.build();
    assert_eq!(states(&engine), "a=Failed(NoVerdict)");
    assert_eq!(space.ran(), ["a", "t:a", "t:a"], "the task itself is not to blame");
    assert_eq!(space.lineage.landings.len(), 0);
}

#[test]
fn an_input_edited_before_its_reader_starts_is_in_the_readers_key() {
    let mut space = Space::new(
        &DIAMOND.replace("description: fourth", "description: fourth, inputs: [src/d.txt]"),
    );
    let mut effects = Vec::new();
    let mut engine = Engine::default();
    space.open(&mut engine);
    let request = BuildRequest { jobs: 2, ..BuildRequest::default() };
    effects.extend(engine.step(Moment(space.now), Event::Asked(Request::Build(request))));
    while let Some(at) = effects.iter().position(|it| !matches!(it, Effect::Finish)) {
        if space.ran.len() == 1 {
            write(&mut space.files, "src/d.txt", "edited while a ran");
            space.now += 60_000;
        }
        let effect = effects.remove(at);
        for event in space.perform(effect) {
            effects.extend(engine.step(Moment(space.now), event));
        }
    }
    assert_eq!(space.ran(), ["a", "b", "c", "d"]);
    space.build();
    assert_eq!(space.ran(), [""; 0], "d was keyed on what it saw");
}

/// What a finished build that stays wants done after it heard of `paths`.
fn wanted_after(engine: &mut Engine, now: u64, paths: &[&str]) -> Vec<Effect> {
    let paths = paths.iter().map(|it| RelPath::new(it).unwrap()).collect();
    engine.step(Moment(now), Event::Changed { paths, everything: false })
}

#[test]
fn hearing_of_what_a_task_wrote_itself_costs_one_look_and_decides_nothing() {
    let mut space = Space::new(
        &DIAMOND.replace("description: second", "description: second, inputs: ['out/**']"),
    );
    let mut engine = Engine::default();
    space.drive(&mut engine, BuildRequest { jobs: 2, watch: true, ..BuildRequest::default() });
    assert_eq!(space.ran(), ["a", "b", "c", "d"]);
    assert!(wanted_after(&mut engine, space.now, &["other.txt", "src"]).is_empty());
    let effects = wanted_after(&mut engine, space.now, &["out/a.txt", "out/b.txt", "out"]);
    let [Effect::Look { paths }] = effects.as_slice() else { panic!("{effects:?}") };
    let answer = Event::Looked(space.scan(&[], paths));
    assert!(engine.step(Moment(space.now), answer).is_empty());
    assert!(engine.is_finished());
    let documents = Event::DocumentsRead(Box::new(space.documents()));
    let effects = engine.step(Moment(space.now), documents);
    assert!(matches!(effects.as_slice(), [Effect::Finish]), "status lines: {effects:?}");
}

#[test]
fn a_failure_is_remembered_by_its_key_while_a_build_stays() {
    let mut space =
        Space::new(&DIAMOND.replace("description: first", "description: first, max_attempts: 1"));
    space.play = Box::new(|_, _| Ended::Failed("no"));
    let mut engine = Engine::default();
    let request =
        BuildRequest { jobs: 2, watch: true, keep_going: true, ..BuildRequest::default() };
    space.drive(&mut engine, request);
    assert_eq!(space.ran(), ["a"]);
    let tell = |space: &mut Space, engine: &mut Engine, event| {
        let mut effects = engine.step(Moment(space.now), event);
        let published = effects.iter().filter(|it| matches!(it, Effect::Publish(_))).count();
        space.run(engine, &mut effects);
        (space.ran(), published)
    };
    space.edit("second", "another second");
    let documents = Event::DocumentsRead(Box::new(space.documents()));
    assert_eq!(tell(&mut space, &mut engine, documents), (vec![], 0), "nor told of again");
    write(&mut space.files, "src/a.txt", "other");
    let paths = vec![RelPath::new("src/a.txt").unwrap()];
    let changed = Event::Changed { paths, everything: false };
    assert_eq!(tell(&mut space, &mut engine, changed).0, ["a"]);
}

const LIMITED: &str = "\
meta: { name: P, order: free }
sections:
- id: s
  name: S
  tasks:
  - { id: 'a', status: pending, name: A, description: x }
  - { id: 'b', status: pending, name: B, description: x }
  - { id: 'c', status: pending, name: C, description: x, depends_on: [a] }
  - { id: 'm', status: pending, name: M, run: [make] }
";

/// Builds where every session ends like this; what was told, and the states.
fn check_held(ended: fn() -> Ended) -> (Space, String) {
    let mut space = Space::new(LIMITED);
    space.config.limits.wait = crate::spec::config::LimitWait::Never;
    space.play = Box::new(move |launch, _| match launch.action {
        crate::engine::effect::LaunchAction::Session(_) => ended(),
        crate::engine::effect::LaunchAction::Command(_) => Ended::Exit(0),
    });
    let request = BuildRequest { jobs: 1, keep_going: true, ..BuildRequest::default() };
    let engine = space.build_with(request);
    let history = engine.history().task(&TaskRef::new("p", "a")).cloned().unwrap();
    assert_eq!(history.n_attempts, 0, "no attempt is held against the task");
    assert!(!space.plans["plans/p.yaml"].contains("status: failed"), "nor by the plan");
    assert!(space.plans["plans/p.yaml"].contains("id: 'a', status: pending"));
    assert_eq!(space.ran(), ["a", "m"], "one session tells enough; commands go on");
    (space, states(&engine))
}

#[test]
fn a_plan_limit_holds_sessions_and_counts_no_attempt() {
    let (mut space, states) = check_held(|| Ended::Limit);
    assert_eq!(states, "a=Held b=Held c=Blocked m=Done(Ran)");
    insta::assert_snapshot!(space.said.join("\n"), @"
    no further session starts: the five-hour limit is used up and resets 1970-01-01 02:30 UTC; `limits.wait` is `never`; `orch build` goes on from here then. Is it over before? `orch resume --limits` goes on at once, `orch retry TASK` has one session find out
    held p//a
    ");
    space.play = Space::new(LIMITED).play;
    space.build();
    assert_eq!(space.ran(), [""; 0], "the limit stands for the next build, too");
    space.now = 9_060_000;
    space.build();
    assert_eq!(space.ran(), ["a", "b", "c"]);
}

#[test]
fn a_missing_login_and_a_missing_program_say_what_to_do() {
    let (space, states) = check_held(|| Ended::LoggedOut);
    assert_eq!(states, "a=Held b=Held c=Blocked m=Done(Ran)");
    insta::assert_snapshot!(space.said[0], @"no further session starts: Not logged in; log in (`claude`, then `/login`) or set ANTHROPIC_API_KEY, then `orch build`");
    let (space, _) = check_held(|| Ended::NoProgram);
    insta::assert_snapshot!(space.said[0], @"no further session starts: no such program; `orch doctor` says what is missing");
}

#[test]
fn a_command_that_cannot_be_launched_holds_no_session() {
    let mut space = Space::new(LIMITED);
    space.play = Box::new(|launch, files| match launch.action {
        crate::engine::effect::LaunchAction::Command(_) => Ended::NoProgram,
        crate::engine::effect::LaunchAction::Session(_) => {
            write(files, &format!("{}.txt", launch.task.task), "x");
            Ended::Done
        }
    });
    let request = BuildRequest { jobs: 1, keep_going: true, ..BuildRequest::default() };
    let engine = space.build_with(request);
    assert_eq!(states(&engine), "a=Done(Ran) b=Done(Ran) c=Done(Ran) m=Failed(LaunchFailure)");
}
