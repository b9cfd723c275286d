//! An item as a small plan: each stage of each cycle that was opened is a task.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::base::name::{PlanName, SectionId, TaskId, TaskRef};
use crate::base::source::Source;
use crate::spec::agent::stem;
use crate::spec::glob::literal;
use crate::spec::plan::{
    Dependency, Meta, NoChange, Order, Plan, Section, Status, Task, TaskRecord, TaskSpans, TaskSpec,
};

use super::kind::{APPROVE, ARCHIVE, Kind, PLAN, Stage};
use super::{Item, Planning};

/// What the names of items' plans begin with.
pub const PREFIX: &str = "item:";

/// Where design documents of items go.
const DESIGNS: &str = "docs/plans";

/// What makes tasks of an item, beside its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staging {
    pub kind: Arc<Kind>,
    /// Cycles before this one are on record in the item's log alone, as of another tool.
    pub first: u32,
    /// The cycle that was opened last.
    pub last: u32,
    /// The plans that were made of the item, with the cycle that each is of.
    pub plans: Vec<(u32, PlanName)>,
    /// The last tasks of what it waits for.
    pub needs: Vec<TaskRef>,
    /// The folder that its plan goes to.
    pub plans_dir: String,
    /// Stages that a person has left out.
    pub skipped: BTreeSet<TaskId>,
}

/// A stage in one of an item's cycles: `plan`, `verify.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageId<'a> {
    pub stage: &'a str,
    /// From 1.
    pub cycle: u32,
}

impl<'a> StageId<'a> {
    /// Reads a task's id back.
    pub fn of(task: &'a TaskId) -> Self {
        let id = task.as_str();
        let numbered = id.rsplit_once('.').and_then(|(stage, n)| Some((stage, n.parse().ok()?)));
        match numbered {
            Some((stage, cycle)) => Self { stage, cycle },
            None => Self { stage: id, cycle: 1 },
        }
    }

    pub fn task_id(self) -> TaskId {
        TaskId::new(self.to_string())
    }
}

impl fmt::Display for StageId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cycle {
            1 => f.write_str(self.stage),
            cycle => write!(f, "{}.{cycle}", self.stage),
        }
    }
}

/// The name of the small plan that an item is: `item:login`.
pub fn plan_name_of(item_stem: &str) -> PlanName {
    PlanName::new(format!("{PREFIX}{item_stem}"))
}

/// The item whose small plan this is; `None` for any other plan.
pub fn item_of(plan: &PlanName) -> Option<&str> {
    plan.as_str().strip_prefix(PREFIX)
}

/// The item that a plan is of, by its name alone: its small plan, or one that was made of it.
pub fn item_behind(plan: &PlanName) -> &str {
    if let Some(item) = item_of(plan) {
        return item;
    }
    let numbered = plan.as_str().rsplit_once('.');
    let is_number = |it: &&(&str, &str)| it.1.parse::<u32>().is_ok();
    numbered.as_ref().filter(is_number).map_or(plan.as_str(), |(item, _)| item)
}

/// The name of the plan that is made of an item in a cycle: `login`, `login.2`.
pub fn made_plan_of(item_stem: &str, cycle: u32) -> PlanName {
    PlanName::new(StageId { stage: item_stem, cycle }.to_string())
}

/// The pattern of the design document that a cycle's planning makes: the planner knows the date.
pub fn design_of(item_stem: &str, cycle: u32) -> String {
    let number = if cycle > 1 { format!("-{cycle}") } else { String::new() };
    format!("{DESIGNS}/*-{}-design{number}.md", literal(item_stem))
}

impl Staging {
    /// Plans that were made in a cycle.
    pub fn plans_of(&self, cycle: u32) -> impl Iterator<Item = &PlanName> {
        self.plans.iter().filter(move |(of, _)| *of == cycle).map(|(_, name)| name)
    }

    /// The file of the plan that a cycle makes, below the root.
    pub fn plan_file(&self, item_stem: &str, cycle: u32) -> String {
        format!("{}/{}.yaml", self.plans_dir.trim_end_matches('/'), made_plan_of(item_stem, cycle))
    }

