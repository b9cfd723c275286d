//! Which files tasks are about to touch, and whether two of them would meet on one: by what they
//! declare, and by the paths that their descriptions name.

mod words;

use std::collections::BTreeSet;

use crate::base::name::{RelPath, TaskRef};
use crate::engine::why::{Clash, How};
use crate::spec::glob::{GlobSet, Matcher, static_prefix};

pub use words::{Named, named_in};

/// What one task reads and writes, as far as it can be told before it runs.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    writes: Vec<Claim>,
    reads: Vec<Claim>,
}

/// Where a task's claims come from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub outputs: &'a GlobSet,
    pub inputs: &'a GlobSet,
    /// Files its description names.
    pub named: &'a BTreeSet<RelPath>,
    /// What it may write; `None` is anything. What a reviewer names it only reads.
    pub allowed: Option<&'a GlobSet>,
    /// Documents that every task of the plan reads.
    pub documents: &'a [RelPath],
}

/// Why two tasks are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// A path, or the pattern of several.
    pub path: String,
    pub how: How,
}

impl Meeting {
    /// The meeting with this task.
    pub fn with(self, other: &TaskRef) -> Clash {
        Clash { with: other.clone(), path: self.path, how: self.how }
    }
}

/// Some paths: one, a folder with all below it, or a pattern.
#[derive(Clone, Debug)]
enum Claim {
    /// A file, or everything below a folder.
    Path(RelPath),
    /// A file of this name, in whichever folder.
    Name(String),
    Pattern {
        written: String,
        /// The folder all matches lie in; empty is the root.
        folder: String,
        /// What follows the last wildcard.
        ending: String,
        matcher: Matcher,
    },
}

impl Claims {
    /// A file that is named and also a declared input, but no output, is read.
    pub fn of(sources: Sources<'_>) -> Self {
        let Sources { outputs, inputs, named, allowed, documents } = sources;
        let mut claims = Self { writes: claims_of(outputs), reads: claims_of(inputs) };
        let inputs = inputs.compile().unwrap_or_default();
        let outputs = outputs.compile().unwrap_or_default();
        let allowed = allowed.map(|it| it.compile().unwrap_or_default());
        let may_write = |path: &RelPath| allowed.as_ref().is_none_or(|it| it.is_match(path));
        for path in named.iter().filter(|path| !documents.contains(path)) {
            let is_read = !may_write(path) || inputs.is_match(path) && !outputs.is_match(path);
            let side = if is_read { &mut claims.reads } else { &mut claims.writes };
            side.push(match path.as_str().contains('/') {
                true => Claim::Path(path.clone()),
                false => Claim::Name(path.as_str().to_owned()),
            });
        }
        claims
    }

    /// Nothing tells what it writes.
    pub fn writes_unknown(&self) -> bool {
        self.writes.is_empty()
    }

    /// Where the two would meet; two readers never do.
    pub fn meeting(&self, other: &Self) -> Option<Meeting> {
        let meet = |ours: &[Claim], theirs: &[Claim], how| {
            let path =
                ours.iter().find_map(|it| theirs.iter().find_map(|other| it.meets(other)))?;
            Some(Meeting { path, how })
        };
        meet(&self.writes, &other.writes, How::BothWrite)
            .or_else(|| meet(&self.writes, &other.reads, How::Writes))
            .or_else(|| meet(&self.reads, &other.writes, How::Reads))
    }
}

fn claims_of(globs: &GlobSet) -> Vec<Claim> {
    let literal = globs.literal_paths();
    let is_pattern = |it: &&String| {
        !it.starts_with('!') && RelPath::normalize(it).is_none_or(|path| !literal.contains(&path))
    };
    let patterns = globs.patterns.iter().filter(is_pattern).filter_map(|it| pattern_of(it, globs));
    let patterns: Vec<Claim> = patterns.collect();
    literal.into_iter().map(Claim::Path).chain(patterns).collect()
}

/// One pattern, with those of its set that take away.
fn pattern_of(pattern: &str, set: &GlobSet) -> Option<Claim> {
    let taken = set.patterns.iter().filter(|it| it.starts_with('!')).map(String::as_str);
    let matcher = GlobSet::new([pattern].into_iter().chain(taken)).compile().ok()?;
    let ending = pattern.rsplit(['*', '?', ']', '}']).next().unwrap_or_default();
    Some(Claim::Pattern {
        written: pattern.to_owned(),
        folder: static_prefix(pattern),
        ending: ending.to_owned(),
        matcher,
    })
}

impl Claim {
    /// What both take: a path where one is known, else a pattern. Two patterns meet where neither
    /// folder nor ending keeps them apart.
    fn meets(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Path(one), Self::Path(other)) if one.is_within(other.as_str()) => {
                Some(one.to_string())
            }
            (Self::Path(one), Self::Path(other)) => {
                other.is_within(one.as_str()).then(|| other.to_string())
            }
            (Self::Name(one), Self::Name(other)) => (one == other).then(|| one.clone()),
            (Self::Name(name), Self::Path(path)) | (Self::Path(path), Self::Name(name)) => {
                (path.file_name() == name).then(|| path.to_string())
            }
            (Self::Path(path), pattern @ Self::Pattern { .. })
            | (pattern @ Self::Pattern { .. }, Self::Path(path)) => pattern.takes(path),
            (Self::Name(name), pattern @ Self::Pattern { .. })
            | (pattern @ Self::Pattern { .. }, Self::Name(name)) => {
                pattern.takes(&RelPath::normalize(name)?)
            }
            (
                Self::Pattern { written, folder, ending, .. },
                Self::Pattern { folder: other_folder, ending: other_ending, .. },
            ) => {
                let folders = is_below(folder, other_folder) || is_below(other_folder, folder);
                let endings = ending.ends_with(other_ending.as_str())
                    || other_ending.ends_with(ending.as_str());
                (folders && endings).then(|| written.clone())
            }
        }
    }

    /// The path where a pattern takes it, or the pattern where it lies below the path.
    fn takes(&self, path: &RelPath) -> Option<String> {
        let Self::Pattern { written, folder, matcher, .. } = self else { return None };
        if matcher.is_match(path) {
            return Some(path.to_string());
        }
        (!folder.is_empty() && is_below(folder, path.as_str())).then(|| written.clone())
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
