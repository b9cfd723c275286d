//! Anchors, aliases and merge keys, within limits.

use std::borrow::Cow;

use super::{Builder, Taken};
use crate::base::diagnostic::Diagnostic;
use crate::base::source::Span;
use crate::spec::yaml::{Entry, MAX_ALIASED, MAX_DEPTH, Node, NodeKind, Origin};

impl<'s> Builder<'s> {
    /// Adds what `<<` names; keys that are written win, then earlier sources.
    pub(super) fn merge(&mut self, entries: &mut Vec<Entry<'s>>, merges: Vec<Node<'s>>) -> Taken {
        for source in merges {
            let span = source.span.clone();
            let sources = match source.kind {
                NodeKind::Sequence(sequence) => sequence.items,
                kind => vec![Node { kind, ..source }],
            };
            for source in sources {
                match source.kind {
                    NodeKind::Mapping(mapping) => {
                        self.merge_one(entries, mapping.entries, &span)?
                    }
                    _ => self.diagnostics.push(
                        Diagnostic::error("yaml::bad-merge", "`<<` takes a mapping")
                            .label(source.span, "this is none")
                            .help("write `<<: *name` with the anchor of a mapping"),
                    ),
                }
            }
        }
        Ok(())
    }

    fn merge_one(
        &mut self,
        entries: &mut Vec<Entry<'s>>,
        more: Vec<Entry<'s>>,
        span: &Span,
    ) -> Taken {
        // Looking each key up in the list costs its length, so that is what is charged.
        self.spend(more.len() * (1 + entries.len() / 16), span)?;
        for entry in more {
            if !entries.iter().any(|other| other.key == entry.key) {
                entries.push(Entry { is_merged: true, ..entry });
            }
        }
        Ok(())
    }

    pub(super) fn anchor(&mut self, id: usize, node: &Node<'s>) -> Taken {
        if id == 0 {
            return Ok(());
        }
        self.spend(size(node).0, &node.span)?;
        self.anchors.insert(id, node.clone());
        Ok(())
    }

    pub(super) fn alias(&mut self, id: usize, range: Span) -> Taken {
        let span = self.at(range);
        let Some(target) = self.anchors.get(&id) else {
            return Err(Box::new(
                Diagnostic::error("yaml::recursive-alias", "the alias stands inside of its anchor")
                    .label(span, "this value would contain itself"),
            ));
        };
        let (cost, height) = size(target);
        let mut node = target.clone();
        self.spend(cost, &span)?;
        if self.open.len() + height > MAX_DEPTH {
            return Err(bomb(span));
        }
        node.span = span;
        node.origin = Origin::Alias;
        self.place(node)
    }

    fn spend(&mut self, nodes: usize, span: &Span) -> Taken {
        self.spent = self.spent.saturating_add(nodes);
        if self.spent > MAX_ALIASED { Err(bomb(span.clone())) } else { Ok(()) }
    }

    pub(super) fn unknown_alias(&self, name: &str, range: Span) -> Box<Diagnostic> {
        let message = format!("nothing is anchored as `&{name}`");
        let help = "quote the text where it should start with `*`";
        Box::new(
            Diagnostic::error("yaml::syntax", message)
                .label(self.at(range), "unknown alias")
                .help(help),
        )
    }
}

fn bomb(span: Span) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error("yaml::alias-bomb", "aliases expand to too much")
            .label(span, "the limit is passed here")
            .help(format!("aliases may add {MAX_ALIASED} values to a document")),
    )
}

/// What copying a node costs, in nodes of about 64 bytes, and how many collections nest in it.
fn size(node: &Node<'_>) -> (usize, usize) {
    let owned = |text: &Cow<'_, str>| match text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.len() / 64,
    };
    let add = |(cost, height): (usize, usize), child: &Node<'_>| {
        let (more, higher) = size(child);
        (cost + more, height.max(higher + 1))
    };
    match &node.kind {
        NodeKind::Scalar(scalar) => (1 + owned(&scalar.text), 0),
        NodeKind::Sequence(sequence) => sequence.items.iter().fold((1, 1), add),
        NodeKind::Mapping(mapping) => mapping.entries.iter().fold((1, 1), |total, entry| {
            let (cost, height) = add(total, &entry.value);
            (cost + 1 + owned(&entry.key), height)
        }),
    }
}
