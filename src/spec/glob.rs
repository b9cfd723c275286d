//! Path patterns as documents write them: `src/**/*.rs`, `docs`, `!docs/old/**`. A plain folder
//! means everything below it.

use std::collections::BTreeMap;

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::base::name::RelPath;

/// Patterns as written, in order; a later `!pattern` takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GlobSet {
    pub patterns: Vec<String>,
}

/// A [`GlobSet`] ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    takes_away: bool,
    test: Test,
    /// The same with brackets as part of a name: `app/[id]/page.tsx` is a file of many frameworks.
    bracketed: Option<Test>,
}

impl Rule {
    fn is_match(&self, path: &RelPath) -> bool {
        self.test.is_match(path) || self.bracketed.as_ref().is_some_and(|it| it.is_match(path))
    }
}

#[derive(Clone, Debug)]
enum Test {
    /// A file, or everything below a folder; an empty path is the root.
    Within(String),
    Pattern {
        prefix: String,
        matcher: GlobMatcher,
    },
}

/// A pattern that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// Which of the patterns, counted from zero.
    pub index: usize,
    pub pattern: String,
    pub reason: String,
}

impl GlobSet {
    pub fn new<T: Into<String>>(patterns: impl IntoIterator<Item = T>) -> Self {
        Self { patterns: patterns.into_iter().map(Into::into).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Compiles every pattern, or names the first bad one.
    pub fn compile(&self) -> Result<Matcher, BadPattern> {
        let compiled = self.patterns.iter().enumerate().map(|(index, pattern)| {
            let bad = |reason| BadPattern { index, pattern: pattern.clone(), reason };
            let bracketed = Shape::bracketed(pattern);
            let shape = Shape::of(pattern);
            let (shape, bracketed) = match (shape, bracketed) {
                (Err(_), Some(bracketed)) => (bracketed, None),
                (shape, bracketed) => (shape.map_err(bad)?, bracketed),
            };
            let takes_away = pattern.starts_with('!');
            let bracketed = bracketed.map(Shape::compile);
            Ok(Rule { takes_away, test: shape.compile(), bracketed })
        });
        Ok(Matcher { rules: compiled.collect::<Result<_, _>>()? })
    }

    /// Why `pattern` cannot be used, if so.
    pub fn check_pattern(pattern: &str) -> Result<(), String> {
        let shape = Shape::of(pattern);
        if shape.is_err() && Shape::bracketed(pattern).is_some() {
            return Ok(());
        }
        shape.map(|_| ())
    }

    /// Patterns without wildcards, which need no walk of the tree: files, or folders with all that is
    /// below. Those that take away are not among them.
    pub fn literal_paths(&self) -> Vec<RelPath> {
        let added = self.patterns.iter().filter(|pattern| !pattern.starts_with('!'));
        added
            .filter(|pattern| !has_wildcard(pattern))
            .filter_map(|it| RelPath::normalize(it))
            .collect()
    }

    /// For each pattern that adds paths, in order, the folder or file all its matches lie in; empty
    /// means the root.
    pub fn static_prefixes(&self) -> Vec<String> {
        let added = self.patterns.iter().filter(|pattern| !pattern.starts_with('!'));
        added.map(|pattern| static_prefix(pattern)).collect()
    }
}

/// A pattern that takes nothing but this very path.
pub fn literal(path: &str) -> String {
    let escaped = |c: char| {
        let is_special = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
        is_special.then_some('\\').into_iter().chain([c])
    };
    path.chars().flat_map(escaped).collect()
}

impl Matcher {
    /// True where the last pattern that speaks of `path` adds it.
    pub fn is_match(&self, path: &RelPath) -> bool {
        let spoken = self.rules.iter().rev().find(|rule| rule.is_match(path));
        spoken.is_some_and(|rule| !rule.takes_away)
    }

    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Many sets, asked together which of them take a path: those of plain paths are looked up, only the
/// others are tried one by one.
#[derive(Clone, Debug, Default)]
pub struct GlobIndex {
    plain: BTreeMap<String, Vec<usize>>,
    others: Vec<(usize, Matcher)>,
}

impl GlobIndex {
    /// Sets are known by their position. One with a pattern that cannot be understood takes nothing.
    pub fn new(sets: &[GlobSet]) -> Self {
        let mut index = Self::default();
        for (position, set) in sets.iter().enumerate() {
            index.add(position, set);
        }
        index
    }

    fn add(&mut self, position: usize, set: &GlobSet) {
        let Ok(matcher) = set.compile() else { return };
        let is_plain = |rule: &Rule| {
            !rule.takes_away && rule.bracketed.is_none() && matches!(rule.test, Test::Within(_))
        };
        if !matcher.rules.iter().all(is_plain) {
            self.others.push((position, matcher));
            return;
        }
        for rule in matcher.rules {
            let Test::Within(place) = rule.test else { continue };
            self.plain.entry(place).or_default().push(position);
        }
    }

    /// Positions of the sets that take `path`, each once, in order.
    pub fn sets_taking(&self, path: &RelPath) -> Vec<usize> {
        let text = path.as_str();
        let ends = text.match_indices('/').map(|(at, _)| at).chain([0, text.len()]);
        let plain = ends.filter_map(|end| self.plain.get(&text[..end])).flatten().copied();
        let others = self.others.iter().filter(|(_, matcher)| matcher.is_match(path));
        let mut taking: Vec<usize> = plain.chain(others.map(|(position, _)| *position)).collect();
        taking.sort_unstable();
        taking.dedup();
        taking
    }
}

impl Test {
    fn is_match(&self, path: &RelPath) -> bool {
        match self {
            Self::Within(place) => place.is_empty() || path.is_within(place),
            Self::Pattern { prefix, matcher } => {
                path.as_str().starts_with(prefix.as_str()) && matcher.is_match(path.as_str())
            }
        }
    }
}

/// A pattern understood, not yet compiled: that costs much more, and checking does not need it.
enum Shape {
    Within(String),
    Pattern { prefix: String, glob: Glob },
}

impl Shape {
    fn of(written: &str) -> Result<Self, String> {
        let pattern = written.strip_prefix('!').unwrap_or(written);
        if pattern.is_empty() {
            return Err("it is empty".into());
        }
        if pattern.starts_with('/') {
            return Err("it is absolute; patterns start at the repository root".into());
        }
        if pattern.len() == written.len() && is_not_work(pattern) {
            return Err("what lies in `.git` and `.orch` is no part of the work".into());
        }
        if !has_wildcard(pattern) {
            return within(pattern);
        }
        let normal = normal_form(pattern)?;
        let below =
            normal.strip_suffix("/*").filter(|rest| rest.ends_with("**")).unwrap_or(&normal);
        let folder = below.strip_suffix("**").map(|rest| rest.trim_end_matches('/'));
        if let Some(folder) = folder.filter(|folder| !has_wildcard(folder)) {
            return within(if folder.is_empty() { "." } else { folder });
        }
        let prefix = text_before_wildcard(&normal).to_owned();
        Ok(Self::Pattern { prefix, glob: glob_of(&normal)? })
    }

    /// The same with brackets as characters of a name; `None` where it has no pairs of them.
    fn bracketed(written: &str) -> Option<Self> {
        let pattern = written.strip_prefix('!').unwrap_or(written);
        let count = |bracket| pattern.matches(bracket).count();
        if count('[') == 0 || count('[') != count(']') || pattern.contains('\\') {
            return None;
        }
        let has_others = |text: &str| text.contains(['*', '?', '{', '}']);
        if !has_others(pattern) {
            return within(pattern).ok();
        }
        let normal = normal_form(pattern).ok()?;
        let below = normal.strip_suffix("/*").filter(|it| it.ends_with("**")).unwrap_or(&normal);
        let folder = below.strip_suffix("**").map(|rest| rest.trim_end_matches('/'));
        if let Some(folder) = folder.filter(|it| !it.is_empty() && !has_others(it)) {
            return within(folder).ok();
        }
        let escaped = normal.replace('[', "\\[").replace(']', "\\]");
        let prefix = text_before_wildcard(&normal).to_owned();
        Some(Self::Pattern { prefix, glob: glob_of(&escaped).ok()? })
    }

    fn compile(self) -> Test {
        match self {
            Self::Within(place) => Test::Within(place),
            Self::Pattern { prefix, glob } => {
                Test::Pattern { prefix, matcher: glob.compile_matcher() }
            }
        }
    }
}

/// True in the folders that are git's and orch's own.
pub fn is_not_work(path: &str) -> bool {
    let first = path.split('/').find(|part| !matches!(*part, "" | "."));
    matches!(first, Some(".git" | ".orch"))
}

fn within(pattern: &str) -> Result<Shape, String> {
    match RelPath::normalize(pattern) {
        Some(path) => Ok(Shape::Within(path.into())),
        None if pattern.split('/').all(|part| matches!(part, "" | ".")) => {
            Ok(Shape::Within(String::new()))
        }
        None => Err("it leaves the repository root".into()),
    }
}

/// Without `./` and doubled slashes; a closing slash means everything below. `..` cannot be told
/// apart behind a wildcard.
fn normal_form(pattern: &str) -> Result<String, String> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("`..` cannot stand beside a wildcard".into());
    }
    let closing = if pattern.ends_with('/') { "/**" } else { "" };
    Ok(parts.join("/") + closing)
}

fn glob_of(pattern: &str) -> Result<Glob, String> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| error.kind().to_string())
}

