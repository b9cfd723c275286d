//! The kinds of items, in the order of their turn: defects before features.

use crate::base::name::RelPath;

/// A kind of items with the folders that its files lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    /// Open items lie right in it; what is below it was laid aside.
    pub folder: &'static str,
    /// Where items go that are done.
    pub archive: &'static str,
}

/// Where items are that are not worked on, below a kind's folder.
pub const ON_HOLD: &str = "on-hold";
/// Where older tools put items that are done, below a kind's folder.
pub const COMPLETED: &str = "completed";

/// The folders are those of the original orchestrator.
pub const KINDS: [Kind; 2] = [
    Kind {
        name: "defect",
        folder: "docs/defect-backlog",
        archive: "docs/completed-backlog/defects",
    },
    Kind {
        name: "feature",
        folder: "docs/feature-backlog",
        archive: "docs/completed-backlog/features",
    },
];

/// True for Markdown that is an item by its name alone: hidden files and what explains a folder are none.
pub fn is_item_name(name: &str) -> bool {
    let is_markdown =
        name.rsplit_once('.').is_some_and(|(stem, ending)| ending == "md" && !stem.is_empty());
    is_markdown && !name.starts_with('.') && !name.eq_ignore_ascii_case("readme.md")
}

/// The kind of an open item.
pub fn kind_of(path: &RelPath) -> Option<Kind> {
    let is_of = |kind: &Kind| path.parent() == Some(kind.folder);
    KINDS.into_iter().find(|kind| is_of(kind) && is_item_name(path.file_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_right_in_a_backlog_is_an_open_item() {
        let check = |path: &str| kind_of(&RelPath::new(path).unwrap()).map(|it| it.name);
        assert_eq!(check("docs/defect-backlog/1-x.md"), Some("defect"));
        assert_eq!(check("docs/feature-backlog/x.y.md"), Some("feature"));
        for none in [
            "docs/defect-backlog/on-hold/1-x.md",
            "docs/defect-backlog/.1-x.md",
            "docs/defect-backlog/README.md",
            "docs/defect-backlog/1-x.txt",
            "docs/completed-backlog/defects/1-x.md",
            "1-x.md",
        ] {
            assert_eq!(check(none), None, "{none}");
        }
    }
}
