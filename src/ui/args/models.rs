//! Which models sessions are asked of, for one build.

use clap::Args as ClapArgs;

use crate::base::name::ModelName;
use crate::engine::escalate::ModelFlags;

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct ModelArgs {
    /// The model where neither task nor agent names one
    #[arg(long, value_name = "MODEL", help_heading = "Models")]
    pub starting_model: Option<String>,
    /// The next model up after N failed attempts
    #[arg(long, value_name = "N", help_heading = "Models", value_parser = clap::value_parser!(u32).range(1..))]
    pub escalate_after_failures: Option<u32>,
    /// No model above this one
    #[arg(long, value_name = "MODEL", help_heading = "Models")]
    pub max_model: Option<String>,
}

impl ModelArgs {
    pub fn is_given(&self) -> bool {
        self.flags() != ModelFlags::default()
    }

    pub fn flags(&self) -> ModelFlags {
        ModelFlags {
            starting: self.starting_model.as_deref().map(ModelName::new),
            escalate_after: self.escalate_after_failures,
            max: self.max_model.as_deref().map(ModelName::new),
        }
    }
}
