//! Reasons, holds and causes in words.

mod broken;
mod gone;
mod item;

pub use item::item_text;

use std::collections::BTreeSet;

use crate::base::digest::Difference;
use crate::base::measure::{Billing, Moment};
use crate::base::name::{OutputDigest, RelPath, TaskRef};
use crate::engine::effect::{Finished, Reopened};
use crate::engine::limits::Window;
use crate::engine::outcome::OutcomeClass;
use crate::engine::picture::Activity;
use crate::engine::record::Provenance;
use crate::engine::why::{
    Barrier, Clash, Help, Hold, How, Misfit, Outage, Rebuy, Scope, Shortage, Unawaited, UsedUp,
    Wait, Waiting, Why,
};

/// Results and files that are named one by one.
const NAMED: usize = 4;

/// Why a task runs or does not; empty where its state says all.
pub fn why_text(why: &Why, billing: Billing) -> String {
    let fixed = match why {
        Why::Untold => "",
        Why::Unbuilt => "no accepted result yet",
        Why::RecipeChanged => "its recipe changed",
        Why::SetBack => "its status was set back to pending",
        Why::Forced => "forced",
        Why::AskedFor => "a person asked for it again",
        Why::Forgotten => "its past was forgotten",
        Why::NeverCached => "cache: never",
        Why::VerdictFails => "its verdict is FAIL",
        Why::VerdictRenewed => "its verdict was renewed",
        Why::AskedAgain => "the validators of its last result are asked again",
        Why::InCache => "its result is in the cache",
        Why::NotInCacheOffline => "not in the cache, and nothing may run offline",
        Why::UpToDate => "up to date",
        Why::Skipped => "the plan says skipped",
        Why::Adopted => "adopted: the plan says it was done",
        Why::DoneBefore => "done before its agent or rule went away",
        Why::Behind(None) => "waits",
        Why::Suspended => "suspended: a person decides",
        Why::NotStarted => "not started",
        Why::Stopped => "stopped",
        Why::NoRecipe => "its rule or agent is unknown",
        Why::NoCommand => "its rule runs a command, and neither rule nor task has `run`",
        Why::Unjudged => "its proposals were not judged",
        Why::BrokenOff => "a fault of orch broke it off",
        why => return told_with_data(why, billing),
    };
    fixed.to_owned()
}

fn told_with_data(why: &Why, billing: Billing) -> String {
    match why {
        Why::Said(text) | Why::Ended { message: text, .. } => text.clone(),
        Why::InputsChanged(differences) => changed(differences),
        Why::BoughtAgain { changes, amount } => format!(
            "would be bought again, {}: {}; `orch build --yes` lets it go",
            rebuy_text(*amount, billing),
            changed(changes)
        ),
        Why::Answered(answer) => format!("answered: {answer}"),
        Why::HeldBefore(message) => format!("held back before: {message}"),
        Why::CutOff(message) => format!("cut off: {message}; it goes on from what it left"),
        Why::FailedBefore(message) => format!("failed before: {message}"),
        Why::OutputGone { paths, action } => gone::text(paths, *action),
        Why::PlanStopped { n_failed } => format!(
            "{n_failed} tasks of its plan failed in a row (`circuit_breaker_threshold`): see to them first"
        ),
        Why::Broke(task, name) => format!("it broke {task}: {name} fails since"),
        Why::VerdictStale(name) => format!("the verdict of {name} is stale"),
        Why::Pinned(pin, misfit) => {
            let misfit = misfit_text(misfit);
            format!("`pin: {pin}` {misfit}; take `pin` out of the task to have it made anew")
        }
        Why::Behind(Some(task)) => format!("waits for {task}"),
        Why::DecidedAfter(task) => format!("decided once {task} has run"),
        Why::BlockedBy(task) => format!("blocked by {task}"),
        Why::Waits(wait) => wait_text(wait),
        Why::Asks(question) => format!("asks: {question}"),
        Why::Held(hold) => hold_text(hold),
        Why::Budget(shortage) => shortage_text(shortage, billing),
        Why::Item(hold) => item_text(hold),
        Why::PlanWrong(path) => format!("{path} has errors"),
        Why::Needs(task) => format!("{task} has no accepted result; build it first"),
        Why::NeedBroken(dependency, breach) => broken::broken_text(dependency, *breach),
        Why::NoPrompt(problem) => format!("its prompt cannot be rendered: {problem}"),
        Why::ShareSpent(cost) => {
            format!("it had spent {}, all that was set aside for it", billing.text(*cost))
        }
        Why::Outdated(why) => {
            format!("{}; what it reads has changed meanwhile", why_text(why, billing))
        }
        _ => String::new(),
    }
}

