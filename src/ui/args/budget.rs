//! How much a build may spend: the original's flags, in both of their spellings.

use clap::Args as ClapArgs;

use crate::spec::quota::Quota;

/// The same numbers as a plan's `meta.budget`, for one build; they win over it. 0 is not given.
#[derive(Clone, Copy, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Budget")]
pub struct BudgetArgs {
    /// Spend at most USD (API list prices) in this build; at the bound nothing new starts, exit 4
    #[arg(long, visible_alias = "quota-ceiling-usd", value_name = "USD", value_parser = amount)]
    pub quota_ceiling: Option<f64>,
    /// Spend at most PCT percent of the ceiling
    #[arg(long, visible_alias = "max-quota-percent", value_name = "PCT", value_parser = amount)]
    pub max_budget_pct: Option<f64>,
    /// Leave USD of the ceiling
    #[arg(long, visible_alias = "reserved-budget-usd", value_name = "USD", value_parser = amount)]
    pub reserved_budget: Option<f64>,
}

impl BudgetArgs {
    pub fn quota(self) -> Quota {
        Quota::new(self.max_budget_pct, self.quota_ceiling, self.reserved_budget)
    }
}

fn amount(text: &str) -> Result<f64, String> {
    let number = text.trim_start_matches('$').parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number from 0 up, such as 80 or 2.50".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::base::measure::Usd;
    use crate::ui::args::{Args, Command};

    fn check(words: &[&str]) -> Option<Usd> {
        let words = ["orch", "build"].iter().chain(words);
        match Args::read(words).unwrap().command {
            Command::Build(args) => args.budget.quota().limit(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_spellings_of_every_flag_are_the_same() {
        let dollars = |usd| Some(Usd::from_dollars(usd));
        assert_eq!(check(&["--quota-ceiling", "50"]), dollars(50.0));
        assert_eq!(check(&["--quota-ceiling-usd", "$50.00"]), dollars(50.0));
        assert_eq!(check(&["--quota-ceiling", "50", "--max-budget-pct", "80"]), dollars(40.0));
        assert_eq!(check(&["--quota-ceiling", "50", "--max-quota-percent=80"]), dollars(40.0));
        assert_eq!(check(&["--quota-ceiling", "50", "--reserved-budget", "10"]), dollars(40.0));
        assert_eq!(check(&["--quota-ceiling=50", "--reserved-budget-usd=10"]), dollars(40.0));
        assert_eq!(check(&["--quota-ceiling", "0"]), None, "zero is not given");
        assert_eq!(check(&["--max-budget-pct", "80"]), None, "a share of nothing");
        assert!(Args::read(["orch", "build", "--quota-ceiling=-1"]).is_err());
    }
}
