//! What keys read beside what is declared: scripts that commands name, and what links lead to.

use std::collections::BTreeMap;

use salsa::Setter;

use crate::base::file::FileState;
use crate::base::name::RelPath;
use crate::spec::glob::{GlobSet, may_take};
use crate::spec::plan::{CommandLine, Validator, ValidatorKind, scripts_of};

use super::db::Recipe;
use super::{Slot, World};

/// Symbolic links with what they lead to, both below the root.
pub type Links = BTreeMap<RelPath, RelPath>;

/// Files of a task's key that nobody declared; `None` is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    pub scripts: Vec<(RelPath, Option<FileState>)>,
    /// Links on the way to declared files.
    pub links: Vec<(RelPath, RelPath)>,
    /// What is behind them.
    pub linked: Vec<(RelPath, Option<FileState>)>,
}

impl Beside {
    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty() && self.links.is_empty()
    }
}

/// The scripts of a command, as patterns.
pub fn scripts_among(command: &CommandLine) -> GlobSet {
    GlobSet::new(scripts_of(command))
}

/// The scripts that a validator's command names.
pub fn scripts_of_validator(validator: &Validator) -> GlobSet {
    match &validator.kind {
        ValidatorKind::Command(command) => scripts_among(command),
        ValidatorKind::Agent(_) => GlobSet::default(),
    }
}

/// The links that patterns take, or that lie on the way to what they take.
pub fn links_met<'l>(globs: &GlobSet, links: &'l Links) -> Vec<(&'l RelPath, &'l RelPath)> {
    let patterns = &globs.patterns;
    let leads_behind = |link: &RelPath| {
        patterns.iter().any(|it| !it.starts_with('!') && moved(it, link, link).is_some())
    };
    let may_meet =
        |link: &RelPath| leads_behind(link) || patterns.iter().any(|it| may_take(it, link));
    let near: Vec<_> = links.iter().filter(|(link, _)| may_meet(link)).collect();
    if near.is_empty() {
        return near;
    }
    let Ok(matcher) = globs.compile() else { return Vec::new() };
    let is_met = |link: &RelPath| leads_behind(link) || matcher.is_match(link);
    near.into_iter().filter(|(link, _)| is_met(link)).collect()
}

/// Patterns that take behind links what these take in front of them; empty where there are none.
pub fn behind(globs: &GlobSet, links: &Links) -> GlobSet {
    let mut patterns = Vec::new();
    for (link, target) in links_met(globs, links) {
        let moved: Vec<String> =
            globs.patterns.iter().filter_map(|it| moved(it, link, target)).collect();
        if !moved.iter().any(|it| !it.starts_with('!')) {
            patterns.push(target.to_string());
        }
        patterns.extend(moved);
    }
    GlobSet { patterns }
}

/// A pattern for what lies in the folder behind a link instead; `None` where it is not about that.
fn moved(pattern: &str, link: &RelPath, target: &RelPath) -> Option<String> {
    let (sign, body) = match pattern.strip_prefix('!') {
        Some(body) => ("!", body),
        None => ("", pattern),
    };
    let rest = body.trim_start_matches("./").strip_prefix(link.as_str())?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{sign}{target}{rest}"))
}

impl World {
    /// Takes in which links there are; true where they are others than before.
    pub fn take_links(&mut self, links: Vec<(RelPath, RelPath)>) -> bool {
        let links: Links = links.into_iter().collect();
        let files = self.roots.files(&self.db);
        let is_other = *files.links(&self.db) != links;
        if is_other {
            files.set_links(&mut self.db).to(links);
        }
        is_other
    }

    pub(super) fn links(&self) -> &Links {
        self.roots.files(&self.db).links(&self.db)
    }

    /// True for a link that some key looks behind.
    pub fn is_link(&self, path: &RelPath) -> bool {
        self.links().contains_key(path)
    }

    /// A document, and what it leads to where it is a link.
    pub fn with_target(&self, path: Option<RelPath>) -> impl Iterator<Item = RelPath> {
        let target = path.as_ref().and_then(|path| self.links().get(path)).cloned();
        path.into_iter().chain(target)
    }

    /// The pattern sets that a task's key reads, and those of its validators, none of them empty.
    pub fn sets_read(&self, recipe: &Recipe, validators: &[Validator]) -> Vec<GlobSet> {
        let mut sets = vec![recipe.spec.inputs.clone(), recipe.rule.inputs.declared.clone()];
        sets.push(recipe.scripts.clone());
        for validator in validators {
            sets.push(validator.inputs.clone());
            sets.push(scripts_of_validator(validator));
        }
        let links = self.links();
        if !links.is_empty() {
            let behind: Vec<GlobSet> = sets.iter().map(|set| behind(set, links)).collect();
            sets.extend(behind);
        }
        sets.retain(|it| !it.is_empty());
        sets
    }

    /// Files that a task's key reads without their being declared.
    pub fn beside(&self, slot: Slot) -> &Beside {
        super::db::beside_of(&self.db, self.roots, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_followed_behind_links() {
        let check = |patterns: &[&str], links: &[(&str, &str)]| {
            let path = |it: &str| RelPath::new(it).unwrap();
            let links = links.iter().map(|(link, to)| (path(link), path(to))).collect();
            behind(&GlobSet::new(patterns.iter().copied()), &links).patterns.join(" ")
        };
        let linked = &[("linked", "real/deep")][..];
        assert_eq!(check(&["linked/**"], linked), "real/deep/**");
        assert_eq!(
            check(&["./linked/*.txt", "!linked/a.txt"], linked),
            "real/deep/*.txt !real/deep/a.txt"
        );
        assert_eq!(check(&["linked"], linked), "real/deep");
        assert_eq!(check(&["**"], linked), "real/deep");
        assert_eq!(check(&["linked2/**", "src"], linked), "");
        assert_eq!(check(&["docs/**", "!docs/old"], &[("docs/old", "x"), ("docs/new", "y")]), "y");
        assert_eq!(check(&["linked"], &[]), "");
    }
}
