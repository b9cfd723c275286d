//! A build of a slice is a build of everything, as far as anybody can tell.

use proptest::prelude::*;

use super::*;
use crate::engine::chart::{Chart, Cut, Slice, TaskPart};
use crate::engine::graph::NodeId;
use crate::spec::glob::GlobSet;
use crate::spec::plan::Status;

/// Enough that some are few beside the others.
const N: usize = 32;

/// One task: what it needs, and what it reads beside its own source.
#[derive(Clone, Debug)]
struct Shape {
    needs: Vec<usize>,
    reads: Reads,
}

#[derive(Clone, Copy, Debug)]
enum Reads {
    Nothing,
    /// The output of the task so many places before it.
    Output(usize),
    /// A folder of files, or all there is.
    Folder,
    All,
}

#[derive(Clone, Debug)]
struct Case {
    tasks: Vec<Shape>,
    is_free: bool,
    /// Files that change afterwards, and to what; `None` removes.
    changes: Vec<(String, Option<&'static str>)>,
    asked: usize,
}

fn shape(at: usize) -> impl Strategy<Value = Shape> {
    let near = at.saturating_sub(5)..at.max(1);
    let needs = prop_oneof![
        5 => Just(Vec::new()),
        4 => proptest::collection::vec(near.clone(), 1),
        1 => proptest::collection::vec(near, 2),
    ];
    let reads = prop_oneof![
        25 => Just(Reads::Nothing),
        12 => (1usize..4).prop_map(Reads::Output),
        2 => Just(Reads::Folder),
        1 => Just(Reads::All),
    ];
    (needs, reads).prop_map(move |(mut needs, reads)| {
        needs.retain(|it| *it < at);
        needs.sort_unstable();
        needs.dedup();
        Shape { needs, reads }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let place = prop_oneof![
        8 => (0..N).prop_map(|it| format!("src/{it}.md")),
        2 => (0..N).prop_map(|it| format!("out/{it}.txt")),
        1 => Just("lib/new.md".to_owned()),
        1 => Just("lib/old.md".to_owned()),
    ];
    let content =
        proptest::option::weighted(0.9, prop_oneof![Just("other"), Just("fail"), Just("same")]);
    let changes = proptest::collection::vec((place, content), 1..3);
    let tasks: Vec<_> = (0..N).map(shape).collect();
    (tasks, proptest::bool::weighted(0.8), changes, 0..N)
        .prop_map(|(tasks, is_free, changes, asked)| Case { tasks, is_free, changes, asked })
}

impl Case {
    fn plan(&self) -> String {
        let order = if self.is_free { "meta: { order: free }" } else { "meta: { name: P }" };
        let mut text = format!("{order}\nsections:\n");
        for (at, task) in self.tasks.iter().enumerate() {
            if at % (N / 2) == 0 {
                text += &format!("- id: s{at}\n  name: S\n  tasks:\n");
            }
            let needs: Vec<String> = task.needs.iter().map(|it| format!("'{it}'")).collect();
            let more = match task.reads {
                Reads::Nothing => String::new(),
                Reads::Output(back) => format!(", out/{}.txt", at.saturating_sub(back)),
                Reads::Folder => ", lib".to_owned(),
                Reads::All => ", '**/*.md'".to_owned(),
            };
            text += &format!(
                "  - {{ id: '{at}', status: pending, name: T, run: make {at}, \
                 inputs: [src/{at}.md{more}], depends_on: [{}] }}\n",
                needs.join(", ")
            );
        }
        text
    }

    /// Everything built and found up to date, and then the changes.
    fn space(&self) -> (Space, Engine) {
        let mut space = Space::new(&self.plan());
        for at in 0..N {
            write(&mut space.files, &format!("src/{at}.md"), "start");
        }
        write(&mut space.files, "lib/old.md", "start");
        space.play = Box::new(|launch, files| {
            let task = launch.task.task.as_str();
            let source = files[&RelPath::new(format!("src/{task}.md")).unwrap()].clone();
            if source == "fail" {
                return Ended::Exit(1);
            }
            // Some results are the same whatever they are made from.
            let made = if source == "same" { "start" } else { &source };
            write(files, &format!("out/{task}.txt"), &format!("{task} {made}"));
            Ended::Done
        });
        space.build();
        let engine = space.build();
        assert!(engine.is_at_rest());
        space.ran();
        for (path, content) in &self.changes {
            // A command whose source is gone has nothing to say here.
            match content {
                None if path.starts_with("src/") => {}
                None => drop(space.files.remove(&RelPath::new(path).unwrap())),
                Some(content) => write(&mut space.files, path, content),
            }
        }
        (space, engine)
    }
}

fn parts_of(cut: &Cut, parts: &[TaskPart]) -> BTreeMap<NodeId, TaskPart> {
    cut.all().map(|id| (id, parts[id.index()].clone())).collect()
}

/// What these sets find that is not as it was.
fn sets_changed(before: &Space, after: &Space, sets: &[GlobSet]) -> BTreeSet<u32> {
    let is_other = |set: &&GlobSet| {
        let set = std::slice::from_ref(*set);
        before.scan(set, &[]) != after.scan(set, &[])
    };
    let numbered = (0u32..).zip(sets).filter(|(_, set)| is_other(set));
    numbered.map(|(number, _)| number).collect()
}

fn slice_of(case: &Case, asked: Option<usize>) -> Option<(Chart, Slice)> {
    let (space, engine) = case.space();
    let unchanged = Case { changes: Vec::new(), ..case.clone() }.space().0;
    let (chart, parts) = engine.chart().expect("everything is up to date");
    let sets = sets_changed(&unchanged, &space, &engine.files_wanted().0);
    let asked = asked.map(|it| NodeId(it as u32));
    let cut = chart.cut(&sets, asked)?;
    let slice = chart.slice(&cut, parts_of(&cut, &parts))?;
    Some((chart, slice))
}

impl Space {
    /// As `open`, of a slice.
    fn open_slice(&self, slice: &Slice) -> Engine {
        let mut engine = Engine::default();
        let compiled = slice.plans.clone();
        let documents = Documents { compiled, ..self.documents() };
        engine.step(Moment(self.now), Event::DocumentsRead(Box::new(documents)));
        let history = Box::new(slice.history.clone());
        engine.step(Moment(self.now), Event::HistoryRestored(history));
        engine
    }
}

fn request_of(slice: &Slice) -> BuildRequest {
    BuildRequest {
        jobs: 2,
        targets: Some(slice.part.targets.clone()),
        only: true,
        n_resting: slice.part.n_resting,
        ..BuildRequest::default()
    }
}

/// How it all ended: which ran, what lies there, what the plan says, how many are what.
fn outcome(space: &mut Space, engine: &Engine) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut ran = space.ran();
    ran.sort();
    (ran, space.files.clone(), space.plans.clone(), engine.counts())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_build_of_a_slice_does_what_a_build_of_everything_does(case in case()) {
        let Some((_, slice)) = slice_of(&case, None) else { return Ok(()) };
        let mut whole = case.space().0;
        let engine = whole.build();
        let expected = outcome(&mut whole, &engine);
        let mut part = case.space().0;
        let mut engine = part.open_slice(&slice);
        let asked = Event::Asked(Request::Build(request_of(&slice)));
        let mut effects = engine.step(Moment(part.now), asked);
        part.run(&mut engine, &mut effects);
        prop_assert!(engine.is_finished());
        prop_assert_eq!(expected, outcome(&mut part, &engine));
    }

    #[test]
    fn a_task_looks_in_a_slice_as_it_does_among_all(case in case()) {
        let Some((_, slice)) = slice_of(&case, Some(case.asked)) else { return Ok(()) };
        let task = TaskRef::new("p", case.asked.to_string());
        let mut space = case.space().0;
        let mut see = |mut engine: Engine, request: BuildRequest| {
            let mut effects = engine.survey(Moment(space.now), request);
            space.run(&mut engine, &mut effects);
            let picture = engine.picture();
            let seen = picture.tasks.into_iter().find(|it| it.task == task).unwrap();
            (seen, engine.manifest_of(&task))
        };
        let mut whole = Engine::default();
        case.space().0.open(&mut whole);
        let expected = see(whole, BuildRequest::default());
        let sliced = case.space().0.open_slice(&slice);
        prop_assert_eq!(expected, see(sliced, request_of(&slice)));
    }
}

fn few(changes: &[(&str, &'static str)]) -> Case {
    let tasks = (0..N).map(|at| Shape {
        needs: if at % 2 == 1 { vec![at - 1] } else { Vec::new() },
        reads: if at % 2 == 1 { Reads::Output(1) } else { Reads::Nothing },
    });
    let changes = changes.iter().map(|(path, content)| ((*path).to_owned(), Some(*content)));
    Case { tasks: tasks.collect(), is_free: true, changes: changes.collect(), asked: 0 }
}

#[test]
fn a_slice_holds_readers_and_what_depends_on_them() {
    let (_, slice) = slice_of(&few(&[("src/4.md", "other")]), None).unwrap();
    let targets: Vec<String> = slice.part.targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["p//4", "p//5"]);
    assert_eq!(slice.part.n_resting, N as u32 - 2);
}

#[test]
fn where_many_are_reached_or_order_counts_there_is_no_slice() {
    let many: Vec<String> = (0..N).step_by(2).map(|it| format!("src/{it}.md")).collect();
    let many: Vec<(&str, &'static str)> = many.iter().map(|it| (it.as_str(), "other")).collect();
    assert!(slice_of(&few(&many), None).is_none());
    let ordered = Case { is_free: false, ..few(&[("src/4.md", "other")]) };
    assert!(slice_of(&ordered, None).is_none(), "later tasks without needs wait for it");
    let last = Case { is_free: false, ..few(&[("src/31.md", "other")]) };
    assert!(slice_of(&last, None).is_some(), "nothing comes behind it");
}

#[test]
fn a_section_that_is_not_over_is_decided_as_a_whole() {
    let case = few(&[("src/4.md", "other")]);
    let (_, engine) = case.space();
    let (mut chart, _) = engine.chart().unwrap();
    let set = chart.reads.row(4).iter().copied().collect();
    assert!(chart.cut(&set, None).is_some());
    chart.tasks[6].is_over = Status::Pending.is_done();
    assert!(chart.cut(&set, None).is_none());
    chart.tasks[6].is_over = true;
    chart.tasks[4].is_judged = true;
    assert!(chart.cut(&set, None).is_none(), "validators may read anything");
}
