//! Where the parts stand that the plan's value has no span of. The text is read again for them, which
//! only a plan with something wrong has to pay for.

use crate::base::source::{Source, Span};
use crate::spec::yaml::{self, Node};

/// The start of the document where a part cannot be found.
const START: Span = 0..0;

/// The `id` of each section, in file order.
pub(super) fn section_ids(source: &Source) -> Vec<Span> {
    let parsed = yaml::parse(source);
    let sections = parsed.value.as_ref().and_then(|root| child(root, "sections"));
    let items = sections.and_then(Node::as_sequence).map_or(&[][..], |sequence| &sequence.items);
    let mappings = items.iter().filter(|section| section.as_mapping().is_some());
    mappings.map(|section| child(section, "id").map_or(START, |id| id.span.clone())).collect()
}

/// Each name of a list in `meta.validation`, in file order.
pub(super) fn validation_names(source: &Source, key: &str) -> Vec<Span> {
    let parsed = yaml::parse(source);
    let path = ["meta", "validation", key];
    let list =
        path.iter().try_fold(parsed.value.as_ref(), |node, key| node.map(|node| child(node, key)));
    match list.flatten() {
        Some(node) => match node.as_sequence() {
            Some(sequence) => sequence.items.iter().map(|item| item.span.clone()).collect(),
            None => vec![node.span.clone()],
        },
        None => Vec::new(),
    }
}

/// A key of `meta.model_escalation`.
pub(super) fn escalation_key(source: &Source, key: &str) -> Span {
    let parsed = yaml::parse(source);
    let path = ["meta", "model_escalation", key];
    let node =
        path.iter().try_fold(parsed.value.as_ref(), |node, key| node.map(|node| child(node, key)));
    node.flatten().map_or(START, |node| node.span.clone())
}

fn child<'n, 's>(node: &'n Node<'s>, key: &str) -> Option<&'n Node<'s>> {
    node.as_mapping()?.get(key)
}
