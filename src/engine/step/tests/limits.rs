//! Usage limits of the account: one detection, nothing charged, nothing new, one probe, then the rest.

use super::outages::{drive_in_time, jobs, plan_of, shown};
use super::*;
use crate::base::measure::Billing;
use crate::engine::outcome::OutcomeClass;
use crate::engine::stream::WindowUse;
use crate::spec::config::LimitWait;
use crate::ui::render::why::{countdown, hold_text, why_text};

const SIXTEEN: [&str; 16] =
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];

/// The reset that tests tell, and so many seconds after the start of a build.
const RESET: u64 = 4600;

fn limits_journaled(space: &Space) -> Vec<String> {
    let shown = |record: &Record| match record {
        Record::LimitHit { window, .. } => Some(format!("hit {window}")),
        Record::LimitLifted { window, .. } => Some(format!("lifted {window}")),
        _ => None,
    };
    space.records.iter().filter_map(shown).collect()
}

fn n_charged(engine: &Engine) -> u32 {
    let tasks = engine.tasks();
    tasks.iter().filter_map(|it| engine.history().task(it)).map(|it| it.n_attempts).sum()
}

#[test]
fn a_limit_at_task_5_of_16_parallel_ones() {
    let mut space = Space::new(&plan_of(&SIXTEEN, ""));
    let mut n = 0;
    let (engine, starts) = drive_in_time(&mut space, jobs(8), |_, _| {
        n += 1;
        if (5..=7).contains(&n) { Ended::LimitIn("five_hour", RESET) } else { Ended::Done }
    });
    assert_eq!(engine.counts().accepted, 16);
    assert_eq!(n_charged(&engine), 16, "each task by the one attempt that did it");
    assert_eq!(limits_journaled(&space), ["hit five_hour", "lifted five_hour"]);
    insta::assert_snapshot!(shown(&starts), @"
    0: a b c d e f g h | 1: i j k l | 3660: e | 3661: f g m n o p
    ");
    insta::assert_snapshot!(space.said.join("\n"), @"
    waiting until 3660: the five-hour limit is used up and resets 1970-01-01 01:16 UTC
    the five-hour limit is over
    ");
}

#[test]
fn all_sixteen_at_once_wait_and_one_goes_first() {
    let mut space = Space::new(&plan_of(&SIXTEEN, ""));
    let (engine, starts) = drive_in_time(&mut space, jobs(16), |at, launch| {
        let is_limited = at < 3000 && launch.task.task.as_str() >= "e";
        if is_limited { Ended::LimitIn("five_hour", RESET) } else { Ended::Done }
    });
    assert_eq!(engine.counts().accepted, 16);
    assert_eq!(n_charged(&engine), 16);
    insta::assert_snapshot!(shown(&starts), @"
    0: a b c d e f g h i j k l m n o p | 3660: e | 3661: f g h i j k l m n o p
    ");
}

#[test]
fn a_probe_that_meets_the_limit_again_waits_again() {
    let mut space = Space::new(&plan_of(&["a", "b", "c"], ""));
    let (engine, starts) = drive_in_time(&mut space, jobs(3), |at, _| match at {
        0..3000 => Ended::LimitIn("five_hour", RESET),
        3000..8000 => Ended::LimitIn("five_hour", 2 * RESET),
        _ => Ended::Done,
    });
    assert_eq!(engine.counts().accepted, 3);
    insta::assert_snapshot!(shown(&starts), @"0: a b c | 3660: a | 8260: a | 8261: b c");
}

#[test]
fn the_next_run_of_orch_honours_the_limit_of_the_last() {
    let mut space = Space::new(&plan_of(&["a", "b"], ""));
    space.config.limits.wait = LimitWait::Never;
    let (engine, starts) =
        drive_in_time(&mut space, jobs(1), |_, _| Ended::LimitIn("five_hour", RESET));
    assert_eq!((states(&engine).as_str(), shown(&starts).as_str()), ("a=Held b=Held", "0: a"));
    assert_eq!(engine.held_by(), Some(OutcomeClass::PlanLimit));
    let (engine, starts) = drive_in_time(&mut space, jobs(1), |_, _| Ended::Done);
    assert_eq!((states(&engine).as_str(), shown(&starts).as_str()), ("a=Held b=Held", ""));
    assert_eq!(engine.held_by(), Some(OutcomeClass::PlanLimit));
    insta::assert_snapshot!(space.said.join("\n"), @"
    no further session starts: the five-hour limit is used up and resets 1970-01-01 01:16 UTC; `limits.wait` is `never`; `orch build` goes on from here then. Is it over before? `orch resume --limits` goes on at once, `orch retry TASK` has one session find out
    held p//a
    no further session starts: the five-hour limit is used up and resets 1970-01-01 01:16 UTC; `limits.wait` is `never`; `orch build` goes on from here then. Is it over before? `orch resume --limits` goes on at once, `orch retry TASK` has one session find out
    ");
    space.config.limits.wait = LimitWait::Always;
    let (engine, starts) = drive_in_time(&mut space, jobs(2), |_, _| Ended::Done);
    assert_eq!(engine.counts().accepted, 2);
    insta::assert_snapshot!(shown(&starts), @"3659: a | 3660: b");
    let (_, starts) =
        drive_in_time(&mut space, BuildRequest { no_cache: true, ..jobs(2) }, |_, _| Ended::Done);
    assert_eq!(shown(&starts), "");
    assert_eq!(limits_journaled(&space), ["hit five_hour", "lifted five_hour"]);
}

#[test]
fn a_survey_tells_of_the_limit_and_its_countdown() {
    let mut space = Space::new(&plan_of(&["a"], ""));
    space.config.limits.wait = LimitWait::Never;
    drive_in_time(&mut space, jobs(1), |_, _| Ended::LimitIn("seven_day", RESET));
    let survey = |space: &mut Space| {
        let mut engine = Engine::default();
        space.open(&mut engine);
        let mut effects = engine.survey(Moment(space.now), BuildRequest::default());
        space.run(&mut engine, &mut effects);
        engine.picture().waiting.map(|it| countdown(&it, Moment(space.now)))
    };
    insta::assert_snapshot!(survey(&mut space).unwrap(), @"
    the weekly limit is used up and resets 1970-01-01 01:16 UTC; one session tries in 1h00m
    ");
    space.now = (RESET + 61) * 1000;
    assert_eq!(survey(&mut space), None, "it is over as far as anybody knows");
}

#[test]
fn a_window_of_one_model_holds_that_model_only() {
    let plan = plan_of(&["a", "b"], ", model: opus")
        + plan_of(&["c", "d"], ", model: sonnet").split_once("tasks:\n").unwrap().1;
    for (wait, ends) in [
        (LimitWait::Always, "a=Done(Ran) b=Done(Ran) c=Done(Ran) d=Done(Ran)"),
        (LimitWait::Never, "a=Held b=Held c=Done(Ran) d=Done(Ran)"),
    ] {
        let mut space = Space::new(&plan);
        space.config.limits.wait = wait;
        let (engine, starts) = drive_in_time(&mut space, jobs(1), |at, launch| {
            let is_limited = at < 3000 && launch.task.task.as_str() == "a";
            if is_limited { Ended::LimitIn("seven_day_opus", RESET) } else { Ended::Done }
        });
        assert_eq!(states(&engine), ends);
        let first = shown(&starts);
        assert!(first.starts_with("0: a | 1: c | 2: d"), "{first}");
        assert_eq!(engine.held_by().is_some(), wait == LimitWait::Never, "exit 75");
    }
}

#[test]
fn a_candidate_whose_validators_model_is_used_up_is_held_and_not_made_again() {
    let meta = "name: P, model_escalation: { enabled: yes, validation_model: opus }";
    let plan = plan_of(&["a"], ", model: sonnet, validators: [validator]").replace("name: P", meta);
    let mut space = Space::new(&plan);
    space.config.limits.wait = LimitWait::Never;
    let (engine, starts) = drive_in_time(&mut space, jobs(1), |_, launch| match launch.purpose {
        Purpose::Work => Ended::Done,
        _ => Ended::LimitIn("seven_day_opus", RESET),
    });
    assert_eq!(
        (states(&engine).as_str(), shown(&starts).as_str()),
        ("a=Held", "0: a | 1: validator:a")
    );
    insta::assert_snapshot!(why_text(&engine.picture().tasks[0].reason, Billing::Billed), @"
    the weekly opus limit is used up and resets 1970-01-01 01:16 UTC; `limits.wait` is `never`; `orch build` goes on from here then. Is it over before? `orch resume --limits` goes on at once, `orch retry TASK` has one session find out
    ");
    space.now = (RESET + 61) * 1000;
    let (engine, starts) = drive_in_time(&mut space, jobs(1), |_, _| Ended::Verdict("PASS"));
    assert_eq!(states(&engine), "a=Done(Replayed)");
    assert_eq!(shown(&starts), "0: validator:a", "the work was paid for once");
}

#[test]
fn a_limit_too_far_away_or_met_too_often_ends_the_build() {
    let mut space = Space::new(&plan_of(&["a"], ""));
    let (engine, _) =
        drive_in_time(&mut space, jobs(1), |_, _| Ended::LimitIn("seven_day", 1000 + 8 * 3600));
    assert_eq!(states(&engine), "a=Held");
    insta::assert_snapshot!(hold_text(&engine.picture().holding.unwrap()), @"
    the weekly limit is used up and resets 1970-01-01 08:16 UTC; that is further away than 6h00m (`limits.hours`); `orch build` goes on from here then. Is it over before? `orch resume --limits` goes on at once, `orch retry TASK` has one session find out
    ");
    let mut space = Space::new(&plan_of(&["a"], ""));
    space.config.limits.max_auto_resumes = 2;
    let (engine, starts) =
        drive_in_time(&mut space, jobs(1), |_, _| Ended::LimitIn("five_hour", 0));
    assert_eq!(states(&engine), "a=Held");
    insta::assert_snapshot!(shown(&starts), @"0: a | 1: a | 302: a | 603: a");
}

#[test]
fn a_validator_that_meets_a_limit_keeps_its_candidate() {
    for wait in [LimitWait::Always, LimitWait::Never] {
        let mut space = Space::new(&plan_of(&["a"], ", validators: [validator]"));
        space.config.limits.wait = wait;
        let ends = |at: u64, launch: &Launch| match &launch.purpose {
            Purpose::Validate(_) if at < 3000 => Ended::LimitIn("five_hour", RESET),
            Purpose::Validate(_) | Purpose::Judge(..) => Ended::Verdict("PASS"),
            Purpose::Work => Ended::Done,
        };
        let (engine, starts) = drive_in_time(&mut space, jobs(1), ends);
        if wait == LimitWait::Always {
            assert_eq!(states(&engine), "a=Done(Ran)");
            assert_eq!(shown(&starts), "0: a | 1: validator:a | 3660: validator:a");
            continue;
        }
        assert_eq!(states(&engine), "a=Held");
        assert_eq!(shown(&starts), "0: a | 1: validator:a");
        space.now = RESET * 1000 + 60_000;
        let (engine, starts) = drive_in_time(&mut space, jobs(1), |_, _| Ended::Verdict("PASS"));
        assert_eq!(states(&engine), "a=Done(Replayed)");
        assert_eq!(shown(&starts), "0: validator:a", "the work was paid for once");
    }
}

#[test]
fn a_stop_is_heard_while_a_limit_is_waited_for() {
    let mut space = Space::new(&plan_of(&["a", "b"], ""));
    let mut engine = Engine::default();
    space.open(&mut engine);
    let mut effects = engine.step(Moment(space.now), Event::Asked(Request::Build(jobs(1))));
    let mut has_asked = false;
    while !effects.is_empty() {
        let effect = effects.remove(0);
        if matches!(effect, Effect::WakeAt(_)) {
            has_asked = true;
            effects.extend(engine.step(Moment(space.now), Event::StopSeen));
            continue;
        }
        space.play = Box::new(|_, _| Ended::LimitIn("five_hour", RESET));
        for event in space.perform(effect) {
            effects.extend(engine.step(Moment(space.now), event));
        }
    }
    assert!(has_asked && engine.is_finished());
    assert_eq!(states(&engine), "a=Held b=Held");
    assert_eq!(space.ran(), ["a"]);
}

#[test]
fn near_a_limit_and_beyond_the_plan_the_build_slows_down_or_waits() {
    let ended = |status: &str, permille, is_using_overage| {
        let mut stream = StreamFacts { is_using_overage, ..StreamFacts::default() };
        stream.windows = vec![WindowUse {
            window: "five_hour".to_owned(),
            status: status.to_owned(),
            permille: Some(permille),
            resets_at: Some(RESET),
        }];
        Ended::Streamed(Box::new(stream))
    };
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let check = |overage: bool, of_first: Ended| {
        let mut space = Space::new(&plan_of(&ids, ""));
        space.config.limits.overage = overage;
        let (engine, starts) = drive_in_time(&mut space, jobs(4), |_, launch| {
            if launch.task.task.as_str() == "a" { of_first.clone() } else { Ended::Done }
        });
        assert_eq!(engine.counts().accepted, 8);
        format!("{}\n{}", shown(&starts), space.said.join("\n"))
    };
    let shown = [
        check(false, ended("allowed_warning", 910, false)),
        check(false, ended("allowed_warning", 960, false)),
        check(false, ended("rejected", 1000, true)),
        check(true, ended("rejected", 1000, true)),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    0: a b c d | 1: e f | 2: g h
    91 % of the five-hour limit is used: no more than 2 at once from now on
    0: a b c d | 1: e | 2: f | 3: g | 4: h
    96 % of the five-hour limit is used: no more than 1 at once from now on
    0: a b c d | 3660: e | 3661: f g h
    waiting until 3660: the five-hour limit is used up and resets 1970-01-01 01:16 UTC
    the five-hour limit is over
    0: a b c d | 1: e f g h
    ");
}
