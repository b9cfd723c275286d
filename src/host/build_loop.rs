//! The one loop: what it hears, engine steps, effects out.

pub mod caution;
mod conclude;
mod crew;
mod dev_server;
pub mod halt;
mod heed;
mod pace;
mod perform;
mod signals;
mod smoke;
mod usage;
mod voice;
mod warn;
mod watch;

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::engine::effect::{BuildRequest, Effect, Notice, Request, Warning};
use crate::engine::event::Event;
use crate::engine::record::Record;
use crate::host::error::{Doing, Result};
use crate::host::land::Landings;
use crate::host::machine;
use crate::host::platform;
use crate::host::process::ProcessInfo;
use crate::host::rest;
use crate::host::session::Runner;
use crate::host::state::State;
use crate::host::state::log::run_started;
use crate::host::surface::{Summary, Surface};
use crate::host::trust::Trusted;
use crate::host::watcher::Changed;
use crate::host::work::archive::{Archive, Reply};
use crate::host::work::{Message, Workshop};

use crew::Crew;
use dev_server::Keeper;
use halt::{Halt, Heeded};
use heed::Words;
use pace::Pace;
use signals::{Signal, Signals};
use voice::Voice;
use watch::Watch;

/// A build while it runs.
pub struct BuildLoop<'a> {
    state: &'a mut State,
    landings: &'a mut Landings,
    voice: Voice<'a>,
    crew: Crew,
    archive: Archive,
    halt: Halt,
    pace: Pace,
    /// Set in a build that stays.
    watch: Option<Watch>,
    /// In a build that stays.
    dev_server: Option<Keeper>,
    words: Words,
    /// What the engine wants, not done yet.
    effects: VecDeque<Effect>,
    /// An attempt ended for a reason outside of documents and work.
    has_machine_failed: bool,
}

/// What a loop works on.
pub struct Parts<'a> {
    pub state: &'a mut State,
    pub landings: &'a mut Landings,
}

/// What a loop is told by others.
struct Sources {
    heard: mpsc::Receiver<Message>,
    /// What the watcher saw.
    seen: mpsc::Receiver<Changed>,
    signals: Signals,
}

/// Builds what is asked for and returns when everything is decided.
pub async fn run(
    parts: Parts<'_>,
    request: BuildRequest,
    runner: Runner,
    surface: &mut dyn Surface,
) -> Result<Summary> {
    let Parts { state, landings } = parts;
    let request = state.narrowed(request);
    platform::adopt_orphans().doing("watching over processes", state.root())?;
    let mut voice = Voice::of(surface, request.targets.clone());
    voice.take_notifying(state);
    state.reap_leftovers()?.iter().for_each(|notice| voice.say(notice));
    let trusted = Trusted::here().note_build(state.root(), &state.config().session);
    trusted.map(Warning::Said).map(Notice::Warning).iter().for_each(|notice| voice.say(notice));
    landings.following.follow(&mut state.checkout)?;
    let begin = state.log.end();
    let may_rest = rest::is_of_everything(&request);
    let (mut build, mut sources) =
        BuildLoop::open(Parts { state, landings }, &request, runner, voice)?;
    build.begin(request)?;
    build.go_on(&mut sources).await?;
    if let Some(keeper) = build.dev_server.take() {
        keeper.end().await;
    }
    build.heed_no_more()?;
    let summary = build.conclude()?;
    build.report_usage(begin);
    if may_rest && build.halt.reason().is_none() && !build.has_smoke_tests() {
        rest::note(build.state)?;
    }
    rest::forget_part(build.state)?;
    Ok(summary)
}

impl<'a> BuildLoop<'a> {
    fn open(
        parts: Parts<'a>,
        request: &BuildRequest,
        runner: Runner,
        voice: Voice<'a>,
    ) -> Result<(Self, Sources)> {
        let Parts { state, landings } = parts;
        let (tell, heard) = mpsc::channel(256);
        let (saw, seen) = mpsc::channel(16);
        let watch = if request.watch { Some(Watch::start(state, saw)?) } else { None };
        let shop = Workshop::open(state, runner)?;
        let dev_server = watch.is_some().then(|| Keeper::of(&shop));
        let (repo, store) = (state.checkout.repo.clone(), state.store.clone());
        let archive = Archive::open(repo, store, tell.clone());
        let build = Self {
            voice,
            crew: Crew::of(shop, tell, &state.checkout)?,
            archive,
            halt: Halt::of_run(state.root(), state.config()),
            pace: Pace::default(),
            watch,
            dev_server,
            words: Words::that_wait(state)?,
            effects: VecDeque::new(),
            has_machine_failed: false,
            state,
            landings,
        };
        Ok((build, Sources { heard, seen, signals: Signals::listen()? }))
    }

    /// Asks the engine for the build, and performs what it wants first.
    fn begin(&mut self, request: BuildRequest) -> Result<()> {
        self.state.log.append(&run_started())?;
        self.warn_at_the_start();
        if self.watch.is_some() {
            self.reread_documents()?;
        }
        self.step(Event::MachineSeen(machine::present()))?;
        let begun = Event::Asked(Request::Build(request));
        self.effects.extend(self.state.step(begun));
        // Before anything is performed: nothing may start under a stop that waits.
        let stop = self.halt.heed_waiting();
        self.heed_stop(stop)?;
        self.perform_all()
    }

