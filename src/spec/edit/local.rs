//! Edits of single tasks of a plan whose places are known: only the lines of these tasks are read.

use std::collections::BTreeMap;

use super::verify::{Edited, are_local};
use super::{EditError, FieldChange, Target, find, spliced};
use crate::base::name::TaskId;
use crate::base::source::{Source, Span};
use crate::spec::plan::{Plan, Task};
use crate::spec::yaml::{self, Layout, Node};

/// The edited text; `None` where the touched lines alone do not prove that nothing else changes.
pub(super) fn apply(source: &Source, plan: &Plan, changes: &[FieldChange<'_>]) -> Option<String> {
    if may_have_aliases(&source.text) {
        return None;
    }
    let tasks = tasks_of(plan, changes)?;
    let read = |(id, task): (&TaskId, &Task)| Some((id.clone(), read_item(source, task)?));
    let items = tasks.into_iter().map(read).collect::<Option<BTreeMap<TaskId, Node<'_>>>>()?;
    let node_of = |target: &Target| match target {
        Target::Task(id) => items.get(id).ok_or_else(|| EditError::NotFound(target.clone())),
        Target::Meta | Target::Section(_) => Err(EditError::NotFound(target.clone())),
    };
    let edits = find::edits_of(changes, node_of).ok()?;
    let (splices, text) = spliced(source, &edits).ok()?;
    let edited = Edited { edits: &edits, splices: &splices, text: &text };
    are_local(source, &edited).then_some(text)
}

/// The tasks that are changed, by id; `None` where anything else is, or an id is not unique.
fn tasks_of<'p>(
    plan: &'p Plan,
    changes: &'p [FieldChange<'_>],
) -> Option<BTreeMap<&'p TaskId, &'p Task>> {
    let mut wanted: BTreeMap<&TaskId, Option<&Task>> = BTreeMap::new();
    for change in changes {
        let Target::Task(id) = &change.target else { return None };
        wanted.insert(id, None);
    }
    for task in plan.tasks() {
        if let Some(found) = wanted.get_mut(&task.id)
            && found.replace(task).is_some()
        {
            return None;
        }
    }
    wanted.into_iter().map(|(id, task)| Some((id, task?))).collect()
}

/// A task that is an item of a block list, read by itself: its lines mean the same there.
fn read_item<'s>(source: &'s Source, task: &Task) -> Option<Node<'s>> {
    let span = &task.spans.task;
    let line = source.text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let is_item = source.text[line..span.start].trim() == "-";
    let parsed = yaml::parse_part(source, Span { start: line, end: span.end });
    if !is_item || parsed.has_errors() {
        return None;
    }
    let list = parsed.value?;
    let [item] = <[Node<'s>; 1]>::try_from(items_of(list)?).ok()?;
    let mapping = item.as_mapping()?;
    let is_it = mapping.get("id")?.as_text() == Some(task.id.as_str());
    (is_it && mapping.layout == Layout::Block && item.span.start == span.start).then_some(item)
}

fn items_of(node: Node<'_>) -> Option<Vec<Node<'_>>> {
    match node.kind {
        yaml::NodeKind::Sequence(sequence) => Some(sequence.items),
        _ => None,
    }
}

/// True where a `*` could begin an alias: by it a value may be read in other places than its own.
fn may_have_aliases(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.match_indices('*').any(|(at, _)| {
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let after = bytes.get(at + 1).copied().unwrap_or(b' ');
        let can_begin = before.is_ascii_whitespace() || b"[{,:".contains(&before);
        can_begin && !after.is_ascii_whitespace()
    })
}
