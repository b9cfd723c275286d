//! The watcher: says which paths may have changed. It only hints and may say too much; what is true
//! the scan tells. Where the system cannot watch, it asks for a scan every few seconds instead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{EventKind, MetadataKind, ModifyKind};
use tokio::sync::mpsc as channel;
use tokio::sync::mpsc::error::TrySendError;

use crate::base::name::RelPath;

use super::error::{Error, Result};
use super::scan::path_below;

mod tree;

use tree::Tree;

/// Silence after which a batch is told.
const SETTLE: Duration = Duration::from_millis(50);
/// A batch is told after this time even without silence.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often everything is looked at where the system cannot watch.
const POLL: Duration = Duration::from_secs(2);
pub use super::stop::STOP_FILE;

/// What may have changed since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Sorted. A folder stands for all that is or was below it.
    pub paths: Vec<RelPath>,
    /// Something was missed: look at everything.
    pub everything: bool,
    /// `HEAD` or a branch may have moved.
    pub refs: bool,
}

/// What is to be watched.
#[derive(Clone, Debug)]
pub struct Watched {
    pub root: PathBuf,
    /// Files and folders that are watched even where git ignores them.
    pub always: Vec<RelPath>,
}

/// Watches until dropped.
#[derive(Debug)]
pub struct Watcher {
    messages: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Message {
    Seen(notify::Result<notify::Event>),
    Stop,
}

impl Watcher {
    /// Starts to watch; what happens after this returns is told to `out`. Where nobody takes what
    /// is told, it is gathered until somebody does. Fails only where no thread can be had.
    pub fn start(watched: Watched, out: channel::Sender<Changed>) -> Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let events = messages.clone();
        let send = move |event| drop(events.send(Message::Seen(event)));
        let mut worker = Worker::new(watched, out, notify::recommended_watcher(send));
        worker.watch_all();
        let thread = std::thread::Builder::new().name("orch-watch".into());
        let thread = thread
            .spawn(move || worker.run(&inbox))
            .map_err(|error| Error::because("starting to watch files", error))?;
        Ok(Self { messages, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    tree: Tree,
    out: channel::Sender<Changed>,
    batch: Batch,
}

/// What is gathered for the next time.
#[derive(Debug, Default)]
struct Batch {
    paths: BTreeSet<RelPath>,
    everything: bool,
    refs: bool,
    /// When the first of it came and when it is told at the latest and at the earliest.
    since: Option<Instant>,
    due: Option<Instant>,
}

impl Worker {
    fn new(
        watched: Watched,
        out: channel::Sender<Changed>,
        watcher: notify::Result<notify::RecommendedWatcher>,
    ) -> Self {
        Self { tree: Tree::new(watched, watcher), out, batch: Batch::default() }
    }

    fn watch_all(&mut self) {
        self.tree.watch_refs();
        self.tree.watch_below(None, &mut BTreeSet::new());
    }

    /// Until told to stop, or until nobody listens any more.
    fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        let mut next_poll = Instant::now() + POLL;
        loop {
            let poll = self.tree.is_polling().then_some(next_poll);
            match receive(inbox, [self.batch.due, poll].into_iter().flatten().min()) {
                Received::Message(Message::Seen(event)) => self.take(event),
                Received::Message(Message::Stop) | Received::Closed => return,
                Received::Nothing => {}
            }
            let now = Instant::now();
            if poll.is_some_and(|poll| poll <= now) {
                next_poll = now + POLL;
                self.batch.everything = true;
                self.batch.due = Some(now);
            }
            if self.batch.due.is_some_and(|due| due <= now) && !self.tell() {
                return;
            }
        }
    }

    fn take(&mut self, event: notify::Result<notify::Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.look_at_everything("events were lost"),
            Ok(event) if is_noise(event.kind) => {}
            Ok(event) => event.paths.iter().for_each(|path| self.touch(path)),
            Err(error) => {
                self.tree.note_failure(&error);
                self.look_at_everything(&error.to_string());
            }
        }
    }

    /// One path that something happened to.
    fn touch(&mut self, place: &Path) {
        if self.tree.is_ref(place) {
            self.batch.refs = true;
            return self.batch.postpone();
        }
        let Some(path) = path_below(self.tree.root(), place) else { return };
        let is_folder = place.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if self.tree.is_left_out(&path, is_folder) {
            return;
        }
        if path.file_name() == ".gitignore" {
            self.tree.forget_rules();
            self.look_at_everything("ignore rules changed");
        }
        if is_folder {
            // What came into it before it was watched has made no event.
            self.tree.watch_below(Some(&path), &mut self.batch.paths);
        }
        self.batch.paths.insert(path);
        self.batch.postpone();
    }

    fn look_at_everything(&mut self, why: &str) {
        tracing::debug!("everything is looked at again: {why}");
        self.batch.everything = true;
        self.batch.postpone();
    }

    /// False where nobody listens any more.
    fn tell(&mut self) -> bool {
        if self.out.capacity() == 0 && !self.out.is_closed() {
            self.batch.due = Some(Instant::now() + SETTLE);
            return true;
        }
        if self.batch.everything {
            // New folders are among what was missed; watched now, they are whole by the next scan.
            self.watch_all();
        }
        let changed = Changed {
            paths: self.batch.paths.iter().cloned().collect(),
            everything: self.batch.everything,
            refs: self.batch.refs,
        };
        match self.out.try_send(changed) {
            Ok(()) => self.batch = Batch::default(),
            // Another sender was quicker.
            Err(TrySendError::Full(_)) => self.batch.due = Some(Instant::now() + SETTLE),
            Err(TrySendError::Closed(_)) => return false,
        }
        true
    }
}

impl Batch {
    /// Something was added: wait for silence, but not for ever.
    fn postpone(&mut self) {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        self.due = Some((now + SETTLE).min(since + PATIENCE));
    }
}

enum Received {
    Message(Message),
    Nothing,
    Closed,
}

fn receive(inbox: &mpsc::Receiver<Message>, until: Option<Instant>) -> Received {
    let received = match until {
        Some(until) => inbox.recv_timeout(until.saturating_duration_since(Instant::now())),
        None => inbox.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
    };
    match received {
        Ok(message) => Received::Message(message),
        Err(mpsc::RecvTimeoutError::Timeout) => Received::Nothing,
        Err(mpsc::RecvTimeoutError::Disconnected) => Received::Closed,
    }
}

/// Reading changes nothing. (Every write that is closed was told as a modification before.)
fn is_noise(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime))
    )
}

#[cfg(test)]
mod tests;
