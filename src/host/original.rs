//! What a repository that the original orchestrator worked on has of it, and what orch does otherwise.
//! Nothing is changed, and nothing is asked of git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::doctor::Finding;
use super::documents::{self, CLAUDE_CONFIG, Loaded};
use super::scan::IgnoreRules;
use super::stop;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::agent::stem;
use crate::spec::builtin;
use crate::spec::config::WorktreeConfig;
use crate::spec::item::kind::is_item_name;
use crate::spec::item::{self, Item, Standing};
use crate::spec::plan::{self, Plan, Status};

/// Any of these tells that it was there.
const MARKS: [&str; 6] = [CLAUDE_CONFIG, ".claude/plans", SLACK, HEARTBEATS, CLAIMS, SCRIPTS[0]];

const SCRIPTS: [&str; 2] = ["scripts/plan-orchestrator.py", "scripts/auto-pipeline.py"];
const SLACK: &str = ".claude/slack.local.yaml";
const HEARTBEATS: &str = ".claude/subagent-status";
const CLAIMS: &str = ".claude/agent-claims.json";
const LOGS: &str = ".claude/plans/logs";
const WORKTREES: &str = ".worktrees";
const BY_HAND: [&str; 2] = [".claude/skills/implement/SKILL.md", ".claude/commands/implement.md"];

/// What is found, and below it what is otherwise here; nothing where the original never was.
pub fn findings(root: &Path, loaded: &Loaded) -> Vec<Finding> {
    let is_there = |path: &str| root.join(path).exists();
    if !MARKS.into_iter().any(is_there) {
        return Vec::new();
    }
    let backlog = backlog(root);
    let has_backlog = backlog.is_some();
    let found = [
        is_there(CLAUDE_CONFIG)
            .then(|| there(format!("settings: {CLAUDE_CONFIG}, read as written"))),
        plans(loaded),
        agents(loaded),
        backlog,
        stop_file(root, loaded),
        logs(root),
        is_there(SLACK).then(|| {
            there(format!("{SLACK}: nothing reads it yet, and nobody touches it (Slack)"))
        }),
        workers(root),
        is_there(WORKTREES).then(|| {
            there(format!(
                "{WORKTREES}: of no use here; `git worktree list`, then `git worktree remove`"
            ))
        }),
        scripts(root),
        by_hand(root),
        left_behind(root, &loaded.documents.config.worktree),
    ];
    let otherwise = OTHERWISE.iter().filter(|it| has_backlog || it.1 != BACKLOG);
    let otherwise = otherwise.map(|(what, place)| otherwise_is(what, place));
    found.into_iter().flatten().chain(otherwise).collect()
}

fn there(detail: impl Into<String>) -> Finding {
    Finding::good("original", detail)
}

fn otherwise_is(what: &str, place: &str) -> Finding {
    Finding::good("otherwise", format!("{what} ({place})"))
}

const BACKLOG: &str = "Backlog";

/// What surprises whoever knows the original, with the section of `docs/MIGRATION.md` that says why.
const OTHERWISE: [(&str, &str); 8] = [
    (
        "sessions have their agent's `tools` and no others; permissions are never skipped unless an agent says so",
        "Permissions",
    ),
    (
        "each task runs in a worktree of its own and lands as one commit of its own files; yours are never swept in",
        "Worktrees",
    ),
    (
        "what a plan says is `completed` is trusted; what orch built is due again once its text, design or inputs change",
        "What is done",
    ),
    (
        "a task is done by evidence, not by its status file alone; the last FAIL of a validator fails it",
        "What is done",
    ),
    (
        "`skipped` lets go on what depends on it; `in_progress` is due like `pending`; without `depends_on` the order of the file holds",
        "Order",
    ),
    (
        "an agent is never guessed from a word in a description: the task's `agent`, else how its name begins",
        "Agents",
    ),
    (
        "an item whose plan or verification fails is failed and stays where it is: it is never archived",
        BACKLOG,
    ),
    (
        "exit 0 means that all is accepted: 1 failed or blocked, 3 stopped, 4 budget, 75 usage limit",
        "Exit codes",
    ),
];

fn plans(loaded: &Loaded) -> Option<Finding> {
    let read: Vec<Plan> = loaded.documents.plans.iter().map(|it| plan::parse(it).value).collect();
    let of = |state: State| read.iter().filter(|it| state_of(it) == state).count();
    let (completed, begun, fresh) = (of(State::Completed), of(State::Begun), of(State::Fresh));
    let interrupted = read.iter().flat_map(Plan::tasks);
    let interrupted = interrupted.filter(|it| it.record.status == Status::InProgress).count();
    let mut said = format!(
        "{}, read as written: {completed} completed, {begun} half-finished, {fresh} not begun",
        counted(read.len(), "plan")
    );
    if interrupted > 0 {
        said +=
            &format!("; cut off in the middle, and due again: {}", counted(interrupted, "task"));
    }
    (!read.is_empty()).then(|| there(said))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Completed,
    Begun,
    Fresh,
}

fn state_of(plan: &Plan) -> State {
    let is_over = |status: Status| status.is_done() || status == Status::Skipped;
    let statuses: Vec<Status> = plan.tasks().map(|it| it.record.status).collect();
    match () {
        () if statuses.iter().all(|it| is_over(*it)) => State::Completed,
        () if statuses.iter().all(|it| *it == Status::Pending) => State::Fresh,
        () => State::Begun,
    }
}

