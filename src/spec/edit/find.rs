//! Which mapping of the tree each change is for.

use super::{EditError, FieldChange, FieldValue, Target};
use crate::base::source::Span;
use crate::spec::yaml::{Entry, Mapping, Node, Origin};

/// All changes of one mapping, each key once.
pub(super) struct Edit<'n, 's> {
    pub target: Target,
    pub mapping: &'n Mapping<'s>,
    pub span: Span,
    pub fields: Vec<(&'n str, FieldValue<'n>)>,
}

impl<'n, 's> Edit<'n, 's> {
    /// The entries that are written in the mapping itself.
    pub(super) fn own(
        &self,
    ) -> impl DoubleEndedIterator<Item = &'n Entry<'s>> + Clone + use<'n, 's> {
        self.mapping.entries.iter().filter(|entry| !entry.is_merged)
    }

    /// Those of them that stay.
    pub(super) fn kept(&self) -> impl DoubleEndedIterator<Item = &'n Entry<'s>> + Clone {
        self.own().filter(|entry| !self.removes(entry))
    }

    pub(super) fn removes(&self, entry: &Entry<'_>) -> bool {
        let value = self.fields.iter().find(|(key, _)| *key == entry.key);
        value.is_some_and(|(_, value)| *value == FieldValue::Absent)
    }
}

/// `node_of` finds the mapping of a target.
pub(super) fn edits_of<'n, 's>(
    changes: &'n [FieldChange<'n>],
    node_of: impl Fn(&Target) -> Result<&'n Node<'s>, EditError>,
) -> Result<Vec<Edit<'n, 's>>, EditError>
where
    's: 'n,
{
    let mut edits: Vec<Edit<'n, 's>> = Vec::new();
    for change in changes {
        let at = match edits.iter().position(|edit| edit.target == change.target) {
            Some(at) => at,
            None => {
                let node = node_of(&change.target)?;
                let Some(mapping) = node.as_mapping() else {
                    return Err(EditError::NotFound(change.target.clone()));
                };
                let (target, span) = (change.target.clone(), node.span.clone());
                edits.push(Edit { target, mapping, span, fields: Vec::new() });
                edits.len() - 1
            }
        };
        let fields = &mut edits[at].fields;
        match fields.iter_mut().find(|(key, _)| *key == change.key) {
            Some((_, value)) => *value = change.value,
            None => fields.push((change.key, change.value)),
        }
    }
    Ok(edits)
}

/// The one mapping of a target in the whole plan.
pub(super) fn find<'n, 's>(root: &'n Node<'s>, target: &Target) -> Result<&'n Node<'s>, EditError> {
    let sections = || items_of(root, "sections");
    let found: Vec<&Node<'s>> = match target {
        Target::Meta => child_of(root, "meta").into_iter().collect(),
        Target::Section(id) => sections().filter(|node| has_id(node, id.as_str())).collect(),
        Target::Task(id) => sections()
            .flat_map(|section| items_of(section, "tasks"))
            .filter(|node| has_id(node, id.as_str()))
            .collect(),
    };
    match found[..] {
        [node] if node.origin == Origin::Written => Ok(node),
        [] | [_] => Err(EditError::NotFound(target.clone())),
        _ => Err(EditError::Ambiguous(target.clone())),
    }
}

fn child_of<'n, 's>(node: &'n Node<'s>, key: &str) -> Option<&'n Node<'s>> {
    node.as_mapping()?.get(key)
}

fn items_of<'n, 's>(node: &'n Node<'s>, key: &str) -> impl Iterator<Item = &'n Node<'s>> {
    let sequence = child_of(node, key).and_then(Node::as_sequence);
    sequence.into_iter().flat_map(|sequence| &sequence.items)
}

fn has_id(node: &Node<'_>, id: &str) -> bool {
    child_of(node, "id").and_then(Node::as_text) == Some(id)
}
