//! One attempt on its own task: a worktree, the run in it, and what it left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::base::file::{FileState, Patch};
use crate::base::measure::{Millis, Usd};
use crate::base::name::{AttemptId, CommitId, RelPath, TreeId};
use crate::engine::effect::{Base, Launch, Purpose};
use crate::engine::outcome::evidence::{Ending, Evidence, OtherDocument, PlanEdit, StatusFile};
use crate::engine::outcome::last_words;
use crate::engine::stream::StreamFacts;
use crate::host::error::{Error, Result};
use crate::host::scan::{AsIs, Scanner};
use crate::host::session::{AsideEnded, Attempted, Place, Stop, Told};
use crate::host::store::folder::Access;
use crate::host::worktree::{BaseTree, Worktree};
use crate::spec::glob::GlobSet;

use crate::host::driver::Shared;
use crate::host::land::Kept;
use crate::host::land::plan;
use crate::host::work::Message;
use crate::host::work::exhibits;

/// What an attempt starts from, worked out by the driver before it is let go.
pub(in crate::host) struct Start {
    pub launch: Launch,
    pub tip: CommitId,
    /// The overlay as far as the user has really changed it.
    pub overlay: Vec<RelPath>,
    /// The worktree of the attempt whose session goes on.
    pub continued: Option<Worktree>,
    /// What a resumed session has cost before.
    pub base_cost: Usd,
}

/// Runs an attempt to its end and tells the driver; never fails: what goes wrong is evidence.
pub(in crate::host) async fn run(
    shared: Shared,
    start: Start,
    stop: watch::Receiver<Stop>,
    tell: mpsc::Sender<Message>,
) {
    let attempt = start.launch.attempt;
    let private = shared.folders.of(attempt);
    let ended = live(&shared, start, &private, (stop, &tell)).await;
    // Transcript and stderr are in the store by now; what stays is scratch.
    shared.folders.give_back(private);
    let message = match ended {
        Ok((evidence, kept)) => {
            Message::Ended { attempt, evidence: Box::new(evidence), kept: kept.map(Box::new) }
        }
        Err(error) => {
            let evidence = Box::new(never_ran(Ending::LaunchFailed(error.told())));
            Message::MachineFailed { attempt, evidence }
        }
    };
    let _ = tell.send(message).await;
}

async fn live(
    shared: &Shared,
    start: Start,
    private: &Path,
    (stop, tell): (watch::Receiver<Stop>, &mpsc::Sender<Message>),
) -> Result<(Evidence, Option<Kept>)> {
    let Start { launch, tip, overlay, continued, base_cost } = start;
    let launch = Arc::new(launch);
    let goes_on = continued.is_some();
    let (base, worktree) = open(shared, (Arc::clone(&launch), tip, overlay), continued).await?;
    let own = (launch.attempt, private);
    let worktree = match set_up(shared, worktree, own, (stop.clone(), tell)).await? {
        Ok(worktree) if *stop.borrow() == Stop::No => worktree,
        // It was stopped before it began.
        Ok(_) => return Ok((never_ran(Ending::Cancelled), None)),
        Err(evidence) => return Ok((*evidence, None)),
    };
    let laid = plan::lay(shared, &launch, (&base, &worktree), goes_on)?;
    exhibits::lay(shared, &launch, worktree.root())?;
    let place = Place {
        worktree: worktree.root().to_owned(),
        private: private.to_owned(),
        root: shared.root.to_path_buf(),
        config: shared.config.session.clone(),
        base_cost,
    };
    let (told, mut heard) = mpsc::channel(64);
    let running = shared.runner.run(&launch, &place, told, stop);
    let relay = async {
        while let Some(it) = heard.recv().await {
            let message = match it {
                Told::Started(info) => Message::Started { attempt: launch.attempt, info },
                Told::Progress(progress) => Message::Progress { attempt: launch.attempt, progress },
            };
            if tell.send(message).await.is_err() {
                break;
            }
        }
    };
    let (attempted, ()) = tokio::join!(running, relay);
    let attempted = attempted?;
    let shared = shared.clone();
    blocking(move || collect(&shared, (&launch, laid), (base, worktree), attempted)).await
}

