//! The keys of a rule file, one table for each mapping.

use super::{ActionKind, Beginning, Occasion, RetryStep, Tests};
use crate::spec::keys::Shape::{
    Command, Duration, Flag, Forms, Integer, List, Map, Names, Text, Texts, Word,
};
use crate::spec::keys::{NONE, Shape, Word as OneWord, keys, words};
use crate::spec::outcome::OutcomeClass;
use crate::spec::plan::keys::{PROPOSALS, VALIDATORS};
use crate::spec::rebuild;
use crate::spec::sandbox;

keys! {
    /// How one kind of node is built. What is not written comes from the rule it extends, or has a default.
    pub static RULE = "rule", Refused [
        /// Its name.
        rule [default: "the file's stem"]: Text,
        /// The rule it changes parts of. Its own name means the built-in one it replaces.
        extends: Text,
        /// What it does, in a sentence.
        describe: Text,
        /// Raised where the rule asks for something else: what was made under another number is stale.
        version [default: "1"]: Shape::COUNT,
        /// What makes finished work stale beside what is asked for; as the settings say where it is not given.
        rebuild_on: Forms(rebuild::CAUSES),
        /// Which tasks it takes by itself. Not inherited from a rule of another name.
        match: Map(&MATCH),
        /// What runs.
        action [default: "`session`"]: Word("action", words::<ActionKind>),
        /// Who does the task where the task names nobody.
        agent: Text,
        /// A minijinja template: the path of a file below the rules folder, or the text itself.
        prompt: Text,
        /// What it reads.
        inputs: Map(&INPUTS),
        /// What it writes.
        outputs: Map(&OUTPUTS),
        /// The session's answer is an output: tasks that depend on it get it.
        report [default: "false"]: Flag,
        /// What judges its output.
        validators: List(VALIDATORS),
        /// What verdicts rest on beside the result: where the task changed it, it judges as it was before, too.
        judges: Map(&JUDGES),
        /// What becomes of a result that only passes since it changed a test.
        tests [default: "`open`"]: Word("tests", words::<Tests>),
        /// Variables of the environment that reach the action; their values are in the key.
        env: Texts,
        /// How often and when to try again.
        retry: Map(&RETRY),
        /// Bounds of one attempt.
        limits: Map(&LIMITS),
        /// What bounds how many actions run at once: `sessions`, `commands`, or a pool of `orch.yaml`.
        pool: Text,
        /// Tools the action cannot do without.
        needs_tools: Texts,
        /// Several sessions do the task, and a judge picks one result.
        proposals: Map(&PROPOSALS),
        /// What a command rule runs where the task has no `run`.
        run: Command,
        /// What its attempts may reach of the machine; as the settings say where it is not given.
        sandbox: Forms(sandbox::FORMS),
        /// Of a rule that extends `notify`: what people are told of.
        on: Forms(&[EVENT, List(&EVENT)]),
        /// Where JSON of it is posted to; `${NAME}` stands for a variable of the environment.
        webhook: Text,
        /// Told by a notice of the desktop.
        desktop [default: "false"]: Flag,
        /// Told by the bell of the terminal that orch runs in.
        bell [default: "false"]: Flag,
    ];

    /// Which tasks a rule takes by itself.
    static MATCH = "match", Refused [
        /// Whole words at the start of a task's name, in any case.
        phrases: Texts,
        /// Tasks of these agents.
        agents: Texts,
        /// Higher is asked first.
        priority [default: "0"]: Integer,
    ];

    /// What it reads.
    static INPUTS = "inputs", Refused [
        /// Path patterns; their content is in the key.
        declared: Texts,
        /// What the session read last time counts when its result is to be replayed.
        discovered: Flag,
    ];

    /// What it writes.
    static OUTPUTS = "outputs", Refused [
        /// Writing anything else fails the task. Anything may be written where this is not given.
        allowed: Texts,
        /// A run that changed nothing has failed. True for sessions where it is not given.
        must_change: Flag,
        /// Files that a task may only delete or empty where it names them, such as tests.
        keep: Texts,
    ];

    /// What verdicts of commands rest on beside the result; what a task declares or names is its own.
    static JUDGES = "judges", Refused [
        /// Build files and settings of tests: they judge as they were before the task, too.
        files: Texts,
        /// Of structured files a key or section, behind `#`: that alone judges as it was, too.
        parts: Texts,
        /// Names of modules that tests load: a new file of such a name may stand in their way.
        modules: Texts,
        /// Tests and what belongs to them: judged as they are and as they were.
        tests: Texts,
    ];

    /// How often and when to try again.
    static RETRY = "retry", Refused [
        /// Attempts in all: 3 for a session, 1 for a command where none is given.
        attempts: Shape::POSITIVE,
        /// Attempts that do not count, before the task is given up all the same.
        waits [default: "8"]: Shape::COUNT,
        /// How long to wait between attempts.
        backoff: Map(&BACKOFF),
        /// Outcomes that are not held against the task, beside those that never are.
        uncounted: Forms(&[OUTCOME, List(&OUTCOME)]),
        /// What an attempt after one that was not accepted begins with.
        from [default: "left"]: Word("beginning", words::<Beginning>),
        /// What to do by how the attempt ended; of a list, the first time, the second time and so on.
        on: Names(&OUTCOME, &Forms(&[STEP, List(&STEP)])),
    ];

    /// How long to wait between attempts.
    static BACKOFF = "backoff", Refused [
        /// Before the second attempt; doubled before each further one.
        base [default: "5s"]: Duration,
        /// Never longer than this.
        cap [default: "120s"]: Duration,
    ];

    /// Bounds of one attempt; `none` takes an inherited one away.
    static LIMITS = "limits", Refused [
        /// How long it may take.
        wall: Forms(&[Duration, NONE]),
        /// How long nothing may be heard.
        stall: Forms(&[Duration, NONE]),
        /// How many turns a session may take.
        turns: Forms(&[Shape::COUNT, NONE]),
        /// What it may cost, in US dollars.
        usd: Forms(&[Shape::NUMBER, NONE]),
    ];
}

/// What `on` and `uncounted` may name.
const OUTCOME: Shape = Word("outcome", outcomes);

const EVENT: Shape = Word("event", words::<Occasion>);

const STEP: Shape = Word("step", words::<RetryStep>);

fn outcomes() -> Vec<OneWord> {
    let failures = OutcomeClass::failures();
    failures.map(|it| OneWord { text: it.as_str(), about: "" }).collect()
}
