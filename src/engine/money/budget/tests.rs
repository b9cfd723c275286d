//! What is reserved fits, whatever runs beside it and whatever it costs in the end.

use crate::base::measure::Billing;
use proptest::prelude::*;

use super::*;
use crate::base::name::PlanName;
use crate::ui::render::why::shortage_text;

fn usd(dollars: f64) -> Usd {
    Usd::from_dollars(dollars)
}

fn bound(limit: f64, spent: f64) -> Bound {
    Bound { scope: Scope::Run, limit: usd(limit), spent: usd(spent) }
}

fn wish(task: &str, work: f64, validation: f64) -> Wish {
    let task = TaskRef::new("p", task);
    Wish { task, work: usd(work), validation: usd(validation), is_guess: false, n_free: 1 }
}

fn granted(answer: Answer) -> Option<(f64, f64)> {
    match answer {
        Answer::Granted(grant) => Some((grant.amount.dollars(), grant.cap.dollars())),
        _ => None,
    }
}

#[test]
fn one_at_a_time_gets_all_that_is_left_but_for_its_validators() {
    let purse = Purse::default();
    let check = |limit, spent, work, validation| {
        granted(purse.ask(&[bound(limit, spent)], wish("a", work, validation)))
    };
    assert_eq!(check(10.0, 4.0, 1.0, 0.5), Some((6.0, 5.5)));
    assert_eq!(check(10.0, 8.5, 1.0, 0.5), Some((1.5, 1.0)), "to the last cent");
    assert_eq!(check(10.0, 8.6, 1.0, 0.5), None);
    assert_eq!(purse.ask(&[], wish("a", 9.0, 0.0)), Answer::Unbounded);
    insta::assert_snapshot!(refused(&purse, &[bound(10.0, 8.6)]), @"budget of this build: $8.60 of $10.00 spent, and this is likely to cost $1.50; raise it and `orch build` goes on");
    insta::assert_snapshot!(refused(&purse, &[bound(10.0, 10.2)]), @"budget of this build: $10.20 of $10.00 spent; raise it and `orch build` goes on");
}

