//! Who wins: a judge that sees the proposals under labels, or whoever is left.

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, ModelName, RelPath, ValidatorName};
use crate::engine::admission::{Activity, Phase, with_reset};
use crate::engine::broken::{Must, Sound};
use crate::engine::effect::{
    Base, Effect, Exhibit, Launch, LaunchAction, Notice, Purpose, SessionLaunch,
};
use crate::engine::graph::schedule::State;
use crate::engine::jobs::attempt::{AtWork, Attempt, Produced};
use crate::engine::jobs::ballot::{Ballot, Listed, ballot_of, judge_prompt, schema};
use crate::engine::jobs::ended::{cost_of, model_of};
use crate::engine::jobs::{JobOf, Kind, Shop, Stage};
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{
    Expectation, Judgement, Look, OutcomeClass, classify_ending, look_of,
};
use crate::engine::record::{Entrant, Judged, Record, Score};
use crate::spec::glob::GlobSet;
use crate::spec::rule::Limits;

use super::propose::is_of_the_service;
use super::{Contender, ContenderState, Contest, Won};

/// How often a judge may reach no verdict before the task fails loudly.
const MAX_NO_VERDICT: u32 = 2;

/// What a judge may use where its agent names nothing.
const TOOLS: [&str; 3] = ["Read", "Grep", "Glob"];

/// The session that judged.
#[derive(Default)]
struct Judge {
    attempt: Option<AttemptId>,
    model: Option<ModelName>,
    cost: Usd,
}

/// Who was chosen, and by whom.
struct Choice {
    ballot: Ballot,
    judge: Judge,
}

