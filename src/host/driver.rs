//! The driver: what commands ask of a repository. Every command that builds, surveys or decides goes
//! through it; there is no second path.

mod decide;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::digest::Digest;
use crate::base::name::{RelPath, TaskRef};
use crate::engine::effect::BuildRequest;
use crate::engine::picture::{Extent, Picture};
use crate::engine::record::{AttemptEnded, Record};
use crate::engine::step::Engine;
use crate::spec::config::Config;

use super::build_loop::{self, Parts};
use super::check;
use super::error::{Doing, Result};
use super::land::Landings;
use super::landing::Followed;
use super::reports;
use super::rest;
use super::session::Runner;
use super::state::{State, live};
use super::store::Store;
use super::store::folder::Access;
use super::surface::{CheckedDocument, Summary, Surface};

pub use self::decide::Delivery;
pub use super::build_loop::halt::StopReason;
pub use super::check::caution::is_settings;
pub use super::check::check;

/// A repository with its engine, opened for one command.
pub struct Driver {
    state: State,
    landings: Landings,
    has_built: bool,
}

/// What a glance at a repository told before a build of everything.
pub enum AtRest {
    /// There is nothing to do; this is journaled like any other build.
    Nothing(Summary),
    /// A driver of the few tasks that changed files can reach.
    Little(Box<Driver>),
}

/// What is to be done for a build of everything in the repository around `start`, where little or
/// nothing is. `None`: find out the long way, errors included.
pub fn at_rest(start: &Path) -> Option<AtRest> {
    Some(match rest::at_rest(start)? {
        rest::AtRest::Nothing(summary) => AtRest::Nothing(summary),
        rest::AtRest::Little(state) => AtRest::Little(Box::new(Driver::of(*state))),
    })
}

/// A driver to look at one task with, where what decides it is known without deciding all.
pub fn driver_to_see(start: &Path, task: &TaskRef) -> Option<Driver> {
    rest::state_to_see(start, task).map(Driver::of)
}

impl Driver {
    /// Opens the repository around `start`. With `Access::ReadWrite` this process is the only one
    /// that builds; with `ReadOnly` nothing on the disk changes. `extra_plans` are read, too, wherever
    /// they lie.
    pub fn open(start: &Path, access: Access, extra_plans: Vec<RelPath>) -> Result<Self> {
        Ok(Self::of(State::open(start, access, extra_plans)?))
    }

    fn of(state: State) -> Self {
        Self { state, landings: Landings::default(), has_built: false }
    }

