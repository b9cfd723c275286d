//! What the user has changed and not committed, of what a task declares or owns: removed inputs,
//! too.

use std::collections::{BTreeSet, HashSet};

use crate::base::name::{RelPath, TreeId};
use crate::engine::effect::{Base, Launch};
use crate::host::documents::Loaded;
use crate::host::error::Result;
use crate::host::scan::IgnoreRules;
use crate::spec::glob::GlobSet;

use super::checkout::Checkout;

impl Checkout {
    /// What is laid over the base of an attempt, as far as the checkout differs from HEAD there.
    pub fn overlay_of(&mut self, launch: &Launch, loaded: &Loaded) -> Result<Vec<RelPath>> {
        match &launch.base {
            Base::Tip | Base::Left { .. } | Base::Candidate(_) => {
                let mut overlay = self.changed_by_user(&launch.overlay)?;
                overlay.extend(self.removed_by_user(launch, loaded)?);
                overlay.extend(self.outputs_of_user(launch, loaded)?);
                Ok(overlay)
            }
            Base::Landed(_) | Base::Parked(_) => Ok(Vec::new()),
        }
    }

    /// Files at declared outputs that the user has made or changed, and that the overlay does not name
    /// anyway. What git ignores cannot land, so it is none of them.
    fn outputs_of_user(&self, launch: &Launch, loaded: &Loaded) -> Result<Vec<RelPath>> {
        if launch.required_outputs.patterns.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.scanner.scan(std::slice::from_ref(&launch.required_outputs), &[])?;
        let named: HashSet<&RelPath> = launch.overlay.iter().collect();
        let is_open = |path: &RelPath| !named.contains(path) && !loaded.is_plan(path);
        let there = found.into_iter().filter(|(path, state)| state.is_some() && is_open(path));
        let mut changed = self.changed_by_user(&there.map(|(path, _)| path).collect::<Vec<_>>())?;
        let mut rules = IgnoreRules::of(&self.root);
        changed.retain(|path| !rules.ignores_file(path));
        Ok(changed)
    }

    /// Files of HEAD that declared patterns take, that are not in the checkout, and that the overlay
    /// does not name anyway.
    fn removed_by_user(&mut self, launch: &Launch, loaded: &Loaded) -> Result<Vec<RelPath>> {
        let named: HashSet<&str> = launch.overlay.iter().map(RelPath::as_str).collect();
        // A file that is there needs no look at what HEAD has below it.
        let is_open = |globs: &&GlobSet| {
            globs.static_prefixes().iter().any(|place| !named.contains(place.as_str()))
        };
        let open: Vec<&GlobSet> = launch.declared.iter().filter(is_open).collect();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let head = self.repo.tree_of(&self.repo.state()?.head)?;
        let mut removed = BTreeSet::new();
        for globs in open {
            let taken = self.others_taken(&head, globs, &named)?;
            let literal = globs.literal_paths();
            for path in taken.into_iter().filter(|it| literal.contains(it) || !loaded.is_plan(it)) {
                if self.scanner.digest_of(&path)?.is_none() {
                    removed.insert(path);
                }
            }
        }
        self.repo.without_left_out(removed.into_iter().collect())
    }

    /// What the patterns take of a tree beside the named files.
    fn others_taken(
        &mut self,
        tree: &TreeId,
        globs: &GlobSet,
        named: &HashSet<&str>,
    ) -> Result<Vec<RelPath>> {
        // The documents' diagnostics say what is wrong with it.
        let Ok(matcher) = globs.compile() else { return Ok(Vec::new()) };
        let mut taken = Vec::new();
        for place in globs.static_prefixes() {
            if named.contains(place.as_str()) {
                continue;
            }
            let Self { committed, repo, .. } = self;
            let listing = committed.below(repo, tree, &place)?;
            let others = listing.iter().filter(|path| !named.contains(path.as_str()));
            taken.extend(others.filter(|path| matcher.is_match(path)).cloned());
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use crate::host::git::scratch::{Scratch, launch, path};
    use crate::host::state::State;
    use crate::host::store::folder::Access;

    use super::*;

    #[test]
    fn what_the_user_changed_removed_or_made_is_laid_over_and_nothing_else() {
        let files = [("src/a.rs", "a\n"), ("src/b.rs", "b\n"), ("docs/in.md", "in\n")];
        let scratch = Scratch::new(&[&files[..], &[(".gitignore", "out/hidden\n")]].concat());
        let mut state = State::open(&scratch.root(), Access::ReadOnly, Vec::new()).unwrap();
        let mut check = |base: Base, expected: &[&str]| {
            let launch = Launch {
                base,
                overlay: vec![path("src/a.rs"), path("src/b.rs")],
                declared: vec![GlobSet::new(["docs/**"])],
                required_outputs: GlobSet::new(["out/*"]),
                ..launch("1", "true")
            };
            let State { checkout, loaded, .. } = &mut state;
            let found = checkout.overlay_of(&launch, loaded).unwrap();
            assert_eq!(found.iter().map(RelPath::as_str).collect::<Vec<_>>(), expected);
        };
        check(Base::Tip, &[]);
        scratch.write("src/b.rs", "edited\n");
        check(Base::Tip, &["src/b.rs"]);
        std::fs::remove_file(scratch.root().join("docs/in.md")).unwrap();
        scratch.write("out/draft", "mine\n");
        scratch.write("out/hidden", "git ignores it\n");
        check(Base::Tip, &["src/b.rs", "docs/in.md", "out/draft"]);
        // One that goes on in its worktree has it already.
        check(Base::Parked(crate::base::name::SessionId::new("s")), &[]);
    }
}
