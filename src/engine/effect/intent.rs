//! What a task would be given if it ran now.

use crate::spec::plan::{CommandLine, Validator, ValidatorKind};

/// What a build would do for a task, as far as that is known before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// What its session would be told; `None` for a command.
    pub prompt: Option<String>,
    pub command: Option<CommandLine>,
    /// In the order in which they would look at the result.
    pub validators: Vec<Validator>,
}

impl Intent {
    /// Each validator's name, and what it does.
    pub fn validations(&self) -> impl Iterator<Item = (&str, String)> {
        self.validators.iter().map(|it| {
            let what = match &it.kind {
                ValidatorKind::Command(line) => format!("runs `{line}`"),
                ValidatorKind::Agent(agent) => format!("asks the agent {agent}"),
            };
            (it.name.as_str(), what)
        })
    }
}
