//! Taking in files: which content a build asks for, and the listings that keys read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::file::{FileKind, FileState};
use crate::base::name::{RelPath, TaskRef};
use crate::engine::past::Past;
use crate::engine::record::lineage::Landing;
use crate::spec::glob::{GlobIndex, GlobSet};

use super::beside::{behind, scripts_of_validator};
use super::db::{FileEntry, Listing, inputs_of, meta_of};
use super::{Slot, World, item_read_by};

/// What the last scan was asked for.
#[derive(Default)]
pub struct Scanned {
    pub globs: Arc<[GlobSet]>,
    paths: Vec<RelPath>,
    pub index: GlobIndex,
}

impl World {
    /// Takes in what a scan found; true where anything differs from what was known.
    pub fn take_files(&mut self, found: &[(RelPath, Option<FileState>)], past: &Past) -> bool {
        let states: BTreeMap<&RelPath, Option<FileState>> =
            found.iter().map(|(path, state)| (path, *state)).collect();
        let stale: Vec<RelPath> =
            self.entries.keys().filter(|path| !states.contains_key(path)).cloned().collect();
        let mut has_changed = false;
        for (path, state) in &states {
            has_changed |= self.set_entry(path, *state, past);
        }
        for path in stale {
            has_changed |= self.set_entry(&path, None, past);
        }
        self.make_listings(past);
        has_changed
    }

    /// True where it differs from what was known.
    pub fn set_entry(&mut self, path: &RelPath, state: Option<FileState>, past: &Past) -> bool {
        match self.entries.get(path) {
            Some(entry) if entry.state(&self.db) == state => false,
            Some(&entry) => {
                entry.set_state(&mut self.db).to(state);
                true
            }
            None => {
                let touches = past.history.touches(path).into();
                let entry = FileEntry::new(&self.db, path.clone(), state, touches);
                self.entries.insert(path.clone(), entry);
                true
            }
        }
    }

    pub fn refresh_touches(&mut self, path: &RelPath, past: &Past) {
        let Some(&entry) = self.entries.get(path) else { return };
        if **entry.touches(&self.db) != *past.history.touches(path) {
            let touches = past.history.touches(path).into();
            entry.set_touches(&mut self.db).to(touches);
        }
    }

    /// Matches patterns against every path that is there or that a landing touched.
    fn make_listings(&mut self, past: &Past) {
        // Taken out meanwhile: the engine itself changes below.
        let index = std::mem::take(&mut self.scanned.index);
        let sets = Arc::clone(&self.scanned.globs);
        let touched: Vec<RelPath> = past
            .history
            .touched_paths()
            .filter(|path| !self.entries.contains_key(*path))
            .filter(|path| !index.sets_taking(path).is_empty())
            .cloned()
            .collect();
        for path in touched {
            self.set_entry(&path, None, past);
        }
        let plans = self.plan_files();
        let mut found = vec![Vec::new(); sets.len()];
        for (path, entry) in &self.entries {
            for set in index.sets_taking(path) {
                if is_input(path, &sets[set], &plans) {
                    found[set].push(*entry);
                }
            }
        }
        self.set_listings(sets.iter().zip(found));
        self.set_singles();
        self.scanned.index = index;
    }

    fn plan_files(&self) -> BTreeSet<RelPath> {
        let plans = self.library().plans(&self.db);
        plans.iter().map(|text| text.path(&self.db).clone()).collect()
    }

