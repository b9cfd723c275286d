//! The one loop: messages in, engine steps, effects out.

pub(in crate::host) mod caution;
pub(in crate::host) mod conclude;
pub(in crate::host) mod halt;
pub(in crate::host) mod heed;
pub(in crate::host) mod perform;
pub(in crate::host) mod usage;
pub(in crate::host) mod warn;
pub(in crate::host) mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch as channel};

use crate::base::measure::Moment;
use crate::base::name::{AttemptId, TaskRef};
use crate::engine::effect::{BuildRequest, Effect, Launch, Request};
use crate::engine::event::Event;
use crate::engine::plan_change::ChangeTold;
use crate::engine::record::Record;
use crate::host::clock;
use crate::host::error::{Doing, Error, Result};
use crate::host::git::surroundings::Surroundings;
use crate::host::machine;
use crate::host::platform;
use crate::host::process::{ProcessInfo, reap};
use crate::host::session::{Runner, Stop};
use crate::host::stop::Ears;
use crate::host::store::aside;
use crate::host::surface::{Summary, Surface};
use crate::host::work::Message;
use crate::host::worktree::Pool;

use crate::host::build_loop::halt::StopReason;
use crate::host::build_loop::watch::Watch;
use crate::host::driver::Driver;
use crate::host::driver::Shared;
use crate::host::rest;
use crate::host::work::attempt::{self, Start};
use crate::host::work::folders::Folders;

/// How often the display is refreshed and stops are looked for.
const TICK: Duration = Duration::from_millis(100);

/// Gathered status lines are written at least this often.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// How often the engine is told what the machine has, while something waits to start.
const MACHINE_EVERY: Duration = Duration::from_secs(5);

/// A build while it runs.
pub(in crate::host) struct Run<'a> {
    pub surface: &'a mut dyn Surface,
    pub shared: Shared,
    pub tell: mpsc::Sender<Message>,
    pub stops: BTreeMap<AttemptId, channel::Sender<Stop>>,
    pub tasks: BTreeMap<AttemptId, TaskRef>,
    pub effects: VecDeque<Effect>,
    wake_at: Option<Moment>,
    /// Set in a build that stays.
    pub watch: Option<Watch>,
    pub plan_changes: Vec<ChangeTold>,
    pub stopped: Option<StopReason>,
    pub ears: Ears,
    /// Words of people that lay there when the run began.
    pub waiting: Vec<PathBuf>,
    /// An attempt ended for a reason outside of documents and work.
    pub has_machine_failed: bool,
    began: Instant,
    last_status: Instant,
    machine_told: Instant,
    has_news: bool,
    /// Branches, configuration and the like, as they were last seen.
    pub surroundings: Surroundings,
}

impl Run<'_> {
    fn note(&mut self, event: &Event, driver: &Driver) {
        if let Some(watch) = &mut self.watch {
            watch.note(event, driver);
        }
    }
}

