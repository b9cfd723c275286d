//! Dependencies on other plans: those that lead nowhere, and those that are waited for in vain.

use std::collections::BTreeSet;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::PlanName;
use crate::base::source::{Source, Span};
use crate::engine::graph::{Breach, Broken, Graph, NodeId};
use crate::spec::plan::{Dependency, Plan, Status, Task};
use crate::spec::plan_check::{did_you_mean, is_over, softened};
use crate::spec::text::nearest;

const NO_PLAN: &str = "plan::unknown-plan";
const SEVERAL_PLANS: &str = "plan::ambiguous-plan";
const NO_TASK: &str = "plan::unknown-task";
const CIRCLE: &str = "plan::circle-of-plans";
const FAULTY: &str = "plan::waits-for-faulty";

/// Looking for the nearest name costs all of them each time, so only the first get one.
const MAX_GUESSES: usize = 20;
/// Names and places of a circle that are told.
const SHOWN: usize = 8;

/// True for an error for which the tasks that have it are held: anything else may be built.
pub fn holds_its_tasks_alone(found: &Diagnostic) -> bool {
    found.is_error() && [NO_PLAN, SEVERAL_PLANS, NO_TASK, CIRCLE].contains(&found.code)
}

/// True for a finding that a task waits for a plan that has errors itself.
pub fn waits_for_faulty(found: &Diagnostic) -> bool {
    found.code == FAULTY
}

/// True for an error for which nothing may be built from its document.
pub fn stops_its_document(found: &Diagnostic) -> bool {
    found.is_error() && !holds_its_tasks_alone(found)
}

/// All plans, in the graph's order.
pub(super) struct Across<'a> {
    graph: &'a Graph,
    plans: Vec<(&'a Source, &'a Plan)>,
    /// All tasks, by node.
    tasks: Vec<&'a Task>,
    /// Plans with errors of their own.
    faulty: BTreeSet<&'a PlanName>,
}

impl<'a> Across<'a> {
    pub fn of(
        graph: &'a Graph,
        plans: Vec<(&'a Source, &'a Plan)>,
        faulty: BTreeSet<&'a PlanName>,
    ) -> Self {
        let tasks = plans.iter().flat_map(|(_, plan)| plan.tasks()).collect();
        Self { graph, plans, tasks, faulty }
    }

    /// Everything that is wrong between plans; each finding names its file.
    pub fn findings(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut n_guesses = 0;
        for (id, broken) in self.graph.broken() {
            let Some((source, task)) = self.task_at(id) else { continue };
            for broken in broken {
                n_guesses += 1;
                let told = self.broken(task, broken, n_guesses <= MAX_GUESSES);
                let told = told.map(|it| if is_over(task) { softened(it) } else { it });
                found.extend(told.map(|it| it.in_file(&source.path)));
            }
        }
        for circle in self.graph.circles() {
            self.circle(circle, &mut found);
        }
        self.wait_for_faulty(&mut found);
        self.wait_for_suspended(&mut found);
        found
    }

    fn task_at(&self, id: NodeId) -> Option<(&'a Source, &'a Task)> {
        let (source, _) = self.plans.get(self.graph.node(id).plan as usize)?;
        Some((source, self.tasks.get(id.index())?))
    }

