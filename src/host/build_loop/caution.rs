//! Warnings of documents: a build tells those of what it is made from, each once.

use std::collections::BTreeSet;

use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::host::clock;
use crate::host::documents::{CLAUDE_CONFIG, NATIVE_CONFIG};
use crate::host::surface::{CheckedDocument, Surface};

use crate::host::check::{by_file, document};
use crate::host::driver::Driver;

/// What tells one warning from another. Where it stands does not: status lines move it.
type Known = (Option<RelPath>, &'static str, String);

/// Which warnings concern this build, and which of them were told.
#[derive(Debug, Default)]
pub(in crate::host) struct Cautions {
    pub wanted: Option<Vec<TaskRef>>,
    /// Plans of which a task has started.
    at_work: BTreeSet<PlanName>,
    told: BTreeSet<Known>,
}

impl Driver {
    /// The settings, and what these tasks, or all, are made from, where anything is doubtful about it:
    /// its warnings alone.
    pub fn cautions(&self, wanted: Option<&[TaskRef]>) -> Vec<CheckedDocument> {
        let mut documents = by_file(&self.loaded, &self.engine);
        for findings in documents.values_mut() {
            findings.retain(|it| it.severity == Severity::Warning);
        }
        documents.retain(|_, findings| !findings.is_empty());
        if documents.is_empty() {
            return Vec::new();
        }
        let used = self.engine.documents_used(wanted);
        let concerns = |path: &RelPath| is_settings(path) || used.contains(path);
        documents.retain(|path, _| path.as_ref().is_none_or(concerns));
        let documents = documents.into_iter();
        documents.map(|(path, found)| document(&self.loaded, path, (found, None))).collect()
    }

    /// Statuses say what is left to do only as a person would read them: a task that is done and starts
    /// nevertheless brings the warnings of its plan.
    pub(in crate::host) fn caution_of(&mut self, task: &TaskRef, surface: &mut dyn Surface) {
        if self.cautions.at_work.insert(task.plan.clone()) {
            self.caution(surface);
        }
    }

    /// Tells what has not been told yet. What is gone and comes back is told again.
    pub(in crate::host) fn caution(&mut self, surface: &mut dyn Surface) {
        let all = by_file(&self.loaded, &self.engine);
        let present: BTreeSet<Known> = all.into_values().flatten().map(|it| known(&it)).collect();
        self.cautions.told.retain(|it| present.contains(it));
        let mut documents = self.cautions(self.cautions.wanted.as_deref());
        let told = &mut self.cautions.told;
        for document in &mut documents {
            document.diagnostics.retain(|it| told.insert(known(it)));
        }
        documents.retain(|document| !document.diagnostics.is_empty());
        if !documents.is_empty() {
            surface.caution(&documents, clock::now());
        }
    }
}

fn known(found: &Diagnostic) -> Known {
    (found.file.clone(), found.code, found.message.clone())
}

/// True for the files that every build goes by.
pub fn is_settings(path: &RelPath) -> bool {
    [CLAUDE_CONFIG, NATIVE_CONFIG].contains(&path.as_str())
}
