//! `orch watch`: the same loop, woken by what changes.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{RelPath, TaskRef};
use crate::engine::effect::Notice;
use crate::engine::event::{Documents, Event, Frozen, Written};
use crate::host::clock;
use crate::host::documents::{self, Loaded};
use crate::host::error::Result;
use crate::host::watcher::{Changed, Watched, Watcher};
use crate::host::worktree::Pool;

use crate::host::build_loop::Run;
use crate::host::check::faulty;
use crate::host::driver::Driver;
use crate::host::driver::read_documents;
use crate::host::land::status::said;
use crate::host::state::admit::{frozen_by, mix};

/// What a build that stays knows beside any other.
pub(in crate::host) struct Watch {
    /// Told by the watcher; a new one is made when other folders matter.
    saw: mpsc::Sender<Changed>,
    watcher: Watcher,
    watched: Watched,
    /// The documents as they were last read, good or not.
    read: Documents,
    /// The errors that were last shown.
    shown: Vec<Diagnostic>,
    /// Why HEAD is not where landings go; nothing starts meanwhile.
    away: Option<String>,
    /// Plans whose status lines orch has just written: read again before anything is decided.
    written: BTreeSet<RelPath>,
    /// What is gathered until there is nothing to do is written.
    is_flushed: bool,
    /// How many attempts there had been when rest was last told of.
    told_at: Option<u64>,
}

impl Watch {
    /// Notes what the engine is told of orch's own writes.
    pub fn note(&mut self, event: &Event, driver: &Driver) {
        if let Event::StatusWritten { task, written: Written::Kept | Written::Loose, .. } = event {
            self.written.extend(driver.engine.plan_path_of(task));
        }
    }
}

impl Driver {
    /// Starts to watch; what changes from now on is told to `saw`.
    pub(in crate::host) fn watch(&self, saw: mpsc::Sender<Changed>) -> Result<Watch> {
        let watched = self.watched();
        Ok(Watch {
            watcher: Watcher::start(watched.clone(), saw.clone())?,
            saw,
            watched,
            read: Documents::default(),
            shown: Vec::new(),
            away: None,
            written: BTreeSet::new(),
            is_flushed: false,
            told_at: None,
        })
    }