    /// The stages of an item: one that needs no planner has `work` instead of `plan`.
    pub fn stages(&self, item: &Item) -> Vec<Stage> {
        let is_light = match item.planning {
            Planning::Full => false,
            Planning::Light => true,
            Planning::Auto => {
                let bound = self.kind.light.and_then(|it| usize::try_from(it).ok());
                bound.is_some_and(|it| item.text.chars().count() <= it)
            }
        };
        let has_plan = !self.plans.is_empty();
        let of = |stage: &Stage| match stage.name == PLAN && is_light && !has_plan {
            true => Stage::work(),
            false => stage.clone(),
        };
        self.kind.stages.iter().map(of).collect()
    }

    /// True where the stage comes after tasks of a plan that is not there.
    pub fn lacks_plan(&self, item: &Item, id: StageId<'_>) -> bool {
        let stages = self.stages(item);
        let planned = stages.iter().position(|it| it.name == PLAN);
        let own = stages.iter().position(|it| it.name == id.stage);
        planned.zip(own).is_some_and(|(planned, own)| own > planned)
            && self.plans_of(id.cycle_of(self)).next().is_none()
    }
}

impl StageId<'_> {
    /// What ends an item is of its last cycle.
    fn cycle_of(self, staging: &Staging) -> u32 {
        if self.stage == ARCHIVE { staging.last } else { self.cycle }
    }
}

/// The small plan of an item.
pub fn plan_of(source: &Source, item: &Item, staging: &Staging) -> Plan {
    let item_stem = stem(source.path.file_name());
    let making = Making { item, staging, item_stem, text: text_of(item) };
    let section = Section {
        id: SectionId::new("stages"),
        name: item.title.clone(),
        status: Status::Pending,
        tasks: making.tasks(),
        span: 0..0,
    };
    let meta = Meta {
        title: Some(item.title.clone()),
        source_item: Some(source.path.as_str().to_owned()),
        order: Order::Free,
        ..Meta::default()
    };
    Plan { name: plan_name_of(item_stem), meta, sections: vec![section] }
}

/// The item's own words, with its criteria by number where it has any: what its work is keyed by.
fn text_of(item: &Item) -> String {
    if item.criteria.is_empty() {
        return item.text.clone();
    }
    let lines = item.criteria.iter().map(|it| format!("- {}: {}\n", it.id, it.text));
    format!("{}\n\n## Criteria by number\n\n{}", item.text, lines.collect::<String>())
}

struct Making<'a> {
    item: &'a Item,
    staging: &'a Staging,
    item_stem: &'a str,
    text: String,
}

