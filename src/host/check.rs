//! Diagnosing documents: which there are, what is wrong with each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::event::Event;
use crate::engine::step::Engine;
use crate::engine::world::diagnose::stops_its_document;
use crate::host::clock;
use crate::host::documents::{self, Loaded};
use crate::host::error::Result;
use crate::host::surface::CheckedDocument;
use crate::spec::plan::Plan;

use self::named::Named;

pub mod agents;
mod backlog;
pub mod caution;
mod design;
mod inputs;
mod item;
pub mod mail;
mod named;
mod outputs;
mod scripts;
mod settings;
mod tree;

/// The documents with errors for which nothing may be built from them; the engine has just been given
/// all that were loaded.
pub fn faulty(loaded: &Loaded, engine: &Engine) -> Vec<CheckedDocument> {
    let mut documents = by_file(loaded, engine);
    documents.retain(|_, diagnostics| diagnostics.iter().any(stops_its_document));
    documents
        .into_iter()
        .map(|(path, diagnostics)| {
            let plan = plan_at(engine, path.as_ref());
            document(loaded, path, diagnostics, plan)
        })
        .collect()
}

/// Diagnoses `files` below `root`, or all documents, without a repository: nothing but the files
/// themselves is needed. A file that is no document is told among the findings.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<CheckedDocument>> {
    let loaded = read(root, &[])?;
    let named: Vec<Named> = files.iter().map(|file| Named::of(root, file, &loaded)).collect();
    let extra: Vec<RelPath> = named.iter().filter_map(Named::plan).cloned().collect();
    let mut loaded = if extra.is_empty() { loaded } else { read(root, &extra)? };
    let mut engine = Engine::default();
    let documents = Box::new(loaded.documents.clone());
    engine.step(clock::now(), Event::DocumentsRead(documents));
    let missing = missing_designs(root, &loaded, &engine);
    loaded.diagnostics.extend(missing);
    let lying = tree::findings(root, &loaded, &engine);
    loaded.diagnostics.extend(lying);
    loaded.diagnostics.extend(mail::unsent(&loaded, &engine));
    loaded.diagnostics.extend(agents::refused(&loaded.documents.agents));
    loaded.diagnostics.extend(agents::without_server(root, &loaded.documents.agents));
    if files.is_empty() {
        return Ok(checked(&loaded, &engine, None));
    }
    let wanted: Vec<RelPath> = named.iter().flat_map(Named::documents).cloned().collect();
    let has_others = !wanted.is_empty();
    let mut documents = checked(&loaded, &engine, Some(&wanted));
    documents.extend(named.into_iter().filter_map(|named| named.refused(has_others)));
    Ok(documents)
}

/// All documents, with what is wrong with the backlog's items.
fn read(root: &Path, extra: &[RelPath]) -> Result<Loaded> {
    let mut loaded = documents::read(root, extra)?;
    let found = backlog::findings(&loaded.documents);
    loaded.diagnostics.extend(found);
    Ok(loaded)
}

fn missing_designs(root: &Path, loaded: &Loaded, engine: &Engine) -> Vec<Diagnostic> {
    let of = |source: &Source| design::missing(root, engine.plan_at(&source.path)?, source);
    loaded.documents.plans.iter().filter_map(of).collect()
}

fn checked(loaded: &Loaded, engine: &Engine, wanted: Option<&[RelPath]>) -> Vec<CheckedDocument> {
    let mut findings = by_file(loaded, engine);
    for path in loaded.sources.keys() {
        findings.entry(Some(path.clone())).or_default();
    }
    if let Some(wanted) = wanted {
        findings.retain(|path, _| path.as_ref().is_some_and(|path| wanted.contains(path)));
    }
    findings
        .into_iter()
        .map(|(path, diagnostics)| {
            let plan = plan_at(engine, path.as_ref());
            document(loaded, path, diagnostics, plan)
        })
        .collect()
}

pub fn by_file(loaded: &Loaded, engine: &Engine) -> BTreeMap<Option<RelPath>, Vec<Diagnostic>> {
    let mut findings: BTreeMap<Option<RelPath>, Vec<Diagnostic>> = BTreeMap::new();
    for diagnostic in loaded.diagnostics.iter().cloned().chain(engine.diagnostics()) {
        findings.entry(diagnostic.file.clone()).or_default().push(diagnostic);
    }
    findings
}

fn plan_at(engine: &Engine, path: Option<&RelPath>) -> Option<Plan> {
    engine.plan_at(path?).cloned()
}

pub fn document(
    loaded: &Loaded,
    path: Option<RelPath>,
    diagnostics: Vec<Diagnostic>,
    plan: Option<Plan>,
) -> CheckedDocument {
    let shown = path.as_ref().map_or_else(|| ".".to_owned(), ToString::to_string);
    let source = path.as_ref().and_then(|path| loaded.sources.get(path)).cloned();
    let source = source.or_else(|| {
        let path = path.or_else(|| RelPath::new("orch"))?;
        Some(Source::new(path, ""))
    });
    CheckedDocument {
        path: shown,
        // Both names above are in normal form, so there is always a source.
        source: source.unwrap_or_else(|| unreachable!("a source is made where none is known")),
        diagnostics,
        plan,
    }
}

#[cfg(test)]
mod tests {
    /// The codes of what `check` says of a plan with one task, in a folder with these files.
    pub fn codes_of(task: &str, files: &[(&str, &str)]) -> String {
        codes_of_plan("name: P", task, files)
    }

    pub fn codes_of_plan(meta: &str, task: &str, files: &[(&str, &str)]) -> String {
        let scratch = tempfile::tempdir().unwrap();
        let plan = format!(
            "meta: {{ {meta} }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', {task} }}\n"
        );
        for (path, text) in files.iter().chain(&[("plans/p.yaml", plan.as_str())]) {
            let place = scratch.path().join(path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, text).unwrap();
        }
        let documents = super::check(scratch.path(), &[]).unwrap_or_default();
        let found = documents.iter().flat_map(|it| &it.diagnostics);
        found.map(|it| it.code).collect::<Vec<_>>().join(" ")
    }
}