    async fn go_on(&mut self, sources: &mut Sources) -> Result<()> {
        let mut tick = tokio::time::interval(pace::TICK);
        loop {
            self.rest()?;
            self.mind_dev_server();
            if self.has_ended()? {
                return Ok(());
            }
            tokio::select! {
                Some(message) = sources.heard.recv() => self.hear(message)?,
                Some(changed) = sources.seen.recv() => self.see(&changed)?,
                signal = sources.signals.next() => {
                    let heeded = match signal {
                        Signal::Interrupt => self.halt.interrupt(self.crew.n_running()),
                        Signal::Terminate => self.halt.terminate(self.crew.n_running()),
                    };
                    self.heed_stop(Some(heeded))?;
                }
                () = machine::until(self.pace.wake_at()) => {
                    self.pace.woken();
                    self.step(Event::Woken)?;
                }
                _ = tick.tick() => self.tick()?,
            }
        }
    }

    /// True where nothing is left to be done. What a person said until then still counts.
    fn has_ended(&mut self) -> Result<bool> {
        let is_stopped = self.halt.reason().is_some() || self.state.engine.is_broken();
        if self.is_settled() && !is_stopped {
            self.heed()?;
        }
        Ok(self.is_settled() && (self.watch.is_none() || is_stopped))
    }

    /// True where the engine wants nothing more, and all that it wanted kept is kept.
    fn is_settled(&self) -> bool {
        self.state.engine.is_finished() && self.archive.is_idle()
    }

    /// Steps the engine and performs what it wants, until it wants nothing more at once.
    fn step(&mut self, event: Event) -> Result<()> {
        self.tell_engine(event);
        self.perform_all()
    }

    fn steps(&mut self, events: Vec<Event>) -> Result<()> {
        events.into_iter().try_for_each(|event| self.step(event))
    }

    fn tell_engine(&mut self, event: Event) {
        if let Some(watch) = &mut self.watch {
            watch.note(&event, &self.state.engine);
        }
        self.effects.extend(self.state.step(event));
    }

    fn perform_all(&mut self) -> Result<()> {
        while let Some(effect) = self.effects.pop_front() {
            for event in self.perform(effect)? {
                self.tell_engine(event);
            }
        }
        self.pace.note_news();
        Ok(())
    }

    fn hear(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Started { attempt, family } => {
                let ProcessInfo { pid, start_ticks } = family.info;
                self.state.log.append(&Record::ProcessStarted { attempt, pid, start_ticks })?;
                family.begin();
                Ok(())
            }
            Message::Unguarded(why) => {
                self.warn_of_no_guard(&why);
                Ok(())
            }
            Message::Hindered { attempt, line } => {
                self.warn_of_hindrance(attempt, &line);
                Ok(())
            }
            Message::Progress { attempt, progress } => {
                if let Some(task) = self.crew.task_of(attempt) {
                    self.voice.stream(task, &progress);
                }
                self.step(Event::AttemptProgressed { attempt, progress })
            }
            Message::Ended { attempt, evidence, kept, scratch } => {
                self.warn_of_strays()?;
                self.warn_of_edits(attempt)?;
                self.warn_of_touched_journal()?;
                self.crew.ended(attempt);
                if let Some(kept) = kept {
                    let notice = warn::left_out(&kept.task, &kept.left_out);
                    notice.iter().for_each(|notice| self.voice.say(notice));
                    self.landings.keep(attempt, *kept);
                }
                self.step(Event::AttemptEnded { attempt, evidence })?;
                self.crew.shop.folders.give_back(scratch);
                Ok(())
            }
            Message::SmokeStarted { attempt } => self.step(Event::SmokeStarted { attempt }),
            Message::SmokeEnded { attempt, report } => {
                self.crew.ended(attempt);
                self.step(Event::SmokeEnded { attempt, report })
            }
            Message::Archived(reply) => self.take_reply(reply?),
            Message::MachineFailed { attempt, evidence, scratch } => {
                self.has_machine_failed = true;
                self.hear(Message::Ended { attempt, evidence, kept: None, scratch })
            }
        }
    }

    /// The store's thread answers the oldest order that it has not answered yet.
    fn take_reply(&mut self, reply: Reply) -> Result<()> {
        self.archive.answered();
        let event = match reply {
            Reply::Done => return Ok(()),
            Reply::Found(answer) => self.state.checkout.candidates(*answer)?,
            Reply::Fetched { attempt, cached } => {
                self.landings.replay(attempt, *cached, self.state)?
            }
        };
        self.step(event)
    }

    /// Does what a stop asks for.
    fn heed_stop(&mut self, heeded: Option<Heeded>) -> Result<()> {
        let Some(Heeded { notice, order }) = heeded else { return Ok(()) };
        notice.iter().for_each(|notice| self.voice.say(notice));
        if order == halt::Order::EndAtOnce {
            self.crew.end_at_once();
        }
        self.step(Event::StopSeen)?;
        if order != halt::Order::StartNothing {
            self.step(Event::Interrupted)?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        if self.pace.is_machine_due() && self.state.engine.has_queue() {
            self.pace.machine_seen();
            self.step(Event::MachineSeen(machine::present()))?;
        }
        self.heed()?;
        self.warn_of_touched_journal()?;
        let heeded = self.halt.listen(self.crew.n_running());
        self.heed_stop(heeded)?;
        if self.pace.take_status_due() {
            let written = self.landings.statuses.write(self.state);
            self.steps(written)?;
        }
        // A countdown goes on while nothing happens.
        if self.pace.take_news() || self.crew.n_running() > 0 || self.pace.wake_at().is_some() {
            self.show();
        }
        Ok(())
    }

    /// Amounts in a notice are read as the picture before it says.
    fn publish(&mut self, notice: &Notice) {
        if self.voice.billing() != self.state.engine.billing() {
            self.show();
        }
        self.voice.say(notice);
    }

    fn show(&mut self) {
        let picture = self.landings.picture(self.state, self.voice.extent());
        self.voice.show(&picture);
    }
}

#[cfg(test)]
mod tests;
