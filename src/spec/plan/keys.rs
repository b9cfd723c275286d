//! The keys of a plan, one table for each mapping, and what people write there by habit.

use super::{CacheUse, NoChange, Order, Pin, Status};
use crate::spec::keys::Shape::{
    Command, Count, Duration, Flag, Forms, List, Map, Matching, Off, Text, Texts, Word,
};
use crate::spec::keys::{Shape, keys, words};
use crate::spec::{quota, smoke};

keys! {
    /// A plan: sections of tasks. Keys beside these are kept and have no meaning.
    pub static PLAN = "plan", Kept { habits: PLAN_HABITS } [
        /// What holds for the whole plan.
        meta: Map(&META),
        /// Groups of tasks, in order.
        sections [is_required: true]: List(&Map(&SECTION)),
    ];

    /// What holds for the whole plan.
    pub static META = "meta", Kept { foreign: OTHER_META, habits: META_HABITS } [
        /// The title.
        name: Text,
        /// What the plan is for.
        description: Text,
        /// The design document, a path below the root. Its content is in the key of every task.
        plan_doc: Text,
        /// When it was written.
        created: Text,
        /// The backlog item it was made from.
        source_item: Text,
        /// Attempts of a task that says nothing of its own.
        max_attempts_default: Shape::POSITIVE,
        /// `file`: a task without `depends_on` waits for every task before it. `free`: only
        /// `depends_on` orders.
        order [default: "`file`"]: Word("order", words::<Order>),
        /// Which agents' tasks are validated by which agents.
        validation: Forms(&[Map(&VALIDATION), Off]),
        /// Wait before the second attempt.
        backoff_base: Duration,
        /// Longest wait between attempts.
        backoff_max: Duration,
        /// What may be spent on the plan, over all builds.
        budget: Map(&quota::KEYS),
        /// So many failures of the service in a row, the last of a task of this plan, and no session starts.
        circuit_breaker_threshold: Shape::COUNT,
        /// How long none starts then.
        circuit_breaker_reset_timeout: Duration,
        /// Which model, and when the next one up.
        model_escalation: Forms(&[Map(&ESCALATION), Off]),
        /// Written by the orchestrator; nothing depends on it.
        status: Text,
        /// What is run when all of the plan is done: `false`, a command, or its particulars.
        smoke: Forms(smoke::FORMS),
    ];

    /// Which agents' tasks are validated by which agents.
    pub static VALIDATION = "validation", Kept [
        /// Whether any are.
        enabled [default: "false"]: Flag,
        /// Tasks of these agents are validated.
        run_after [default: "`coder`"]: Texts,
        /// By these agents.
        validators [default: "`validator`"]: Texts,
        /// After more FAILs than this the task has failed.
        max_validation_attempts [default: "1"]: Shape::COUNT,
    ];

    /// Which model, and when the next one up.
    pub static ESCALATION = "model_escalation", Kept [
        /// Whether it holds.
        enabled [default: "false"]: Flag,
        /// One step up after so many failed attempts.
        escalate_after [default: "2"]: Shape::POSITIVE,
        /// Never above this model.
        max_model [default: "`opus`"]: Text,
        /// The model of agents that validate.
        validation_model [default: "`sonnet`"]: Text,
        /// The model where neither task nor agent names one.
        starting_model [default: "`sonnet`"]: Text,
    ];

    /// A group of tasks.
    pub static SECTION = "section", Kept { habits: SECTION_HABITS } [
        /// Unique in the plan.
        id [is_required: true]: Text,
        /// What it is about.
        name [is_required: true]: Text,
        /// Written by orch: what its tasks add up to.
        status: Word("status", words::<Status>),
        /// The tasks, in order.
        tasks: List(&Map(&TASK)),
    ];

    /// One unit of work.
    pub static TASK = "task", Kept { foreign: OTHER_TASK, habits: TASK_HABITS } [
        /// Unique in the plan. Quote it: `2.10` without quotes is a number to many programs.
        id [is_required: true]: Text,
        /// What it is, in a few words; they choose the rule where nothing else does.
        name [is_required: true]: Text,
        /// What is to be done, where, and how one can tell that it is done.
        description: Text,
        /// Set it back to `pending` to ask for a re-run, to `skipped` to go on without it.
        status: Word("status", words::<Status>),
        /// Who does it.
        agent: Text,
        /// How it is built.
        rule: Text,
        /// Makes it a command task: what runs instead of a session.
        run: Command,
        /// Ids of the tasks whose results it needs.
        depends_on: Texts,
        /// The same as `depends_on`.
        dependencies [is_deprecated: true]: Texts,
        /// Tasks of one group do not wait for one another.
        parallel_group: Text,
        /// Tasks that name the same resource never run at once.
        exclusive_resources: Texts,
        /// Path patterns it reads; their content is in its key.
        inputs: Texts,
        /// Path patterns that must each name a file when it is done.
        outputs: Texts,
        /// Exactly these judge it; those of its rule and plan where the key is not given.
        validators: List(VALIDATORS),
        /// The model, as the CLI takes it.
        model: Text,
        /// Variables of the environment that reach it; their values are in its key.
        env: Texts,
        /// How long one attempt may take.
        timeout: Duration,
        /// Attempts in all.
        max_attempts: Shape::POSITIVE,
        /// Several sessions do it, and a judge picks one result. The rule decides where it is not given.
        proposals: Map(&PROPOSALS),
        /// Whether it may end without a change. The rule decides where it is not given.
        no_change: Word("no_change", words::<NoChange>),
        /// `never`: an accepted result is not used again.
        cache [default: "`always`"]: Word("cache", words::<CacheUse>),
        /// The cached result to take: its `output` or `key` as `orch show` prints them, or the first digits.
        pin: Matching(Pin::PATTERN),
        /// Written by orch.
        attempts: Shape::COUNT,
        /// Written by orch: what the session said.
        result_message: Text,
        /// Written by orch.
        last_error: Text,
        /// Written by orch.
        validation_findings: Text,
        /// Written by orch.
        validation_attempts: Shape::COUNT,
        /// Written by orch: a time.
        last_attempt: Text,
        /// Written by orch: a time.
        completed_at: Text,
        /// Written by orch.
        model_used: Text,
    ];

    /// Several sessions do the task independently, and a judge picks the result that goes on.
    pub static PROPOSALS = "proposals", Kept [
        /// How many sessions; 1 is no competition.
        count [is_required: true]: Count(1, 9),
        /// The agent that judges.
        judge [default: "`design-judge`"]: Text,
    ];

    /// One validator. It has either `run` or `agent`.
    pub static VALIDATOR = "validator", Kept { habits: VALIDATOR_HABITS } [
        /// Its name, unique in its task. The agent's, or the command's words, where none is given.
        name: Text,
        /// Exit 0 is PASS, anything else FAIL.
        run: Command,
        /// An agent whose answer holds the verdict.
        agent: Text,
        /// Files it reads beside those the task wrote.
        inputs: Texts,
        /// How long it may take.
        timeout: Duration,
        /// A command only: whether what failed before the task, too, is excused.
        baseline: Flag,
    ];
}

