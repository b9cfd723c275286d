//! What `orch build` and `orch watch` take.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::BudgetArgs;
use super::OriginalArgs;
use super::models::ModelArgs;

/// How a build is shown beside its progress.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ShownArgs {
    /// Write every event to FILE as a line of JSON
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Show what every session says and does
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch build                      everything active
  orch build demo -n              what would run in plan demo, why, and the likely cost
  orch build demo//1.2 --force demo//1.2
  orch build --format json | tail -1
")]
pub struct BuildArgs {
    /// What to build; none means all that is active
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// How many actions may run at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// Show what would run and why; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Go on with unrelated work after a failure
    #[arg(short, long)]
    pub keep_going: bool,
    /// Run TARGET whatever the cache has; may be given again
    #[arg(long, value_name = "TARGET")]
    pub force: Vec<String>,
    /// Buy finished work again, however much of it changes around it made stale
    #[arg(long)]
    pub yes: bool,
    /// Make again what was made by another recipe: another agent, model, tool or wording
    #[arg(long)]
    pub recipe: bool,
    /// Only the targets, not what they need
    #[arg(long)]
    pub only: bool,
    /// Use the cache only: nothing may run
    #[arg(long)]
    pub offline: bool,
    /// Where another orch is at work here, fail at once instead of waiting for its end
    #[arg(long)]
    pub no_wait: bool,
    /// Do not use cached results
    #[arg(long, conflicts_with = "offline")]
    pub no_cache: bool,
    #[command(flatten)]
    pub shown: ShownArgs,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub models: ModelArgs,
    #[command(flatten)]
    pub original: OriginalArgs,
}

impl BuildArgs {
    /// Whether a name or a number is given that may turn out to be wrong.
    pub fn names_things(&self) -> bool {
        let names = self.targets.len() + self.force.len();
        names > 0 || self.original != OriginalArgs::default() || self.models.is_given()
    }
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch watch                      build on every change, until Ctrl-C
  orch watch demo --once          build plan demo as watching would, and end
")]
pub struct WatchArgs {
    /// What to keep up to date; none means all that is active
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// How many actions may run at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// End when everything asked for is decided
    #[arg(long)]
    pub once: bool,
    /// Show what would run and why; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Work on the first N backlog items whose turn it is, and end when they are decided
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_items: Option<u32>,
    /// Leave backlog items that are done where they are
    #[arg(long)]
    pub no_archive: bool,
    #[command(flatten)]
    pub shown: ShownArgs,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub models: ModelArgs,
}

impl WatchArgs {
    /// As [`BuildArgs::names_things`].
    pub fn names_things(&self) -> bool {
        !self.targets.is_empty() || self.models.is_given()
    }
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch stop                       what runs may finish, nothing new starts
  orch stop --now                 what runs is ended; returns when it is gone
")]
pub struct StopArgs {
    /// End what runs, too
    #[arg(long)]
    pub now: bool,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ResumeArgs {
    /// Usage limits that earlier runs met are over: forget them, and start sessions again
    #[arg(long)]
    pub limits: bool,
    #[command(flatten)]
    pub shown: ShownArgs,
}
