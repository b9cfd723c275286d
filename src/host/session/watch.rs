//! Watches one running family: its output, its limits, and the wish to stop it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::patience::{Clock, Patience};
use super::pulse::Pulse;
use super::transcript::Transcript;
use super::{Stop, Update};
use crate::base::measure::{Millis, Usd};
use crate::base::name::SessionId;
use crate::engine::outcome::evidence::Ending;
use crate::engine::stream::{Pace, Progress, StreamFacts, StreamReader};
use crate::host::error::Result;
use crate::host::mask::Mask;
use crate::host::process::{Happening, Reading, Spawn};

/// Shown of one line of a command, in characters.
const LINE_SHOWN: usize = 500;
/// Shown of one piece of a command's output, in lines.
const LINES_SHOWN: usize = 100;

/// How an attempt is watched.
pub struct Watched {
    pub is_session: bool,
    pub base_cost: Usd,
    pub wall: Option<Duration>,
    pub stall: Option<Duration>,
    pub patience: Patience,
    /// The folder of the CLI's own files, where there is one.
    pub config_folder: Option<PathBuf>,
    pub mask: Mask,
    pub transcript: PathBuf,
}

/// What was seen.
pub struct Seen {
    pub ending: Ending,
    pub stream: Option<StreamFacts>,
    pub stdout_tail: String,
    pub stderr_tail: String,
}

impl Watched {
    /// Starts the family and stays until it is gone.
    pub async fn run(
        self,
        spawn: &Spawn,
        updates: mpsc::Sender<Update>,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<Seen> {
        let mut output = Output::create(&self)?;
        let mut family = spawn.start()?;
        output.queue.push_back(Update::Started(family.starting()));
        let mut clock = Clock::start(&self);
        let mut pulse = Pulse::new(family.info.pid, &spawn.private, self.config_folder.clone());
        let mut flow = Flow { is_told: true, is_wished: true, is_over: false };
        while !flow.is_over {
            let waits = flow.is_told && !output.queue.is_empty();
            if waits {
                // Nobody listens: the family's silence is ours.
                clock.heard();
            }
            let reading = if waits { Reading::Nothing } else { Reading::Output };
            tokio::select! {
                permit = updates.reserve(), if waits => match (permit, output.queue.pop_front()) {
                    (Ok(permit), Some(next)) => permit.send(next),
                    (_, lost) => {
                        flow.is_told = false;
                        output.queue.extend(lost);
                    }
                },
                happening = family.next(reading) => {
                    // Stderr is no event: whether it grows is the pulse's to see.
                    if !matches!(happening, Happening::Complaint(_)) {
                        clock.heard();
                    }
                    flow.is_over = matches!(happening, Happening::Over);
                    output.hear(&happening);
                    clock.set_pace(output.pace());
                }
                changed = stop.changed(), if flow.is_wished => flow.is_wished = changed.is_ok(),
                () = sleep_until(clock.deadline()) => {}
            }
            if !flow.is_told {
                if output.has_to_begin() {
                    // Nobody keeps the record: then nothing of it runs.
                    family.kill();
                }
                output.queue.clear();
            }
            if clock.is_to_look() && pulse.has_beaten(output.session()) {
                clock.heard();
            }
            let wish = *stop.borrow();
            if !flow.is_over {
                clock.tick(wish, &mut family);
            }
        }
        let ended = family.finish(|happening| output.hear(&happening)).await;
        let mut seen = output.finish(&updates, flow.is_told).await?;
        seen.ending = clock.reason.unwrap_or(ended.ending);
        seen.stderr_tail = ended.stderr_tail;
        Ok(seen)
    }
}

/// Which ends are still open.
struct Flow {
    is_told: bool,
    is_wished: bool,
    is_over: bool,
}

/// Output on its way: kept, understood, told.
struct Output {
    transcript: Transcript,
    reader: Option<StreamReader>,
    line: Vec<u8>,
    queue: VecDeque<Update>,
}

impl Output {
    fn create(watched: &Watched) -> Result<Self> {
        let mut transcript = Transcript::new(watched.transcript.clone(), watched.mask.clone());
        if watched.is_session {
            // An empty one tells a later run of orch that nothing was spent.
            transcript.create()?;
        }
        Ok(Self {
            transcript,
            reader: watched.is_session.then(|| StreamReader::new(watched.base_cost)),
            line: Vec::new(),
            queue: VecDeque::new(),
        })
    }

    /// Whoever lets the family begin has not heard of it yet.
    fn has_to_begin(&self) -> bool {
        self.queue.iter().any(|it| matches!(it, Update::Started(_)))
    }

    /// Where the stream stands; commands are always at work.
    fn pace(&self) -> Pace {
        let working = Pace::Working { known_wait: Millis::default() };
        self.reader.as_ref().map_or(working, StreamReader::pace)
    }

    fn session(&self) -> Option<&SessionId> {
        self.reader.as_ref()?.session()
    }

    fn hear(&mut self, happening: &Happening) {
        match happening {
            Happening::Output(chunk) => {
                let bytes = self.transcript.take_output(chunk);
                self.understand(&bytes);
            }
            Happening::Complaint(lines) => {
                self.transcript.take_complaint(lines);
                self.tell_complaint(lines);
            }
            Happening::Over => {}
        }
    }

    /// What a command writes to stderr is told; a session's is only kept.
    fn tell_complaint(&mut self, bytes: &[u8]) {
        if self.reader.is_some() {
            return;
        }
        let before = self.queue.len();
        for line in String::from_utf8_lossy(bytes).lines() {
            let shown = line.trim_end().chars().take(LINE_SHOWN).collect();
            self.queue.push_back(Update::Progress(Progress::Complaint(shown)));
        }
        self.leave_out(before);
    }

    fn understand(&mut self, bytes: &[u8]) {
        match &mut self.reader {
            Some(reader) => self.queue.extend(reader.feed(bytes).into_iter().map(Update::Progress)),
            None => self.take_lines(bytes),
        }
    }

    /// Of a flood only the newest lines are told: each costs everybody who looks on.
    fn take_lines(&mut self, bytes: &[u8]) {
        let before = self.queue.len();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = (4 * LINE_SHOWN).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
        self.leave_out(before);
    }

    fn leave_out(&mut self, before: usize) {
        let n_left_out = (self.queue.len() - before).saturating_sub(LINES_SHOWN);
        if n_left_out > 0 {
            let text = format!("... {n_left_out} lines left out; `orch log` has them all");
            let note = Update::Progress(Progress::Output(text));
            let newest = self.queue.split_off(before + n_left_out);
            self.queue.truncate(before);
            self.queue.push_back(note);
            self.queue.extend(newest);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let shown: String = line.trim_end().chars().take(LINE_SHOWN).collect();
        self.queue.push_back(Update::Progress(Progress::Output(shown)));
    }

    async fn finish(mut self, updates: &mpsc::Sender<Update>, is_told: bool) -> Result<Seen> {
        let rest = self.transcript.end();
        self.understand(&rest);
        if !self.line.is_empty() {
            self.end_line();
        }
        for last in self.queue {
            if !is_told || updates.send(last).await.is_err() {
                break;
            }
        }
        let stdout_tail = self.transcript.finish()?;
        Ok(Seen {
            ending: Ending::Cancelled,
            stream: self.reader.map(StreamReader::finish),
            stdout_tail,
            stderr_tail: String::new(),
        })
    }
}
