//! The reports that the original wrote after each run, for tools that read them: one of each plan, and one
//! of the run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::name::{PlanName, RelPath};
use crate::engine::past::ledger::{
    LedgerEntry, Spent, entries, file_name, item_title, session_file_name, session_report,
    usage_report,
};
use crate::host::clock;
use crate::host::error::{Doing, Result};
use crate::host::scan::IgnoreRules;
use crate::host::state::State;
use crate::host::store::aside;
use crate::spec::agent::stem;
use crate::spec::item::kind::kind_of;

use super::BuildLoop;

/// Where the original wrote it.
const ORIGINAL: &str = ".claude/plans/logs";
/// Where it is written where that would show in `git status`.
const OWN: &str = ".orch/reports";

impl BuildLoop<'_> {
    /// Writes a report for each plan on which the run that began at `begin` of the journal spent
    /// something, and one of the run. One that cannot be written is said, and no more: the work is done.
    pub(super) fn report_usage(&mut self, begin: u64) {
        if let Err(error) = self.write_reports(begin) {
            self.voice.warn(format!("a usage report was not written: {}", error.on_one_line()));
        }
    }

    fn write_reports(&self, begin: u64) -> Result<()> {
        let spent: Vec<LedgerEntry> = entries(&self.state.log.records_from(begin)?);
        if spent.is_empty() {
            return Ok(());
        }
        let of_plans = report_plans(self.state, &spent);
        report_run(self.state, spent)?;
        of_plans
    }
}

fn report_plans(state: &State, spent: &[LedgerEntry]) -> Result<()> {
    let ever = entries(&state.log.records()?);
    let paths = spent.iter().filter_map(|entry| state.engine.plan_path_of(&entry.task));
    let paths: BTreeSet<RelPath> = paths.collect();
    for path in paths {
        let Some(plan) = state.engine.plan_at(&path) else { continue };
        let report =
            usage_report(plan, path.as_str(), Spent { run: spent, ever: &ever }, clock::now());
        let Some(report) = report else { continue };
        let title = plan.meta.title.as_deref().unwrap_or(plan.name.as_str());
        let file = place_for(title, &plan.name, &path, state.root());
        write(&report, &file, state.root())?;
    }
    Ok(())
}

fn report_run(state: &State, spent: Vec<LedgerEntry>) -> Result<()> {
    let name_of = |entry: &LedgerEntry| match state.engine.plan_path_of(&entry.task) {
        Some(path) => worked_on(state, &path),
        None => entry.task.plan.to_string(),
    };
    let spent: Vec<_> = spent.into_iter().map(|entry| (name_of(&entry), entry)).collect();
    let now = clock::now();
    let Some(report) = session_report(&spent, now) else { return Ok(()) };
    let places = (1..).map(|nth| place_of(&session_file_name(now, nth), state.root()));
    let free = places.into_iter().find(|place| !place.exists());
    free.map_or(Ok(()), |place| write(&report, &place, state.root()))
}

/// What a plan's run is called in the report of a run: by the item that the plan is for, where it is for one.
fn worked_on(state: &State, plan: &RelPath) -> String {
    let item = state.engine.plan_at(plan).and_then(|it| it.meta.source_item.as_deref());
    let item = item.and_then(RelPath::normalize);
    let kinds = &state.loaded.kinds;
    match item.and_then(|item| kind_of(kinds, &item).map(|kind| (kind, item))) {
        Some((kind, item)) => item_title(kind.name.as_str(), stem(item.file_name())),
        None => format!("resumed: {}", plan.file_name()),
    }
}

fn write(report: &serde_json::Value, file: &Path, root: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).doing("making the folder of reports", folder)?;
    let text = format!("{report:#}\n");
    aside::replace(root, file, text.as_bytes()).doing("writing a usage report", file)
}

/// Another plan of that title keeps the file that it has: this one's has its name behind the title.
fn place_for(title: &str, plan: &PlanName, path: &RelPath, root: &Path) -> PathBuf {
    let file = place_of(&file_name(title, None), root);
    let is_anothers =
        plan_of(&file).is_some_and(|it| it != *path && root.join(it.as_str()).exists());
    if is_anothers { place_of(&file_name(title, Some(plan)), root) } else { file }
}

/// The plan that a report is of; `None` where there is none.
fn plan_of(report: &Path) -> Option<RelPath> {
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(report).ok()?).ok()?;
    RelPath::new(report["plan_path"].as_str()?)
}

/// Where the original had it, where git ignores that, so that it is no input and shows as no change;
/// else in a folder of orch's own.
fn place_of(name: &str, root: &Path) -> PathBuf {
    let original = format!("{ORIGINAL}/{name}");
    let is_ignored =
        RelPath::new(&original).is_some_and(|path| IgnoreRules::of(root).ignores_file(&path));
    root.join(if is_ignored { original } else { format!("{OWN}/{name}") })
}