impl Shop<'_> {
    /// No proposal is open any more.
    pub(in crate::engine::jobs) fn conclude(&mut self, owner: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        let contest = attempt.contest()?;
        let labels: Vec<&str> = contest.contenders().map(|it| it.label.as_str()).collect();
        match labels[..] {
            [] => self.fail_all(owner),
            [only] => {
                let only = only.to_owned();
                self.win_unopposed(owner, only)
            }
            _ => match self.known_ballot(attempt, &labels) {
                Some(choice) => self.crown(owner, choice),
                None => self.launch_judge(owner),
            },
        }
    }

    /// Nobody is left: the attempt fails as any other, and the next one asks all again.
    fn fail_all(&mut self, owner: AttemptId) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        let node = attempt.node;
        let outs = attempt.contest()?.entries.iter().filter_map(|it| match &it.state {
            ContenderState::Out(class, why) => Some((*class, why.clone())),
            _ => None,
        });
        let outs: Vec<(OutcomeClass, String)> = outs.collect();
        let class = outs.last().map_or(OutcomeClass::Unknown, |it| it.0);
        let whys: Vec<&str> = outs.iter().map(|it| it.1.as_str()).collect();
        let message = format!("none of {} proposals is left: {}", outs.len(), whys.join("; "));
        if let Some(node) = node {
            self.build.board.run(node).outs.clear();
        }
        self.close_contest(owner, None)?;
        self.set_back(owner, class, message)
    }

    fn win_unopposed(&mut self, owner: AttemptId, label: String) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        let node = attempt.node;
        let n = attempt.contest()?.entries.len();
        let text = format!(
            "{}: {} of {n} proposals are out; {label} goes on unopposed",
            attempt.task,
            n - 1
        );
        self.ground.publish(Notice::warning(text.as_str()));
        if let Some(node) = node {
            self.build.board.run(node).warnings.push(text.clone());
        }
        let ballot = Ballot { winner: label, scores: Default::default(), reasons: text };
        self.crown(owner, Choice { ballot, judge: Judge::default() })
    }

    /// What a judge has said of all of them before: the best of those that are left.
    fn known_ballot(&self, attempt: &Attempt, labels: &[&str]) -> Option<Choice> {
        let judged = self.ground.past.history.task(&attempt.task)?.judged.as_ref();
        let judged = judged.filter(|it| it.key == attempt.key)?;
        let score = |label: &str| -> Option<Score> {
            judged.entrants.iter().find(|it| it.label == label)?.score
        };
        let scores: Vec<(String, Score)> = labels
            .iter()
            .map(|label| Some(((*label).to_owned(), score(label)?)))
            .collect::<Option<_>>()?;
        let best = scores.iter().max_by_key(|(label, score)| (*score, *label == judged.winner))?;
        let ballot = Ballot {
            winner: best.0.clone(),
            reasons: judged.reasons.clone(),
            scores: scores.iter().cloned().collect(),
        };
        let model = judged.judge_model.clone();
        let judge = Judge { attempt: judged.judge, model, cost: judged.judge_cost };
        Some(Choice { ballot, judge })
    }

    fn launch_judge(&mut self, owner: AttemptId) -> Sound {
        let id = self.ground.past.new_attempt();
        let (attempt, contest) =
            self.competing(owner).must("proposals are judged in no competition")?;
        let launch = match self.judge_launch(JobOf { owner, id }, attempt, contest) {
            Ok(launch) => launch,
            Err(problem) => {
                self.close_contest(owner, None)?;
                return self.give_up_attempt(owner, OutcomeClass::LaunchFailure, problem);
            }
        };
        let at = self.ground.now();
        let attempt = self.build.jobs.attempt_mut(owner)?;
        let validator = attempt.recipe.judge.as_ref().map(|(_, it)| it.name.as_str().into());
        attempt.at_work.phase = Phase::Validating;
        attempt.at_work.doing = Activity::Judging;
        self.contest_mut(owner)?.judge = Some(id);
        self.build.jobs.open(id, Kind::Judge { owner })?;
        self.build.jobs.reach(id, Stage::Running)?;
        self.build.money.n_sessions += 1;
        let (task, key, number) = (launch.task.clone(), launch.key, launch.number);
        self.ground.append(Record::AttemptStarted {
            at,
            attempt: id,
            task,
            key,
            recipe: None,
            number,
            validator,
            is_command: false,
        });
        self.build.admission.pass_with(&launch, self.ground.now());
        self.ground.push(Effect::Run(Box::new(launch)));
        Ok(())
    }

    fn judge_launch(
        &self,
        of: JobOf,
        attempt: &Attempt,
        contest: &Contest,
    ) -> Result<Launch, String> {
        let (_, judge) = attempt.recipe.judge.as_ref().ok_or("it names no judge")?;
        let mut contenders: Vec<&Contender> = contest.contenders().collect();
        contenders.sort_by(|a, b| a.label.cmp(&b.label));
        let labels: Vec<&str> = contenders.iter().map(|it| it.label.as_str()).collect();
        let listed: Vec<Listed<'_>> = contenders.iter().map(|it| listed(it)).collect();
        let asked = judge_prompt(&attempt.task, &attempt.recipe.spec, &listed);
        let session = SessionLaunch {
            prompt: format!("{}\n\n---\n\n{asked}", judge.body.trim_end()),
            model: judge.model.clone(),
            tools: judge.tools_or(&TOOLS.map(str::to_owned)),
            denied: judge.disallowed.clone(),
            permission: judge.permission,
            effort: judge.effort,
            max_turns: judge.max_turns,
            servers: judge.servers_wanted(),
            resume: None,
            otherwise: Vec::new(),
            max_usd: self
                .share_of(of.owner, u32::try_from(contest.entries.len()).unwrap_or(u32::MAX)),
            schema: Some(schema(&labels)),
        };
        let exhibits = contenders.iter().map(|it| exhibit(it)).collect();
        let launch = self.launch_with(of.id, attempt, LaunchAction::Session(session), Base::Tip);
        Ok(Launch {
            purpose: Purpose::Judge(ValidatorName::new(judge.name.as_str()), exhibits),
            limits: Limits { usd: None, ..launch.limits },
            required_outputs: GlobSet::default(),
            plan: None,
            ..launch
        })
    }

    pub(in crate::engine::jobs) fn take_judge_ended(
        &mut self,
        of: JobOf,
        evidence: &Evidence,
    ) -> Sound {
        let JobOf { owner, id } = of;
        let attempt = self.build.jobs.attempt(owner)?;
        let contenders = attempt.contest()?.contenders();
        let labels: Vec<&str> = contenders.map(|it| it.label.as_str()).collect();
        let task = attempt.task.task.clone();
        let expectation =
            Expectation { clock: self.ground.step.clock(), ..Expectation::of_validator(task) };
        let (judgement, ballot) = judge(evidence, expectation, &labels);
        let judgement = with_reset(judgement, self.ground.now());
        self.journal_end(of, evidence, &judgement)?;
        self.build.jobs.close_helper(id);
        let was_probe = self.hear_of_service(of, evidence, &judgement)?;
        self.book_entry(owner, evidence, was_probe)?;
        self.ground.push(Effect::Drop { attempt: id });
        let contest = self.contest_mut(owner)?;
        contest.judge = None;
        match ballot {
            Some(ballot) => {
                let cost = cost_of(evidence);
                let judge = Judge { attempt: Some(id), model: model_of(evidence), cost };
                self.crown(owner, Choice { ballot, judge })
            }
            None if is_of_the_service(judgement.class) => {
                contest.setback = Some((judgement.class, judgement.message));
                Ok(())
            }
            None => self.no_ballot(owner, &judgement),
        }
    }

    /// A judge that did nothing has chosen nobody: asked again once, then loud.
    fn no_ballot(&mut self, owner: AttemptId, judgement: &Judgement) -> Sound {
        let contest = self.contest_mut(owner)?;
        contest.n_no_verdict += 1;
        if contest.n_no_verdict < MAX_NO_VERDICT {
            return Ok(());
        }
        let kept: Vec<&str> = contest.contenders().filter_map(|it| it.kept_as.as_deref()).collect();
        let kept = match kept.is_empty() {
            true => String::new(),
            false => format!("; the proposals are kept: {}", kept.join(", ")),
        };
        let message = format!("its judge reached no verdict: {}{kept}", judgement.message);
        self.close_contest(owner, None)?;
        self.give_up_attempt(owner, OutcomeClass::NoVerdict, message)
    }

    /// The winner becomes the task's attempt; those that lost stay under their refs.
    fn crown(&mut self, owner: AttemptId, choice: Choice) -> Sound {
        let attempt = self.build.jobs.attempt(owner)?;
        let contest = attempt.contest()?;
        let winner = contest.contenders().find(|it| it.label == choice.ballot.winner);
        let winner = winner.must("the winner is none of those that were judged")?.clone();
        let id = winner.attempt.must("a proposal that is done has no attempt")?;
        let judged = judged_of(attempt, contest, &choice, self.ground.now());
        let ballot = choice.ballot;
        let others = contest.contenders().filter(|it| it.label != winner.label);
        let notice = Notice::Judged {
            task: attempt.task.clone(),
            winner: ballot.winner.clone(),
            scores: ballot.scores.iter().map(|(label, it)| (label.clone(), *it)).collect(),
            reasons: ballot.reasons.clone(),
            kept: others.filter_map(|it| it.kept_as.clone()).collect(),
        };
        self.ground.publish(notice);
        self.ground.append(Record::Judged(Box::new(judged)));
        self.close_contest(owner, Some(id))?;
        let attempt = self.build.jobs.close(owner)?;
        let node = attempt.node;
        self.build.jobs.open(id, Kind::Work(Box::new(as_winner(attempt, winner, &ballot))))?;
        self.build.jobs.reach(id, Stage::Judged)?;
        if let Some(node) = node {
            self.build.board.schedule.set(node, State::Active(id));
        }
        self.review_candidate(id)
    }
}

