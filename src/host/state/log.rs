//! The journal as one command reads and writes it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::name::TaskRef;
use crate::engine::record::{AttemptEnded, Record};
use crate::host::clock;
use crate::host::error::Result;
use crate::host::journal::{self, Journal, Mark};
use crate::host::mask::Mask;

use super::book::{CutOff, Remains};

/// What is on record, and what this command adds to it.
pub struct Log {
    root: PathBuf,
    /// `None` where this command only looks.
    journal: Option<Journal>,
    /// The journal's, read where they are asked for.
    attempts: OnceCell<BTreeMap<TaskRef, Vec<AttemptEnded>>>,
    /// Sessions whose orch was killed, where this command only looks: the journal has no end of them.
    cut_off: Vec<CutOff>,
    /// Something was appended that decisions read.
    has_news: bool,
    mask: Mask,
}

impl Log {
    pub fn of(root: PathBuf, journal: Option<Journal>) -> Self {
        let (attempts, cut_off) = (OnceCell::new(), Vec::new());
        let mask = if journal.is_some() { Mask::of_process() } else { Mask::default() };
        Self { root, journal, attempts, cut_off, has_news: false, mask }
    }

    /// From now on this command writes, too.
    pub fn open(&mut self, journal: Journal) {
        self.journal = Some(journal);
        self.mask = Mask::of_process();
    }

    /// `None` where this command only looks.
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    pub fn append(&mut self, record: &Record) -> Result<()> {
        self.has_news |= !is_idle(record);
        self.attempts.take();
        match &mut self.journal {
            Some(journal) => journal.append(&self.mask.record(record)),
            None => Ok(()),
        }
    }

    /// True where something was appended that decisions read.
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// Journal records, oldest first, and last what the next build will book.
    pub fn records(&self) -> Result<Vec<Record>> {
        let mut records = journal::read(&self.root)?.records;
        let booked = self.cut_off.iter().map(|it| Record::AttemptEnded(Box::new(it.ended.clone())));
        records.extend(booked);
        Ok(records)
    }

    /// From now on these ends are told, too.
    pub fn show_cut_off(&mut self, cut_off: Vec<CutOff>) {
        self.attempts.take();
        self.cut_off = cut_off;
    }

    /// What a session that was cut off has left; `None` of any other.
    pub fn remains_of(&self, ended: &AttemptEnded) -> Option<&Remains> {
        self.cut_off.iter().find(|it| it.ended == *ended).map(|it| &it.remains)
    }

    /// Those from a place in the journal on.
    pub fn records_from(&self, offset: u64) -> Result<Vec<Record>> {
        Ok(journal::read_from(&self.root, offset)?.records)
    }

    /// Every attempt of the task that ended, validators' too, oldest first.
    pub fn attempts_of(&self, task: &TaskRef) -> Result<Vec<AttemptEnded>> {
        if self.attempts.get().is_none() {
            let mut all: BTreeMap<TaskRef, Vec<AttemptEnded>> = BTreeMap::new();
            let booked = self.cut_off.iter().map(|it| it.ended.clone());
            for ended in journal::attempts(&self.root)?.into_iter().chain(booked) {
                all.entry(ended.task.clone()).or_default().push(ended);
            }
            self.attempts.get_or_init(|| all);
        }
        Ok(self.attempts.get().and_then(|all| all.get(task)).cloned().unwrap_or_default())
    }

    /// Where the journal ends now.
    pub fn end(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::end)
    }

    /// As [`Log::end`], such that a later process can tell whether that is still so.
    pub fn mark(&self) -> Result<Option<Mark>> {
        self.journal.as_ref().map(Journal::mark).transpose()
    }

    /// True where somebody else has written into the journal since this was last asked.
    pub fn was_touched(&mut self) -> Result<bool> {
        self.journal.as_mut().map_or(Ok(false), Journal::was_touched)
    }
}

/// The record that a run of this process begins with.
pub fn run_started() -> Record {
    Record::RunStarted {
        at: clock::now(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        args: std::env::args().collect(),
    }
}

/// True for what a build journals that has nothing to do: that it ran, and that plans which are done have been
/// looked at as a whole.
pub fn is_idle(record: &Record) -> bool {
    matches!(
        record,
        Record::RunStarted { .. }
            | Record::RunEnded { .. }
            | Record::PlanToClose { is_open: false, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::measure::Moment;
    use crate::base::name::{AttemptId, PlanName};

    #[test]
    fn a_log_that_only_looks_writes_nothing_and_runs_alone_are_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let mut looking = Log::of(root.clone(), None);
        looking.append(&run_started()).unwrap();
        assert_eq!((looking.end(), looking.records().unwrap().len()), (0, 0));
        let mut log = Log::of(root.clone(), Some(Journal::open(&root).unwrap()));
        log.append(&run_started()).unwrap();
        let closed =
            |is_open| Record::PlanToClose { at: Moment(1), plan: PlanName::new("p"), is_open };
        log.append(&closed(false)).unwrap();
        assert!(!log.has_news(), "a plan that was looked at as a whole is at rest");
        assert!(!is_idle(&closed(true)));
        let begin = log.end();
        let started = Record::ProcessStarted { attempt: AttemptId(1), pid: 1, start_ticks: 1 };
        log.append(&started).unwrap();
        assert!(log.has_news());
        assert_eq!(log.records_from(begin).unwrap(), [started]);
        assert_eq!(log.records().unwrap().len(), 3);
    }
}