    fn watched(&self) -> Watched {
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
    pub(in crate::host) fn see(&mut self, run: &mut Run<'_>, changed: &Changed) -> Result<()> {
        let touches_documents = changed.everything
            || changed.paths.iter().any(|path| documents::is_document(path, self.config()));
        let was_away = run.watch.as_ref().is_some_and(|watch| watch.away.is_some());
        if changed.refs || changed.everything || was_away {
            self.reread_head(run)?;
        }
        let is_away = run.watch.as_ref().is_some_and(|watch| watch.away.is_some());
        if is_away || was_away || touches_documents {
            self.reread_documents(run)?;
        }
        if is_away {
            return Ok(());
        }
        let paths = changed.paths.clone();
        let everything = changed.everything || was_away;
        self.step(run, Event::Changed { paths, everything })
    }

    /// Documents as they are now, before anything is decided on older ones.
    pub(in crate::host) fn reread_documents(&mut self, run: &mut Run<'_>) -> Result<()> {
        let read = read_documents(&self.repo, &self.extra_plans);
        let Some(watch) = &mut run.watch else { return Ok(()) };
        let loaded = match read {
            Ok(loaded) => loaded,
            Err(error) => return self.warn(run, &format!("documents: {}", said(&error))),
        };
        watch.written.clear();
        let frozen_now = watch.away.as_ref().map(|why| Frozen::Everything(why.clone()));
        if loaded.documents == watch.read
            && frozen_now.unwrap_or_default() == self.loaded.documents.frozen
        {
            return Ok(());
        }
        watch.read = loaded.documents.clone();
        self.admit(run, loaded)
    }

    /// Gives the engine what may be built from. A plan with errors stays as it was last right, and
    /// nothing new starts from it; where other documents have errors nothing new starts at all.
    fn admit(&mut self, run: &mut Run<'_>, mut loaded: Loaded) -> Result<()> {
        let Some(watch) = &mut run.watch else { return Ok(()) };
        let before = std::mem::take(&mut self.loaded);
        if let Some(why) = watch.away.clone() {
            // What lies there is another branch's.
            self.loaded = before;
            self.loaded.documents.frozen = Frozen::Everything(why);
            let documents = Box::new(self.loaded.documents.clone());
            return self.step(run, Event::DocumentsRead(documents));
        }
        let mut found = loaded.diagnostics.clone();
        found.extend(self.engine.diagnose(loaded.documents.clone()));
        found.retain(Diagnostic::is_error);
        loaded.documents.frozen = frozen_by(&found, &loaded.documents.config);
        if found != watch.shown {
            watch.shown = found;
            run.surface.diagnose(&faulty(&loaded, &self.engine), clock::now());
        }
        mix(&mut loaded.documents, &before.documents);
        let is_other_config = loaded.documents.config != before.documents.config;
        self.loaded = loaded;
        if is_other_config {
            self.take_config(run)?;
        }
        let documents = Box::new(self.loaded.documents.clone());
        self.step(run, Event::DocumentsRead(documents))?;
        self.caution(run.surface);
        Ok(())
    }

    /// The config was edited: attempts that start from now on, and the watcher, go by the new one.
    fn take_config(&self, run: &mut Run<'_>) -> Result<()> {
        let config = self.config().clone();
        if config.worktree != run.shared.config.worktree {
            run.shared.pool = std::sync::Arc::new(Pool::open(&self.repo, &config.worktree)?);
        }
        run.shared.config = std::sync::Arc::new(config);
        let watched = self.watched();
        if let Some(watch) = run.watch.as_mut().filter(|it| it.watched.always != watched.always) {
            watch.watcher = Watcher::start(watched.clone(), watch.saw.clone())?;
            watch.watched = watched;
        }
        Ok(())
    }

    /// Somebody moved HEAD or the branch: lineage is read anew.
    fn reread_head(&mut self, run: &mut Run<'_>) -> Result<()> {
        let away = match self.repo.state() {
            Ok(state) if state.branch == self.branch => None,
            Ok(state) => Some(elsewhere(state.branch.as_deref(), self.branch.as_deref())),
            Err(error) => Some(said(&error)),
        };
        let Some(watch) = &mut run.watch else { return Ok(()) };
        if watch.away != away {
            watch.away.clone_from(&away);
            if let Some(why) = &away {
                self.warn(run, &format!("nothing new starts: {why}"))?;
            }
        }
        if away.is_some() {
            return Ok(());
        }
        let tip = match self.branch().and_then(|branch| self.repo.tip(&branch)) {
            Ok(tip) => tip.commit,
            Err(error) => return self.warn(run, &said(&error)),
        };
        if tip == self.tip {
            return Ok(());
        }
        self.tip = tip;
        let records = self.records()?;
        let lineage = Box::new(self.lineage()?);
        self.step(run, Event::HistoryRead { records, lineage })
    }

    /// There is nothing to do: what was gathered is written now, not only at the end.
    pub(in crate::host) fn rest(&mut self, run: &mut Run<'_>) -> Result<()> {
        let is_idle = self.engine.is_finished();
        let Some(watch) = &mut run.watch else { return Ok(()) };
        if !std::mem::replace(&mut watch.is_flushed, is_idle) && is_idle {
            self.write_down(run)?;
        }
        match &run.watch {
            Some(watch) if !watch.written.is_empty() => self.reread_documents(run),
            _ => Ok(()),
        }
    }

    fn write_down(&mut self, run: &mut Run<'_>) -> Result<()> {
        for event in self.write_statuses() {
            self.step(run, event)?;
        }
        match self.land_receipts() {
            Ok(events) => {
                for event in events {
                    self.step(run, event)?;
                }
            }
            Err(error) => self.warn(run, &said(&error))?,
        }
        self.scanner.save()?;
        run.surface.show(&self.present_picture(run.surface.extent()), clock::now());
        let attempts = Some(self.engine.n_attempts());
        if let Some(watch) = run.watch.as_mut().filter(|it| it.told_at != attempts)
            && self.engine.is_finished()
        {
            watch.told_at = attempts;
            let counts = self.engine.counts();
            let notice = Notice::Rested {
                accepted: counts.accepted,
                wanted: counts.wanted - counts.skipped,
            };
            run.surface.say(&notice, clock::now());
        }
        Ok(())
    }

    /// Keeps the work of an attempt whose task is gone, and says where.
    pub(in crate::host) fn keep_orphan(
        &self,
        attempt: crate::base::name::AttemptId,
        task: &TaskRef,
    ) -> Result<Notice> {
        let Some(kept) = self.kept.get(&attempt) else {
            return Ok(Notice::Warning(format!("{task} is gone, and what it did is lost")));
        };
        let subject = format!("orch: {task}, which is in no plan any more");
        let name = format!("{}-{}", clock::now().0, attempt.0);
        let kept_as = self.repo.keep(&name, &kept.tree, &kept.tip, &subject)?;
        Ok(Notice::Warning(format!(
            "{task} is in no plan any more; what it did is not landed, look at it by \
             `git show {kept_as}`"
        )))
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends functions that can fail")]
    fn warn(&self, run: &mut Run<'_>, text: &str) -> Result<()> {
        run.surface.say(&Notice::Warning(text.to_owned()), clock::now());
        Ok(())
    }
}

fn elsewhere(now: Option<&str>, wanted: Option<&str>) -> String {
    let now = now.map_or("is detached".to_owned(), |branch| format!("is on `{branch}`"));
    let wanted = wanted.unwrap_or_default();
    format!("HEAD {now}, and this watch builds `{wanted}`; `git switch {wanted}` goes on")
}
