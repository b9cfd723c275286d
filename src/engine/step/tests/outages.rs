//! What waits while sessions cannot start, and how it goes on; and which model they are asked of.

use crate::base::measure::Billing;
use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::base::name::ModelName;
use crate::engine::effect::LaunchAction;
use crate::engine::escalate::ModelFlags;
use crate::ui::render::why::why_text;

/// Independent tasks by these ids.
pub(super) fn plan_of(ids: &[&str], more: &str) -> String {
    let tasks: String = ids
        .iter()
        .map(|id| {
            format!("  - {{ id: '{id}', status: pending, name: T{id}, description: x{more} }}\n")
        })
        .collect();
    format!("meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}")
}

/// Starts of sessions: seconds since the build began, and what started.
pub(super) type Starts = Rc<RefCell<Vec<(u64, String)>>>;

/// Drives a build by the second: sessions last one second each, and the clock goes on only where
/// nothing else is to be done. `ends` says how a start ends.
pub(super) fn drive_in_time(
    space: &mut Space,
    request: BuildRequest,
    mut ends: impl FnMut(u64, &Launch) -> Ended,
) -> (Engine, Starts) {
    let (mut engine, starts) = (Engine::default(), Starts::default());
    space.open(&mut engine);
    let began = space.now;
    let mut effects = engine.step(Moment(space.now), Event::Asked(Request::Build(request)));
    let mut running: Vec<(u64, Box<Launch>)> = Vec::new();
    let mut wake: Option<u64> = None;
    for _ in 0..20_000 {
        if !effects.is_empty() {
            match effects.remove(0) {
                Effect::Run(launch) => {
                    let name = match &launch.purpose {
                        Purpose::Work => launch.task.task.to_string(),
                        Purpose::Validate(name) | Purpose::Judge(name, _) => {
                            format!("{name}:{}", launch.task.task)
                        }
                    };
                    starts.borrow_mut().push(((space.now - began) / 1000, name));
                    running.push((space.now + 1000, launch));
                }
                Effect::WakeAt(moment) => {
                    wake = Some(wake.map_or(moment.0, |it| it.min(moment.0)));
                }
                effect => {
                    for event in space.perform(effect) {
                        effects.extend(engine.step(Moment(space.now), event));
                    }
                }
            }
            continue;
        }
        if engine.is_finished() {
            return (engine, starts);
        }
        let next = running.iter().map(|it| it.0).min().into_iter().chain(wake).min();
        let next = next.expect("an open build waits for something");
        space.now = space.now.max(next);
        if wake.is_some_and(|it| it <= space.now) {
            wake = None;
            effects.extend(engine.step(Moment(space.now), Event::Woken));
        } else if let Some(at) = running.iter().position(|it| it.0 <= space.now) {
            let (_, launch) = running.remove(at);
            let ended = ends((space.now - began) / 1000, &launch);
            space.play = Box::new(move |launch, files| {
                if matches!(
                    (&ended, &launch.purpose),
                    (Ended::Done | Ended::Streamed(_), Purpose::Work)
                ) {
                    write(files, &format!("out/{}.txt", launch.task.task), "made");
                }
                ended.clone()
            });
            let event = space.play(&launch);
            effects.extend(engine.step(Moment(space.now), event));
        }
    }
    panic!("it never comes to an end");
}

/// `0: a b c | 301: a`
pub(super) fn shown(starts: &Starts) -> String {
    let mut lines: Vec<(u64, Vec<String>)> = Vec::new();
    for (at, name) in starts.borrow().iter() {
        match lines.last_mut().filter(|it| it.0 == *at) {
            Some(line) => line.1.push(name.clone()),
            None => lines.push((*at, vec![name.clone()])),
        }
    }
    let lines: Vec<String> =
        lines.iter().map(|(at, names)| format!("{at}: {}", names.join(" "))).collect();
    lines.join(" | ")
}

pub(super) fn jobs(jobs: u32) -> BuildRequest {
    BuildRequest { jobs, keep_going: true, ..BuildRequest::default() }
}

