//! `orch build`: brings targets up to date.

pub mod preview;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::base::measure::Billing;
use crate::base::name::TaskRef;
use crate::engine::effect::BuildRequest;
use crate::engine::why::{Rebuy, Why};
use crate::host::clock::now;
use crate::host::driver::is_settings;
use crate::host::error::Doing;
use crate::host::surface::{CheckedDocument, Summary};
use crate::ui::args::{BuildArgs, OriginalArgs, ShownArgs};
use crate::ui::console::{Console, Detail, Events, Live, Plain, Screen};
use crate::ui::exit::Exit;
use crate::ui::notifier::Notifier;
use crate::ui::project::{self, AtRest, Project};
use crate::ui::render::summary::{Leftover, summary_text};
use crate::ui::report::{self, Look, counted};
use crate::ui::shell::{Failure, Ran, Shell, exit_with};
use crate::ui::target::{Known, resolve_one};

use super::selection::Selection;

pub fn run(args: &BuildArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let named_targets = args.original.targets(&args.targets);
    if let Some(exit) = refuse_bad_documents(project, &named_targets, shell, folder)? {
        return Ok(exit);
    }
    let force = named(project, &args.force, folder)?.unwrap_or_default();
    let mut targets = named(project, &named_targets, folder)?;
    let resume_from = first_task(args, project, folder, &mut targets)?;
    let request = BuildRequest { resume_from, ..request_of(args, targets, force) };
    refuse_bad_models(project, &request)?;
    if args.dry_run {
        let picture = project.picture(now())?;
        tell_cautions(project, &request, shell)?;
        return preview::run(&request, &picture, args.shown.verbose.then_some(project), shell);
    }
    perform(request, project, shell, &args.shown)
}

/// Builds at once where a look at the files is enough to know what there is to do: nothing, or
/// little. `None` where it is not.
pub fn at_rest(args: &BuildArgs, root: &Path, shell: &mut Shell) -> Result<Option<Exit>, Failure> {
    let is_plain = args.targets.is_empty()
        && args.force.is_empty()
        && !args.recipe
        && !args.yes
        && args.shown.events.is_none()
        && args.original == OriginalArgs::default();
    if !is_plain || args.dry_run || shell.is_json() {
        return Ok(None);
    }
    let summary = match project::at_rest(root) {
        None => return Ok(None),
        Some(AtRest::Nothing(summary)) => summary,
        Some(AtRest::Little(mut project)) => {
            let request = request_of(args, None, Vec::new());
            return perform(request, &mut *project, shell, &args.shown).map(Some);
        }
    };
    if !shell.is_quiet() {
        shell.data(&summary_text(&summary, &Leftover::default(), shell.out_paint()))?;
    }
    Ok(Some(Exit::Success))
}

/// The tasks that targets name. Without any the picture is not asked for: most builds have none.
pub fn named(
    project: &mut dyn Project,
    targets: &[String],
    folder: &str,
) -> Result<Option<Vec<TaskRef>>, Failure> {
    match targets.is_empty() {
        true => Ok(None),
        false => Ok(Selection::of(project, targets, folder)?.wanted),
    }
}

/// The task that `--resume-from` names, by its id alone or as a target. Where no target is given,
/// only its plan is built.
fn first_task(
    args: &BuildArgs,
    project: &mut dyn Project,
    folder: &str,
    targets: &mut Option<Vec<TaskRef>>,
) -> Result<Option<TaskRef>, Failure> {
    let Some(name) = &args.original.resume_from else { return Ok(None) };
    let given = args.original.targets(&args.targets);
    let selection = Selection::of(project, &given, folder)?;
    let tasks = selection.tasks();
    let known = Known { plans: &selection.picture.plans, tasks: &tasks, folder };
    let is_bare = !name.contains("//") && tasks.iter().any(|it| it.task.as_str() == name);
    let task = resolve_one(&if is_bare { format!("//{name}") } else { name.clone() }, known)?;
    if targets.is_none() {
        *targets = Some(tasks.into_iter().filter(|it| it.plan == task.plan).collect());
    }
    Ok(Some(task))
}

