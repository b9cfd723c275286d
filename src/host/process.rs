//! A family of processes under a shim: started with an environment built from nothing, heard
//! through bounded channels, ended politely and then by force; nothing of it is left behind.

mod reaper;
mod starting;

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::{Doing, Error, Result};
use super::mask::{Mask, MaskedStream};
use super::platform;
use super::shim;
use super::shim::confine::Confinement;
use crate::engine::outcome::evidence::Ending;

pub use super::platform::{ProcessInfo, reap};
pub use super::shim::Keeping;
pub use starting::Starting;

/// Chunks of each output that may wait to be read; then the family waits.
const SLOTS: usize = 16;
const CHUNK: usize = 64 * 1024;
/// Kept of the end of an output, in bytes.
pub const TAIL_LIMIT: usize = crate::engine::outcome::evidence::OUTPUT_KEPT;
/// The file that keeps stderr is not written beyond this, in bytes.
const STDERR_LIMIT: usize = 64 * 1024 * 1024;
/// How long outputs are awaited after the shim has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// What to start.
#[derive(Clone, Debug)]
pub struct Spawn {
    /// The program that answers to `__shim`: orch itself.
    pub shim: PathBuf,
    pub argv: Vec<OsString>,
    /// What it is kept from changing.
    pub guard: Option<Confinement>,
    pub keeping: Keeping,
    pub dir: PathBuf,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Read by the child; none is an empty one.
    pub stdin: Option<PathBuf>,
    /// An existing folder of the attempt's own: stderr goes there, once there is some.
    pub private: PathBuf,
    /// Names the attempt in the environment of its processes.
    pub marker: String,
    /// The checkout whose build this is.
    pub checkout: PathBuf,
    /// Applied to the stderr that is kept.
    pub mask: Mask,
}

/// A running family. Dropping it ends it by force.
pub struct Family {
    pub info: ProcessInfo,
    shim: Child,
    /// To the shim goes what orch asks for, from it comes its report. No file: making and removing
    /// one is the dearest part of a short command.
    life_line: Arc<UnixStream>,
    stdout: Heard,
    stderr: Heard,
    /// Ends with the tail of stderr.
    keeper: JoinHandle<Vec<u8>>,
}

/// One of the outputs, on its way.
struct Heard {
    chunks: mpsc::Receiver<Vec<u8>>,
    is_over: bool,
}

impl Heard {
    fn new(chunks: mpsc::Receiver<Vec<u8>>) -> Self {
        Self { chunks, is_over: false }
    }

    /// The next chunk; `None` once, at the end. Cancel safe.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let chunk = self.chunks.recv().await;
        self.is_over = chunk.is_none();
        chunk
    }
}

/// Whether output is wanted now; left unread, the family waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Output,
    Nothing,
}

/// What happens to a family.
#[derive(Debug)]
pub enum Happening {
    Output(Vec<u8>),
    /// Whole lines of stderr, masked; the last one may lack its end.
    Complaint(Vec<u8>),
    /// The shim has ended, and the family with it.
    Over,
}

/// How a family ended.
#[derive(Debug)]
pub struct Ended {
    pub ending: Ending,
    /// Lossy UTF-8, at most [`TAIL_LIMIT`] bytes.
    pub stderr_tail: String,
}

