//! Flags of the original orchestrator, with the meaning that their names have.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::base::name::RelPath;
use crate::engine::effect::Amount;

/// What `orch build` takes beside its own flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, ClapArgs)]
#[command(next_help_heading = "Flags of the original orchestrator")]
pub struct OriginalArgs {
    /// Build the plan in PATH: the same as naming it as a target
    #[arg(long, value_name = "PATH")]
    pub plan: Option<PathBuf>,
    /// Start everything that can run at once; -j bounds it
    #[arg(long)]
    pub parallel: bool,
    /// End after one task, or with --parallel after one batch
    #[arg(long)]
    pub single_task: bool,
    /// Leave out what stands before TASK in its plan; nothing of it is marked as done
    #[arg(long, value_name = "TASK")]
    pub resume_from: Option<String>,
    /// Run no smoke tests
    #[arg(long)]
    pub skip_smoke: bool,
}

/// More than any machine runs at once: only cores, memory and pools bound it.
const UNBOUNDED: u32 = 1000;

impl OriginalArgs {
    /// How much is to be run.
    pub fn amount(&self) -> Amount {
        match (self.single_task, self.parallel) {
            (false, _) => Amount::All,
            (true, false) => Amount::OneTask,
            (true, true) => Amount::OneBatch,
        }
    }

    /// `-j`, unless it is left to `--parallel`; 0 leaves it to the project.
    pub fn jobs(&self, given: Option<u32>) -> u32 {
        given.unwrap_or(if self.parallel { UNBOUNDED } else { 0 })
    }

    /// The plan's path below the root, as it is meant from `folder`.
    pub fn plan_below(&self, folder: &str) -> Option<RelPath> {
        let path = self.plan.as_ref()?.to_str()?;
        let below = if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
        RelPath::normalize(&below).filter(|_| !path.starts_with('/'))
    }

    /// The targets with the plan among them.
    pub fn targets(&self, given: &[String]) -> Vec<String> {
        let plan = self.plan.iter().map(|path| path.display().to_string());
        given.iter().cloned().chain(plan).collect()
    }
}
