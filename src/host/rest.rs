//! A repository at rest: a build that found everything up to date notes what it saw, and while that
//! is so the next one has nothing to decide. No engine is asked: documents, history, listed
//! variables and input files have the same content, and deciding is a function of these.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::file::FileState;
use crate::base::name::{CommitId, RelPath, TaskRef};
use crate::engine::effect::{Amount, BuildRequest};
use crate::host::check::caution::cautions;
use crate::host::compiled;
use crate::host::documents::Loaded;
use crate::host::error::{Doing, Result};
use crate::host::journal;
use crate::host::scan::Found;
use crate::host::state::State;
use crate::host::state::log::is_idle;
use crate::host::store::folder::{self, Access, OrchFolder};
use crate::host::surface::Summary;

mod charted;
mod glance;

use glance::Glance;

const FILE: &str = "rest-v4";
/// The journal behind the note is read each time; from this many bytes on a new note pays.
const TAIL_LIMIT: u64 = 64 * 1024;

/// What a build saw that found everything up to date.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Of everything but the files.
    circumstances: Digest,
    journal: journal::Mark,
    /// Names of the variables that keys read.
    variables: Vec<String>,
    /// What was asked of the scan, and the digest of its answer.
    globs: Vec<Vec<String>>,
    paths: Vec<RelPath>,
    /// Single files of which only counts that they are there.
    outputs: Vec<RelPath>,
    found: Digest,
    n_tasks: u32,
    n_skipped: u32,
    /// The digest of the chart of all tasks; `None` where none was kept.
    charted: Option<Digest>,
}

/// What a glance at a repository told before a build of everything.
pub enum AtRest {
    /// There is nothing to do; this is journaled like any other build.
    Nothing(Summary),
    /// What is known of the few tasks that changed files can reach.
    Little(Box<State>),
}

/// What is to be done for a build of everything in the repository around `start`, where little or
/// nothing is. `None`: find out the long way, errors included.
pub fn at_rest(start: &Path) -> Option<AtRest> {
    let began = Instant::now();
    let glance = Glance::of(start, Access::ReadWrite)?;
    if glance.has_changes() {
        return glance.state(None).map(|it| AtRest::Little(Box::new(it)));
    }
    let summary = glance.conclude()?;
    let wall_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Some(AtRest::Nothing(Summary { wall_ms, ..summary }))
}

/// What is known of one task, where what decides it is known without deciding all.
pub fn state_to_see(start: &Path, task: &TaskRef) -> Option<State> {
    Glance::of(start, Access::ReadOnly)?.state(Some(task))
}

/// True for a build of everything there is.
pub fn is_of_everything(request: &BuildRequest) -> bool {
    let is_whole = request.amount == Amount::All && request.resume_from.is_none();
    request.targets.is_none() && request.force.is_empty() && !request.watch && is_whole
}

/// Notes that everything is up to date, where that is all there is to say. A short cut only:
/// without it the next build takes longer.
pub fn note(state: &State) -> Result<()> {
    let (Some(found), Some(mark)) = (&state.scanned, state.log.mark()?) else { return Ok(()) };
    let State { engine, loaded, checkout, .. } = state;
    // A warning is told by each build: a glance at the files would not.
    if !cautions(loaded, engine, None).is_empty() {
        return Ok(());
    }
    let is_quiet = engine.is_at_rest() && !state.log.has_news();
    if !is_quiet || !loaded.extra.is_empty() || !checkout.is_level()? {
        return Ok(());
    }
    let variables = engine.variables();
    let Some(circumstances) = circumstances(loaded, &checkout.tip, &variables) else {
        return Ok(());
    };
    let charted = keep_chart(state, found);
    let wanted = engine.files_by_use();
    let counts = engine.counts();
    let note = Note {
        circumstances,
        journal: mark,
        variables,
        globs: wanted.globs.into_iter().map(|set| set.patterns).collect(),
        paths: wanted.read,
        outputs: wanted.outputs,
        found: digest_of(found),
        n_tasks: counts.wanted,
        n_skipped: counts.skipped,
        charted,
    };
    write(state.root(), &note)
}

/// Only a short cut for builds with little to do: they go the long way without.
fn keep_chart(state: &State, found: &Found) -> Option<Digest> {
    let (chart, parts) = state.engine.chart()?;
    match charted::keep(state.root(), chart, found, &parts) {
        Ok(digest) => Some(digest),
        Err(error) => {
            tracing::warn!("the chart of all tasks was not kept: {error}");
            None
        }
    }
}

/// A build of a part that found nothing to do would find it so each time, and never as quickly
/// as one of everything at rest.
pub fn forget_part(state: &State) -> Result<()> {
    if state.part.is_none() || state.log.has_news() {
        return Ok(());
    }
    let place = OrchFolder::below(state.root(), Access::ReadWrite).join(FILE);
    match std::fs::remove_file(&place) {
        Err(error) if !folder::is_absent(&error) => {
            Err(error).doing("forgetting what was at rest", &place)
        }
        _ => Ok(()),
    }
}

/// Digest of everything that deciding reads beside files and journal; `None` where documents are
/// not in order.
fn circumstances(loaded: &Loaded, tip: &CommitId, variables: &[String]) -> Option<Digest> {
    if !loaded.diagnostics.is_empty() {
        return None;
    }
    let mut print = Fingerprint::new("orch at rest v1");
    print.section("orch");
    print.entry("version", env!("CARGO_PKG_VERSION").as_bytes());
    print.entry("program", &compiled::this_program()?);
    print.section("tip");
    print.entry("commit", tip.as_str().as_bytes());
    print.section("documents");
    for (path, source) in &loaded.sources {
        print.entry(path.as_str(), source.text.as_bytes());
    }
    print.section("variables");
    for name in variables {
        let known = loaded.documents.env.iter().find(|(known, _)| known == name);
        let value = known.map(|(_, value)| value);
        print.entry(name, value.map_or(b"", |_| b"="));
        print.entry(name, value.map_or(b"", |value| value.as_bytes()));
    }
    Some(print.finish())
}

/// True where nothing was journaled since but builds that had nothing to do.
fn is_quiet_behind(root: &Path, mark: &journal::Mark) -> bool {
    if !mark.holds(root) {
        return false;
    }
    let Ok(tail) = journal::read_from(root, mark.offset) else { return false };
    let is_short = tail.end - mark.offset < TAIL_LIMIT;
    is_short && tail.damage.is_empty() && tail.records.iter().all(is_idle)
}

fn digest_of(found: &[(RelPath, Option<FileState>)]) -> Digest {
    let mut print = Fingerprint::new("orch files v1");
    for (path, state) in found {
        print.entry(path.as_str(), &[]);
        if let Some(FileState { digest, kind }) = state {
            print.entry("", &[*kind as u8]);
            print.entry("", digest.as_bytes());
        }
    }
    print.finish()
}

fn read(root: &Path) -> Option<Note> {
    let folder = OrchFolder::below(root, Access::ReadOnly);
    let bytes = folder::read_if_there(&folder.join(FILE)).ok()??;
    let (digest, bytes) = bytes.split_at_checked(32)?;
    let is_whole = Digest::of(bytes).as_bytes() == digest;
    is_whole.then(|| postcard::from_bytes(bytes).ok()).flatten()
}

fn write(root: &Path, note: &Note) -> Result<()> {
    let folder = OrchFolder::below(root, Access::ReadWrite);
    let path = folder.join(FILE);
    let bytes = postcard::to_stdvec(note).doing("noting that nothing is to do", &path)?;
    folder.write_whole(&path, &[Digest::of(&bytes).as_bytes(), &bytes])
}
