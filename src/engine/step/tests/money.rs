//! Many sessions at once, under a bound: whatever they cost and in whichever order they end, none starts
//! for which there is no room.

use proptest::prelude::*;

use super::*;
use crate::engine::effect::LaunchAction;
use crate::engine::outcome::OutcomeClass;
use crate::spec::quota::Quota;

/// Independent tasks, some with a validator.
/// Failures in a row hold nothing: only the bound does.
fn plan(n: usize) -> String {
    let task = |at: usize| {
        let validators = if at.is_multiple_of(3) { ", validators: [validator]" } else { "" };
        format!("  - {{ id: 't{at}', status: pending, name: T, description: d{at}{validators} }}\n")
    };
    let tasks: String = (0..n).map(task).collect();
    format!(
        "meta: {{ name: P, order: free, circuit_breaker_threshold: 0 }}\nsections:\n- id: s\n  name: S\n  tasks:\n{tasks}"
    )
}

fn cents(n: u32) -> Usd {
    Usd::from_dollars(f64::from(n) / 100.0)
}

/// A session as it will have been: what it wants to spend, in cents, and how far its last call goes over.
#[derive(Clone, Debug)]
struct Bill {
    wanted: u32,
    over: u32,
}

/// What is seen from outside of a build under a bound.
struct Bench {
    space: Space,
    engine: Engine,
    running: Vec<Launch>,
    limit: Usd,
    spent: Usd,
    /// By how much ended sessions went over their caps, validators' whole bills included.
    over: Usd,
}

impl Bench {
    fn perform(&mut self, mut effects: Vec<Effect>) -> Result<(), TestCaseError> {
        while !effects.is_empty() {
            let effect = effects.remove(0);
            if let Effect::Run(launch) = effect {
                self.see(&launch)?;
                self.running.push(*launch);
                continue;
            }
            for event in self.space.perform(effect) {
                effects.extend(self.engine.step(Moment(self.space.now), event));
            }
        }
        Ok(())
    }

    fn see(&self, launch: &Launch) -> Result<(), TestCaseError> {
        if launch.purpose == Purpose::Work {
            // Validators run on what is left of their task's share, or beyond it.
            let others = self.running.iter().filter(|it| it.purpose == Purpose::Work);
            let reserved: Usd = others.filter_map(cap_of).sum();
            let cap = cap_of(launch).expect("a bound holds");
            let room = self.limit + self.over - self.spent;
            prop_assert!(reserved + cap <= room, "{cap} beside {reserved} of {room}");
        }
        Ok(())
    }

    fn end(&mut self, at: usize, bill: &Bill) -> Result<(), TestCaseError> {
        let launch = self.running.remove(at);
        let cap = cap_of(&launch);
        let wanted = cents(bill.wanted);
        let is_cut = cap.is_some_and(|cap| cap > Usd::ZERO && wanted >= cap);
        let cost = cap.filter(|_| is_cut).map_or(wanted, |cap| wanted.min(cap + cents(bill.over)));
        self.spent += cost;
        self.over += match launch.purpose {
            Purpose::Work => (cost - cap.unwrap_or(cost)).max(Usd::ZERO),
            Purpose::Validate(_) | Purpose::Judge(..) => cost,
        };
        let Event::AttemptEnded { attempt, mut evidence } = self.space.play(&launch) else {
            unreachable!("a launch ends");
        };
        if let Some(stream) = &mut evidence.stream {
            stream.cost = cost;
            if is_cut && let Some(result) = &mut stream.result {
                result.subtype = "error_max_budget_usd".to_owned();
                result.is_error = true;
            }
        }
        if is_cut {
            evidence.ending = Ending::Exited(1);
        }
        let event = Event::AttemptEnded { attempt, evidence };
        let effects = self.engine.step(Moment(self.space.now), event);
        self.perform(effects)
    }
}

fn cap_of(launch: &Launch) -> Option<Usd> {
    match &launch.action {
        LaunchAction::Session(session) => session.max_usd,
        LaunchAction::Command(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn no_session_starts_for_which_there_is_no_room(
        limit in 20u32..1500,
        jobs in 1u32..6,
        bills in proptest::collection::vec((0u32..300, 0u32..30), 1..24),
        ends in proptest::collection::vec(0usize..6, 1..40),
    ) {
        let mut space = Space::new("");
        space.plans = BTreeMap::from([("plans/p.yaml", plan(8))]);
        let mut engine = Engine::default();
        space.open(&mut engine);
        let limit = cents(limit);
        let over = Usd::ZERO;
        let mut bench = Bench { space, engine, running: Vec::new(), limit, spent: Usd::ZERO, over };
        let budget = Quota::of(Some(limit));
        let request = BuildRequest { jobs, budget, keep_going: true, ..BuildRequest::default() };
        let asked = Event::Asked(Request::Build(request));
        let effects = bench.engine.step(Moment(bench.space.now), asked);
        bench.perform(effects)?;
        let bills: Vec<Bill> = bills.into_iter().map(|(wanted, over)| Bill { wanted, over }).collect();
        let mut bills = bills.into_iter().cycle();
        let mut ends = ends.into_iter().cycle();
        for _ in 0..400 {
            if bench.running.is_empty() {
                break;
            }
            let at = ends.next().unwrap_or(0) % bench.running.len();
            let bill = bills.next().expect("there is one");
            bench.end(at, &bill)?;
        }
        prop_assert!(bench.running.is_empty(), "it comes to an end");
        prop_assert!(bench.engine.is_finished(), "and nothing waits for ever: {}", states(&bench.engine));
        prop_assert_eq!(bench.engine.cost(), bench.spent);
        let held = bench.engine.counts().held > 0;
        prop_assert_eq!(bench.engine.budget_reached().is_some(), held);
        let counted = bench.engine.history().task(&TaskRef::new("p", "t1")).map_or(0, |it| it.n_attempts);
        let is_capped = |it: &Record| matches!(it, Record::AttemptEnded(ended)
            if ended.outcome == OutcomeClass::BudgetCap && ended.task.task.as_str() == "t1");
        let uncounted = bench.space.records.iter().filter(|it| is_capped(it)).count();
        let ended = |it: &&Record| matches!(it, Record::AttemptEnded(ended) if ended.task.task.as_str() == "t1");
        let all = bench.space.records.iter().filter(ended).count();
        prop_assert_eq!(counted as usize, all - uncounted, "what the budget cut is no attempt");
    }
}