impl Making<'_> {
    fn tasks(&self) -> Vec<Task> {
        let stages = self.staging.stages(self.item);
        let reopens = self.staging.kind.reopens.as_deref();
        let mut tasks = Vec::new();
        // What the first stage of a cycle waits for.
        let mut before: Vec<Dependency> =
            self.staging.needs.iter().cloned().map(Dependency::Other).collect();
        for cycle in self.staging.first..=self.staging.last {
            let is_last = cycle == self.staging.last;
            for stage in &stages {
                let cycle_shown = if stage.name == ARCHIVE { 1 } else { cycle };
                let id = StageId { stage: &stage.name, cycle: cycle_shown }.task_id();
                tasks.push(Task { id: id.clone(), ..self.task(stage, cycle, before) });
                before = vec![Dependency::Own(id)];
                if stage.name == self.last_before_tasks(&stages) {
                    let plans = self.staging.plans_of(cycle);
                    before.extend(plans.cloned().map(Dependency::All));
                }
                if !is_last && reopens == Some(&stage.name) {
                    break;
                }
            }
        }
        tasks
    }

    /// The stage behind which the plan's tasks come.
    fn last_before_tasks(&self, stages: &[Stage]) -> &'static str {
        let is_behind_plan = |pair: &[Stage]| pair[0].name == PLAN && pair[1].name == APPROVE;
        if stages.windows(2).any(is_behind_plan) { APPROVE } else { PLAN }
    }

    fn task(&self, stage: &Stage, cycle: u32, needs: Vec<Dependency>) -> Task {
        let makes_plan = stage.name == PLAN;
        let has_plan = self.staging.plans_of(cycle).next().is_some();
        let spec = TaskSpec {
            name: self.item.title.clone(),
            description: self.text.clone(),
            section: Some(SectionId::new("stages")),
            section_name: self.item.title.clone(),
            rule: Some(stage.rule.clone()),
            run: stage.run.clone(),
            depends_on: needs,
            outputs: if makes_plan { self.plan_outputs(cycle) } else { Default::default() },
            // Where there is a plan already it may be right as it is.
            no_change: if makes_plan { NoChange::Allowed } else { NoChange::ByRule },
            ..TaskSpec::default()
        };
        let id = StageId { stage: &stage.name, cycle }.task_id();
        let status = match makes_plan && has_plan {
            _ if self.staging.skipped.contains(&id) => Status::Skipped,
            true => Status::Completed,
            false => Status::Pending,
        };
        let record = TaskRecord { status, ..TaskRecord::default() };
        Task { id, spec: Arc::new(spec), record, spans: TaskSpans::default() }
    }

    /// The plan's file, and a design document whose date the planner writes.
    fn plan_outputs(&self, cycle: u32) -> crate::spec::glob::GlobSet {
        let plan = self.staging.plan_file(self.item_stem, cycle);
        crate::spec::glob::GlobSet::new([literal(&plan), design_of(self.item_stem, cycle)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::spec::item::kind::kinds_of;
    use crate::spec::item::parse;

    /// The tasks of an item of a kind, with what each waits for; an open end of a cycle is `cycles`.
    fn check(kind: &str, cycles: u32, plans: &[(u32, &str)], text: &str) -> String {
        let kinds = kinds_of(&crate::spec::builtin::rules()).value;
        let kind = kinds.into_iter().find(|it| it.name.as_str() == kind).unwrap();
        let staging = Staging {
            kind: Arc::new(kind),
            first: 1,
            last: cycles,
            plans: plans.iter().map(|(cycle, name)| (*cycle, PlanName::new(name))).collect(),
            needs: vec![TaskRef::new("item:0-base", "archive")],
            plans_dir: "plans".to_owned(),
            skipped: BTreeSet::new(),
        };
        let source = Source::new(RelPath::new("docs/defect-backlog/1-x.md").unwrap(), text);
        let plan = plan_of(&source, &parse(&source).value, &staging);
        let line = |task: &Task| {
            let needs: Vec<String> = task.spec.depends_on.iter().map(ToString::to_string).collect();
            let outputs = task.spec.outputs.patterns.join(" ");
            let rule = task.spec.rule.as_ref().unwrap();
            format!("{} by {rule}: {}; {outputs}", task.id, needs.join(" ")).trim_end().to_owned()
        };
        plan.tasks().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_defect_is_planned_verified_and_archived() {
        insta::assert_snapshot!(check("defect", 1, &[], "# X\n"), @r"
        plan by plan-item: item:0-base//archive; plans/1-x.yaml docs/plans/*-1-x-design.md
        verify by verify-item: plan;
        archive by archive-item: verify;
        ");
        insta::assert_snapshot!(check("defect", 2, &[(1, "1-x"), (2, "1-x.2")], "# X\n"), @r"
        plan by plan-item: item:0-base//archive; plans/1-x.yaml docs/plans/*-1-x-design.md
        verify by verify-item: plan 1-x//*;
        plan.2 by plan-item: verify; plans/1-x.2.yaml docs/plans/*-1-x-design-2.md
        verify.2 by verify-item: plan.2 1-x.2//*;
        archive by archive-item: verify.2;
        ");
    }

    #[test]
    fn a_light_item_and_an_analysis_have_no_plan() {
        insta::assert_snapshot!(check("feature", 1, &[], "---\nplan: light\n---\n# X\n"), @r"
        work by implement: item:0-base//archive;
        archive by archive-item: work;
        ");
        insta::assert_snapshot!(check("analysis", 1, &[], "# X\n"), @r"
        analyze by analyze-item: item:0-base//archive;
        archive by archive-item: analyze;
        ");
    }

    #[test]
    fn ids_are_read_back() {
        for (text, stage, cycle) in [("plan", "plan", 1), ("verify.12", "verify", 12)] {
            let id = TaskId::new(text);
            assert_eq!(StageId::of(&id), StageId { stage, cycle });
            assert_eq!(StageId { stage, cycle }.task_id(), id);
        }
        assert_eq!(item_behind(&PlanName::new("1-x.2")), "1-x");
        assert_eq!(item_behind(&PlanName::new("item:1.x")), "1.x");
    }
}