fn request_of(
    args: &BuildArgs,
    targets: Option<Vec<TaskRef>>,
    force: Vec<TaskRef>,
) -> BuildRequest {
    BuildRequest {
        items: false,
        archives: true,
        targets,
        force,
        only: args.only,
        renews_recipes: args.recipe,
        allows_rebuying: args.yes,
        keep_going: args.keep_going,
        offline: args.offline,
        no_cache: args.no_cache,
        jobs: args.original.jobs(args.jobs),
        watch: false,
        budget: args.budget.quota(),
        models: args.models.flags(),
        resume_from: None,
        amount: args.original.amount(),
        skip_smoke: args.original.skip_smoke,
        n_resting: 0,
        n_skipped: 0,
    }
}

/// Builds, and on a terminal asks for what was held since it would be bought again.
/// `request.jobs == 0` leaves the number to the project.
pub fn perform(
    request: BuildRequest,
    project: &mut dyn Project,
    shell: &mut Shell,
    shown: &ShownArgs,
) -> Ran {
    let again = BuildRequest { allows_rebuying: true, ..request.clone() };
    let (ran, held) = build_once(request, project, shell, shown)?;
    match held {
        Some((amount, billing)) if shell.asks(&question_of(amount, billing))? => {
            build_once(again, project, shell, shown).and_then(|(ran, _)| ran)
        }
        _ => ran,
    }
}

fn question_of(amount: Rebuy, billing: Billing) -> String {
    let tasks = counted(amount.tasks as usize, "finished task");
    format!("run {tasks} again now, for about {}?", billing.text(amount.about()))
}

/// What was held of finished work, where it is what is left to do.
fn held_of(leftover: &Leftover) -> Option<(Rebuy, Billing)> {
    leftover.unfinished.iter().find_map(|task| match task.reason {
        Why::BoughtAgain { amount, .. } => Some((amount, leftover.billing)),
        _ => None,
    })
}

/// Builds, shows it meanwhile, and sums up.
fn build_once(
    request: BuildRequest,
    project: &mut dyn Project,
    shell: &mut Shell,
    shown: &ShownArgs,
) -> Result<(Ran, Option<(Rebuy, Billing)>), Failure> {
    let mut console = console_of(shell, shown)?;
    let mut notifier = Notifier::new(&mut console, project.root(), shell.is_err_terminal());
    let built = project.build(request, &mut notifier);
    let outgoing = notifier.ended(built.as_ref().ok());
    let closed = console.close(built.as_ref().ok());
    let summary = match built {
        Ok(summary) => summary,
        Err(error) => {
            tell_unsent(outgoing.close(), shell)?;
            return Err(error.into());
        }
    };
    let exit = Exit::from_code(summary.exit);
    let mut written = report_lost_events(closed, shown, shell);
    if written.is_ok() && !shell.is_json() && (!shell.is_quiet() || exit != Exit::Success) {
        written = shell.data(&summary_text(&summary, console.leftover(), shell.out_paint()));
    }
    // What is still on its way is waited for when people have read what there is to read.
    shell.flush()?;
    let warned = tell_unsent(outgoing.close(), shell);
    Ok((exit_with(exit, written.and(warned)), held_of(console.leftover())))
}

/// Notices that did not reach anybody do not undo a build, but are not lost silently.
fn tell_unsent(lines: Vec<String>, shell: &mut Shell) -> Result<(), Failure> {
    lines.iter().try_for_each(|line| shell.warn(line))
}

/// Events that could not be written do not undo a build, but are not lost silently.
fn report_lost_events(
    closed: io::Result<()>,
    shown: &ShownArgs,
    shell: &mut Shell,
) -> Result<(), Failure> {
    match (closed, &shown.events) {
        (Ok(()), _) => Ok(()),
        (Err(problem), Some(path)) if problem.kind() != io::ErrorKind::BrokenPipe => {
            shell.warn(&format!("the events in {} are not complete: {problem}", path.display()))
        }
        (Err(problem), _) => match problem.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => shell.warn(&format!("not everything could be written: {problem}")),
        },
    }
}

