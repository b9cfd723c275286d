//! What commands ask of a repository: the driver answers, and tests answer in its place.

use std::path::{Path, PathBuf};

use crate::base::measure::Moment;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::engine::effect::{BuildRequest, Decide, Explained, Intent};
use crate::engine::picture::Picture;
use crate::engine::record::{AcceptedResult, AttemptEnded, Judged, Record, SmokeEnded};
use crate::host::driver::Delivery;
use crate::host::driver::{self as builder, Driver};
use crate::host::error::Result;
use crate::host::store::folder;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::transcript::Speaker;

mod driver;

/// A repository with its plans, history and cache.
pub trait Project {
    /// The repository's root.
    fn root(&self) -> &Path;
    /// Diagnoses these documents, or all there are; nothing runs.
    fn check(&mut self, files: &[PathBuf]) -> Result<Vec<CheckedDocument>>;
    /// The documents with errors, all of them parsed already: what a build asks first.
    fn faulty(&mut self) -> Result<Vec<CheckedDocument>>;
    /// Warnings of the settings and of what these tasks, or all, are made from.
    fn cautions(&mut self, wanted: Option<&[TaskRef]>) -> Result<Vec<CheckedDocument>>;
    /// Tasks to be done that this build could give no model because of its flags, with why.
    fn without_model(&mut self, request: &BuildRequest) -> Result<Vec<(TaskRef, String)>>;
    /// Every task there is, in plan and file order.
    fn tasks(&mut self) -> Result<Vec<TaskRef>>;
    /// Where everything stands, without building.
    fn picture(&mut self, now: Moment) -> Result<Picture>;
    /// Brings targets up to date.
    fn build(&mut self, request: BuildRequest, surface: &mut dyn Surface) -> Result<Summary>;
    /// The task's present key with what it is made of; `None` while it cannot be known.
    fn explain(&mut self, task: &TaskRef) -> Result<Option<Explained>>;
    /// The key of the task's last accepted result with what it was made of.
    fn last_explained(&mut self, task: &TaskRef) -> Result<Option<Explained>>;
    /// Every attempt of the task that ended, validators' too, oldest first.
    fn attempts_of(&mut self, task: &TaskRef) -> Result<Vec<AttemptEnded>>;
    /// The whole journal, oldest first.
    fn journal(&mut self) -> Result<Vec<Record>>;

    /// How its last competition ended; `None` where there was none.
    fn judged_of(&mut self, task: &TaskRef) -> Result<Option<Judged>>;
    /// The accepted result that the task stands on.
    fn result_of(&mut self, task: &TaskRef) -> Result<Option<AcceptedResult>>;
    /// What its report says, also where git alone has it.
    fn report_of(&mut self, task: &TaskRef) -> Result<Option<String>>;
    /// The stream of one attempt (counted from 1; `None`: the newest) from byte `from` on.
    fn transcript(
        &mut self,
        task: &TaskRef,
        attempt: Option<u32>,
        from: u64,
    ) -> Result<Option<Transcript>>;
    /// What the session of one attempt (as above) was told, secrets masked; `None` where that is not kept.
    fn prompt(&mut self, task: &TaskRef, attempt: Option<u32>) -> Result<Option<Prompt>>;
    /// What the task would be given if it ran now; `None` while it cannot be built.
    fn intent_of(&mut self, task: &TaskRef) -> Result<Option<Intent>>;
    /// The last smoke test of a plan that was really run, with all that it said; `None` for the latter
    /// where that is not kept.
    fn smoke_of(&mut self, plan: &PlanName) -> Result<Option<(SmokeEnded, Option<Vec<u8>>)>>;
    /// Takes a person's decisions down.
    fn decide(&mut self, decisions: &[Decide]) -> Result<Delivery>;
    /// Takes down that the usage limits which are known are over: their names.
    fn lift_limits(&mut self) -> Result<Vec<String>>;
    /// Takes a person's answer to a task's open question down.
    fn answer(&mut self, task: &TaskRef, text: &str) -> Result<Delivery>;
    /// Takes parked landings onto the branch, or only says which there are.
    fn land(&mut self, how: Landing) -> Result<Landed>;
}

/// What a command may do to the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is created, changed or removed; others may build meanwhile.
    ReadOnly,
    /// The only one that builds or decides.
    Exclusive,
}

/// Opens the repository for a person's word: where another orch builds, that one will be told.
///
/// # Errors
/// It cannot be read.
pub fn open_to_decide(root: &Path) -> Result<Box<dyn Project>> {
    let is_held = crate::host::lock::Lock::holder_of(root).is_some();
    open(root, if is_held || is_fresh(root) { Access::ReadOnly } else { Access::Exclusive })
}

/// True where orch has made nothing yet. What the command line names is looked up there before
/// anything is made: the project arms itself when it builds or decides.
pub fn is_fresh(root: &Path) -> bool {
    !root.join(folder::NAME).exists()
}

/// Opens the repository.
///
/// # Errors
/// It cannot be read, or another orch holds it.
pub fn open(root: &Path, access: Access) -> Result<Box<dyn Project>> {
    open_with(root, access, Vec::new())
}

/// As [`open`], with plans that lie in no folder of plans.
pub fn open_with(root: &Path, access: Access, plans: Vec<RelPath>) -> Result<Box<dyn Project>> {
    let access = match access {
        Access::ReadOnly => folder::Access::ReadOnly,
        Access::Exclusive => folder::Access::ReadWrite,
    };
    Ok(Box::new(Driver::open(root, access, plans)?))
}

/// What is to be done before a build of everything, as far as that is known.
pub enum AtRest {
    /// Nothing, and that is journaled.
    Nothing(Summary),
    /// What this project can do, which knows of nothing else.
    Little(Box<dyn Project>),
}

/// A glance at a repository in which little or nothing has changed since a build had nothing to do;
/// `None` where all there is must be looked at.
pub fn at_rest(root: &Path) -> Option<AtRest> {
    Some(match builder::at_rest(root)? {
        builder::AtRest::Nothing(summary) => AtRest::Nothing(summary),
        builder::AtRest::Little(driver) => AtRest::Little(driver),
    })
}

/// A project to see one task in, where what it says of it is known without the others.
pub fn open_to_see(root: &Path, task: &TaskRef) -> Option<Box<dyn Project>> {
    Some(Box::new(builder::driver_to_see(root, task)?))
}

/// Opens what can be checked: a repository, or loose documents where there is none.
pub fn open_to_check(root: &Path) -> Box<dyn Project> {
    Box::new(driver::Loose { root: root.to_owned() })
}

/// A piece of an attempt's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Number of the attempt.
    pub attempt: u32,
    pub speaker: Speaker,
    pub bytes: Vec<u8>,
    /// More may come.
    pub is_running: bool,
}

/// What a session was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Number of the attempt.
    pub attempt: u32,
    pub text: String,
}

/// Whether `land` does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    Now,
    /// Only say what would be done.
    DryRun,
}

/// What `land` did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Landed {
    /// Tasks whose landings the branch takes, oldest first.
    #[serde(serialize_with = "crate::engine::picture::all_as_text")]
    pub tasks: Vec<TaskRef>,
    /// Files whose uncommitted edits of the user's are committed with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// Why it cannot be done now, and what to do.
    pub refused: Option<String>,
}

#[cfg(test)]
pub mod fake;
