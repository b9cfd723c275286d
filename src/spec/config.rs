//! Project settings: `.claude/orchestrator-config.yaml` of the original, and `orch.yaml`.

pub mod breaker;
mod budget;
pub mod keys;
pub mod limits;
pub mod models;
mod notices;
mod pipeline;
mod read;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::measure::Millis;
use crate::base::name::{EnvName, ModelName, PoolName, RelPath};
use crate::spec::smoke::Smoke;

use super::rebuild::Rebuild;
use super::sandbox::Sandboxing;

pub use breaker::BreakerConfig;
pub use budget::BudgetConfig;
pub use limits::{LimitWait, LimitsConfig};
pub use models::Models;
pub use notices::NotifyConfig;

pub use pipeline::PipelineConfig;
pub use read::parse;
pub use schedule::{DevServer, ScheduleConfig};

/// The original's stop file; one in each configured folder of plans does the same.
pub const STOP_FILE: &str = ".claude/plans/.stop";

/// Every place of a stop file, relative to the root.
pub fn stop_files_of(plans_dirs: &[String]) -> BTreeSet<String> {
    let in_folder = |dir: &String| {
        let file = format!("{dir}/.stop");
        RelPath::normalize(&file).map_or(file, |it| it.as_str().to_owned())
    };
    plans_dirs.iter().map(in_folder).chain([STOP_FILE.to_owned()]).collect()
}

/// A template that users copy; never a plan to build.
pub const SAMPLE_PLAN: &str = "sample-plan.yaml";

pub const PLAN_ENDINGS: &[&str] = &["yaml", "yml"];

/// Settings with every default filled in. `orch.yaml` wins over the original's file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub build_command: String,
    pub test_command: String,
    pub dev_server_command: String,
    pub dev_server_port: u16,
    /// Folder of the project's agents, relative to the root.
    pub agents_dir: String,
    pub rules_dir: String,
    /// Folders that hold active plans, relative to the root.
    pub plans_dirs: Vec<String>,
    /// How sessions run.
    pub session: SessionConfig,
    pub worktree: WorktreeConfig,
    /// Pool -> size. `sessions` and `commands` exist always; the size defaults to `-j`.
    pub pools: BTreeMap<PoolName, u32>,
    /// Default of `-j`; `None` is the number of cores.
    pub jobs: Option<u32>,
    /// How much may be spent.
    pub budget: BudgetConfig,
    /// What makes finished work stale, and what is asked about first.
    pub rebuild: Rebuild,
    /// Which model, and when another one.
    pub models: Models,
    /// When the service counts as down.
    pub breaker: BreakerConfig,
    /// What a build does at a usage limit.
    pub limits: LimitsConfig,
    /// What attempts may reach whose rule says nothing.
    pub sandbox: Sandboxing,
    pub schedule: ScheduleConfig,
    /// What is run when a plan is done.
    pub smoke: Smoke,
    pub pipeline: PipelineConfig,
    /// Started for smoke tests; `None`: they take the server that is there.
    pub dev_server: Option<DevServer>,
    /// How people are told of builds.
    pub notify: NotifyConfig,
}

impl Config {
    /// True where a plan that is built would lie, there or not.
    pub fn is_plan(&self, path: &RelPath) -> bool {
        let folder = path.parent().and_then(RelPath::new);
        let is_in = |dir: &String| RelPath::normalize(dir).is_some_and(|dir| Some(dir) == folder);
        let name = path.file_name();
        let has_ending =
            name.rsplit_once('.').is_some_and(|(_, ending)| PLAN_ENDINGS.contains(&ending));
        has_ending
            && !name.starts_with('.')
            && name != SAMPLE_PLAN
            && self.plans_dirs.iter().any(is_in)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionConfig {
    /// Command words in front of the CLI's arguments; empty: look for `claude` as the original does.
    pub claude: Vec<String>,
    /// A script for the embedded stand-in, relative to the root: sessions are played, not run.
    pub scripted: Option<String>,
    /// Variables of the caller's environment that sessions get beside the built-in list.
    pub env: Vec<EnvName>,
    /// Used where neither task nor agent names a model.
    pub model: Option<ModelName>,
    /// Bounds where a rule has none.
    pub wall: Option<Millis>,
}

/// What git does not carry into a worktree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorktreeConfig {
    /// Shell line run once in a fresh worktree.
    pub setup: Option<String>,
    /// Paths linked from the user's checkout.
    pub link: Vec<Link>,
    /// Paths copied from the user's checkout.
    pub copy: Vec<String>,
    /// Ignored paths that stay from attempt to attempt; a name without `/` in any folder.
    pub keep: Vec<String>,
}

/// A path of the user's checkout that worktrees have a link to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    pub path: String,
    /// Attempts may write there under a guard, too: what one leaves, others find.
    pub is_writable: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            build_command: "pnpm run build".into(),
            test_command: "pnpm test".into(),
            dev_server_command: "pnpm dev".into(),
            dev_server_port: 3000,
            agents_dir: ".claude/agents".into(),
            rules_dir: "rules".into(),
            plans_dirs: vec![".claude/plans".into(), "plans".into()],
            session: SessionConfig::default(),
            worktree: WorktreeConfig::default(),
            pools: BTreeMap::new(),
            jobs: None,
            budget: BudgetConfig::default(),
            rebuild: Rebuild::default(),
            models: Models::default(),
            breaker: BreakerConfig::default(),
            limits: LimitsConfig::default(),
            sandbox: Sandboxing::default(),
            schedule: ScheduleConfig::default(),
            smoke: Smoke::default(),
            pipeline: PipelineConfig::default(),
            dev_server: None,
            notify: NotifyConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests;
