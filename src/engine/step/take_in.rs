//! What each event does: told to the part that it concerns.

use crate::base::diagnostic::Diagnostic;
use crate::base::file::{FileKind, FileState, Patch};
use crate::base::name::{RelPath, TaskRef};
use crate::engine::admission::{Stopping, lift_all};
use crate::engine::broken::{Broken, Sound};
use crate::engine::decide::Mode;
use crate::engine::effect::{BuildRequest, Decide, Effect, Notice, Request, Warning};
use crate::engine::event::{Documents, Event};
use crate::engine::jobs::left::left_by;
use crate::engine::jobs::{Build, Shop, Work};
use crate::engine::past::history::History;
use crate::engine::record::{Accepted, Decision, Provenance, Record};
use crate::engine::report::{ReportMark, output_with};

use super::Engine;

/// More changed files than this are found by a scan of all.
const MANY: usize = 256;

impl Engine {
    pub(super) fn take_in(&mut self, event: Event) {
        match event {
            Event::DocumentsRead(documents) => self.take_documents(*documents),
            Event::HistoryRead { records, lineage } => {
                self.take_history(History::new(&records, &lineage));
            }
            Event::HistoryRestored(history) => self.take_history(*history),
            Event::FilesScanned { found, links } => self.take_files(&found, links),
            Event::Looked(found) => self.take_looked(&found),
            Event::MachineSeen(machine) => self.world.take_machine(machine, self.step.now),
            Event::Changed { paths, everything } => self.take_changed(&paths, everything),
            Event::Asked(Request::Build(request)) => self.begin(request, Mode::Build),
            Event::Decided(decide) => self.take_decision(decide),
            Event::Answered { task, text } => self.take_answer(&task, text),
            Event::LimitsLifted => lift_all(&mut self.ground()),
            Event::StatusWritten { .. } | Event::Woken => self.take_in_without_build(event),
            event => {
                if let Some(mut shop) = self.shop() {
                    take_in_job(&mut shop, event);
                }
            }
        }
    }

    fn take_in_without_build(&mut self, event: Event) {
        if let Event::StatusWritten { task, status, written } = event {
            crate::engine::jobs::take_status_written(task, status, written, &mut self.ground());
        }
    }

    /// Starts a build: all that is wanted waits, and the files that keys read are asked for.
    pub(super) fn begin(&mut self, request: BuildRequest, mode: Mode) {
        let build = Build::new(request, mode, &mut self.ground());
        self.build = Some(build);
        self.rescan();
    }

    /// Asks for the present content of everything that keys and verdicts read.
    pub(super) fn rescan(&mut self) {
        let (globs, paths) = self.files_wanted();
        let Some(build) = &mut self.build else { return };
        build.board.freshness.has_scanned = false;
        self.world.begin_scan(&globs, &paths);
        self.step.push(Effect::Scan { globs, paths });
    }

    /// Something outside changed that decisions may rest on.
    fn touch(&mut self) {
        if let Some(build) = &mut self.build {
            build.board.freshness.touch();
        }
    }

    fn take_documents(&mut self, documents: Documents) {
        if self.world.take_documents(documents, &self.past) {
            self.stop_holding();
        }
        let world = &self.world;
        // Statuses that the plans say by now are no longer to be written.
        self.past.lines.retain(|task, status| {
            world.slot(task).is_some_and(|slot| world.record(slot).status != status)
        });
        self.touch();
        let world = &self.world;
        if let Some(build) = &mut self.build
            && build
                .jobs
                .attempts()
                .any(|(_, it)| it.made.plan_change.is_some() || world.is_stage(it.slot))
        {
            build.board.freshness.replanned();
        }
    }

    /// Everything that would be wrong with these documents. They are the engine's until it is given
    /// others by `DocumentsRead`, which must come next.
    pub fn diagnose(&mut self, documents: Documents) -> Vec<Diagnostic> {
        if self.world.set_documents(documents) {
            self.stop_holding();
        }
        self.diagnostics()
    }