fn console_of(shell: &Shell, shown: &ShownArgs) -> Result<Console, Failure> {
    let mut console = Console::default();
    if let Some(path) = &shown.events {
        let file = File::create(path).doing("creating the file for events", path)?;
        // By lines: others may follow the file while the build goes on.
        console.add(Events::new(io::LineWriter::new(file)));
    }
    let detail = match (shell.is_quiet(), shown.verbose) {
        (true, _) => Detail::Problems,
        (false, true) => Detail::Streams,
        (false, false) => Detail::Events,
    };
    let may_redraw = shell.is_err_terminal() && !shell.is_quiet();
    let live = || may_redraw.then(|| Live::on_stderr(shell.err_paint(), detail)).flatten();
    if shell.is_json() {
        console.add(Events::new(io::LineWriter::new(io::stdout())));
    } else if let Some(live) = live() {
        console.add(live);
    } else {
        console.add(Plain::new(io::stderr(), shell.err_paint(), detail));
    }
    Ok(console)
}

/// Diagnoses first: wrong documents that the targets need stop everything before anything runs.
pub fn refuse_bad_documents(
    project: &mut dyn Project,
    targets: &[String],
    shell: &mut Shell,
    folder: &str,
) -> Result<Option<Exit>, Failure> {
    let documents = project.faulty()?;
    if documents.is_empty() {
        return Ok(None);
    }
    let plans = plans_wanted(project, targets, folder)?;
    let stops = |document: &CheckedDocument| {
        let plan = document.plan.as_ref().map(|plan| plan.name.as_str());
        plan.is_none_or(|plan| plans.as_ref().is_none_or(|p| p.contains(plan)))
    };
    let mut bad: Vec<CheckedDocument> = documents.into_iter().filter(stops).collect();
    if bad.is_empty() {
        return Ok(None);
    }
    // Settings that were not understood may be why the others are wrong.
    let is_new = |it: &CheckedDocument| bad.iter().all(|bad| bad.path != it.path);
    let mut settings = project.cautions(None)?;
    settings.retain(|it| is_settings(&it.source.path) && is_new(it));
    bad.splice(0..0, settings);
    match shell.is_json() {
        true => {
            shell.data(&report::json_lines(&bad))?;
            let exit = Exit::BadDocuments.code();
            shell.data(&crate::ui::json::line_of(&Summary { exit, ..Summary::default() }))?;
        }
        false => {
            let look = Look { paint: shell.err_paint(), width: shell.width() };
            shell.urgent(report::text_of(&bad, look).trim_end_matches('\n'))?;
            shell.urgent(&format!("{}; nothing was run", report::summary_of(&bad)))?;
        }
    }
    Ok(Some(Exit::BadDocuments))
}

/// What a build would tell before it starts; to programs a preview says only what would run.
pub fn tell_cautions(
    project: &mut dyn Project,
    request: &BuildRequest,
    shell: &mut Shell,
) -> Result<(), Failure> {
    let documents = project.cautions(request.targets.as_deref())?;
    if documents.is_empty() || shell.is_json() {
        return Ok(());
    }
    let look = Look { paint: shell.err_paint(), width: shell.width() };
    shell.urgent(report::text_of(&documents, look).trim_end_matches('\n'))
}

/// Model flags under which a task cannot begin are a mistake on the command line.
pub fn refuse_bad_models(project: &mut dyn Project, request: &BuildRequest) -> Result<(), Failure> {
    let refused = project.without_model(request)?;
    let Some((task, why)) = refused.first() else { return Ok(()) };
    let more = match refused.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    Err(Failure::usage_with_help(
        format!("{task}: {why}{more}; nothing was run"),
        "`--max-model` is never a silent downgrade: raise it, or leave it out",
    ))
}

/// Names of the plans that the targets lie in; `None` where that is all of them, or cannot be told
/// because of the very errors.
fn plans_wanted(
    project: &mut dyn Project,
    targets: &[String],
    folder: &str,
) -> Result<Option<BTreeSet<String>>, Failure> {
    match named(project, targets, folder) {
        Ok(Some(tasks)) => Ok(Some(tasks.into_iter().map(|task| task.plan.to_string()).collect())),
        Ok(None) | Err(Failure::Usage { .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests;
