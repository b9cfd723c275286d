//! A plan by meaning, with the text of each part: what two texts of one plan are compared by.

use std::collections::BTreeMap;

use crate::base::name::{SectionId, TaskId};
use crate::base::source::{Source, Span};
use crate::spec::yaml::{self, Entry, Mapping, Node, NodeKind, Resolved};

/// Keys with their values by meaning; what is null counts as not written.
pub type Meanings = BTreeMap<String, String>;

/// What a plan means; equal for texts that differ in form and comments only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub meta: Meanings,
    /// Keys beside `meta` and `sections`.
    pub rest: Meanings,
    pub sections: Vec<SectionOutline>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionOutline {
    pub id: SectionId,
    /// Without `tasks`.
    pub keys: Meanings,
    pub tasks: Vec<TaskOutline>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOutline {
    pub id: TaskId,
    pub keys: Meanings,
}

impl Outline {
    /// `None` where the text is no plan.
    pub fn of(source: &Source) -> Option<Self> {
        let root = yaml::parse(source).value?;
        let root = root.as_mapping()?;
        let meta = root.get("meta").and_then(Node::as_mapping);
        let sections = root.get("sections").map_or(&[][..], items);
        Some(Self {
            meta: meta.map(|it| meanings(it, &[])).unwrap_or_default(),
            rest: meanings(root, &["meta", "sections"]),
            sections: sections.iter().filter_map(section).collect(),
        })
    }

    pub fn section(&self, id: &SectionId) -> Option<&SectionOutline> {
        self.sections.iter().find(|it| it.id == *id)
    }

    /// A task with its section.
    pub fn task(&self, id: &TaskId) -> Option<(&SectionOutline, &TaskOutline)> {
        self.tasks().find(|(_, task)| task.id == *id)
    }

    /// All tasks in file order.
    pub fn tasks(&self) -> impl Iterator<Item = (&SectionOutline, &TaskOutline)> {
        self.sections.iter().flat_map(|it| it.tasks.iter().map(move |task| (it, task)))
    }
}

fn section(node: &Node<'_>) -> Option<SectionOutline> {
    let mapping = node.as_mapping()?;
    let tasks = mapping.get("tasks").map_or(&[][..], items);
    Some(SectionOutline {
        id: SectionId::new(mapping.get("id")?.as_text()?),
        keys: meanings(mapping, &["tasks"]),
        tasks: tasks.iter().filter_map(task).collect(),
    })
}

fn task(node: &Node<'_>) -> Option<TaskOutline> {
    let mapping = node.as_mapping()?;
    let id = TaskId::new(mapping.get("id")?.as_text()?);
    Some(TaskOutline { id, keys: meanings(mapping, &[]) })
}

pub(super) fn items<'n, 's>(node: &'n Node<'s>) -> &'n [Node<'s>] {
    node.as_sequence().map_or(&[][..], |it| &it.items)
}

fn meanings(mapping: &Mapping<'_>, without: &[&str]) -> Meanings {
    let entries = mapping.entries.iter();
    let present = entries.filter(|it| !without.contains(&it.key.as_ref()) && !it.value.is_null());
    present.map(|it| (it.key.to_string(), meaning(&it.value))).collect()
}

fn meaning(node: &Node<'_>) -> String {
    match &node.kind {
        NodeKind::Scalar(scalar) => match scalar.resolve() {
            Resolved::Text => format!("{:?}", scalar.text),
            _ => scalar.text.to_string(),
        },
        NodeKind::Sequence(list) => {
            let parts: Vec<String> = list.items.iter().map(meaning).collect();
            format!("[{}]", parts.join(", "))
        }
        NodeKind::Mapping(mapping) => {
            let part = |it: &Entry<'_>| format!("{:?}: {}", it.key, meaning(&it.value));
            let parts: Vec<String> = mapping.entries.iter().map(part).collect();
            format!("{{{}}}", parts.join(", "))
        }
    }
}

/// The text of a section, a task, or one entry of a task, as it can be put somewhere else: without
/// the indentation of its first line.
pub fn section_text(source: &Source, id: &SectionId) -> Option<String> {
    let root = yaml::parse(source).value?;
    let found =
        items(root.as_mapping()?.get("sections")?).iter().find(|it| has_id(it, id.as_str()));
    Some(moved_text(&source.text, found?.span.clone()))
}

/// As [`section_text`].
pub fn task_text(source: &Source, id: &TaskId) -> Option<String> {
    let root = yaml::parse(source).value?;
    let found = find_task(&root, id.as_str())?;
    Some(moved_text(&source.text, found.span.clone()))
}

/// As [`section_text`]: `key: value`.
pub fn entry_text(source: &Source, task: &TaskId, key: &str) -> Option<String> {
    let root = yaml::parse(source).value?;
    let entry = find_task(&root, task.as_str())?.as_mapping()?.entry(key)?;
    if entry.is_merged {
        return None;
    }
    Some(moved_text(&source.text, entry.key_span.start..end_of(entry)))
}

pub(super) fn find_task<'n, 's>(root: &'n Node<'s>, id: &str) -> Option<&'n Node<'s>> {
    let sections = items(root.as_mapping()?.get("sections")?).iter();
    let tasks = sections.filter_map(|it| it.as_mapping()?.get("tasks")).flat_map(items);
    let mut tasks = tasks.filter(|it| has_id(it, id));
    tasks.next()
}

pub(super) fn has_id(node: &Node<'_>, id: &str) -> bool {
    node.as_mapping().and_then(|it| it.get("id")?.as_text()) == Some(id)
}

pub(super) fn end_of(entry: &Entry<'_>) -> usize {
    entry.value.span.end.max(entry.key_span.end)
}

/// The span's lines, those behind the first without as many blanks as stand before the first.
fn moved_text(text: &str, span: Span) -> String {
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let depth = text[line_start..span.start].chars().count();
    let mut lines = text[span].trim_end().lines();
    let mut moved = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let blanks = line.chars().take_while(|it| *it == ' ').count().min(depth);
        moved.push('\n');
        moved.push_str(&line[blanks..]);
    }
    moved
}
