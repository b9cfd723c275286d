//! The plan in a session's worktree: a copy that it may edit, and what it made of it. And the change
//! on its way into the user's plan.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use crate::base::file::{Change, FileKind, Patch};
use crate::base::name::{CommitId, RelPath, TreeId};
use crate::base::source::Source;
use crate::engine::effect::{LandingRequest, Launch, LaunchAction};
use crate::engine::event::{Event, Written};
use crate::engine::outcome::evidence::{OtherDocument, PlanEdit};
use crate::engine::world::prompt::PLAN_COPY;
use crate::host::documents::{self, read_text};
use crate::host::error::{Doing, Error, Result};
use crate::host::git::trailer::ReceiptTold;
use crate::host::landing::{Followed, ReceiptOutcome};
use crate::host::worktree::{BaseTree, Collected, Worktree};

use crate::host::driver::Driver;
use crate::host::driver::Shared;
use crate::host::land::TRIES;
use crate::host::land::status::{Home, told, write_whole};
use crate::host::state::admit::frozen_by;

/// The plan's text that goes into a landing's commit.
#[derive(Default)]
pub(in crate::host) struct Riding {
    /// `None` where the plan is not committed.
    pub text: Option<String>,
    /// The status lines that wait for the plan are in the text. Where they cannot be written, the
    /// session's change goes without them, and they are told of later.
    pub has_statuses: bool,
}

/// A change of a plan that is in nobody's way, or what stands against it.
pub(in crate::host) type Ridden = std::result::Result<Riding, String>;

/// Lays the copy of the plan into a worktree, and says what it is; a validator gets none. A session
/// that goes on keeps its own. A command gets none: see [`beneath`].
pub(in crate::host) fn lay(
    shared: &Shared,
    launch: &Launch,
    (base, worktree): (&BaseTree, &Worktree),
    goes_on: bool,
) -> Result<Option<Arc<str>>> {
    if is_command(launch) {
        return Ok(None);
    }
    let text = match &launch.plan {
        Some(path) => text_at(shared, &base.tree, path)?,
        None => None,
    };
    if goes_on {
        return Ok(text);
    }
    let copy = worktree.root().join(PLAN_COPY);
    clear_way(worktree.root(), &copy)?;
    let Some(text) = text else { return Ok(None) };
    let doing = "laying the plan into a worktree";
    fs::create_dir_all(copy.parent().unwrap_or(&copy)).doing(doing, &copy)?;
    fs::write(&copy, text.as_bytes()).doing(doing, &copy)?;
    Ok(Some(text))
}

/// What a command's edit of its plan is told from: it edits the file in place, if at all.
pub(in crate::host) fn beneath(
    shared: &Shared,
    launch: &Launch,
    (worktree, patch): (&Worktree, &Patch),
) -> Result<Option<Arc<str>>> {
    match &launch.plan {
        Some(path) if is_command(launch) && patch.paths().any(|it| it == path) => {
            text_at(shared, &worktree.base().tree, path)
        }
        _ => Ok(None),
    }
}

fn is_command(launch: &Launch) -> bool {
    matches!(launch.action, LaunchAction::Command(_))
}

fn text_at(shared: &Shared, tree: &TreeId, path: &RelPath) -> Result<Option<Arc<str>>> {
    let text = shared.repo.read_path_at(tree, path)?;
    Ok(text.and_then(|it| String::from_utf8(it).ok()).map(Arc::from))
}

/// Removes an earlier copy, and links that an earlier session may have put in its way.
fn clear_way(root: &Path, copy: &Path) -> Result<()> {
    for place in [&root.join(".orch"), copy.parent().unwrap_or(root), copy] {
        let found = fs::symlink_metadata(place);
        let is_in_the_way = |meta: &fs::Metadata| !meta.is_dir() || place == copy;
        let removed = match found {
            Ok(meta) if meta.is_dir() && place == copy => fs::remove_dir_all(place),
            Ok(meta) if is_in_the_way(&meta) => fs::remove_file(place),
            _ => Ok(()),
        };
        removed.doing("clearing the way of a plan", place)?;
    }
    Ok(())
}

