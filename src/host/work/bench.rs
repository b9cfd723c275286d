//! The tree that a command judges: what would land, with the files that its verdict rests on as they were
//! before the task; and which further changed files it may rest on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::base::name::{RelPath, TreeId};
use crate::engine::effect::Bench;
use crate::engine::outcome::evidence::BenchFile;
use crate::engine::outcome::tally::Tally;
use crate::host::error::{Doing, Result};
use crate::host::git::object::{TreeEntry, edit_tree, tree_id};
use crate::host::git::{Repository, object_id};
use crate::spec::glob::{has_wildcard, static_prefix};
use crate::spec::plan::run_in;

/// Larger files are no build files.
const MAX_BYTES: usize = 1024 * 1024;

/// Code that is found by its name.
const CODE: &[&str] = &["py", "js", "mjs", "cjs", "ts", "rb", "sh", "pl", "php", "lua"];

/// Lays judging files of before the task into the tree that would land.
pub fn lay(
    repo: &Repository,
    bench: &Bench,
    candidate: &TreeId,
) -> Result<(TreeId, Vec<BenchFile>)> {
    let doubted = doubted_of(repo, bench)?;
    let files = doubted.into_iter().map(|path| file_of(repo, bench, candidate, path));
    let files = files.collect::<Result<Vec<_>>>()?;
    let git = repo.local();
    let before = object_id(bench.before.as_str())?;
    let mut edits = Vec::new();
    for path in &bench.held {
        edits.push((path.to_bytes(), repo.entry_at(&git, before, path)?));
    }
    for (path, keys) in &bench.parts {
        let texts = (text_at(repo, &bench.before, path)?, text_at(repo, candidate, path)?);
        let (Some(was), Some(is)) = texts else { continue };
        let now = repo.entry_at(&git, object_id(candidate.as_str())?, path)?;
        if let (Some(text), Some(now)) = (with_parts(path, [&was, &is], keys), now) {
            let id = git.write_blob(text).doing("writing a blob", path.as_str())?.detach();
            edits.push((path.to_bytes(), Some(TreeEntry { id, ..now })));
        }
    }
    if edits.is_empty() {
        return Ok((candidate.clone(), files));
    }
    Ok((tree_id(edit_tree(&git, object_id(candidate.as_str())?, edits)?), files))
}

fn file_of(
    repo: &Repository,
    bench: &Bench,
    candidate: &TreeId,
    path: RelPath,
) -> Result<BenchFile> {
    let tally = |tree: &TreeId| -> Result<Option<Tally>> {
        let bytes = repo.read_path_at(tree, &path)?;
        Ok(bytes.map(|it| Tally::of(&String::from_utf8_lossy(&it))))
    };
    let (before, now) = (tally(&bench.before)?, tally(candidate)?);
    Ok(BenchFile { path, before, now })
}

/// What was told as doubted, what judging files run, and new code in the way of other code.
fn doubted_of(repo: &Repository, bench: &Bench) -> Result<BTreeSet<RelPath>> {
    let mut found: BTreeSet<RelPath> = bench.doubted.iter().cloned().collect();
    if bench.others.is_empty() {
        return Ok(found);
    }
    let others: BTreeSet<&RelPath> = bench.others.iter().collect();
    let (mut known, mut open) = (BTreeSet::new(), roots_of(repo, bench)?);
    while let Some(path) = open.pop() {
        if !known.insert(path.clone()) {
            continue;
        }
        let Some(text) = text_at(repo, &bench.before, &path)? else { continue };
        for run in run_in(&path, &text) {
            if others.contains(&run) {
                found.insert(run.clone());
            }
            open.push(run);
        }
    }
    let folders: BTreeSet<&str> = known.iter().map(|it| it.parent().unwrap_or_default()).collect();
    found.extend(in_the_way(repo, bench, &folders)?);
    Ok(found)
}

