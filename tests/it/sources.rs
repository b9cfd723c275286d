//! The project's own files, read as text: what the tests of style and structure look at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::left_out;

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared folder of samples and tools, where there is one; noted where not.
pub fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("ORCH_SHARED").map(PathBuf::from);
    let beside = given.unwrap_or_else(|| root().join("../shared"));
    let found = beside.canonicalize().ok().filter(|it| it.is_dir());
    if found.is_none() {
        left_out::note("shared folder of samples and tools (ORCH_SHARED names one)");
    }
    found
}

/// A file below the root.
pub fn read(path: &str) -> String {
    let place = root().join(path);
    fs::read_to_string(&place).unwrap_or_else(|why| panic!("{}: {why}", place.display()))
}

/// Every file below a folder of the package, relative to the root, sorted; hidden ones too.
pub fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let below = path.strip_prefix(root()).unwrap();
            found.push(below.to_str().unwrap().to_owned());
        }
    }
}

/// A source file of `src/`, with what is only compiled for tests cut off.
pub struct Module {
    /// Relative to the root, such as `src/spec/yaml.rs`.
    pub path: String,
    pub whole: String,
    /// Without what follows the first `#[cfg(test)]` that stands at the margin before a `mod` with
    /// a body or at the end; empty where the file itself is only compiled for tests.
    pub shipped: String,
}

impl Module {
    /// `base`, `spec`, `engine`, `host` or `ui`; `None` for `lib.rs` and `main.rs`.
    pub fn floor(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let end = rest.find(['/', '.'])?;
        Some(&rest[..end]).filter(|name| !matches!(*name, "lib" | "main"))
    }

    /// Line of a byte offset of `shipped`, from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        self.shipped[..offset].matches('\n').count() + 1
    }
}

/// Every file of `src/`.
pub fn modules() -> Vec<Module> {
    let paths: Vec<String> =
        files_below("src").into_iter().filter(|path| path.ends_with(".rs")).collect();
    let texts: Vec<(String, String)> =
        paths.into_iter().map(|it| (it.clone(), read(&it))).collect();
    let test_only: BTreeSet<String> =
        texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &str| {
        let stem = path.trim_end_matches(".rs");
        test_only.iter().any(|it| {
            stem.strip_prefix(it.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let module = |(path, whole): (String, String)| {
        let shipped = if is_test(&path) { String::new() } else { without_tests(&whole) };
        Module { path, whole, shipped }
    };
    texts.into_iter().map(module).collect()
}

/// Files (without `.rs`) of modules declared as `#[cfg(test)] mod name;`.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let folder = path.trim_end_matches(".rs");
    let folder = if folder == "src/lib" { "src" } else { folder };
    let mut names = Vec::new();
    for part in text.split("#[cfg(test)]").skip(1) {
        let line = part.trim_start().lines().next().unwrap_or_default();
        let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        if let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            names.push(format!("{folder}/{name}"));
        }
    }
    names
}

/// Test modules with a body stand at the end of a file, by this project's habit.
fn without_tests(text: &str) -> String {
    let mut from = 0;
    while let Some(at) = text[from..].find("\n#[cfg(test)]\n").map(|at| from + at) {
        let rest = &text[at + "\n#[cfg(test)]\n".len()..];
        let line = rest.lines().next().unwrap_or_default();
        if line.contains("mod ") && line.ends_with('{') {
            return text[..=at].to_owned();
        }
        from = at + 1;
    }
    text.to_owned()
}
