//! Finding and reading documents: config, plans, agents, rules, prompts.

mod agents;
mod items;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::{RelPath, TreeId};
use crate::base::source::Source;
use crate::engine::event::Documents;
use crate::engine::outcome::evidence::{DocumentsFound, DocumentsLeft};
use crate::spec::config::{self, Config, PLAN_ENDINGS, SAMPLE_PLAN};
use crate::spec::item::kind::Kind;

use self::place::{Disk, Laid, Place};
use super::error::Result;
use super::git::Repository;
use super::session;

/// The original's settings, and orch's own.
pub const CLAUDE_CONFIG: &str = ".claude/orchestrator-config.yaml";
pub const NATIVE_CONFIG: &str = "orch.yaml";

/// Documents as they lie on the disk, with what is wrong with their bytes.
#[derive(Debug, Default)]
pub struct Loaded {
    pub documents: Documents,
    /// Findings that stand before parsing: unreadable, too large, not UTF-8; and the config's own.
    pub diagnostics: Vec<Diagnostic>,
    /// Every text that a diagnostic may point into.
    pub sources: BTreeMap<RelPath, Source>,
    /// Plan files that were read beside the active ones.
    pub extra: Vec<RelPath>,
    /// The kinds of backlog items that the rules tell of.
    pub kinds: Vec<Kind>,
}

/// Reads all documents below `root`, and `extra` plan files beside the active ones. A folder that
/// is not there holds nothing. `Err` only where the disk fails.
pub fn read(root: &Path, extra: &[RelPath]) -> Result<Loaded> {
    read_in(&Disk(root), extra)
}

/// As [`read`], as they would be if `tree` were checked out: where it is as HEAD, they are as they lie.
pub fn read_at(repo: &Repository, tree: &TreeId, extra: &[RelPath]) -> Result<Loaded> {
    read_in(&Laid::of(repo, tree)?, extra)
}

/// As [`read_at`], whatever the user has changed of files that git knows.
pub fn read_committed(repo: &Repository, tree: &TreeId, extra: &[RelPath]) -> Result<Loaded> {
    read_in(&Laid::of(repo, tree)?.committed(), extra)
}

/// All documents of one tree, and of another that something was made of it.
pub fn read_both(
    repo: &Repository,
    was: &TreeId,
    is: &TreeId,
    extra: &[RelPath],
) -> Result<Box<DocumentsLeft>> {
    let read = |tree: &TreeId| {
        let loaded = read_at(repo, tree, extra)?;
        Ok(DocumentsFound { documents: loaded.documents, problems: loaded.diagnostics })
    };
    Ok(Box::new(DocumentsLeft { before: read(was)?, after: read(is)? }))
}

fn read_in(place: &dyn Place, extra: &[RelPath]) -> Result<Loaded> {
    let mut loaded = Loaded { extra: extra.to_vec(), ..Loaded::default() };
    let config = loaded.read_config(place)?;
    let mut plans = BTreeSet::new();
    for dir in &config.plans_dirs {
        plans.extend(files_in(place, dir, PLAN_ENDINGS)?);
    }
    plans.retain(|path| path.file_name() != SAMPLE_PLAN);
    plans.extend(extra.iter().cloned());
    let rules = files_in(place, &config.rules_dir, &["yaml", "yml"])?;
    let prompts = files_in(place, &format!("{}/prompts", config.rules_dir), &["md"])?;
    loaded.documents.plans = loaded.read_all(place, plans);
    loaded.read_agents(place, &config.agents_dir)?;
    loaded.documents.rules = loaded.read_all(place, rules);
    let prefix = format!("{}/", config.rules_dir.trim_end_matches('/'));
    loaded.documents.prompts = loaded
        .read_all(place, prompts)
        .into_iter()
        .filter_map(|source| {
            let name = RelPath::new(source.path.as_str().strip_prefix(&prefix)?)?;
            Some(Source { path: name, text: source.text })
        })
        .collect();
    loaded.read_items(place)?;
    loaded.documents.env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    loaded.documents.config = config;
    if let Some(folder) = session::config_folder(|name| std::env::var_os(name)) {
        loaded.read_users_agents(&folder);
    }
    Ok(loaded)
}

/// True for settings, plans, agents and rules.
pub fn is_document(path: &RelPath, config: &Config) -> bool {
    let folders =
        config.plans_dirs.iter().chain([&config.agents_dir, &config.rules_dir]).map(String::as_str);
    [CLAUDE_CONFIG, NATIVE_CONFIG].contains(&path.as_str())
        || folders.into_iter().any(|folder| path.is_within(folder.trim_end_matches('/')))
}

