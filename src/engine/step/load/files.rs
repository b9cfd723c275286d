//! Taking in files: which content a build asks for, and the listings that keys read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::file::FileState;
use crate::base::name::RelPath;
use crate::engine::db::{FileEntry, Listing, Slot, inputs_of, meta_of};
use crate::engine::step::Engine;
use crate::spec::glob::{GlobSet, Matcher};

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
        build.scanned_at = self.now;
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
                let touches = self.history.touches(path).into();
                let entry = FileEntry::new(&self.db, path.clone(), state, touches);
                self.entries.insert(path.clone(), entry);
                true
            }
        }
    }

    pub(in crate::engine::step) fn refresh_touches(&mut self, path: &RelPath) {
        let Some(&entry) = self.entries.get(path) else { return };
        if **entry.touches(&self.db) != *self.history.touches(path) {
            let touches = self.history.touches(path).into();
            entry.set_touches(&mut self.db).to(touches);
        }
    }

    /// Matches patterns against every path that is there or that a landing touched.
    fn make_listings(&mut self) {
        let touched: Vec<RelPath> = self
            .history
            .touched_paths()
            .filter(|path| !self.entries.contains_key(*path))
            .cloned()
            .collect();
        let (globs, _) = self.wanted_files();
        let matchers: Vec<_> = globs.iter().map(|it| it.compile().ok()).collect();
        for path in touched {
            if matchers.iter().flatten().any(|it| it.is_match(&path)) {
                self.set_entry(&path, None);
            }
        }
        let files = self.world.files(&self.db);
        let mut listings = files.listings(&self.db).clone();
        for (globs, matcher) in globs.into_iter().zip(matchers) {
            let Some(matcher) = matcher else { continue };
            let found = self.entries_matching(&globs, &matcher);
            match listings.get(&globs) {
                Some(listing) if *listing.files(&self.db) == found => {}
                Some(&listing) => {
                    listing.set_files(&mut self.db).to(found);
                }
                None => {
                    listings.insert(globs, Listing::new(&self.db, found));
                }
            }
        }
        if *files.listings(&self.db) != listings {
            files.set_listings(&mut self.db).to(listings);
        }
        if *files.singles(&self.db) != self.entries {
            files.set_singles(&mut self.db).to(self.entries.clone());
        }
    }

    /// Puts paths that have just come about into the listings that take them.
    pub(in crate::engine::step) fn list(&mut self, paths: &[RelPath]) {
        let files = self.world.files(&self.db);
        for (globs, listing) in files.listings(&self.db).clone() {
            let Ok(matcher) = globs.compile() else { continue };
            let new = paths.iter().filter(|path| matcher.is_match(path));
            let new: Vec<FileEntry> = new.filter_map(|it| self.entries.get(it).copied()).collect();
            if new.is_empty() {
                continue;
            }
            let mut all = listing.files(&self.db).to_vec();
            all.extend(new);
            all.sort_by(|a, b| a.path(&self.db).cmp(b.path(&self.db)));
            all.dedup();
            listing.set_files(&mut self.db).to(all.into());
        }
        if !paths.is_empty() {
            files.set_singles(&mut self.db).to(self.entries.clone());
        }
    }

    fn entries_matching(&self, globs: &GlobSet, matcher: &Matcher) -> Arc<[FileEntry]> {
        let literal = globs.literal_paths();
        if literal.len() == globs.patterns.len()
            && let Some(entries) =
                literal.iter().map(|it| self.entries.get(it).copied()).collect::<Option<Vec<_>>>()
            && !literal.iter().any(|it| self.has_below(it))
        {
            return entries.into();
        }
        self.entries.iter().filter(|(path, _)| matcher.is_match(path)).map(|(_, it)| *it).collect()
    }

    /// True where the path is a folder of known entries: a plain folder means all below it.
    fn has_below(&self, path: &RelPath) -> bool {
        self.entries_below(path).next().is_some()
    }

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

    /// The inputs a task declares, as paths: laid over its worktree where they are not committed.
    pub(in crate::engine::step) fn declared_paths(&self, slot: Slot) -> Vec<RelPath> {
        let mut paths: BTreeSet<RelPath> =
            inputs_of(&self.db, self.world, slot).iter().map(|(path, _)| path.clone()).collect();
        let meta = meta_of(&self.db, slot.plan(&self.db));
        paths.extend(meta.plan_doc.as_deref().and_then(RelPath::normalize));
        paths.insert(slot.plan(&self.db).path(&self.db).clone());
        paths.into_iter().collect()
    }
}