    /// `None` for what is told otherwise.
    fn broken(&self, task: &Task, broken: &Broken, may_guess: bool) -> Option<Diagnostic> {
        let name = broken.dependency.plan()?;
        let span = span_of(task, broken.entry);
        let waits = format!("`{}` waits for it", task.id);
        let error = |code, message: String| Diagnostic::error(code, message).label(span, waits);
        match broken.breach {
            Breach::Circle => None,
            Breach::NoPlan => {
                let guess = may_guess.then(|| self.similar_plan(name)).flatten();
                let help =
                    "correct the name, or take the dependency out; a plan is named by its file";
                let message = format!("no plan is called `{name}`");
                Some(error(NO_PLAN, message).help(did_you_mean(guess, help)))
            }
            Breach::SeveralPlans => {
                let message = format!("several plans are called `{name}`");
                let files = self.plans.iter().filter(|(_, plan)| plan.name == *name);
                let files: Vec<&str> = files.map(|(source, _)| source.path.as_str()).collect();
                let help = format!("rename all but one of {}", files.join(", "));
                Some(error(SEVERAL_PLANS, message).help(help))
            }
            Breach::NoTask => {
                // What is wrong there may be that very task.
                if self.faulty.contains(name) {
                    return None;
                }
                let Dependency::Other(wanted) = &broken.dependency else { return None };
                let plan = self.plans.iter().find(|(_, plan)| plan.name == *name)?.1;
                let ids = || plan.tasks().map(|it| it.id.as_str());
                let guess = may_guess.then(|| nearest(wanted.task.as_str(), ids())).flatten();
                let guess = guess.map(|it| format!("{name}//{it}"));
                let message = format!("plan `{name}` has no task `{}`", wanted.task);
                let help = "correct the id, or take the dependency out";
                Some(error(NO_TASK, message).help(did_you_mean(guess.as_deref(), help)))
            }
        }
    }

    /// The plan that may have had this name before: the nearest, else one that has it as a part, or
    /// is one.
    fn similar_plan(&self, name: &PlanName) -> Option<&'a str> {
        let names = || self.plans.iter().map(|(_, plan)| plan.name.as_str());
        let has_part = |it: &&str| it.contains(name.as_str()) || name.as_str().contains(it);
        nearest(name.as_str(), names())
            .or_else(|| names().filter(|it| !it.is_empty()).find(has_part))
    }

    /// Each file is told, with its entries that close the circle.
    fn circle(&self, circle: &[NodeId], found: &mut Vec<Diagnostic>) {
        let names = circle.iter().map(|id| format!("`{}`", self.graph.node(*id).task));
        let mut names: Vec<String> = names.take(SHOWN).collect();
        if circle.len() > SHOWN {
            names.push(format!("{} more", circle.len() - SHOWN));
        }
        let message = format!("tasks of several plans wait for each other: {}", names.join(", "));
        let plan_of = |id: &NodeId| self.graph.node(*id).plan;
        for own in circle.chunk_by(|one, other| plan_of(one) == plan_of(other)) {
            let finding = Diagnostic::error(CIRCLE, message.clone())
                .help("none of them can ever start: take one of these dependencies out");
            let entries = own.iter().filter_map(|id| Some((*id, self.task_at(*id)?.1)));
            let entries = entries.flat_map(|(id, task)| {
                let broken = self.graph.broken_of(id).iter();
                let closing = broken.filter(|it| it.breach == Breach::Circle);
                closing.map(move |it| (span_of(task, it.entry), task, &it.dependency))
            });
            let finding = entries.take(SHOWN).fold(finding, |finding, (span, task, on)| {
                finding.label(span, format!("`{}` waits for `{on}`", task.id))
            });
            let file = self.plans.get(plan_of(&own[0]) as usize);
            found.extend(file.map(|(source, _)| finding.in_file(&source.path)));
        }
    }

    /// Tasks that wait for a plan with errors: nothing of it starts.
    fn wait_for_faulty(&self, found: &mut Vec<Diagnostic>) {
        if self.faulty.is_empty() {
            return;
        }
        for (source, plan) in &self.plans {
            for task in plan.tasks().filter(|it| !is_over(it)) {
                let entries = task.spec.depends_on.iter().enumerate();
                let wrong = entries.filter_map(|(entry, it)| Some((entry, it.plan()?)));
                let wrong = wrong.filter(|(_, it)| **it != plan.name && self.faulty.contains(*it));
                found.extend(wrong.map(|(entry, other)| {
                    let message = format!("`{}` cannot run: plan `{other}` has errors", task.id);
                    Diagnostic::warning(FAULTY, message)
                        .label(span_of(task, entry), "nothing of that plan is started")
                        .help(format!("mend `{other}`: `orch check` tells what is wrong with it"))
                        .in_file(&source.path)
                }));
            }
        }
    }

    /// As in one plan: what is parked until a person decides.
    fn wait_for_suspended(&self, found: &mut Vec<Diagnostic>) {
        let is_parked = |id: &NodeId| {
            self.tasks.get(id.index()).is_some_and(|it| it.record.status == Status::Suspended)
        };
        for (id, node) in self.graph.nodes() {
            let parked = node.needs.iter().filter(|it| is_parked(it));
            for need in parked.map(|it| self.graph.node(*it)).filter(|it| it.plan != node.plan) {
                let Some((source, task)) = self.task_at(id).filter(|it| !is_over(it.1)) else {
                    break;
                };
                let means = |it: &Dependency| match it {
                    Dependency::Other(task) => *task == need.task,
                    Dependency::All(plan) => *plan == need.task.plan,
                    Dependency::Own(_) => false,
                };
                let Some(entry) = task.spec.depends_on.iter().position(means) else { continue };
                let help =
                    "set it to `pending` to have it done, or to `skipped` to go on without it";
                let message = format!("`{}` cannot run yet", task.id);
                found.push(
                    Diagnostic::warning("plan::waits-for-suspended", message)
                        .label(span_of(task, entry), format!("`{}` is suspended", need.task))
                        .help(help)
                        .in_file(&source.path),
                );
            }
        }
    }
}

