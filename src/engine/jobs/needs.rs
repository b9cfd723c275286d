//! Reports of tasks before one: what its session gets to read.

use std::collections::BTreeSet;

use crate::base::name::ValidatorName;
use crate::engine::effect::{NeededReport, Notice};
use crate::engine::graph::NodeId;
use crate::engine::outcome::{Verdict, verdict_of};
use crate::engine::report::Report;

use super::Shop;

/// The name under which a report is read as a verdict.
const REPORT: &str = "report";

impl Shop<'_> {
    /// Reports of what a task depends on, of what those were made from, and of what stands before it in
    /// its section where it waits for that in order.
    pub(in crate::engine::jobs) fn reports_before(&self, node: NodeId) -> Vec<NeededReport> {
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
        before.filter(move |it| {
            graph.waits_in_order(node, *it) && self.build.board.is_beside(node, *it, &self.ground)
        })
    }

    /// What a report says of what it looked at, where it gives a verdict, is told and kept.
    pub(super) fn tell_verdict(&mut self, node: NodeId, report: &Report) {
        let Some((verdict, findings)) = verdict_of(report.text()) else { return };
        let task = self.build.board.task(node).clone();
        let validator = ValidatorName::new(REPORT);
        if verdict != Verdict::Pass {
            self.build.board.note_warnings(node, &validator, findings.clone());
        }
        self.ground.publish(Notice::Validated { task, validator, verdict, findings });
    }
}
