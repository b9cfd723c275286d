//! What people say: decisions and answers, by a command of its own or while a build runs.

use crate::base::name::{AttemptId, SessionId, TaskRef};
use crate::engine::effect::{Base, BuildRequest, Decide, Effect, Launch};
use crate::engine::event::Event;
use crate::host::clock;
use crate::host::error::{Error, Result};
use crate::host::inbox::{self, Word};
use crate::host::lock::Lock;
use crate::host::store::folder::Access;
use crate::host::worktree::Worktree;

use super::Driver;
use super::run::Run;

impl Driver {
    /// Writes a person's decision down and into the plan; where another orch builds, it is told to.
    pub fn decide(&mut self, decide: Decide) -> Result<()> {
        self.arm_to_decide()?;
        if self.access == Access::ReadOnly {
            let Decide { task, decision } = decide;
            return inbox::post(&self.root, &Word::Decide { task, decision });
        }
        self.survey_of(&decide.task)?;
        let mut effects = self.engine.step(clock::now(), Event::Decided(decide.clone()));
        effects.extend(self.decided_status(&decide));
        for effect in effects {
            self.perform_now(effect)?;
        }
        self.flush_statuses()
    }

    /// Where nobody builds, this process takes the word down itself.
    fn arm_to_decide(&mut self) -> Result<()> {
        let is_free = !self.has_errors() && Lock::holder_of(&self.root).is_none();
        if is_free { self.arm() } else { Ok(()) }
    }

    /// Writes a person's answer to a task's open question down; where another orch builds, it is
    /// told to.
    ///
    /// # Errors
    /// The task asks nothing.
    pub fn answer_question(&mut self, task: &TaskRef, text: &str) -> Result<()> {
        let past = self.engine.history().task(task);
        if past.and_then(|it| it.dialogue.open()).is_none() {
            return Err(Error::new(format!("{task} asks nothing"))
                .help("`orch status` shows the questions that are open"));
        }
        self.arm_to_decide()?;
        let text = text.to_owned();
        if self.access == Access::ReadOnly {
            return inbox::post(&self.root, &Word::Answer { task: task.clone(), text });
        }
        let event = Event::Answered { task: task.clone(), text };
        let effects = self.engine.step(clock::now(), event);
        effects.into_iter().try_for_each(|effect| self.perform_now(effect))
    }

    /// Takes in what was said since.
    pub(super) fn heed(&mut self, run: &mut Run<'_>) -> Result<()> {
        for word in inbox::take(&self.root)? {
            match word {
                Word::Answer { task, text } => self.step(run, Event::Answered { task, text })?,
                Word::Decide { task, decision } => {
                    let decide = Decide { task, decision };
                    let status = self.decided_status(&decide);
                    self.step(run, Event::Decided(decide))?;
                    if let Some(Effect::WriteStatus(edit)) = status {
                        self.queue_status(edit);
                    }
                }
            }
        }
        Ok(())
    }

    /// The worktree that an attempt goes on in; where it is gone, the attempt begins afresh.
    pub(super) fn with_worktree(
        &mut self,
        run: &Run<'_>,
        launch: Launch,
    ) -> Result<(Launch, Option<Worktree>)> {
        let continued = match &launch.base {
            Base::Tip | Base::Candidate(_) => return Ok((launch, None)),
            Base::Continue(earlier) => self.worktree_of(*earlier),
            Base::Parked(session) => run.shared.pool.unpark(session)?,
        };
        let launch = if continued.is_none() { launch.afresh() } else { launch };
        Ok((launch, continued))
    }

    /// The worktree that an attempt left, no longer kept for it.
    pub(super) fn worktree_of(&mut self, attempt: AttemptId) -> Option<Worktree> {
        self.kept.remove(&attempt)?.worktree
    }

    /// Sessions whose worktrees wait for an answer.
    pub(super) fn parked_sessions(&self) -> std::collections::BTreeSet<SessionId> {
        let tasks = self.engine.history().tasks();
        tasks.filter_map(|(_, past)| past.dialogue.parked_session().cloned()).collect()
    }

    fn survey_of(&mut self, task: &TaskRef) -> Result<()> {
        let targets = Some(vec![task.clone()]);
        self.survey(BuildRequest { targets, ..BuildRequest::default() }).map(|_| ())
    }
}
