//! One attempt on its own task: a worktree, the run in it, and what it left.

use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

use crate::base::measure::Usd;
use crate::base::name::{AttemptId, CommitId, RelPath, SessionId};
use crate::engine::effect::{Base, Launch, LaunchAction, Purpose};
use crate::engine::outcome::evidence::{BenchFile, Ending, Evidence};
use crate::engine::outcome::last_words;
use crate::host::error::{Error, Result};
use crate::host::land::kept::Kept;
use crate::host::session::{
    AsideEnded, Attempted, Place, SetupPlace, Stop, Update, new_session_id,
};
use crate::host::worktree::{Collided, Worktree};

use super::collect::{Job, collect};
use super::{Message, Workshop, aside, bench, exhibits, needs, plan};

/// What an attempt starts from, worked out by the loop before it is let go.
pub struct Start {
    pub launch: Launch,
    pub tip: CommitId,
    /// The overlay as far as the user has really changed it.
    pub overlay: Vec<RelPath>,
    /// The worktree of the attempt whose session goes on.
    pub continued: Option<Worktree>,
    /// What a resumed session has cost before.
    pub base_cost: Usd,
}

/// What an attempt works with.
struct Desk {
    shop: Workshop,
    attempt: AttemptId,
    /// Its own folder, outside of the worktree.
    private: PathBuf,
    stop: watch::Receiver<Stop>,
    tell: mpsc::Sender<Message>,
}

/// Runs an attempt to its end and tells the loop; never fails: what goes wrong is evidence.
pub async fn run(
    shop: Workshop,
    start: Start,
    stop: watch::Receiver<Stop>,
    tell: mpsc::Sender<Message>,
) {
    let attempt = start.launch.attempt;
    let private = shop.folders.of(attempt);
    let desk = Desk { shop, attempt, private, stop, tell };
    let ended = desk.live(start).await;
    let scratch = desk.private.clone();
    let message = match ended {
        Ok((evidence, kept)) => Message::Ended {
            attempt,
            evidence: Box::new(evidence),
            kept: kept.map(Box::new),
            scratch,
        },
        Err(error) => {
            let evidence = Box::new(Evidence::of(Ending::LaunchFailed(error.on_one_line())));
            Message::MachineFailed { attempt, evidence, scratch }
        }
    };
    let _ = desk.tell.send(message).await;
}

impl Desk {
    async fn live(&self, mut start: Start) -> Result<(Evidence, Option<Kept>)> {
        let continued = start.continued.take();
        let goes_on = continued.is_some();
        let base_cost = start.base_cost;
        let Opened { mut launch, worktree, bench, collided } = match continued {
            Some(worktree) => Opened::going_on(start.launch, worktree),
            None => self.open(start).await?,
        };
        let mut worktree = match self.set_up(worktree).await? {
            Ok(worktree) if *self.stop.borrow() == Stop::No => worktree,
            // It was stopped before it began.
            Ok(_) => return Ok((Evidence::of(Ending::Cancelled), None)),
            Err(evidence) => return Ok((*evidence, None)),
        };
        let laid = plan::text_for(&self.shop, &launch, worktree.base())?;
        if !goes_on {
            plan::lay(&launch, laid.as_deref(), worktree.root())?;
        }
        exhibits::lay(&self.shop, &launch, worktree.root())?;
        needs::lay(&self.shop, &launch, worktree.root())?;
        aside::lay(&self.shop, collided.as_ref(), &mut launch, worktree.root())?;
        let session = session_of(&launch);
        if launch.purpose == Purpose::Work && matches!(launch.action, LaunchAction::Session(_)) {
            worktree.mark(&session)?;
        }
        let attempted = self.play(&launch, &worktree, Begun { base_cost, session }).await?;
        let (shop, job) = (self.shop.clone(), Job { launch, laid, bench });
        blocking(move || collect(&shop, &job, worktree, attempted)).await
    }

    /// A worktree on the tree that the launch starts from, and what did not go into that.
    async fn open(&self, start: Start) -> Result<Opened> {
        let shop = self.shop.clone();
        blocking(move || {
            let Start { mut launch, tip, overlay, .. } = start;
            let mut bench = Vec::new();
            if let (Some(judging), Base::Candidate(tree)) = (&launch.bench, &launch.base) {
                let (tree, files) = bench::lay(&shop.repo, judging, tree)?;
                (launch.base, bench) = (Base::Candidate(tree), files);
            }
            let mut meant = Vec::new();
            let base = loop {
                meant.push(launch.base.clone());
                match shop.repo.base_tree(&launch.base, &tip, &overlay)? {
                    Some(base) => break base,
                    None => launch = launch.afresh(),
                }
            };
            let mut collided = None;
            for it in &meant {
                collided = collided.or(shop.repo.collided(it, &base)?);
            }
            let worktree = match &launch.purpose {
                Purpose::Validate(_) => shop.pool.acquire_for_validator(&base)?,
                _ => shop.pool.acquire(&base)?,
            };
            Ok(Opened { launch, worktree, bench, collided })
        })
        .await
    }

    /// Runs the project's set-up line in a worktree that has not had it. Where the line fails or is
    /// stopped, what it left is thrown away, and what it said is the attempt's transcript.
    async fn set_up(
        &self,
        mut worktree: Worktree,
    ) -> Result<std::result::Result<Worktree, Box<Evidence>>> {
        let shop = &self.shop;
        let line = shop.config.worktree.setup.as_deref().filter(|_| worktree.is_fresh());
        let Some(line) = line else { return Ok(Ok(worktree)) };
        let started = async |family| self.tell(Update::Started(family)).await;
        let place = SetupPlace {
            worktree: worktree.root(),
            private: &self.private,
            checkout: &shop.root,
            links: &shop.config.worktree.link,
            sandboxing: &shop.config.sandbox,
            git: shop.repo.remotes(),
        };
        let ended = shop.runner.set_up(line, place, started, self.stop.clone()).await?;
        if ended.ending == Ending::Exited(0) {
            worktree.mark_ready()?;
            return Ok(Ok(worktree));
        }
        shop.pool.discard(worktree)?;
        let transcript = Some(shop.store.put_file(&ended.transcript)?);
        Ok(Err(Box::new(Evidence { transcript, ..Evidence::of(ending_of_set_up(line, &ended)) })))
    }