fn as_winner(attempt: Attempt, winner: Contender, ballot: &Ballot) -> Attempt {
    let scores: Vec<String> =
        ballot.scores.iter().map(|(label, score)| format!("{label} {score}")).collect();
    let standing = match scores.is_empty() {
        true => format!("{} unopposed", winner.label),
        false => format!("{} of {}", winner.label, scores.join(", ")),
    };
    let made = Produced {
        model: winner.made.model.or(attempt.made.model),
        cost: attempt.made.cost,
        was_probe: attempt.made.was_probe,
        won: Some(Won { number: winner.number, kept_as: winner.kept_as, standing }),
        ..winner.made
    };
    Attempt { at_work: AtWork { phase: Phase::Merging, ..attempt.at_work }, made, ..attempt }
}

fn judged_of(
    attempt: &Attempt,
    contest: &Contest,
    choice: &Choice,
    at: crate::base::measure::Moment,
) -> Judged {
    let Choice { ballot, judge } = choice;
    let entrant = |it: &Contender| {
        let past = it.recalled.as_deref();
        Entrant {
            label: it.label.clone(),
            score: ballot.scores.get(&it.label).copied(),
            attempt: past.map(|it| it.attempt).or(it.attempt),
            model: it.made.model.clone(),
            cost: past.map_or(it.made.cost, |it| it.cost),
            session: it.made.session.clone(),
            kept_as: it.kept_as.clone(),
            out: match &it.state {
                ContenderState::Out(_, why) => Some(why.clone()),
                _ => None,
            },
        }
    };
    let mut entrants: Vec<Entrant> = contest.entries.iter().map(entrant).collect();
    entrants.sort_by(|a, b| a.label.cmp(&b.label));
    Judged {
        at,
        task: attempt.task.clone(),
        key: attempt.key,
        winner: ballot.winner.clone(),
        judge: judge.attempt,
        judge_model: judge.model.clone(),
        judge_cost: judge.cost,
        reasons: ballot.reasons.clone(),
        entrants,
    }
}

