//! Which task of a plan broke what an earlier one made: by bisection over what the plan landed since. A command
//! costs nothing. That task is made again once, with the findings.

use crate::base::digest::{Digest, Fingerprint};
use crate::base::name::{CommitId, TaskRef, ValidatorName, VerdictKey};
use crate::engine::decide::{Mode, Rework};
use crate::engine::graph::NodeId;
use crate::engine::jobs::Shop;
use crate::engine::outcome::{OutcomeClass, Verdict};
use crate::engine::past::history::{History, KnownVerdict};
use crate::engine::record::lineage::Landed;
use crate::engine::record::{Provenance, Record, VerdictReached};
use crate::engine::world::action::describe_check;
use crate::spec::plan::Validator;
use crate::spec::rule::ActionKind;

use super::{Closing, Look};

/// Opens the key of a command on what had landed by then.
const PROBE_DOMAIN: &str = "orch closing probe 1";
/// Opens the key under which it is known that a task was made again.
const REWORK_DOMAIN: &str = "orch rework 1";
/// Digits of a commit for people.
const SHORT: usize = 10;

/// Since when a command fails.
enum Since {
    /// Since this landing.
    Landing(TaskRef, CommitId),
    /// This place tells more.
    Unknown(Landed),
    /// It failed already on what this landing was made on, and not after the one before it.
    Beneath(TaskRef, CommitId),
    /// Since none of the plan: it holds on all that the plan landed.
    NoLanding,
    /// There is nothing to look for it in.
    Nowhere,
}

/// The key of what a command says of all that had landed by then.
pub(in crate::engine::jobs) fn probe_key(validator: &Validator, landed: &Landed) -> VerdictKey {
    let mut fingerprint = Fingerprint::new(PROBE_DOMAIN);
    describe_check(validator, &mut fingerprint);
    let place = match landed {
        Landed::With(commit) => format!("at {commit}"),
        Landed::Before(commit) => format!("before {commit}"),
    };
    VerdictKey(Digest::of(format!("{} {place}", fingerprint.finish()).as_bytes()))
}

/// Between its own landing, on which it passed, and the present, in which it fails.
fn since_when(history: &History, task: &TaskRef, validator: &Validator) -> Since {
    let Some(landings) = history.landed_since(task).filter(|it| !it.is_empty()) else {
        return Since::Nowhere;
    };
    let said = |landed: &Landed| history.verdict(&probe_key(validator, landed));
    let (mut good, mut bad) = (0, landings.len());
    // All before `good` let it pass; `bad` does not, or is the present.
    while good < bad {
        let middle = (good + bad) / 2;
        let landed = Landed::With(landings[middle].1.clone());
        match said(&landed) {
            None => return Since::Unknown(landed),
            Some(known) if known.verdict == Verdict::Fail => bad = middle,
            Some(_) => good = middle + 1,
        }
    }
    let Some((by, commit)) = landings.into_iter().nth(bad) else { return Since::NoLanding };
    // People and other plans may have put something between the two.
    let before = Landed::Before(commit.clone());
    match said(&before) {
        None => Since::Unknown(before),
        Some(known) if known.verdict == Verdict::Fail => Since::Beneath(by, commit),
        Some(_) => Since::Landing(by, commit),
    }
}

