//! Reports of tasks before one: what its session gets to read.

use std::collections::BTreeSet;

use crate::base::name::ValidatorName;
use crate::engine::effect::{Effect, NeededReport, Notice};
use crate::engine::graph::NodeId;
use crate::engine::outcome::{Verdict, verdict_of};
use crate::engine::report::Report;

use super::Shop;

/// The name under which a report is read as a verdict.
const REPORT: &str = "report";

impl Shop<'_> {
    /// Reports of what a task depends on, of what those were made from, and of what stands before it in
    /// its section where it waits for that in order.
    pub(super) fn reports_before(&self, node: NodeId) -> Vec<NeededReport> {
        let graph = &self.build.board.graph;
        let mut open: Vec<NodeId> = graph.node(node).needs.to_vec();
        open.extend(self.ordered_before(node));
        let mut found = BTreeSet::new();
        while let Some(need) = open.pop() {
            if self.report_of(need).is_some() && found.insert(need) {
                open.extend(graph.node(need).needs.iter());
            }
        }
        found.into_iter().filter_map(|it| self.report_of(it)).collect()
    }

    fn report_of(&self, id: NodeId) -> Option<NeededReport> {
        let task = self.build.board.task(id);
        let accepted = self.ground.past.history.task(task)?.accepted.as_ref()?;
        let spec = self.ground.world.spec(self.build.board.slot(id));
        Some(NeededReport {
            task: task.clone(),
            name: spec.map(|it| it.name.clone()).unwrap_or_default(),
            report: accepted.report.clone()?,
        })
    }

    fn ordered_before(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let graph = &self.build.board.graph;
        let start = graph.plan_range(graph.node(node).plan).start;
        let before = (start..node.0).map(NodeId);
        before.filter(move |it| graph.waits_in_order(node, *it) && self.is_beside(node, *it))
    }

    fn is_beside(&self, one: NodeId, other: NodeId) -> bool {
        let section = |id: NodeId| {
            let spec = self.ground.world.spec(self.build.board.slot(id));
            spec.map(|it| it.section.clone())
        };
        section(one) == section(other)
    }

    /// What a report says of what it looked at, where it gives a verdict; told and kept. `Some` with
    /// the reason where it says FAIL and no task after it could settle that.
    pub(super) fn read_verdict(&mut self, node: NodeId, report: &Report) -> Option<String> {
        let (verdict, findings) = verdict_of(report.text())?;
        let task = self.build.board.task(node).clone();
        let validator = ValidatorName::new(REPORT);
        if verdict != Verdict::Pass {
            self.build.board.note_warnings(node, &validator, findings.clone());
        }
        let first = findings.first().cloned();
        self.ground.push(Effect::Publish(Notice::Validated {
            task: task.clone(),
            validator,
            verdict,
            findings,
        }));
        if verdict != Verdict::Fail || self.is_followed(node) {
            return None;
        }
        let first = first.map_or(String::new(), |it| format!(": {it}"));
        Some(format!(
            "its report says FAIL{first}; no task depends on it that would settle this: mend it and \
             `orch retry {task}`, or `orch accept {task}`"
        ))
    }

    /// A task after it gets its report.
    fn is_followed(&self, node: NodeId) -> bool {
        let graph = &self.build.board.graph;
        let after = node.0 + 1..graph.plan_range(graph.node(node).plan).end;
        let waits = |it: NodeId| graph.waits_in_order(it, node) && self.is_beside(it, node);
        after.map(NodeId).any(|it| graph.node(it).needs.contains(&node) || waits(it))
    }
}
