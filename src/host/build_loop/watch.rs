//! `orch watch`: the same loop, woken by what changes.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::engine::effect::Notice;
use crate::engine::event::{Documents, Event, Frozen, Written};
use crate::engine::step::Engine;
use crate::engine::world::diagnose::stops_its_document;
use crate::host::documents::Loaded;
use crate::host::error::Result;
use crate::host::land::status::said;
use crate::host::state::State;
use crate::host::state::admit::{frozen_by, mix};
use crate::host::watcher::{Changed, Watched, Watcher};

use super::BuildLoop;
use super::voice::Voice;

/// What a build that stays knows beside any other.
pub struct Watch {
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
    rested_at: Option<u64>,
}

impl Watch {
    /// Starts to watch; what changes from now on is told to `saw`.
    pub fn start(state: &State, saw: mpsc::Sender<Changed>) -> Result<Self> {
        let watched = watched(state);
        Ok(Self {
            watcher: Watcher::start(watched.clone(), saw.clone())?,
            saw,
            watched,
            read: Documents::default(),
            shown: Vec::new(),
            away: None,
            written: BTreeSet::new(),
            is_flushed: false,
            rested_at: None,
        })
    }

    /// Notes what the engine is told of orch's own writes.
    pub fn note(&mut self, event: &Event, engine: &Engine) {
        if let Event::StatusWritten { task, written: Written::Kept | Written::Loose, .. } = event {
            self.written.extend(engine.plan_path_of(task));
        }
    }

    /// True where HEAD is not where landings go.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Documents as they are now, before anything is decided on older ones; `None` where they are as
    /// they were. They are the state's then, and the event is for the engine.
    pub fn reread_documents(
        &mut self,
        state: &mut State,
        voice: &mut Voice<'_>,
    ) -> Result<Option<Event>> {
        let loaded = match state.read_again() {
            Ok(loaded) => loaded,
            Err(error) => {
                voice.warn(format!("documents: {}", said(&error)));
                return Ok(None);
            }
        };
        self.written.clear();
        let frozen_now = self.away.clone().map(Frozen::Everything).unwrap_or_default();
        if loaded.documents == self.read && frozen_now == state.loaded.documents.frozen {
            return Ok(None);
        }
        self.read = loaded.documents.clone();
        if self.is_away() {
            // What lies there is another branch's.
            state.loaded.documents.frozen = frozen_now;
        } else {
            self.admit(loaded, state, voice)?;
        }
        Ok(Some(state.documents_seen()))
    }

    /// What may be built from. A plan with errors stays as it was last right, and nothing new starts
    /// from it; where other documents have errors nothing new starts at all.
    fn admit(
        &mut self,
        mut loaded: Loaded,
        state: &mut State,
        voice: &mut Voice<'_>,
    ) -> Result<()> {
        let mut found = loaded.diagnostics.clone();
        found.extend(state.engine.diagnose(loaded.documents.clone()));
        found.retain(stops_its_document);
        loaded.documents.frozen = frozen_by(&found, &loaded.documents.config);
        if found != self.shown {
            self.shown = found;
            voice.diagnose(&loaded, state);
        }
        mix(&mut loaded.documents, &state.loaded.documents);
        state.loaded = loaded;
        let watched = watched(state);
        if self.watched.always != watched.always {
            self.watcher = Watcher::start(watched.clone(), self.saw.clone())?;
            self.watched = watched;
        }
        Ok(())
    }

    /// Somebody moved HEAD or the branch: lineage is read anew.
    pub fn reread_head(
        &mut self,
        state: &mut State,
        voice: &mut Voice<'_>,
    ) -> Result<Option<Event>> {
        let checkout = &mut state.checkout;
        let away = match checkout.repo.state() {
            Ok(found) if found.branch == checkout.branch => None,
            Ok(found) => Some(elsewhere(found.branch.as_deref(), checkout.branch.as_deref())),
            Err(error) => Some(said(&error)),
        };
        if self.away != away {
            self.away.clone_from(&away);
            if let Some(why) = &away {
                voice.warn(format!("nothing new starts: {why}"));
            }
        }
        if away.is_some() {
            return Ok(None);
        }
        let tip = match checkout.branch().and_then(|branch| checkout.repo.tip(&branch)) {
            Ok(tip) => tip.commit,
            Err(error) => {
                voice.warn(said(&error));
                return Ok(None);
            }
        };
        if tip == checkout.tip {
            return Ok(None);
        }
        checkout.tip = tip;
        state.history_seen().map(Some)
    }

