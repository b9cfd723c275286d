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

/// What other tools call such keys, in small letters without `-` and `_`, and the key that was most
/// likely meant; none for what orch has no key for. People write these by habit and rely on them.
pub const TASK_HABITS: &[(&str, &str)] = &[
    ("dependson", "depends_on"),
    ("dependency", "depends_on"),
    ("depends", "depends_on"),
    ("deps", "depends_on"),
    ("needs", "depends_on"),
    ("after", "depends_on"),
    ("runafter", "depends_on"),
    ("runsafter", "depends_on"),
    ("blockedby", "depends_on"),
    ("requires", "depends_on"),
    ("require", "depends_on"),
    ("prerequisites", "depends_on"),
    ("prerequisite", "depends_on"),
    ("prereqs", "depends_on"),
    ("waitfor", "depends_on"),
    ("waitsfor", "depends_on"),
    ("upstream", "depends_on"),
    ("before", ""),
    ("blocks", ""),
    ("command", "run"),
    ("commands", "run"),
    ("cmd", "run"),
    ("cmds", "run"),
    ("script", "run"),
    ("shell", "run"),
    ("exec", "run"),
    ("bash", "run"),
    ("subagent", "agent"),
    ("subagenttype", "agent"),
    ("environment", "env"),
    ("timeoutminutes", "timeout"),
    ("timeoutseconds", "timeout"),
    ("retry", "max_attempts"),
    ("retries", "max_attempts"),
    ("maxretries", "max_attempts"),
    ("if", ""),
    ("when", ""),
    ("unless", ""),
    ("skip", ""),
    ("disabled", ""),
    ("enabled", ""),
    ("allowfailure", ""),
    ("continueonerror", ""),
    ("cwd", ""),
    ("workdir", ""),
    ("workingdirectory", ""),
];

/// The same for sections, which follow one another and depend on nothing.
pub const SECTION_HABITS: &[(&str, &str)] = &[
    ("dependson", ""),
    ("dependencies", ""),
    ("needs", ""),
    ("after", ""),
    ("blockedby", ""),
    ("requires", ""),
    ("if", ""),
    ("when", ""),
];

/// Keys that look as if they had an effect on the `meta` of a plan, with the key that has it, if any.
pub const META_HABITS: &[(&str, &str)] = &[
    ("dependson", ""),
    ("dependencies", ""),
    ("needs", ""),
    ("after", ""),
    ("blockedby", ""),
    ("requires", ""),
    ("maxattempts", "max_attempts_default"),
    ("maxretries", "max_attempts_default"),
    ("retries", "max_attempts_default"),
    ("attempts", "max_attempts_default"),
    ("parallel", "order"),
    ("parallelism", "order"),
    ("validators", "validation"),
    ("agent", ""),
    ("model", ""),
    ("timeout", ""),
    ("if", ""),
    ("when", ""),
];

/// Keys of `meta`, of sections and of tasks that are written at the top of a plan, where they have no
/// effect.
pub const PLAN_HABITS: &[(&str, &str)] = &[
    ("dependson", ""),
    ("dependencies", ""),
    ("needs", ""),
    ("after", ""),
    ("requires", ""),
    ("maxattempts", ""),
    ("maxattemptsdefault", ""),
    ("retries", ""),
    ("order", ""),
    ("parallel", ""),
    ("budget", ""),
    ("validation", ""),
    ("validators", ""),
    ("agent", ""),
    ("model", ""),
    ("timeout", ""),
    ("tasks", ""),
    ("steps", ""),
    ("phases", "sections"),
];

/// What other tools call the keys of a validator; no key is meant where it is empty.
pub const VALIDATOR_HABITS: &[(&str, &str)] = &[
    ("command", "run"),
    ("cmd", "run"),
    ("script", "run"),
    ("shell", "run"),
    ("dependson", ""),
    ("needs", ""),
    ("after", ""),
    ("maxattempts", ""),
    ("retries", ""),
    ("model", ""),
    ("if", ""),
    ("when", ""),
];

/// `proposals` of a task or rule.
pub const PROPOSALS: &[&str] = &["count", "judge"];

/// One validator of a task or rule.
pub const VALIDATOR: &[&str] = &["name", "run", "agent", "inputs", "timeout", "baseline"];
