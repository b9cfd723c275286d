//! How people are told of builds, beside the rules that say of what.

use crate::base::measure::Millis;
use crate::spec::plan::{CommandLine, command_line};
use crate::spec::yaml::Fields;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotifyConfig {
    /// Sends mail to who a plan's `notification_email` names; `None`: nobody gets any.
    pub mail: Option<CommandLine>,
    /// How long the end of a build waits for what is still on its way.
    pub wait: Millis,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { mail: None, wait: Millis::seconds(5) }
    }
}

pub(super) fn read(mut fields: Fields<'_, '_>) -> NotifyConfig {
    let default = NotifyConfig::default();
    let read = NotifyConfig {
        mail: command_line(&mut fields, "mail"),
        wait: fields.duration("wait").unwrap_or(default.wait),
    };
    fields.rest();
    read
}