impl Shop<'_> {
    /// A validator fails on what the plan left: since when, and what follows.
    pub(super) fn look_for_culprit(
        &self,
        node: NodeId,
        closing: &Closing,
        known: &KnownVerdict,
    ) -> Look {
        let Closing { validator, by, .. } = closing;
        let task = self.build.board.task(node);
        let told = |what: String| {
            let first = known.findings.first().map_or("FAIL", String::as_str);
            let name = &validator.name;
            let message = format!(
                "its validator {name} fails on what its plan left (FAIL: {first}){what}: mend the files or the \
                 validator, or `orch accept` this one as it is; `orch retry` would pay for it again"
            );
            Look::Fails(OutcomeClass::Rejected, message)
        };
        match since_when(&self.ground.past.history, task, validator) {
            Since::Unknown(landed) if self.build.board.mode == Mode::Build => {
                Look::Probe(probing(validator, &landed), landed)
            }
            Since::Landing(culprit, commit) => {
                let commit = short(&commit);
                let since = format!(", since the landing of {culprit} ({commit})");
                match self.rework_of(task, validator, &culprit) {
                    Rest::ToDo(node, mut rework) => {
                        let head = format!(
                            "[FAIL] {task} was done before this task, and its validator {} fails since this task's \
                             result ({commit}) landed; both have to hold",
                            validator.name
                        );
                        rework.findings = [vec![head], known.findings.clone()].concat();
                        Look::Rework(node, rework)
                    }
                    Rest::Done => told(format!("{since}, which was made again once for that")),
                    Rest::Nothing => told(since),
                }
            }
            Since::Beneath(by, commit) => told(format!(
                ", and did so before {by} landed ({}), after all that its plan had landed till then: it was broken by \
                 something else",
                short(&commit)
            )),
            Since::NoLanding => told(
                ", and held on all that its plan landed: it was broken by something else"
                    .to_owned(),
            ),
            Since::Unknown(_) | Since::Nowhere => {
                let tasks: Vec<String> = by.iter().map(ToString::to_string).collect();
                told(format!("; its files were changed since by {}", tasks.join(", ")))
            }
        }
    }

    /// All is decided once more, with that task to be made again.
    pub(super) fn begin_anew(&mut self, culprit: NodeId, rework: Rework) {
        let (world, board) = (&self.ground.world, &mut self.build.board);
        let slot = board.slot(culprit);
        let run = board.run(culprit);
        (run.key, run.recipe) = (world.key(slot), world.recipe_digest(slot));
        run.rework = Some(rework);
        board.freshness.touch();
        board.freshness.replanned();
    }

    fn rework_of(&self, of: &TaskRef, validator: &Validator, culprit: &TaskRef) -> Rest {
        let (board, past) = (&self.build.board, &self.ground.past.history);
        let Some(node) = board.graph.id_of(culprit) else { return Rest::Nothing };
        let accepted = past.task(culprit).and_then(|it| it.accepted.as_ref());
        let made =
            accepted.filter(|it| matches!(it.provenance, Provenance::Ran | Provenance::Replayed));
        let recipe = self.ground.world.recipe(board.slot(node));
        let is_session =
            recipe.is_some_and(|it| it.rule.action == ActionKind::Session && it.judge.is_none());
        let Some(made) = made.filter(|_| is_session && board.mode == Mode::Build) else {
            return Rest::Nothing;
        };
        let key = format!("{REWORK_DOMAIN} {of} {} {culprit} {}", validator.name, made.key);
        let key = VerdictKey(Digest::of(key.as_bytes()));
        if past.verdict(&key).is_some() {
            return Rest::Done;
        }
        // It asks for the very task's: what it is called tells them apart.
        let name = ValidatorName::new(format!("{} of {of}", validator.name));
        let validator = Validator { name, baseline: Some(false), ..validator.clone() };
        let (of, findings) = (of.clone(), Vec::new());
        Rest::ToDo(node, Box::new(Rework { of, validator, key, findings }))
    }

    /// An attempt of a task that broke another's work begins: its result is asked that, too. From now on it is
    /// known that it was made again.
    pub(in crate::engine::jobs) fn begin_rework(&mut self, node: NodeId) -> Option<Validator> {
        let rework = self.build.board.known_run(node)?.rework.clone()?;
        if self.ground.past.history.verdict(&rework.key).is_none() {
            let reached = VerdictReached {
                at: self.ground.now(),
                task: self.build.board.task(node).clone(),
                validator: rework.validator.name.clone(),
                key: rework.key,
                verdict: Verdict::Fail,
                findings: rework.findings,
            };
            self.ground.append(Record::VerdictReached(Box::new(reached)));
        }
        Some(rework.validator)
    }

    /// True for the verdict of what the task had broken: it is not made a third time for that.
    pub(in crate::engine::jobs) fn is_rework(
        &self,
        node: NodeId,
        validator: &ValidatorName,
    ) -> bool {
        let rework = self.build.board.known_run(node).and_then(|it| it.rework.as_ref());
        rework.is_some_and(|it| it.validator.name == *validator)
    }
}

