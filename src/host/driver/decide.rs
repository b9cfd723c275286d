//! What people decide and answer by a command of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::base::name::TaskRef;
use crate::engine::effect::{BuildRequest, Decide, Effect};
use crate::engine::event::Event;
use crate::host::error::{Error, Result};
use crate::host::inbox::{self, Reply, Word};
use crate::host::land::decision::decided_status;
use crate::host::lock::{Holder, Lock};
use crate::host::mask::Mask;

use super::Driver;

/// How long a builder may be busy with something else, such as a landing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of what a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is written down, for the next build.
    Journaled,
    /// Another orch builds here, or will: it takes the word in.
    ToBuilder,
    /// The orch that builds here does not take it from this process.
    Refused(String),
}

impl Driver {
    /// Writes a person's decisions down and into the plans; where another orch builds, it is told to.
    ///
    /// # Errors
    /// They cannot be written, or the orch that builds here does not hear.
    pub fn decide(&mut self, decisions: &[Decide]) -> Result<Delivery> {
        let words: Vec<Word> = decisions
            .iter()
            .map(|it| Word::Decide { task: it.task.clone(), decision: it.decision })
            .collect();
        if let Some(said) = self.tell_builder(&words)? {
            return Ok(said);
        }
        decisions.iter().try_for_each(|decide| self.decide_here(decide.clone()))?;
        self.landings.flush_decisions(&mut self.state)?;
        Ok(Delivery::Journaled)
    }

    fn decide_here(&mut self, decide: Decide) -> Result<()> {
        let targets = Some(vec![decide.task.clone()]);
        self.survey(BuildRequest { targets, ..BuildRequest::default() })?;
        let mut effects = self.state.step(Event::Decided(decide.clone()));
        let status = decided_status(&self.state.engine, &decide);
        effects.extend(status.map(Effect::WriteStatus));
        for effect in effects {
            self.landings.take_down(effect, &mut self.state)?;
        }
        Ok(())
    }

    /// Leaves words for the orch that builds here, and waits until it has heard them. `None` where
    /// nobody builds: this process takes them down itself, and is armed to.
    fn tell_builder(&mut self, words: &[Word]) -> Result<Option<Delivery>> {
        while !self.state.may_write() {
            let Some(builder) = Lock::holder_of(self.root()) else {
                if self.has_errors() {
                    words.iter().try_for_each(|word| inbox::post(self.root(), word).map(drop))?;
                    return Ok(Some(Delivery::ToBuilder));
                }
                self.state.arm()?;
                break;
            };
            if let Some(said) = said_to(&builder, self.root(), words)? {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    /// Takes down that the usage limits which are known are over; those that were, for people.
    ///
    /// # Errors
    /// Another orch runs here.
    pub fn lift_limits(&mut self) -> Result<Vec<String>> {
        self.state.arm()?;
        let limits = self.state.engine.history().limits();
        let named = limits.map(|(window, ..)| window.label().unwrap_or_else(|| "usage".to_owned()));
        let named = named.collect();
        for effect in self.state.step(Event::LimitsLifted) {
            self.landings.take_down(effect, &mut self.state)?;
        }
        Ok(named)
    }

    /// Writes a person's answer to a task's open question down; where another orch builds, it is
    /// told to. One that holds a secret is refused: it would be kept, or reach its session without it.
    ///
    /// # Errors
    /// The task asks nothing.
    pub fn answer_question(&mut self, task: &TaskRef, text: &str) -> Result<Delivery> {
        let past = self.state.engine.history().task(task);
        if past.and_then(|it| it.dialogue.open()).is_none() {
            return Err(Error::new(format!("{task} asks nothing"))
                .help("`orch status` shows the questions that are open"));
        }
        let masked = Mask::of_process().text(text);
        if masked != text {
            return Ok(Delivery::Refused(format!(
                "this answer holds what looks like a secret, and orch keeps none ({masked}): put it into a variable \
                 that `session.env` or the task's `env` names, and answer by the variable's name"
            )));
        }
        let (task, text) = (task.clone(), text.to_owned());
        let word = Word::Answer { task: task.clone(), text: text.clone() };
        if let Some(said) = self.tell_builder(&[word])? {
            return Ok(said);
        }
        let effects = self.state.step(Event::Answered { task, text });
        effects
            .into_iter()
            .try_for_each(|effect| self.landings.take_down(effect, &mut self.state))?;
        Ok(Delivery::Journaled)
    }
}

/// Says it to the one that builds; `None` where that one has gone without hearing all of it.
fn said_to(builder: &Holder, root: &Path, words: &[Word]) -> Result<Option<Delivery>> {
    let posted: Result<Vec<_>> = words.iter().map(|word| inbox::post(root, word)).collect();
    let give_up = Instant::now() + PATIENCE;
    let is_there = || Lock::holder_of(root).as_ref() == Some(builder);
    let goes_on = || Instant::now() < give_up && is_there();
    let replies: Vec<_> = posted?.into_iter().map(|it| it.reply(goes_on)).collect();
    let refusal = replies.iter().find_map(|it| match it {
        Reply::Refused(why) => Some(why),
        Reply::Taken | Reply::Unheard => None,
    });
    match refusal {
        Some(why) => Ok(Some(Delivery::Refused(why.clone()))),
        None if !replies.contains(&Reply::Unheard) => Ok(Some(Delivery::ToBuilder)),
        None if is_there() => {
            let Holder { pid, command, .. } = builder;
            let doing = format!("process {pid} (`{command}`) builds here and does not hear");
            Err(Error::new(doing).help("it is not done: say it again, or stop that build first"))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::{Decision, Record};
    use crate::host::git::scratch::Scratch;
    use crate::host::store::folder::Access;

    const PLAN: &str = "meta: { name: demo }\nsections:\n- id: s\n  name: S\n  tasks:\n  - id: '1'\n    \
                        name: Make\n    status: pending\n    run: 'true'\n";

    fn driver(scratch: &Scratch) -> Driver {
        Driver::open(&scratch.root(), Access::ReadOnly, Vec::new()).unwrap()
    }

    fn skip() -> Decide {
        Decide { task: TaskRef::new("demo", "1"), decision: Decision::Skip }
    }

    #[test]
    fn where_nobody_builds_a_decision_is_written_down_here() {
        let scratch = Scratch::new(&[("plans/demo.yaml", PLAN), (".gitignore", ".orch/\n")]);
        let mut driver = driver(&scratch);
        assert_eq!(driver.decide(&[skip()]).unwrap(), Delivery::Journaled);
        let is_decision = |it: &Record| matches!(it, Record::Decided { .. });
        assert!(driver.records().unwrap().iter().any(is_decision));
        assert!(scratch.read("plans/demo.yaml").contains("status: skipped"));
    }

    #[test]
    fn where_documents_are_wrong_it_waits_for_the_next_build() {
        let scratch = Scratch::new(&[("plans/demo.yaml", "sections: 3\n")]);
        assert_eq!(driver(&scratch).decide(&[skip()]).unwrap(), Delivery::ToBuilder);
        assert!(inbox::has_words(&scratch.root()));
    }

    #[test]
    fn a_task_that_asks_nothing_takes_no_answer() {
        let scratch = Scratch::new(&[("plans/demo.yaml", PLAN)]);
        let refused = driver(&scratch).answer_question(&skip().task, "yes").unwrap_err();
        assert!(refused.to_string().contains("demo//1 asks nothing"), "{refused}");
    }
}