    async fn play(&self, launch: &Launch, worktree: &Worktree, begun: Begun) -> Result<Attempted> {
        let Begun { base_cost, session } = begun;
        let shop = &self.shop;
        let place = Place {
            worktree: worktree.root().to_owned(),
            private: self.private.clone(),
            root: shop.root.to_path_buf(),
            links: shop.config.worktree.link.clone(),
            config: shop.config.session.clone(),
            base_cost,
            session,
        };
        let (updates, mut heard) = mpsc::channel(64);
        let running = shop.runner.run(launch, &place, updates, self.stop.clone());
        let relay = async {
            while let Some(it) = heard.recv().await {
                self.tell(it).await;
            }
        };
        tokio::join!(running, relay).0
    }

    /// Where nobody hears it any more, the build is over, and its stop comes.
    async fn tell(&self, update: Update) {
        let attempt = self.attempt;
        let message = match update {
            Update::Unguarded(why) => Message::Unguarded(why),
            Update::Started(family) => Message::Started { attempt, family },
            Update::Hindered(line) => Message::Hindered { attempt, line },
            Update::Progress(progress) => Message::Progress { attempt, progress },
        };
        let _ = self.tell.send(message).await;
    }
}

/// A worktree to work in.
struct Opened {
    launch: Launch,
    worktree: Worktree,
    /// Changed files that a verdict may rest on.
    bench: Vec<BenchFile>,
    /// What an earlier attempt left and did not merge.
    collided: Option<Collided>,
}

impl Opened {
    fn going_on(launch: Launch, worktree: Worktree) -> Self {
        Self { launch, worktree, bench: Vec::new(), collided: None }
    }
}

/// What the session is that is played.
struct Begun {
    base_cost: Usd,
    session: SessionId,
}

/// The session that goes on, or a new one's name.
fn session_of(launch: &Launch) -> SessionId {
    match &launch.action {
        LaunchAction::Session(session) => session.resume.clone(),
        LaunchAction::Command(_) => None,
    }
    .unwrap_or_else(new_session_id)
}

fn ending_of_set_up(line: &str, ended: &AsideEnded) -> Ending {
    let how = match &ended.ending {
        Ending::Cancelled => return Ending::Cancelled,
        Ending::LaunchFailed(why) => return Ending::LaunchFailed(why.clone()),
        Ending::Exited(code) => format!("exit status: {code}"),
        Ending::Signaled(signal) => format!("signal {signal}"),
        other => format!("{other:?}"),
    };
    // Many tools say on stdout what is wrong.
    let last = last_words(&ended.stderr_tail).or_else(|| last_words(&ended.stdout_tail));
    let last = last.unwrap_or_else(|| "it said nothing".to_owned());
    let is_kept_out = ["Read-only file system", "EROFS"].iter().any(|it| last.contains(it));
    let help = match is_kept_out {
        true => "a guard keeps what is linked as it is: `write: true` of `worktree.link`",
        false => "try it by hand in a fresh clone",
    };
    Ending::SetupFailed(format!("`worktree.setup` failed ({how}): {last}; {help}: {line}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::because("a worker thread broke", error)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, launch};
    use crate::host::session::Runner;
    use crate::host::state::State;
    use crate::host::store::folder::Access;

    /// One whose runner has no program to start anything with.
    pub fn workshop(scratch: &Scratch) -> Workshop {
        let state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
        Workshop::open(&state, Runner::with_shim(scratch.root().join("no-such-program"))).unwrap()
    }

    /// The last message of an attempt that is stopped before it begins, or is not.
    fn end_of(shop: &Workshop, start: Start, stop: Stop) -> Message {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (tell, mut heard) = mpsc::channel(8);
            let (_stop, stopped) = watch::channel(stop);
            tokio::spawn(run(shop.clone(), start, stopped, tell));
            let mut last = None;
            while let Some(message) = heard.recv().await {
                last = Some(message);
            }
            last.unwrap()
        })
    }

    fn start(scratch: &Scratch) -> Start {
        Start {
            launch: launch("1", "true"),
            tip: scratch.tip(),
            overlay: Vec::new(),
            continued: None,
            base_cost: Usd::ZERO,
        }
    }

    #[test]
    fn one_that_is_stopped_before_it_begins_leaves_nothing() {
        let scratch = Scratch::new(&[("a.txt", "a\n")]);
        let message = end_of(&workshop(&scratch), start(&scratch), Stop::Politely);
        let Message::Ended { evidence, kept, .. } = message else { panic!("it ran") };
        assert_eq!(evidence.ending, Ending::Cancelled);
        assert!(kept.is_none() && evidence.transcript.is_none());
    }

    #[test]
    fn where_the_machine_fails_around_it_that_is_told() {
        let scratch = Scratch::new(&[("a.txt", "a\n")]);
        let shop = workshop(&scratch);
        let gone = CommitId::new("0123456789012345678901234567890123456789");
        let message = end_of(&shop, Start { tip: gone, ..start(&scratch) }, Stop::No);
        assert!(matches!(message, Message::MachineFailed { .. }));
    }
}
