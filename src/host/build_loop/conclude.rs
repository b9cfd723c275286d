//! The end of a build: what is still to be written, and the summary with its exit code.

use crate::engine::outcome::OutcomeClass;
use crate::engine::record::Record;
use crate::host::clock;
use crate::host::compiled;
use crate::host::error::Result;
use crate::host::surface::Summary;

use crate::host::build_loop::Run;
use crate::host::build_loop::halt::StopReason;
use crate::host::driver::Driver;

/// Exit codes of a build; the whole table is in `ui::exit`.
const ACCEPTED: u8 = 0;
const UNFINISHED: u8 = 1;
const STOPPED: u8 = 3;
const OVER_BUDGET: u8 = 4;
const LIMITED: u8 = 75;
const MACHINE_FAILED: u8 = 101;
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

impl Driver {
    pub(in crate::host) fn conclude(&mut self, run: &mut Run<'_>) -> Result<Summary> {
        for event in self.write_statuses() {
            self.step(run, event)?;
        }
        for event in self.land_receipts()? {
            self.step(run, event)?;
        }
        self.warn_of_set_aside(run.surface);
        self.scanner.save()?;
        self.keep_plans();
        run.surface.show(&self.present_picture(run.surface.extent()), clock::now());
        let exit = self.exit_of(run);
        run.ears.consume();
        self.append(&Record::RunEnded { at: clock::now(), exit })?;
        let counts = self.engine.counts();
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
            cost_usd: self.engine.cost(),
            is_api_equivalent: self.engine.is_api_equivalent(),
            wall_ms: Self::elapsed(run),
            exit,
            plan_changes: std::mem::take(&mut run.plan_changes),
            parked: self.waiting.clone(),
            smoke: self.smokes_told(),
        })
    }

    /// Only a short cut for the next start: a build goes on without.
    fn keep_plans(&self) {
        // What a part was read from is not the whole of any plan.
        if self.part.is_some() {
            return;
        }
        let plans = self.engine.newly_compiled(compiled::FROM_BYTES);
        if let Err(error) = compiled::keep(&self.root, &plans, &self.loaded.documents.plans) {
            tracing::warn!("parsed plans were not kept: {error}");
        }
    }

    fn exit_of(&self, run: &Run<'_>) -> u8 {
        let counts = self.engine.counts();
        let is_whole = counts.accepted + counts.skipped == counts.wanted;
        match run.stopped {
            // A watch ends only by being ended, whatever it has done.
            _ if run.watch.is_none() && is_whole && self.engine.smokes_hold() => ACCEPTED,
            Some(StopReason::Interrupted) => INTERRUPTED,
            Some(StopReason::Terminated) => TERMINATED,
            Some(StopReason::Asked) => STOPPED,
            None if run.has_machine_failed => MACHINE_FAILED,
            None if self.is_limited() => LIMITED,
            None if self.engine.budget_reached().is_some() => OVER_BUDGET,
            None => UNFINISHED,
        }
    }

    /// A plan limit kept something from running.
    fn is_limited(&self) -> bool {
        self.engine.held_by() == Some(OutcomeClass::PlanLimit)
    }
}
