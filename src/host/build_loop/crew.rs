//! What runs on threads of its own, and how it is told to end.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{mpsc, watch};

use crate::base::digest::Digest;
use crate::base::name::{AttemptId, RelPath, TaskRef};
use crate::engine::effect::SmokeLaunch;
use crate::host::error::Result;
use crate::host::git::edited::Edited;
use crate::host::git::surroundings::Surroundings;
use crate::host::session::Stop;
use crate::host::state::checkout::Checkout;
use crate::host::work::attempt::{self, Start};
use crate::host::work::smoke::Test;
use crate::host::work::{Message, Workshop};

use super::dev_server::Cleared;

/// Attempts and smoke tests under way.
pub struct Crew {
    pub shop: Workshop,
    tell: mpsc::Sender<Message>,
    under_way: BTreeMap<AttemptId, UnderWay>,
    /// Branches, configuration and the like, as they were last seen.
    surroundings: Surroundings,
    /// Files of the checkout, as they were when the first of the sessions under way began, or when one
    /// ended.
    edited: Edited,
}

struct UnderWay {
    stop: watch::Sender<Stop>,
    /// `None` for a smoke test.
    task: Option<TaskRef>,
    is_session: bool,
}

impl UnderWay {
    fn new(task: Option<TaskRef>, is_session: bool) -> Self {
        Self { stop: watch::Sender::new(Stop::No), task, is_session }
    }
}

impl Crew {
    pub fn of(shop: Workshop, tell: mpsc::Sender<Message>, checkout: &Checkout) -> Result<Self> {
        let mut crew = Self {
            shop,
            tell,
            under_way: BTreeMap::new(),
            surroundings: Surroundings::default(),
            edited: Edited::default(),
        };
        crew.look_around(checkout)?;
        Ok(crew)
    }

    /// It begins when what is to be gone before is gone.
    pub fn start(&mut self, start: Start, cleared: Option<Cleared>) {
        let is_session = start.launch.is_session();
        let task = Some(start.launch.task.clone());
        let stopped = self.note(start.launch.attempt, UnderWay::new(task, is_session));
        let (shop, tell) = (self.shop.clone(), self.tell.clone());
        tokio::spawn(async move {
            if let Some(cleared) = cleared {
                let _ = cleared.await;
            }
            attempt::run(shop, start, stopped, tell).await;
        });
    }

    pub fn start_smoke(&mut self, launch: SmokeLaunch, key: Digest) {
        let stopped = self.note(launch.attempt, UnderWay::new(None, false));
        let test = Test { shop: self.shop.clone(), launch, key, tell: self.tell.clone() };
        tokio::spawn(test.run(stopped));
    }

    fn note(&mut self, attempt: AttemptId, it: UnderWay) -> watch::Receiver<Stop> {
        let stopped = it.stop.subscribe();
        self.under_way.insert(attempt, it);
        stopped
    }

    /// It is over.
    pub fn ended(&mut self, attempt: AttemptId) {
        self.under_way.remove(&attempt);
    }

    pub fn end_politely(&self, attempt: AttemptId) {
        if let Some(it) = self.under_way.get(&attempt) {
            let _ = it.stop.send(Stop::Politely);
        }
    }

    pub fn end_at_once(&self) {
        for it in self.under_way.values() {
            let _ = it.stop.send(Stop::AtOnce);
        }
    }

    /// Smoke tests are counted, too.
    pub fn n_running(&self) -> usize {
        self.under_way.len()
    }

    pub fn task_of(&self, attempt: AttemptId) -> Option<&TaskRef> {
        self.under_way.get(&attempt)?.task.as_ref()
    }

    /// The tasks that run now, by name; `None` where none does.
    pub fn tasks(&self) -> Option<String> {
        let tasks = self.under_way.values().filter_map(|it| it.task.as_ref());
        let tasks: BTreeSet<String> = tasks.map(ToString::to_string).collect();
        (!tasks.is_empty()).then(|| tasks.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// What sessions did to the git of their own, as phrases.
    pub fn strays(&self) -> Vec<String> {
        self.shop.pool.strays()
    }

    pub fn has_session(&self) -> bool {
        self.under_way.values().any(|it| it.is_session)
    }

    /// Notes how the files of the checkout lie; answers with those that were written since.
    pub fn look_at_files(&mut self, checkout: &Checkout) -> Result<Vec<RelPath>> {
        let now = checkout.repo.edited()?;
        let before = std::mem::replace(&mut self.edited, now);
        Ok(self.edited.since(&before))
    }

    /// True for one under way that is a session's.
    pub fn is_session(&self, attempt: AttemptId) -> bool {
        self.under_way.get(&attempt).is_some_and(|it| it.is_session)
    }

    /// Notes what lies around the worktrees; answers with what changed there since.
    pub fn look_around(&mut self, checkout: &Checkout) -> Result<Vec<String>> {
        let branch = checkout.branch()?;
        let now = checkout.repo.surroundings(&branch, &self.surroundings)?;
        let before = std::mem::replace(&mut self.surroundings, now);
        let mut changes = self.surroundings.changes_since(&before);
        changes.extend(checkout.repo.strays_on(&branch, [&before, &self.surroundings])?);
        Ok(changes)
    }
}
