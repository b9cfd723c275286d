//! How much runs at once, and the development server that smoke tests need.

use crate::base::measure::Millis;
use crate::base::name::EnvName;
use crate::spec::yaml::Fields;

use super::Config;

/// Bounds beside `-j` and pools.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScheduleConfig {
    /// How long siblings wait for the first of them to warm the provider's cache; `None` fits the
    /// wait to how long such tasks take.
    pub warm_up: Option<Millis>,
    /// Megabytes that a session takes; 0: memory is not minded.
    pub session_memory: u32,
    /// Actions for each core at most.
    pub per_core: u32,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { warm_up: None, session_memory: 400, per_core: 8 }
    }
}

/// The development server: started for smoke tests and ended after them, or kept while nothing is built.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DevServer {
    /// A line for the shell.
    pub command: String,
    pub port: u16,
    /// How long it may take to answer.
    pub wait: Millis,
    /// Variables of the caller's environment that it gets beside the common ones.
    pub env: Vec<EnvName>,
    /// `orch watch` has it running while nothing is built.
    pub is_kept: bool,
}

const WAIT: Millis = Millis::seconds(60);

pub(super) fn read_schedule(fields: &mut Fields<'_, '_>, schedule: &mut ScheduleConfig) {
    let Some(mut inner) = fields.fields("schedule") else { return };
    schedule.warm_up = inner.duration("warm_up").or(schedule.warm_up);
    schedule.session_memory = inner.count("session_memory").unwrap_or(schedule.session_memory);
    schedule.per_core = inner.count("per_core").unwrap_or(schedule.per_core);
    inner.rest();
}

/// What it does not say are `dev_server_command` and `dev_server_port`.
pub(super) fn read_dev_server(fields: &mut Fields<'_, '_>, config: &mut Config) {
    let Some(mut inner) = fields.fields("dev_server") else { return };
    let command = inner.text("command").map(|text| text.trim().to_owned());
    let port = super::read::port(&mut inner, "port").unwrap_or(config.dev_server_port);
    config.dev_server_port = port;
    config.dev_server = Some(DevServer {
        command: command.unwrap_or_else(|| config.dev_server_command.clone()),
        port,
        wait: inner.duration("wait").unwrap_or(WAIT),
        env: inner.env_names("env"),
        is_kept: inner.flag("keep").unwrap_or(false),
    });
    inner.rest();
}
