//! The usage report that the original wrote after each run, for tools that read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::name::{PlanName, RelPath};
use crate::engine::past::ledger::{LedgerEntry, Spent, entries, file_name, usage_report};
use crate::host::clock;
use crate::host::error::{Doing, Result};
use crate::host::scan::IgnoreRules;
use crate::host::state::State;

use super::BuildLoop;

/// Where the original wrote it.
const ORIGINAL: &str = ".claude/plans/logs";
/// Where it is written where that would show in `git status`.
const OWN: &str = ".orch/reports";

impl BuildLoop<'_> {
    /// Writes a report for each plan on which the run that began at `begin` of the journal spent
    /// something. One that cannot be written is said, and no more: the work is done.
    pub(super) fn report_usage(&mut self, begin: u64) {
        if let Err(error) = report(self.state, begin) {
            self.voice.warn(format!("the usage report was not written: {}", error.on_one_line()));
        }
    }
}

fn report(state: &State, begin: u64) -> Result<()> {
    let spent: Vec<LedgerEntry> = entries(&state.log.records_from(begin)?);
    if spent.is_empty() {
        return Ok(());
    }
    let ever = entries(&state.log.records()?);
    let paths = spent.iter().filter_map(|entry| state.engine.plan_path_of(&entry.task));
    let paths: BTreeSet<RelPath> = paths.collect();
    for path in paths {
        let Some(plan) = state.engine.plan_at(&path) else { continue };
        let report =
            usage_report(plan, path.as_str(), Spent { run: &spent, ever: &ever }, clock::now());
        let Some(report) = report else { continue };
        let title = plan.meta.title.as_deref().unwrap_or(plan.name.as_str());
        let file = place_for(title, &plan.name, &path, state.root());
        let folder = file.parent().unwrap_or(state.root());
        std::fs::create_dir_all(folder).doing("making the folder of reports", folder)?;
        let text = format!("{report:#}\n");
        std::fs::write(&file, text).doing("writing the usage report", &file)?;
    }
    Ok(())
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
