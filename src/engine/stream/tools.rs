//! Calls of tools: which are open, what came of them, and which files they were given.

use std::collections::{BTreeMap, BTreeSet};

use super::denied::Denied;
use super::looks::Looks;
use super::wire;

/// Of a path that is kept, in bytes.
const PATH_LIMIT: usize = 4096;

/// More calls than these are not kept.
const CALLS: usize = 4096;

/// All calls of a session so far. A call is `Tool(detail)`.
#[derive(Debug, Default)]
pub struct Tools {
    /// Those that are not answered, by id.
    pub open: BTreeMap<String, String>,
    /// Those that were answered, with an error or without.
    pub answered: BTreeSet<String>,
    pub denied: Denied,
    pub looks: Looks,
    /// Tasks that go on in the background.
    pub background: BTreeSet<String>,
    pub files_read: BTreeSet<String>,
    pub files_written: BTreeSet<String>,
}

impl Tools {
    /// A tool is asked for.
    pub fn asked(&mut self, block: &wire::Block, call: String) {
        self.looks.asked(&call);
        self.open.insert(block.id.clone(), call);
        self.note_files(block);
    }

    /// The tool has answered; `said` is its error, where it is one.
    pub fn answered(&mut self, id: String, said: Option<&str>) {
        let Some(call) = self.open.remove(&id) else { return };
        if self.answered.len() < CALLS {
            self.answered.insert(call.clone());
        }
        match said {
            Some(said) => self.denied.failed(id, call, said),
            None => {
                self.looks.answered(&call);
                self.denied.answered(call);
            }
        }
    }

    /// Files that an answer names.
    pub fn note_read(&mut self, files: Vec<String>) {
        self.files_read.extend(files.into_iter().filter(|path| path.len() <= PATH_LIMIT));
    }

    fn note_files(&mut self, block: &wire::Block) {
        let input = &block.input;
        let (path, is_written) = match block.name.as_str() {
            "Read" | "NotebookRead" => (&input.file_path, false),
            "Grep" | "Glob" | "LS" => (&input.path, false),
            "Write" | "Edit" | "MultiEdit" => (&input.file_path, true),
            "NotebookEdit" => (&input.notebook_path, true),
            _ => return,
        };
        let path = path.as_ref().or(input.notebook_path.as_ref());
        let Some(path) = path.filter(|path| path.len() <= PATH_LIMIT) else { return };
        let files = if is_written { &mut self.files_written } else { &mut self.files_read };
        files.insert(path.clone());
    }
}
