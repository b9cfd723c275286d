//! The end of a build: what is still to be written, and the summary with its exit code.

use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Record;
use crate::engine::step::Engine;
use crate::host::clock;
use crate::host::compiled;
use crate::host::error::Result;
use crate::host::state::State;
use crate::host::surface::Summary;

use super::BuildLoop;
use super::halt::StopReason;

/// Exit codes of a build; the whole table is in `ui::exit`.
const ACCEPTED: u8 = 0;
const UNFINISHED: u8 = 1;
const STOPPED: u8 = 3;
const OVER_BUDGET: u8 = 4;
const LIMITED: u8 = 75;
const MACHINE_FAILED: u8 = 101;
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

impl BuildLoop<'_> {
    pub(super) fn conclude(&mut self) -> Result<Summary> {
        let written = self.landings.statuses.write(self.state);
        self.steps(written)?;
        let landed = self.landings.land_receipts(self.state)?;
        self.steps(landed)?;
        self.warn_of_set_aside();
        self.state.checkout.scanner.save()?;
        keep_plans(self.state);
        self.show();
        let exit = self.exit();
        self.halt.consume();
        self.state.log.append(&Record::RunEnded { at: clock::now(), exit })?;
        let engine = &self.state.engine;
        let counts = engine.counts();
        Ok(Summary {
            targets: counts.wanted,
            accepted: counts.accepted,
            skipped: counts.skipped,
            up_to_date: counts.up_to_date,
            replayed: counts.replayed,
            ran: counts.ran,
            failed: counts.failed,
            blocked: counts.blocked,
            held: counts.held,
            sessions: counts.sessions,
            cost_usd: engine.cost(),
            is_api_equivalent: engine.is_api_equivalent(),
            wall_ms: self.pace.elapsed(),
            exit,
            plan_changes: self.voice.take_plan_changes(),
            parked: self.landings.following.waiting().cloned(),
            smoke: self.smoke_reports(),
        })
    }

    fn exit(&self) -> u8 {
        let engine = &self.state.engine;
        let counts = engine.counts();
        let is_whole = counts.accepted + counts.skipped == counts.wanted;
        match self.halt.reason() {
            // Whatever else is true: what orch is wrong about may be anything.
            _ if engine.is_broken() => MACHINE_FAILED,
            // A watch ends only by being ended, whatever it has done.
            _ if self.watch.is_none() && is_whole && engine.smokes_hold() => ACCEPTED,
            Some(StopReason::Interrupted) => INTERRUPTED,
            Some(StopReason::Terminated) => TERMINATED,
            Some(StopReason::Asked) => STOPPED,
            None if self.has_machine_failed => MACHINE_FAILED,
            None if is_limited(engine) => LIMITED,
            None if engine.budget_reached().is_some() => OVER_BUDGET,
            None => UNFINISHED,
        }
    }
}

/// A plan limit kept something from running.
fn is_limited(engine: &Engine) -> bool {
    engine.held_by() == Some(OutcomeClass::PlanLimit)
}

/// Only a short cut for the next start: a build goes on without.
fn keep_plans(state: &State) {
    // What a part was read from is not the whole of any plan.
    if state.part.is_some() {
        return;
    }
    let plans = state.engine.newly_compiled(compiled::FROM_BYTES);
    if let Err(error) = compiled::keep(state.root(), &plans, &state.loaded.documents.plans) {
        tracing::warn!("parsed plans were not kept: {error}");
    }
}
