//! Symbolic links among what a scan found, and on the way to what patterns take.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::base::file::FileKind;
use crate::base::name::RelPath;
use crate::spec::glob::{GlobSet, has_wildcard, is_not_work};

use super::{Found, Scanner, path_below};

impl Scanner {
    /// Links with what they lead to below the root, be it there or not. What leads elsewhere, or to a
    /// folder that the link lies in, is left out: it is known by its target's name alone.
    pub fn links(&self, globs: &[GlobSet], found: &Found) -> Vec<(RelPath, RelPath)> {
        let is_link = |kind: FileKind| kind == FileKind::Symlink;
        let rows = found.iter().filter(|(_, state)| state.is_some_and(|it| is_link(it.kind)));
        let mut links: BTreeSet<RelPath> = rows.map(|(path, _)| path.clone()).collect();
        links.extend(folders_of(globs).into_iter().filter(|it| self.place_of(it).is_symlink()));
        if links.is_empty() {
            return Vec::new();
        }
        let Ok(root) = fs::canonicalize(&self.root) else { return Vec::new() };
        let links = links.into_iter();
        links
            .filter_map(|link| Some((target_of(&root, &link)?, link)))
            .map(|(to, it)| (it, to))
            .collect()
    }
}

/// The folders that patterns begin with, and those around them.
fn folders_of(globs: &[GlobSet]) -> BTreeSet<RelPath> {
    let mut folders = BTreeSet::new();
    for set in globs {
        let wild = set.patterns.iter().filter(|it| !it.starts_with('!') && has_wildcard(it));
        for prefix in wild.map(|it| crate::spec::glob::static_prefix(it)) {
            let ends = prefix.match_indices('/').map(|(at, _)| at).chain([prefix.len()]);
            folders.extend(ends.filter_map(|end| RelPath::new(&prefix[..end])));
        }
    }
    folders
}

fn target_of(root: &Path, link: &RelPath) -> Option<RelPath> {
    let place = root.join(link.as_str());
    let target = match fs::canonicalize(&place) {
        Ok(real) => path_below(root, &real)?,
        Err(_) => {
            let written = fs::read_link(&place).ok()?;
            let folder = Path::new(link.as_str()).parent()?;
            RelPath::normalize(folder.join(written).to_str()?)?
        }
    };
    (!is_not_work(target.as_str()) && !link.is_within(target.as_str())).then_some(target)
}
