//! Effects: what the loop does at once, and what it lets others do.

use crate::base::measure::Usd;
use crate::engine::effect::{Base, Effect, ItemEdit, LandingRequest, Launch, LaunchAction};
use crate::engine::event::Event;
use crate::engine::record::AcceptedResult;
use crate::engine::step::Engine;
use crate::host::error::Result;
use crate::host::land::proposals::Recalled;
use crate::host::state::lookup::question_of;
use crate::host::work::archive::{Order, Remembered};
use crate::host::work::attempt::Start;
use crate::host::worktree::Worktree;

use super::BuildLoop;
use super::dev_server::Keeper;

impl BuildLoop<'_> {
    pub(super) fn perform(&mut self, effect: Effect) -> Result<Vec<Event>> {
        if let Some(question) = question_of(&effect) {
            self.archive.order(Order::LookUp(question))?;
            return Ok(Vec::new());
        }
        if let Some(event) = self.state.answer(&effect)? {
            return Ok(vec![event]);
        }
        match effect {
            Effect::Run(launch) => self.start(*launch)?,
            Effect::Merge { attempt } => {
                return Ok(vec![self.landings.merge(attempt, self.state)?]);
            }
            Effect::Replay { attempt, result } => {
                self.voice.caution_of(&result.task, self.state);
                self.archive.order(Order::Fetch { attempt, result })?;
            }
            Effect::Land(request) => {
                self.voice.warn_unsigned(&self.state.checkout.repo);
                return self.land(&request);
            }
            Effect::Smoke(launch) => return self.smoke(*launch),
            Effect::Keep { attempt, task } => {
                let notice = self.landings.keep_orphan(attempt, &task, &self.state.checkout)?;
                self.voice.say(&notice);
            }
            Effect::Shelve { attempt, kept_as, subject } => {
                let checkout = &self.state.checkout;
                return Ok(vec![self.landings.shelve(attempt, &kept_as, &subject, checkout)?]);
            }
            Effect::Recall { attempt, task, kept_as, commit } => {
                let recalled = Recalled { task, kept_as, commit };
                return Ok(vec![self.landings.recall(attempt, recalled, self.state)?]);
            }
            Effect::Forget { kept_as } => self.state.checkout.repo.forget(&kept_as)?,
            Effect::Park { attempt, session } => {
                if let Some(worktree) = self.landings.drop_kept(attempt) {
                    self.crew.shop.pool.park(worktree, &session)?;
                }
            }
            Effect::Restore { task, paths } => {
                let restored = self.state.checkout.repo.restore(&paths)?;
                for path in &restored {
                    self.voice.warn(format!("put back `{path}`, an output of {task}"));
                }
                let found = self.state.checkout.scan(&[], &paths)?;
                return Ok(vec![Event::Restored { task, found }]);
            }
            Effect::Unpark { session } => drop(self.crew.shop.pool.unpark(&session)?),
            Effect::Stay { attempt } => self.landings.stay(attempt),
            Effect::Leave { attempt, key, kept_as } => {
                self.landings.leave(attempt, key, &kept_as, self.state)?;
            }
            Effect::Drop { attempt } => drop(self.landings.drop_kept(attempt)),
            Effect::Stop { attempt } => self.crew.end_politely(attempt),
            Effect::Append(record) => self.state.log.append(&record)?,
            Effect::Remember(result) => self.remember(*result)?,
            Effect::Disown { key, output } => self.archive.order(Order::Disown { key, output })?,
            Effect::Refuse { key, output } => self.archive.order(Order::Refuse { key, output })?,
            Effect::WriteStatus(edit) => self.landings.statuses.queue(edit),
            Effect::Publish(notice) => self.publish(&notice),
            Effect::WakeAt(moment) => self.pace.wake(moment),
            // Everything is settled: the loop asks the engine itself. The others are answered above.
            Effect::Finish
            | Effect::Scan { .. }
            | Effect::Recheck { .. }
            | Effect::FindLost { .. }
            | Effect::Look { .. }
            | Effect::FindFiles { .. }
            | Effect::FindCandidates { .. } => {}
        }
        Ok(Vec::new())
    }

    /// Lands; what an item's stage has to tell is in its file before anything follows from it.
    fn land(&mut self, request: &LandingRequest) -> Result<Vec<Event>> {
        let mut events = self.landings.land(request, self.state)?;
        let is_telling = !matches!(request.status.item, None | Some(ItemEdit::Nothing));
        if is_telling {
            events.extend(self.landings.land_receipts(self.state)?);
        }
        Ok(events)
    }

    fn start(&mut self, launch: Launch) -> Result<()> {
        self.voice.caution_of(&launch.task, self.state);
        let (launch, continued) = self.with_worktree(launch)?;
        let overlay = self.state.checkout.overlay_of(&launch, &self.state.loaded)?;
        let base_cost = base_cost_of(&launch, &self.state.engine);
        if self.watch.is_some() && self.crew.tasks().is_none() {
            // What a person did while nothing ran is not for this task to answer for.
            self.crew.look_around(&self.state.checkout)?;
        }
        if launch.is_session() && !self.crew.has_session() {
            self.crew.look_at_files(&self.state.checkout)?;
        }
        let tip = self.state.checkout.tip.clone();
        let cleared = self.dev_server.as_mut().map(Keeper::clear);
        self.crew.start(Start { launch, tip, overlay, continued, base_cost }, cleared);
        Ok(())
    }

    /// The worktree that an attempt goes on in; where it is gone, the attempt begins afresh.
    fn with_worktree(&mut self, launch: Launch) -> Result<(Launch, Option<Worktree>)> {
        let continued = match &launch.base {
            Base::Tip | Base::Left { .. } | Base::Candidate(_) | Base::Landed(_) => {
                return Ok((launch, None));
            }
            Base::Parked(session) => self.crew.shop.pool.unpark(session)?,
        };
        let launch = if continued.is_none() { launch.afresh() } else { launch };
        Ok((launch, continued))
    }

    /// The trees stay in git, whatever becomes of what the attempts left.
    fn remember(&mut self, result: AcceptedResult) -> Result<()> {
        let kept = self.landings.kept().filter(|it| it.task == result.task);
        let trees = kept.map(|it| (it.base.clone(), it.tree.clone())).collect();
        self.archive.order(Order::Remember(Box::new(Remembered { result, trees })))
    }
}

/// What the CLI counts for the session that goes on, in this run of orch or an earlier one.
fn base_cost_of(launch: &Launch, engine: &Engine) -> Usd {
    let LaunchAction::Session(session) = &launch.action else { return Usd::ZERO };
    let past = engine.history().task(&launch.task).zip(session.resume.as_ref());
    past.map(|(task, session)| task.session_total(session)).unwrap_or_default()
}
