//! A rule as one file has it: what is not written is inherited, or gets its default in the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::measure::{Millis, Usd};
use crate::base::name::{AgentName, EnvName, PoolName, RelPath, RuleName};
use crate::base::source::Span;
use crate::spec::glob::GlobSet;
use crate::spec::outcome::OutcomeClass;
use crate::spec::plan::{CommandLine, Proposals, Validator};
use crate::spec::rebuild::RebuildOn;
use crate::spec::sandbox::Sandboxing;

use super::judges::JudgeParts;
use super::occasion::NotifyParts;
use super::{
    ActionKind, Beginning, Limits, Match, Retry, RetryStep, Rule, RuleInputs, RuleOutputs,
};

/// One rule file before `extends` is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDraft {
    pub name: RuleName,
    /// The rule it changes parts of; its own name means the one it replaces.
    pub extends: Option<RuleName>,
    pub file: RelPath,
    /// Where the name stands, else the start of the file.
    pub name_span: Span,
    pub extends_span: Span,
    /// Agents that the file names, its own first, then the judge, with their places.
    pub agents: Vec<(AgentName, Span)>,
    pub(super) parts: Parts,
}

/// What a file says; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub describe: Option<String>,
    pub version: Option<u32>,
    pub rebuild_on: Option<RebuildOn>,
    pub matches: Option<Match>,
    pub action: Option<ActionKind>,
    pub agent: Option<AgentName>,
    pub prompt: Option<String>,
    pub declared: Option<GlobSet>,
    pub discovered: Option<bool>,
    pub allowed: Option<GlobSet>,
    pub must_change: Option<bool>,
    pub keep: Option<GlobSet>,
    pub report: Option<bool>,
    pub validators: Option<Vec<Validator>>,
    pub judges: JudgeParts,
    pub env: Option<Vec<EnvName>>,
    pub retry: RetryParts,
    pub limits: LimitParts,
    pub pool: Option<PoolName>,
    pub needs_tools: Option<Vec<String>>,
    pub proposals: Option<Proposals>,
    pub run: Option<CommandLine>,
    pub sandbox: Option<Sandboxing>,
    pub notify: NotifyParts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RetryParts {
    pub attempts: Option<u32>,
    pub waits: Option<u32>,
    pub base: Option<Millis>,
    pub cap: Option<Millis>,
    pub uncounted: BTreeSet<OutcomeClass>,
    pub from: Option<Beginning>,
    pub on: BTreeMap<OutcomeClass, Vec<RetryStep>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LimitParts {
    pub wall: Bound<Millis>,
    pub stall: Bound<Millis>,
    pub turns: Bound<u32>,
    pub usd: Bound<Usd>,
}

/// A limit as written; `none` takes an inherited one away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bound<T> {
    #[default]
    Unsaid,
    Unbounded,
    At(T),
}

impl<T> Bound<T> {
    fn or(self, parent: Self) -> Self {
        if let Self::Unsaid = self { parent } else { self }
    }

    fn limit(self) -> Option<T> {
        if let Self::At(limit) = self { Some(limit) } else { None }
    }
}

impl Parts {
    /// What a file says, over what its parent says. `match` is inherited only by a replacement of the
    /// same name: else two rules would want the same tasks.
    pub fn over(self, parent: Self, is_same_rule: bool) -> Self {
        Self {
            describe: self.describe.or(parent.describe),
            version: self.version.or(parent.version),
            rebuild_on: self.rebuild_on.or(parent.rebuild_on),
            matches: self.matches.or(parent.matches.filter(|_| is_same_rule)),
            action: self.action.or(parent.action),
            agent: self.agent.or(parent.agent),
            prompt: self.prompt.or(parent.prompt),
            declared: self.declared.or(parent.declared),
            discovered: self.discovered.or(parent.discovered),
            allowed: self.allowed.or(parent.allowed),
            must_change: self.must_change.or(parent.must_change),
            keep: self.keep.or(parent.keep),
            report: self.report.or(parent.report),
            validators: self.validators.or(parent.validators),
            judges: self.judges.over(parent.judges),
            env: self.env.or(parent.env),
            retry: self.retry.over(parent.retry),
            limits: self.limits.over(parent.limits),
            pool: self.pool.or(parent.pool),
            needs_tools: self.needs_tools.or(parent.needs_tools),
            proposals: self.proposals.or(parent.proposals),
            run: self.run.or(parent.run),
            sandbox: self.sandbox.or(parent.sandbox),
            notify: self.notify.over(parent.notify),
        }
    }

    /// The rule, with defaults where no file of the chain says anything.
    pub fn into_rule(self, name: RuleName) -> Rule {
        let action = self.action.unwrap_or_default();
        Rule {
            name,
            describe: self.describe.unwrap_or_default(),
            version: self.version.unwrap_or(1),
            rebuild_on: self.rebuild_on,
            matches: self.matches,
            action,
            agent: self.agent,
            prompt: self.prompt.unwrap_or_default(),
            inputs: RuleInputs {
                declared: self.declared.unwrap_or_default(),
                discovered: self.discovered.unwrap_or(action == ActionKind::Session),
            },
            outputs: RuleOutputs {
                allowed: self.allowed,
                must_change: self.must_change.unwrap_or(action == ActionKind::Session),
                keep: self.keep.unwrap_or_default(),
            },
            is_report: self.report.unwrap_or(false),
            validators: self.validators.unwrap_or_default(),
            judges: self.judges.into_judges(),
            env: self.env.unwrap_or_default(),
            retry: self.retry.into_retry(action),
            limits: self.limits.into_limits(),
            pool: self.pool.unwrap_or_else(|| default_pool(action)),
            needs_tools: self.needs_tools.unwrap_or_default(),
            proposals: self.proposals,
            run: self.run,
            sandbox: self.sandbox,
            notify: self.notify.into_notify(),
        }
    }
}

fn default_pool(action: ActionKind) -> PoolName {
    PoolName::new(match action {
        ActionKind::Session => "sessions",
        ActionKind::Command => "commands",
    })
}

impl RetryParts {
    fn over(self, parent: Self) -> Self {
        let mut on = parent.on;
        on.extend(self.on);
        let mut uncounted = parent.uncounted;
        uncounted.extend(self.uncounted);
        Self {
            attempts: self.attempts.or(parent.attempts),
            waits: self.waits.or(parent.waits),
            uncounted,
            from: self.from.or(parent.from),
            base: self.base.or(parent.base),
            cap: self.cap.or(parent.cap),
            on,
        }
    }

    fn into_retry(self, action: ActionKind) -> Retry {
        let default = Retry::default();
        // A command is deterministic as far as anyone knows: trying again is asked for, not assumed.
        let attempts = if action == ActionKind::Command { 1 } else { default.attempts };
        Retry {
            attempts: self.attempts.unwrap_or(attempts),
            waits: self.waits.unwrap_or(default.waits),
            uncounted: self.uncounted,
            from: self.from.unwrap_or_default(),
            backoff_base: self.base.unwrap_or(default.backoff_base),
            backoff_cap: self.cap.unwrap_or(default.backoff_cap),
            on: self.on,
        }
    }
}

impl LimitParts {
    fn over(self, parent: Self) -> Self {
        Self {
            wall: self.wall.or(parent.wall),
            stall: self.stall.or(parent.stall),
            turns: self.turns.or(parent.turns),
            usd: self.usd.or(parent.usd),
        }
    }

    fn into_limits(self) -> Limits {
        Limits {
            wall: self.wall.limit(),
            stall: self.stall.limit(),
            turns: self.turns.limit(),
            usd: self.usd.limit(),
        }
    }
}
