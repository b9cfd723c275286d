//! Tasks that look alike, and of which nobody can tell which files they touch: two go first. Where
//! tasks have met on a file, those like them are taken to touch it, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::name::{RelPath, TaskRef};
use crate::engine::decide::Board;
use crate::engine::event::Conflict;
use crate::engine::graph::NodeId;
use crate::engine::ground::Ground;
use crate::engine::why::Wait;
use crate::engine::world::{Recipe, World};
use crate::spec::plan::TaskSpec;
use crate::spec::rule::ActionKind;

use super::{Admission, Origin, Yard};

/// So many go first, and so many with a result show that they do not meet.
const SCOUTS: usize = 2;
/// Of all words of two texts, in hundredths, this many are in both where they are alike.
const ALIKE: usize = 60;
/// Of a text, in words.
const WORDS: usize = 60;

/// The words of a task's name and description, without numbers.
type Shape = Arc<BTreeSet<String>>;

/// What one build has learned of tasks that meet.
#[derive(Default)]
pub(super) struct Lessons {
    /// Files that tasks met on, or are taken to.
    met: BTreeMap<TaskRef, BTreeSet<RelPath>>,
    shapes: BTreeMap<NodeId, Shape>,
    /// Shapes of tasks that changed files in this build, and how many there were of each.
    done: BTreeMap<Shape, usize>,
}

impl Lessons {
    pub fn forget_nodes(&mut self) {
        self.shapes.clear();
    }

    pub fn met_on(&self, task: &TaskRef) -> impl Iterator<Item = &RelPath> {
        self.met.get(task).into_iter().flatten()
    }

    fn shape(&mut self, id: NodeId, board: &Board, world: &World) -> Shape {
        let shape_of = || world.spec(board.slot(id)).map(shape_of).unwrap_or_default();
        Arc::clone(self.shapes.entry(id).or_insert_with(shape_of))
    }

    /// How many like it came to a result in this build, as far as that matters.
    fn n_done(&self, shape: &Shape) -> usize {
        let like_it = self.done.iter().filter(|(other, _)| are_alike(shape, other));
        like_it.map(|(_, count)| count).sum()
    }
}

impl Admission {
    /// The running task that one like it waits for, until it is known whether they meet.
    pub(super) fn scout_of(
        &mut self,
        id: NodeId,
        recipe: &Recipe,
        yard: &Yard<'_>,
        ground: &Ground<'_>,
    ) -> Option<Wait> {
        if !self.may_meet_unseen(id, recipe) {
            return None;
        }
        let (board, world) = (yard.board, &*ground.world);
        let shape = self.lessons.shape(id, board, world);
        let mut like_it = Vec::new();
        for it in yard.running.iter().filter(|it| it.origin != Origin::Standing) {
            let Some(other) = it.node.filter(|other| *other != id) else { continue };
            let is_beside = it.task.plan == board.task(id).plan;
            if is_beside
                && self.may_meet_unseen(other, it.recipe)
                && are_alike(&shape, &self.lessons.shape(other, board, world))
            {
                like_it.push(it.task.clone());
            }
        }
        let waits = like_it.len() >= SCOUTS && self.lessons.n_done(&shape) < SCOUTS;
        like_it.into_iter().next().filter(|_| waits).map(Wait::Scout)
    }

    /// A session that is to write, and nothing says what.
    fn may_meet_unseen(&self, id: NodeId, recipe: &Recipe) -> bool {
        recipe.rule.action == ActionKind::Session
            && recipe.rule.outputs.must_change
            && self.claims.get(&id).is_some_and(|it| it.writes_unknown())
    }

    /// A task's work did not go together with what others had landed: from now on these, and those
    /// like it, are kept apart on these files.
    pub fn note_met(
        &mut self,
        id: NodeId,
        conflict: &Conflict,
        ground: &Ground<'_>,
        board: &Board,
    ) {
        let shape = self.lessons.shape(id, board, ground.world);
        let plan = board.graph.plan_range(board.graph.node(id).plan);
        let mut taught: BTreeSet<NodeId> =
            conflict.with.iter().filter_map(|it| board.graph.id_of(it)).collect();
        taught.insert(id);
        for other in plan.map(NodeId) {
            if are_alike(&shape, &self.lessons.shape(other, board, ground.world)) {
                taught.insert(other);
            }
        }
        for id in taught {
            self.claims.remove(&id);
            let met = self.lessons.met.entry(board.task(id).clone()).or_default();
            met.extend(conflict.paths.iter().cloned());
        }
    }

    /// A task changed files, and they went together with what others had landed.
    pub fn note_done(&mut self, id: NodeId, board: &Board, world: &World) {
        let shape = self.lessons.shape(id, board, world);
        *self.lessons.done.entry(shape).or_default() += 1;
    }
}

fn shape_of(spec: &TaskSpec) -> Shape {
    let text = format!("{}\n{}", spec.name, spec.description).to_lowercase();
    let words = text
        .split(|it: char| !it.is_alphanumeric())
        .filter(|word| word.chars().count() > 1 && !word.contains(|it: char| it.is_ascii_digit()));
    Arc::new(words.take(WORDS).map(str::to_owned).collect())
}

/// One word says too little.
fn are_alike(one: &Shape, other: &Shape) -> bool {
    let n_both = one.intersection(other).count();
    let n_all = one.len() + other.len() - n_both;
    n_both > 1 && n_both * 100 >= n_all * ALIKE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: (&str, &str), other: (&str, &str)) -> bool {
        let shape = |(name, description): (&str, &str)| {
            let (name, description) = (name.to_owned(), description.to_owned());
            shape_of(&TaskSpec { name, description, ..TaskSpec::default() })
        };
        are_alike(&shape(one), &shape(other))
    }

    #[test]
    fn tasks_of_one_kind_are_alike_whatever_their_numbers_and_others_are_not() {
        assert!(check(("Register part 1", "Do part 1."), ("Register part 2", "Do part 2.")));
        assert!(check(
            ("Add French", "Add the texts in French."),
            ("Add German", "Add the texts in German.")
        ));
        assert!(!check(("Write the parser", "Read plans."), ("Draw the graph", "As SVG.")));
        assert!(!check(("One", "x"), ("One", "x")), "that is no text to tell from");
    }
}
