//! The keys of `orch.yaml`, one table for each mapping, and those of the original's settings.

use super::LimitWait;
use crate::spec::keys::Shape::{
    Command, Count, Duration, Flag, Forms, Map, Names, Number, Text, Texts, Word,
};
use crate::spec::keys::{Keys, NONE, Others, Shape, keys, words};
use crate::spec::{rebuild, sandbox, smoke};

/// How many keys the original's settings share with `orch.yaml`; they stand first.
const SHARED: usize = 5;

/// `.claude/orchestrator-config.yaml` of the original.
pub static ORIGINAL: Keys = Keys {
    noun: "the original's config",
    about: "",
    keys: CONFIG.keys.split_at(SHARED).0,
    others: Others::Kept,
    // What the original or its later versions know and orch has no use for.
    foreign: &["validation", "identity", "pipeline", "web", "langsmith", "slack", "pricing"],
    elsewhere: CONFIG.keys.split_at(SHARED).1,
    habits: &[],
};

/// How `worktree.link` is written.
const LINKS: &[Shape] = &[Texts, Shape::List(&Forms(&[Text, Map(&LINK)]))];

const PORT: Shape = Count(1, u16::MAX as u32);

keys! {
    /// Settings of a project: `orch.yaml` at the root of the repository.
    pub static CONFIG = "config", Refused [
        /// What builds the project; named in prompts.
        build_command [default: "`pnpm run build`"]: Text,
        /// What tests the project; named in prompts.
        test_command [default: "`pnpm test`"]: Text,
        /// What starts the development server.
        dev_server_command [default: "`pnpm dev`"]: Text,
        /// Where the development server listens.
        dev_server_port [default: "3000"]: PORT,
        /// Folder of the project's agents.
        agents_dir [default: "`.claude/agents`"]: Text,
        /// Folder of the project's rules and prompts.
        rules_dir [default: "`rules`"]: Text,
        /// Folders of the plans that are active.
        plans_dirs [default: "`[.claude/plans, plans]`"]: Texts,
        /// How sessions run.
        session: Map(&SESSION),
        /// What git does not carry into a worktree.
        worktree: Map(&WORKTREE),
        /// How many actions of a pool run at once. `sessions` and `commands` exist always.
        pools: Names(&Text, &Shape::POSITIVE),
        /// How many actions run at once.
        jobs [default: "the number of cores"]: Shape::POSITIVE,
        /// How much may be spent, in dollars; at a bound nothing new starts, and the build ends with exit code 4.
        budget: Map(&BUDGET),
        /// What is held back although it could be made again, and what makes it stale.
        rebuild: Map(&REBUILD),
        /// What makes finished work stale beside what is asked for.
        rebuild_on [default: "`[]`"]: Forms(rebuild::CAUSES),
        /// Which model a session is asked of, and when another one.
        models: Map(&MODELS),
        /// When the service counts as down.
        breaker: Map(&BREAKER),
        /// What a build does at a usage limit of the account.
        limits: Map(&LIMITS),
        /// What attempts may reach whose rule says nothing of it.
        sandbox [default: "`guard`, where the kernel lets orch have it"]: Forms(sandbox::FORMS),
        /// How much runs at once, beside `jobs` and `pools`.
        schedule: Map(&SCHEDULE),
        /// How the backlog is worked through.
        pipeline: Map(&PIPELINE),
        /// What is run when a plan is done: `false`, a command, or its particulars.
        smoke: Forms(smoke::FORMS),
        /// The development server: started for smoke tests and ended after them, or kept while nothing is built.
        dev_server: Map(&DEV_SERVER),
        /// How people are told of builds; of what, rules that extend `notify` say.
        notify: Map(&NOTIFY),
    ];

    /// How the backlog is worked through.
    static PIPELINE = "pipeline", Refused [
        /// How many items are worked on at once.
        items [default: "2"]: Shape::POSITIVE,
    ];

    /// Bounds in dollars; 0 is none.
    static BUDGET = "budget", Refused [
        /// One build.
        run: Shape::AMOUNT,
        /// A day, in UTC, over all builds.
        day: Shape::AMOUNT,
        /// A plan that has no budget of its own, over all builds.
        plan: Shape::AMOUNT,
        /// A task, from one accepted result to the next.
        task: Shape::AMOUNT,
        /// What a session is taken to cost while nothing like it was ever paid.
        guess [default: "0.50"]: Shape::AMOUNT,
    ];

    /// What is held back although it could be made again.
    static REBUILD = "rebuild", Refused [
        /// Finished work that would be bought again is held where it comes to more than that, until you
        /// let it go with `--yes`; `none` never holds.
        ask_above: Forms(&[Map(&ASK_ABOVE), NONE]),
    ];

    /// Where finished work that would be bought again is held.
    static ASK_ABOVE = "ask_above", Refused [
        /// Sessions.
        sessions [default: "5"]: Shape::COUNT,
        /// Dollars, as they are estimated.
        usd [default: "2"]: Shape::AMOUNT,
    ];

    /// Which model a session is asked of, and when another one.
    static MODELS = "models", Refused [
        /// From the smallest to the largest.
        ladder [default: "`[haiku, sonnet, opus, fable]`"]: Texts,
        /// Where neither task nor agent names one.
        starting: Text,
        /// One step up after so many failed attempts; never by itself where none is given.
        escalate_after: Shape::POSITIVE,
        /// Never above this one.
        max: Text,
        /// The model of agents that validate, instead of their own.
        validation: Text,
    ];

    /// When the service counts as down.
    static BREAKER = "breaker", Refused [
        /// So many failures in a row, of whichever tasks, 0 for never.
        threshold [default: "3"]: Shape::COUNT,
        /// How long no session starts then, before one tries.
        reset [default: "5m"]: Duration,
        /// After so long none tries again in this build.
        patience [default: "6h"]: Duration,
    ];

    /// What a build does at a usage limit of the account.
    static LIMITS = "limits", Refused [
        /// Whether the reset is waited for.
        wait [default: "`up_to`"]: Word("wait", words::<LimitWait>),
        /// The longest wait for one reset, in hours, for `up_to`.
        hours [default: "6"]: Number(0.0, 10_000.0),
        /// So many resets are waited for in one build.
        max_auto_resumes [default: "10"]: Shape::COUNT,
        /// Sessions go on where the account pays for use beyond its plan.
        overage [default: "false"]: Flag,
    ];

    /// How sessions run.
    static SESSION = "session", Refused [
        /// The CLI: its words, or one text that is split at blanks.
        claude: Texts,
        /// A script for the embedded stand-in: sessions are played, not run.
        scripted: Text,
        /// Variables of the environment that sessions get beside the built-in list.
        env: Texts,
        /// The model where neither task nor agent names one.
        model: Text,
        /// How long a session may take where its rule has no limit.
        wall: Duration,
    ];

    /// What git does not carry into a worktree.
    static WORKTREE = "worktree", Refused [
        /// A line for the shell, run once in a fresh worktree.
        setup: Text,
        /// Paths that are linked from the checkout; with `write` attempts may write there.
        link: Forms(LINKS),
        /// Paths that are copied from the checkout.
        copy: Texts,
        /// Git-ignored paths that stay from attempt to attempt; a name without `/` in any folder.
        keep: Texts,
    ];

    /// A path of the checkout that worktrees have a link to.
    pub(super) static LINK = "link", Refused [
        /// Below the root of the repository.
        path [is_required: true]: Text,
        /// Attempts may write there under a guard, too; what one leaves, the others find.
        write: Flag,
    ];

    /// How much runs at once, beside `jobs` and `pools`.
    static SCHEDULE = "schedule", Refused [
        /// How long siblings wait for the first of them to warm the provider's cache; fitted to how long
        /// such tasks take where it is not given.
        warm_up: Duration,
        /// Megabytes that a session takes: none starts where less is free. 0: memory is not minded.
        session_memory [default: "400"]: Shape::COUNT,
        /// Actions for each core at most.
        per_core [default: "8"]: Shape::POSITIVE,
    ];

    /// How people are told of builds.
    static NOTIFY = "notify", Refused [
        /// Sends mail to who a plan's `notification_email` names: a list gets the address as its last word.
        mail: Command,
        /// How long the end of a build waits for what is still on its way.
        wait [default: "5s"]: Duration,
    ];

    /// The development server: started for smoke tests and ended after them, or kept while nothing is built.
    static DEV_SERVER = "dev_server", Refused [
        /// A line for the shell.
        command [default: "`dev_server_command`"]: Text,
        /// Where it listens.
        port [default: "`dev_server_port`"]: PORT,
        /// How long it may take to answer.
        wait [default: "60s"]: Duration,
        /// Variables of the environment that reach it beside the common ones.
        env: Texts,
        /// `orch watch` has it running while nothing is built, and stops it before anything is.
        keep [default: "false"]: Flag,
    ];
}