async fn open(
    shared: &Shared,
    (launch, tip, overlay): (Arc<Launch>, CommitId, Vec<RelPath>),
    continued: Option<Worktree>,
) -> Result<(BaseTree, Worktree)> {
    if let Some(worktree) = continued {
        return Ok((worktree.base().clone(), worktree));
    }
    let shared = shared.clone();
    blocking(move || {
        let start = match &launch.base {
            Base::Candidate(tree) => Base::Candidate(tree.clone()),
            Base::Tip | Base::Continue(_) | Base::Parked(_) => Base::Tip,
        };
        let base = shared.repo.base_tree(&start, &tip, &overlay)?;
        let worktree = shared.pool.acquire(&base)?;
        Ok((base, worktree))
    })
    .await
}

/// Runs the project's set-up line in a worktree that has not had it. Where the line fails or is
/// stopped, what it left is thrown away, and what it said is the attempt's transcript.
async fn set_up(
    shared: &Shared,
    mut worktree: Worktree,
    (attempt, private): (AttemptId, &Path),
    (stop, tell): (watch::Receiver<Stop>, &mpsc::Sender<Message>),
) -> Result<std::result::Result<Worktree, Box<Evidence>>> {
    let Some(line) = shared.config.worktree.setup.as_deref().filter(|_| worktree.is_fresh()) else {
        return Ok(Ok(worktree));
    };
    let started = async |info| {
        let _ = tell.send(Message::Started { attempt, info }).await;
    };
    let place = (worktree.root(), private, &*shared.root);
    let ended = shared.runner.set_up(line, place, started, stop).await?;
    if ended.ending == Ending::Exited(0) {
        worktree.mark_ready()?;
        return Ok(Ok(worktree));
    }
    shared.pool.discard(worktree)?;
    let transcript = Some(shared.store.put_file(&ended.transcript)?);
    Ok(Err(Box::new(Evidence { transcript, ..never_ran(ending_of_set_up(line, &ended)) })))
}

fn ending_of_set_up(line: &str, ended: &AsideEnded) -> Ending {
    let how = match &ended.ending {
        Ending::Cancelled => return Ending::Cancelled,
        Ending::Exited(code) => format!("exit status: {code}"),
        Ending::Signaled(signal) => format!("signal {signal}"),
        other => format!("{other:?}"),
    };
    // Many tools say on stdout what is wrong.
    let last = last_words(&ended.stderr_tail).or_else(|| last_words(&ended.stdout_tail));
    let last = last.unwrap_or_else(|| "it said nothing".to_owned());
    Ending::SetupFailed(format!(
        "`worktree.setup` failed ({how}): {last}; try it by hand in a fresh clone: {line}"
    ))
}

fn collect(
    shared: &Shared,
    (launch, laid): (&Launch, Option<Arc<str>>),
    (base, worktree): (BaseTree, Worktree),
    attempted: Attempted,
) -> Result<(Evidence, Option<Kept>)> {
    let transcript = match (attempted.has_run, attempted.transcript.exists()) {
        (_, true) => Some(shared.store.put_file(&attempted.transcript)?),
        (true, false) => Some(shared.store.put(&[])?),
        (false, false) => None,
    };
    let (left, damage) = match &launch.purpose {
        Purpose::Work => match left_by(shared, (launch, laid.as_ref()), &worktree)? {
            Ok(left) => (left, None),
            Err(damage) => (Left::default(), Some(damage)),
        },
        Purpose::Validate(_) | Purpose::Judge(..) => (Left::default(), None),
    };
    let evidence = Evidence {
        ending: attempted.ending,
        read_set: read_set(shared, &attempted.stream, (&base, worktree.root()))?,
        stream: attempted.stream,
        status_file: attempted.status_file,
        patch: left.patch,
        plan_edit: left.plan_edit,
        damage,
        base: Some(base.tip.clone()),
        missing_outputs: left.missing_outputs,
        ignored_outputs: left.ignored_outputs,
        other_documents: left.other_documents,
        stdout_tail: attempted.stdout_tail,
        stderr_tail: attempted.stderr_tail,
        session: attempted.session,
        transcript,
        duration: attempted.duration,
    };
    if evidence.damage.is_some() {
        shared.pool.discard(worktree)?;
        return Ok((evidence, None));
    }
    let left_out = left.left_out;
    let kept =
        left.tree.map(|tree| Kept { left_out, ..Kept::new(&launch.task, &base, tree, worktree) });
    Ok((evidence, kept))
}

/// What work left in its worktree.
#[derive(Default)]
struct Left {
    tree: Option<TreeId>,
    patch: Patch,
    plan_edit: Option<PlanEdit>,
    missing_outputs: Vec<String>,
    ignored_outputs: Vec<String>,
    other_documents: Vec<OtherDocument>,
    left_out: Vec<RelPath>,
}