impl Driver {
    /// Builds what is asked for and returns when everything is decided. Documents must be without
    /// errors.
    pub fn build(&mut self, request: BuildRequest, surface: &mut dyn Surface) -> Result<Summary> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .doing("starting the runtime", &self.root)?;
        let summary = runtime.block_on(self.run(request, surface));
        runtime.shutdown_timeout(Duration::from_secs(5));
        summary
    }

    async fn run(&mut self, request: BuildRequest, surface: &mut dyn Surface) -> Result<Summary> {
        let request = self.narrowed(request);
        self.arm()?;
        self.has_built = true;
        platform::adopt_orphans().doing("watching over processes", &self.root)?;
        self.reap_leftovers(surface)?;
        self.catch_up()?;
        let begin = self.journal_end();
        let (tell, mut heard) = mpsc::channel(256);
        let (saw, mut seen) = mpsc::channel(16);
        let watch = if request.watch { Some(self.watch(saw)?) } else { None };
        let mut run = Run {
            surface,
            shared: self.shared()?,
            tell,
            stops: BTreeMap::new(),
            tasks: BTreeMap::new(),
            effects: VecDeque::new(),
            wake_at: None,
            watch,
            plan_changes: Vec::new(),
            stopped: None,
            ears: Ears::of_run(&self.root, &self.config().plans_dirs),
            waiting: self.words_that_wait()?,
            has_machine_failed: false,
            began: Instant::now(),
            last_status: Instant::now(),
            machine_told: Instant::now(),
            has_news: true,
            surroundings: self.repo.surroundings(&self.branch()?, &Surroundings::default())?,
        };
        let mut interrupts = signal(SignalKind::interrupt()).doing("listening for Ctrl-C", ".")?;
        let mut terms = signal(SignalKind::terminate()).doing("listening for SIGTERM", ".")?;
        let mut hangups = halt::hangups()?;
        self.append(&started())?;
        self.warn_at_the_start(&request.targets, run.surface);
        if run.watch.is_some() {
            self.reread_documents(&mut run)?;
        }
        self.step(&mut run, Event::MachineTold(machine::present()))?;
        let may_rest = rest::is_of_everything(&request);
        let begun = Event::Asked(Request::Build(request));
        run.effects.extend(self.engine.step(clock::now(), begun));
        // Before anything is performed: nothing may start under a stop that waits.
        self.heed_waiting_stop(&mut run)?;
        self.perform_all(&mut run)?;
        let mut tick = tokio::time::interval(TICK);
        loop {
            self.rest(&mut run)?;
            if self.has_ended(&mut run)? {
                break;
            }
            tokio::select! {
                Some(message) = heard.recv() => self.hear(&mut run, message)?,
                Some(changed) = seen.recv() => self.see(&mut run, &changed)?,
                _ = interrupts.recv() => self.interrupt(&mut run)?,
                _ = terms.recv() => self.terminate(&mut run)?,
                () = halt::hung_up(&mut hangups) => self.terminate(&mut run)?,
                () = machine::until(run.wake_at) => self.wake(&mut run)?,
                _ = tick.tick() => self.tick(&mut run)?,
            }
        }
        self.heed_no_more(&mut run)?;
        let summary = self.conclude(&mut run)?;
        self.report_usage(run.surface, begin);
        if may_rest && run.stopped.is_none() && !self.has_smoke_tests() {
            self.note_rest()?;
        }
        self.forget_rest_of_part()?;
        Ok(summary)
    }

    /// True where nothing is left to be done. What a person said until then still counts.
    fn has_ended(&mut self, run: &mut Run<'_>) -> Result<bool> {
        if self.engine.is_finished() && run.stopped.is_none() {
            self.heed(run)?;
        }
        Ok(self.engine.is_finished() && (run.watch.is_none() || run.stopped.is_some()))
    }

    /// Steps the engine and performs what it wants, until it wants nothing more at once.
    pub(in crate::host) fn step(&mut self, run: &mut Run<'_>, event: Event) -> Result<()> {
        run.note(&event, self);
        run.effects.extend(self.engine.step(clock::now(), event));
        self.perform_all(run)
    }

    fn perform_all(&mut self, run: &mut Run<'_>) -> Result<()> {
        while let Some(effect) = run.effects.pop_front() {
            for event in self.perform(run, effect)? {
                run.note(&event, self);
                run.effects.extend(self.engine.step(clock::now(), event));
            }
        }
        run.has_news = true;
        Ok(())
    }

    fn perform(&mut self, run: &mut Run<'_>, effect: Effect) -> Result<Vec<Event>> {
        if let Some(event) = self.answer(&effect)? {
            return Ok(vec![event]);
        }
        match effect {
            Effect::Run(launch) => self.start(run, *launch)?,
            Effect::Merge { attempt } => return Ok(vec![self.merge(attempt)?]),
            Effect::Replay { attempt, result } => return Ok(vec![self.replay(attempt, &result)?]),
            Effect::Land(request) => return self.land(&request),
            Effect::Smoke(launch) => return self.smoke(run, *launch),
            Effect::Keep { attempt, task } => {
                let notice = self.keep_orphan(attempt, &task)?;
                run.surface.say(&notice, clock::now());
            }
            Effect::Shelve { .. } | Effect::Recall { .. } | Effect::Forget { .. } => {
                return Ok(self.perform_on_proposal(effect)?.into_iter().collect());
            }
            Effect::Park { attempt, session } => {
                if let Some(worktree) = self.worktree_of(attempt) {
                    run.shared.pool.park(&worktree, &session)?;
                }
            }
            Effect::Drop { attempt } => {
                self.kept.remove(&attempt);
            }
            Effect::Stop { attempt } => {
                if let Some(stop) = run.stops.get(&attempt) {
                    let _ = stop.send(Stop::Politely);
                }
            }
            Effect::Append(record) => self.append(&record)?,
            Effect::Remember(result) => self.remember_attempt(&result)?,
            Effect::Disown { key, output } => self.store.disown(&key, output)?,
            Effect::Refuse { key, output } => self.store.refuse(&key, output)?,
            Effect::WriteStatus(edit) => self.queue_status(edit),
            Effect::Publish(notice) => run.say(&notice),
            Effect::WakeAt(moment) => {
                run.wake_at = Some(run.wake_at.map_or(moment, |it| it.min(moment)));
            }
            // Everything is settled: the loop asks the engine itself.
            Effect::Finish
            | Effect::Scan { .. }
            | Effect::Recheck { .. }
            | Effect::Look { .. }
            | Effect::FindFiles { .. }
            | Effect::FindCandidates { .. } => {}
        }
        Ok(Vec::new())
    }

    fn start(&mut self, run: &mut Run<'_>, launch: Launch) -> Result<()> {
        self.caution_of(&launch.task, run.surface);
        let (launch, continued) = self.with_worktree(run, launch)?;
        let overlay = self.overlay_of(&launch)?;
        let base_cost = self.base_cost_of(&launch);
        if run.watch.is_some() && run.tasks.is_empty() {
            // What a person did while nothing ran is not for this task to answer for.
            run.surroundings = self.repo.surroundings(&self.branch()?, &run.surroundings)?;
        }
        let (stop, stopped) = channel::channel(Stop::No);
        run.stops.insert(launch.attempt, stop);
        run.tasks.insert(launch.attempt, launch.task.clone());
        let tip = self.tip.clone();
        let start = Start { launch, tip, overlay, continued, base_cost };
        tokio::spawn(attempt::run(run.shared.clone(), start, stopped, run.tell.clone()));
        Ok(())
    }

    fn hear(&mut self, run: &mut Run<'_>, message: Message) -> Result<()> {
        match message {
            Message::Started { attempt, info } => {
                let ProcessInfo { pid, start_ticks } = info;
                self.append(&Record::ProcessStarted { attempt, pid, start_ticks })
            }
            Message::Progress { attempt, progress } => {
                if let Some(task) = run.tasks.get(&attempt) {
                    run.surface.stream(task, &progress);
                }
                self.step(run, Event::AttemptProgressed { attempt, progress })
            }
            Message::Ended { attempt, evidence, kept } => {
                run.stops.remove(&attempt);
                self.warn_of_strays(run)?;
                self.warn_of_touched_journal(run)?;
                run.tasks.remove(&attempt);
                if let Some(kept) = kept {
                    let told = warn::left_out(&kept.task, &kept.left_out);
                    told.iter().for_each(|told| run.surface.say(told, clock::now()));
                    self.kept.insert(attempt, *kept);
                }
                self.step(run, Event::AttemptEnded { attempt, evidence })
            }
            Message::SmokeStarted { attempt } => self.step(run, Event::SmokeStarted { attempt }),
            Message::SmokeEnded { attempt, report } => {
                run.stops.remove(&attempt);
                self.step(run, Event::SmokeEnded { attempt, report })
            }
            Message::MachineFailed { attempt, evidence } => {
                run.has_machine_failed = true;
                self.hear(run, Message::Ended { attempt, evidence, kept: None })
            }
        }
    }

    fn wake(&mut self, run: &mut Run<'_>) -> Result<()> {
        run.wake_at = None;
        self.step(run, Event::Woken)
    }

    fn tick(&mut self, run: &mut Run<'_>) -> Result<()> {
        if run.machine_told.elapsed() >= MACHINE_EVERY && self.engine.has_queue() {
            run.machine_told = Instant::now();
            self.step(run, Event::MachineTold(machine::present()))?;
        }
        self.heed(run)?;
        self.warn_of_touched_journal(run)?;
        self.listen(run)?;
        if run.last_status.elapsed() >= STATUS_EVERY {
            run.last_status = Instant::now();
            for event in self.write_statuses() {
                self.step(run, event)?;
            }
        }
        // A countdown goes on while nothing happens.
        if run.has_news || !run.stops.is_empty() || run.wake_at.is_some() {
            run.has_news = false;
            run.surface.show(&self.present_picture(run.surface.extent()), clock::now());
        }
        Ok(())
    }

    fn shared(&self) -> Result<Shared> {
        let config = Arc::new(self.config().clone());
        let pool = Pool::open(&self.repo, &config.worktree)?;
        pool.sweep()?;
        pool.unpark_all_but(&self.parked_sessions())?;
        Ok(Shared {
            root: Arc::from(self.root.as_path()),
            repo: self.repo.clone(),
            pool: Arc::new(pool),
            runner: Arc::new(Runner::new()?),
            folders: Arc::new(Folders::below(&self.root)),
            config,
            store: self.store.clone(),
        })
    }

    /// Ends what a dead run of orch left running, as far as the journal proves it is ours.
    fn reap_leftovers(&mut self, surface: &mut dyn Surface) -> Result<()> {
        for process in std::mem::take(&mut self.leftovers).into_processes() {
            reap(process);
        }
        self.book_leftovers(surface)?;
        aside::sweep(&self.root)?;
        let scratch = self.root.join(".orch/run");
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::because("clearing scratch folders", error).at(&scratch))
            }
            _ => Ok(()),
        }
    }

    pub(in crate::host) fn elapsed(run: &Run<'_>) -> u64 {
        u64::try_from(run.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

pub(in crate::host) fn started() -> Record {
    Record::RunStarted {
        at: clock::now(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        args: std::env::args().collect(),
    }
}
