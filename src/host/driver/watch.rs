//! `orch watch`: the same loop, woken by what changes.

use crate::base::name::RelPath;
use crate::engine::event::Event;
use crate::host::documents;
use crate::host::error::Result;
use crate::host::watcher::{Changed, Watched};

use super::Driver;
use super::run::Run;

impl Driver {
    pub(super) fn watched(&self) -> Watched {
        let config = self.config();
        let folders =
            config.plans_dirs.iter().chain([&config.agents_dir, &config.rules_dir]).cloned();
        Watched {
            root: self.root.clone(),
            always: folders.filter_map(|it| RelPath::normalize(&it)).collect(),
        }
    }

    /// Takes in what the watcher saw: documents are read again, files scanned again. What orch wrote
    /// itself reads back equal and wakes nothing.
    pub(super) fn see(&mut self, run: &mut Run<'_>, changed: &Changed) -> Result<()> {
        let config = self.config().clone();
        let touches_documents = changed.everything
            || changed.paths.iter().any(|path| documents::is_document(path, &config));
        if changed.refs {
            self.reread_tip(run)?;
        }
        if touches_documents {
            self.reread_documents(run)?;
        }
        let paths = changed.paths.clone();
        self.step(run, Event::Changed { paths, everything: changed.everything })
    }

    fn reread_documents(&mut self, run: &mut Run<'_>) -> Result<()> {
        let loaded = documents::read(&self.root, &self.extra_plans)?;
        if loaded.documents == self.loaded.documents {
            return Ok(());
        }
        let documents = Box::new(loaded.documents.clone());
        self.loaded = loaded;
        self.step(run, Event::DocumentsRead(documents))
    }

    /// Somebody moved the branch: lineage is read anew.
    fn reread_tip(&mut self, run: &mut Run<'_>) -> Result<()> {
        let branch = self.branch()?;
        let tip = self.repo.tip(&branch)?.commit;
        if tip == self.tip {
            return Ok(());
        }
        self.tip = tip;
        let records = self.records()?;
        let lineage = Box::new(self.lineage()?);
        self.step(run, Event::HistoryRead { records, lineage })
    }
}
