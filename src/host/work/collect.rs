//! What an attempt left, collected from its worktree: the evidence that it is judged by.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::file::{FileState, Patch};
use crate::base::name::{RelPath, TreeId};
use crate::engine::effect::{Launch, Purpose};
use crate::engine::outcome::evidence::{
    BenchFile, DocumentsLeft, Evidence, OtherDocument, PlanEdit,
};
use crate::engine::outcome::{Verdict, answer_of, verdict_of};
use crate::engine::report::Report;
use crate::engine::stream::StreamFacts;
use crate::host::documents;
use crate::host::error::Result;
use crate::host::land::kept::Kept;
use crate::host::session::Attempted;
use crate::host::worktree::{Collected, Worktree};

use super::output::{Output, Outputs};
use super::{Workshop, claims, guarded, plan};

/// What was to be done.
pub struct Job {
    pub launch: Launch,
    /// The plan as it was laid into the worktree.
    pub laid: Option<Arc<str>>,
    /// Changed files that a verdict may rest on.
    pub bench: Vec<BenchFile>,
}

/// The evidence of an attempt that is over, and what of its work is kept.
pub fn collect(
    shop: &Workshop,
    job: &Job,
    worktree: Worktree,
    attempted: Attempted,
) -> Result<(Evidence, Option<Kept>)> {
    let transcript = match (attempted.has_run, attempted.transcript.exists()) {
        (_, true) => Some(shop.store.put_file(&attempted.transcript)?),
        (true, false) => Some(shop.store.put(&[])?),
        (false, false) => None,
    };
    let is_told = attempted.has_run && attempted.prompt.exists();
    let prompt = is_told.then(|| shop.store.put_file(&attempted.prompt)).transpose()?;
    let (left, damage) = match &job.launch.purpose {
        Purpose::Work => match left_by(shop, job, &worktree)? {
            Ok(left) => (left, None),
            Err(damage) => (Left::default(), Some(damage)),
        },
        Purpose::Validate(_) => match judged_changed(shop, &worktree)? {
            Ok(judged_changed) => (Left { judged_changed, ..Left::default() }, None),
            Err(damage) => (Left::default(), Some(damage)),
        },
        Purpose::Judge(..) => (Left::default(), None),
    };
    let report = report_of(shop, &job.launch, attempted.stream.as_ref())?;
    let evidence = Evidence {
        ending: attempted.ending,
        report,
        read_set: read_set(shop, &attempted.stream, &worktree)?,
        denied_inputs: denied_inputs(&job.launch, attempted.stream.as_ref(), &worktree),
        stream: attempted.stream.map(|it| without_claims(it, worktree.root())),
        status_file: attempted.status_file,
        patch: left.patch,
        plan_edit: left.plan_edit,
        damage,
        judged_changed: left.judged_changed,
        bench: job.bench.clone(),
        base: Some(worktree.base().tip.clone()),
        missing_outputs: left.missing_outputs,
        hollow_outputs: left.hollow_outputs,
        unchanged_outputs: left.unchanged_outputs,
        ignored_outputs: left.ignored_outputs,
        other_documents: left.other_documents,
        documents: left.documents,
        stdout_tail: attempted.stdout_tail,
        stderr_tail: attempted.stderr_tail,
        session: attempted.session,
        transcript,
        prompt,
        duration: attempted.duration,
    };
    if evidence.damage.is_some() {
        shop.pool.discard(worktree)?;
        return Ok((evidence, None));
    }
    let left_out = left.left_out;
    let task = &job.launch.task;
    let kept = left.tree.map(|tree| Kept { left_out, ..Kept::new(task, tree, worktree) });
    Ok((evidence, kept))
}

/// What a session answered, where that is an output; it is in the store before anybody asks for it.
fn report_of(
    shop: &Workshop,
    launch: &Launch,
    stream: Option<&StreamFacts>,
) -> Result<Option<Report>> {
    let is_wanted = launch.is_report && launch.purpose == Purpose::Work;
    let answer = stream.filter(|_| is_wanted).map(|it| answer_of(&it.final_text));
    let report = answer.and_then(|it| {
        let verdict = verdict_of(it).map(|(verdict, _)| verdict);
        Report::new(it, verdict == Some(Verdict::Fail))
    });
    if let Some(report) = &report {
        shop.store.put(report.text().as_bytes())?;
    }
    Ok(report)
}

/// What work left in its worktree.
#[derive(Default)]
struct Left {
    tree: Option<TreeId>,
    patch: Patch,
    plan_edit: Option<PlanEdit>,
    missing_outputs: Vec<String>,
    hollow_outputs: Vec<String>,
    unchanged_outputs: Vec<RelPath>,
    ignored_outputs: Vec<String>,
    other_documents: Vec<OtherDocument>,
    documents: Option<Box<DocumentsLeft>>,
    left_out: Vec<RelPath>,
    judged_changed: Vec<RelPath>,
}

