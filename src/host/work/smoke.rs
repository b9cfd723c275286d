//! Smoke tests: a command in the user's checkout, with a development server around it where the
//! settings name one. Whatever was started is gone when it is over.

use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::base::digest::Digest;
use crate::base::measure::Millis;
use crate::base::name::{AttemptId, EnvName};
use crate::engine::effect::SmokeLaunch;
use crate::engine::event::SmokeReport;
use crate::engine::outcome::evidence::Ending;
use crate::engine::record::SmokeOutcome;
use crate::host::error::Result;
use crate::host::probe::answers;
use crate::host::process::Starting;
use crate::host::session::{Aside, AsideEnded, Environment, Stop, TRANSCRIPT, Transcript, Update};
use crate::spec::config::DevServer;
use crate::spec::plan::CommandLine;

use super::server::{POLL, Server, last_lines};
use super::{Message, Workshop};

/// The folders of what is run, each in that of the test.
const COMMAND: &str = "smoke";
const SERVER: &str = "server";

/// One smoke test under way.
pub struct Test {
    pub shop: Workshop,
    pub launch: SmokeLaunch,
    pub key: Digest,
    pub tell: mpsc::Sender<Message>,
}

/// What is known at the end.
type Verdict = (SmokeOutcome, String, Vec<String>);