/// The judgement for the journal, and the ballot if it counts. A session that looked at nothing has
/// chosen nobody, whatever it says.
fn judge(
    evidence: &Evidence,
    expectation: Expectation,
    labels: &[&str],
) -> (Judgement, Option<Ballot>) {
    let judgement = classify_ending(evidence, &expectation);
    if judgement.class != OutcomeClass::Done {
        return (judgement, None);
    }
    let no_verdict = |message: String| {
        (Judgement { class: OutcomeClass::NoVerdict, message, ..judgement.clone() }, None)
    };
    let Some(stream) = &evidence.stream else { return no_verdict("no stream".to_owned()) };
    if look_of(stream) == Look::Nowhere {
        return no_verdict("it used no tool to look, or was denied each".to_owned());
    }
    let result = stream.result.as_ref();
    match ballot_of(result.and_then(|it| it.structured_output.as_deref()), labels) {
        Ok(ballot) => {
            let message = format!("{} wins: {}", ballot.winner, ballot.reasons);
            (Judgement { message, ..judgement }, Some(ballot))
        }
        Err(why) => no_verdict(why),
    }
}

fn listed(entry: &Contender) -> Listed<'_> {
    let changes = entry.made.merged.changes();
    let paths = |is_there: bool| -> Vec<&RelPath> {
        changes.iter().filter(|it| it.after.is_some() == is_there).map(|it| &it.path).collect()
    };
    Listed { label: &entry.label, written: paths(true), removed: paths(false) }
}

fn exhibit(entry: &Contender) -> Exhibit {
    Exhibit {
        label: entry.label.clone(),
        tree: entry.made.candidate.clone(),
        paths: listed(entry).written.into_iter().cloned().collect(),
        answer: entry.answer.clone(),
    }
}
