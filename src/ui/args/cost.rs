//! What `orch cost` takes.

use clap::{Args as ClapArgs, ValueEnum};

use crate::engine::past::ledger::By;

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch cost                       what each task has cost, the dearest first
  orch cost demo --by model       what plan demo spent on which model
  orch cost --by run              the history of builds
")]
pub struct CostArgs {
    /// Whose cost; none means all that was ever spent, on tasks that are gone, too
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// What to sum up by
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub by: ByArg,
}

/// What `--by` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    #[default]
    Task,
    Section,
    Plan,
    Model,
    Agent,
    Attempt,
    Run,
    Day,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Task => Self::Task,
            ByArg::Section => Self::Section,
            ByArg::Plan => Self::Plan,
            ByArg::Model => Self::Model,
            ByArg::Agent => Self::Agent,
            ByArg::Attempt => Self::Attempt,
            ByArg::Run => Self::Run,
            ByArg::Day => Self::Day,
        }
    }
}
