//! Taking in files: which content a build asks for, and the listings that keys read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::file::FileState;
use crate::base::name::RelPath;
use crate::engine::step::Engine;
use crate::engine::world::db::{FileEntry, Listing, Slot, inputs_of, meta_of};
use crate::spec::glob::GlobSet;

impl Engine {
    pub(in crate::engine::step) fn take_files(&mut self, found: &[(RelPath, Option<FileState>)]) {
        let states: BTreeMap<&RelPath, Option<FileState>> =
            found.iter().map(|(path, state)| (path, *state)).collect();
        let stale: Vec<RelPath> =
            self.entries.keys().filter(|path| !states.contains_key(path)).cloned().collect();
        let mut has_changed = false;
        for (path, state) in &states {
            has_changed |= self.set_entry(path, *state);
        }
        for path in stale {
            has_changed |= self.set_entry(&path, None);
        }
        self.make_listings();
        let Some(build) = &mut self.build else { return };
        build.scanned_at = self.step.now;
        build.has_scanned = true;
        build.is_touched |= has_changed;
    }

    /// True where it differs from what was known.
    pub(in crate::engine::step) fn set_entry(
        &mut self,
        path: &RelPath,
        state: Option<FileState>,
    ) -> bool {
        match self.entries.get(path) {
            Some(entry) if entry.state(&self.db) == state => false,
            Some(&entry) => {
                entry.set_state(&mut self.db).to(state);
                true
            }
            None => {
                let touches = self.past.history.touches(path).into();
                let entry = FileEntry::new(&self.db, path.clone(), state, touches);
                self.entries.insert(path.clone(), entry);
                true
            }
        }
    }

    pub(in crate::engine::step) fn refresh_touches(&mut self, path: &RelPath) {
        let Some(&entry) = self.entries.get(path) else { return };
        if **entry.touches(&self.db) != *self.past.history.touches(path) {
            let touches = self.past.history.touches(path).into();
            entry.set_touches(&mut self.db).to(touches);
        }
    }

    /// Matches patterns against every path that is there or that a landing touched.
    fn make_listings(&mut self) {
        let Some(build) = &mut self.build else { return };
        // Taken out meanwhile: the engine itself changes below.
        let index = std::mem::take(&mut build.scanned.index);
        let sets = Arc::clone(&build.scanned.globs);
        let touched: Vec<RelPath> = self
            .past
            .history
            .touched_paths()
            .filter(|path| !self.entries.contains_key(*path))
            .filter(|path| !index.sets_taking(path).is_empty())
            .cloned()
            .collect();
        for path in touched {
            self.set_entry(&path, None);
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
        if let Some(build) = &mut self.build {
            build.scanned.index = index;
        }
    }

    fn plan_files(&self) -> BTreeSet<RelPath> {
        let plans = self.world.library(&self.db).plans(&self.db);
        plans.iter().map(|text| text.path(&self.db).clone()).collect()
    }

    fn set_listings<'a>(&mut self, found: impl Iterator<Item = (&'a GlobSet, Vec<FileEntry>)>) {
        let files = self.world.files(&self.db);
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
        let library = self.world.library(&self.db);
        let documents = library.plans(&self.db).iter().filter_map(|text| {
            let path = RelPath::normalize(meta_of(&self.db, *text).plan_doc.as_deref()?)?;
            let entry = *self.entries.get(&path)?;
            Some((path, entry))
        });
        let singles: BTreeMap<RelPath, FileEntry> = documents.collect();
        let files = self.world.files(&self.db);
        if *files.singles(&self.db) != singles {
            files.set_singles(&mut self.db).to(singles);
        }
    }

    /// Puts paths that have just come about into the listings that take them.
    pub(in crate::engine::step) fn list(&mut self, paths: &[RelPath]) {
        let Some(build) = &self.build else { return };
        let scanned = &build.scanned;
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
        let listings = self.world.files(&self.db).listings(&self.db);
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
    pub(in crate::engine::step) fn entries_below(
        &self,
        path: &RelPath,
    ) -> impl Iterator<Item = &RelPath> {
        use std::ops::Bound;
        let below = format!("{path}/");
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        let after = self.entries.range::<str, _>(from);
        after.map(|(it, _)| it).take_while(move |it| it.as_str().starts_with(&below))
    }

    /// What a task is about, as paths: the inputs it declares, its documents, the files it owns. Laid
    /// over its worktree where they are not committed.
    pub(in crate::engine::step) fn paths_of(&self, slot: Slot) -> Vec<RelPath> {
        let mut paths: BTreeSet<RelPath> =
            inputs_of(&self.db, self.world, slot).iter().map(|(path, _)| path.clone()).collect();
        let meta = meta_of(&self.db, slot.plan(&self.db));
        paths.extend(meta.plan_doc.as_deref().and_then(RelPath::normalize));
        paths.insert(slot.plan(&self.db).path(&self.db).clone());
        let owned = self.past.history.task(slot.task(&self.db)).map(|it| it.owned.keys().cloned());
        paths.extend(owned.into_iter().flatten());
        paths.into_iter().collect()
    }
}

/// Orch writes statuses into plans: one is read only by patterns that name its very file.
fn is_input(path: &RelPath, globs: &GlobSet, plans: &BTreeSet<RelPath>) -> bool {
    !plans.contains(path) || globs.literal_paths().contains(path)
}
