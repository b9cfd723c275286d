//! Edits that change which tasks a plan has: a part is put in, taken out, or has an entry replaced,
//! and every other line stays. Whether the result means what was meant is for the caller to prove.

use super::outline::{end_of, find_task, has_id, items};
use super::splice::{after_break, line_of};
use super::{EditError, FieldChange, FieldValue, Target};
use crate::base::name::{SectionId, TaskId};
use crate::base::source::Source;
use crate::spec::yaml::{self, Mapping, Node};

/// One such edit. Texts are as `outline` gives them: their first line is not indented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite<'a> {
    /// Behind a task of the section, or at its end where that task is not there; `None` is in front.
    InsertTask {
        section: &'a SectionId,
        after: Option<&'a TaskId>,
        text: &'a str,
    },
    /// As `InsertTask`, among sections.
    InsertSection {
        after: Option<&'a SectionId>,
        text: &'a str,
    },
    RemoveTask(&'a TaskId),
    /// `key: value` instead of the entry that is there, or as a new one.
    SetEntry(NewEntry<'a>),
    RemoveEntry {
        task: &'a TaskId,
        key: &'a str,
    },
}

/// An entry of a task, whole: `text` begins with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEntry<'a> {
    pub task: &'a TaskId,
    pub key: &'a str,
    pub text: &'a str,
}

/// Where in a list something new goes: behind the item of this id, else to its front.
struct Spot<'n> {
    list: &'n Node<'n>,
    after: Option<&'n str>,
}

/// The text with one edit made.
pub fn rewrite(source: &Source, edit: &Rewrite<'_>) -> Result<String, EditError> {
    if let Rewrite::RemoveEntry { task, key } = edit {
        let target = Target::Task((*task).clone());
        return super::apply(source, &[FieldChange { target, key, value: FieldValue::Absent }]);
    }
    let parsed = yaml::parse(source);
    if let Some(error) = parsed.diagnostics.iter().find(|it| it.is_error()) {
        return Err(EditError::Unreadable(error.message.clone()));
    }
    let root = parsed.value.ok_or_else(|| EditError::Unreadable("it is empty".into()))?;
    let sections = root.as_mapping().and_then(|it| it.get("sections"));
    let sections = sections.ok_or_else(|| EditError::Unreadable("it has no sections".into()))?;
    let text = &source.text;
    match edit {
        Rewrite::InsertTask { section, after, text: new } => {
            let target = || Target::Section((*section).clone());
            let found = items(sections).iter().find(|it| has_id(it, section.as_str()));
            let found = found.ok_or_else(|| EditError::NotFound(target()))?;
            let list = found.as_mapping().and_then(|it| it.get("tasks"));
            let list = list.ok_or_else(|| EditError::NoPlace(target()))?;
            insert(text, Spot { list, after: after.map(TaskId::as_str) }, new, target)
        }
        Rewrite::InsertSection { after, text: new } => {
            let spot = Spot { list: sections, after: after.map(SectionId::as_str) };
            insert(text, spot, new, || Target::Meta)
        }
        Rewrite::RemoveTask(task) => remove(text, &root, task),
        Rewrite::SetEntry(entry) => set_entry(source, &root, *entry),
        Rewrite::RemoveEntry { .. } => Ok(text.to_string()),
    }
}

fn insert(
    text: &str,
    spot: Spot<'_>,
    new: &str,
    target: impl Fn() -> Target,
) -> Result<String, EditError> {
    let Spot { list, after } = spot;
    let no_place = || EditError::NoPlace(target());
    let sequence = list.as_sequence().ok_or_else(no_place)?;
    let sibling = after.and_then(|id| sequence.items.iter().find(|it| has_id(it, id)));
    let behind = sibling.or_else(|| after.and(sequence.items.last()));
    if sequence.layout.is_flow() {
        let is_flow = new.starts_with('{') && !new.contains('\n');
        return match (behind, sequence.items.first()) {
            _ if !is_flow => Err(no_place()),
            (Some(item), _) => Ok(spliced(text, item.span.end, &format!(", {new}"))),
            (None, Some(first)) => Ok(spliced(text, first.span.start, &format!("{new}, "))),
            (None, None) => Ok(spliced(text, list.span.start + 1, new)),
        };
    }
    let first = sequence.items.first().ok_or_else(no_place)?;
    let dash = dash_of(text, first).ok_or_else(no_place)?;
    let (line_start, _) = line_of(text, dash);
    let indent = &text[line_start..dash];
    if !indent.trim().is_empty() {
        return Err(no_place());
    }
    let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<String> = new
        .lines()
        .enumerate()
        .map(|(at, line)| match (at, line.is_empty()) {
            (0, _) => format!("{indent}- {line}"),
            (_, true) => String::new(),
            _ => format!("{indent}  {line}"),
        })
        .collect();
    let block = lines.join(eol);
    match behind {
        None => Ok(spliced(text, line_start, &format!("{block}{eol}"))),
        Some(item) => {
            let (_, line_end) = line_of(text, last_of(item));
            Ok(spliced(text, line_end, &format!("{eol}{block}")))
        }
    }
}

