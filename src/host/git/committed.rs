//! Which files a tree holds below a folder, listed once for as long as the folder stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::tree::EntryMode;

use super::extent::reading;
use super::{Repository, object_id};
use crate::base::name::{RelPath, TreeId};
use crate::host::error::Result;

/// Listings by folder, each with the id that git had for it.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    listings: BTreeMap<String, (ObjectId, Arc<[RelPath]>)>,
}

impl Committed {
    /// Every file below `place`, or `place` itself where it is one; the root is empty. Submodules
    /// are none: their folders are empty until somebody asks for them.
    pub fn below(
        &mut self,
        repo: &Repository,
        tree: &TreeId,
        place: &str,
    ) -> Result<Arc<[RelPath]>> {
        let git = repo.local();
        let Some((mode, id)) = found_at(&git, object_id(tree.as_str())?, place)? else {
            return Ok(Arc::from([]));
        };
        if !mode.is_tree() {
            let own = RelPath::new(place).filter(|_| !mode.is_commit());
            return Ok(own.into_iter().collect());
        }
        match self.listings.get(place) {
            Some((known, listing)) if *known == id => Ok(Arc::clone(listing)),
            _ => {
                let listing = files_of(&git, id, place)?;
                self.listings.insert(place.to_owned(), (id, Arc::clone(&listing)));
                Ok(listing)
            }
        }
    }
}

fn found_at(
    git: &gix::Repository,
    tree: ObjectId,
    place: &str,
) -> Result<Option<(EntryMode, ObjectId)>> {
    let Some(path) = RelPath::new(place) else {
        return Ok(Some((gix::objs::tree::EntryKind::Tree.into(), tree)));
    };
    let (doing, shown) = ("reading a tree", || tree.to_string());
    let root = reading(git, doing, shown(), git.find_tree(tree))?;
    let bytes = path.to_bytes();
    let found = reading(git, doing, shown(), root.lookup_entry(bytes.split(|byte| *byte == b'/')))?;
    Ok(found.map(|entry| (entry.mode(), entry.object_id())))
}

fn files_of(git: &gix::Repository, folder: ObjectId, place: &str) -> Result<Arc<[RelPath]>> {
    let (doing, shown) = ("listing a tree", || folder.to_string());
    let tree = reading(git, doing, shown(), git.find_tree(folder))?;
    let entries = reading(git, doing, shown(), tree.traverse().breadthfirst.files())?;
    let start =
        RelPath::new(place).map_or_else(Vec::new, |path| [&path.to_bytes(), &b"/"[..]].concat());
    let files = entries.iter().filter(|entry| !entry.mode.is_tree() && !entry.mode.is_commit());
    let paths =
        files.filter_map(|it| RelPath::from_bytes(&[&start, it.filepath.as_slice()].concat()));
    Ok(paths.collect())
}
