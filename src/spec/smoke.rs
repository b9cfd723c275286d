//! What is run when all of a plan is done: the smoke test, as settings and plans write it.

use serde::{Deserialize, Serialize};

use crate::base::measure::Millis;
use crate::base::name::EnvName;
use crate::spec::keys::{Shape, keys};
use crate::spec::plan::{CommandLine, command_line};
use crate::spec::yaml::{Fields, Resolved};

keys! {
    /// A smoke test in particular.
    pub static KEYS = "smoke", Refused [
        /// What is run, in your checkout; that of the rule `smoke` where none is given.
        run: Shape::Command,
        /// How long it may take.
        timeout: Shape::Duration,
        /// Variables of the environment that reach it.
        env: Shape::Texts,
        /// It is left out where no server answers. False for a `run` of your own.
        needs_server: Shape::Flag,
    ];
}

/// How `smoke` is written.
pub const FORMS: &[Shape] = &[Shape::Flag, Shape::Command, Shape::Map(&KEYS)];

/// A smoke test, as far as one document says something of it; the rule `smoke` says the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Smoke {
    /// `false` turns it off, `true` on again; `None` says nothing.
    pub is_on: Option<bool>,
    pub run: Option<CommandLine>,
    pub timeout: Option<Millis>,
    /// Variables of the caller's environment that reach it.
    pub env: Vec<EnvName>,
    /// It is left out where no server answers.
    pub needs_server: Option<bool>,
}

impl Smoke {
    /// Reads `smoke`: `false`, a command, or a mapping.
    pub fn read(fields: &mut Fields<'_, '_>) -> Self {
        let Some(node) = fields.node("smoke") else { return Self::default() };
        let flag = node.as_scalar().map(|scalar| scalar.resolve());
        if let Some(Resolved::Bool(flag)) = flag {
            return Self { is_on: Some(flag), ..Self::default() };
        }
        if node.as_mapping().is_none() {
            let run = command_line(fields, "smoke");
            return Self { is_on: Some(true), run, ..Self::default() };
        }
        let Some(mut inner) = fields.fields("smoke") else { return Self::default() };
        let smoke = Self {
            is_on: Some(true),
            run: command_line(&mut inner, "run"),
            timeout: inner.duration("timeout"),
            env: inner.env_names("env"),
            needs_server: inner.flag("needs_server"),
        };
        inner.rest();
        smoke
    }

    /// What a plan says over what the settings say.
    pub fn over(&self, below: &Self) -> Self {
        let mut env = below.env.clone();
        env.extend(self.env.iter().filter(|name| !below.env.contains(name)).cloned());
        Self {
            is_on: self.is_on.or(below.is_on),
            run: self.run.clone().or_else(|| below.run.clone()),
            timeout: self.timeout.or(below.timeout),
            env,
            needs_server: self.needs_server.or(below.needs_server),
        }
    }
}