/// What a session made of its plan, and its work without that: the plan is no part of its patch.
pub(in crate::host) fn taken_out(
    shared: &Shared,
    (path, laid): (&RelPath, &Arc<str>),
    worktree: &Worktree,
    collected: Collected,
) -> Result<(Collected, Option<PlanEdit>)> {
    let is_in_patch = collected.patch.paths().any(|it| it == path);
    let in_place = match is_in_patch {
        false => Ok(Arc::clone(laid)),
        true => match shared.repo.read_path_at(&collected.tree, path)? {
            None => Err(format!("`{path}` was removed")),
            Some(bytes) => String::from_utf8(bytes)
                .map(Arc::from)
                .map_err(|_| format!("`{path}` is not UTF-8 any more")),
        },
    };
    let copy = match read_copy(&worktree.root().join(PLAN_COPY)) {
        Ok(None) => Ok(Arc::clone(laid)),
        Ok(Some(text)) => Ok(text.into()),
        Err(why) => Err(format!("`{PLAN_COPY}` cannot be read: {why}")),
    };
    let left = match (in_place, copy) {
        (Ok(one), Ok(other)) if one == other || other == *laid => Ok(one),
        (Ok(one), Ok(other)) if one == *laid => Ok(other),
        (Ok(_), Ok(_)) => {
            Err(format!("`{PLAN_COPY}` and `{path}` were both edited, not in the same way"))
        }
        (Err(why), _) | (_, Err(why)) => Err(why),
    };
    let collected = match is_in_patch {
        true => shared.pool.without(worktree, collected, path)?,
        false => collected,
    };
    let edit = PlanEdit { laid: Arc::clone(laid), left };
    let is_edited = edit.left.as_ref() != Ok(laid);
    Ok((collected, is_edited.then_some(edit)))
}

/// Documents that a patch changes; its own plan is out of it by then.
pub(in crate::host) fn others_in(
    shared: &Shared,
    patch: &Patch,
    (was, is): (&TreeId, &TreeId),
) -> Result<Vec<OtherDocument>> {
    // What a link leads to is no text of its own.
    let is_file = |it: &&Change| it.after.is_none_or(|it| it.kind != FileKind::Symlink);
    let files = patch.changes().iter().filter(is_file).map(|it| &it.path);
    let changed = files.filter(|path| documents::is_document(path, &shared.config));
    let other = |path: &RelPath| {
        let (before, after) = (text_at(shared, was, path)?, text_at(shared, is, path)?);
        Ok(OtherDocument { path: path.clone(), before, after })
    };
    changed.map(other).collect()
}

fn read_copy(place: &Path) -> std::io::Result<Option<String>> {
    match fs::symlink_metadata(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_file() => return Err(std::io::Error::other("it is no plain file")),
        Ok(_) => {}
    }
    let mut text = String::new();
    let limit = crate::spec::yaml::MAX_BYTES as u64 + 1;
    fs::File::open(place)?.take(limit).read_to_string(&mut text)?;
    Ok(Some(text))
}

impl Driver {
    /// The plan's text that goes into the landing's commit: its status lines, and what the session
    /// changed. `Err` says what stands against the change.
    pub(in crate::host) fn riding(&self, request: &LandingRequest) -> Result<Ridden> {
        let path = &request.status.plan_path;
        let Some(change) = &request.plan_change else {
            let text = self.text_that_rides_along(path)?;
            return Ok(Ok(Riding { has_statuses: text.is_some(), text }));
        };
        let attempt = request.attempt;
        let is_committed = self.home_of(path)? == Home::Committed;
        let text = if is_committed { self.tip_text(path)? } else { self.lying_text(path)? };
        let source = Source::new(path.clone(), text);
        let changed = match self.engine.changed_plan(attempt, &source, change) {
            Ok(changed) if is_committed => changed,
            Ok(_) => return Ok(Ok(Riding::default())),
            Err(why) => return Ok(Err(why)),
        };
        let edits = self.pending.get(path).map_or(&[][..], |it| it);
        let source = Source::new(path.clone(), changed.clone());
        let edited = self.edited(&source, edits).ok();
        let has_statuses = edited.is_some();
        Ok(Ok(Riding { text: Some(edited.unwrap_or(changed)), has_statuses }))
    }

    fn lying_text(&self, path: &RelPath) -> Result<Arc<str>> {
        let file = self.root.join(path.as_str());
        read_text(&file, path).map_err(|it| Error::new(it.diagnostic.message).at(&file))
    }

    /// Changes a plan that is edited where it lies. Asked before by [`Driver::riding`]; where the
    /// user was quicker since, it is told and nothing is written.
    fn change_in_place(&self, request: &LandingRequest) -> Result<std::result::Result<(), String>> {
        let path = &request.status.plan_path;
        let Some(change) = &request.plan_change else { return Ok(Ok(())) };
        let source = Source::new(path.clone(), self.lying_text(path)?);
        let changed = match self.engine.changed_plan(request.attempt, &source, change) {
            Ok(changed) => changed,
            Err(why) => return Ok(Err(why)),
        };
        if *changed != *source.text {
            write_whole((&self.root, &self.root.join(path.as_str())), changed.as_bytes())?;
        }
        Ok(Ok(()))
    }