/// `inputs `src/a.rs` changed, and 2 more`
fn changed(differences: &[Difference]) -> String {
    let Some(first) = differences.first() else { return "its inputs changed".to_owned() };
    match differences.len() {
        1 => first.to_string(),
        n => format!("{first}, and {} more", n - 1),
    }
}

/// `with 153 others about $105.00`
fn rebuy_text(amount: Rebuy, billing: Billing) -> String {
    let cost = format!("about {}", billing.text(amount.about()));
    match amount.tasks.saturating_sub(1) {
        0 => cost,
        1 => format!("with 1 other {cost}"),
        n => format!("with {n} others {cost}"),
    }
}

/// `154 finished tasks would run again: ...; about $105.00`
pub fn bought_again_text(amount: Rebuy, causes: &[Difference], billing: Billing) -> String {
    let tasks = match amount.tasks {
        1 => "1 finished task".to_owned(),
        n => format!("{n} finished tasks"),
    };
    let mut named: Vec<String> = causes.iter().take(NAMED).map(Difference::to_string).collect();
    if causes.len() > NAMED {
        named.push(format!("{} more causes", causes.len() - NAMED));
    }
    let named = if named.is_empty() { "inputs changed".to_owned() } else { named.join(", ") };
    format!(
        "{tasks} would run again: {named}; about {}. They are held: `orch build --yes` lets them go, \
         `orch build -n` lists them",
        billing.text(amount.about())
    )
}

/// The rest of a sentence about the pin.
fn misfit_text(misfit: &Misfit) -> String {
    let key = |key: &crate::base::name::ActionKey| key.0.short();
    let unusable = |why: &str, paths: &[RelPath]| {
        let paths: Vec<&str> = paths.iter().take(NAMED).map(RelPath::as_str).collect();
        format!("names a result that cannot be used here: {why} {}", paths.join(", "))
    };
    match misfit {
        Misfit::NothingCached(it) => format!(
            "fits no cached result: there is none for what the task is now (key {})",
            key(it)
        ),
        Misfit::OthersCached(it, known) => format!(
            "fits no cached result for what the task is now (key {}); there is {}",
            key(it),
            listed(known)
        ),
        Misfit::Several(fitting) => {
            format!("fits several cached results: write the one of {}", listed(fitting))
        }
        Misfit::Lost(paths) => unusable("the store has lost", paths),
        Misfit::ReadOther(paths) => unusable("what its session read is another by now:", paths),
        Misfit::Refused => "names a result that a validator has refused".to_owned(),
        Misfit::NotTaken(why) => {
            format!("names a result that could not be taken: {}", why_text(why, Billing::Billed))
        }
    }
}

