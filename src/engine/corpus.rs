//! The recorded streams, for tests only. Absent in a plain checkout: then tests say so and pass.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::path::PathBuf;

fn folder(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("ORCH_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let above = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let found = shared.into_iter().chain([beside, above]).map(|it| it.join("corpus").join(name));
    let found = found.into_iter().find(|it| it.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no corpus/{name}; set ORCH_SHARED to run these tests");
    }
    found
}

fn files(folder_name: &str, suffix: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = folder(folder_name) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(suffix) {
            files.push((stem.to_owned(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Every recorded stream by name.
pub fn streams() -> Vec<(String, Vec<u8>)> {
    files("streams", ".jsonl")
}

/// One recorded stream.
pub fn stream(name: &str) -> Option<Vec<u8>> {
    std::fs::read(folder("streams")?.join(format!("{name}.jsonl"))).ok()
}

/// `meta.json` of the recorded streams that have one.
pub fn metas() -> Vec<(String, Vec<u8>)> {
    files("streams", ".meta.json")
}

/// Logs of the original orchestrator.
pub fn transcripts() -> Vec<(String, Vec<u8>)> {
    files("transcripts", ".log")
}

/// Rows of the collected limit messages.
pub fn limit_messages() -> Vec<Vec<String>> {
    let Some(folder) = folder("streams") else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join("../limit-messages.tsv")).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
