//! What a file that is named on the command line is to orch.

use std::path::{Path, PathBuf};

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::host::documents::Loaded;
use crate::host::surface::CheckedDocument;

const READ: &str = "orch checks plans (`.yaml`, `.yml`), backlog items, agents (`.md` in `agents_dir`), rules and \
                     their prompts (in `rules_dir`), `orch.yaml` and `orchestrator-config.yaml`; \
                     name one of these, or no file to check all";

/// A named file, by what it is.
pub(super) enum Named {
    /// One that is read in any case.
    Document(RelPath),
    /// Plans count wherever they lie when they are named, templates of plans, too.
    Plan(RelPath),
    /// A folder with documents somewhere below it.
    Folder(Vec<RelPath>),
    /// Like a backlog item, and in no backlog; with the folders of those that are in one.
    Item(String, Vec<RelPath>),
    /// Nothing to check, and why.
    Nothing(String, Box<Diagnostic>),
}

impl Named {
    pub fn of(root: &Path, file: &Path, loaded: &Loaded) -> Self {
        let shown = shown(root, file);
        let resolved = match file.canonicalize() {
            Ok(resolved) => resolved,
            Err(why) => return Self::Nothing(shown.clone(), Box::new(unreadable(&shown, &why))),
        };
        if resolved.is_dir()
            && let Some(inside) = documents_in(root, &resolved, loaded)
        {
            return Self::Folder(inside);
        }
        let Some(path) = below(root, &resolved) else {
            return Self::Nothing(shown.clone(), Box::new(outside(&shown)));
        };
        if loaded.sources.contains_key(&path) {
            return Self::Document(path);
        }
        let config = &loaded.documents.config;
        let is_elsewhere = |folder: &String| !path.is_within(folder.trim_end_matches('/'));
        let is_plan = [&config.agents_dir, &config.rules_dir].into_iter().all(is_elsewhere)
            && has_ending(&path, &["yaml", "yml"]);
        if is_plan && resolved.is_file() {
            return Self::Plan(path);
        }
        match is_item(&path, &resolved) {
            true => Self::Item(shown, loaded.kinds.iter().map(|it| it.folder.clone()).collect()),
            false => Self::Nothing(shown.clone(), Box::new(no_document(&shown))),
        }
    }

    /// A plan that is read because it is named.
    pub fn plan(&self) -> Option<&RelPath> {
        match self {
            Self::Plan(path) => Some(path),
            _ => None,
        }
    }

    /// Those that are checked because of it.
    pub fn documents(&self) -> &[RelPath] {
        match self {
            Self::Plan(path) | Self::Document(path) => std::slice::from_ref(path),
            Self::Folder(paths) => paths,
            Self::Item(..) | Self::Nothing(..) => &[],
        }
    }

    /// What is told of one that is not checked. Nothing checked at all is no success, so an item is
    /// an error where no document `has_others` beside it.
    pub fn refused(self, has_others: bool) -> Option<CheckedDocument> {
        let (shown, diagnostic) = match self {
            Self::Plan(_) | Self::Document(_) | Self::Folder(_) => return None,
            Self::Item(shown, folders) => {
                let item_note = item(&shown, &folders, has_others);
                (shown, item_note)
            }
            Self::Nothing(shown, item_note) => (shown, *item_note),
        };
        // A place outside has no name below the root; nothing points into its text.
        let path = RelPath::normalize(&shown).or_else(|| RelPath::new("orch"))?;
        let source = Source::new(path, "");
        Some(CheckedDocument { path: shown, source, diagnostics: vec![diagnostic], plan: None })
    }
}

/// The documents below a folder; `None` where there are none, or it lies outside. The root stands for
/// all there are.
fn documents_in(root: &Path, folder: &Path, loaded: &Loaded) -> Option<Vec<RelPath>> {
    let all = loaded.sources.keys();
    if root.canonicalize().is_ok_and(|root| root == folder) {
        return Some(all.cloned().collect());
    }
    let folder = below(root, folder)?;
    let inside: Vec<RelPath> = all.filter(|it| it.is_within(folder.as_str())).cloned().collect();
    (!inside.is_empty()).then_some(inside)
}

fn below(root: &Path, resolved: &Path) -> Option<RelPath> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    RelPath::normalize(resolved.strip_prefix(root).ok()?.to_str()?)
}

