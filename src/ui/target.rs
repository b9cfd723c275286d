//! What a `TARGET` on the command line names: a plan, a task, or a pattern of these.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use crate::base::name::{PlanName, TaskRef};
use crate::engine::picture::{Picture, PlanPicture};
use crate::spec::item::name::meant_by;
use crate::spec::item::stages::{PREFIX, item_of};
use crate::spec::text::nearest;
use crate::ui::shell::Failure;

/// The tasks there are, and where a person stands: what targets are looked up in.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub plans: &'a [PlanPicture],
    /// In plan and file order.
    pub tasks: &'a [TaskRef],
    /// The working folder below the root, `""` at the root: plan files may be named from there.
    pub folder: &'a str,
}

/// All tasks of a picture, in its order.
pub fn tasks_of(picture: &Picture) -> Vec<TaskRef> {
    picture.tasks.iter().map(|task| task.task.clone()).collect()
}

/// The tasks that the targets name, in the order of `known.tasks`, each once; `None` for no targets,
/// which means all that is active.
///
/// # Errors
/// A target that names nothing: with what it may have meant.
pub fn resolve(targets: &[String], known: Known) -> Result<Option<Vec<TaskRef>>, Failure> {
    if targets.is_empty() {
        return Ok(None);
    }
    let mut wanted = BTreeSet::new();
    for target in targets {
        wanted.extend(tasks_named(target, known)?);
    }
    Ok(Some(known.tasks.iter().filter(|task| wanted.contains(*task)).cloned().collect()))
}

/// Exactly one task.
///
/// # Errors
/// As [`resolve`], and where the target names several.
pub fn resolve_one(target: &str, known: Known) -> Result<TaskRef, Failure> {
    let found = tasks_named(target, known)?;
    match found.as_slice() {
        [task] => Ok(task.clone()),
        several => {
            let names: Vec<String> = several.iter().take(5).map(ToString::to_string).collect();
            Err(Failure::usage_with_help(
                format!("`{target}` names {} tasks, one is needed", several.len()),
                format!("name one of them: {}", names.join(", ")),
            ))
        }
    }
}

/// Exactly one plan, named by itself or by tasks of it.
///
/// # Errors
/// As [`resolve`], and where the target names tasks of several plans.
pub fn resolve_plan(target: &str, known: Known) -> Result<PlanName, Failure> {
    let found = tasks_named(target, known)?;
    let plans: BTreeSet<&PlanName> = found.iter().map(|task| &task.plan).collect();
    let mut plans = plans.into_iter();
    match (plans.next(), plans.next()) {
        (Some(plan), None) => Ok(plan.clone()),
        _ => Err(Failure::usage_with_help(
            format!("`{target}` names several plans, one is needed"),
            "`orch status` lists all plans",
        )),
    }
}

fn tasks_named(target: &str, known: Known) -> Result<Vec<TaskRef>, Failure> {
    let (plan, task) = match target.split_once("//") {
        Some((plan, task)) => (plan, Some(task)),
        None => (target, None),
    };
    let plan_matches = plan_matcher(plan, known)?;
    let task_matches = Pattern::new(task.unwrap_or(""))?;
    let matches = |found: &&TaskRef| {
        plan_matches.takes(found.plan.as_str())
            && (task.is_none_or(str::is_empty) || task_matches.takes(found.task.as_str()))
    };
    let found: Vec<TaskRef> = known.tasks.iter().filter(matches).cloned().collect();
    match found.is_empty() {
        true => Err(unknown(target, plan, task, known)),
        false => Ok(found),
    }
}

/// The plan part: nothing (any plan), a file, a name or a pattern.
fn plan_matcher(plan: &str, known: Known) -> Result<Pattern, Failure> {
    if plan.is_empty() {
        return Ok(Pattern::Anything);
    }
    if let Some(item) = plan.strip_prefix(PREFIX).filter(|it| !it.contains(['*', '?', '['])) {
        return item_matcher(item, known);
    }
    let by_file = known.plans.iter().find(|known_plan| is_file(plan, known_plan, known.folder));
    match by_file {
        Some(plan) => Ok(Pattern::Exactly(plan.name.to_string())),
        None => Pattern::new(plan),
    }
}

/// An item as people write it: `item:login` is `01-login`, where there is no other of that name.
fn item_matcher(item: &str, known: Known) -> Result<Pattern, Failure> {
    let stems = known.plans.iter().filter_map(|it| item_of(&it.name));
    match meant_by(item, stems)[..] {
        [] => Ok(Pattern::Exactly(format!("{PREFIX}{item}"))),
        [one] => Ok(Pattern::Exactly(format!("{PREFIX}{one}"))),
        ref several => Err(Failure::usage_with_help(
            format!("`{PREFIX}{item}` may be one of several items"),
            format!("name one of them: {}", several.join(", ")),
        )),
    }
}