impl Test {
    /// Runs it to its end and tells the loop; never fails: what goes wrong is its verdict.
    pub async fn run(self, stop: watch::Receiver<Stop>) {
        let (attempt, tell, begun) = (self.launch.attempt, self.tell.clone(), Instant::now());
        let private = self.private();
        let key = self.key;
        let (outcome, message, tail) = match self.live(stop).await {
            Ok(verdict) => verdict,
            Err(error) => (SmokeOutcome::Failed, error.on_one_line(), Vec::new()),
        };
        let transcript = self.transcript(&private).unwrap_or_else(|error| {
            tracing::warn!("what a smoke test said was not kept: {error}");
            None
        });
        let _ = std::fs::remove_dir_all(&private);
        let duration = Millis(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        let report = Box::new(SmokeReport { key, outcome, message, tail, transcript, duration });
        let _ = tell.send(Message::SmokeEnded { attempt, report }).await;
    }

    /// Stores all that the command said, or the server where it did not come so far as to the command.
    fn transcript(&self, private: &Path) -> Result<Option<Digest>> {
        let folders = [COMMAND, SERVER].map(|name| private.join(name));
        let Some(folder) = folders.into_iter().find(|it| it.is_dir()) else { return Ok(None) };
        let place = folder.join(TRANSCRIPT);
        let store = &self.shop.store;
        Ok(Some(if place.exists() { store.put_file(&place)? } else { store.put(&[])? }))
    }

    fn private(&self) -> std::path::PathBuf {
        let name = format!(".orch/run/{}-{}", std::process::id(), self.launch.attempt.0);
        self.shop.root.join(name)
    }

    async fn live(&self, stop: watch::Receiver<Stop>) -> Result<Verdict> {
        let port = self.shop.config.dev_server_port;
        let mut server = None;
        if !answers(port).await {
            match &self.shop.config.dev_server {
                Some(wanted) => match self.start(wanted, stop.clone()).await? {
                    Ok(started) => server = Some(started),
                    Err(verdict) => return Ok(verdict),
                },
                None if self.launch.needs_server => {
                    let why = format!("not run: nothing answers on port {port}");
                    return Ok((SmokeOutcome::Skipped, why, Vec::new()));
                }
                None => {}
            }
        }
        let attempt = self.launch.attempt;
        let _ = self.tell.send(Message::SmokeStarted { attempt }).await;
        let ended = self.command(stop).await;
        if let Some(server) = server {
            server.end().await;
        }
        Ok(verdict_of(&ended?, self.launch.timeout))
    }

    async fn command(&self, stop: watch::Receiver<Stop>) -> Result<AsideEnded> {
        let port = self.shop.config.dev_server_port;
        let set = [
            ("PLAYWRIGHT_BASE_URL", format!("http://localhost:{port}")),
            ("SMOKE_SKIP_WEBSERVER", "true".to_owned()),
        ];
        let aside = self.aside(self.launch.run.clone(), COMMAND, (&self.launch.env, &set));
        let (updates, mut heard) = mpsc::channel(64);
        let limit = Duration::from_millis(self.launch.timeout.0);
        let running = self.shop.runner.run_aside(&aside, limit, updates, stop);
        let relay = async {
            while let Some(it) = heard.recv().await {
                if let Update::Started(family) = it {
                    self.tell_started(family).await;
                }
            }
        };
        tokio::join!(running, relay).0
    }

    /// Lets it begin, once it is on record for a later orch, that it can end what this one left if it is killed.
    async fn tell_started(&self, family: Starting) {
        let attempt: AttemptId = self.launch.attempt;
        let _ = self.tell.send(Message::Started { attempt, family }).await;
    }

    fn aside(
        &self,
        line: CommandLine,
        name: &str,
        (env, set): (&[EnvName], &[(&str, String)]),
    ) -> Aside {
        let private = self.private().join(name);
        let caller = |name: &str| std::env::var_os(name);
        Aside {
            env: Environment::beside(env, set, &private, caller),
            line,
            dir: self.shop.root.to_path_buf(),
            private,
            marker: format!("{}-{}", std::process::id(), self.launch.attempt.0),
            checkout: self.shop.root.to_path_buf(),
        }
    }

    /// Starts the server and waits until it answers. The inner `Err` is how the smoke test ends where
    /// it does not.
    async fn start(
        &self,
        wanted: &DevServer,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<std::result::Result<Server, Verdict>> {
        let set = [("PORT", wanted.port.to_string())];
        let line = CommandLine::Shell(wanted.command.clone());
        let env = [&self.launch.env[..], &wanted.env].concat();
        let aside = self.aside(line, SERVER, (&env, &set));
        let family = self.shop.runner.spawn_of(&aside)?.start()?;
        self.tell_started(family.starting()).await;
        let server =
            Server::of(family, Transcript::new(aside.private.join(TRANSCRIPT), aside.env.mask()));
        let until = Instant::now() + Duration::from_millis(wanted.wait.0);
        let failed = |why: String| (SmokeOutcome::Failed, why);
        loop {
            if answers(wanted.port).await {
                return Ok(Ok(server));
            }
            let verdict = if server.is_over() {
                failed(format!("the dev server ended before it answered: {}", wanted.command))
            } else if Instant::now() >= until {
                let (port, wait) = (wanted.port, wanted.wait);
                failed(format!("the dev server did not answer on port {port} within {wait}"))
            } else if *stop.borrow_and_update() != Stop::No {
                (SmokeOutcome::Stopped, "stopped".to_owned())
            } else {
                sleep(POLL).await;
                continue;
            };
            let said = server.end().await;
            return Ok(Err((verdict.0, verdict.1, said)));
        }
    }
}

fn verdict_of(ended: &AsideEnded, limit: Millis) -> Verdict {
    let tail = || last_lines(&ended.stdout_tail, &ended.stderr_tail);
    let failed = |why: String| (SmokeOutcome::Failed, why, tail());
    match &ended.ending {
        Ending::Exited(0) => (SmokeOutcome::Passed, format!("in {}", ended.duration), Vec::new()),
        Ending::Exited(code) => failed(format!("exit code {code}")),
        Ending::Signaled(signal) => failed(format!("ended by signal {signal}")),
        Ending::TimedOut => failed(format!("not over within {limit}")),
        Ending::LaunchFailed(why) | Ending::NoCli(why) => {
            failed(format!("it could not be started: {why}"))
        }
        Ending::Cancelled => (SmokeOutcome::Stopped, "stopped".to_owned(), Vec::new()),
        other => failed(format!("{other:?}")),
    }
}