/// False for a pattern that names one file or folder.
pub fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

fn text_before_wildcard(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '[', ']', '{', '}', '\\']).unwrap_or(pattern.len());
    &pattern[..end]
}

/// The longest folder path without a wildcard that every match lies in; a pattern without wildcards
/// is its own. Empty means the root.
pub fn static_prefix(pattern: &str) -> String {
    let pattern = pattern.strip_prefix('!').unwrap_or(pattern);
    if !has_wildcard(pattern) {
        return RelPath::normalize(pattern).map_or_else(String::new, String::from);
    }
    let folder = text_before_wildcard(pattern).rsplit_once('/').map_or("", |(folder, _)| folder);
    RelPath::normalize(folder).map_or_else(String::new, String::from)
}

/// False only where the pattern cannot take the path: told by its beginning, without compiling it.
pub fn may_take(pattern: &str, path: &RelPath) -> bool {
    let start = text_before_wildcard(pattern).trim_end_matches('/');
    let is_as_in_paths = start.split('/').all(|part| !matches!(part, "" | "." | ".."));
    !pattern.starts_with('!') && (!is_as_in_paths || path.as_str().starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_pattern_takes_it_may_take(
            pattern in "!?(\\./)?[ab.*/{},?]{1,7}", path in "[ab]{1,2}(/[ab.]{1,2}){0,2}",
        ) {
            let Some(path) = RelPath::new(&path) else { return Ok(()) };
            let Ok(matcher) = GlobSet::new([pattern.as_str()]).compile() else { return Ok(()) };
            prop_assert!(!matcher.is_match(&path) || may_take(&pattern, &path));
        }
    }

    fn check(patterns: &[&str], path: &str) -> bool {
        let set = GlobSet::new(patterns.iter().copied());
        set.compile().unwrap().is_match(&RelPath::new(path).unwrap())
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        assert!(check(&["src/*.rs"], "src/a.rs"));
        assert!(!check(&["src/*.rs"], "src/deep/a.rs"));
        assert!(check(&["src/**/*.rs"], "src/a.rs"));
        assert!(check(&["src/**/*.rs"], "src/deep/er/a.rs"));
        assert!(check(&["**/*.md"], "README.md"));
        assert!(check(&["*.{md,txt}"], "a.txt"));
    }

    #[test]
    fn a_plain_folder_is_everything_below() {
        assert!(check(&["docs"], "docs/a/b.md"));
        assert!(check(&["docs/"], "docs/a.md"));
        assert!(check(&["./docs"], "docs"));
        assert!(!check(&["docs"], "docs2/a.md"));
        assert!(!check(&["crates/*"], "crates/one/src/lib.rs"));
        assert!(check(&["crates/*/"], "crates/one/src/lib.rs"));
        assert!(check(&["docs/**"], "docs/a/b.md"));
        assert!(check(&["docs/**/*"], "docs/a/b.md"));
        assert!(!check(&["docs/**"], "docs2/a/b.md"));
        assert!(check(&["."], "any/thing"));
        assert!(check(&["**"], "any/thing"));
    }

    #[test]
    fn the_last_pattern_that_speaks_of_a_path_decides() {
        let patterns = ["docs", "!docs/old/**", "docs/old/keep.md"];
        assert!(check(&patterns, "docs/new.md"));
        assert!(!check(&patterns, "docs/old/a.md"));
        assert!(check(&patterns, "docs/old/keep.md"));
        assert!(!check(&[], "docs/new.md"));
        assert!(!check(&["!docs"], "src/a"));
    }

    #[test]
    fn brackets_may_be_part_of_a_name() {
        assert!(check(&["app/[id]/page.tsx"], "app/[id]/page.tsx"));
        assert!(check(&["app/[id]/page.tsx"], "app/i/page.tsx"));
        assert!(check(&["app/[[...slug]]"], "app/[[...slug]]/page.tsx"));
        assert!(check(&["app/[user-id]/**"], "app/[user-id]/deep/page.tsx"));
        assert!(check(&["app/[a]/*.tsx"], "app/[a]/page.tsx"));
        assert!(!check(&["app/[a]/*.tsx"], "app/[b]/page.tsx"));
        assert!(!check(&["app", "!app/[a]"], "app/[a]/page.tsx"));
        assert!(!check(&["app/\\[a\\]/*"], "app/a/b"));
        assert_eq!(GlobSet::check_pattern("app/[user-id].tsx"), Ok(()));
    }

    #[test]
    fn an_index_answers_as_each_set_does() {
        let sets = [
            &["docs"][..],
            &["src/a.rs", "docs/b.md"],
            &["**/*.md", "!docs/old"],
            &["."],
            &[],
            &["src/["],
            &["docs/b.md/"],
            &["a/[b]"],
        ];
        let sets = sets.map(|patterns| GlobSet::new(patterns.iter().copied()));
        let index = GlobIndex::new(&sets);
        for path in [
            "docs/b.md",
            "docs/old/c.md",
            "docs2/x",
            "src/a.rs",
            "src/a.rs2",
            "docs",
            "a",
            "a/[b]/c",
        ] {
            let path = RelPath::new(path).unwrap();
            let takes = |set: &GlobSet| set.compile().is_ok_and(|it| it.is_match(&path));
            let one_by_one: Vec<usize> = (0..sets.len()).filter(|&at| takes(&sets[at])).collect();
            assert_eq!(index.sets_taking(&path), one_by_one, "{path}");
        }
    }

    #[test]
    fn bad_patterns_say_why() {
        let check = |pattern: &str| GlobSet::check_pattern(pattern).unwrap_err();
        assert_eq!(check("src/[a"), "unclosed character class; missing ']'");
        assert_eq!(check(""), "it is empty");
        assert_eq!(check("!"), "it is empty");
        let own = "what lies in `.git` and `.orch` is no part of the work";
        assert_eq!([".git", "./.git/hooks/*", ".orch/task/*"].map(check), [own; 3]);
        assert_eq!(GlobSet::check_pattern("!.git/*"), Ok(()));
        assert_eq!(GlobSet::check_pattern(".gitignore"), Ok(()));
        assert_eq!(check("/etc/*"), "it is absolute; patterns start at the repository root");
        assert_eq!(check("../x"), "it leaves the repository root");
        assert_eq!(check("../*"), "`..` cannot stand beside a wildcard");
    }

    #[test]
    fn patterns_know_where_they_can_match() {
        let set = GlobSet::new(["src/a.rs", "docs/**/*.md", "*.toml", "!src/b.rs", "./x//y/", "."]);
        let literal: Vec<String> = set.literal_paths().into_iter().map(String::from).collect();
        assert_eq!(literal, ["src/a.rs", "x/y"]);
        assert_eq!(set.static_prefixes(), ["src/a.rs", "docs", "", "x/y", ""]);
        assert_eq!(static_prefix("a/b*/c"), "a");
    }
}