    /// Behind a landing: the change of a plan that is not committed. The events are for the engine
    /// before it hears of the landing: what comes next may be another task by now.
    pub(in crate::host) fn after_change(
        &mut self,
        request: &LandingRequest,
        is_in_commit: bool,
    ) -> Result<Vec<Event>> {
        if request.plan_change.is_none() {
            return Ok(Vec::new());
        }
        let path = request.status.plan_path.clone();
        if !is_in_commit && let Err(why) = self.change_in_place(request)? {
            // Somebody edited the plan in this very moment. The work has landed.
            let problem = format!("its session's change of the plan is lost: {why}");
            return Ok(told(vec![request.status.clone()], &Written::Failed(problem)));
        }
        self.plan_again(&path)
    }

    /// The plan as it lies, for the engine; nothing where it has errors or is what it was.
    fn plan_again(&mut self, path: &RelPath) -> Result<Vec<Event>> {
        let source = Source::new(path.clone(), self.lying_text(path)?);
        let mut documents = self.loaded.documents.clone();
        let Some(plan) = documents.plans.iter_mut().find(|it| it.path == *path) else {
            return Ok(Vec::new());
        };
        if plan.text == source.text {
            return Ok(Vec::new());
        }
        *plan = source.clone();
        documents.committed.remove(path);
        let head = self.repo.tree_of(&self.repo.state()?.head)?;
        if self.repo.read_path_at(&head, path)?.as_deref() == Some(source.text.as_bytes()) {
            documents.committed.insert(path.clone());
        }
        let mut found = self.engine.diagnose(documents.clone());
        found.retain(|it| it.is_error() && it.file.as_ref() == Some(path));
        if found.is_empty() {
            self.loaded.documents = documents;
            self.loaded.sources.insert(path.clone(), source);
        } else {
            self.loaded.documents.frozen = frozen_by(&found, self.config());
        }
        Ok(vec![Event::DocumentsRead(Box::new(self.loaded.documents.clone()))])
    }

    /// A result that changed nothing but the plan: committed at once, with its receipt.
    pub(in crate::host) fn settle_with_change(
        &mut self,
        request: &LandingRequest,
    ) -> Result<Vec<Event>> {
        let attempt = request.attempt;
        self.queue_status(request.status.clone());
        let path = request.status.plan_path.clone();
        let receipt = ReceiptTold {
            task: request.task.clone(),
            action: request.key,
            output: request.output,
            verdicts: request.verdicts.clone(),
        };
        for _ in 0..TRIES {
            let onto = self.refresh_tip()?;
            let riding = match self.riding(request)? {
                Err(why) => return Ok(self.refused(request, why)),
                Ok(riding) => riding,
            };
            let Some(text) = riding.text else {
                self.receipts.push(receipt);
                let mut events = self.after_change(request, false)?;
                events.push(Event::Settled { attempt });
                return Ok(events);
            };
            if !self.commit_plan(&onto, (std::slice::from_ref(&receipt), &path, text))? {
                continue;
            }
            self.refresh_tip()?;
            let is_parked = matches!(self.follow()?, Followed::Parked { .. });
            let written_with = riding.has_statuses.then(|| self.pending.remove(&path)).flatten();
            let edits = written_with.unwrap_or_default();
            let written = if is_parked { Written::Loose } else { Written::Kept };
            let mut events = self.after_change(request, true)?;
            events.extend(told(edits, &written));
            events.push(Event::Settled { attempt });
            return Ok(events);
        }
        let message = "the integration tip keeps moving under it".to_owned();
        Ok(vec![Event::LandingFailed { attempt, message }])
    }

    fn commit_plan(
        &self,
        onto: &CommitId,
        (receipts, path, text): (&[ReceiptTold], &RelPath, String),
    ) -> Result<bool> {
        let plans = [(path.clone(), Arc::new(text))];
        let outcome = self.repo.land_receipts(&self.branch()?, onto, (receipts, &plans))?;
        Ok(matches!(outcome, ReceiptOutcome::Landed(_)))
    }

    /// The status line that was queued for a landing goes with it.
    pub(in crate::host) fn refused(&mut self, request: &LandingRequest, why: String) -> Vec<Event> {
        if let Some(edits) = self.pending.get_mut(&request.status.plan_path) {
            edits.retain(|it| *it != request.status);
        }
        vec![Event::PlanRefused { attempt: request.attempt, why }]
    }
}

impl Shared {
    /// The plan that a launch may edit, with its text as it was laid.
    pub(in crate::host) fn plan_of<'a>(
        launch: &'a Launch,
        laid: Option<&'a Arc<str>>,
    ) -> Option<(&'a RelPath, &'a Arc<str>)> {
        Some((launch.plan.as_ref()?, laid?))
    }
}