    /// True once each time there is nothing left to do.
    fn comes_to_rest(&mut self, is_idle: bool) -> bool {
        !std::mem::replace(&mut self.is_flushed, is_idle) && is_idle
    }

    /// True once for so many attempts.
    fn is_news(&mut self, n_attempts: u64) -> bool {
        self.rested_at.replace(n_attempts) != Some(n_attempts)
    }
}

fn watched(state: &State) -> Watched {
    let config = state.config();
    let folders = config.plans_dirs.iter().chain([&config.agents_dir, &config.rules_dir]).cloned();
    Watched {
        root: state.root().to_owned(),
        always: folders
            .filter_map(|it| RelPath::normalize(&it))
            .chain(state.loaded.item_folders().cloned())
            .collect(),
    }
}

impl BuildLoop<'_> {
    /// Takes in what the watcher saw: documents are read again, files scanned again. What orch wrote
    /// itself reads back equal and wakes nothing.
    pub(super) fn see(&mut self, changed: &Changed) -> Result<()> {
        let touches_documents =
            changed.everything || changed.paths.iter().any(|it| self.state.loaded.is_document(it));
        let was_away = self.watch.as_ref().is_some_and(Watch::is_away);
        if (changed.refs || changed.everything || was_away)
            && let Some(watch) = &mut self.watch
            && let Some(event) = watch.reread_head(self.state, &mut self.voice)?
        {
            self.step(event)?;
        }
        let is_away = self.watch.as_ref().is_some_and(Watch::is_away);
        if is_away || was_away || touches_documents {
            self.reread_documents()?;
        }
        if is_away {
            return Ok(());
        }
        let paths = changed.paths.clone();
        let everything = changed.everything || was_away;
        self.step(Event::Changed { paths, everything })
    }

    /// Documents as they are now, before anything is decided on older ones.
    pub(super) fn reread_documents(&mut self) -> Result<()> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        let Some(event) = watch.reread_documents(self.state, &mut self.voice)? else {
            return Ok(());
        };
        let is_away = watch.is_away();
        self.crew.shop.take_config(self.state.config())?;
        self.step(event)?;
        self.voice.take_notifying(self.state);
        if !is_away {
            self.voice.caution(self.state);
        }
        Ok(())
    }

    /// There is nothing to do: what was gathered is written now, not only at the end.
    pub(super) fn rest(&mut self) -> Result<()> {
        let is_idle = self.is_settled();
        let Some(watch) = &mut self.watch else { return Ok(()) };
        if watch.comes_to_rest(is_idle) {
            self.write_down()?;
        }
        match &self.watch {
            Some(watch) if !watch.written.is_empty() => self.reread_documents(),
            _ => Ok(()),
        }
    }

    fn write_down(&mut self) -> Result<()> {
        let written = self.landings.statuses.write(self.state);
        self.steps(written)?;
        match self.landings.land_receipts(self.state) {
            Ok(events) => self.steps(events)?,
            Err(error) => self.voice.warn(said(&error)),
        }
        self.state.checkout.scanner.save()?;
        self.show();
        let engine = &self.state.engine;
        if let Some(watch) = &mut self.watch
            && engine.is_finished()
            && watch.is_news(engine.n_attempts())
        {
            let counts = engine.counts();
            let wanted = counts.wanted - counts.skipped;
            self.voice.say(&Notice::Rested { accepted: counts.accepted, wanted });
        }
        Ok(())
    }
}

