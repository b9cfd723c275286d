//! What people say: decisions and answers, by a command of its own or while a build runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::name::{AttemptId, SessionId, TaskRef};
use crate::engine::effect::{Base, BuildRequest, Decide, Effect, Launch, Notice};
use crate::engine::event::Event;
use crate::engine::record::Record;
use crate::host::asker::{self, Asker, Inside};
use crate::host::clock;
use crate::host::error::{Error, Result};
use crate::host::inbox::{self, Fate, Heard, Reply, Word};
use crate::host::lock::{Holder, Lock};
use crate::host::store::folder::Access;
use crate::host::worktree::Worktree;

use crate::host::build_loop::Run;
use crate::host::driver::Driver;

/// How long a builder may be busy with something else, such as a landing.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of what a person said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is written down, for the next build.
    Journaled,
    /// Another orch builds here, or will: it takes the word in.
    Told,
    /// The orch that builds here does not take it from this process.
    Refused(String),
}

impl Driver {
    /// Writes a person's decisions down and into the plans; where another orch builds, it is told to.
    ///
    /// # Errors
    /// They cannot be written, or the orch that builds here does not hear.
    pub fn decide(&mut self, decisions: &[Decide]) -> Result<Said> {
        let words: Vec<Word> = decisions
            .iter()
            .map(|it| Word::Decide { task: it.task.clone(), decision: it.decision })
            .collect();
        if let Some(said) = self.tell_builder(&words)? {
            return Ok(said);
        }
        decisions.iter().try_for_each(|decide| self.decide_here(decide.clone()))?;
        self.flush_statuses()?;
        Ok(Said::Journaled)
    }

    fn decide_here(&mut self, decide: Decide) -> Result<()> {
        self.survey_of(&decide.task)?;
        let mut effects = self.engine.step(clock::now(), Event::Decided(decide.clone()));
        effects.extend(self.decided_status(&decide));
        for effect in effects {
            self.perform_now(effect)?;
        }
        Ok(())
    }

