//! Signs of life beside the stream: the CPU time of the family, its stderr, and the CLI's own
//! transcript of the session.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use crate::base::name::SessionId;
use crate::host::platform;

/// A family that idles in an event loop uses less than this part of a core; one that reads a
/// model's stream, or builds or tests, uses more.
const BUSY: f64 = 0.005;

/// Takes the pulse of one family.
#[derive(Debug)]
pub struct Pulse {
    shim: u32,
    stderr: PathBuf,
    /// Where the CLI keeps its transcripts; `None` for commands.
    projects: Option<PathBuf>,
    transcript: Option<PathBuf>,
    last: Beat,
    at: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Beat {
    /// Milliseconds of CPU time.
    cpu: u64,
    stderr: u64,
    transcript: u64,
}

impl Pulse {
    pub fn new(shim: u32, private: &Path, config_folder: Option<PathBuf>) -> Self {
        Self {
            shim,
            stderr: private.join("stderr"),
            projects: config_folder.map(|folder| folder.join("projects")),
            transcript: None,
            last: Beat::default(),
            at: Instant::now(),
        }
    }

    /// True where the family did something since it was last asked.
    pub fn has_beaten(&mut self, session: Option<&SessionId>) -> bool {
        let now = Beat {
            cpu: platform::cpu_of_family(self.shim),
            stderr: size(&self.stderr),
            transcript: self.transcript_of(session).map_or(0, |file| size(&file)),
        };
        let passed = self.at.elapsed().as_millis() as f64;
        let used = now.cpu.saturating_sub(self.last.cpu) as f64;
        let last = std::mem::replace(&mut self.last, now);
        self.at = Instant::now();
        let has_written = now.stderr > last.stderr || now.transcript > last.transcript;
        // Something is known of CPU time in whole ticks only: less than one is none.
        has_written || used > 0.0 && used >= passed * BUSY
    }

    fn transcript_of(&mut self, session: Option<&SessionId>) -> Option<PathBuf> {
        if self.transcript.is_none() {
            let name = format!("{}.jsonl", session?);
            let folders = fs::read_dir(self.projects.as_ref()?).ok()?.flatten();
            self.transcript = folders.map(|it| it.path().join(&name)).find(|it| it.is_file());
        }
        self.transcript.clone()
    }
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |meta| meta.len())
}
