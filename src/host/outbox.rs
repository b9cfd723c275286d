//! Tells people outside of orch what happens in a build: by webhooks, commands and notices of the desktop.
//! Each way of each rule has a thread and a queue of its own: nothing waits for one that hangs.

mod command;
mod post;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::base::measure::{Millis, Moment};
use crate::base::name::{EnvName, PlanName, TaskRef};
use crate::host::mask::Mask;
use crate::spec::plan::CommandLine;
use crate::spec::rule::{Occasion, Rule};

use command::Order;
use post::Post;

/// Of one rule's way, what may wait to go out; what comes beyond that is dropped.
const WAITING: usize = 64;
/// Longest text of a letter, in bytes: it has to fit into a variable of the environment.
const TEXT: usize = 16 * 1024;
/// Where a rule has no time limit.
const PATIENCE: Millis = Millis::seconds(10);
/// What a notice of the desktop needs to find it.
const DESKTOP: [&str; 4] =
    ["DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// Who is to be told of what, as documents have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notifying {
    /// Those that say of what.
    pub rules: Vec<Rule>,
    pub mail: Option<CommandLine>,
    /// Who wants mail of a plan.
    pub addresses: BTreeMap<PlanName, String>,
    /// How long the end waits for what is still on its way.
    pub wait: Millis,
}

impl Notifying {
    /// True where nobody is to be told of anything.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && (self.mail.is_none() || self.addresses.is_empty())
    }
}

/// One thing that is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub occasion: Occasion,
    pub at: Moment,
    pub plan: Option<PlanName>,
    pub task: Option<TaskRef>,
    /// One line.
    pub subject: String,
    pub text: String,
    /// The same as data.
    pub fields: Value,
}

/// What goes out by one way.
enum Parcel {
    Post(Post),
    Run(Order),
}

/// A thread that sends, one after another.
struct Route {
    queue: SyncSender<Parcel>,
    /// How many are in the queue or on their way.
    n_open: Arc<AtomicUsize>,
}

/// What a route could not do.
struct Failed {
    route: String,
    why: String,
}

/// Everything that is on its way.
pub struct Outbox {
    root: PathBuf,
    /// Made with the first letter: reading the environment costs every build, and few tell anything.
    mask: OnceLock<Mask>,
    routes: BTreeMap<String, Route>,
    failed: (Sender<Failed>, Receiver<Failed>),
    /// A route has sent all it had, and gets no more.
    closed: (Sender<()>, Receiver<()>),
    /// Routes of which a failure was told.
    warned: BTreeSet<String>,
}