    /// What every session rests on is another: what kept sessions from starting may be gone.
    fn stop_holding(&mut self) {
        if let Some(build) = &mut self.build
            && build.admission.stop_holding()
        {
            build.board.forgive();
        }
    }

    fn take_history(&mut self, history: History) {
        self.past.history = history.live();
        self.world.restage(&self.past);
        self.world.take_past(&self.past);
        self.touch();
    }

    fn take_files(
        &mut self,
        found: &[(RelPath, Option<FileState>)],
        links: Vec<(RelPath, RelPath)>,
    ) {
        let has_changed = self.world.take_files(found, &self.past);
        if self.world.take_links(links) {
            // What is behind them is read, too; that may hold links again.
            let (globs, paths) = self.files_wanted();
            if !self.world.has_scanned_for(&globs, &paths) {
                self.touch();
                return self.rescan();
            }
        }
        if let Some(build) = &mut self.build {
            build.board.freshness.scanned(self.step.now, has_changed);
        }
    }

    fn take_looked(&mut self, found: &[(RelPath, Option<FileState>)]) {
        if !self.world.take_looked(found, &self.past) {
            return;
        }
        self.touch();
        let is_link = |(path, state): &(RelPath, Option<FileState>)| {
            self.world.is_link(path) || state.is_some_and(|it| it.kind == FileKind::Symlink)
        };
        if found.iter().any(is_link) {
            self.rescan();
        }
    }

    /// A hint that files changed: those that a key could read are looked at.
    fn take_changed(&mut self, paths: &[RelPath], everything: bool) {
        if everything {
            return self.rescan();
        }
        if self.build.is_none() {
            return;
        }
        let read = self.world.read_of(paths);
        // What may be ignored by git is for a scan to judge; and many are found quicker by one.
        if read.len() > MANY || read.iter().any(|path| self.world.is_document(path)) {
            return self.rescan();
        }
        if !read.is_empty() {
            self.step.push(Effect::Look { paths: read.into_iter().collect() });
        }
    }

    /// A person's decision: journaled; `accept` needs the task's present key.
    fn take_decision(&mut self, decide: Decide) {
        let Decide { task, decision } = decide;
        let at = self.step.now;
        self.ground().append(Record::Decided { at, task: task.clone(), decision });
        if let Some(build) = &mut self.build {
            build.board.take_person_seriously(&task);
            build.board.ask_validators_again(&task);
            if matches!(decision, Decision::Retry | Decision::Reset) {
                build.admission.doubt_limits(at);
            }
        }
        self.world.restage(&self.past);
        if decision != Decision::Retry {
            self.step.push(Effect::Forget { kept_as: left_by(&task) });
        }
        if decision != Decision::Accept {
            return;
        }
        let slot = self.world.slot(&task);
        let keyed = slot.and_then(|slot| self.world.key(slot).zip(self.world.recipe_digest(slot)));
        let Some((key, recipe)) = keyed else {
            return self.step.publish(Notice::Warning(Warning::AcceptedUnkeyed(task)));
        };
        let recipe = Some(recipe);
        let owned = self.past.history.owned_after(&task, &Patch::default()).output_digest();
        let known = self.past.history.task(&task).and_then(|it| it.accepted.as_ref());
        // What it says stays, and a person has seen to it.
        let report = known.and_then(|it| it.report.as_ref());
        let report = report.map(|it| ReportMark { is_fail: false, ..it.mark });
        let output = output_with(owned, report);
        let provenance = Provenance::AcceptedByHand;
        let (manifest, commit, changes_plan) = (None, None, false);
        let accepted = Accepted {
            at,
            task,
            key,
            recipe,
            output,
            provenance,
            manifest,
            report,
            commit,
            changes_plan,
        };
        self.ground().append(Record::Accepted(Box::new(accepted)));
    }

