//! Warnings beside a result: what its session did without, and what it saw.

use std::collections::BTreeMap;

use crate::base::file::Patch;
use crate::base::name::{ModelName, RelPath};
use crate::engine::escalate::weaker_than_asked;
use crate::engine::outcome::evidence::Evidence;
use crate::engine::outcome::{Look, look_of, unknown_word};
use crate::engine::world::prompt::one_line;
use crate::spec::agent::covers;
use crate::spec::rule::{ActionKind, tools_of};

use super::Shop;
use super::attempt::Attempt;
use super::ended::model_of;
use super::expect::denials;

/// More files are told that no task declares.
const MANY_FILES: usize = 500;

/// What an attempt's session has seen, the parts before it was taken up again with it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub has_looked: bool,
    /// Declared inputs that it was not let read.
    pub unread: Vec<RelPath>,
}

impl Shop<'_> {
    pub(super) fn seen_by(&self, attempt: &Attempt, evidence: &Evidence) -> Seen {
        let run = attempt.node.and_then(|node| self.build.board.known_run(node));
        let before = run.filter(|run| run.resume.is_some());
        let looks_now = evidence.stream.as_ref().is_some_and(|it| look_of(it) == Look::Seen);
        // What a session of an earlier build saw is not known here.
        let looked_before = before.is_some_and(|run| run.has_looked || run.last_end.is_none());
        let mut unread = evidence.denied_inputs.clone();
        // Told what is allowed, it got at them in another way, or has said so.
        let left = before.filter(|_| !looks_now).map_or(&[][..], |run| &run.unread);
        unread.extend_from_slice(left);
        Seen { has_looked: looks_now || looked_before, unread }
    }

    /// Warnings that a result of this attempt comes with.
    pub(super) fn warnings_of(&self, attempt: &Attempt, evidence: &Evidence) -> Vec<String> {
        let mut warnings = denials(evidence);
        let untouched = self.untouched_outputs(attempt, evidence);
        warnings.extend(
            untouched
                .iter()
                .map(|path| format!("its output `{path}` is as it was before the session")),
        );
        warnings.extend(many_files(attempt, &evidence.patch));
        warnings.extend(self.weaker_of(attempt, evidence).map(|it| it.warning));
        warnings.extend(beyond_its_tools(attempt, evidence));
        warnings.extend(unknown_word(evidence).map(|word| {
            format!("its session says that it ended by `{word}`, which orch does not know: look whether it was done")
        }));
        warnings
    }

    /// The model that really answered: the weaker one, where that was not asked for.
    pub(super) fn answering_model(
        &self,
        attempt: &Attempt,
        evidence: &Evidence,
    ) -> Option<ModelName> {
        self.weaker_of(attempt, evidence).map(|it| it.model).or_else(|| model_of(evidence))
    }

    fn weaker_of(&self, attempt: &Attempt, evidence: &Evidence) -> Option<Weaker> {
        let world = &*self.ground.world;
        let asked = self.build.board.model_now(attempt.node?, &attempt.recipe, world).ok()??;
        let stream = evidence.stream.as_ref()?;
        let answered = stream.main_models.iter().chain(stream.models.first());
        let models = &world.config().models;
        answered.rev().find_map(|model| {
            let warning = weaker_than_asked(&asked, model, models)?;
            Some(Weaker { model: model.clone(), warning })
        })
    }

    /// Files that a session was to make and left as they were. An earlier result of its task that it has looked
    /// at may be right as it is, and a command that came to the same has looked.
    pub(super) fn untouched_outputs(&self, attempt: &Attempt, evidence: &Evidence) -> Vec<RelPath> {
        if attempt.recipe.rule.action == ActionKind::Command {
            return Vec::new();
        }
        let past = self.ground.past.history.task(&attempt.task);
        let is_own = |path: &RelPath| past.is_some_and(|it| it.owned.contains_key(path));
        let tools = evidence.stream.as_ref().map_or(&[][..], |it| &it.tools_used);
        // What a shell read nobody knows.
        let has_shell = tools.iter().any(|it| it == "Bash");
        let is_seen =
            |path: &RelPath| has_shell || evidence.read_set.iter().any(|it| it.0 == *path);
        let untouched = evidence.unchanged_outputs.iter();
        untouched.filter(|path| !(is_own(path) && is_seen(path))).cloned().collect()
    }
}

/// More files than such work leaves, of which nothing says that they belong there: by the folder that most lie in.
fn many_files(attempt: &Attempt, patch: &Patch) -> Option<String> {
    let spec = &attempt.recipe.spec;
    let declared = spec.outputs.compile().unwrap_or_default();
    let allowed = attempt.recipe.rule.outputs.allowed.as_ref();
    let allowed = allowed.and_then(|it| it.compile().ok()).unwrap_or_default();
    let undeclared = patch.paths().filter(|it| !declared.is_match(it) && !allowed.is_match(it));
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for path in undeclared {
        *folders.entry(path.parent().unwrap_or_default().to_string()).or_default() += 1;
    }
    let n: usize = folders.values().sum();
    let (folder, most) = folders.iter().max_by_key(|(_, n)| **n).filter(|_| n > MANY_FILES)?;
    let place = if folder.is_empty() { "the root" } else { folder };
    Some(format!(
        "{n} files that it does not declare were made or changed, {most} of them in `{place}`: look whether they belong \
         into the repository, or git should ignore them"
    ))
}

/// Tools that the CLI let a session use although its agent does not have them: releases of it bring new
/// ones that no list keeps away.
fn beyond_its_tools(attempt: &Attempt, evidence: &Evidence) -> Option<String> {
    let agent = attempt.recipe.agent.as_deref();
    let tools = tools_of(&attempt.recipe.rule, agent);
    let used = evidence.stream.as_ref().map_or(&[][..], |it| &it.tools_used);
    let others = used.iter().filter(|it| !covers(&tools, it));
    let others: Vec<String> = others.map(|it| format!("`{}`", one_line(it))).collect();
    let who = agent.map_or("it", |_| "its agent");
    (!others.is_empty())
        .then(|| format!("its session used {}, which {who} does not have", others.join(", ")))
}

/// A model that answered where a stronger one was asked for.
struct Weaker {
    model: ModelName,
    warning: String,
}
