//! How a job ended, as it is written down: costs are counted from these records.

use crate::base::name::{AgentName, ValidatorName};
use crate::engine::broken::{Must, Sound};
use crate::engine::outcome::Judgement;
use crate::engine::outcome::evidence::{Evidence, StatusFile};
use crate::engine::record::{AttemptEnded, Record, Spend};
use crate::spec::plan::ValidatorKind;

use super::ended::{cost_of, model_of};
use super::review::{baseline_name, former_name};
use super::{JobOf, Kind, Shop};

/// As what a job is written down.
struct Part {
    /// The validator or judge that it was; `None` where it was work.
    validator: Option<ValidatorName>,
    agent: Option<AgentName>,
    number: u32,
}

impl Shop<'_> {
    /// Writes down how a job that lives ended, and books what it cost.
    pub(super) fn journal_end(
        &mut self,
        of: JobOf,
        evidence: &Evidence,
        judgement: &Judgement,
    ) -> Sound {
        let Part { validator, agent, number } = self.part_of(of)?;
        let mut spend = self.build.money.book(of.owner, evidence.stream.as_ref());
        let attempt = self.build.jobs.attempt(of.owner)?;
        if evidence.stream.is_some() {
            let limit = attempt.recipe.rule.limits.usd;
            let is_budget_bound = self.build.money.is_bound(of.id, limit);
            spend = Spend { agent, is_budget_bound, ..spend };
        }
        let ended = AttemptEnded {
            at: self.ground.now(),
            attempt: of.id,
            task: attempt.task.clone(),
            key: attempt.key,
            recipe: Some(attempt.made_by),
            number,
            is_uncounted: validator.is_none() && attempt.is_uncounted(judgement.class),
            validator,
            outcome: judgement.class,
            message: judgement.message.clone(),
            cost: cost_of(evidence),
            spend,
            model: model_of(evidence),
            session: evidence.session.clone(),
            transcript: evidence.transcript,
            prompt: evidence.prompt,
            duration: evidence.duration,
            slack_messages: slack_messages_of(evidence),
        };
        self.ground.append(Record::AttemptEnded(Box::new(ended)));
        Ok(())
    }

    fn part_of(&self, of: JobOf) -> Sound<Part> {
        let attempt = self.build.jobs.attempt(of.owner)?;
        let recipe = &attempt.recipe;
        let worker = recipe.agent.as_ref().map(|it| it.name.clone());
        let part = |validator, agent, number| Part { validator, agent, number };
        let job = self.build.jobs.job(of.id).must("what ended is no job")?;
        Ok(match job.kind {
            Kind::Work(_) => part(None, worker, attempt.number),
            Kind::Propose { .. } => part(None, worker, attempt.contest()?.entry_of(of.id)?.number),
            Kind::Judge { .. } => {
                let (_, judge) =
                    recipe.judge.as_ref().must("a judge is none of its task's rule")?;
                let name = judge.name.as_str().into();
                part(Some(name), Some(judge.name.clone()), attempt.number)
            }
            Kind::Validate { .. } => {
                let it = attempt.review.at_work()?;
                let name = match (&attempt.review.suspect, &attempt.review.doubt) {
                    (Some(_), _) => baseline_name(&it.name),
                    (None, Some(_)) => former_name(&it.name),
                    (None, None) => it.name.clone(),
                };
                let agent = match &it.kind {
                    ValidatorKind::Agent(agent) => Some(agent.clone()),
                    _ => None,
                };
                part(Some(name), agent, attempt.number)
            }
        })
    }
}

fn slack_messages_of(evidence: &Evidence) -> Vec<serde_json::Value> {
    match &evidence.status_file {
        StatusFile::Given(report) => report.slack_messages.clone(),
        _ => Vec::new(),
    }
}
