//! Warnings of documents: a build tells those of what it is made from, each once.

use std::collections::BTreeSet;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::base::source::Source;
use crate::host::check::by_file;
use crate::host::check::caution::{cautions_with, lying};
use crate::host::state::State;
use crate::host::surface::CheckedDocument;

/// What tells one warning from another. Where it stands does not: status lines move it.
type Known = (Option<RelPath>, &'static str, String);

/// Which warnings concern this build, and which of them were told.
#[derive(Debug, Default)]
pub struct Cautions {
    wanted: Option<Vec<TaskRef>>,
    /// Plans of which a task has started.
    at_work: BTreeSet<PlanName>,
    shown: BTreeSet<Known>,
    /// The plans that were last held against what lies there, and what came of it.
    seen: Option<Vec<Source>>,
    lying: Vec<Diagnostic>,
}

impl Cautions {
    /// For a build of these tasks, or of all.
    pub fn of(wanted: Option<Vec<TaskRef>>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// True for the first task of a plan that starts.
    pub fn is_first_of(&mut self, plan: &PlanName) -> bool {
        self.at_work.insert(plan.clone())
    }

    /// What has not been told yet; it is now. What is gone and comes back is told again.
    pub fn untold(&mut self, state: &State) -> Vec<CheckedDocument> {
        let State { loaded, engine, .. } = state;
        if self.seen.as_ref() != Some(&loaded.documents.plans) {
            self.lying = lying(state.root(), loaded, engine);
            self.seen = Some(loaded.documents.plans.clone());
        }
        let wanted = self.wanted.as_deref();
        let mut documents = cautions_with(&self.lying, loaded, engine, wanted);
        let all = by_file(loaded, engine).into_values().flatten();
        let mut present: BTreeSet<Known> = all.map(|it| known(&it)).collect();
        present.extend(documents.iter().flat_map(|it| &it.diagnostics).map(known));
        self.shown.retain(|it| present.contains(it));
        for document in &mut documents {
            document.diagnostics.retain(|it| self.shown.insert(known(it)));
        }
        documents.retain(|document| !document.diagnostics.is_empty());
        documents
    }
}

fn known(found: &Diagnostic) -> Known {
    (found.file.clone(), found.code, found.message.clone())
}