impl Loaded {
    /// True for paths whose change may change what `read` gives: a hint.
    pub fn is_document(&self, path: &RelPath) -> bool {
        is_document(path, &self.documents.config)
            || self.item_folders().any(|folder| path.is_within(folder.as_str()))
    }

    /// True for a plan that is gone, too: one is an input only by its very name.
    pub fn is_plan(&self, path: &RelPath) -> bool {
        self.extra.contains(path) || self.documents.config.is_plan(path)
    }

    fn read_config(&mut self, place: &dyn Place) -> Result<Config> {
        let claude = self.read_optional(place, CLAUDE_CONFIG)?;
        let native = self.read_optional(place, NATIVE_CONFIG)?;
        let parsed = config::parse(claude.as_ref(), native.as_ref());
        self.diagnostics.extend(parsed.diagnostics);
        Ok(parsed.value)
    }

    fn read_optional(&mut self, place: &dyn Place, name: &str) -> Result<Option<Source>> {
        let Some(path) = RelPath::new(name) else { return Ok(None) };
        let is_there = place.is_there(&path)?;
        Ok(is_there.then(|| self.read_one(place, &path)).flatten())
    }

    fn read_all(
        &mut self,
        place: &dyn Place,
        paths: impl IntoIterator<Item = RelPath>,
    ) -> Vec<Source> {
        paths.into_iter().filter_map(|path| self.read_one(place, &path)).collect()
    }

    /// One document; what keeps it from being text becomes a diagnostic.
    fn read_one(&mut self, place: &dyn Place, path: &RelPath) -> Option<Source> {
        match place.text(path) {
            Ok(text) => {
                let source = Source::new(path.clone(), text);
                self.sources.insert(path.clone(), source.clone());
                Some(source)
            }
            Err(Unread { diagnostic, shown }) => {
                self.sources.insert(path.clone(), Source::new(path.clone(), shown));
                self.diagnostics.push(*diagnostic);
                None
            }
        }
    }
}

/// A file that is no text, and what can be shown of it.
#[derive(Debug)]
pub struct Unread {
    pub diagnostic: Box<Diagnostic>,
    /// Lossy text, or nothing: the same as the file up to the first byte that is no text.
    shown: String,
}

impl From<Diagnostic> for Unread {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic: Box::new(diagnostic), shown: String::new() }
    }
}

/// A file's text, or what is wrong with it. Size is looked at before anything is read.
pub fn read_text(file: &Path, path: &RelPath) -> std::result::Result<Arc<str>, Unread> {
    let meta = fs::metadata(file).map_err(|why| unreadable(path, &why))?;
    // Opening a pipe would wait for a writer.
    if !meta.is_file() {
        return Err(unreadable(path, &std::io::Error::other("it is no regular file")));
    }
    check_size(path, meta.len())?;
    text_of(path, fs::read(file).map_err(|why| unreadable(path, &why))?)
}

fn unreadable(path: &RelPath, why: &std::io::Error) -> Unread {
    Diagnostic::error("document::unreadable", format!("{path} cannot be read: {why}"))
        .in_file(path)
        .help("check that the file is there and its permissions let you read it")
        .into()
}

fn check_size(path: &RelPath, size: u64) -> std::result::Result<(), Unread> {
    if size <= crate::spec::yaml::MAX_BYTES as u64 {
        return Ok(());
    }
    let empty = Source::new(path.clone(), "");
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    Err(crate::spec::yaml::too_large(&empty, size).into())
}

fn text_of(path: &RelPath, bytes: Vec<u8>) -> std::result::Result<Arc<str>, Unread> {
    String::from_utf8(bytes).map(Arc::from).map_err(|error| not_utf8(path, &error))
}

fn not_utf8(path: &RelPath, error: &std::string::FromUtf8Error) -> Unread {
    let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
    let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
    let message = format!("{path} is not UTF-8: the byte at offset {at} (line {line}) is none");
    let label = format!("byte 0x{:02x}", bytes[at]);
    let diagnostic = Diagnostic::error("document::not-utf8", message)
        .in_file(path)
        .label(at..at + 1, label)
        .help("save the file as UTF-8");
    let shown = String::from_utf8_lossy(bytes).into_owned();
    Unread { diagnostic: Box::new(diagnostic), shown }
}

/// Entries of a folder (not below it) with one of the endings, by name; hidden ones are left out.
/// Whether they are files that can be read shows when they are.
fn files_in(place: &dyn Place, folder: &str, endings: &[&str]) -> Result<Vec<RelPath>> {
    let Some(folder) = RelPath::normalize(folder) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for name in place.names(&folder)? {
        if has_ending(&name, endings) {
            found.extend(folder.join(&name));
        }
    }
    found.sort();
    Ok(found)
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    !name.starts_with('.') && endings.contains(&ending)
}