/// The file as seen from the root, where it lies below it.
fn shown(root: &Path, file: &Path) -> String {
    let inside: PathBuf = file.strip_prefix(root).unwrap_or(file).components().collect();
    inside.display().to_string()
}

fn has_ending(path: &RelPath, endings: &[&str]) -> bool {
    path.file_name().rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

/// Markdown with a status among its first lines, as backlogs keep it.
fn is_item(path: &RelPath, resolved: &Path) -> bool {
    const HEAD: usize = 10;
    let is_status = |line: &str| line.trim_start_matches(['#', ' ', '*']).starts_with("Status:");
    has_ending(path, &["md"])
        && crate::host::documents::read_text(resolved, path)
            .is_ok_and(|text| text.lines().take(HEAD).any(is_status))
}

fn unreadable(shown: &str, why: &std::io::Error) -> Diagnostic {
    Diagnostic::error("document::unreadable", format!("{shown} cannot be read: {why}"))
        .help("check that the file is there and its permissions let you read it")
}

fn outside(shown: &str) -> Diagnostic {
    Diagnostic::error("document::outside", format!("{shown} lies outside of the repository"))
        .help("run orch in the repository that the file belongs to, or use `-C`")
}

fn no_document(shown: &str) -> Diagnostic {
    Diagnostic::error("document::unknown-kind", format!("{shown} is no document that orch reads"))
        .help(READ)
}

fn item(shown: &str, folders: &[RelPath], has_others: bool) -> Diagnostic {
    const CODE: &str = "document::backlog-item";
    let folders: Vec<String> = folders.iter().map(|it| format!("`{it}`")).collect();
    let message = format!("{shown} is in no backlog: it is not worked on");
    let item_note = match has_others {
        true => Diagnostic::warning(CODE, message),
        false => Diagnostic::error(CODE, message),
    };
    item_note.help(format!("open items lie right in one of {}", folders.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::check::check;

    /// Codes of what is found in the named files, with how bad that is.
    fn found(files: &[&str]) -> Vec<String> {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap().join("repository");
        for (path, text) in [
            ("plans/sample-plan.yaml", "sections: 3\n"),
            ("plans/below/a.yml", "sections: []\n"),
            ("plans/b.yaml", "sections: 4\n"),
            ("docs/backlog/01-slow.md", "# Slow\n\n## Status: Open\n"),
            ("docs/design.md", "# Design\n"),
            ("rules/below/a.yaml", "rule: a\n"),
            ("x.txt", "a: [\n"),
            ("../beside.yaml", "a: [\n"),
        ] {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
        }
        let files: Vec<PathBuf> = files.iter().map(|file| root.join(file)).collect();
        let documents = check(&root, &files).unwrap();
        let all = documents.iter().flat_map(|document| &document.diagnostics);
        all.map(|it| format!("{} {}", it.severity, it.code)).collect()
    }

    #[test]
    fn what_is_no_document_is_said_to_be_none() {
        for none in ["x.txt", "docs/design.md", "rules/below/a.yaml", "docs"] {
            assert_eq!(found(&[none]), ["error document::unknown-kind"], "{none}");
        }
        assert_eq!(found(&["nowhere.yaml"]), ["error document::unreadable"]);
        assert_eq!(found(&["../beside.yaml"]), ["error document::outside"]);
    }

    #[test]
    fn a_folder_stands_for_the_documents_below_it() {
        for folder in ["", "plans/..", "plans"] {
            assert_eq!(found(&[folder]), ["error plan::wrong-type"], "{folder}");
        }
        assert_eq!(found(&[""]), found(&[]));
        assert_eq!(
            found(&["", "x.txt"]),
            ["error plan::wrong-type", "error document::unknown-kind"]
        );
    }

    #[test]
    fn a_plan_that_is_named_is_checked_wherever_it_lies() {
        assert_eq!(found(&["plans/sample-plan.yaml"]), ["error plan::wrong-type"]);
        assert_eq!(found(&["plans/below/a.yml"]), Vec::<String>::new());
    }

    #[test]
    fn an_item_of_a_backlog_is_an_error_only_where_nothing_else_is_checked() {
        let item = "docs/backlog/01-slow.md";
        assert_eq!(found(&[item]), ["error document::backlog-item"]);
        assert_eq!(found(&[item, "plans/below/a.yml"]), ["warning document::backlog-item"]);
    }
}
