//! What `orch land` and `orch archive` take.

use clap::Args as ClapArgs;

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct LandArgs {
    /// Show what would land; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ArchiveArgs {
    /// Items (`item:login`); none means all that are done
    #[arg(value_name = "ITEM")]
    pub items: Vec<String>,
    /// Show what would go; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}