    /// Leaves words for the orch that builds here, and waits until it has heard them. `None` where
    /// nobody builds: this process takes them down itself, and is armed to.
    fn tell_builder(&mut self, words: &[Word]) -> Result<Option<Said>> {
        while self.access == Access::ReadOnly {
            let Some(builder) = Lock::holder_of(&self.root) else {
                if self.has_errors() {
                    words.iter().try_for_each(|word| inbox::post(&self.root, word).map(drop))?;
                    return Ok(Some(Said::Told));
                }
                self.arm()?;
                break;
            };
            if let Some(said) = said_to(&builder, &self.root, words)? {
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
        self.arm()?;
        let limits = self.engine.history().limits();
        let named = limits.map(|(window, ..)| window.label().unwrap_or_else(|| "usage".to_owned()));
        let named = named.collect();
        for effect in self.engine.step(clock::now(), Event::LimitsLifted) {
            self.perform_now(effect)?;
        }
        Ok(named)
    }

    /// Writes a person's answer to a task's open question down; where another orch builds, it is
    /// told to.
    ///
    /// # Errors
    /// The task asks nothing.
    pub fn answer_question(&mut self, task: &TaskRef, text: &str) -> Result<Said> {
        let past = self.engine.history().task(task);
        if past.and_then(|it| it.dialogue.open()).is_none() {
            return Err(Error::new(format!("{task} asks nothing"))
                .help("`orch status` shows the questions that are open"));
        }
        let (task, text) = (task.clone(), text.to_owned());
        let word = Word::Answer { task: task.clone(), text: text.clone() };
        if let Some(said) = self.tell_builder(&[word])? {
            return Ok(said);
        }
        let effects = self.engine.step(clock::now(), Event::Answered { task, text });
        effects.into_iter().try_for_each(|effect| self.perform_now(effect))?;
        Ok(Said::Journaled)
    }

    /// Takes in what was said since.
    pub(in crate::host) fn heed(&mut self, run: &mut Run<'_>) -> Result<()> {
        let words = inbox::take(&self.root, |heard| heard.fate(run, &self.root))?;
        for word in words {
            match word {
                // It was told when its fate was settled.
                Word::Refused { .. } => {}
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

    /// The run is over. What nobody stands behind does not wait for another one; who does stand behind a
    /// word sees that this one is gone.
    pub(in crate::host) fn heed_no_more(&mut self, run: &mut Run<'_>) -> Result<()> {
        inbox::take(&self.root, |heard| match heard.by {
            Some(_) => Fate::Left,
            None => heard.fate(run, &self.root),
        })
        .map(drop)
    }

    /// The worktree that an attempt goes on in; where it is gone, the attempt begins afresh.
    pub(in crate::host) fn with_worktree(
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
    pub(in crate::host) fn worktree_of(&mut self, attempt: AttemptId) -> Option<Worktree> {
        self.kept.remove(&attempt)?.worktree
    }

    /// Sessions whose worktrees wait for an answer.
    pub(in crate::host) fn parked_sessions(&self) -> std::collections::BTreeSet<SessionId> {
        let tasks = self.engine.history().tasks();
        tasks.filter_map(|(_, past)| past.dialogue.parked_session().cloned()).collect()
    }

    fn survey_of(&mut self, task: &TaskRef) -> Result<()> {
        let targets = Some(vec![task.clone()]);
        self.survey(BuildRequest { targets, ..BuildRequest::default() }).map(|_| ())
    }

    /// Words that lay there before anything of this run began, so that none of its attempts can have
    /// left them. Where the run before was killed, one of its attempts may have.
    pub(in crate::host) fn words_that_wait(&self) -> Result<Vec<PathBuf>> {
        let files = inbox::files(&self.root)?;
        if files.is_empty() {
            return Ok(files);
        }
        let run = self.records()?.into_iter().rev().find_map(|record| match record {
            Record::RunStarted { .. } => Some(false),
            Record::RunEnded { .. } => Some(true),
            _ => None,
        });
        Ok(if run == Some(false) { Vec::new() } else { files })
    }
}

impl Heard<'_> {
    /// What becomes of a word that the run finds; one that is not honoured is told.
    fn fate(&self, run: &mut Run<'_>, root: &Path) -> Fate {
        let asked = asked_by(self.word);
        if let Word::Refused { by, .. } = self.word {
            let inside = match self.by.map(|pid| asker::asker(pid, root)) {
                Some(Asker::Inside(inside)) => inside,
                _ => Inside { task: by.clone() },
            };
            tell(run, &inside, &asked);
            return Fate::Honoured;
        }
        match self.by.map(|pid| asker::asker(pid, root)) {
            Some(Asker::Outside) => Fate::Honoured,
            Some(Asker::Inside(inside)) => {
                tell(run, &inside, &asked);
                Fate::Refused(format!("{inside} asks: a session decides nothing here"))
            }
            None if run.waiting.iter().any(|it| it == self.file) => Fate::Honoured,
            None | Some(Asker::Unknown) => {
                let said = format!(
                    "a request of which nobody can tell who made it was not honoured: {asked}; who \
                     meant it says it again"
                );
                run.surface.say(&Notice::Warning(said), clock::now());
                Fate::Refused("the orch that builds here cannot tell who asks".to_owned())
            }
        }
    }
}

/// Says it to the one that builds; `None` where that one has gone without hearing all of it.
fn said_to(builder: &Holder, root: &Path, words: &[Word]) -> Result<Option<Said>> {
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
        Some(why) => Ok(Some(Said::Refused(why.clone()))),
        None if !replies.contains(&Reply::Unheard) => Ok(Some(Said::Told)),
        None if is_there() => {
            let Holder { pid, command, .. } = builder;
            let doing = format!("process {pid} (`{command}`) builds here and does not hear");
            Err(Error::new(doing).help("it is not done: say it again, or stop that build first"))
        }
        None => Ok(None),
    }
}

/// The command by which it would have been said.
fn asked_by(word: &Word) -> String {
    match word {
        Word::Answer { task, .. } => format!("`orch answer {task}`"),
        Word::Decide { task, decision } => format!("`orch {} {task}`", decision.command()),
        Word::Refused { asked, .. } => format!("`{asked}`"),
    }
}

/// A person is to know of it, whatever became of the task.
fn tell(run: &mut Run<'_>, inside: &Inside, asked: &str) {
    let said = format!("{inside} tried {asked}: refused; a session decides nothing here");
    run.surface.say(&Notice::Warning(said), clock::now());
}
