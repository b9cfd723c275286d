//! When tasks start, on a virtual clock: sessions take time, and events come in their order.

use crate::base::measure::Billing;
use proptest::prelude::*;

use super::*;
use crate::engine::effect::Amount;
use crate::engine::event::Machine;
use crate::engine::stream::Progress;
use crate::spec::config::Config;
use crate::ui::render::why::{clash_text, why_text};

/// A space in which sessions take time.
struct Timed {
    space: Space,
    config: Config,
    machine: Option<Machine>,
    /// Milliseconds that a task's session takes, by id.
    takes: BTreeMap<&'static str, u64>,
    /// After how long a session says something; not at all where `None`.
    speaks_after: Option<u64>,
    running: Vec<(u64, bool, Launch)>,
    wake: Option<u64>,
    /// Task, start and end, in seconds from the beginning.
    log: Vec<(String, u64, u64)>,
    begun: u64,
}

impl Timed {
    fn new(tasks: &str, takes: &[(&'static str, u64)]) -> Self {
        let plan = format!(
            "meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}"
        );
        let space = Space::new(&plan);
        Self {
            begun: space.now,
            space,
            config: Config::default(),
            machine: None,
            takes: takes.iter().map(|(task, seconds)| (*task, seconds * 1000)).collect(),
            speaks_after: Some(0),
            running: Vec::new(),
            wake: None,
            log: Vec::new(),
        }
    }

    fn build(&mut self, request: BuildRequest) -> Engine {
        let mut engine = Engine::default();
        self.space.open(&mut engine);
        let documents = Documents { config: self.config.clone(), ..self.space.documents() };
        engine.step(Moment(self.space.now), Event::DocumentsRead(Box::new(documents)));
        if let Some(machine) = self.machine {
            engine.step(Moment(self.space.now), Event::MachineSeen(machine));
        }
        let asked = Event::Asked(Request::Build(request));
        let mut effects: std::collections::VecDeque<Effect> =
            engine.step(Moment(self.space.now), asked).into();
        for _ in 0..10_000 {
            let events = match effects.pop_front() {
                Some(Effect::Run(launch)) => self.begin(*launch),
                Some(Effect::WakeAt(at)) => {
                    self.wake = Some(self.wake.map_or(at.0, |it| it.min(at.0)));
                    Vec::new()
                }
                Some(effect) => self.space.perform(effect),
                None => match self.advance() {
                    Some(event) => vec![event],
                    None => return engine,
                },
            };
            for event in events {
                effects.extend(engine.step(Moment(self.space.now), event));
            }
        }
        panic!("it never ends");
    }

    fn begin(&mut self, launch: Launch) -> Vec<Event> {
        let id = launch.task.task.to_string();
        let takes = self.takes.get(id.as_str()).copied().unwrap_or(1000);
        let at = (self.space.now - self.begun) / 1000;
        self.log.push((id, at, at + takes / 1000));
        if let Some(after) = self.speaks_after.filter(|after| *after < takes) {
            self.running.push((self.space.now + after, false, launch.clone()));
        }
        self.running.push((self.space.now + takes, true, launch));
        Vec::new()
    }

    /// What happens next, and when.
    fn advance(&mut self) -> Option<Event> {
        let next = self.running.iter().map(|it| it.0).min();
        if let Some(wake) = self.wake.filter(|wake| next.is_none_or(|next| *wake <= next)) {
            self.wake = None;
            self.space.now = self.space.now.max(wake);
            return Some(Event::Woken);
        }
        let at = self.running.iter().position(|it| Some(it.0) == next)?;
        let (now, is_end, launch) = self.running.remove(at);
        self.space.now = self.space.now.max(now);
        if is_end {
            let mut ended = self.space.play(&launch);
            if let Event::AttemptEnded { evidence, .. } = &mut ended {
                evidence.duration =
                    Millis(self.takes.get(launch.task.task.as_str()).copied().unwrap_or(1000));
            }
            return Some(ended);
        }
        let progress = Progress::Said("I look".to_owned());
        Some(Event::AttemptProgressed { attempt: launch.attempt, progress })
    }

    /// `a 0-3, b 3-4`: who ran from when to when.
    fn shown(&self) -> String {
        let shown = self.log.iter().map(|(task, from, to)| format!("{task} {from}-{to}"));
        shown.collect::<Vec<_>>().join(", ")
    }
}

fn jobs(jobs: u32) -> BuildRequest {
    BuildRequest { jobs, ..BuildRequest::default() }
}

/// Who runs when, without waiting for a warm cache.
fn check(tasks: &str, takes: &[(&'static str, u64)], n: u32) -> String {
    let mut timed = Timed::new(tasks, takes);
    timed.build(jobs(n));
    timed.shown()
}

#[test]
fn the_longest_remaining_chain_starts_first_by_what_tasks_took_before() {
    let tasks = "
  - { id: 'a', status: pending, name: A }
  - { id: 'b', status: pending, name: B }
  - { id: 'c', status: pending, name: C, depends_on: [b] }
  - { id: 'd', status: pending, name: D }
";
    let takes = [("a", 2), ("b", 1), ("c", 1), ("d", 9)];
    let mut timed = Timed::new(tasks, &takes);
    timed.build(jobs(1));
    assert_eq!(
        timed.shown(),
        "b 0-1, a 1-3, c 3-4, d 4-13",
        "nothing is measured: the chain, then the file"
    );
    for task in ["a", "b", "c", "d"] {
        let id = format!("id: '{task}', status: ");
        let text = timed.space.plans.get_mut("plans/p.yaml").unwrap();
        *text = text.replace(&format!("{id}completed"), &format!("{id}pending"));
    }
    (timed.log, timed.begun) = (Vec::new(), timed.space.now);
    timed.build(BuildRequest { no_cache: true, ..jobs(1) });
    assert_eq!(timed.shown(), "d 0-9, a 9-11, b 11-12, c 12-13");
}

#[test]
fn tasks_that_meet_on_a_file_run_one_after_the_other() {
    let pair = |a: &str, b: &str| {
        let tasks = format!(
            "
  - {{ id: 'a', status: pending, name: A, {a} }}
  - {{ id: 'b', status: pending, name: B, {b} }}
"
        );
        check(&tasks, &[("a", 2), ("b", 2)], 4)
    };
    assert_eq!(pair("outputs: [x.rs]", "outputs: [y.rs]"), "a 0-2, b 0-2");
    assert_eq!(pair("outputs: [x.rs]", "outputs: [x.rs]"), "a 0-2, b 2-4");
    assert_eq!(pair("outputs: ['src/**']", "inputs: [src/x.rs]"), "a 0-2, b 2-4");
    assert_eq!(pair("inputs: [x.rs]", "inputs: [x.rs]"), "a 0-2, b 0-2");
    assert_eq!(
        pair("description: Fix src/x.py", "description: and test src/x.py."),
        "a 0-2, b 2-4"
    );
    assert_eq!(
        pair("description: this and/or that", "description: and/or w/o I/O"),
        "a 0-2, b 0-2"
    );
    let review = "agent: code-reviewer, description: look at src/x.py";
    let readers = pair(review, review);
    assert!(readers.starts_with("a 0-2, b 0-2"), "{readers}");
}

#[test]
fn a_word_with_a_slash_is_a_file_where_the_tree_has_it() {
    let tasks = "
  - { id: 'a', status: pending, name: A, description: Mend bin/run }
  - { id: 'b', status: pending, name: B, description: Speed up bin/run }
";
    assert_eq!(check(tasks, &[], 2), "a 0-1, b 0-1");
    let mut timed = Timed::new(tasks, &[]);
    write(&mut timed.space.files, "bin/run", "#!/bin/sh");
    timed.build(jobs(2));
    assert_eq!(timed.shown(), "a 0-1, b 1-2");
}

#[test]
fn pools_and_resources_bound_what_runs() {
    let tasks = "
  - { id: 'a', status: pending, name: A, exclusive_resources: [db] }
  - { id: 'b', status: pending, name: B, exclusive_resources: [db] }
  - { id: 'c', status: pending, name: C }
";
    assert_eq!(check(tasks, &[], 3), "a 0-1, c 0-1, b 1-2");
    let mut timed = Timed::new(tasks, &[]);
    timed.config.pools.insert("sessions".into(), 1);
    timed.build(jobs(3));
    assert_eq!(timed.shown(), "a 0-1, b 1-2, c 2-3");
}

const THREE: &str = "
  - { id: 'a', status: pending, name: A }
  - { id: 'b', status: pending, name: B }
  - { id: 'c', status: pending, name: C }
";

#[test]
fn cores_and_memory_only_lower_and_never_below_one() {
    let shown = |cores: u32, per_core: u32, free_mb: u64| {
        let mut timed = Timed::new(THREE, &[]);
        timed.config.schedule.per_core = per_core;
        timed.machine = Some(Machine { cores, free_mb: Some(free_mb) });
        timed.build(jobs(3));
        timed.shown()
    };
    assert_eq!(shown(1, 8, 99_000), "a 0-1, b 0-1, c 0-1");
    assert_eq!(shown(1, 2, 99_000), "a 0-1, b 0-1, c 1-2");
    assert_eq!(shown(64, 8, 900), "a 0-1, b 0-1, c 1-2");
    assert_eq!(shown(64, 8, 0), "a 0-1, b 1-2, c 2-3");
}

#[test]
fn siblings_wait_for_the_first_to_speak_and_no_longer_than_said() {
    let shown = |speaks_after: Option<u64>, warm_up: u64| {
        let mut timed = Timed::new(THREE, &[("a", 60), ("b", 60), ("c", 60)]);
        timed.speaks_after = speaks_after;
        timed.config.schedule.warm_up = Some(Millis::seconds(warm_up));
        timed.build(jobs(3));
        timed.shown()
    };
    assert_eq!(shown(Some(2000), 5), "a 0-60, b 2-62, c 2-62");
    assert_eq!(shown(None, 5), "a 0-60, b 5-65, c 5-65");
    assert_eq!(shown(Some(2000), 0), "a 0-60, b 0-60, c 0-60");
    let mut timed = Timed::new(THREE, &[("a", 60), ("b", 60), ("c", 60)]);
    timed.speaks_after = None;
    timed.build(jobs(3));
    assert_eq!(timed.shown(), "a 0-60, b 0-60, c 0-60", "a moment only, of tasks nobody knows");
}

#[test]
fn a_command_warms_nothing() {
    let tasks = "
  - { id: 'a', status: pending, name: A, run: make a }
  - { id: 'b', status: pending, name: B, run: make b }
";
    let mut timed = Timed::new(tasks, &[]);
    timed.speaks_after = None;
    timed.config.schedule.warm_up = Some(Millis::seconds(9));
    timed.build(jobs(2));
    assert_eq!(timed.shown(), "a 0-1, b 0-1");
}

#[test]
fn the_same_work_is_done_once() {
    let tasks = "
  - { id: 'a', status: pending, name: A, run: make it }
  - { id: 'b', status: pending, name: B, run: make it }
";
    let mut timed = Timed::new(tasks, &[]);
    timed.space.play = Box::new(|_, files| {
        write(files, "it.txt", "made");
        Ended::Done
    });
    let engine = timed.build(jobs(2));
    assert_eq!(timed.shown(), "a 0-1");
    let counts = engine.counts();
    assert_eq!((counts.ran, counts.replayed, counts.accepted), (1, 1, 2));
}

#[test]
fn work_whose_twin_fails_is_done_after_all() {
    let tasks = "
  - { id: 'a', status: pending, name: A, run: make it }
  - { id: 'b', status: pending, name: B, run: make it }
";
    let mut timed = Timed::new(tasks, &[]);
    let mut n = 0;
    timed.space.play = Box::new(move |_, files| {
        n += 1;
        write(files, "it.txt", "made");
        if n == 1 { Ended::Exit(1) } else { Ended::Done }
    });
    let engine = timed.build(BuildRequest { keep_going: true, ..jobs(2) });
    assert_eq!(timed.shown(), "a 0-1, b 1-2");
    assert_eq!((engine.counts().failed, engine.counts().ran), (1, 1));
}

#[test]
fn a_queued_task_says_what_it_waits_for() {
    let tasks = "
  - { id: 'a', status: pending, name: A, outputs: [src/a.rs] }
  - { id: 'b', status: pending, name: B, outputs: [src/a.rs] }
";
    let space = Space::new(&format!(
        "meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}"
    ));
    let mut engine = Engine::default();
    space.open(&mut engine);
    let survey = |engine: &mut Engine, space: &mut Space| {
        let mut effects = engine.survey(Moment(space.now), BuildRequest::default());
        space.run(engine, &mut effects);
        engine.picture().tasks
    };
    let mut space = space;
    let tasks = survey(&mut engine, &mut space);
    assert_eq!(clash_text(&tasks[0].apart[0]), "writes src/a.rs as p//b does");
    assert_eq!(clash_text(&tasks[1].apart[0]), "writes src/a.rs as p//a does");
    assert_eq!([tasks[0].apart.len(), tasks[1].apart.len()], [1, 1]);
    let mut effects = engine.step(Moment(space.now), Event::Asked(Request::Build(jobs(2))));
    while let Some(at) = effects.iter().position(|it| !matches!(it, Effect::Run(_))) {
        for event in space.perform(effects.remove(at)) {
            effects.extend(engine.step(Moment(space.now), event));
        }
    }
    assert_eq!(
        why_text(&engine.picture().tasks[1].reason, Billing::Billed),
        "waits: writes src/a.rs as p//a does"
    );
}

#[test]
fn resuming_leaves_out_what_stands_before_and_marks_nothing() {
    let tasks = "
  - { id: 'a', status: pending, name: A }
  - { id: 'b', status: completed, name: B }
  - { id: 'c', status: pending, name: C, depends_on: [b] }
  - { id: 'd', status: pending, name: D, depends_on: [a] }
  - { id: 'e', status: pending, name: E }
";
    let mut timed = Timed::new(tasks, &[]);
    let resume_from = Some(TaskRef::new("p", "c"));
    let engine = timed.build(BuildRequest { resume_from, keep_going: true, ..jobs(1) });
    assert_eq!(timed.shown(), "c 0-1, e 1-2");
    let plan = &timed.space.plans["plans/p.yaml"];
    assert!(plan.contains("id: 'a', status: pending"), "{plan}");
    let counts = engine.counts();
    assert_eq!((counts.wanted, counts.accepted, counts.failed), (3, 2, 1));
    let reason = why_text(&engine.picture().tasks[3].reason, Billing::Billed);
    assert_eq!(reason, "p//a has no accepted result; build it first");
}

#[test]
fn a_single_task_is_the_first_in_the_file_and_all_that_counts() {
    let tasks = "
  - { id: 'a', status: pending, name: A }
  - { id: 'b', status: pending, name: B }
  - { id: 'c', status: pending, name: C, depends_on: [b] }
  - { id: 'd', status: pending, name: D, depends_on: [a] }
";
    let mut timed = Timed::new(tasks, &[]);
    let engine = timed.build(BuildRequest { amount: Amount::OneTask, ..jobs(4) });
    assert_eq!(timed.shown(), "a 0-1");
    assert_eq!((engine.counts().wanted, engine.counts().accepted), (1, 1));
    let engine = timed.build(BuildRequest { amount: Amount::OneBatch, ..jobs(4) });
    assert_eq!(timed.shown(), "a 0-1, b 1-2, d 1-2", "what could start at once");
    assert_eq!((engine.counts().wanted, engine.counts().accepted), (3, 3));
    timed.build(BuildRequest { amount: Amount::OneTask, ..jobs(4) });
    timed.build(BuildRequest { amount: Amount::OneTask, ..jobs(4) });
    assert_eq!(timed.shown(), "a 0-1, b 1-2, d 1-2, c 2-3");
}

#[test]
fn a_smoke_test_follows_what_was_built_and_every_other_tree() {
    let mut timed = Timed::new(THREE, &[]);
    write(&mut timed.space.files, "smoke.txt", "pass");
    let ran = |timed: &mut Timed, request: BuildRequest| {
        let engine = timed.build(request);
        let ran: Vec<String> =
            timed.space.ran().into_iter().filter(|it| it.starts_with("smoke")).collect();
        (ran.len(), engine.smokes_hold())
    };
    assert_eq!(ran(&mut timed, BuildRequest { skip_smoke: true, ..jobs(3) }), (0, true));
    assert_eq!(ran(&mut timed, jobs(3)), (1, true), "accepted before, never looked at");
    assert_eq!(ran(&mut timed, jobs(3)), (0, true), "the same tree");
    write(&mut timed.space.files, "smoke.txt", "fail");
    assert_eq!(ran(&mut timed, jobs(3)), (1, false), "another tree");
    assert_eq!(ran(&mut timed, jobs(3)), (1, false), "a failure is not remembered as a pass");
    let targets = Some(vec![TaskRef::new("p", "a")]);
    assert_eq!(
        ran(&mut timed, BuildRequest { targets, ..jobs(3) }),
        (0, true),
        "a part is no plan"
    );
}

#[test]
fn nothing_is_smoked_where_something_failed() {
    let mut timed = Timed::new(THREE, &[]);
    write(&mut timed.space.files, "smoke.txt", "pass");
    timed.space.play = Box::new(|launch, files| {
        write(files, &format!("{}.txt", launch.task.task), "x");
        if launch.task.task.as_str() == "b" { Ended::Exit(1) } else { Ended::Done }
    });
    timed.build(BuildRequest { keep_going: true, ..jobs(3) });
    assert!(!timed.space.ran().iter().any(|it| it.starts_with("smoke")));
}

/// One task's needs, output, resource, group and seconds.
type Shape = (Vec<usize>, Option<u8>, Option<u8>, Option<u8>, u64);

const IDS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

fn text_of(shapes: &[Shape]) -> String {
    let mut text = String::new();
    for (at, (needs, output, resource, group, _)) in shapes.iter().enumerate() {
        let needs: Vec<String> =
            needs.iter().filter(|need| **need < at).map(|need| format!("'{need}'")).collect();
        let output = output.map(|it| format!(", outputs: [f{it}.rs]")).unwrap_or_default();
        let resource = resource.map(|it| format!(", exclusive_resources: [r{it}]"));
        let group = group.map(|it| format!(", parallel_group: g{it}")).unwrap_or_default();
        text.push_str(&format!(
            "  - {{ id: '{at}', status: pending, name: T{at}, depends_on: [{}]{output}{}{group} }}\n",
            needs.join(", "),
            resource.unwrap_or_default(),
        ));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn all_run_once_and_never_two_that_meet_at_once(
        shapes in proptest::collection::vec(
            (
                proptest::collection::vec(0usize..10, 0..3),
                proptest::option::of(0u8..3),
                proptest::option::of(0u8..2),
                proptest::option::of(0u8..2),
                1u64..6,
            ),
            1..10,
        ),
        n in 1u32..5,
        size in 1u32..4,
    ) {
        let takes: Vec<(&'static str, u64)> =
            shapes.iter().enumerate().map(|(at, shape)| (IDS[at], shape.4)).collect();
        let mut timed = Timed::new(&text_of(&shapes), &takes);
        timed.config.pools.insert("sessions".into(), size);
        let engine = timed.build(jobs(n));
        prop_assert_eq!(engine.counts().accepted as usize, shapes.len());
        let mut ran: Vec<&str> = timed.log.iter().map(|it| it.0.as_str()).collect();
        ran.sort_unstable();
        prop_assert_eq!(&ran[..], &IDS[..shapes.len()], "each once");
        for (at, (task, from, _)) in timed.log.iter().enumerate() {
            let running: Vec<&String> = timed.log[..=at]
                .iter()
                .filter(|(_, start, end)| start <= from && end > from)
                .map(|it| &it.0)
                .collect();
            prop_assert!(running.len() <= n.min(size) as usize, "{}", timed.shown());
            let shape = |id: &str| &shapes[id.parse::<usize>().unwrap()];
            for other in running.iter().filter(|other| **other != task) {
                let (one, other) = (shape(task), shape(other));
                prop_assert!(one.1.is_none() || one.1 != other.1, "one file: {}", timed.shown());
                prop_assert!(one.2.is_none() || one.2 != other.2, "one resource: {}", timed.shown());
            }
        }
    }
}
