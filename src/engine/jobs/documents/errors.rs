//! Errors that an attempt makes in documents: landed, they would stop every later build.

use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::event::Documents;
use crate::engine::jobs::Shop;
use crate::engine::jobs::attempt::Attempt;
use crate::engine::outcome::evidence::{DocumentsFound, DocumentsLeft, Evidence};
use crate::engine::plan_change::line_of;
use crate::engine::world::World;
use crate::spec::agent;

impl Shop<'_> {
    /// The first error that the documents have as an attempt left them and had not before. All are
    /// looked at together: where an agent goes, that is an error of the plans that name it.
    pub(super) fn error_made(&self, attempt: &Attempt, evidence: &Evidence) -> Option<String> {
        let read = evidence.documents.as_deref()?;
        // What is wrong with its own plan alone is told where that is taken.
        if read.before == read.after {
            return None;
        }
        let mut read = read.clone();
        // A task may go with the agent that it names.
        if let Some(edit) = &evidence.plan_edit
            && let Ok(left) = &edit.left
        {
            let own = self.ground.world.plan_path(attempt.slot);
            put(&mut read.before.documents, own, &edit.laid);
            put(&mut read.after.documents, own, left);
        }
        first_error_made(read)
    }
}

/// The first error that the later documents have and the earlier ones have not, one line.
pub fn first_error_made(mut read: DocumentsLeft) -> Option<String> {
    // Of two plans with one name the one that is new is told.
    let DocumentsLeft { before, after } = &mut read;
    after.documents.plans.sort_by_key(|it| !before.documents.plans.contains(it));
    first_new(&read)
}

fn put(documents: &mut Documents, plan: &RelPath, text: &Arc<str>) {
    documents.plans.retain(|it| it.path != *plan);
    documents.plans.push(Source::new(plan.clone(), Arc::clone(text)));
}

fn first_new(read: &DocumentsLeft) -> Option<String> {
    let changed = |agent: &Source| !read.before.documents.agents.contains(agent);
    let agents: Vec<&RelPath> =
        read.after.documents.agents.iter().filter(|it| changed(it)).map(|it| &it.path).collect();
    let left = errors_in(&read.after, &agents);
    let had = match &left[..] {
        [] => Vec::new(),
        _ => errors_in(&read.before, &agents),
    };
    let is_same = |one: &Diagnostic, other: &Diagnostic| {
        (&one.file, one.code, &one.message) == (&other.file, other.code, &other.message)
    };
    let found = left.iter().find(|it| !had.iter().any(|old| is_same(old, it)))?;
    let Some(file) = &found.file else {
        return Some(format!("left an error: {} ({})", found.message, found.code));
    };
    let Documents { plans, agents, rules, .. } = &read.after.documents;
    let mut sources = plans.iter().chain(agents).chain(rules);
    let source = sources.find(|it| it.path == *file);
    let place = source.map_or_else(
        || format!("{} ({})", found.message, found.code),
        |source| line_of(source, found),
    );
    Some(format!("left `{file}` with an error: {place}"))
}

/// Errors of the documents, and of these agents whether or not anything names them.
fn errors_in(read: &DocumentsFound, agents: &[&RelPath]) -> Vec<Diagnostic> {
    let DocumentsFound { documents, problems } = read;
    let mut found = problems.clone();
    for source in documents.agents.iter().filter(|it| agents.contains(&&it.path)) {
        let doubt = agent::parse(source).value.doubt;
        found.extend(
            doubt.map(|it| Diagnostic::error("plan::unclear-agent", it).in_file(&source.path)),
        );
    }
    found.extend(World::diagnostics_of(documents.clone()));
    found.retain(Diagnostic::is_error);
    found
}