fn elsewhere(now: Option<&str>, wanted: Option<&str>) -> String {
    let now = now.map_or("is detached".to_owned(), |branch| format!("is on `{branch}`"));
    let wanted = wanted.unwrap_or_default();
    format!("HEAD {now}, and this watch builds `{wanted}`; `git switch {wanted}` goes on")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::build_loop::tests::Recorder;
    use crate::host::git::scratch::{Scratch, path};
    use crate::host::store::folder::Access;

    const PLAN: &str =
        "sections:\n- { id: s, name: S, tasks: [{ id: a, name: A, run: 'true' }] }\n";

    struct Staying {
        scratch: Scratch,
        state: State,
        watch: Watch,
        surface: Recorder,
    }

    impl Staying {
        fn new() -> Self {
            let files = [("plans/p.yaml", PLAN), (".gitignore", ".orch/\n")];
            let scratch = Scratch::new(&files);
            let state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
            let watch = Watch::start(&state, mpsc::channel(1).0).unwrap();
            let mut staying = Self { scratch, state, watch, surface: Recorder::default() };
            assert!(staying.rereads());
            staying
        }

        /// Reads the documents again; true where the engine is to hear of it.
        fn rereads(&mut self) -> bool {
            let mut voice = Voice::of(&mut self.surface, None);
            let event = self.watch.reread_documents(&mut self.state, &mut voice).unwrap();
            event.is_some_and(|event| {
                self.state.step(event);
                true
            })
        }
    }

    #[test]
    fn documents_are_told_where_they_changed_and_a_wrong_one_stays_as_it_was() {
        let mut it = Staying::new();
        assert!(!it.rereads());
        it.scratch.write("plans/p.yaml", &PLAN.replace("A,", "B,"));
        assert!(it.rereads() && !it.rereads());
        it.scratch.write("plans/p.yaml", "sections: 3\n");
        assert!(it.rereads());
        let frozen = Frozen::Plans([path("plans/p.yaml")].into());
        assert_eq!(it.state.loaded.documents.frozen, frozen);
        assert!(it.state.loaded.documents.plans[0].text.contains("name: B"));
        assert_eq!(it.surface.faulty, [vec!["plans/p.yaml".to_owned()]]);
        it.scratch.write("plans/p.yaml", PLAN);
        assert!(it.rereads());
        assert_eq!(it.state.loaded.documents.frozen, Frozen::Nothing);
        assert_eq!(it.surface.faulty.last(), Some(&Vec::new()));
    }

    #[test]
    fn nothing_new_starts_while_head_is_elsewhere() {
        let mut it = Staying::new();
        it.scratch.git(&["switch", "-q", "-c", "other"]);
        let mut voice = Voice::of(&mut it.surface, None);
        assert!(it.watch.reread_head(&mut it.state, &mut voice).unwrap().is_none());
        assert!(it.watch.is_away() && it.rereads());
        assert!(matches!(it.state.loaded.documents.frozen, Frozen::Everything(_)));
        assert_eq!(
            it.surface.said,
            [
                "nothing new starts: HEAD is on `other`, and this watch builds `main`; `git switch main` goes on"
            ]
        );
        it.scratch.git(&["switch", "-q", "main"]);
        it.scratch.commit("by hand", &[("a.txt", "a\n")]);
        let mut voice = Voice::of(&mut it.surface, None);
        let event = it.watch.reread_head(&mut it.state, &mut voice).unwrap();
        assert!(matches!(event, Some(Event::HistoryRead { .. })), "{event:?}");
        assert_eq!(it.state.checkout.tip, it.scratch.head());
        assert!(!it.watch.is_away());
    }

    #[test]
    fn rest_comes_once_and_is_news_only_behind_new_attempts() {
        let mut watch = Staying::new().watch;
        let rests = [false, true, true, false, true].map(|is_idle| watch.comes_to_rest(is_idle));
        assert_eq!(rests, [false, true, false, false, true]);
        assert_eq!([0, 0, 1].map(|n| watch.is_news(n)), [true, false, true]);
    }
}