/// Judging files that are named, and those at the root that a pattern for any folder means.
fn roots_of(repo: &Repository, bench: &Bench) -> Result<Vec<RelPath>> {
    let mut found = Vec::new();
    for pattern in &bench.roots.patterns {
        let name = pattern.strip_prefix("**/").unwrap_or(pattern);
        if has_wildcard(name) {
            let folder = static_prefix(name);
            if !folder.is_empty() {
                let takes = |path: &RelPath| path.is_within(&folder);
                found.extend(repo.files_of(&bench.before, &takes)?.into_iter().map(|it| it.0));
            }
        } else {
            found.extend(RelPath::normalize(name));
        }
    }
    Ok(found)
}

/// New code at the root or beside what judges, of the name of code elsewhere: it may be loaded instead.
fn in_the_way(repo: &Repository, bench: &Bench, folders: &BTreeSet<&str>) -> Result<Vec<RelPath>> {
    let tests = bench.tests.compile().unwrap_or_default();
    let mut new = BTreeMap::new();
    for path in &bench.others {
        let Some((folder, stem)) = module_of(path) else { continue };
        let is_beside = folder.is_empty() || folders.contains(folder) || tests.is_match(path);
        if is_beside && !repo.has_path(&bench.before, path)? {
            new.insert(stem, path);
        }
    }
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let takes = |path: &RelPath| module_of(path).is_some_and(|(_, stem)| new.contains_key(stem));
    let there = repo.files_of(&bench.before, &takes)?;
    let stems = there.iter().filter_map(|(path, _)| module_of(path));
    Ok(stems.filter_map(|(_, stem)| new.get(stem)).map(|it| (*it).clone()).collect())
}

/// The folder that code is found in, and the name that it is loaded by.
fn module_of(path: &RelPath) -> Option<(&str, &str)> {
    let (stem, ending) = path.file_name().rsplit_once('.')?;
    let folder = path.parent().unwrap_or_default();
    let module = match stem {
        "__init__" | "index" => folder.rsplit_once('/').unwrap_or(("", folder)),
        stem => (folder, stem),
    };
    CODE.contains(&ending).then_some(module)
}

fn text_at(repo: &Repository, tree: &TreeId, path: &RelPath) -> Result<Option<String>> {
    let bytes = repo.read_path_at(tree, path)?.filter(|it| it.len() <= MAX_BYTES);
    Ok(bytes.and_then(|it| String::from_utf8(it).ok()))
}

/// The second text with these keys or sections of the first; `None` where it stays as it is.
fn with_parts(path: &RelPath, [was, is]: [&str; 2], keys: &[String]) -> Option<String> {
    let text = match path.as_str().ends_with(".json") {
        true => with_keys(was, is, keys)?,
        false => with_sections(was, is, keys),
    };
    (text != is).then_some(text)
}

fn with_keys(was: &str, is: &str, keys: &[String]) -> Option<String> {
    let was: Map<String, Value> = serde_json::from_str(was).ok()?;
    let mut merged: Map<String, Value> = serde_json::from_str(is).ok()?;
    let is = merged.clone();
    for key in keys {
        match was.get(key) {
            Some(value) => _ = merged.insert(key.clone(), value.clone()),
            None => _ = merged.remove(key),
        }
    }
    if merged == is {
        return None;
    }
    serde_json::to_string_pretty(&merged).ok()
}

fn with_sections(was: &str, is: &str, keys: &[String]) -> String {
    let mut text: String =
        sections(is).into_iter().filter(|it| !is_of(it, keys)).map(|it| it.1).collect();
    for (_, lines) in sections(was).into_iter().filter(|it| is_of(it, keys)) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text += lines;
    }
    let same = |text: &str| -> Vec<String> {
        let kept = sections(text).into_iter().filter(|it| is_of(it, keys));
        kept.map(|it| it.1.trim().to_owned()).collect()
    };
    if same(was) == same(is) { is.to_owned() } else { text }
}

fn is_of((header, _): &(&str, &str), keys: &[String]) -> bool {
    keys.iter().any(|key| {
        header.strip_prefix(key.as_str()).is_some_and(|it| it.is_empty() || it.starts_with('.'))
    })
}