fn span_of(task: &Task, entry: usize) -> Span {
    task.spans.depends_on.get(entry).cloned().unwrap_or_else(|| task.spans.id.clone())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::base::name::RelPath;
    use crate::base::source::Source;
    use crate::engine::event::Documents;
    use crate::engine::world::World;

    /// Findings about plans, given as name and lines of tasks, with the text under their labels.
    fn check(plans: &[(&str, &str)]) -> String {
        let source_of = |(name, tasks): &(&str, &str)| {
            let tasks: String =
                tasks.lines().map(|it| format!("  - {{ {it}, name: N, run: x }}\n")).collect();
            let path = RelPath::new(format!("{name}.yaml")).unwrap();
            Source::new(path, format!("sections:\n- id: s\n  name: S\n  tasks:\n{tasks}"))
        };
        let plans: Vec<Source> = plans.iter().map(source_of).collect();
        let documents = Documents { plans: plans.clone(), ..Documents::default() };
        let mut out = String::new();
        for it in World::diagnostics_of(documents) {
            let file = it.file.clone().unwrap();
            let source = plans.iter().find(|it| it.path == file).unwrap();
            out += &format!("{file}: {} {}: {}\n", it.severity, it.code, it.message);
            for label in &it.labels {
                out += &format!("  {:?}: {}\n", &source.text[label.span.clone()], label.text);
            }
            out += &format!("  = {}\n", it.help.unwrap_or_default());
        }
        out
    }

    const LOGIN: (&str, &str) = ("plans/login", "id: one\nid: two");

    #[test]
    fn what_is_there_is_no_matter() {
        let other = ("plans/b", "id: a, depends_on: [login//two, 'login//*', b//c]\nid: c");
        assert_eq!(check(&[LOGIN, other]), "");
    }

    #[test]
    fn unknown_and_renamed_plans_come_with_a_guess() {
        let b = ("plans/b", "id: a, depends_on: [logni//one]\nid: c, depends_on: ['logins-2//*']");
        let c = ("plans/c", "id: a, depends_on: [login-page//one]\nid: c, depends_on: [xyz//1]");
        assert_snapshot!(check(&[LOGIN, b, c]), @r##"
        plans/b.yaml: error plan::unknown-plan: no plan is called `logni`
          "logni//one": `a` waits for it
          = did you mean `login`?
        plans/b.yaml: error plan::unknown-plan: no plan is called `logins-2`
          "'logins-2//*'": `c` waits for it
          = did you mean `login`?
        plans/c.yaml: error plan::unknown-plan: no plan is called `login-page`
          "login-page//one": `a` waits for it
          = did you mean `login`?
        plans/c.yaml: error plan::unknown-plan: no plan is called `xyz`
          "xyz//1": `c` waits for it
          = correct the name, or take the dependency out; a plan is named by its file
        "##);
    }

    #[test]
    fn unknown_tasks_come_with_a_guess_and_do_no_harm_to_what_is_over() {
        let b = (
            "plans/b",
            "id: a, depends_on: [login//twoo]\nid: c, depends_on: [login//9], status: completed",
        );
        assert_snapshot!(check(&[LOGIN, b]), @r##"
        plans/b.yaml: error plan::unknown-task: plan `login` has no task `twoo`
          "login//twoo": `a` waits for it
          = did you mean `login//two`?
        plans/b.yaml: warning plan::unknown-task: plan `login` has no task `9`
          "login//9": `c` waits for it
          = correct the id, or take the dependency out
        "##);
    }

    #[test]
    fn a_name_of_two_plans_is_ambiguous() {
        let b = ("plans/b", "id: a, depends_on: [login//one]");
        assert_snapshot!(check(&[("more/login", "id: one"), b, LOGIN]), @r##"
        plans/login.yaml: error plan::same-name: two plans are called `login`: more/login.yaml and plans/login.yaml
          = a plan is named by its file; rename one of the files
        plans/b.yaml: error plan::ambiguous-plan: several plans are called `login`
          "login//one": `a` waits for it
          = rename all but one of more/login.yaml, plans/login.yaml
        "##);
    }

    #[test]
    fn a_circle_is_told_in_each_file() {
        let a = ("plans/a", "id: '1', depends_on: [b//2]\nid: '2', depends_on: ['1']");
        let b = ("plans/b", "id: '1', depends_on: [a//1]\nid: '2', depends_on: ['1', login//one]");
        assert_snapshot!(check(&[a, b, LOGIN]), @r##"
        plans/a.yaml: error plan::circle-of-plans: tasks of several plans wait for each other: `a//1`, `b//1`, `b//2`
          "b//2": `1` waits for `b//2`
          = none of them can ever start: take one of these dependencies out
        plans/b.yaml: error plan::circle-of-plans: tasks of several plans wait for each other: `a//1`, `b//1`, `b//2`
          "a//1": `1` waits for `a//1`
          "'1'": `2` waits for `1`
          = none of them can ever start: take one of these dependencies out
        "##);
    }

    #[test]
    fn plans_with_errors_and_parked_tasks_are_waited_for_in_vain() {
        let wrong = ("plans/a", "id: '1', depends_on: ['9']\nid: '2', status: suspended");
        let b = ("plans/b", "id: '1', depends_on: [a//1]\nid: '2', depends_on: [a//7]");
        assert_snapshot!(check(&[wrong, b]), @r##"
        plans/a.yaml: error plan::unknown-dependency: no task has the id `9`
          "'9'": `1` waits for it
          = correct the id, or take the dependency out
        plans/b.yaml: warning plan::waits-for-faulty: `1` cannot run: plan `a` has errors
          "a//1": nothing of that plan is started
          = mend `a`: `orch check` tells what is wrong with it
        plans/b.yaml: warning plan::waits-for-faulty: `2` cannot run: plan `a` has errors
          "a//7": nothing of that plan is started
          = mend `a`: `orch check` tells what is wrong with it
        "##);
        let a = ("plans/a", "id: '2', status: suspended");
        let b = ("plans/b", "id: '1', depends_on: ['a//*']");
        assert_snapshot!(check(&[a, b]), @r##"
        plans/b.yaml: warning plan::waits-for-suspended: `1` cannot run yet
          "'a//*'": `a//2` is suspended
          = set it to `pending` to have it done, or to `skipped` to go on without it
        "##);
    }
}
