//! Warnings of documents: which concern what is built.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::name::{RelPath, TaskRef};
use crate::engine::step::Engine;
use crate::engine::world::diagnose::holds_its_tasks_alone;
use crate::host::documents::{CLAUDE_CONFIG, Loaded, NATIVE_CONFIG};
use crate::host::surface::CheckedDocument;

use super::settings::SETTINGS;
use super::tree::findings;
use super::{by_file, document};

/// The settings, and what these tasks, or all, are made from, where anything is doubtful about it:
/// its warnings alone, and errors that hold no more than the tasks that have them.
pub fn cautions(
    loaded: &Loaded,
    engine: &Engine,
    wanted: Option<&[TaskRef]>,
) -> Vec<CheckedDocument> {
    let mut documents = by_file(loaded, engine);
    for findings in documents.values_mut() {
        findings.retain(|it| it.severity == Severity::Warning || holds_its_tasks_alone(it));
    }
    documents.retain(|_, findings| !findings.is_empty());
    if documents.is_empty() {
        return Vec::new();
    }
    let used = engine.documents_used(wanted);
    let concerns = |path: &RelPath| is_settings(path) || used.contains(path);
    documents.retain(|path, _| path.as_ref().is_none_or(concerns));
    let documents = documents.into_iter();
    documents.map(|(path, found)| document(loaded, path, found, None)).collect()
}

/// What is doubtful about files that lie below `root`, of all plans that say there is work left.
pub fn lying(root: &Path, loaded: &Loaded, engine: &Engine) -> Vec<Diagnostic> {
    findings(root, loaded, engine)
}

/// As [`cautions`], with those of `lying` that concern what is built.
pub fn cautions_with(
    lying: &[Diagnostic],
    loaded: &Loaded,
    engine: &Engine,
    wanted: Option<&[TaskRef]>,
) -> Vec<CheckedDocument> {
    let mut documents = cautions(loaded, engine, wanted);
    if lying.is_empty() {
        return documents;
    }
    let used = engine.documents_used(wanted);
    // The CLI's settings hold for every session.
    let concerns = |path: &RelPath| used.contains(path) || path.as_str() == SETTINGS;
    let mut found: BTreeMap<&RelPath, Vec<Diagnostic>> = BTreeMap::new();
    for finding in lying {
        if let Some(file) = finding.file.as_ref().filter(|it| concerns(it)) {
            found.entry(file).or_default().push(finding.clone());
        }
    }
    for it in &mut documents {
        it.diagnostics.extend(found.remove(&it.source.path).unwrap_or_default());
    }
    let others = found.into_iter();
    documents.extend(others.map(|(path, it)| document(loaded, Some(path.clone()), it, None)));
    documents
}

/// True for the files that every build goes by.
pub fn is_settings(path: &RelPath) -> bool {
    [CLAUDE_CONFIG, NATIVE_CONFIG].contains(&path.as_str())
}