fn collected_in(
    shop: &Workshop,
    worktree: &Worktree,
) -> Result<std::result::Result<Collected, String>> {
    let Ok(git) = shop.pool.reopen(worktree) else {
        return Ok(Err("it removed or replaced its own worktree".to_owned()));
    };
    match shop.pool.collect_in(&git, worktree) {
        Ok(collected) => Ok(Ok(collected)),
        Err(error) if error.is_of_the_whole_machine() => Err(error),
        Err(error) => Ok(Err(format!("what it left cannot be read: {}", error.on_one_line()))),
    }
}

/// Tracked files that a validator changed, but for lock files, which tools write when they run. The inner
/// `Err` is what it did to its worktree.
fn judged_changed(
    shop: &Workshop,
    worktree: &Worktree,
) -> Result<std::result::Result<Vec<RelPath>, String>> {
    let collected = match collected_in(shop, worktree)? {
        Ok(collected) => collected,
        Err(damage) => return Ok(Err(damage)),
    };
    let changes = collected.patch.changes().iter().filter(|it| it.before.is_some());
    let paths = changes.map(|it| it.path.clone());
    let paths = paths.filter(|it| !is_lock_file(it.file_name()) && !claims::is_one(it));
    Ok(Ok(paths.collect()))
}

fn is_lock_file(name: &str) -> bool {
    let endings = [".lock", ".lockb", ".lockfile", "-lock.json", "-lock.yaml"];
    endings.iter().any(|it| name.ends_with(it))
        || ["npm-shrinkwrap.json", "go.sum", "Package.resolved", "packages.lock.json"]
            .contains(&name)
}

/// Reads what work left. The inner `Err` is the attempt's own fault: what it did to its worktree.
fn left_by(
    shop: &Workshop,
    job: &Job,
    worktree: &Worktree,
) -> Result<std::result::Result<Left, String>> {
    let launch = &job.launch;
    if let Err(damage) = guarded::place(worktree.root())? {
        return Ok(Err(damage));
    }
    let collected = match collected_in(shop, worktree)? {
        Ok(collected) => collected,
        Err(damage) => return Ok(Err(damage)),
    };
    let collected = claims::taken_out(shop, worktree, collected)?;
    let beneath = plan::beneath(shop, launch, worktree, &collected.patch)?;
    let (collected, plan_edit) = match plan::plan_of(launch, job.laid.as_ref().or(beneath.as_ref()))
    {
        Some(plan) => plan::taken_out(shop, plan, worktree, collected)?,
        None => (collected, None),
    };
    let mut left = Left { plan_edit, ..Left::default() };
    let outputs = Outputs { shop, launch, worktree, collected: &collected };
    for pattern in launch.required_outputs.patterns.iter().filter(|it| !it.starts_with('!')) {
        match outputs.output_of(pattern)? {
            Output::Made => {}
            Output::Unchanged(path) => left.unchanged_outputs.push(path),
            Output::Hollow(what) => left.hollow_outputs.push(what),
            Output::Missing => left.missing_outputs.push(pattern.clone()),
            Output::Ignored => left.ignored_outputs.push(pattern.clone()),
        }
    }
    left.other_documents = plan::others_in(shop, worktree, &collected)?;
    if left.plan_edit.is_some() || plan::has_document(shop, &collected.patch) {
        let was = &worktree.base().tree;
        let read = documents::read_both(&shop.repo, was, &collected.tree, &shop.extra_plans);
        left.documents = Some(read?);
    }
    left.tree = Some(collected.tree);
    left.patch = collected.patch;
    left.left_out = collected.left_out;
    Ok(Ok(left))
}

/// The files that the session's own stream names, as they were before it started.
fn read_set(
    shop: &Workshop,
    stream: &Option<StreamFacts>,
    worktree: &Worktree,
) -> Result<Vec<(RelPath, Option<FileState>)>> {
    let Some(facts) = stream else { return Ok(Vec::new()) };
    let paths: BTreeSet<RelPath> = facts
        .files_read
        .iter()
        .chain(&facts.files_written)
        .filter_map(|name| below(worktree.root(), name))
        .filter(|path| !path.is_within(".orch") && !claims::is_one(path))
        .collect();
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), shop.repo.state_at(&worktree.base().tree, &path)?)))
        .collect()
}

