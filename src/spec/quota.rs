//! A bound of money in the original's three parts: a ceiling, how much of it may be used, and what is
//! to be left of it.

use serde::{Deserialize, Serialize};

use crate::base::measure::Usd;

use super::keys::{Shape, keys};
use super::yaml::Fields;

/// `meta.budget`, and the budget flags. A part that is zero is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quota {
    /// Thousandths of a percent of the ceiling.
    percent: Option<u32>,
    ceiling: Option<Usd>,
    reserved: Option<Usd>,
}

keys! {
    /// A bound of money; a part that is 0 is not set.
    pub static KEYS = "budget", Kept [
        /// How much of the ceiling may be spent, in percent.
        max_quota_percent [default: "100"]: Shape::AMOUNT,
        /// The ceiling in dollars; none where it is not given.
        quota_ceiling_usd: Shape::AMOUNT,
        /// What is to be left of the ceiling, in dollars.
        reserved_budget_usd: Shape::AMOUNT,
    ];
}

impl Quota {
    /// From numbers as they are typed: percent and dollars, zero and less for none.
    pub fn new(percent: Option<f64>, ceiling: Option<f64>, reserved: Option<f64>) -> Self {
        let usd =
            |dollars: Option<f64>| dollars.map(Usd::from_dollars).filter(|usd| *usd > Usd::ZERO);
        let percent = percent.map(|percent| (percent * 1000.0).round() as u32);
        Self {
            percent: percent.filter(|percent| *percent > 0),
            ceiling: usd(ceiling),
            reserved: usd(reserved),
        }
    }

    /// Nothing but a ceiling.
    pub fn of(ceiling: Option<Usd>) -> Self {
        Self { ceiling: ceiling.filter(|usd| *usd > Usd::ZERO), ..Self::default() }
    }

    /// Its own parts, and those of `other` that it does not have.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            percent: self.percent.or(other.percent),
            ceiling: self.ceiling.or(other.ceiling),
            reserved: self.reserved.or(other.reserved),
        }
    }

    /// What may be spent: the percentage of the ceiling, and no more than leaves the reserve.
    /// `None` without a ceiling: no bound.
    pub fn limit(self) -> Option<Usd> {
        let ceiling = self.ceiling?;
        let share = i128::from(ceiling.nanos()) * i128::from(self.percent.unwrap_or(100_000));
        let share = i64::try_from(share / 100_000).unwrap_or(i64::MAX);
        let rest = ceiling - self.reserved.unwrap_or_default();
        Some(Usd::from_nanos(share).min(rest).max(Usd::ZERO))
    }
}

/// Reads `meta.budget`.
pub(super) fn read(mut fields: Fields<'_, '_>) -> Quota {
    let percent = fields.number("max_quota_percent");
    let ceiling = fields.number("quota_ceiling_usd");
    let reserved = fields.number("reserved_budget_usd");
    fields.rest();
    Quota::new(percent, ceiling, reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_share_of_the_ceiling_and_leaves_the_reserve() {
        let check = |percent: f64, ceiling: f64, reserved: f64| {
            Quota::new(Some(percent), Some(ceiling), Some(reserved)).limit().map(Usd::dollars)
        };
        assert_eq!(check(0.0, 0.0, 0.0), None, "zero is not set");
        assert_eq!(check(80.0, 0.0, 5.0), None, "a share of nothing is no bound");
        assert_eq!(check(0.0, 50.0, 0.0), Some(50.0));
        assert_eq!(check(80.0, 50.0, 0.0), Some(40.0));
        assert_eq!(check(80.0, 50.0, 5.0), Some(40.0), "the tighter one");
        assert_eq!(check(80.0, 50.0, 20.0), Some(30.0));
        assert_eq!(check(100.0, 10.0, 12.0), Some(0.0), "nothing may be spent");
        assert_eq!(check(12.5, 10.0, 0.0), Some(1.25));
    }

    #[test]
    fn what_is_said_closer_wins_part_by_part() {
        let plan = Quota::new(Some(80.0), Some(50.0), None);
        let flags = Quota::new(Some(0.0), Some(10.0), Some(4.0));
        assert_eq!(flags.or(plan).limit(), Some(Usd::from_dollars(6.0)));
        assert_eq!(Quota::default().or(plan), plan);
    }
}
