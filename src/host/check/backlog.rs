//! The backlog's items, each for itself and among each other.

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::engine::documents::{Documents, Shelved};
use crate::spec::item::{self, Item};
use crate::spec::item_check::{self, Backlog, Listed};

/// What is wrong with the items.
pub(super) fn findings(documents: &Documents) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut read: Vec<(&Source, Item)> = Vec::new();
    for source in &documents.items {
        let parsed = item::parse(source);
        found.extend(parsed.diagnostics.into_iter().map(|it| it.in_file(&source.path)));
        read.push((source, parsed.value));
    }
    let active: Vec<Listed<'_>> =
        read.iter().map(|(source, item)| Listed { source, item }).collect();
    let Shelved { archived, on_hold } = &documents.shelved;
    let backlog = Backlog { active: &active, archived, on_hold };
    found.extend(item_check::check(&backlog));
    found
}

#[cfg(test)]
mod tests {
    use crate::host::check::check;

    #[test]
    fn items_are_checked_with_the_other_documents() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let body = "\n## Expected Behavior\n\nIt works.\n\n## Dependencies\n\n";
        for (path, text) in [
            ("docs/defect-backlog/1-a.md", format!("# A\n{body}- 00-old\n- 9-aside\n")),
            ("docs/defect-backlog/on-hold/9-aside.md", "# Aside\n\n## Status: ???\n".to_owned()),
            ("docs/defect-backlog/README.md", "How to write one.\n".to_owned()),
            ("docs/feature-backlog/2-b.md", format!("# B\n\n## Status: Opne\n{body}- 1-aa\n")),
            ("docs/completed-backlog/features/00-old.md", "# Old\n".to_owned()),
        ] {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let told = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(|it| root.join(it)).collect();
            let documents = check(&root, &files).unwrap();
            let told = documents.iter().flat_map(|document| {
                let codes = document.diagnostics.iter().map(|it| it.code).collect::<Vec<_>>();
                std::iter::once(format!("{} {}", document.path, codes.join(" ")))
            });
            told.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(&[]), @"
        docs/defect-backlog/1-a.md item::never-done
        docs/feature-backlog/2-b.md item::unclear-status item::unknown-dependency
        ");
        assert_eq!(told(&["docs/defect-backlog"]), "docs/defect-backlog/1-a.md item::never-done");
        assert_eq!(
            told(&["docs/completed-backlog/features/00-old.md"]),
            "docs/completed-backlog/features/00-old.md document::unknown-kind"
        );
    }
}