/// Declared inputs that the session was denied to read.
fn denied_inputs(
    launch: &Launch,
    stream: Option<&StreamFacts>,
    worktree: &Worktree,
) -> Vec<RelPath> {
    let declared: Vec<_> = launch.declared.iter().filter_map(|it| it.compile().ok()).collect();
    let denied = stream.into_iter().flat_map(|it| &it.permission_denials);
    let read = denied.filter_map(|it| it.strip_prefix("Read(")?.strip_suffix(')'));
    let paths: BTreeSet<RelPath> = read.filter_map(|it| below(worktree.root(), it)).collect();
    paths.into_iter().filter(|path| declared.iter().any(|it| it.is_match(path))).collect()
}

/// Without denied calls on files that nobody misses.
fn without_claims(mut facts: StreamFacts, worktree: &Path) -> StreamFacts {
    let path_of = |call: &str| below(worktree, call.split_once('(')?.1.strip_suffix(')')?);
    facts.permission_denials.retain(|it| !path_of(it).is_some_and(|path| claims::is_one(&path)));
    facts
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::measure::Millis;
    use crate::engine::outcome::evidence::{Ending, StatusFile};
    use crate::host::git::scratch::{Scratch, launch, path};
    use crate::host::work::attempt::tests::workshop;
    use crate::spec::glob::GlobSet;

    fn attempted(shop: &Workshop, ending: Ending) -> Attempted {
        let transcript = shop.root.join(".orch/said");
        std::fs::write(&transcript, "said\n").unwrap();
        Attempted {
            ending,
            stream: None,
            status_file: StatusFile::Absent,
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            session: None,
            has_run: true,
            transcript,
            prompt: shop.root.join(".orch/told"),
            duration: Millis(1),
        }
    }

    #[test]
    fn what_work_left_is_collected_against_the_tree_it_started_from() {
        let scratch = Scratch::new(&[("a.txt", "a\n"), (".gitignore", "hidden\n")]);
        let shop = workshop(&scratch);
        let mut launch = launch("1", "true");
        launch.required_outputs = GlobSet::new(["made.txt", "hidden", "missing.txt"]);
        let job = Job { launch, laid: None, bench: Vec::new() };
        let worktree = shop.pool.acquire(&scratch.base()).unwrap();
        for name in ["made.txt", "hidden"] {
            std::fs::write(worktree.root().join(name), "made\n").unwrap();
        }
        let attempted = attempted(&shop, Ending::Exited(0));
        let (evidence, kept) = collect(&shop, &job, worktree, attempted).unwrap();
        assert_eq!(evidence.patch.paths().collect::<Vec<_>>(), [&path("made.txt")]);
        assert_eq!(evidence.missing_outputs, ["missing.txt"]);
        assert_eq!(evidence.ignored_outputs, ["hidden"]);
        assert_eq!(shop.store.get(&evidence.transcript.unwrap()).unwrap().unwrap(), b"said\n");
        let kept = kept.unwrap();
        let made = shop.repo.state_at(&kept.tree, &path("made.txt")).unwrap();
        assert_eq!(made, Some(FileState::regular(b"made\n")));
        assert!(kept.worktree.is_some());
    }

    #[test]
    fn a_validator_leaves_nothing_whatever_it_wrote_and_what_it_changed_is_told() {
        let scratch = Scratch::new(&[("a.txt", "a\n"), ("Cargo.lock", "x\n")]);
        let shop = workshop(&scratch);
        let purpose = Purpose::Validate(crate::base::name::ValidatorName::new("tests"));
        let launch = Launch { purpose, ..launch("1", "true") };
        let job = Job { launch, laid: None, bench: Vec::new() };
        let worktree = shop.pool.acquire(&scratch.base()).unwrap();
        std::fs::write(worktree.root().join("a.txt"), "touched\n").unwrap();
        std::fs::write(worktree.root().join("new.txt"), "written\n").unwrap();
        std::fs::remove_file(worktree.root().join("Cargo.lock")).unwrap();
        let attempted = attempted(&shop, Ending::Exited(1));
        let (evidence, kept) = collect(&shop, &job, worktree, attempted).unwrap();
        assert!(evidence.patch.is_empty() && kept.is_none());
        assert_eq!(evidence.judged_changed, [path("a.txt")]);
        assert_eq!(evidence.ending, Ending::Exited(1));
    }

    #[test]
    fn names_of_a_stream_count_below_the_worktree_only() {
        let root = Path::new("/w/tree");
        let check = |name: &str| below(root, name).map(|it| it.to_string());
        assert_eq!(check("/w/tree/src/a.rs").as_deref(), Some("src/a.rs"));
        assert_eq!(check("./src/../b.rs").as_deref(), Some("b.rs"));
        assert_eq!(check("/etc/passwd"), None);
    }
}
