//! What a build does at a usage limit of the account: `limits`.

use strum::{EnumIter, EnumMessage};

use crate::base::measure::Millis;
use crate::spec::yaml::Fields;

/// Whether a limit's reset is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "snake_case")]
pub enum LimitWait {
    /// The build ends at once, with exit 75.
    Never,
    /// Where it is not further away than `hours`.
    #[default]
    UpTo,
    /// However far away it is.
    Always,
}

/// The settings of `limits`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LimitsConfig {
    pub wait: LimitWait,
    /// The longest wait for one reset, where `wait` is `up_to`.
    pub longest: Millis,
    /// So many resets are waited for in one build.
    pub max_auto_resumes: u32,
    /// Sessions go on where the account pays for use beyond its plan.
    pub overage: bool,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            wait: LimitWait::default(),
            longest: Millis::seconds(6 * 3600),
            max_auto_resumes: 10,
            overage: false,
        }
    }
}

pub(super) fn read(mut fields: Fields<'_, '_>) -> LimitsConfig {
    let default = LimitsConfig::default();
    let hours = fields.number("hours").map(|hours| Millis((hours * 3_600_000.0) as u64));
    let read = LimitsConfig {
        wait: fields.choice("wait").unwrap_or(default.wait),
        longest: hours.unwrap_or(default.longest),
        max_auto_resumes: fields.count("max_auto_resumes").unwrap_or(default.max_auto_resumes),
        overage: fields.flag("overage").unwrap_or(default.overage),
    };
    fields.rest();
    read
}
