//! The development server that a watch keeps while nothing is built.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::host::error::Result;
use crate::host::probe::answers;
use crate::host::session::{Aside, Environment, Runner, Transcript};
use crate::host::work::Workshop;
use crate::host::work::server::{POLL, Server};
use crate::spec::config::DevServer;
use crate::spec::plan::CommandLine;

use super::BuildLoop;

/// Told once the server is gone.
pub type Cleared = oneshot::Receiver<()>;

/// Who keeps it. Orders are followed one after the other, so that none is overtaken.
pub struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
    said: mpsc::UnboundedReceiver<String>,
    life: JoinHandle<()>,
    /// The server that was last asked for.
    wanted: Option<DevServer>,
}

enum Order {
    Keep(DevServer),
    /// Ends the one that was started here, and no other.
    Clear(oneshot::Sender<()>),
}

impl Keeper {
    pub fn of(shop: &Workshop) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let (say, said) = mpsc::unbounded_channel();
        let root = PathBuf::from(&*shop.root);
        let place = Place { root, runner: Arc::clone(&shop.runner), say };
        Self { orders, said, life: tokio::spawn(place.keep(taken)), wanted: None }
    }

    /// Has this server running, or none. One that was asked for is not asked for again: where it could not
    /// start, or ended, it stays away until something was built.
    pub fn keep(&mut self, wanted: Option<&DevServer>) {
        if self.wanted.as_ref() == wanted {
            return;
        }
        match wanted {
            Some(server) => drop(self.orders.send(Order::Keep(server.clone()))),
            None => drop(self.clear()),
        }
        self.wanted = wanted.cloned();
    }

    /// Has none running; what is to find it gone waits for the answer.
    pub fn clear(&mut self) -> Cleared {
        let (done, cleared) = oneshot::channel();
        self.wanted = None;
        // Whoever keeps it is there as long as orders can be given.
        let _ = self.orders.send(Order::Clear(done));
        cleared
    }

    /// What people are to know, since this was last asked.
    pub fn said(&mut self) -> Option<String> {
        self.said.try_recv().ok()
    }

    /// Ends it with the build.
    pub async fn end(self) {
        drop(self.orders);
        let _ = self.life.await;
    }
}

struct Place {
    root: PathBuf,
    runner: Arc<Runner>,
    say: mpsc::UnboundedSender<String>,
}

/// A server that was started here.
struct Up {
    wanted: DevServer,
    server: Server,
    /// Until when it is to answer; `None` once it did, or that was told.
    due: Option<Instant>,
}

impl Place {
    async fn keep(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut up: Option<Up> = None;
        loop {
            let order = match &mut up {
                None => orders.recv().await,
                Some(it) => tokio::select! {
                    biased;
                    order = orders.recv() => order,
                    said = it.server.over() => {
                        self.tell_ended(&it.wanted, &said);
                        up = None;
                        continue;
                    }
                    () = sleep(POLL), if it.due.is_some() => {
                        self.look(it).await;
                        continue;
                    }
                },
            };
            match order {
                Some(Order::Keep(wanted)) => {
                    end(up.take()).await;
                    up = self.start(wanted).await;
                }
                Some(Order::Clear(done)) => {
                    end(up.take()).await;
                    let _ = done.send(());
                }
                None => return end(up.take()).await,
            }
        }
    }

    async fn start(&self, wanted: DevServer) -> Option<Up> {
        let port = wanted.port;
        if answers(port).await {
            self.tell(format!(
                "the dev server was not started: something else answers on port {port}, and is left as it is"
            ));
            return None;
        }
        match self.server_of(&wanted) {
            Ok(server) => {
                let due = Instant::now() + Duration::from_millis(wanted.wait.0);
                Some(Up { wanted, server, due: Some(due) })
            }
            Err(error) => {
                self.tell(format!("the dev server could not be started: {}", error.on_one_line()));
                None
            }
        }
    }

    fn server_of(&self, wanted: &DevServer) -> Result<Server> {
        let private = self.root.join(format!(".orch/run/{}-dev-server", std::process::id()));
        let set = [("PORT", wanted.port.to_string())];
        let caller = |name: &str| std::env::var_os(name);
        let aside = Aside {
            line: CommandLine::Shell(wanted.command.clone()),
            dir: self.root.clone(),
            env: Environment::beside(&wanted.env, &set, &private, caller),
            private,
            marker: format!("{}-dev-server", std::process::id()),
            checkout: self.root.clone(),
        };
        let family = self.runner.spawn_of(&aside)?.start()?;
        family.starting().begin();
        // Of all that it says in days only the end is of use.
        let nowhere = Path::new("/dev/null").to_owned();
        Ok(Server::of(family, Transcript::new(nowhere, aside.env.mask())))
    }

    /// Whether it answers by now.
    async fn look(&self, up: &mut Up) {
        let DevServer { port, wait, .. } = up.wanted;
        if answers(port).await {
            up.due = None;
        } else if up.due.is_some_and(|due| Instant::now() >= due) {
            up.due = None;
            self.tell(format!("the dev server does not answer on port {port} after {wait}"));
        }
    }

    fn tell_ended(&self, wanted: &DevServer, said: &[String]) {
        let last = said.last().map_or(String::new(), |line| format!("; it said: {line}"));
        self.tell(format!(
            "the dev server ended by itself: `{}`{last}; it is started again after the next build",
            wanted.command
        ));
    }

    fn tell(&self, line: String) {
        // Where the build is over, nobody listens.
        let _ = self.say.send(line);
    }
}

async fn end(up: Option<Up>) {
    if let Some(up) = up {
        up.server.end().await;
    }
}

impl BuildLoop<'_> {
    /// Where nothing is left to be done, the server that the settings want kept is started.
    pub(super) fn mind_dev_server(&mut self) {
        let is_at_rest = self.is_settled() && self.crew.n_running() == 0;
        let wanted = self.state.config().dev_server.as_ref().filter(|it| it.is_kept);
        let Some(keeper) = &mut self.dev_server else { return };
        if is_at_rest {
            keeper.keep(wanted);
        }
        while let Some(line) = keeper.said() {
            self.voice.warn(line);
        }
    }
}