/// Reads what work left. The inner `Err` is the attempt's own fault: what it did to its worktree.
fn left_by(
    shared: &Shared,
    (launch, laid): (&Launch, Option<&Arc<str>>),
    worktree: &Worktree,
) -> Result<std::result::Result<Left, String>> {
    let Ok(git) = shared.pool.reopen(worktree) else {
        return Ok(Err("it removed or replaced its own worktree".to_owned()));
    };
    let collected = match shared.pool.collect_in(&git, worktree) {
        Ok(collected) => collected,
        Err(error) if error.is_of_the_whole_machine() => return Err(error),
        Err(error) => return Ok(Err(format!("what it left cannot be read: {}", error.told()))),
    };
    let beneath = plan::beneath(shared, launch, (worktree, &collected.patch))?;
    let (collected, plan_edit) = match Shared::plan_of(launch, laid.or(beneath.as_ref())) {
        Some(plan) => plan::taken_out(shared, plan, worktree, collected)?,
        None => (collected, None),
    };
    let mut left = Left { patch: collected.patch, plan_edit, ..Left::default() };
    for pattern in launch.required_outputs.patterns.iter().filter(|it| !it.starts_with('!')) {
        match output_of(shared, pattern, (worktree, &collected.tree, &left.patch))? {
            Output::Present => {}
            Output::Missing => left.missing_outputs.push(pattern.clone()),
            Output::Ignored => left.ignored_outputs.push(pattern.clone()),
        }
    }
    let (was, is) = (&worktree.base().tree, &collected.tree);
    left.other_documents = plan::others_in(shared, &left.patch, (was, is))?;
    left.tree = Some(collected.tree);
    left.left_out = collected.left_out;
    Ok(Ok(left))
}

/// The files that the session's own stream names, as they were before it started.
fn read_set(
    shared: &Shared,
    stream: &Option<StreamFacts>,
    (base, worktree): (&BaseTree, &Path),
) -> Result<Vec<(RelPath, Option<FileState>)>> {
    let Some(facts) = stream else { return Ok(Vec::new()) };
    let paths: BTreeSet<RelPath> = facts
        .files_read
        .iter()
        .chain(&facts.files_written)
        .filter_map(|name| below(worktree, name))
        .filter(|path| !path.is_within(".orch"))
        .collect();
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), shared.repo.state_at(&base.tree, &path)?)))
        .collect()
}

/// A path as the stream names it, below the worktree; `None` for files elsewhere.
fn below(worktree: &Path, name: &str) -> Option<RelPath> {
    let path = PathBuf::from(name);
    if path.is_absolute() {
        let inside = path.strip_prefix(worktree).ok()?;
        return RelPath::normalize(inside.to_str()?);
    }
    RelPath::normalize(name)
}

/// What has become of a declared output.
enum Output {
    Present,
    Missing,
    /// In the worktree, but not in what git would take of it.
    Ignored,
}

fn output_of(
    shared: &Shared,
    pattern: &str,
    (worktree, tree, patch): (&Worktree, &TreeId, &Patch),
) -> Result<Output> {
    let tip = shared.repo.tree_of(&worktree.base().tip)?;
    let scanner = Scanner::open(worktree.root(), Access::ReadOnly, Arc::new(AsIs));
    let found = scanner.scan(&[GlobSet::new([pattern])], &[])?;
    let mut output = Output::Missing;
    for (path, _) in found.iter().filter(|(_, state)| state.is_some()) {
        if shared.repo.state_at(tree, path)?.is_some() {
            // A draft of the user's that was laid there is not the task's.
            if shared.repo.has_path(&tip, path)? || patch.paths().any(|it| it == path) {
                return Ok(Output::Present);
            }
            continue;
        }
        output = Output::Ignored;
    }
    Ok(output)
}

fn never_ran(ending: Ending) -> Evidence {
    Evidence {
        ending,
        stream: None,
        status_file: StatusFile::Absent,
        patch: Patch::default(),
        plan_edit: None,
        base: None,
        damage: None,
        missing_outputs: Vec::new(),
        ignored_outputs: Vec::new(),
        other_documents: Vec::new(),
        read_set: Vec::new(),
        stdout_tail: String::new(),
        stderr_tail: String::new(),
        session: None,
        transcript: None,
        duration: Millis(0),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::because("a worker thread broke", error)),
    }
}
