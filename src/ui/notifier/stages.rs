//! When plans begin and end and sections are done: nothing says so by itself, it follows from their tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::{PlanName, TaskRef};
use crate::engine::effect::Notice;
use crate::engine::picture::{Picture, TaskPicture};
use crate::ui::render::letter::{Outcome, Stage, task_at_work};

/// What has been seen of plans in this build.
#[derive(Debug, Default)]
pub struct Stages {
    /// Plans that have begun and not ended, as they were last seen.
    begun: BTreeMap<PlanName, Outcome>,
    /// Tasks at work whose sections were not told of since.
    touched: BTreeSet<TaskRef>,
}

impl Stages {
    /// What a notice begins.
    pub fn hear(&mut self, notice: &Notice) -> Option<Stage> {
        let task = task_at_work(notice)?;
        self.touched.insert(task.clone());
        if self.begun.contains_key(&task.plan) {
            return None;
        }
        let outcome = Outcome { open: 1, ..Outcome::default() };
        self.begun.insert(task.plan.clone(), outcome);
        Some(Stage::Started(task.plan.clone()))
    }

    /// What is over by now. Tasks that are not in the picture need nothing.
    pub fn see(&mut self, picture: &Picture) -> Vec<Stage> {
        if self.begun.is_empty() {
            return Vec::new();
        }
        let mut stages = self.sections_done(picture);
        let mut seen: BTreeMap<&PlanName, Outcome> = BTreeMap::new();
        for task in picture.tasks.iter().filter(|it| it.is_wanted) {
            if self.begun.contains_key(&task.task.plan) {
                seen.entry(&task.task.plan).or_default().count(task.state);
            }
        }
        for (plan, outcome) in &mut self.begun {
            *outcome = seen.get(plan).copied().unwrap_or_default();
        }
        let over = self.begun.iter().filter(|(_, outcome)| outcome.open == 0);
        let over: Vec<Stage> =
            over.map(|(plan, outcome)| Stage::Ended(plan.clone(), *outcome)).collect();
        self.begun.retain(|_, outcome| outcome.open > 0);
        stages.extend(over);
        stages
    }

    /// Plans that end with the build.
    pub fn rest(&mut self) -> Vec<Stage> {
        let begun = std::mem::take(&mut self.begun).into_iter();
        begun.map(|(plan, outcome)| Stage::Ended(plan, outcome)).collect()
    }

    fn sections_done(&mut self, picture: &Picture) -> Vec<Stage> {
        let of = |it: &TaskPicture| (it.task.plan.clone(), it.section.clone());
        let mut done: BTreeMap<(PlanName, String), bool> = BTreeMap::new();
        for task in picture.tasks.iter().filter(|it| self.touched.contains(&it.task)) {
            done.insert(of(task), true);
        }
        if done.is_empty() {
            return Vec::new();
        }
        for task in &picture.tasks {
            let mut outcome = Outcome::default();
            outcome.count(task.state);
            if let Some(done) = done.get_mut(&of(task)).filter(|_| !outcome.is_whole()) {
                *done = false;
            }
        }
        let touched = picture.tasks.iter().filter(|it| done.get(&of(it)) == Some(&true));
        for task in touched {
            self.touched.remove(&task.task);
        }
        let done = done.into_iter().filter(|(_, is_done)| *is_done);
        done.map(|((plan, section), _)| Stage::SectionDone { plan, section }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::measure::Millis;
    use crate::engine::effect::Finished;
    use crate::engine::outcome::OutcomeClass;
    use crate::engine::picture::TaskState;
    use crate::engine::record::Provenance;
    use crate::engine::why::Why;
    use crate::ui::console::sample;

    fn started(task: &str) -> Notice {
        let task = sample::task(task);
        Notice::TaskStarted { task, name: String::new(), number: 1, reason: Why::Unbuilt }
    }

    /// The sample's tasks of plan `demo` in these states, the first two in section `one`, the others in `two`.
    fn picture(states: [TaskState; 4]) -> Picture {
        let mut picture = sample::picture();
        picture.tasks.truncate(4);
        for (at, state) in states.into_iter().enumerate() {
            picture.tasks[at].state = state;
            picture.tasks[at].section = if at < 2 { "one" } else { "two" }.to_owned();
        }
        picture
    }

    fn check(stages: &mut Stages, states: [TaskState; 4]) -> Vec<String> {
        let text = |stage: Stage| match stage {
            Stage::Started(plan) => format!("{plan} started"),
            Stage::SectionDone { section, .. } => format!("{section} done"),
            Stage::Ended(plan, outcome) if outcome.is_whole() => format!("{plan} done"),
            Stage::Ended(plan, it) => {
                format!("{plan} ended: {} {} {}", it.failed, it.blocked, it.open)
            }
        };
        stages.see(&picture(states)).into_iter().map(text).collect()
    }

    #[test]
    fn plans_and_sections_end_once_with_their_last_task_and_begin_anew() {
        use TaskState::{Blocked, Done, Failed, Ready, Running, UpToDate};
        let ran = Done(Provenance::Ran);
        let failed = Failed(OutcomeClass::NoStatus);
        let mut stages = Stages::default();
        assert_eq!(check(&mut stages, [UpToDate, Ready, Ready, Ready]), [""; 0]);
        assert_eq!(stages.hear(&started("demo//1.2")), Some(Stage::Started(PlanName::new("demo"))));
        assert_eq!(stages.hear(&started("demo//1.2")), None);
        assert_eq!(check(&mut stages, [UpToDate, Running, Ready, Ready]), [""; 0]);
        assert_eq!(check(&mut stages, [UpToDate, ran, Ready, Ready]), ["one done"]);
        stages.hear(&started("demo//1.3"));
        assert_eq!(check(&mut stages, [UpToDate, ran, Running, Ready]), [""; 0]);
        let ended = check(&mut stages, [UpToDate, ran, failed, Blocked]);
        assert_eq!(ended, ["demo ended: 1 1 0"]);
        assert_eq!(check(&mut stages, [UpToDate, ran, failed, Blocked]), [""; 0]);
        // In a build that stays it is mended.
        let how = Finished {
            provenance: Provenance::Ran,
            duration: Millis(1),
            cost: Default::default(),
            n_files: 1,
        };
        let finished = Notice::TaskFinished { task: sample::task("demo//1.3"), how };
        assert!(stages.hear(&finished).is_some());
        assert_eq!(check(&mut stages, [UpToDate, ran, ran, ran]), ["two done", "demo done"]);
        assert_eq!(stages.rest(), []);
    }

    #[test]
    fn a_plan_that_the_build_leaves_open_ends_with_it() {
        use TaskState::{Ready, Running, UpToDate};
        let mut stages = Stages::default();
        stages.hear(&started("demo//1.2"));
        assert_eq!(check(&mut stages, [UpToDate, Running, Ready, Ready]), [""; 0]);
        let outcome = Outcome { open: 3, ..Outcome::default() };
        assert_eq!(stages.rest(), [Stage::Ended(PlanName::new("demo"), outcome)]);
    }
}