/// A TOML or INI file by its sections: each header with all its lines.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let mut starts = vec![(0, "")];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let header = line.trim().strip_prefix('[').and_then(|it| it.split(']').next());
        starts.extend(header.map(|it| (at, it.trim_start_matches('['))));
        at += line.len();
    }
    let ends = starts.iter().skip(1).map(|it| it.0).chain([text.len()]);
    starts.iter().zip(ends).map(|((start, header), end)| (*header, &text[*start..end])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, path};
    use crate::spec::glob::GlobSet;

    fn check(file: &str, keys: &[&str], was: &str, is: &str) -> String {
        let keys: Vec<String> = keys.iter().map(|it| (*it).to_owned()).collect();
        with_parts(&path(file), [was, is], &keys).unwrap_or_else(|| "as it is".to_owned())
    }

    #[test]
    fn of_structured_files_only_what_commands_run_is_of_before() {
        let was = "{\"scripts\": {\"test\": \"sh t.sh\"}, \"dependencies\": {}}";
        let is =
            "{\"scripts\": {\"test\": \"true\"}, \"dependencies\": {\"a\": \"1\"}, \"jest\": {}}";
        let merged = check("package.json", &["scripts", "jest"], was, is);
        let merged: Value = serde_json::from_str(&merged).unwrap();
        let expected = "{\"scripts\": {\"test\": \"sh t.sh\"}, \"dependencies\": {\"a\": \"1\"}}";
        assert_eq!(merged, serde_json::from_str::<Value>(expected).unwrap());
        assert_eq!(check("package.json", &["jest"], was, was), "as it is");
        assert_eq!(check("package.json", &["scripts"], was, "{"), "as it is");
        let was = "[tool.pytest.ini_options]\nx = 1\n[project]\na = 1\n";
        let is = "[project]\na = 2\n[tool.pytest.ini_options]\nx = 2\n[tool.pytester]\n";
        assert_eq!(
            check("pyproject.toml", &["tool.pytest"], was, is),
            "[project]\na = 2\n[tool.pytester]\n[tool.pytest.ini_options]\nx = 1\n"
        );
        let is = "[project]\na = 2\n[tool.pytest.ini_options]\nx = 1\n";
        assert_eq!(check("pyproject.toml", &["tool.pytest"], was, is), "as it is");
    }

    #[test]
    fn files_are_as_before_and_what_judges_run_is_told() {
        let scratch = Scratch::new(&[
            ("Makefile", "test:\n\t@sh check.sh\n"),
            ("check.sh", "sh deep.sh\n"),
            ("deep.sh", "exit 1\n"),
            ("src/sum.py", "x\n"),
            ("src/more.py", "x\n"),
        ]);
        let repo = scratch.repo();
        let before = repo.tree_of(&scratch.head()).unwrap();
        let candidate = scratch.edited(
            &before,
            &[
                ("Makefile", Some("test:\n")),
                ("deep.sh", Some("exit 0\n")),
                ("sum.py", Some("y\n")),
                ("tests/more/__init__.py", Some("y\n")),
            ],
        );
        let bench = Bench {
            before: before.clone(),
            held: vec![path("Makefile")],
            parts: Vec::new(),
            doubted: Vec::new(),
            others: ["deep.sh", "sum.py", "other.sh", "tests/more/__init__.py"].map(path).into(),
            roots: GlobSet::new(["**/Makefile", "**/*.mk"]),
            tests: GlobSet::new(["tests/**"]),
        };
        let (tree, files) = lay(&repo, &bench, &candidate).unwrap();
        let paths: Vec<&str> = files.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["deep.sh", "sum.py", "tests/more/__init__.py"]);
        let at = |file: &str| repo.state_at(&tree, &path(file)).unwrap();
        assert_eq!(at("Makefile"), repo.state_at(&before, &path("Makefile")).unwrap());
        assert_eq!(at("deep.sh"), repo.state_at(&candidate, &path("deep.sh")).unwrap());
    }
}
