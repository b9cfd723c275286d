//! A long-lived engine and one that starts from the final state agree, whatever happened before.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::engine::effect::Decide;

const TASKS: [&str; 4] = ["a", "b", "c", "d"];

/// Something that happens to a repository.
#[derive(Clone, Debug)]
enum Happening {
    /// A person writes another description.
    Described(usize, u8),
    /// A person edits the input of the first task.
    InputEdited(u8),
    /// A person edits what a task made.
    OutputEdited(usize, u8),
    /// A person sets a status back.
    SetPending(usize),
    /// From now on the task's sessions write this, or fail.
    Behaves(usize, Option<u8>),
    Built,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => (0usize..4, 0u8..3).prop_map(|(task, n)| Happening::Described(task, n)),
        1 => (0u8..3).prop_map(Happening::InputEdited),
        1 => (0usize..4, 0u8..3).prop_map(|(task, n)| Happening::OutputEdited(task, n)),
        1 => (0usize..4).prop_map(Happening::SetPending),
        2 => (0usize..4, proptest::option::of(0u8..3)).prop_map(|(task, how)| Happening::Behaves(task, how)),
        3 => Just(Happening::Built),
    ]
}

type Behaviours = Rc<RefCell<BTreeMap<String, Option<u8>>>>;

fn space_with(behaviours: &Behaviours) -> Space {
    let mut space = Space::new(DIAMOND);
    let behaviours = Rc::clone(behaviours);
    space.play = Box::new(move |launch, files| {
        let task = launch.task.task.as_str();
        match behaviours.borrow().get(task).copied().unwrap_or(Some(0)) {
            None => Ended::Failed("told to"),
            Some(n) => {
                write(files, &format!("out/{task}.txt"), &format!("made {n}"));
                Ended::Done
            }
        }
    });
    space
}

fn happen(space: &mut Space, engine: &mut Engine, behaviours: &Behaviours, it: &Happening) {
    match *it {
        Happening::Described(task, n) => {
            set(space, TASKS[task], "description: ", &format!("text {n}"))
        }
        Happening::InputEdited(n) => write(&mut space.files, "src/a.txt", &format!("input {n}")),
        Happening::OutputEdited(task, n) => {
            let path = format!("out/{}.txt", TASKS[task]);
            write(&mut space.files, &path, &format!("by hand {n}"));
        }
        Happening::SetPending(task) => set(space, TASKS[task], "status: ", "pending"),
        Happening::Behaves(task, how) => {
            behaviours.borrow_mut().insert(TASKS[task].to_owned(), how);
        }
        Happening::Built => {
            reread(space, engine);
            let request = BuildRequest { jobs: 2, keep_going: true, ..BuildRequest::default() };
            let mut effects = engine.step(Moment(space.now), Event::Asked(Request::Build(request)));
            space.run(engine, &mut effects);
        }
    }
}

/// Sets the value behind `key` in a task's line.
fn set(space: &mut Space, task: &str, key: &str, value: &str) {
    let text = space.plans.get_mut("plans/p.yaml").unwrap();
    let line = text.find(&format!("id: '{task}'")).unwrap();
    let start = line + text[line..].find(key).unwrap() + key.len();
    let end = start + text[start..].find([',', '}']).unwrap();
    let value = if text[end..].starts_with('}') { format!("{value} ") } else { value.to_owned() };
    text.replace_range(start..end, &value);
}

/// The documents again; the scan they ask for is done by the build that follows.
fn reread(space: &Space, engine: &mut Engine) {
    let documents = Event::DocumentsRead(Box::new(space.documents()));
    for effect in engine.step(Moment(space.now), documents) {
        assert!(matches!(effect, Effect::Scan { .. }), "{effect:?}");
    }
}

/// What a survey finds: states and keys.
fn survey(space: &mut Space, engine: &mut Engine) -> Vec<String> {
    let request = BuildRequest { keep_going: true, ..BuildRequest::default() };
    let mut effects = engine.survey(Moment(space.now), request);
    space.run(engine, &mut effects);
    let tasks = engine.picture().tasks;
    tasks.iter().map(|it| format!("{} {:?} {:?}", it.task, it.state, it.key)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_engine_that_lived_through_it_all_knows_what_a_fresh_one_knows(
        timeline in proptest::collection::vec(happening(), 1..14),
    ) {
        let behaviours = Behaviours::default();
        let mut space = space_with(&behaviours);
        let mut engine = Engine::default();
        space.open(&mut engine);
        for it in &timeline {
            happen(&mut space, &mut engine, &behaviours, it);
        }
        reread(&space, &mut engine);
        let lived = survey(&mut space, &mut engine);
        let mut fresh = Engine::default();
        space.open(&mut fresh);
        prop_assert_eq!(lived, survey(&mut space, &mut fresh));
    }

    #[test]
    fn where_everything_can_be_done_a_build_does_it_and_the_next_runs_nothing(
        timeline in proptest::collection::vec(happening(), 1..14),
    ) {
        let behaviours = Behaviours::default();
        let mut space = space_with(&behaviours);
        let mut engine = Engine::default();
        space.open(&mut engine);
        for it in &timeline {
            happen(&mut space, &mut engine, &behaviours, it);
        }
        behaviours.borrow_mut().clear();
        // What failed for good is tried again where a person asks.
        for task in TASKS {
            let decide = Decide { task: TaskRef::new("p", task), decision: Decision::Retry };
            let mut effects = engine.step(Moment(space.now), Event::Decided(decide));
            space.run(&mut engine, &mut effects);
        }
        happen(&mut space, &mut engine, &behaviours, &Happening::Built);
        prop_assert_eq!(engine.counts().accepted, 4, "{}", states(&engine));
        space.ran();
        let engine = space.build();
        prop_assert_eq!(space.ran(), Vec::<String>::new());
        prop_assert_eq!(states(&engine), "a=UpToDate b=UpToDate c=UpToDate d=UpToDate");
    }
}

#[test]
fn the_order_of_what_is_listed_decides_nothing() {
    let line = "description: fourth, depends_on: [b, c]";
    let ordered = "description: fourth, depends_on: [b, c], inputs: [x, y], env: [V, W]";
    let mut space = Space::new(&DIAMOND.replace(line, ordered));
    space.build();
    space.ran();
    space.edit("depends_on: [b, c]", "depends_on: [c, b]");
    space.edit("inputs: [x, y]", "inputs: [y, x]");
    space.edit("env: [V, W]", "env: [W, V]");
    space.build();
    assert_eq!(space.ran(), [""; 0]);
}
