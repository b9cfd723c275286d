//! What people say while a build runs.

use std::path::{Path, PathBuf};

use crate::engine::effect::Decide;
use crate::engine::event::Event;
use crate::engine::record::Record;
use crate::host::asker::{self, Asker, Inside};
use crate::host::error::Result;
use crate::host::inbox::{self, Fate, Heard, Word};
use crate::host::land::decision::decided_status;
use crate::host::state::State;

use super::BuildLoop;
use super::voice::Voice;

/// Words of people, and which of them are honoured.
pub struct Words {
    root: PathBuf,
    /// Those that lay there before anything of this run began, so that none of its attempts can have
    /// left them. Where the run before was killed, one of its attempts may have: then none is known.
    waiting: Vec<PathBuf>,
}

impl Words {
    pub fn that_wait(state: &State) -> Result<Self> {
        let root = state.root().to_owned();
        let waiting = inbox::files(&root)?;
        if waiting.is_empty() {
            return Ok(Self { root, waiting });
        }
        let run = state.log.records()?.into_iter().rev().find_map(|record| match record {
            Record::RunStarted { .. } => Some(false),
            Record::RunEnded { .. } => Some(true),
            _ => None,
        });
        Ok(Self { root, waiting: if run == Some(false) { Vec::new() } else { waiting } })
    }

    /// What was said since; what is not honoured is told.
    pub fn take(&self, voice: &mut Voice<'_>) -> Result<Vec<Word>> {
        inbox::take(&self.root, |heard| self.fate(heard, voice))
    }

    /// The run is over. What nobody stands behind does not wait for another one; who does stand behind
    /// a word sees that this one is gone.
    pub fn close(&self, voice: &mut Voice<'_>) -> Result<()> {
        let taken = inbox::take(&self.root, |heard| match heard.by {
            Some(_) => Fate::Left,
            None => self.fate(heard, voice),
        });
        taken.map(drop)
    }

    /// What becomes of a word that the run finds; one that is not honoured is told.
    fn fate(&self, heard: &Heard<'_>, voice: &mut Voice<'_>) -> Fate {
        let asked = asked_by(heard.word);
        let asker = heard.by.map(|pid| asker::asker(pid, &self.root));
        if let Word::Refused { by, .. } = heard.word {
            let inside = match asker {
                Some(Asker::Inside(inside)) => inside,
                _ => Inside { task: by.clone(), checkout: None },
            };
            voice.warn(refused(&inside, &asked));
            return Fate::Honoured;
        }
        match asker {
            Some(Asker::Outside) => Fate::Honoured,
            Some(Asker::Inside(inside)) => {
                voice.warn(refused(&inside, &asked));
                Fate::Refused(format!("{inside} asks: a session decides nothing here"))
            }
            None if self.is_waiting(heard.file) => Fate::Honoured,
            None | Some(Asker::Unknown) => {
                voice.warn(format!(
                    "a request of which nobody can tell who made it was not honoured: {asked}; who \
                     meant it says it again"
                ));
                Fate::Refused("the orch that builds here cannot tell who asks".to_owned())
            }
        }
    }

    fn is_waiting(&self, file: &Path) -> bool {
        self.waiting.iter().any(|it| it == file)
    }
}

impl BuildLoop<'_> {
    /// Takes in what was said since.
    pub(super) fn heed(&mut self) -> Result<()> {
        for word in self.words.take(&mut self.voice)? {
            match word {
                // It was told when its fate was settled.
                Word::Refused { .. } => {}
                Word::Answer { task, text } => self.step(Event::Answered { task, text })?,
                Word::Decide { task, decision } => {
                    let decide = Decide { task, decision };
                    let status = decided_status(&self.state.engine, &decide);
                    self.step(Event::Decided(decide))?;
                    status.into_iter().for_each(|edit| self.landings.statuses.queue(edit));
                }
            }
        }
        Ok(())
    }

    pub(super) fn heed_no_more(&mut self) -> Result<()> {
        self.words.close(&mut self.voice)
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
fn refused(inside: &Inside, asked: &str) -> String {
    format!("{inside} tried {asked}: refused; a session decides nothing here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::TaskRef;
    use crate::host::build_loop::tests::Recorder;
    use crate::host::git::scratch::Scratch;
    use crate::host::state::log::run_started;
    use crate::host::store::folder::Access;

    fn word(text: &str) -> Word {
        Word::Answer { task: TaskRef::new("demo", "1"), text: text.to_owned() }
    }

    #[test]
    fn a_word_of_nobody_counts_only_where_it_was_there_before_the_run() {
        let scratch = Scratch::new(&[(".gitignore", ".orch/\n")]);
        let root = scratch.root();
        let mut state = State::open(&root, Access::ReadWrite, Vec::new()).unwrap();
        drop(inbox::post(&root, &word("early")).unwrap());
        let words = Words::that_wait(&state).unwrap();
        drop(inbox::post(&root, &word("late")).unwrap());
        let mut surface = Recorder::default();
        let taken = words.take(&mut Voice::of(&mut surface, None)).unwrap();
        assert_eq!(taken, [word("early")]);
        assert_eq!(surface.said.len(), 1);
        assert!(surface.said[0].contains("`orch answer demo//1`"), "{:?}", surface.said);
        // The run before was killed: one of its attempts may have left it.
        drop(inbox::post(&root, &word("of a dead run?")).unwrap());
        state.log.append(&run_started()).unwrap();
        let words = Words::that_wait(&state).unwrap();
        assert_eq!(words.take(&mut Voice::of(&mut Recorder::default(), None)).unwrap(), []);
    }

    #[test]
    fn what_a_command_refused_is_told_and_the_end_leaves_nothing_of_nobody() {
        let scratch = Scratch::new(&[(".gitignore", ".orch/\n")]);
        let root = scratch.root();
        let state = State::open(&root, Access::ReadWrite, Vec::new()).unwrap();
        let words = Words::that_wait(&state).unwrap();
        let by = Some(TaskRef::new("demo", "1"));
        let refused = Word::Refused { asked: "orch accept".to_owned(), by };
        drop(inbox::post(&root, &refused).unwrap());
        let mut surface = Recorder::default();
        words.close(&mut Voice::of(&mut surface, None)).unwrap();
        assert!(surface.said[0].contains("tried `orch accept`: refused"), "{:?}", surface.said);
        assert!(!inbox::has_words(&root));
    }
}