fn remove(text: &str, root: &Node<'_>, task: &TaskId) -> Result<String, EditError> {
    let target = || Target::Task(task.clone());
    let found = find_task(root, task.as_str()).ok_or_else(|| EditError::NotFound(target()))?;
    let dash = dash_of(text, found).ok_or_else(|| EditError::NoPlace(target()))?;
    let (start, _) = line_of(text, dash);
    let (_, line_end) = line_of(text, last_of(found));
    if !text[start..dash].trim().is_empty() {
        return Err(EditError::NoPlace(target()));
    }
    Ok(format!("{}{}", &text[..start], &text[after_break(text, line_end)..]))
}

fn set_entry(source: &Source, root: &Node<'_>, entry: NewEntry<'_>) -> Result<String, EditError> {
    let NewEntry { task, key, text: new } = entry;
    let text = &source.text;
    let target = || Target::Task(task.clone());
    let found = find_task(root, task.as_str()).ok_or_else(|| EditError::NotFound(target()))?;
    let mapping = found.as_mapping().ok_or_else(|| EditError::NotFound(target()))?;
    if mapping.layout.is_flow() {
        return set_in_flow(source, mapping, entry);
    }
    let own = || mapping.entries.iter().filter(|it| !it.is_merged);
    let first = own().next().ok_or_else(|| EditError::NoPlace(target()))?;
    let (line_start, _) = line_of(text, first.key_span.start);
    let depth = text[line_start..first.key_span.start].chars().count();
    let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let indent = format!("{eol}{}", " ".repeat(depth));
    let lines: Vec<&str> = new.lines().collect();
    let block = lines.join(&indent);
    Ok(match own().find(|it| it.key == key) {
        Some(entry) => {
            let span = entry.key_span.start..end_of(entry);
            let kept = text[span.clone()].trim_end().len();
            format!("{}{block}{}", &text[..span.start], &text[span.start + kept..])
        }
        None => {
            let (_, line_end) = line_of(text, last_of(found));
            spliced(text, line_end, &format!("{indent}{block}"))
        }
    })
}

/// In braces a text is set as any other field; anything else has to be written in braces or brackets.
fn set_in_flow(
    source: &Source,
    mapping: &Mapping<'_>,
    entry: NewEntry<'_>,
) -> Result<String, EditError> {
    let NewEntry { task, key, text: new } = entry;
    let target = || Target::Task(task.clone());
    let refused = || EditError::NotReplaceable { target: target(), key: key.to_owned() };
    let lines = Source::new(source.path.clone(), new);
    let parsed = yaml::parse(&lines).value;
    let value = parsed.as_ref().and_then(|it| it.as_mapping()?.get(key)).ok_or_else(refused)?;
    if let Some(value) = value.as_text() {
        let change = FieldChange { target: target(), key, value: FieldValue::Text(value) };
        return super::apply(source, &[change]);
    }
    if new.contains('\n') || value.as_sequence().is_none_or(|it| !it.layout.is_flow()) {
        return Err(refused());
    }
    let own = || mapping.entries.iter().filter(|it| !it.is_merged);
    match (own().find(|it| it.key == key), own().next_back()) {
        (Some(entry), _) => Ok(format!(
            "{}{new}{}",
            &source.text[..entry.key_span.start],
            &source.text[end_of(entry)..]
        )),
        (None, Some(last)) => Ok(spliced(&source.text, end_of(last), &format!(", {new}"))),
        (None, None) => Err(refused()),
    }
}

/// Where the last value of an item ends.
fn last_of(item: &Node<'_>) -> usize {
    let entries = item.as_mapping().map_or(&[][..], |it| &it.entries);
    let own = entries.iter().filter(|it| !it.is_merged).map(|it| {
        let inner = items(&it.value).last().map_or(0, last_of);
        end_of(it).max(inner)
    });
    own.max().unwrap_or(item.span.end).max(flow_end(item))
}

/// A flow mapping ends behind its brace.
fn flow_end(item: &Node<'_>) -> usize {
    let is_flow = item.as_mapping().is_some_and(|it| it.layout.is_flow());
    if is_flow { item.span.end } else { 0 }
}

/// The dash that opens an item of a block list.
fn dash_of(text: &str, item: &Node<'_>) -> Option<usize> {
    let dash = text[..item.span.start].rfind('-')?;
    let between = &text[dash + 1..item.span.start];
    // An anchor may stand between them.
    (between.trim().is_empty() || between.trim().starts_with('&')).then_some(dash)
}

fn spliced(text: &str, at: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..at], &text[at..])
}
