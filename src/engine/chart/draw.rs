//! Charting everything, where a build found it up to date.

use std::collections::BTreeMap;

use super::rows::Rows;
use super::{Chart, PlanChart, TaskChart, TaskPart};
use crate::base::name::RelPath;
use crate::engine::decide::Board;
use crate::engine::graph::NodeId;
use crate::engine::past::Past;
use crate::engine::past::view::Touch;
use crate::engine::world::{Scanned, Slot, World};
use crate::spec::glob::GlobSet;
use crate::spec::plan::{Plan, Section, Status, Task};
use crate::spec::rule::ActionKind;

/// More landings on what tasks read are not charted, in multiples of the number of tasks: every
/// task would have all of them.
const TOUCHES: usize = 4;

/// Landings on a path.
type TouchesOf<'a> = (&'a RelPath, &'a [Touch]);

/// Who draws a chart.
struct Drawing<'a> {
    board: &'a Board,
    world: &'a World,
    past: &'a Past,
}

/// The chart of all tasks and, in the same order, what it leaves out of each. `None` where a task cannot
/// be built, or it would be too large.
pub fn chart_of(board: &Board, world: &World, past: &Past) -> Option<(Chart, Vec<TaskPart>)> {
    Drawing { board, world, past }.chart()
}

impl Drawing<'_> {
    fn chart(&self) -> Option<(Chart, Vec<TaskPart>)> {
        let touches = self.touches_of_sets();
        let (mut plans, mut tasks, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut needs, mut reads) = (Rows::default(), Rows::default());
        let mut n_touches = 0;
        for (number, (path, plan)) in (0..).zip(self.world.plans()) {
            plans.push(self.chart_plan(number, path, plan));
            let start = self.board.graph.plan_range(number).start;
            for ((section, task), id) in tasks_of(plan).zip((start..).map(NodeId)) {
                let (place, sets) = self.chart_task(id, section, task)?;
                let near = sets.iter().flat_map(|set| &touches[*set as usize]);
                let part = self.part_of(id, task, &place, near.copied());
                n_touches += part.touches.iter().map(|(_, it)| it.len()).sum::<usize>();
                needs.push(self.board.graph.node(id).needs.iter().copied());
                reads.push(sets);
                tasks.push(place);
                parts.push(part);
            }
            if n_touches > TOUCHES * (self.board.graph.len() + 1) {
                return None;
            }
        }
        let clean_for = self.world.known().digest();
        let past = self.past.history.common();
        Some((Chart { plans, tasks, needs, reads, past, clean_for }, parts))
    }

    fn chart_plan(&self, number: u32, path: &RelPath, plan: &Plan) -> PlanChart {
        let range = self.board.graph.plan_range(number);
        let ordered = range.clone().rfind(|it| self.board.graph.node(NodeId(*it)).is_ordered);
        PlanChart {
            is_committed: self.world.is_as_committed(path),
            path: path.clone(),
            plan: Plan {
                name: plan.name.clone(),
                meta: plan.meta.clone(),
                sections: plan.sections.iter().map(without_tasks).collect(),
            },
            start: range.start,
            end: range.end,
            ordered_until: ordered.map_or(0, |it| it + 1),
        }
    }

    /// A task's place, and the pattern sets that it reads.
    fn chart_task(&self, id: NodeId, section: u32, task: &Task) -> Option<(TaskChart, Vec<u32>)> {
        let slot = self.board.slot(id);
        let recipe = self.world.recipe(slot)?;
        let validators = self.world.validators(slot, recipe);
        let status = task.record.status;
        let place = TaskChart {
            id: task.id.clone(),
            section,
            is_command: recipe.rule.action == ActionKind::Command,
            is_judged: !validators.is_empty() || recipe.judge.is_some(),
            is_over: status.is_done() || status == Status::Skipped,
        };
        Some((place, places_of(self.world.scanned(), &self.world.sets_read(recipe, &validators))))
    }

    fn part_of<'a>(
        &'a self,
        id: NodeId,
        task: &Task,
        place: &TaskChart,
        read: impl Iterator<Item = TouchesOf<'a>>,
    ) -> TaskPart {
        let slot = self.board.slot(id);
        let mut touches: BTreeMap<RelPath, Vec<Touch>> =
            read.map(|(path, it)| (path.clone(), it.to_vec())).collect();
        let design = self.design_of(slot).filter(|_| !place.is_command);
        for design in self.world.with_target(design) {
            if let it @ [_, ..] = self.past.history.touches(&design) {
                touches.insert(design, it.to_vec());
            }
        }
        TaskPart {
            task: task.clone(),
            past: self.past.history.task(self.world.task(slot)).cloned(),
            output: self.world.output(slot),
            touches: touches.into_iter().collect(),
        }
    }

    fn design_of(&self, slot: Slot) -> Option<RelPath> {
        RelPath::normalize(self.world.meta(slot).plan_doc.as_deref()?)
    }

    /// Landings on the paths that each pattern set takes.
    fn touches_of_sets(&self) -> Vec<Vec<TouchesOf<'_>>> {
        let scanned = self.world.scanned();
        let mut of_sets = vec![Vec::new(); scanned.globs.len()];
        for path in self.past.history.touched_paths() {
            for set in scanned.index.sets_taking(path) {
                of_sets[set].push((path, self.past.history.touches(path)));
            }
        }
        of_sets
    }
}

/// The places of sets among all that are scanned for.
fn places_of(scanned: &Scanned, sets: &[GlobSet]) -> Vec<u32> {
    let places = sets.iter().filter_map(|set| scanned.globs.binary_search(set).ok());
    places.map(|it| it as u32).collect()
}

fn tasks_of(plan: &Plan) -> impl Iterator<Item = (u32, &Task)> {
    let sections = plan.sections.iter().zip(0..);
    sections.flat_map(|(section, number)| section.tasks.iter().map(move |it| (number, it)))
}

fn without_tasks(section: &Section) -> Section {
    Section {
        id: section.id.clone(),
        name: section.name.clone(),
        status: section.status,
        tasks: Vec::new(),
        span: section.span.clone(),
    }
}