impl Outbox {
    /// For a build of the checkout at `root`.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            mask: OnceLock::new(),
            routes: BTreeMap::new(),
            failed: mpsc::channel(),
            closed: mpsc::channel(),
            warned: BTreeSet::new(),
        }
    }

    /// Sends it by every way of a rule but the bell. Waits for nothing.
    pub fn send(&mut self, rule: &Rule, letter: &Letter) {
        let Some(notify) = &rule.notify else { return };
        let variables = self.variables_of(letter);
        let body = self.mask().text(&self.body_of(letter));
        let limit = rule.limits.wall.unwrap_or(PATIENCE);
        let name = &rule.name;
        if let Some(url) = &notify.webhook {
            let (url, body) = (url.clone(), body.clone());
            let post = Post { url, body, limit, retry: rule.retry.clone() };
            self.hand_over(format!("the webhook of rule `{name}`"), Parcel::Post(post));
        }
        if let Some(line) = &rule.run {
            let order = Order {
                line: line.clone(),
                env: rule.env.clone(),
                set: variables.clone(),
                stdin: body,
                limit,
            };
            self.hand_over(format!("the command of rule `{name}`"), Parcel::Run(order));
        }
        if notify.desktop {
            let [_, (_, subject), (_, text), ..] = &variables[..] else { return };
            let order = Order {
                line: CommandLine::Argv(desktop_words(subject, text)),
                env: DESKTOP.map(EnvName::new).into(),
                set: Vec::new(),
                stdin: String::new(),
                limit,
            };
            self.hand_over(format!("the desktop's notice of rule `{name}`"), Parcel::Run(order));
        }
    }

    /// Sends it to an address by the command for mail.
    pub fn mail(&mut self, line: &CommandLine, address: &str, letter: &Letter) {
        let mut set = self.variables_of(letter);
        set.push(("ORCH_EMAIL", address.to_owned()));
        let line = match line {
            CommandLine::Argv(words) => {
                CommandLine::Argv(words.iter().cloned().chain([address.to_owned()]).collect())
            }
            shell => shell.clone(),
        };
        let text = self.mask().text(&letter.text);
        let stdin = format!("{text}\n");
        let order = Order { line, env: Vec::new(), set, stdin, limit: PATIENCE };
        self.hand_over("the command `notify.mail`".to_owned(), Parcel::Run(order));
    }

    /// What could not be told since this was last asked, one line each: of each way only the first.
    pub fn failures(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(Failed { route, why }) = self.failed.1.try_recv() {
            if self.warned.insert(route.clone()) {
                lines.push(format!(
                    "{route} failed: {why}; further failures of it are not told in this build"
                ));
            }
        }
        lines
    }

    /// Waits until all is out, and no longer than that; answers with what could not be told. What is
    /// still on its way ends with orch.
    pub fn close(mut self, wait: Millis) -> Vec<String> {
        let until = Instant::now() + Duration::from_millis(wait.0);
        let routes: Vec<(String, Arc<AtomicUsize>)> = std::mem::take(&mut self.routes)
            .into_iter()
            .map(|(name, route)| (name, route.n_open))
            .collect();
        for _ in &routes {
            let left = until.saturating_duration_since(Instant::now());
            if self.closed.1.recv_timeout(left).is_err() {
                break;
            }
        }
        let mut lines = self.failures();
        let open = routes.iter().map(|(name, n_open)| (name, n_open.load(Ordering::SeqCst)));
        lines.extend(open.filter(|(_, n)| *n > 0).map(|(name, n)| {
            format!(
                "{name} was not done within {wait} (`notify.wait`): {n} of its notices are lost"
            )
        }));
        lines
    }

    fn mask(&self) -> &Mask {
        self.mask.get_or_init(Mask::of_process)
    }

    fn hand_over(&mut self, name: String, parcel: Parcel) {
        let (failed, closed, root) = (&self.failed.0, &self.closed.0, &self.root);
        let route = match self.routes.get(&name) {
            Some(route) => route,
            None => match Route::open(name.clone(), root.clone(), failed.clone(), closed.clone()) {
                Ok(route) => self.routes.entry(name.clone()).or_insert(route),
                Err(error) => {
                    let _ = failed.send(Failed { route: name, why: error.to_string() });
                    return;
                }
            },
        };
        route.n_open.fetch_add(1, Ordering::SeqCst);
        if route.queue.try_send(parcel).is_err() {
            route.n_open.fetch_sub(1, Ordering::SeqCst);
            let why = format!("more than {WAITING} notices wait for it, and further ones are lost");
            let _ = failed.send(Failed { route: name, why });
        }
    }

    fn project(&self) -> String {
        self.root.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The subject and the text are the second and the third.
    fn variables_of(&self, letter: &Letter) -> Vec<(&'static str, String)> {
        let mask = self.mask();
        let name = |it: Option<String>| it.unwrap_or_default();
        vec![
            ("ORCH_EVENT", letter.occasion.as_str().to_owned()),
            ("ORCH_SUBJECT", mask.text(&letter.subject)),
            ("ORCH_TEXT", mask.text(beginning_of(&letter.text))),
            ("ORCH_PROJECT", self.project()),
            ("ORCH_ROOT", self.root.to_string_lossy().into_owned()),
            ("ORCH_PLAN", name(letter.plan.as_ref().map(ToString::to_string))),
            ("ORCH_TASK", name(letter.task.as_ref().map(ToString::to_string))),
        ]
    }

    fn body_of(&self, letter: &Letter) -> String {
        let body = json!({
            "event": letter.occasion.as_str(),
            "at_ms": letter.at,
            "project": self.project(),
            "root": self.root.to_string_lossy(),
            "plan": letter.plan,
            "task": letter.task.as_ref().map(ToString::to_string),
            "subject": letter.subject,
            "text": beginning_of(&letter.text),
            "data": letter.fields,
        });
        format!("{body}\n")
    }
}

impl Route {
    fn open(
        name: String,
        root: PathBuf,
        failed: Sender<Failed>,
        closed: Sender<()>,
    ) -> std::io::Result<Self> {
        let (queue, parcels) = mpsc::sync_channel::<Parcel>(WAITING);
        let n_open = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&n_open);
        let work = move || {
            for parcel in parcels {
                let sent = match parcel {
                    Parcel::Post(post) => post.send(),
                    Parcel::Run(order) => order.run(&root),
                };
                if let Err(why) = sent {
                    // Where nobody listens any more, nobody can be told.
                    let _ = failed.send(Failed { route: name.clone(), why });
                }
                left.fetch_sub(1, Ordering::SeqCst);
            }
            let _ = closed.send(());
        };
        std::thread::Builder::new().name("outbox".to_owned()).spawn(work)?;
        Ok(Self { queue, n_open })
    }
}

fn beginning_of(text: &str) -> &str {
    let end = (0..=TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

fn desktop_words(subject: &str, text: &str) -> Vec<String> {
    let mac =
        "on run argv\ndisplay notification (item 2 of argv) with title (item 1 of argv)\nend run";
    let words: &[&str] = match cfg!(target_os = "macos") {
        true => &["osascript", "-e", mac, subject, text],
        false => &["notify-send", "--app-name=orch", "--", subject, text],
    };
    words.iter().map(|it| (*it).to_owned()).collect()
}

#[cfg(test)]
mod tests;
