//! Ctrl-C, SIGTERM and SIGHUP.

use tokio::signal::unix::{self, SignalKind, signal};

use crate::host::error::{Doing, Result};
use crate::host::platform;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, or the terminal closed.
    Terminate,
}

/// The signals that end a build.
pub struct Signals {
    interrupts: unix::Signal,
    terms: unix::Signal,
    /// `None` where whoever started orch had it ignored (`nohup`).
    hangups: Option<unix::Signal>,
}

impl Signals {
    /// From now on none of them ends this process by itself.
    pub fn listen() -> Result<Self> {
        let hangups = match platform::ignores_hangup() {
            true => None,
            false => Some(signal(SignalKind::hangup()).doing("listening for SIGHUP", ".")?),
        };
        Ok(Self {
            interrupts: signal(SignalKind::interrupt()).doing("listening for Ctrl-C", ".")?,
            terms: signal(SignalKind::terminate()).doing("listening for SIGTERM", ".")?,
            hangups,
        })
    }

    /// The next one. Cancel safe.
    pub async fn next(&mut self) -> Signal {
        let hung_up = async {
            match &mut self.hangups {
                Some(hangups) => drop(hangups.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupts.recv() => Signal::Interrupt,
            _ = self.terms.recv() => Signal::Terminate,
            () = hung_up => Signal::Terminate,
        }
    }
}
