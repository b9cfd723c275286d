//! The keys that mean something in a plan, one list for each mapping; reading and schema are held to them.

/// The document itself.
pub const PLAN: &[&str] = &["meta", "sections"];

pub const META: &[&str] = &[
    "name",
    "description",
    "plan_doc",
    "created",
    "source_item",
    "max_attempts_default",
    "order",
    "validation",
    "backoff_base",
    "backoff_max",
    "budget",
    "circuit_breaker_threshold",
    "circuit_breaker_reset_timeout",
    "model_escalation",
    "status",
    "smoke",
];

/// `meta.validation`.
pub const VALIDATION: &[&str] = &["enabled", "run_after", "validators", "max_validation_attempts"];

/// `meta.model_escalation`.
pub const ESCALATION: &[&str] =
    &["enabled", "escalate_after", "max_model", "validation_model", "starting_model"];

pub const SECTION: &[&str] = &["id", "name", "status", "tasks"];

pub const TASK: &[&str] = &[
    "id",
    "name",
    "description",
    "status",
    "agent",
    "rule",
    "run",
    "depends_on",
    "dependencies",
    "parallel_group",
    "exclusive_resources",
    "inputs",
    "outputs",
    "validators",
    "model",
    "env",
    "timeout",
    "max_attempts",
    "proposals",
    "no_change",
    "cache",
    "pin",
    "attempts",
    "result_message",
    "last_error",
    "validation_findings",
    "validation_attempts",
    "last_attempt",
    "completed_at",
    "model_used",
];

/// `proposals` of a task or rule.
pub const PROPOSALS: &[&str] = &["count", "judge"];

/// One validator of a task or rule.
pub const VALIDATOR: &[&str] = &["name", "run", "agent", "inputs", "timeout", "baseline"];
