//! The search for files by pattern: only folders that a pattern can lie in are entered, each once,
//! and git's ignore rules hold wherever no pattern names the folder itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::base::file::FileState;
use crate::base::name::RelPath;
use crate::host::error::{Error, Result};
use crate::host::store::folder;
use crate::spec::glob::{GlobSet, Matcher, static_prefix};

use super::Scanner;

/// All that one scan looks for.
pub struct Search {
    matchers: Vec<Matcher>,
    literals: BTreeMap<RelPath, Vec<Take>>,
    /// Literals that turned out to be folders.
    folders: BTreeSet<RelPath>,
    /// Looked through by git's rules.
    ruled: Places,
    /// Folders that git ignores and a pattern names: everything in them counts.
    named: Places,
}

/// What of a folder is wanted.
#[derive(Clone, Copy, Debug)]
enum Take {
    All,
    /// What this matcher takes.
    Matching(usize),
}

/// What is wanted below which folder; the root is the empty text.
#[derive(Clone, Debug, Default)]
struct Places(BTreeMap<String, Vec<Take>>);

impl Search {
    /// Fails where a pattern cannot be understood; documents with such are refused earlier.
    pub fn new(globs: &[GlobSet]) -> Result<Self> {
        let mut search = Self {
            matchers: Vec::new(),
            literals: BTreeMap::new(),
            folders: BTreeSet::new(),
            ruled: Places::default(),
            named: Places::default(),
        };
        for set in globs.iter().collect::<BTreeSet<_>>() {
            search.add(set)?;
        }
        Ok(search)
    }

    /// Paths that patterns name without wildcards.
    pub fn literals(&self) -> impl Iterator<Item = &RelPath> {
        self.literals.keys()
    }

    /// Goes on below those literals that are folders; `found` is what all of them are.
    pub fn descend(&mut self, root: &Path, found: &[(RelPath, Option<FileState>)]) {
        let mut rules = None;
        for (path, _) in found.iter().filter(|(_, state)| state.is_none()) {
            let Some(takes) = self.literals.get(path) else { continue };
            let place = root.join(std::ffi::OsStr::from_bytes(&path.to_bytes()));
            if !fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_dir()) {
                continue;
            }
            self.folders.insert(path.clone());
            let rules = rules.get_or_insert_with(|| Rules::of(root));
            let places = if rules.ignores_folder(path) { &mut self.named } else { &mut self.ruled };
            takes.iter().for_each(|take| places.add(path.as_str(), *take));
        }
    }

    /// True where a pattern means exactly this path, and it is no folder.
    pub fn takes_literal(&self, path: &RelPath) -> bool {
        let takes = self.literals.get(path).filter(|_| !self.folders.contains(path));
        takes.is_some_and(|takes| takes.iter().any(|take| self.is_taken(*take, path)))
    }

    fn add(&mut self, set: &GlobSet) -> Result<()> {
        let literals = set.literal_paths();
        let is_literal =
            |pattern: &str| RelPath::normalize(pattern).is_some_and(|it| literals.contains(&it));
        let takes_away = set.patterns.iter().any(|pattern| pattern.starts_with('!'));
        let positive = set.patterns.iter().filter(|pattern| !pattern.starts_with('!'));
        let wild: Vec<&String> = positive.filter(|pattern| !is_literal(pattern)).collect();
        let mut take = Take::All;
        if takes_away || !wild.is_empty() {
            let matcher = set.compile().map_err(|bad| {
                Error::new(format!("reading the pattern `{}`: {}", bad.pattern, bad.reason))
            })?;
            take = Take::Matching(self.matchers.len());
            self.matchers.push(matcher);
        }
        wild.iter().for_each(|pattern| self.ruled.add(&static_prefix(pattern), take));
        for path in literals {
            self.literals.entry(path).or_default().push(take);
        }
        Ok(())
    }

    fn takes(&self, places: &Places, path: &RelPath) -> bool {
        places.around(path.as_str()).flatten().any(|take| self.is_taken(*take, path))
    }

    fn is_taken(&self, take: Take, path: &RelPath) -> bool {
        match take {
            Take::All => true,
            Take::Matching(index) => self.matchers[index].is_match(path),
        }
    }
}

impl Places {
    fn add(&mut self, folder: &str, take: Take) {
        self.0.entry(folder.to_owned()).or_default().push(take);
    }

    /// What is wanted of the folders that `path` lies in, and of itself.
    fn around(&self, path: &str) -> impl Iterator<Item = &Vec<Take>> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let folders = std::iter::once("").chain(ends.map(|end| &path[..end]));
        folders.filter_map(|folder| self.0.get(folder))
    }

    /// True where something is wanted in this folder or below it.
    fn lead_into(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        let next = self.0.range(below.clone()..).next();
        self.around(folder).next().is_some() || next.is_some_and(|(it, _)| it.starts_with(&below))
    }
}

