//! What a command does to the repository: only looking is for everybody.

use super::{CacheCommand, Command};

/// What a command does to the repository it is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing there.
    Looks,
    /// It decides, or writes files.
    Decides,
    /// It builds or lands: branch and checkout may move.
    Builds,
}

impl Command {
    pub fn effect(&self) -> Effect {
        let unless = |is_dry: bool, effect| if is_dry { Effect::Looks } else { effect };
        match self {
            Self::Build(args) => unless(args.dry_run, Effect::Builds),
            Self::Watch(args) => unless(args.dry_run, Effect::Builds),
            Self::Land(args) => unless(args.dry_run, Effect::Builds),
            Self::Archive(args) => unless(args.dry_run, Effect::Builds),
            Self::Resume(_) => Effect::Builds,
            Self::Init(args) => unless(args.dry_run, Effect::Decides),
            Self::Answer(args) => unless(args.text.is_empty(), Effect::Decides),
            Self::Cache(args) => match &args.command {
                CacheCommand::Gc(args) => unless(args.dry_run, Effect::Decides),
                CacheCommand::Ls(_)
                | CacheCommand::Show { .. }
                | CacheCommand::Verify
                | CacheCommand::Stats => Effect::Looks,
            },
            Self::Stop(_)
            | Self::Retry(_)
            | Self::Skip(_)
            | Self::Accept(_)
            | Self::Reset(_)
            | Self::Trust(_)
            | Self::New(_) => Effect::Decides,
            Self::Check(_)
            | Self::Status(_)
            | Self::Why(_)
            | Self::Graph(_)
            | Self::Log(_)
            | Self::Show(_)
            | Self::Classify(_)
            | Self::Cost(_)
            | Self::Doctor
            | Self::Demo(_)
            | Self::Schema(_)
            | Self::Completions(_) => Effect::Looks,
        }
    }

    /// As it is typed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Build(_) => "orch build",
            Self::Watch(_) => "orch watch",
            Self::Stop(_) => "orch stop",
            Self::Resume(_) => "orch resume",
            Self::Check(_) => "orch check",
            Self::Status(_) => "orch status",
            Self::Why(_) => "orch why",
            Self::Graph(_) => "orch graph",
            Self::Log(_) => "orch log",
            Self::Show(_) => "orch show",
            Self::Classify(_) => "orch classify",
            Self::Cost(_) => "orch cost",
            Self::Cache(_) => "orch cache",
            Self::Retry(_) => "orch retry",
            Self::Skip(_) => "orch skip",
            Self::Accept(_) => "orch accept",
            Self::Reset(_) => "orch reset",
            Self::Answer(_) => "orch answer",
            Self::Land(_) => "orch land",
            Self::Archive(_) => "orch archive",
            Self::Init(_) => "orch init",
            Self::New(_) => "orch new",
            Self::Doctor => "orch doctor",
            Self::Trust(_) => "orch trust",
            Self::Demo(_) => "orch demo",
            Self::Schema(_) => "orch schema",
            Self::Completions(_) => "orch completions",
        }
    }
}