    /// Builds what is asked for and returns when everything is decided. Documents must be without
    /// errors.
    pub fn build(&mut self, request: BuildRequest, surface: &mut dyn Surface) -> Result<Summary> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .doing("starting the runtime", self.root())?;
        self.state.arm()?;
        self.state.freeze_wrong_plans();
        self.has_built = true;
        let parts = Parts { state: &mut self.state, landings: &mut self.landings };
        let runner = Runner::new()?;
        let summary = runtime.block_on(build_loop::run(parts, request, runner, surface));
        runtime.shutdown_timeout(Duration::from_secs(5));
        summary
    }

    /// Decides everything and runs nothing: `status`, `why`, `graph`, `--dry-run`.
    pub fn survey(&mut self, request: BuildRequest) -> Result<Picture> {
        self.state.freeze_wrong_plans();
        self.state.survey(request)?;
        self.landings.following.look(&self.state.checkout)?;
        Ok(self.present_picture(Extent::Whole))
    }

    /// The engine's picture, with what waits for the user's branch, from earlier builds too.
    pub fn present_picture(&self, extent: Extent) -> Picture {
        self.landings.picture(&self.state, extent)
    }

    /// Shows in a survey what an orch in another process runs at present.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn show_running_elsewhere(&self, picture: &mut Picture) -> Result<()> {
        live::show_running_elsewhere(self.root(), picture)
    }

    /// What the running attempt of a task says; `None` while none runs.
    pub fn live_transcript(
        &self,
        task: &TaskRef,
        records: &[Record],
    ) -> Option<live::LiveTranscript> {
        live::transcript_of(self.root(), task, records)
    }

    /// The bytes of a running attempt's stream from an offset on.
    pub fn read_live(&self, path: &Path, from: u64) -> Result<Vec<u8>> {
        live::read(path, from)
    }

    /// What an attempt that is over said; `None` where nothing of it is kept.
    pub fn transcript_of(&self, ended: &AttemptEnded) -> Result<Option<Vec<u8>>> {
        let remains = self.state.log.remains_of(ended).and_then(|it| it.transcript.as_deref());
        self.kept(ended.transcript.as_ref(), remains)
    }

    /// The report of the task's accepted result; `None` where it has none, or its text is lost.
    pub fn report_of(&self, task: &TaskRef) -> Result<Option<String>> {
        let accepted = self.engine().history().task(task).and_then(|it| it.accepted.as_ref());
        let Some(reported) = accepted.and_then(|it| it.report.as_ref()) else { return Ok(None) };
        reports::text_of(reported, task, self.store(), &self.state.checkout.repo)
    }

    /// What it was told.
    pub fn prompt_of(&self, ended: &AttemptEnded) -> Result<Option<Vec<u8>>> {
        let remains = self.state.log.remains_of(ended).and_then(|it| it.prompt.as_deref());
        self.kept(ended.prompt.as_ref(), remains)
    }

    fn kept(&self, stored: Option<&Digest>, remains: Option<&Path>) -> Result<Option<Vec<u8>>> {
        match (stored, remains) {
            (Some(digest), _) => self.store().get(digest),
            (None, Some(file)) => live::read(file, 0).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Diagnoses `files`, or every document there is.
    pub fn check(&mut self, files: &[PathBuf]) -> Result<Vec<CheckedDocument>> {
        check::check(self.root(), files)
    }

    /// Only the documents with something to say, without the plans' normal forms.
    pub fn faulty(&self) -> Vec<CheckedDocument> {
        check::faulty(&self.state.loaded, &self.state.engine)
    }

    /// The settings, and what these tasks, or all, are made from, where anything is doubtful about it:
    /// its warnings alone.
    pub fn cautions(&self, wanted: Option<&[TaskRef]>) -> Vec<CheckedDocument> {
        let State { loaded, engine, .. } = &self.state;
        let lying = check::caution::lying(self.root(), loaded, engine);
        check::caution::cautions_with(&lying, loaded, engine, wanted)
    }

    pub fn root(&self) -> &Path {
        self.state.root()
    }

    pub fn store(&self) -> &Store {
        &self.state.store
    }

    pub fn engine(&self) -> &Engine {
        &self.state.engine
    }

    pub fn config(&self) -> &Config {
        self.state.config()
    }

    pub fn has_errors(&self) -> bool {
        self.state.has_errors()
    }

    /// True once a build ran: the picture is then its outcome.
    pub fn has_built(&self) -> bool {
        self.has_built
    }

    /// `-j` where none is given: the configured number, else one for each core.
    pub fn default_jobs(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.config().jobs.unwrap_or_else(|| u32::try_from(cores).unwrap_or(u32::MAX)).max(1)
    }

    pub fn tasks(&self) -> Vec<TaskRef> {
        self.state.engine.tasks()
    }

    /// Journal records, oldest first.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.state.log.records()
    }

    /// Every attempt of the task that ended, validators' too, oldest first.
    pub fn attempts_of(&self, task: &TaskRef) -> Result<Vec<AttemptEnded>> {
        self.state.log.attempts_of(task)
    }

    /// Tasks whose landings wait under the tip's ref, oldest first.
    pub fn parked_tasks(&self) -> Result<Vec<TaskRef>> {
        self.state.checkout.parked_tasks()
    }

    /// Files whose uncommitted text of the user's lies beneath those landings.
    pub fn parked_edits(&self) -> Result<BTreeSet<RelPath>> {
        self.state.checkout.parked_edits()
    }

    /// Takes parked work onto the branch where nothing of the user's stands in the way.
    pub fn take_parked(&mut self) -> Result<Followed> {
        self.landings.following.take(&mut self.state.checkout)
    }
}