    /// An answer counts where a question is open; the task is then decided anew.
    fn take_answer(&mut self, task: &TaskRef, text: String) {
        if self.past.history.task(task).and_then(|it| it.dialogue.open()).is_none() {
            let warning = Warning::AnswerUnasked { task: task.clone(), answer: text };
            return self.step.publish(Notice::Warning(warning));
        }
        let at = self.step.now;
        self.ground().append(Record::Answered { at, task: task.clone(), text });
        if let Some(build) = &mut self.build {
            build.board.take_person_seriously(task);
        }
    }
}

/// What concerns the build alone.
fn take_in_job(shop: &mut Shop<'_>, event: Event) {
    let Some((id, doing)) = event.of_attempt() else { return take_in_build(shop, event) };
    let came_out = match shop.is_awaited(id) {
        Ok(true) => take_in_attempt(shop, event),
        Ok(false) => take_in_late(shop, event),
        Err(broken) => Err(broken),
    };
    shop.heed(came_out, doing, Work::Job(id));
}

/// What an attempt came to that lives.
fn take_in_attempt(shop: &mut Shop<'_>, event: Event) -> Sound {
    match event {
        Event::AttemptProgressed { attempt, progress } => shop.take_progress(attempt, progress),
        Event::AttemptEnded { attempt, evidence } => shop.take_ended(attempt, *evidence),
        Event::Shelved { attempt, commit } => shop.take_shelved(attempt, commit),
        Event::Merged { attempt, merged } => shop.take_merged(attempt, merged),
        Event::Landed { attempt, landing, placement } => {
            shop.take_landed(attempt, *landing, placement)
        }
        Event::Settled { attempt } => shop.take_settled(attempt),
        Event::Conflicted { attempt, conflict } => shop.take_conflict(attempt, conflict),
        Event::LandingFailed { attempt, message } => shop.take_landing_failed(attempt, &message),
        Event::PlanRefused { attempt, why } => shop.take_plan_refused(attempt, why),
        Event::PlanGone { attempt, why } => shop.take_plan_gone(attempt, why),
        _ => Ok(()),
    }
}

/// What is told of an attempt that was closed meanwhile: nobody waits for it, but for a landing.
fn take_in_late(shop: &mut Shop<'_>, event: Event) -> Sound {
    match event {
        Event::AttemptEnded { attempt, .. } => shop.ground.push(Effect::Drop { attempt }),
        Event::Landed { .. } | Event::Settled { .. } => {
            return Err(Broken::of("a result landed that nobody asked for"));
        }
        _ => {}
    }
    Ok(())
}

/// What is told of no attempt.
fn take_in_build(shop: &mut Shop<'_>, event: Event) {
    match event {
        Event::Rechecked { task, found } => {
            let follow = shop.build.board.take_rechecked(&task, &found, &mut shop.ground);
            follow.into_iter().for_each(|it| shop.follow(it));
        }
        Event::Restored { task, found } => {
            let follow = shop.build.board.take_restored(&task, &found, &mut shop.ground);
            follow.into_iter().for_each(|it| shop.follow(it));
        }
        Event::CandidatesFound { task, key, found } => {
            let board = &mut shop.build.board;
            let follow = board.take_candidates(&task, key, *found, &mut shop.ground);
            follow.into_iter().for_each(|it| shop.follow(it));
        }
        Event::FilesFound(found) => {
            shop.build.admission.take_files_found(found);
            shop.build.admission.note_apart(&shop.build.board, &mut shop.ground);
        }
        Event::Asked(Request::Stop) | Event::StopSeen => {
            shop.build.admission.stop(Stopping::Asked);
        }
        Event::Interrupted => shop.build.admission.interrupt(),
        Event::SmokeStarted { attempt } => shop.take_smoke_started(attempt),
        Event::SmokeEnded { attempt, report } => shop.take_smoke_ended(attempt, *report),
        // Told to the engine itself.
        _ => {}
    }
}
