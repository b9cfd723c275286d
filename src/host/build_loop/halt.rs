//! How a build is stopped: stop files, `orch stop`, Ctrl-C, SIGTERM, SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::engine::effect::Notice;
use crate::engine::event::Event;
use crate::host::clock;
use crate::host::error::{Doing, Result};
use crate::host::session::Stop;
use crate::host::stop::Wish;

use crate::host::build_loop::Run;
use crate::host::driver::Driver;

/// Why a build ended before everything was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A stop file, or `orch stop`.
    Asked,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

/// The terminal closing, as SIGHUP tells; `None` where whoever started orch had it ignored
/// (`nohup`).
pub(in crate::host) fn hangups() -> Result<Option<Signal>> {
    if crate::host::platform::ignores_hangup() {
        return Ok(None);
    }
    signal(SignalKind::hangup()).map(Some).doing("listening for SIGHUP", ".")
}

/// Ends when the terminal closes.
pub(in crate::host) async fn hung_up(hangups: &mut Option<Signal>) {
    match hangups {
        Some(hangups) => drop(hangups.recv().await),
        None => std::future::pending().await,
    }
}

impl Driver {
    /// Ctrl-C: the first lets what runs finish, the second ends it at once.
    pub(in crate::host) fn interrupt(&mut self, run: &mut Run<'_>) -> Result<()> {
        match run.stopped {
            None | Some(StopReason::Asked) => {
                say(run, "stopping", Fate::MayFinish("press Ctrl-C again to end them now"));
                run.stopped = Some(StopReason::Interrupted);
                self.step(run, Event::StopSeen)
            }
            Some(_) => self.end_at_once(run, StopReason::Interrupted),
        }
    }

    /// SIGTERM: who sends it does not wait for sessions. They are ended politely, so that what they
    /// did and cost is known; a second one ends them at once.
    pub(in crate::host) fn terminate(&mut self, run: &mut Run<'_>) -> Result<()> {
        if run.stopped == Some(StopReason::Terminated) {
            return self.end_at_once(run, StopReason::Terminated);
        }
        say(run, "terminated", Fate::Ended);
        run.stopped = Some(StopReason::Terminated);
        self.end_politely(run)
    }

    /// Looks whether a stop file or another orch asks for a stop.
    pub(in crate::host) fn listen(&mut self, run: &mut Run<'_>) -> Result<()> {
        let Some((wish, from)) = run.ears.listen() else { return Ok(()) };
        let reason = run.stopped.unwrap_or(StopReason::Asked);
        run.stopped = Some(reason);
        let said = format!("stopping, as {from} asks");
        match wish {
            Wish::Finish => {
                say(run, &said, Fate::MayFinish("`orch stop --now` ends them"));
                self.step(run, Event::StopSeen)
            }
            Wish::Now => {
                say(run, &said, Fate::Ended);
                self.end_politely(run)
            }
        }
    }

    /// A stop that was asked for before the run began: nothing starts at all.
    pub(in crate::host) fn heed_waiting_stop(&mut self, run: &mut Run<'_>) -> Result<()> {
        let Some((_, from)) = run.ears.listen() else { return Ok(()) };
        run.stopped = Some(StopReason::Asked);
        let said = format!("{from} was there before the start: nothing starts, and it is used up");
        run.surface.say(&Notice::Warning(said), clock::now());
        self.step(run, Event::StopSeen)
    }

    fn end_politely(&mut self, run: &mut Run<'_>) -> Result<()> {
        self.step(run, Event::StopSeen)?;
        self.step(run, Event::Interrupted)
    }

    fn end_at_once(&mut self, run: &mut Run<'_>, reason: StopReason) -> Result<()> {
        run.stopped = Some(reason);
        for stop in run.stops.values() {
            let _ = stop.send(Stop::AtOnce);
        }
        self.end_politely(run)
    }
}

/// What becomes of what runs; nothing is said where nothing does.
fn say(run: &mut Run<'_>, what: &str, fate: Fate) {
    let n = run.stops.len();
    let (tasks, are) = if n == 1 { ("task", "is") } else { ("tasks", "are") };
    let said = match fate {
        _ if n == 0 => return,
        Fate::Ended => format!("{what}: {n} running {tasks} {are} ended"),
        Fate::MayFinish(else_what) => {
            format!("{what}: {n} running {tasks} may finish; {else_what}")
        }
    };
    run.surface.say(&Notice::Warning(said), clock::now());
}

/// What becomes of what runs.
enum Fate {
    Ended,
    /// How a person ends it all the same.
    MayFinish(&'static str),
}
