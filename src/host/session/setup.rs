//! Runs the line that sets up a fresh worktree: under a shim like any attempt, so that it ends with
//! orch, and when it is stopped.

use std::fs;
use std::path::Path;

use tokio::sync::watch;

use super::{Mask, Runner, Stop};
use crate::engine::evidence::Ending;
use crate::host::error::{Doing, Result};
use crate::host::process::{Ended, Happening, ProcessInfo, Reading, Spawn};

impl Runner {
    /// Runs a shell line in a worktree, with the caller's own environment. `started` is told what a
    /// later orch may have to reap. A stop of any kind ends it: it is no work that could be finished.
    pub async fn set_up(
        &self,
        line: &str,
        (worktree, private, checkout): (&Path, &Path, &Path),
        started: impl AsyncFnOnce(ProcessInfo),
        mut stop: watch::Receiver<Stop>,
    ) -> Result<Ended> {
        fs::create_dir_all(private).doing("making the attempt's folder", private)?;
        let environment: Vec<_> = std::env::vars_os().collect();
        let named = environment
            .iter()
            .map(|(name, value)| (name.to_str().unwrap_or_default(), value.as_encoded_bytes()));
        let spawn = Spawn {
            shim: self.shim.clone(),
            argv: ["sh", "-c", line].map(Into::into).into(),
            dir: worktree.to_owned(),
            mask: Mask::of_environment(named),
            env: environment,
            stdin: None,
            private: private.to_owned(),
            marker: format!("{}-setup", std::process::id()),
            checkout: checkout.to_owned(),
        };
        let mut family = spawn.start()?;
        started(family.info).await;
        let mut is_stopped = false;
        loop {
            tokio::select! {
                // Where whoever could stop it is gone, orch ends: so does this.
                _ = stop.wait_for(|it| *it > Stop::No), if !is_stopped => {
                    is_stopped = true;
                    family.kill();
                }
                happening = family.next(Reading::Output) => match happening {
                    Happening::Output(_) | Happening::Complaint(_) => {}
                    Happening::Over => break,
                },
            }
        }
        let mut ended = family.finish(drop).await;
        if is_stopped {
            ended.ending = Ending::Cancelled;
        }
        Ok(ended)
    }
}
