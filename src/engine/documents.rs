//! All documents there are, as the engine is told of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::config::Config;
use crate::spec::plan::Compiled;

/// Every document of the repository, unparsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    pub config: Config,
    pub plans: Vec<Source>,
    /// What reading some of these very texts came to before.
    pub compiled: BTreeMap<RelPath, Compiled>,
    /// Open backlog items.
    pub items: Vec<Source>,
    pub shelved: Shelved,
    /// Files of `agents_dir`; built-ins are the engine's own.
    pub agents: Vec<Source>,
    /// Agent files that are there and cannot be read as text, with the reason.
    pub unread_agents: BTreeMap<RelPath, String>,
    pub rules: Vec<Source>,
    /// Prompt templates that rules name, by path.
    pub prompts: Vec<Source>,
    /// Values of the variables that any rule or task lists; unset ones are absent.
    pub env: Vec<(String, String)>,
    /// From which of them nothing new may start; what runs goes on.
    pub frozen: Frozen,
    /// Plans that are exactly as HEAD has them.
    pub committed: BTreeSet<RelPath>,
}

/// Backlog items that are not worked on, by the stems of their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelved {
    /// Those that are done.
    pub archived: BTreeSet<String>,
    /// Those that were laid aside.
    pub on_hold: BTreeSet<String>,
}

/// What must not be built from at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Frozen {
    #[default]
    Nothing,
    /// These plan files have errors; the engine has their last good text, or none.
    Plans(BTreeSet<RelPath>),
    /// For this reason, one line.
    Everything(String),
}
