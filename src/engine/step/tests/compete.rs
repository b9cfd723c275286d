//! Competitions of proposals, in the world in memory.

use super::*;
use crate::engine::effect::LaunchAction;

const PLAN: &str = "\
meta: { name: P, order: free }
sections:
- id: s
  name: S
  tasks:
  - { id: 'a', status: pending, name: A, description: first, max_attempts: 2, proposals: { count: 3 } }
";

/// The fates of the proposals by number, and what judges answer one after the other.
fn space(fates: [fn() -> Ended; 3], judges: Vec<Ended>) -> Space {
    let mut space = Space::new(PLAN);
    play(&mut space, fates, judges);
    space
}

fn play(space: &mut Space, fates: [fn() -> Ended; 3], judges: Vec<Ended>) {
    let mut judges = judges.into_iter();
    space.play = Box::new(move |launch, files| match &launch.purpose {
        Purpose::Judge(_, exhibits) => {
            let LaunchAction::Session(session) = &launch.action else { panic!("a session") };
            assert!(session.schema.is_some() && launch.plan.is_none());
            for exhibit in exhibits {
                let named = format!("proposals/{}/a.txt", exhibit.label);
                assert!(session.prompt.contains(&named), "{}", session.prompt);
            }
            judges.next().expect("no further judge")
        }
        _ => {
            let LaunchAction::Session(session) = &launch.action else { panic!("a session") };
            assert!(session.prompt.contains("One of several proposals"));
            write(files, "a.txt", &format!("by {}", launch.number));
            fates[(launch.number as usize - 1) % 3]()
        }
    });
}

fn ballot(winner: &str, scores: &[(&str, f64)]) -> Ended {
    let scores: BTreeMap<&str, f64> = scores.iter().copied().collect();
    let said = serde_json::json!({"winner": winner, "scores": scores, "reasons": "it grows"});
    Ended::Ballot(said.to_string(), 3)
}

const ALL: [fn() -> Ended; 3] = [|| Ended::Done, || Ended::Done, || Ended::Done];
const B_WINS: [(&str, f64); 3] = [("A", 6.0), ("B", 9.0), ("C", 4.5)];

fn judged(space: &Space) -> Vec<String> {
    let shown = space.records.iter().filter_map(|record| match record {
        Record::Judged(it) => {
            let entrants = it.entrants.iter().map(|it| match (&it.score, &it.out) {
                (Some(score), _) => format!(" {} {score}", it.label),
                (None, Some(_)) => format!(" {} out", it.label),
                (None, None) => format!(" {}", it.label),
            });
            Some(format!("{}:{}", it.winner, entrants.collect::<String>()))
        }
        _ => None,
    });
    shown.collect()
}

fn refs(space: &Space) -> Vec<&str> {
    space.kept.keys().map(|it| it.trim_start_matches("refs/orch/proposals/p/a/")).collect()
}

/// The number of the proposal that has a label.
fn number_of(space: &Space, label: &str) -> u32 {
    let proposed = space.records.iter().find_map(|record| match record {
        Record::Proposed(it) if it.label == label => Some(it.number),
        _ => None,
    });
    proposed.expect("no such proposal")
}

#[test]
fn the_judges_choice_lands_once_and_the_others_are_kept() {
    let mut space = space(ALL, vec![ballot("B", &B_WINS)]);
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "a", "a", "design-judge:a"]);
    assert_eq!(states(&engine), "a=Done(Ran)");
    assert_eq!(space.lineage.landings.len(), 1);
    assert_eq!(refs(&space), ["A", "C"]);
    assert_eq!(judged(&space), ["B: A 6 B 9 C 4.5"]);
    let n = number_of(&space, "B");
    assert_eq!(space.files[&RelPath::new("a.txt").unwrap()], format!("by {n}"));
    assert_eq!(engine.cost(), Usd::from_dollars(2.0), "three proposals and a judge");
    assert_eq!(space.lineage.landings[0].cost, Usd::from_dollars(2.0));
    assert_eq!(engine.picture().counts.sessions, 4);
    space.build();
    assert_eq!(space.ran(), [""; 0]);
}

#[test]
fn failed_proposals_are_out_and_the_last_one_left_goes_on_loudly() {
    let fates: [fn() -> Ended; 3] = [|| Ended::Failed("no"), || Ended::Done, || Ended::Silent];
    let mut space = space(fates, vec![]);
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "a", "a"]);
    assert_eq!(states(&engine), "a=Done(Ran)");
    assert!(space.said[0].contains("2 of 3 proposals are out"), "{:?}", space.said);
    assert_eq!(engine.picture().tasks[0].warnings.len(), 1);
    assert_eq!(space.files[&RelPath::new("a.txt").unwrap()], "by 2");
}

#[test]
fn where_none_is_left_the_attempt_fails_like_any_other() {
    let fates: [fn() -> Ended; 3] =
        [|| Ended::Failed("no"), || Ended::Failed("no"), || Ended::Failed("never")];
    let mut space = space(fates, vec![]);
    let engine = space.build();
    assert_eq!(space.ran(), ["a"; 6], "two attempts of three");
    assert_eq!(states(&engine), "a=Failed(FailedByStatus)");
    assert!(space.lineage.landings.is_empty());
}