/// Whether the task that broke it is to be made again.
enum Rest {
    ToDo(NodeId, Box<Rework>),
    /// It was.
    Done,
    /// It is a command, which would do the same, or a person has taken it as it is.
    Nothing,
}

/// The validator as the run on a landing is called.
fn probing(validator: &Validator, landed: &Landed) -> Validator {
    let place = match landed {
        Landed::With(commit) => format!("at {}", short(commit)),
        Landed::Before(commit) => format!("before {}", short(commit)),
    };
    let name = ValidatorName::new(format!("{} {place}", validator.name));
    Validator { name, baseline: Some(false), ..validator.clone() }
}

fn short(commit: &CommitId) -> &str {
    let hex = commit.as_str();
    &hex[..hex.len().min(SHORT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::file::Patch;
    use crate::base::measure::{Moment, Usd};
    use crate::base::name::{ActionKey, AgentName};
    use crate::engine::record::lineage::{Landing, Lineage};
    use crate::spec::glob::GlobSet;
    use crate::spec::plan::ValidatorKind;

    fn landing(order: u32, task: &str) -> Landing {
        Landing {
            order,
            commit: CommitId::new(format!("c{order}")),
            task: TaskRef::new("p", task),
            action: ActionKey(Digest::of(b"key")),
            recipe: None,
            output: Patch::default().output_digest(),
            report: None,
            session: None,
            model: None,
            cost: Usd::ZERO,
            verdicts: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The landing that is found where the command fails from the one at `first_bad` on, or by what lies beneath
    /// it, and how often it was asked.
    fn check(n: u32, first_bad: u32, is_beneath: bool) -> (String, usize) {
        let landings = (0..=n).map(|at| landing(at, &format!("t{at}"))).collect();
        let lineage = Lineage { landings, ..Lineage::default() };
        let mut records = Vec::new();
        let validator = Validator {
            name: ValidatorName::new("sums"),
            kind: ValidatorKind::Agent(AgentName::new("any")),
            inputs: GlobSet::default(),
            timeout: None,
            baseline: None,
        };
        loop {
            let history = History::new(&records, &lineage);
            let landed = match since_when(&history, &TaskRef::new("p", "t0"), &validator) {
                Since::Landing(by, _) => return (by.task.to_string(), records.len()),
                Since::Beneath(by, _) => return (format!("beneath {}", by.task), records.len()),
                Since::NoLanding => return ("none".to_owned(), records.len()),
                Since::Nowhere => return ("nowhere".to_owned(), records.len()),
                Since::Unknown(landed) => landed,
            };
            let (Landed::With(commit) | Landed::Before(commit)) = &landed;
            let at: u32 = commit.as_str()[1..].parse().unwrap();
            let fails = match landed {
                Landed::With(_) => at >= first_bad,
                Landed::Before(_) => at > first_bad || at == first_bad && is_beneath,
            };
            records.push(Record::VerdictReached(Box::new(VerdictReached {
                at: Moment(0),
                task: TaskRef::new("p", "t0"),
                validator: validator.name.clone(),
                key: probe_key(&validator, &landed),
                verdict: if fails { Verdict::Fail } else { Verdict::Pass },
                findings: Vec::new(),
            })));
        }
    }

    #[test]
    fn the_landing_that_broke_it_is_found_by_halving() {
        assert_eq!(check(0, 1, false).0, "nowhere");
        for n in 1..=40 {
            for first_bad in 1..=n {
                let (found, n_asked) = check(n, first_bad, false);
                assert_eq!(found, format!("t{first_bad}"), "{n} landings");
                assert!(n_asked <= n.ilog2() as usize + 2, "{n} landings, {n_asked} asked");
                assert_eq!(check(n, first_bad, true).0, format!("beneath t{first_bad}"));
            }
            assert_eq!(check(n, n + 1, false).0, "none", "{n} landings");
        }
    }
}