fn agents(loaded: &Loaded) -> Option<Finding> {
    let folder = loaded.documents.config.agents_dir.trim_end_matches('/');
    let own = loaded.documents.agents.iter().filter(|it| it.path.is_within(folder));
    let own: BTreeSet<&str> = own.map(|it| stem(it.path.file_name())).collect();
    let built_in = builtin::agents();
    let n_instead = built_in.iter().filter(|it| own.contains(stem(it.path.file_name()))).count();
    (!own.is_empty()).then(|| {
        there(format!(
            "{} in {folder}, read as written: {n_instead} in place of built-in ones of the same name",
            counted(own.len(), "agent")
        ))
    })
}

/// Every folder of items, whatever kind it is of.
fn backlog(root: &Path) -> Option<Finding> {
    let mut parts = Vec::new();
    let mut n_logs = 0;
    for folder in names_in(&root.join("docs")) {
        if !folder.ends_with("-backlog") || folder == "completed-backlog" {
            continue;
        }
        let items = items_in(root, &format!("docs/{folder}"));
        let is_open = |it: &&Item| matches!(it.standing, Standing::Open | Standing::Unclear);
        let n_open = items.iter().filter(is_open).count();
        n_logs += items.iter().filter(|it| !it.verifications.is_empty()).count();
        if !items.is_empty() {
            parts
                .push(format!("{} in docs/{folder} ({n_open} open)", counted(items.len(), "item")));
        }
    }
    if n_logs > 0 {
        let has = if n_logs == 1 { "has a verification log" } else { "have a verification log" };
        parts.push(format!("{n_logs} of them {has}: cycles in it count"));
    }
    (!parts.is_empty()).then(|| there(format!("backlog: {}", parts.join(", "))))
}

fn items_in(root: &Path, folder: &str) -> Vec<Item> {
    let names = names_in(&root.join(folder)).into_iter().filter(|it| is_item_name(it));
    let read = |name: String| {
        let path = RelPath::new(format!("{folder}/{name}"))?;
        let text = documents::read_text(&root.join(path.as_str()), &path).ok()?;
        Some(item::parse(&Source::new(path, text)).value)
    };
    names.filter_map(read).collect()
}

fn stop_file(root: &Path, loaded: &Loaded) -> Option<Finding> {
    let files = stop::stop_files(root, &loaded.documents.config.plans_dirs);
    let file = files.into_iter().find(|it| it.exists())?;
    let file = file.strip_prefix(root).unwrap_or(&file).display().to_string();
    Some(Finding::caution(
        "original",
        format!("stop file {file}: the next build ends at it before anything runs"),
        "remove it, or say `orch resume`",
    ))
}

fn logs(root: &Path) -> Option<Finding> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names_in(&root.join(LOGS)) {
        let kind = match name.as_str() {
            it if it.ends_with("-usage-report.json") => "usage report",
            it if it.starts_with("pipeline-session-") => "session report",
            it if it.ends_with(".log") => "log",
            _ => continue,
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let parts: Vec<String> = kinds.iter().map(|(kind, count)| counted(*count, kind)).collect();
    (!parts.is_empty()).then(|| {
        there(format!("{} in {LOGS}: kept, and in no account of orch (Logs)", parts.join(", ")))
    })
}

fn workers(root: &Path) -> Option<Finding> {
    let there_are = [HEARTBEATS, CLAIMS].into_iter().filter(|it| root.join(it).exists());
    let there_are: Vec<&str> = there_are.collect();
    (!there_are.is_empty()).then(|| {
        there(format!(
            "{}: not needed; what a session writes there never lands (Workers)",
            there_are.join(", ")
        ))
    })
}

fn scripts(root: &Path) -> Option<Finding> {
    let there_are = SCRIPTS.into_iter().filter(|it| root.join(it).exists());
    let there_are: Vec<&str> = there_are.collect();
    (!there_are.is_empty()).then(|| {
        there(format!(
            "{}: usable as before, but never while orch runs (Going back)",
            there_are.join(", ")
        ))
    })
}

/// `/implement` of the original, which tells sessions to run its scripts.
fn by_hand(root: &Path) -> Option<Finding> {
    let speaks_of_it = |path: &&str| {
        fs::read_to_string(root.join(path)).is_ok_and(|text| text.contains("plan-orchestrator"))
    };
    let path = BY_HAND.into_iter().find(speaks_of_it)?;
    Some(there(format!(
        "{path} speaks of the original: move it away, then `orch init --claude` writes one for orch"
    )))
}

/// What git ignores is in no worktree; what a project commonly needs there and has not named.
fn left_behind(root: &Path, settings: &WorktreeConfig) -> Option<Finding> {
    if *settings != WorktreeConfig::default() {
        return None;
    }
    let mut rules = IgnoreRules::of(root);
    let mut is_left = |name: &&str| {
        let place = root.join(name);
        let is_ignored = |path: RelPath| match place.is_dir() {
            true => rules.ignores_folder(&path),
            false => rules.ignores_file(&path),
        };
        place.exists() && RelPath::new(*name).is_some_and(is_ignored)
    };
    let names = ["node_modules", ".venv", "vendor", ".env", ".env.local"];
    let names: Vec<&str> = names.into_iter().filter(|it| is_left(it)).collect();
    (!names.is_empty()).then(|| {
        Finding::caution(
            "original",
            format!("git ignores {}: sessions work in worktrees, which have none of it", names.join(", ")),
            "name it in orch.yaml: `worktree: { setup: npm ci, link: [node_modules], copy: [.env] }` (Worktrees)",
        )
    })
}

/// Sorted; a folder that is not there has none.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|it| it.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
