//! The usage report that the original wrote after each run, for tools that read it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::name::RelPath;
use crate::engine::effect::Notice;
use crate::engine::past::ledger::{Entry, entries, file_name, usage_report};
use crate::host::clock;
use crate::host::error::{Doing, Result};
use crate::host::journal::{self, Journal};
use crate::host::scan::IgnoreRules;
use crate::host::surface::Surface;

use crate::host::driver::Driver;

/// Where the original wrote it.
const ORIGINAL: &str = ".claude/plans/logs";
/// Where it is written where that would show in `git status`.
const OWN: &str = ".orch/reports";

impl Driver {
    /// Where the journal ends now.
    pub(in crate::host) fn journal_end(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::end)
    }

    /// Writes a report for each plan on which the run that began at `begin` of the journal spent
    /// something. One that cannot be written is said, and no more: the work is done.
    pub(in crate::host) fn report_usage(&self, surface: &mut dyn Surface, begin: u64) {
        if let Err(error) = self.try_to_report(begin) {
            let said = format!("the usage report was not written: {}", error.told());
            surface.say(&Notice::Warning(said), clock::now());
        }
    }

    fn try_to_report(&self, begin: u64) -> Result<()> {
        let spent: Vec<Entry> = entries(&journal::read_from(&self.root, begin)?.records);
        if spent.is_empty() {
            return Ok(());
        }
        let paths = spent.iter().filter_map(|entry| self.engine.plan_path_of(&entry.task));
        let paths: BTreeSet<RelPath> = paths.collect();
        for path in paths {
            let Some(plan) = self.engine.plan_at(&path) else { continue };
            let report = usage_report(plan, path.as_str(), &spent, clock::now());
            let Some(report) = report else { continue };
            let title = plan.meta.title.as_deref().unwrap_or(plan.name.as_str());
            let file = self.report_place(&file_name(title));
            let folder = file.parent().unwrap_or(&self.root);
            std::fs::create_dir_all(folder).doing("making the folder of reports", folder)?;
            let text = format!("{report:#}\n");
            std::fs::write(&file, text).doing("writing the usage report", &file)?;
        }
        Ok(())
    }

    /// Where the original had it, where git ignores that, so that it is no input and shows as no change;
    /// else in a folder of orch's own.
    fn report_place(&self, name: &str) -> PathBuf {
        let original = format!("{ORIGINAL}/{name}");
        let is_ignored = RelPath::new(&original)
            .is_some_and(|path| IgnoreRules::of(&self.root).ignores(&path, false));
        self.root.join(if is_ignored { original } else { format!("{OWN}/{name}") })
    }
}
