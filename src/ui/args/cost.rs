//! What `orch cost` takes.

use clap::Args as ClapArgs;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use strum::VariantNames as _;

use crate::engine::past::ledger::By;

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch cost                       what each task has cost, the dearest first
  orch cost demo --by model       what plan demo spent on which model
  orch cost --by run              the history of builds
  orch cost --by item             what each backlog item has cost, with its plans
")]
pub struct CostArgs {
    /// Whose cost; none means all that was ever spent, on tasks that are gone, too
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// What to sum up by
    #[arg(long, value_name = "WHAT", default_value_t, value_parser = by())]
    pub by: By,
}

fn by() -> impl TypedValueParser<Value = By> {
    PossibleValuesParser::new(By::VARIANTS).map(|word| word.parse().unwrap_or_default())
}