/// Git's ignore rules for single paths.
pub struct Rules(Option<ignore::IncrementalIgnore>);

impl Rules {
    pub fn of(root: &Path) -> Self {
        let mut builder = WalkBuilder::new(root);
        set_rules(&mut builder);
        Self(builder.build_matchers().pop())
    }

    /// True where git ignores the file or a folder it lies in.
    pub fn ignores_file(&mut self, path: &RelPath) -> bool {
        self.ignores(path, false)
    }

    /// True where git ignores the folder or one it lies in.
    pub fn ignores_folder(&mut self, path: &RelPath) -> bool {
        self.ignores(path, true)
    }

    fn ignores(&mut self, path: &RelPath, is_folder: bool) -> bool {
        let bytes = path.to_bytes();
        let path = Path::new(std::ffi::OsStr::from_bytes(&bytes));
        self.0.as_mut().is_some_and(|rules| rules.matched(path, is_folder).is_ignore())
    }
}

/// Git's rules and nothing else; hidden files are files.
fn set_rules(builder: &mut WalkBuilder) {
    builder.standard_filters(false).git_ignore(true).git_exclude(true).git_global(true);
    builder.require_git(false).follow_links(false);
}

/// True for folders that are never looked into: git's and orch's own.
pub fn is_off_limits(name: &std::ffi::OsStr) -> bool {
    name == ".git" || name == folder::NAME
}

impl Scanner {
    /// Every file that the search's patterns take. What cannot be read is left out, loudly.
    pub(super) fn walk(&self, search: &Search) -> Vec<(RelPath, FileState)> {
        let mut found = Vec::new();
        if !search.ruled.0.is_empty() {
            let mut builder = WalkBuilder::new(&self.root);
            set_rules(&mut builder);
            found.extend(self.walk_by(builder, search, &search.ruled));
        }
        for folder in search.named.0.keys() {
            let mut builder = WalkBuilder::new(self.root.join(folder));
            builder.standard_filters(false);
            found.extend(self.walk_by(builder, search, &search.named));
        }
        found
    }

    fn walk_by(
        &self,
        mut builder: WalkBuilder,
        search: &Search,
        places: &Places,
    ) -> Vec<(RelPath, FileState)> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(4);
        let (root, wanted) = (self.root.clone(), places.clone());
        builder.threads(threads).filter_entry(move |entry| enters(&root, &wanted, entry));
        let found = Mutex::new(Vec::new());
        builder.build_parallel().run(|| {
            Box::new(|entry| {
                let (state, onward) = match entry {
                    Ok(entry) => self.visit(search, places, &entry),
                    Err(error) => {
                        tracing::warn!("a folder was left out of the scan: {error}");
                        (None, WalkState::Continue)
                    }
                };
                found.lock().unwrap_or_else(PoisonError::into_inner).extend(state);
                onward
            })
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn visit(
        &self,
        search: &Search,
        places: &Places,
        entry: &DirEntry,
    ) -> (Option<(RelPath, FileState)>, WalkState) {
        let Some(path) = path_below(&self.root, entry.path()) else {
            return (None, WalkState::Continue);
        };
        let mut onward = WalkState::Continue;
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            if fs::symlink_metadata(entry.path().join(".git")).is_err() {
                return (None, onward);
            }
            onward = WalkState::Skip;
        }
        let state = search.takes(places, &path).then(|| self.visited_state(&path, entry)).flatten();
        (state.map(|state| (path, state)), onward)
    }

    fn visited_state(&self, path: &RelPath, entry: &DirEntry) -> Option<FileState> {
        let meta = entry.metadata().inspect_err(|error| tracing::debug!("gone: {error}")).ok()?;
        let state = self.state_of(path, super::Stat::of(&meta));
        state.unwrap_or_else(|error| {
            tracing::warn!("`{path}` was left out of the scan: {error}");
            None
        })
    }
}

fn enters(root: &Path, places: &Places, entry: &DirEntry) -> bool {
    if is_off_limits(entry.file_name()) {
        return false;
    }
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    match path_below(root, entry.path()) {
        Some(path) => !is_folder || places.lead_into(path.as_str()),
        None => true,
    }
}

/// An absolute path as one below the root; `None` for the root itself and what lies elsewhere.
pub fn path_below(root: &Path, path: &Path) -> Option<RelPath> {
    RelPath::from_bytes(path.strip_prefix(root).ok()?.as_os_str().as_bytes())
}