/// What judges a task's output: the name of an agent, or a command or agent with its particulars.
pub const VALIDATORS: &Shape = &Forms(&[Text, Map(&VALIDATOR)]);

const OTHER_META: &[&str] = &[
    "notification_email",
    "pause_reason",
    "target_acs",
    "validate_only",
    "judge_model",
    "step_notifications",
];

const OTHER_TASK: &[&str] = &["execution_mode", "team_roles", "target_acs", "validate_only"];

/// What other tools call such keys, in small letters without `-` and `_`, and the key that was most
/// likely meant; none for what orch has no key for. People write these by habit and rely on them.
const TASK_HABITS: &[(&str, &str)] = &[
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
    ("prompt", "description"),
    ("instructions", "description"),
    ("instruction", "description"),
    ("details", "description"),
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
    ("modelescalation", ""),
    ("smoke", ""),
    ("budget", ""),
    ("order", ""),
    ("limits", ""),
    ("tools", ""),
    ("maxattemptsdefault", "max_attempts"),
];

/// The same for sections, which follow one another and depend on nothing; keys of tasks and of `meta` have
/// no effect on them.
const SECTION_HABITS: &[(&str, &str)] = &[
    ("dependson", ""),
    ("dependencies", ""),
    ("needs", ""),
    ("after", ""),
    ("blockedby", ""),
    ("requires", ""),
    ("if", ""),
    ("when", ""),
    ("agent", ""),
    ("model", ""),
    ("timeout", ""),
    ("maxattempts", ""),
    ("validators", ""),
    ("env", ""),
    ("run", ""),
    ("inputs", ""),
    ("outputs", ""),
    ("parallelgroup", ""),
    ("exclusiveresources", ""),
    ("rule", ""),
    ("retry", ""),
    ("cache", ""),
    ("proposals", ""),
    ("order", ""),
    ("budget", ""),
    ("validation", ""),
];

/// Keys that look as if they had an effect on the `meta` of a plan, with the key that has it, if any.
const META_HABITS: &[(&str, &str)] = &[
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
    ("parallelgroup", ""),
    ("exclusiveresources", ""),
    ("env", ""),
    ("rule", ""),
    ("run", ""),
    ("inputs", ""),
    ("outputs", ""),
    ("tasks", ""),
    ("sections", ""),
];

/// Keys of `meta`, of sections and of tasks that are written at the top of a plan, where they have no
/// effect.
const PLAN_HABITS: &[(&str, &str)] = &[
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
    ("smoke", ""),
    ("modelescalation", ""),
    ("plandoc", ""),
    ("sourceitem", ""),
    ("backoffbase", ""),
    ("backoffmax", ""),
    ("parallelgroup", ""),
    ("exclusiveresources", ""),
    ("env", ""),
    ("inputs", ""),
    ("outputs", ""),
    ("run", ""),
    ("rule", ""),
];

/// What other tools call the keys of a validator; no key is meant where it is empty.
const VALIDATOR_HABITS: &[(&str, &str)] = &[
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
    ("env", ""),
    ("cache", ""),
    ("retry", ""),
];
