//! Errors that an attempt makes in documents: landed, they would stop every later build.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::file::FileState;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::event::Documents;
use crate::engine::jobs::Shop;
use crate::engine::jobs::attempt::Attempt;
use crate::engine::outcome::evidence::{Evidence, OtherDocument};
use crate::engine::plan_change::line_of;
use crate::engine::world::World;
use crate::spec::config::Config;
use crate::spec::{agent, config};

use super::{Kind, kind_of};

/// Texts of documents; `None` where there is none.
type Texts = BTreeMap<RelPath, Option<Arc<str>>>;

impl Shop<'_> {
    /// The first error that the documents have as an attempt left them and had not before. All are
    /// looked at together: where an agent goes, that is an error of the plans that name it.
    pub(super) fn error_made(&self, attempt: &Attempt, evidence: &Evidence) -> Option<String> {
        let config = self.ground.world.config();
        let others = || evidence.other_documents.iter();
        if let Some(lost) = others().find(|it| is_lost(it, evidence, config)) {
            return Some(format!("left `{}`, which is not UTF-8", lost.path));
        }
        let mut before: Texts = others().map(|it| (it.path.clone(), it.before.clone())).collect();
        let mut after: Texts = others().map(|it| (it.path.clone(), it.after.clone())).collect();
        if after.keys().all(|path| kind_of(path, config).is_none()) {
            return None;
        }
        // A task may go with the agent that it names.
        if let Some(edit) = &evidence.plan_edit
            && let Ok(left) = &edit.left
        {
            let own = self.ground.world.plan_path(attempt.slot);
            before.insert(own.clone(), Some(Arc::clone(&edit.laid)));
            after.insert(own.clone(), Some(Arc::clone(left)));
        }
        self.first_new(&before, &after)
    }

    fn first_new(&self, before: &Texts, after: &Texts) -> Option<String> {
        let documents = self.documents_with(after);
        let left = errors_in(&documents, after);
        let had = match &left[..] {
            [] => Vec::new(),
            _ => errors_in(&self.documents_with(before), before),
        };
        let is_same = |one: &Diagnostic, other: &Diagnostic| {
            (&one.file, one.code, &one.message) == (&other.file, other.code, &other.message)
        };
        let found = left.iter().find(|it| !had.iter().any(|old| is_same(old, it)))?;
        let Some(file) = &found.file else {
            return Some(format!("left an error: {} ({})", found.message, found.code));
        };
        let text = after.get(file).and_then(Option::as_ref);
        let left_so = text.map(|text| Source::new(file.clone(), Arc::clone(text)));
        let Documents { plans, agents, rules, .. } = &documents;
        let mut others = plans.iter().chain(agents).chain(rules);
        let source = left_so.as_ref().or_else(|| others.find(|it| it.path == *file));
        let told = source.map_or_else(|| found.message.clone(), |it| line_of(it, found));
        Some(format!("left `{file}` with an error: {told}"))
    }

    /// All documents, with other texts in the place of some.
    fn documents_with(&self, texts: &Texts) -> Documents {
        let mut documents = self.ground.world.documents();
        for (path, text) in texts {
            documents.unread_agents.remove(path);
            let prompt = prompt_of(path, &documents.config);
            let list = match kind_of(path, &documents.config) {
                Some(Kind::Rule) if prompt.is_some() => &mut documents.prompts,
                Some(Kind::Plan) => &mut documents.plans,
                Some(Kind::Agent) => &mut documents.agents,
                Some(Kind::Rule) => &mut documents.rules,
                Some(Kind::Settings) | None => continue,
            };
            let path = prompt.as_ref().unwrap_or(path);
            list.retain(|it| it.path != *path);
            list.extend(text.as_ref().map(|text| Source::new(path.clone(), Arc::clone(text))));
        }
        // Of two with one name the one nearer to the top counts, as where they are read.
        let depth = |it: &Source| it.path.as_str().matches('/').count();
        documents.agents.sort_by_key(|it| (Reverse(depth(it)), it.path.clone()));
        documents
    }
}

/// A template as rules name it.
fn prompt_of(path: &RelPath, config: &Config) -> Option<RelPath> {
    let name = path.as_str().strip_prefix(config.rules_dir.trim_end_matches('/'))?;
    let name = RelPath::new(name.strip_prefix('/')?)?;
    name.is_within("prompts").then_some(name)
}

/// Errors of the documents, and of those among them that are unfit whether or not anything names them.
fn errors_in(documents: &Documents, texts: &Texts) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (path, text) in texts {
        let Some(text) = text else { continue };
        let source = Source::new(path.clone(), Arc::clone(text));
        match kind_of(path, &documents.config) {
            Some(Kind::Agent) => {
                let doubt = agent::parse(&source).value.doubt;
                found.extend(
                    doubt.map(|it| Diagnostic::error("plan::unclear-agent", it).in_file(path)),
                );
            }
            Some(Kind::Settings) if path.as_str() == "orch.yaml" => {
                found.extend(config::parse(None, Some(&source)).diagnostics);
            }
            _ => {}
        }
    }
    found.extend(World::diagnostics_of(documents.clone()));
    found.retain(Diagnostic::is_error);
    found
}

/// There, and no text by now: an agent is read nevertheless.
fn is_lost(document: &OtherDocument, evidence: &Evidence, config: &Config) -> bool {
    let path = &document.path;
    let is_read = matches!(kind_of(path, config), Some(Kind::Plan | Kind::Rule))
        && [".yaml", ".yml", ".md"].iter().any(|it| path.as_str().ends_with(it));
    let change = evidence.patch.changes().iter().find(|it| it.path == *path);
    let is_no_text =
        |state: Option<FileState>, text: &Option<Arc<str>>| state.is_some() && text.is_none();
    is_read
        && change.is_some_and(|it| {
            is_no_text(it.after, &document.after) && !is_no_text(it.before, &document.before)
        })
}
