//! Reports that say FAIL: a task that comes after has to settle what they found; where none does, the
//! report's own task has failed.

use crate::base::measure::Moment;
use crate::base::name::TaskRef;
use crate::engine::effect::{Effect, Notice, StatusEdit};
use crate::engine::graph::NodeId;
use crate::engine::graph::schedule::Settled;
use crate::engine::ground::Ground;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::AcceptedFact;
use crate::engine::why::Why;
use crate::spec::agent::Agent;
use crate::spec::plan::Status;
use crate::spec::rule::ActionKind;

use super::{Board, Mode, edit_of};

impl Board {
    /// Fails a task whose report says FAIL and that nothing after it settles. True where it is one.
    pub fn fail_by_report(
        &mut self,
        id: NodeId,
        fact: &AcceptedFact,
        ground: &mut Ground<'_>,
    ) -> bool {
        let is_fail = fact.report.as_ref().is_some_and(|it| it.mark.is_fail);
        if !is_fail || self.is_followed(id, fact.at, ground) {
            return false;
        }
        let class = OutcomeClass::Rejected;
        let task = self.task(id).clone();
        let message = unsettled_message(&task, ground.world.is_stage(self.slot(id)));
        let why = Why::Ended { class, message: message.clone() };
        self.note_reason(id, why.clone());
        if self.mode == Mode::Build && self.run(id).gave_up != Some(class) {
            self.run(id).gave_up = Some(class);
            let edit = StatusEdit {
                last_error: Some(message),
                ..edit_of(self.slot(id), Status::Failed, ground)
            };
            ground.past.lines.expect(task.clone(), Status::Failed);
            ground.push(Effect::WriteStatus(edit));
            ground.publish(Notice::TaskFailed { task, why, help: None });
        }
        self.settle(id, Settled::Failed(class));
        true
    }

    /// A task that comes after gets the report and can do something about it.
    fn is_followed(&self, id: NodeId, at: Option<Moment>, ground: &Ground<'_>) -> bool {
        let end = self.graph.plan_range(self.graph.node(id).plan).end;
        let needs = |it: &NodeId| self.graph.node(*it).needs.contains(&id);
        let comes_later = |it: &NodeId| {
            let past = ground.past.history.task(self.task(*it));
            let made = past.and_then(|it| it.accepted.as_ref()).map(|it| it.at);
            // What was made before it knew nothing of it.
            made.is_none_or(|made| made > at)
        };
        let start = self.graph.plan_range(self.graph.node(id).plan).start;
        (start..end).map(NodeId).filter(|it| *it != id).any(|it| {
            let is_behind = self.graph.waits_in_order(it, id) && self.is_beside(it, id, ground);
            (needs(&it) || is_behind && comes_later(&it)) && self.can_settle(it, ground)
        })
    }

    /// A session that may write, and that is to run.
    fn can_settle(&self, id: NodeId, ground: &Ground<'_>) -> bool {
        let slot = self.slot(id);
        let Some(recipe) = ground.world.recipe(slot) else { return false };
        let allowed = recipe.rule.outputs.allowed.as_ref();
        recipe.rule.action == ActionKind::Session
            && recipe.agent.as_deref().is_none_or(Agent::can_write)
            && allowed.is_none_or(|it| !it.patterns.is_empty())
            && ground.world.record(slot).status != Status::Skipped
    }

    /// Both stand in one section of a plan.
    pub fn is_beside(&self, one: NodeId, other: NodeId, ground: &Ground<'_>) -> bool {
        let section = |id: NodeId| ground.world.spec(self.slot(id)).map(|it| it.section.clone());
        self.graph.node(one).plan == self.graph.node(other).plan && section(one) == section(other)
    }
}

/// What a person can do about a report that says FAIL.
fn unsettled_message(task: &TaskRef, is_stage: bool) -> String {
    let (why, mend) = match is_stage {
        true => ("it says FAIL, and no cycle is left", "change the item, or mend it"),
        false => ("its report says FAIL, and no task after it settles that", "mend it"),
    };
    format!(
        "{why} (`orch show {task}` has it): {mend} and `orch retry {task}`, or `orch accept {task}`"
    )
}
