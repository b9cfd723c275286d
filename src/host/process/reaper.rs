//! Tells the process that outlives orch which families there are.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::host::platform::{self, ProcessInfo};
use crate::host::shim;
use crate::host::shim::reaper::{ARGUMENT, Word};

static REAPER: Mutex<Reaper> = Mutex::new(Reaper { line: None, there: BTreeMap::new() });

struct Reaper {
    line: Option<ChildStdin>,
    there: BTreeMap<u32, ProcessInfo>,
}

/// A family of `program`'s is there. Where no process can be had that outlives orch, the next start finds what is left.
pub fn there(info: ProcessInfo, program: &Path) {
    if !platform::KNOWS_LINEAGE {
        return;
    }
    let mut reaper = REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    reaper.there.insert(info.pid, info);
    if !reaper.say(Word::There(info))
        && let Err(error) = reaper.begin(program)
    {
        tracing::warn!("nothing outlives orch to end what is left of it: {error}");
    }
}

/// Nothing of it is left.
pub fn gone(info: ProcessInfo) {
    let mut reaper = REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    if reaper.there.remove(&info.pid).is_some() {
        let _ = reaper.say(Word::Gone(info));
    }
}

impl Reaper {
    /// False where it is not there, or was killed.
    fn say(&mut self, word: Word) -> bool {
        let line = self.line.as_mut();
        line.is_some_and(|line| line.write_all(word.line().as_bytes()).is_ok())
    }

    fn begin(&mut self, program: &Path) -> std::io::Result<()> {
        let mut child = Command::new(program)
            .args([shim::ARGUMENT, ARGUMENT])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.line = child.stdin.take();
        for info in self.there.clone().into_values() {
            self.say(Word::There(info));
        }
        Ok(())
    }
}