fn listed(outputs: &BTreeSet<OutputDigest>) -> String {
    let shown = outputs.iter().take(NAMED).map(|it| format!("`{}`", it.0.short()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match outputs.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn wait_text(wait: &Wait) -> String {
    match wait {
        Wait::Pool(pool) => format!("waits: pool `{pool}` is full"),
        Wait::Resource(name) => format!("waits: `{name}` is taken"),
        Wait::Twin(task) => format!("waits: {task} does the same work"),
        Wait::Result => "waits: its result is asked for".to_owned(),
        Wait::File(clash) => format!("waits: {}", clash_text(clash)),
        Wait::Asked => "waits: its files are looked for".to_owned(),
        Wait::Scout(task) => {
            format!("waits: two like {task} go first, to see whether they meet on a file")
        }
        Wait::Sibling(task, _) => format!("waits: {task} warms the prompt cache"),
        Wait::Memory(free) => format!("waits: only {free} MB of memory are free"),
        Wait::Throttled(waiting) => waiting_text(waiting),
        Wait::Items(n) => format!("waits: {n} items are being worked on (`pipeline.items`)"),
        Wait::Budget => "waits for what running sessions leave of the budget".to_owned(),
    }
}

/// `writes src/a.rs as demo//1.2 does`.
pub fn clash_text(clash: &Clash) -> String {
    let Clash { with, path, how } = clash;
    match how {
        How::BothWrite => format!("writes {path} as {with} does"),
        How::Writes => format!("writes {path}, which {with} reads"),
        How::Reads => format!("reads {path}, which {with} writes"),
    }
}

/// `the weekly limit is used up and resets 2026-01-15 15:04 UTC; one session tries at 2026-01-15 15:05 UTC`.
fn waiting_text(waiting: &Waiting) -> String {
    let why = barrier_text(&waiting.why);
    match waiting.is_tried {
        true => format!("{why}; one session tries"),
        false => format!("{why}; one session tries at {}", waiting.until),
    }
}

/// `the service failed 3 times in a row (overloaded); one session tries in 4m12s`.
pub fn countdown(waiting: &Waiting, now: Moment) -> String {
    let (why, left) = (barrier_text(&waiting.why), waiting.until - now);
    match waiting.is_tried || left.0 == 0 {
        true => format!("{why}; one session tries now"),
        false => format!("{why}; one session tries in {left}"),
    }
}

/// Why no session starts for a while.
pub fn barrier_text(barrier: &Barrier) -> String {
    match barrier {
        Barrier::UsedUp(used_up) => used_up_text(used_up),
        Barrier::Outage(outage) => outage_text(outage),
    }
}

fn outage_text(Outage { n_failures, said }: &Outage) -> String {
    format!("the service failed {n_failures} times in a row ({said})")
}

/// `the five-hour limit is used up and resets 2026-01-15 15:04 UTC`; of a reset that is over: `was` and
/// `reset`.
pub fn used_up_text(used_up: &UsedUp) -> String {
    let label = label_of(&used_up.window);
    let at = used_up.resets_at.map(|seconds| Moment(seconds.saturating_mul(1000)));
    match at {
        Some(at) if used_up.is_over => format!("the {label} limit was used up and reset {at}"),
        Some(at) => format!("the {label} limit is used up and resets {at}"),
        None => format!("the {label} limit is used up and nobody says when it resets"),
    }
}

/// `five-hour`.
pub fn label_of(window: &Window) -> String {
    window.label().unwrap_or_else(|| "usage".to_owned())
}

/// What is over, so that sessions start again.
pub fn reopened_text(reopened: &Reopened) -> String {
    match reopened {
        Reopened::Window(window) => format!("the {} limit is over", label_of(window)),
        Reopened::Service => "the service answers again".to_owned(),
    }
}

/// Why no session starts in this build, with what to do.
pub fn hold_text(hold: &Hold) -> String {
    let why = match hold {
        Hold::Limit(used_up, unawaited) => {
            format!("{}; {}", used_up_text(used_up), unawaited_text(*unawaited))
        }
        Hold::NoCli(said) => return said.clone(),
        Hold::Ended { message, .. } => message.clone(),
        Hold::Outage(_, outage) => outage_text(outage),
    };
    why + advice_on(hold.class())
}

/// What a person can do about it.
fn advice_on(class: OutcomeClass) -> &'static str {
    match class {
        OutcomeClass::PlanLimit => {
            "; `orch build` goes on from here then. Is it over before? `orch resume --limits` goes on \
             at once, `orch retry TASK` has one session find out"
        }
        OutcomeClass::Auth => {
            "; log in (`claude`, then `/login`) or set ANTHROPIC_API_KEY, then `orch build`"
        }
        OutcomeClass::Billing => "; see to the account's billing, then `orch build`",
        OutcomeClass::LaunchFailure => "; `orch doctor` says what is missing",
        _ => "",
    }
}

pub fn unawaited_text(unawaited: Unawaited) -> String {
    match unawaited {
        Unawaited::Never => "`limits.wait` is `never`".to_owned(),
        Unawaited::TooOften(n) => {
            format!("it waited {n} times before (`limits.max_auto_resumes`)")
        }
        Unawaited::TooFar(longest) => {
            format!("that is further away than {longest} (`limits.hours`)")
        }
    }
}

/// Why there is no money, and what to do.
pub fn shortage_text(shortage: &Shortage, billing: Billing) -> String {
    let Shortage::Overdrawn { scope, limit, spent, need } = shortage else {
        return "budget: what is left is set aside for what runs; `orch build` goes on".to_owned();
    };
    let scope = match scope {
        Scope::Run => "this build".to_owned(),
        Scope::Day => "today (UTC)".to_owned(),
        Scope::Plan(plan) => format!("plan {plan}"),
        Scope::Item(item) => format!("item:{item}"),
        Scope::Task(task) => format!("task {task}"),
    };
    let likely = match spent < limit {
        true => format!(", and this is likely to cost {}", billing.text(*need)),
        false => String::new(),
    };
    let [spent, limit] = [spent, limit].map(|it| billing.text(*it));
    format!(
        "budget of {scope}: {spent} of {limit} spent{likely}; raise it and `orch build` goes on"
    )
}

/// What a person can do about a task that failed.
pub fn help_text(help: &Help, task: &TaskRef) -> String {
    match help {
        Help::Compare { tip, kept_as } => {
            format!("look at both sides: `git diff {tip}...{kept_as}`; then `orch retry {task}`")
        }
        Help::AskAgain => format!(
            "nothing that would help it has changed since: `orch retry {task}` tries it again, and so does \
             `--force {task}`"
        ),
        Help::AskForLess => {
            "a model is named by the task, its agent, the plan or `session.model`; an MCP server by \
             `.mcp.json` or the agent; `permission: bypass` needs another user than root, or IS_SANDBOX=1 in a real sandbox; then `orch build`"
                .to_owned()
        }
    }
}

/// `ran in 3.2s, $0.03, 2 files`, `replayed from the cache, no change`.
pub fn finished_text(finished: &Finished, billing: Billing) -> String {
    let files = match finished.n_files {
        0 => "no change".to_owned(),
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    };
    let Finished { provenance, duration, cost, .. } = finished;
    match *provenance {
        Provenance::Replayed => format!("replayed from the cache, {files}"),
        _ if *cost == crate::base::measure::Usd::ZERO => format!("ran in {duration}, {files}"),
        _ => format!("ran in {duration}, {}, {files}", billing.text(*cost)),
    }
}

/// What an attempt is at; empty where it has not told anything.
pub fn doing_text(doing: &Activity) -> String {
    match doing {
        Activity::Untold => String::new(),
        Activity::Said(text) => text.clone(),
        Activity::Using { tool, detail } => format!("{tool} {detail}"),
        Activity::AwaitingApi { attempt, error } => {
            format!("waits for the API (try {attempt}): {error}")
        }
        Activity::Waiting(waiting) => waiting_text(waiting),
        Activity::Validating(name) => format!("validator {name}"),
        Activity::Proposing { running, all } => format!("{running} of {all} proposals at work"),
        Activity::Judging => "the proposals are judged".to_owned(),
        Activity::InProcess(pid) => format!("in process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(class: OutcomeClass) -> Hold {
        Hold::Ended { class, message: "it said so".to_owned() }
    }

    #[test]
    fn a_hold_comes_with_what_to_do_unless_that_was_said() {
        let check = |hold: Hold| hold_text(&hold);
        insta::assert_snapshot!(check(ended(OutcomeClass::Auth)), @"it said so; log in (`claude`, then `/login`) or set ANTHROPIC_API_KEY, then `orch build`");
        insta::assert_snapshot!(check(ended(OutcomeClass::Billing)), @"it said so; see to the account's billing, then `orch build`");
        insta::assert_snapshot!(check(ended(OutcomeClass::LaunchFailure)), @"it said so; `orch doctor` says what is missing");
        insta::assert_snapshot!(check(ended(OutcomeClass::Throttled)), @"it said so");
        insta::assert_snapshot!(check(Hold::NoCli("nowhere; name it".to_owned())), @"nowhere; name it");
    }

    #[test]
    fn changed_inputs_are_told_by_the_first() {
        let check = |n: usize| {
            let new = |name: usize| Difference::Added {
                section: "inputs".to_owned(),
                name: name.to_string(),
                after: String::new(),
            };
            why_text(&Why::InputsChanged((0..n).map(new).collect()), Billing::Billed)
        };
        assert_eq!(check(0), "its inputs changed");
        assert_eq!(check(1), "inputs `0` is new");
        assert_eq!(check(3), "inputs `0` is new, and 2 more");
    }
}
