//! The recorded streams, for tests only: the project's own, which are always there, and a larger
//! collection where this machine has one. Tests that want the collection note it where it is absent.
#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::engine::outcome::evidence::Ending;

/// A stream of `tests/corpus/streams`, how its program ended, and what that comes to.
#[derive(Debug, Deserialize)]
pub struct Case {
    #[serde(skip)]
    pub name: String,
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The name of the stream, where that is another case's.
    stream: Option<String>,
    #[serde(default)]
    exit: i32,
    /// How orch ended it, where it did not end by itself.
    ending: Option<Ending>,
    #[serde(default)]
    pub stderr: String,
    #[serde(default)]
    pub task: Work,
    /// `class, window and reset | dollars | tokens`.
    pub expect: String,
}

/// What it left beside its stream.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct Work {
    pub kind: String,
    /// What its status file says; `None` where there is none.
    pub status: Option<String>,
    /// What its status file asks.
    pub question: Option<String>,
    /// The task that its status file names.
    pub names: String,
    pub changes: bool,
    /// Declared outputs that are not there.
    pub missing: Vec<String>,
}

impl Default for Work {
    fn default() -> Self {
        let status = Some("completed".to_owned());
        let (kind, names) = ("session".to_owned(), "1.1".to_owned());
        Self { kind, status, question: None, names, changes: true, missing: Vec::new() }
    }
}

impl Case {
    pub fn ending(&self) -> Ending {
        let by_itself = || match self.exit {
            code if code < 0 => Ending::Signaled(-code),
            code => Ending::Exited(code),
        };
        self.ending.clone().unwrap_or_else(by_itself)
    }
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The project's own cases, by name.
pub fn cases() -> Vec<Case> {
    let cases = files(&own().join("streams"), ".json").into_iter().map(|(name, text)| {
        let case = serde_json::from_slice(&text);
        let mut case: Case = case.unwrap_or_else(|why| panic!("{name}.json: {why}"));
        case.bytes = own_stream(case.stream.as_ref().unwrap_or(&name));
        case.name = name;
        case
    });
    cases.collect()
}

fn own_stream(name: &str) -> Vec<u8> {
    let place = own().join("streams").join(format!("{name}.jsonl"));
    std::fs::read(&place).unwrap_or_else(|why| panic!("{}: {why}", place.display()))
}

/// One of the project's own streams.
pub fn stream(name: &str) -> Vec<u8> {
    own_stream(name)
}

/// All streams by name: the project's own, and those of the collection.
pub fn streams() -> Vec<(String, Vec<u8>)> {
    let mut streams = files(&own().join("streams"), ".jsonl");
    streams.extend(collected_streams());
    streams
}

/// Every log as the original orchestrator writes it.
pub fn logs() -> Vec<(String, Vec<u8>)> {
    let mut logs = files(&own().join("logs"), ".log");
    logs.extend(collected_logs());
    logs
}

/// Rows of the project's own limit messages: what is expected, and the message.
pub fn limit_messages() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(own().join("limit-messages.tsv")).unwrap();
    let rows = text.lines().map(|line| line.split_once('\t').expect("two columns"));
    rows.map(|(expected, message)| (expected.to_owned(), message.to_owned())).collect()
}

fn collection(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("ORCH_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let above = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let found = shared.into_iter().chain([beside, above]).map(|it| it.join("corpus").join(name));
    let found = found.into_iter().find(|it| it.exists());
    if found.is_none() {
        crate::left_out::note("larger collection of recordings (ORCH_SHARED names one)");
    }
    found
}

fn files(folder: &Path, suffix: &str) -> Vec<(String, Vec<u8>)> {
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

fn collected(folder: &str, suffix: &str) -> Vec<(String, Vec<u8>)> {
    collection(folder).map_or_else(Vec::new, |folder| files(&folder, suffix))
}

/// The streams of the collection by name.
pub fn collected_streams() -> Vec<(String, Vec<u8>)> {
    collected("streams", ".jsonl")
}

/// `meta.json` of the collected streams that have one.
pub fn collected_metas() -> Vec<(String, Vec<u8>)> {
    collected("streams", ".meta.json")
}

/// The collection's logs of the original orchestrator.
pub fn collected_logs() -> Vec<(String, Vec<u8>)> {
    collected("transcripts", ".log")
}

/// Rows of the collected limit messages.
pub fn collected_limit_messages() -> Vec<Vec<String>> {
    let Some(place) = collection("limit-messages.tsv") else { return Vec::new() };
    let text = std::fs::read_to_string(place).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
