//! Broken invariants: told once, and no success; what they do not touch goes on.

use super::*;
use crate::engine::broken::Fault;

fn faults(effects: &[Effect]) -> Vec<&Fault> {
    let faults = effects.iter().filter_map(|it| match it {
        Effect::Publish(Notice::Fault(fault)) => Some(fault),
        _ => None,
    });
    faults.collect()
}

#[test]
fn what_is_told_of_an_attempt_that_never_was_is_a_fault_and_told_once() {
    let mut space = Space::new(DIAMOND);
    let mut engine = space.build();
    assert!(engine.is_finished() && !engine.is_broken());
    let mut tell = |attempt| engine.step(Moment(space.now), Event::Settled { attempt });
    let effects = tell(AttemptId(99));
    let [fault] = faults(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(fault.broken.what, "something is told of an attempt that never was");
    assert_eq!((fault.doing, &fault.task), ("accepting a result without changes", &None));
    assert!(fault.place().starts_with("src/engine/jobs/fault.rs:"), "{}", fault.place());
    assert!(faults(&tell(AttemptId(98))).is_empty(), "the same place is told once");
    let effects = tell(AttemptId(1));
    assert_eq!(faults(&effects).len(), 1, "nobody asked for a landing of what is closed");
    assert!(engine.is_broken() && !engine.is_at_rest());
}

#[test]
fn what_comes_late_is_no_fault() {
    let mut space = Space::new(DIAMOND);
    let mut engine = space.build();
    let attempt = AttemptId(1);
    let message = "late".to_owned();
    let progress = crate::engine::stream::Progress::Output("late".to_owned());
    for event in [
        Event::AttemptProgressed { attempt, progress },
        Event::LandingFailed { attempt, message },
        Event::Shelved { attempt, commit: None },
    ] {
        let effects = engine.step(Moment(space.now), event);
        assert!(effects.is_empty(), "{effects:?}");
    }
    assert!(!engine.is_broken());
}

#[test]
fn the_attempt_that_is_broken_ends_and_the_others_land() {
    let mut space = Space::new(LIMITED);
    let mut engine = Engine::default();
    space.open(&mut engine);
    let request = BuildRequest { jobs: 2, keep_going: true, ..BuildRequest::default() };
    let mut effects = engine.step(Moment(space.now), Event::Asked(Request::Build(request)));
    while !matches!(effects[..], [Effect::Run(_), ..]) {
        let effect = effects.remove(0);
        for event in space.perform(effect) {
            effects.extend(engine.step(Moment(space.now), event));
        }
    }
    let Effect::Run(launch) = effects.remove(0) else { unreachable!() };
    // Only a proposal is ever kept so.
    let attempt = launch.attempt;
    let mut broken = engine.step(Moment(space.now), Event::Shelved { attempt, commit: None });
    let [fault] = faults(&broken)[..] else { panic!("{broken:?}") };
    assert_eq!(fault.task, Some(TaskRef::new("p", "a")));
    assert!(broken.iter().any(|it| matches!(it, Effect::Stop { .. })), "{broken:?}");
    broken.retain(|it| !matches!(it, Effect::Publish(Notice::Fault(_))));
    effects.extend(broken);
    space.run(&mut engine, &mut effects);
    assert_eq!(space.ran(), ["m"], "what ran with it goes on, nothing new starts");
    assert_eq!(states(&engine), "a=Held b=Held c=Held m=Done(Ran)");
    assert!(engine.is_finished() && engine.is_broken());
    let ended = space.play(&launch);
    let effects = engine.step(Moment(space.now), ended);
    assert!(matches!(effects[..], [Effect::Drop { .. }]), "{effects:?}");
}
