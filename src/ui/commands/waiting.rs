//! A build that comes while another orch is at work waits for its end, and says so.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::host::lock::Lock;
use crate::ui::args::Command;
use crate::ui::shell::{Failure, Ran, Shell};

/// The lock of another process tells nobody when it is let go.
const PAUSE: Duration = Duration::from_millis(100);

/// What was said of it so far.
#[derive(Debug, Default)]
pub struct Waiting {
    has_said: bool,
}

impl Waiting {
    /// Where a build could not begin since another orch is at work, waits until that is over; true then.
    /// Nothing was done yet.
    ///
    /// # Errors
    /// It cannot be said.
    pub fn is_for_other(
        &mut self,
        command: &Command,
        ran: &Ran,
        root: &Path,
        shell: &mut Shell,
    ) -> Result<bool, Failure> {
        let waits = matches!(command, Command::Build(args) if !args.no_wait);
        if !waits || !matches!(ran, Err(Failure::Machine(error)) if error.is_busy) {
            return Ok(false);
        }
        while let Some(holder) = Lock::holder_of(root) {
            if !self.has_said {
                self.has_said = true;
                shell.note(&format!(
                    "waiting for the end of process {}, `{}`, which is at work here; `--no-wait` does not wait",
                    holder.pid, holder.command
                ))?;
            }
            thread::sleep(PAUSE);
        }
        Ok(true)
    }
}