    fn set_listings<'a>(&mut self, found: impl Iterator<Item = (&'a GlobSet, Vec<FileEntry>)>) {
        let files = self.roots.files(&self.db);
        let mut new = Vec::new();
        for (globs, found) in found {
            match files.listings(&self.db).get(globs).copied() {
                Some(listing) if **listing.files(&self.db) == *found => {}
                Some(listing) => {
                    listing.set_files(&mut self.db).to(found.into());
                }
                None => new.push((globs.clone(), Listing::new(&self.db, Arc::from(found)))),
            }
        }
        if !new.is_empty() {
            let mut listings = files.listings(&self.db).clone();
            listings.extend(new);
            files.set_listings(&mut self.db).to(listings);
        }
    }

    /// Design documents: files that keys read by name. Each scan asks for all of them.
    fn set_singles(&mut self) {
        let library = self.library();
        let documents = library.plans(&self.db).iter().flat_map(|text| {
            let path = meta_of(&self.db, *text).plan_doc.as_deref().and_then(RelPath::normalize);
            self.with_target(path)
        });
        let documents = documents.filter_map(|path| {
            let entry = *self.entries.get(&path)?;
            Some((path, entry))
        });
        let singles: BTreeMap<RelPath, FileEntry> = documents.collect();
        let files = self.roots.files(&self.db);
        if *files.singles(&self.db) != singles {
            files.set_singles(&mut self.db).to(singles);
        }
    }

    /// Puts paths that have just come about into the listings that take them.
    pub fn list(&mut self, paths: &[RelPath]) {
        let scanned = &self.scanned;
        let plans = self.plan_files();
        let mut new: BTreeMap<usize, Vec<FileEntry>> = BTreeMap::new();
        for path in paths {
            let Some(entry) = self.entries.get(path) else { continue };
            for set in scanned.index.sets_taking(path) {
                if is_input(path, &scanned.globs[set], &plans) {
                    new.entry(set).or_default().push(*entry);
                }
            }
        }
        let listings = self.roots.files(&self.db).listings(&self.db);
        let new: Vec<(Listing, Vec<FileEntry>)> = new
            .into_iter()
            .filter_map(|(set, new)| Some((*listings.get(&scanned.globs[set])?, new)))
            .collect();
        for (listing, new) in new {
            let mut all = listing.files(&self.db).to_vec();
            all.extend(new);
            all.sort_by(|a, b| a.path(&self.db).cmp(b.path(&self.db)));
            all.dedup();
            listing.set_files(&mut self.db).to(all.into());
        }
    }

    /// Known entries below a path, where it is a folder.
    pub fn entries_below(&self, path: &RelPath) -> impl Iterator<Item = &RelPath> {
        use std::ops::Bound;
        let below = format!("{path}/");
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        let after = self.entries.range::<str, _>(from);
        after.map(|(it, _)| it).take_while(move |it| it.as_str().starts_with(&below))
    }

    /// What a task is about, as paths: the inputs it declares, its documents, the files it owns. Laid
    /// over its worktree where they are not committed.
    pub fn paths_of(&self, slot: Slot, past: &Past) -> Vec<RelPath> {
        let mut paths: BTreeSet<RelPath> =
            inputs_of(&self.db, self.roots, slot).iter().map(|(path, _)| path.clone()).collect();
        let beside = self.beside(slot);
        let files = beside.scripts.iter().chain(&beside.linked);
        paths.extend(files.map(|(path, _)| path.clone()));
        let meta = meta_of(&self.db, slot.plan(&self.db));
        paths.extend(meta.plan_doc.as_deref().and_then(RelPath::normalize));
        paths.insert(slot.plan(&self.db).path(&self.db).clone());
        let owned = past.history.task(slot.task(&self.db)).map(|it| it.owned.keys().cloned());
        paths.extend(owned.into_iter().flatten());
        paths.into_iter().collect()
    }

    /// Takes in a second look at what a task reads: what its patterns took and is not found is gone.
    pub fn take_rechecked(
        &mut self,
        task: &TaskRef,
        found: &[(RelPath, Option<FileState>)],
        past: &Past,
    ) {
        let new = found.iter().filter(|(path, _)| !self.is_known(path));
        let new: Vec<RelPath> = new.map(|(path, _)| path.clone()).collect();
        for (path, state) in found {
            self.set_entry(path, *state, past);
        }
        self.drop_vanished(task, found, past);
        self.list(&new);
    }

    fn drop_vanished(
        &mut self,
        task: &TaskRef,
        found: &[(RelPath, Option<FileState>)],
        past: &Past,
    ) {
        let Some(slot) = self.slot(task) else { return };
        let seen: BTreeSet<&RelPath> = found.iter().map(|(path, _)| path).collect();
        let (globs, _) = self.inputs_named(slot, past);
        let listed = globs.iter().flat_map(|it| self.listed(it));
        let is_link = |state: &FileState| state.kind == FileKind::Symlink;
        let links = found.iter().filter(|(_, state)| state.as_ref().is_some_and(is_link));
        let links: Vec<&RelPath> = links.map(|(path, _)| path).collect();
        // Whoever names a link looks at it alone; others may look behind it.
        let is_behind = |path: &RelPath| links.iter().any(|it| path.is_within(it.as_str()));
        let gone = listed.filter(|path| !seen.contains(path) && !is_behind(path));
        let gone: Vec<RelPath> = gone.cloned().collect();
        for path in gone {
            self.set_entry(&path, None, past);
        }
    }

    /// Takes in the present content of single files; true where anything is another.
    pub fn take_looked(&mut self, found: &[(RelPath, Option<FileState>)], past: &Past) -> bool {
        let mut has_changed = false;
        let mut new = Vec::new();
        for (path, state) in found {
            let is_known = self.is_known(path);
            if !is_known && state.is_none() {
                continue;
            }
            has_changed |= self.set_entry(path, *state, past);
            new.extend((!is_known).then(|| path.clone()));
        }
        self.list(&new);
        has_changed
    }

    /// Takes in what a landing changed, which is on record by now.
    pub fn take_landing(&mut self, landing: &Landing, past: &Past) {
        let known: Vec<bool> = landing.changes.iter().map(|it| self.is_known(&it.path)).collect();
        for change in &landing.changes {
            // A path the user has changed keeps the user's content; the landing is seen elsewhere.
            if self.state_of(&change.path) == change.before {
                self.set_entry(&change.path, change.after, past);
            }
            self.refresh_touches(&change.path, past);
        }
        let new = landing.changes.iter().zip(known).filter(|(_, known)| !known);
        let new: Vec<_> = new.map(|(change, _)| change.path.clone()).collect();
        self.list(&new);
    }

    /// Of paths that may have changed, the files that keys could read.
    pub fn read_of(&self, paths: &[RelPath]) -> BTreeSet<RelPath> {
        let mut read = BTreeSet::new();
        for path in paths {
            read.extend(self.entries_below(path).cloned());
            read.extend(self.is_read(path).then(|| path.clone()));
        }
        read
    }

    /// Asks for everything anew: what is read by name or pattern from now on.
    pub fn begin_scan(&mut self, globs: &[GlobSet], paths: &[RelPath]) {
        self.scanned =
            Scanned { index: GlobIndex::new(globs), globs: globs.into(), paths: paths.to_vec() };
    }

    /// True where the last scan was asked for just that.
    pub fn has_scanned_for(&self, globs: &[GlobSet], paths: &[RelPath]) -> bool {
        *self.scanned.globs == *globs && self.scanned.paths == paths
    }

    pub fn scanned(&self) -> &Scanned {
        &self.scanned
    }

    pub fn state_of(&self, path: &RelPath) -> Option<FileState> {
        self.entries.get(path).and_then(|entry| entry.state(&self.db))
    }

    pub fn is_known(&self, path: &RelPath) -> bool {
        self.entries.contains_key(path)
    }

    /// A file that some key reads, by pattern or by name.
    pub fn is_read(&self, path: &RelPath) -> bool {
        !self.scanned.index.sets_taking(path).is_empty() || self.is_known(path)
    }

    /// Files that a set of patterns takes at present.
    pub fn listed(&self, globs: &GlobSet) -> impl Iterator<Item = &RelPath> {
        let listing = self.roots.files(&self.db).listings(&self.db).get(globs);
        let files = listing.into_iter().flat_map(|it| it.files(&self.db).iter());
        files.map(|file| file.path(&self.db))
    }

    /// True below the folders of documents.
    pub fn is_document(&self, path: &RelPath) -> bool {
        let config = self.config();
        let folders = config.plans_dirs.iter().chain([&config.agents_dir, &config.rules_dir]);
        folders.into_iter().any(|folder| path.is_within(folder.trim_end_matches('/')))
    }

    /// What a task's key and verdicts read: patterns, and single paths.
    pub fn inputs_named(&self, slot: Slot, past: &Past) -> (Vec<GlobSet>, Vec<RelPath>) {
        let Some(recipe) = self.recipe(slot) else { return (Vec::new(), Vec::new()) };
        let meta = self.meta(slot);
        let document = meta.plan_doc.as_deref().and_then(RelPath::normalize);
        let mut paths: Vec<RelPath> = self.with_target(document).collect();
        let validators = self.validators(slot, recipe);
        if !validators.is_empty() {
            let owned = past.history.task(self.task(slot)).map(|it| it.owned.keys().cloned());
            paths.extend(owned.into_iter().flatten());
            paths.extend(item_read_by(&validators, meta));
        }
        paths.extend(self.declared_of(slot, past));
        (self.sets_read(recipe, &validators), paths)
    }

    /// Files that results of these tasks left where their plans declare them: that they are there counts.
    pub fn outputs_wanted(&self, slots: &[Slot], past: &Past) -> BTreeSet<RelPath> {
        slots.iter().flat_map(|slot| self.declared_of(*slot, past)).collect()
    }

    /// Everything that keys and verdicts of these tasks read.
    pub fn files_read(&self, slots: &[Slot], past: &Past) -> (Vec<GlobSet>, Vec<RelPath>) {
        let library = self.library();
        let (mut globs, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for text in library.plans(&self.db) {
            let document = meta_of(&self.db, *text).plan_doc.as_deref();
            paths.extend(self.with_target(document.and_then(RelPath::normalize)));
        }
        for &slot in slots {
            let Some(recipe) = self.recipe(slot) else { continue };
            globs.insert(Cow::Borrowed(&recipe.spec.inputs));
            globs.insert(Cow::Borrowed(&recipe.rule.inputs.declared));
            globs.insert(Cow::Borrowed(&recipe.scripts));
            let meta = self.meta(slot);
            let validators = self.validators(slot, recipe);
            if validators.is_empty() {
                continue;
            }
            paths.extend(item_read_by(&validators, meta));
            globs.extend(validators.iter().map(|it| Cow::Owned(scripts_of_validator(it))));
            globs.extend(validators.into_iter().map(|it| Cow::Owned(it.inputs)));
            if let Some(task) = past.history.task(self.task(slot)) {
                paths.extend(task.owned.keys().cloned());
            }
        }
        let links = self.links();
        if !links.is_empty() {
            let behind: Vec<GlobSet> = globs.iter().map(|set| behind(set, links)).collect();
            globs.extend(behind.into_iter().map(Cow::Owned));
        }
        globs.remove(&GlobSet::default());
        (globs.into_iter().map(Cow::into_owned).collect(), paths.into_iter().collect())
    }
}

/// Orch writes statuses into plans: one is read only by patterns that name its very file.
fn is_input(path: &RelPath, globs: &GlobSet, plans: &BTreeSet<RelPath>) -> bool {
    !plans.contains(path) || globs.literal_paths().contains(path)
}