#[test]
fn three_failures_of_the_service_in_a_row_open_the_breaker_and_one_probe_closes_it() {
    let mut space = Space::new(&plan_of(&["a", "b", "c", "d", "e", "f"], ""));
    let (engine, starts) = drive_in_time(&mut space, jobs(3), |at, _| match at {
        0..400 => Ended::Api("overloaded"),
        _ => Ended::Done,
    });
    assert_eq!(engine.counts().accepted, 6);
    insta::assert_snapshot!(shown(&starts), @"0: a b c | 1: d e | 301: a | 602: a | 603: b c d | 604: e f");
    insta::assert_snapshot!(space.said.join("\n"), @"
    waiting until 301: the service failed 3 times in a row (overloaded)
    waiting until 602: the service failed 6 times in a row (overloaded)
    the service answers again
    ");
}

#[test]
fn a_plan_has_its_own_breaker_and_commands_go_on() {
    let plan = plan_of(&["a", "b"], "").replace(
        "order: free",
        "order: free, circuit_breaker_threshold: 1, circuit_breaker_reset_timeout: 60",
    ) + "  - { id: 'm', status: pending, name: M, run: [make], depends_on: [] }\n";
    let mut space = Space::new(&plan);
    let (engine, starts) = drive_in_time(&mut space, jobs(1), |at, launch| match &launch.action {
        LaunchAction::Command(_) => Ended::Exit(0),
        LaunchAction::Session(_) if at < 50 => Ended::Api("overloaded"),
        LaunchAction::Session(_) => Ended::Done,
    });
    assert_eq!(engine.counts().accepted, 3);
    insta::assert_snapshot!(shown(&starts), @"0: a | 1: m | 61: a | 62: b");
}

#[test]
fn a_service_that_stays_away_ends_the_build_in_the_end() {
    let mut space = Space::new(&plan_of(&["a", "b"], ""));
    space.config.breaker.patience = Millis::seconds(1000);
    let path = RelPath::new("rules/defaults.yaml").unwrap();
    space.rules = vec![Source::new(path, "retry: { backoff: { base: 0s, cap: 0s } }\n")];
    let (engine, starts) = drive_in_time(&mut space, jobs(2), |_, _| Ended::Api("overloaded"));
    assert_eq!(states(&engine), "a=Held b=Held", "no task is at fault");
    insta::assert_snapshot!(shown(&starts), @"0: a b | 1: a b | 302: a | 603: a | 904: a | 1205: a");
}

const JUDGED: &str = ", validators: [validator]";

#[test]
fn a_finished_candidate_waits_for_its_validator_and_is_not_made_again() {
    let mut space = Space::new(&plan_of(&["a", "b"], JUDGED));
    let (engine, starts) = drive_in_time(&mut space, jobs(2), |at, launch| match &launch.purpose {
        Purpose::Validate(_) if at < 100 => Ended::Api("overloaded"),
        Purpose::Validate(_) | Purpose::Judge(..) => Ended::Verdict("PASS"),
        Purpose::Work => Ended::Done,
    });
    assert_eq!(engine.counts().accepted, 2, "{}", states(&engine));
    insta::assert_snapshot!(shown(&starts), @"
    0: a b | 1: validator:a validator:b | 7: validator:a validator:b | 308: validator:a | 309: validator:b
    ");
}

#[test]
fn a_candidate_whose_validator_cannot_log_in_is_kept_for_the_next_build() {
    let mut space = Space::new(&plan_of(&["a"], JUDGED));
    let (engine, _) = drive_in_time(&mut space, jobs(2), |_, launch| match &launch.purpose {
        Purpose::Validate(_) | Purpose::Judge(..) => Ended::LoggedOut,
        Purpose::Work => Ended::Done,
    });
    assert_eq!(states(&engine), "a=Held");
    assert_eq!(space.lineage.landings.len(), 0, "nothing lands without its verdict");
    let (engine, starts) = drive_in_time(&mut space, jobs(2), |_, _| Ended::Verdict("PASS"));
    assert_eq!(states(&engine), "a=Done(Replayed)");
    assert_eq!(shown(&starts), "0: validator:a", "the work was paid for once");
}

/// The models of the sessions of task `a`, which fails always; and how it ended.
fn models_of(space: &mut Space, flags: ModelFlags) -> String {
    let models = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&models);
    let request = BuildRequest { models: flags, ..jobs(1) };
    let (engine, _) = drive_in_time(space, request, move |_, launch| {
        let LaunchAction::Session(session) = &launch.action else { panic!("a session") };
        log.borrow_mut().push(session.model.clone().map_or("-".to_owned(), |it| it.to_string()));
        Ended::Failed("no idea")
    });
    let reason = why_text(&engine.picture().tasks[0].reason, Billing::Billed);
    format!("{}: {reason}", models.borrow().join(" "))
}

#[test]
fn failures_escalate_the_model_within_its_cap() {
    let plan = plan_of(&["a"], ", max_attempts: 6");
    let check = |meta: &str, flags: ModelFlags| {
        let mut space = Space::new(&plan.replace("name: P", &format!("name: P{meta}")));
        models_of(&mut space, flags)
    };
    let model = |name: &str| Some(ModelName::new(name));
    let none = ModelFlags::default;
    let shown = [
        check("", none()),
        check(", model_escalation: { enabled: yes }", none()),
        check(", model_escalation: { enabled: yes, escalate_after: 1, max_model: sonnet }", none()),
        check("", ModelFlags { escalate_after: Some(1), ..none() }),
        check(
            ", model_escalation: { enabled: yes, escalate_after: 1 }",
            ModelFlags { max: model("sonnet"), ..none() },
        ),
        check("", ModelFlags { max: model("haiku"), ..none() }),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    sonnet sonnet sonnet sonnet sonnet sonnet: no idea
    sonnet sonnet opus opus opus opus: no idea
    sonnet sonnet sonnet sonnet sonnet sonnet: no idea
    sonnet opus fable fable fable fable: no idea
    sonnet sonnet sonnet sonnet sonnet sonnet: no idea
    : it is to begin with `sonnet`, and no model above `haiku` is allowed: raise the cap, or give the task a `model`
    ");
}

#[test]
fn a_flags_starting_model_fills_a_gap_and_changes_no_key() {
    let mut space = Space::new(&plan_of(&["a"], ", agent: bare, max_attempts: 2"));
    space.agents = vec![Source::new(RelPath::new(".claude/agents/bare.md").unwrap(), "Do it.\n")];
    space.config.session.model = Some("sonnet".into());
    let flags = ModelFlags {
        starting: Some("haiku".into()),
        escalate_after: Some(1),
        ..ModelFlags::default()
    };
    assert_eq!(models_of(&mut space, flags.clone()), "haiku sonnet: no idea");
    space.retry("a");
    assert_eq!(models_of(&mut space, ModelFlags::default()), "sonnet sonnet: no idea");
    space.retry("a");
    drive_in_time(&mut space, BuildRequest { models: flags, ..jobs(1) }, |_, _| Ended::Done);
    let (engine, starts) = drive_in_time(&mut space, jobs(1), |_, _| Ended::Done);
    assert_eq!((states(&engine).as_str(), shown(&starts).as_str()), ("a=UpToDate", ""));
}

#[test]
fn validators_have_a_model_of_their_own() {
    let plan = plan_of(&["a"], JUDGED)
        .replace("name: P", "name: P, model_escalation: { enabled: yes, validation_model: haiku }");
    let mut space = Space::new(&plan);
    let seen = Rc::new(RefCell::new(String::new()));
    let log = Rc::clone(&seen);
    drive_in_time(&mut space, jobs(1), move |_, launch| match (&launch.purpose, &launch.action) {
        (Purpose::Validate(_), LaunchAction::Session(session)) => {
            *log.borrow_mut() = session.model.clone().unwrap().to_string();
            Ended::Verdict("PASS")
        }
        _ => Ended::Done,
    });
    assert_eq!(*seen.borrow(), "haiku");
}