#[test]
fn a_judge_that_lies_is_asked_again_and_then_the_task_fails_with_all_proposals_kept() {
    let check = |lie: fn() -> Ended| {
        let mut space = space(ALL, vec![lie(), lie()]);
        let engine = space.build();
        assert_eq!(space.ran(), ["a", "a", "a", "design-judge:a", "design-judge:a"]);
        assert_eq!(states(&engine), "a=Failed(NoVerdict)");
        assert!(space.lineage.landings.is_empty());
        assert_eq!(refs(&space), ["A", "B", "C"]);
        // The next build asks a judge, and pays for no proposal again.
        space.edit("status: failed", "status: pending");
        play(&mut space, ALL, vec![ballot("C", &[("A", 1.0), ("B", 2.0), ("C", 3.0)])]);
        let engine = space.build();
        assert_eq!(space.ran(), ["design-judge:a"]);
        assert_eq!(states(&engine), "a=Done(Ran)");
        assert_eq!(refs(&space), ["A", "B"]);
    };
    check(|| ballot("Z", &B_WINS));
    check(|| ballot("A", &B_WINS));
    check(|| ballot("B", &[("B", 9.0)]));
    check(|| Ended::Silent);
    check(|| Ended::Ballot(r#"{"winner":"B"}"#.to_owned(), 3));
    check(|| {
        let Ended::Ballot(said, _) = ballot("B", &B_WINS) else { unreachable!() };
        Ended::Ballot(said, 0)
    });
}

#[test]
fn one_lie_is_forgiven() {
    let mut space = space(ALL, vec![Ended::Silent, ballot("B", &B_WINS)]);
    assert_eq!(states(&space.build()), "a=Done(Ran)");
}

#[test]
fn a_missing_login_parks_the_competition_and_what_is_done_is_not_made_again() {
    let fates: [fn() -> Ended; 3] = [|| Ended::Done, || Ended::Done, || Ended::LoggedOut];
    let mut space = space(fates, vec![]);
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "a", "a"]);
    assert_eq!(states(&engine), "a=Held");
    assert!(space.lineage.landings.is_empty());
    play(&mut space, ALL, vec![ballot("B", &B_WINS)]);
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "design-judge:a"], "only the missing one");
    assert_eq!(states(&engine), "a=Done(Ran)");
    assert_eq!(judged(&space), ["B: A 6 B 9 C 4.5"]);
}

#[test]
fn after_a_limit_only_what_is_missing_is_asked_for() {
    let mut space = space(ALL, vec![]);
    let mut n = 0;
    space.play = Box::new(move |launch, files| {
        n += 1;
        match &launch.purpose {
            Purpose::Judge(..) if n == 5 => Ended::Limit,
            Purpose::Judge(..) => ballot("B", &B_WINS),
            _ if n == 2 => Ended::Limit,
            _ => {
                write(files, "a.txt", &format!("by {}", launch.number));
                Ended::Done
            }
        }
    });
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "a", "a", "a", "design-judge:a", "design-judge:a"]);
    assert_eq!(states(&engine), "a=Done(Ran)");
    assert_eq!(space.lineage.landings.len(), 1);
}

#[test]
fn a_kept_proposal_that_is_gone_is_made_again() {
    let mut space = space(ALL, vec![Ended::LoggedOut]);
    assert_eq!(states(&space.build()), "a=Held");
    space.ran();
    space.kept.remove("refs/orch/proposals/p/a/B");
    play(&mut space, ALL, vec![ballot("B", &B_WINS)]);
    assert_eq!(states(&space.build()), "a=Done(Ran)");
    assert_eq!(space.ran(), ["a", "design-judge:a"]);
}

#[test]
fn a_change_of_the_task_asks_all_again() {
    let mut space = space(ALL, vec![Ended::LoggedOut]);
    space.build();
    space.ran();
    space.edit("description: first", "description: other");
    play(&mut space, ALL, vec![ballot("B", &B_WINS)]);
    space.build();
    assert_eq!(space.ran(), ["a", "a", "a", "design-judge:a"]);
}

#[test]
fn a_winner_that_a_validator_refuses_makes_room_for_the_next_best() {
    let mut space = space(ALL, vec![]);
    space.edit("proposals:", "validators: [{ name: t, run: x }], proposals:");
    let (mut n_checks, mut n_judges) = (0, 0);
    space.play = Box::new(move |launch, files| match &launch.purpose {
        Purpose::Judge(..) => {
            n_judges += 1;
            assert_eq!(n_judges, 1, "scores are not paid for twice");
            ballot("B", &B_WINS)
        }
        Purpose::Validate(_) => {
            n_checks += 1;
            Ended::Exit(i32::from(n_checks == 1))
        }
        Purpose::Work => {
            write(files, "a.txt", &format!("by {}", launch.number));
            Ended::Done
        }
    });
    let engine = space.build();
    assert_eq!(space.ran(), ["a", "a", "a", "design-judge:a", "t:a", "t:a"]);
    assert_eq!(states(&engine), "a=Done(Ran)");
    assert_eq!(judged(&space), ["B: A 6 B 9 C 4.5", "A: A 6 B out C 4.5"]);
    let n = number_of(&space, "A");
    assert_eq!(space.files[&RelPath::new("a.txt").unwrap()], format!("by {n}"));
}

#[test]
fn one_proposal_is_no_competition() {
    let mut space = Space::new(&PLAN.replace("count: 3", "count: 1"));
    space.build();
    assert_eq!(space.ran(), ["a"]);
    assert_eq!(judged(&space), [""; 0]);
}
