//! What `orch init` takes.

use clap::Args as ClapArgs;

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch init
  orch init --claude -n           what would be written for Claude Code, too
")]
pub struct InitArgs {
    /// Also what Claude Code takes below `.claude/`: `/implement`, coding rules, checklists
    #[arg(long)]
    pub claude: bool,
    /// Show what would be written; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}