fn refused(purse: &Purse, bounds: &[Bound]) -> String {
    match purse.ask(bounds, wish("a", 1.0, 0.5)) {
        Answer::Refused(why) => shortage_text(&why, Billing::Billed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_runs_keeps_its_share_until_it_has_ended() {
    let mut purse = Purse::default();
    let four = Wish { n_free: 4, ..wish("a", 1.0, 0.0) };
    let Answer::Granted(grant) = purse.ask(&[bound(20.0, 0.0)], four) else { panic!() };
    assert_eq!(grant.amount, usd(5.0), "a fourth");
    purse.hold(AttemptId(1), grant);
    assert_eq!(purse.ask(&[bound(6.0, 0.0)], wish("b", 2.0, 0.0)), Answer::Later);
    assert_eq!(granted(purse.ask(&[bound(6.0, 0.0)], wish("b", 1.0, 0.0))), Some((1.0, 1.0)));
    purse.book(AttemptId(1), usd(3.0));
    assert_eq!(granted(purse.ask(&[bound(7.0, 3.0)], wish("b", 1.0, 0.0))), Some((2.0, 2.0)));
    assert_eq!(purse.rest_for(AttemptId(1), usd(0.5)), Some(usd(2.0)));
    assert_eq!(purse.rest_for(AttemptId(1), usd(1.0)), Some(usd(3.0)), "paid work is looked at");
    purse.keep(|_| false);
    assert_eq!(granted(purse.ask(&[bound(7.0, 3.0)], wish("b", 1.0, 0.0))), Some((4.0, 4.0)));
}

#[test]
fn every_bound_counts_and_only_those_that_cover_the_task() {
    let mut purse = Purse::default();
    let Answer::Granted(grant) = purse.ask(&[bound(9.0, 0.0)], wish("a", 1.0, 0.0)) else {
        panic!()
    };
    purse.hold(AttemptId(1), grant);
    let plan = |plan: &str, limit| Bound {
        scope: Scope::Plan(PlanName::new(plan)),
        limit: usd(limit),
        spent: Usd::ZERO,
    };
    assert_eq!(purse.ask(&[plan("p", 9.5)], wish("b", 1.0, 0.0)), Answer::Later);
    let other = Wish { task: TaskRef::new("q", "b"), ..wish("b", 1.0, 0.0) };
    assert_eq!(granted(purse.ask(&[plan("q", 9.5)], other.clone())), Some((9.5, 9.5)));
    let both = [plan("q", 9.5), bound(11.0, 0.0)];
    assert_eq!(granted(purse.ask(&both, other)), Some((2.0, 2.0)), "the tighter one");
}

#[test]
fn a_guess_keeps_nothing_from_running_alone_and_a_cap_met_is_no_guess() {
    let mut purse = Purse::default();
    let guess = Wish { is_guess: true, ..wish("a", 0.5, 0.5) };
    let first = purse.ask(&[bound(0.2, 0.0)], guess.clone());
    assert_eq!(granted(first.clone()), Some((0.2, 0.1)));
    let Answer::Granted(grant) = first else { panic!() };
    purse.hold(AttemptId(1), grant);
    assert_eq!(purse.ask(&[bound(0.2, 0.0)], guess.clone()), Answer::Later);
    purse.keep(|_| false);
    purse.note_capped(&guess.task, usd(0.1));
    let again = purse.ask(&[bound(0.2, 0.1)], guess.clone());
    assert!(matches!(again, Answer::Refused(_)), "{again:?}");
    assert_eq!(granted(purse.ask(&[bound(2.0, 0.1)], guess)), Some((1.9, 1.4)));
}

/// A session in the trial: what it is thought to cost, what it would, and by how much its last call
/// goes over a cap.
type Trial = (u32, u32, u32);

proptest! {
    /// Any number of sessions beside each other, ending in any order.
    #[test]
    fn nothing_starts_that_does_not_fit(
        limit in 1u32..2000,
        jobs in 1usize..6,
        trials in proptest::collection::vec((0u32..300, 0u32..900, 0u32..40), 1..40),
        ends in proptest::collection::vec(0usize..6, 40),
    ) {
        let cents = |n: u32| Usd::from_dollars(f64::from(n) / 100.0);
        let limit = cents(limit);
        let mut purse = Purse::default();
        let mut spent = Usd::ZERO;
        let mut overshoot = Usd::ZERO;
        let mut running: Vec<(AttemptId, Grant, Trial)> = Vec::new();
        let mut waiting: Vec<(usize, Trial)> = trials.into_iter().enumerate().rev().collect();
        let mut ends = ends.into_iter().cycle();
        while !waiting.is_empty() || !running.is_empty() {
            let n_free = (jobs - running.len()) as u32;
            if n_free > 0 && let Some((at, trial)) = waiting.pop() {
                let task = TaskRef::new("p", at.to_string());
                let wish = Wish {
                    task, work: cents(trial.0), validation: Usd::ZERO, is_guess: trial.0 == 0, n_free,
                };
                match purse.ask(&[Bound { scope: Scope::Run, limit, spent }], wish) {
                    Answer::Granted(grant) => {
                        prop_assert!(cents(trial.0) <= grant.amount);
                        let reserved: Usd = running.iter().map(|it| it.1.amount).sum();
                        prop_assert!(spent + reserved + grant.amount <= limit, "it fits");
                        purse.hold(AttemptId(at as u64), grant.clone());
                        running.push((AttemptId(at as u64), grant, trial));
                        continue;
                    }
                    Answer::Later => {
                        prop_assert!(!running.is_empty(), "what waits is woken");
                        waiting.push((at, trial));
                    }
                    Answer::Refused(_) => continue,
                    Answer::Unbounded => prop_assert!(false),
                }
            }
            let at = ends.next().unwrap_or(0) % running.len().max(1);
            let (attempt, grant, trial) = running.remove(at);
            let cost = cents(trial.1).min(grant.cap + cents(trial.2));
            overshoot += (cost - grant.amount).max(Usd::ZERO);
            spent += cost;
            purse.book(attempt, cost);
            purse.keep(|it| it != attempt);
            prop_assert!(spent <= limit + overshoot);
        }
    }
}