/// Whether `text` is the plan's path, from the root or from the working folder, or its file name.
fn is_file(text: &str, plan: &PlanPicture, folder: &str) -> bool {
    let from_root = crate::base::name::RelPath::normalize(text);
    let from_here = crate::base::name::RelPath::normalize(&format!("{folder}/{text}"));
    let is_path = |path: &crate::base::name::RelPath| path.as_str() == plan.path;
    let file_name = plan.path.rsplit('/').next();
    from_here.as_ref().is_some_and(is_path)
        || from_root.as_ref().is_some_and(is_path)
        || file_name == Some(text)
}

/// Text that takes itself, or what it spells with `*`, `?` and `[...]`.
enum Pattern {
    Anything,
    Exactly(String),
    Glob { text: String, glob: globset::GlobMatcher },
}

impl Pattern {
    fn new(text: &str) -> Result<Self, Failure> {
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Exactly(text.to_owned()));
        }
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        let glob = glob
            .map_err(|error| Failure::usage(format!("`{text}` is no pattern: {}", error.kind())))?;
        Ok(Self::Glob { text: text.to_owned(), glob: glob.compile_matcher() })
    }

    fn takes(&self, name: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Exactly(text) => text == name,
            Self::Glob { text, glob } => text == name || glob.is_match(name),
        }
    }
}

fn unknown(target: &str, plan: &str, task: Option<&str>, known: Known) -> Failure {
    let plans = || known.plans.iter().map(|plan| plan.name.as_str());
    let help = match task {
        None => nearest(plan, plans()).map(str::to_owned).or_else(|| task_with_id(plan, known)),
        Some(task) => {
            let whole = known.tasks.iter().map(ToString::to_string).collect::<Vec<_>>();
            nearest(target, whole.iter().map(String::as_str))
                .map(str::to_owned)
                .or_else(|| task_with_id(task, known))
        }
    };
    let help = match (help, known.plans.is_empty()) {
        (Some(name), _) => format!("did you mean `{name}`?"),
        (None, true) => "there are no plans: `orch new plan NAME` starts one".to_owned(),
        (None, false) => "`orch status` lists all plans and tasks".to_owned(),
    };
    let what = match task {
        Some(_) => "task",
        None if plan.starts_with(PREFIX) => "item",
        None => "plan",
    };
    Failure::usage_with_help(format!("`{target}` names no {what}"), help)
}

/// A task whose bare id was given, or given in the wrong plan.
fn task_with_id(id: &str, known: Known) -> Option<String> {
    known.tasks.iter().find(|task| task.task.as_str() == id).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `names` resolved from folder `sub`, or the error and its help.
    fn check(names: &[&str]) -> String {
        let plan = |name: &str, path: &str| PlanPicture {
            name: PlanName::new(name),
            title: None,
            path: path.to_owned(),
            smoke: None,
            rests: None,
        };
        let plans = [plan("demo", ".claude/plans/demo.yaml"), plan("other", "sub/other.yml")];
        let tasks = ["demo//1.1", "demo//1.10", "demo//2.1", "demo//a[1]", "other//1.1"]
            .map(|text| TaskRef::parse(text).unwrap());
        let known = Known { plans: &plans, tasks: &tasks, folder: "sub" };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        match resolve(&names, known) {
            Ok(None) => "all".to_owned(),
            Ok(Some(tasks)) => tasks.iter().map(|task| format!("{task} ")).collect(),
            Err(Failure::Usage { message, help }) => format!("{message}; {}", help.unwrap()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn plans_are_named_by_name_file_or_path() {
        assert_eq!(check(&[]), "all");
        for other in ["other", "other.yml", "sub/other.yml", "./other.yml", "../sub/other.yml"] {
            assert_eq!(check(&[other]), "other//1.1 ", "{other}");
        }
        assert_eq!(check(&["other//"]), "other//1.1 ");
    }

    #[test]
    fn tasks_are_named_in_one_plan_in_any_or_by_pattern() {
        assert_eq!(check(&["demo//1.1"]), "demo//1.1 ");
        assert_eq!(check(&["//1.1"]), "demo//1.1 other//1.1 ");
        assert_eq!(check(&["demo//1.*"]), "demo//1.1 demo//1.10 ");
        assert_eq!(check(&["*//1.1", "demo//1.1"]), "demo//1.1 other//1.1 ");
        assert_eq!(check(&["demo//a[1]"]), "demo//a[1] ");
        assert_eq!(check(&["../.claude/plans/demo.yaml//2.1"]), "demo//2.1 ");
    }

    #[test]
    fn what_names_nothing_is_refused_with_a_guess() {
        assert_eq!(check(&["dmeo"]), "`dmeo` names no plan; did you mean `demo`?");
        assert_eq!(check(&["demo//1.3"]), "`demo//1.3` names no task; did you mean `demo//1.1`?");
        assert_eq!(check(&["2.1"]), "`2.1` names no plan; did you mean `demo//2.1`?");
        assert_eq!(check(&["x//2.1"]), "`x//2.1` names no task; did you mean `demo//2.1`?");
        assert_eq!(
            check(&["zzz*"]),
            "`zzz*` names no plan; `orch status` lists all plans and tasks"
        );
        assert_eq!(
            check(&["item:login"]),
            "`item:login` names no item; `orch status` lists all plans and tasks"
        );
    }
}