impl Spawn {
    /// Starts the shim of the family; the child follows when [`Family::starting`] is let go. An error here is the machine's; a program that cannot be run shows as
    /// `Ending::LaunchFailed` at the end.
    pub fn start(&self) -> Result<Family> {
        let doing = "starting a process";
        let (life_line, shims_end) = UnixStream::pair().doing(doing, &self.shim)?;
        let order = shim::Order {
            stdin: self.stdin.clone(),
            waits: true,
            reports: true,
            role: self.keeping.into(),
            guard: self.guard.clone(),
            argv: self.argv.clone(),
        };
        let mut child = Command::new(&self.shim)
            .args(order.words())
            .current_dir(&self.dir)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env(platform::MARKER, &self.marker)
            .env(platform::CHECKOUT, &self.checkout)
            .stdin(Stdio::from(OwnedFd::from(shims_end)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .doing(doing, &self.shim)?;
        let pid = child.id().ok_or_else(|| Error::new("starting a process: it has no id"))?;
        let start_ticks = platform::start_ticks_of(pid).unwrap_or(0);
        let stdout = child.stdout.take().ok_or_else(|| Error::new("reading a child's stdout"))?;
        let stderr = child.stderr.take().ok_or_else(|| Error::new("reading a child's stderr"))?;
        let info = ProcessInfo { pid, start_ticks };
        if self.keeping == Keeping::Descent {
            reaper::there(info, &self.shim);
        }
        let file = LazyFile::new(self.private.join("stderr"));
        let (sender, chunks) = mpsc::channel(SLOTS);
        let (complain, complaints) = mpsc::channel(SLOTS);
        tokio::spawn(forward(stdout, sender));
        let masked = MaskedStream::new(self.mask.clone());
        Ok(Family {
            info,
            life_line: Arc::new(life_line),
            shim: child,
            stdout: Heard::new(chunks),
            stderr: Heard::new(complaints),
            keeper: tokio::spawn(keep(stderr, file, masked, complain)),
        })
    }
}

impl Drop for Family {
    /// Whoever still holds its start holds the life-line, too.
    fn drop(&mut self) {
        self.kill();
    }
}

impl Family {
    /// For whoever keeps the record: the child waits for it.
    pub fn starting(&self) -> Starting {
        Starting { info: self.info, life_line: Arc::clone(&self.life_line) }
    }

    /// What happens next; output only where `reading` says so. Cancel safe.
    pub async fn next(&mut self, reading: Reading) -> Happening {
        let reads = reading == Reading::Output;
        loop {
            let happening = tokio::select! {
                chunk = self.stdout.next(), if reads && !self.stdout.is_over => {
                    chunk.map(Happening::Output)
                }
                chunk = self.stderr.next(), if reads && !self.stderr.is_over => {
                    chunk.map(Happening::Complaint)
                }
                _ = self.shim.wait() => Some(Happening::Over),
            };
            if let Some(happening) = happening {
                return happening;
            }
        }
    }

    /// Asks the family to end (SIGTERM to the child's group).
    pub fn terminate(&mut self) {
        // A shim that is gone cannot be asked, and need not be. One byte never waits for room.
        let _ = (&*self.life_line).write_all(&[shim::TERMINATE]);
    }

    /// Ends the family by force; every descendant, wherever it went.
    pub fn kill(&mut self) {
        let _ = self.life_line.shutdown(Shutdown::Write);
    }

    /// After [`Happening::Over`]: what is left of its output, where a stray writer cannot hold us for
    /// long, then how it ended.
    pub async fn finish(mut self, mut take: impl FnMut(Happening)) -> Ended {
        let status = self.shim.try_wait().ok().flatten();
        let report = self.report();
        let ending = ending_of(&report, status);
        if report.is_empty() {
            // The shim was killed itself: what it watched over has to be found by its mark.
            let info = self.info;
            let _ = tokio::task::spawn_blocking(move || platform::reap(info)).await;
        }
        reaper::gone(self.info);
        let drained = async {
            while !(self.stdout.is_over && self.stderr.is_over) {
                let happening = tokio::select! {
                    chunk = self.stdout.next(), if !self.stdout.is_over => {
                        chunk.map(Happening::Output)
                    }
                    chunk = self.stderr.next(), if !self.stderr.is_over => {
                        chunk.map(Happening::Complaint)
                    }
                };
                happening.into_iter().for_each(&mut take);
            }
        };
        let _ = timeout(DRAIN, drained).await;
        // Nobody hears the keeper any more: it must not wait for that.
        self.stderr.chunks.close();
        let tail = match timeout(DRAIN, &mut self.keeper).await {
            Ok(Ok(tail)) => tail,
            _ => Vec::new(),
        };
        self.keeper.abort();
        Ended { ending, stderr_tail: String::from_utf8_lossy(&tail).into_owned() }
    }

    /// What the shim said before it ended; nothing where it was killed. Waits for nothing: another
    /// process that is being started may hold the shim's end open for an instant.
    fn report(&mut self) -> String {
        let mut said = Vec::new();
        if self.life_line.set_nonblocking(true).is_ok() {
            // What came before it would have to wait is kept.
            let _ = (&*self.life_line).read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}

/// A file that is made when something is to be in it: most commands say nothing.
pub struct LazyFile {
    place: PathBuf,
    file: Option<fs::File>,
}

impl LazyFile {
    pub fn new(place: PathBuf) -> Self {
        Self { place, file: None }
    }

    /// Appends; makes the file anew at the first byte.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(fs::File::create(&self.place)?),
        };
        file.write_all(bytes)
    }

    /// Makes it though it is empty.
    pub fn create(&mut self) -> std::io::Result<()> {
        self.file = Some(fs::File::create(&self.place)?);
        Ok(())
    }

    pub fn place(&self) -> &std::path::Path {
        &self.place
    }
}

fn ending_of(line: &str, status: Option<std::process::ExitStatus>) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    let number = |text: &str| text.parse::<i32>().ok();
    match line.split_once(' ') {
        Some(("exited", code)) if number(code).is_some() => {
            return Ending::Exited(number(code).unwrap_or(-1));
        }
        Some(("signaled", signal)) if number(signal).is_some() => {
            return Ending::Signaled(number(signal).unwrap_or(9));
        }
        Some(("failed", why)) => return Ending::LaunchFailed(why.to_owned()),
        _ => {}
    }
    match status {
        Some(status) if status.signal().is_some() => Ending::Signaled(status.signal().unwrap_or(9)),
        // Without a report the shim itself failed: no exit code of it is the child's.
        Some(status) => Ending::LaunchFailed(format!("the shim failed: {status}")),
        None => Ending::Signaled(9),
    }
}

async fn forward(mut stdout: impl AsyncRead + Unpin, sender: mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(n @ 1..) = stdout.read(&mut buffer).await {
        if sender.send(buffer[..n].to_vec()).await.is_err() {
            return;
        }
    }
}

/// Writes stderr to its file, tells it, and answers with its tail, all masked.
async fn keep(
    mut stderr: impl AsyncRead + Unpin,
    mut file: LazyFile,
    mut masked: MaskedStream,
    out: mpsc::Sender<Vec<u8>>,
) -> Vec<u8> {
    let mut tail = Vec::new();
    let mut buffer = vec![0; CHUNK];
    let mut n_kept = 0;
    let mut is_open = true;
    while is_open {
        let bytes = match stderr.read(&mut buffer).await {
            Ok(n @ 1..) => masked.feed(&buffer[..n]),
            _ => {
                is_open = false;
                masked.finish()
            }
        };
        if bytes.is_empty() {
            continue;
        }
        if n_kept < STDERR_LIMIT && file.write(&bytes).is_ok() {
            n_kept += bytes.len();
        }
        push_tail(&mut tail, &bytes);
        // Where nobody listens it is kept all the same.
        let _ = out.send(bytes).await;
    }
    tail
}

/// Appends, and keeps the last [`TAIL_LIMIT`] bytes.
pub fn push_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_LIMIT)..]);
    tail.drain(..tail.len().saturating_sub(TAIL_LIMIT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_bounded_and_the_newest() {
        let mut tail = Vec::new();
        push_tail(&mut tail, &[b'a'; TAIL_LIMIT / 8 * 5]);
        push_tail(&mut tail, &[b'b'; TAIL_LIMIT / 8 * 5]);
        assert_eq!((tail.len(), tail[0], tail[TAIL_LIMIT - 1]), (TAIL_LIMIT, b'a', b'b'));
        push_tail(&mut tail, &[b'c'; TAIL_LIMIT * 6]);
        assert_eq!(tail, [b'c'; TAIL_LIMIT]);
    }
}
