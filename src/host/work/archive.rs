//! The store's own thread: what a build asks of the store and writes into it, in order. The loop never
//! waits for it.

use std::sync::mpsc as orders;

use tokio::sync::mpsc;

use crate::base::name::{ActionKey, AttemptId, OutputDigest, RelPath, TreeId};
use crate::engine::record::AcceptedResult;
use crate::host::error::{Error, Result};
use crate::host::git::Repository;
use crate::host::land::merge::Cached;
use crate::host::state::lookup::{Answer, Question};
use crate::host::store::Store;

use super::Message;

/// What the store is to do. Orders are taken one after another: what is looked up is looked up behind
/// what was remembered before.
pub enum Order {
    LookUp(Question),
    /// The contents of a result that is to be replayed.
    Fetch {
        attempt: AttemptId,
        result: Box<AcceptedResult>,
    },
    Remember(Box<Remembered>),
    Disown {
        key: ActionKey,
        output: OutputDigest,
    },
    Refuse {
        key: ActionKey,
        output: OutputDigest,
    },
}

/// An accepted result, with the trees that may hold its contents.
pub struct Remembered {
    pub result: AcceptedResult,
    /// What attempts of its task started from, and what they left.
    pub trees: Vec<(TreeId, TreeId)>,
}

/// What came of an order.
pub enum Reply {
    Found(Box<Answer>),
    Fetched { attempt: AttemptId, cached: Box<Cached> },
    Done,
}

/// Takes orders for the store's thread. The thread ends with this, once all of them are done.
pub struct Archive {
    orders: orders::Sender<Order>,
    n_open: usize,
}

impl Archive {
    pub fn open(repo: Repository, store: Store, tell: mpsc::Sender<Message>) -> Self {
        let (orders, taken) = orders::channel();
        let desk = Desk { repo, store };
        std::thread::spawn(move || {
            for order in taken {
                if tell.blocking_send(Message::Archived(desk.perform(order))).is_err() {
                    break;
                }
            }
        });
        Self { orders, n_open: 0 }
    }

    /// # Errors
    /// The thread is gone.
    pub fn order(&mut self, order: Order) -> Result<()> {
        self.n_open += 1;
        self.orders.send(order).map_err(|_| Error::new("the thread of the store broke"))
    }

    /// An order was answered.
    pub fn answered(&mut self) {
        self.n_open = self.n_open.saturating_sub(1);
    }

    /// True where every order was answered.
    pub fn is_idle(&self) -> bool {
        self.n_open == 0
    }
}

struct Desk {
    repo: Repository,
    store: Store,
}

impl Desk {
    fn perform(&self, order: Order) -> Result<Reply> {
        match order {
            Order::LookUp(question) => {
                return Ok(Reply::Found(Box::new(question.ask(&self.store)?)));
            }
            Order::Fetch { attempt, result } => {
                let cached = Box::new(Cached::read(*result, &self.store));
                return Ok(Reply::Fetched { attempt, cached });
            }
            Order::Remember(it) => self.remember(&it)?,
            Order::Disown { key, output } => self.store.disown(&key, output)?,
            Order::Refuse { key, output } => self.store.refuse(&key, output)?,
        }
        Ok(Reply::Done)
    }

    /// Puts an accepted result into the action cache, contents first, so that an entry never names
    /// what is not there.
    fn remember(&self, Remembered { result, trees }: &Remembered) -> Result<()> {
        if let Some((before, after)) = trees.iter().find(|(_, left)| self.made(left, result)) {
            for change in result.patch.changes() {
                for (tree, state) in [(before, change.before), (after, change.after)] {
                    if state.is_some_and(|it| !self.store.contains(&it.digest)) {
                        self.put(tree, &change.path)?;
                    }
                }
            }
        }
        if let Some(report) = &result.report {
            self.store.put(report.text().as_bytes())?;
        }
        self.store.put_manifest(&result.manifest)?;
        self.store.remember(result)
    }

    fn put(&self, tree: &TreeId, path: &RelPath) -> Result<()> {
        if let Some(bytes) = self.repo.read_path_at(tree, path)? {
            self.store.put(&bytes)?;
        }
        Ok(())
    }

    /// True where the tree holds what the result says.
    fn made(&self, tree: &TreeId, result: &AcceptedResult) -> bool {
        result.patch.changes().iter().all(|change| {
            self.repo.state_at(tree, &change.path).is_ok_and(|state| state == change.after)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::Lookup;
    use crate::host::git::scratch::{Scratch, result};

    fn question(of: &AcceptedResult) -> Order {
        let (task, key) = (of.task.clone(), of.key);
        Order::LookUp(Question { task, key, older: None, manifest: None, lookup: Lookup::All })
    }

    #[test]
    fn orders_are_answered_in_turn_so_what_was_remembered_is_found() {
        let scratch = Scratch::new(&[("a.txt", "a\n")]);
        let base = scratch.base().tree;
        let left = scratch.edited(&base, &[("made.txt", Some("made\n"))]);
        let result = result("1", "made.txt", "made\n");
        let (tell, mut heard) = mpsc::channel(8);
        let store = Store::open(&scratch.root());
        let mut archive = Archive::open(scratch.repo(), store.clone(), tell);
        let trees = vec![(base.clone(), base.clone()), (base, left)];
        let (key, output) = (result.key, result.output);
        archive.order(question(&result)).unwrap();
        let remembered = Remembered { result: result.clone(), trees };
        archive.order(Order::Remember(Box::new(remembered))).unwrap();
        archive.order(question(&result)).unwrap();
        let fetch = Order::Fetch { attempt: AttemptId(1), result: Box::new(result.clone()) };
        archive.order(fetch).unwrap();
        archive.order(Order::Refuse { key, output }).unwrap();
        archive.order(Order::Disown { key, output }).unwrap();
        archive.order(question(&result)).unwrap();
        let mut found = Vec::new();
        while !archive.is_idle() {
            let Some(Message::Archived(reply)) = heard.blocking_recv() else { panic!("no reply") };
            archive.answered();
            match reply.unwrap() {
                Reply::Found(answer) => found.push(answer.results.len()),
                Reply::Fetched { cached, .. } => {
                    let contents: Vec<_> = cached.contents.into_values().collect();
                    assert_eq!(contents, [b"made\n"]);
                }
                Reply::Done => {}
            }
        }
        assert_eq!(found, [0, 1, 0]);
        drop(archive);
        // The thread ends with who gives it orders, and lets go of the store.
        assert!(heard.blocking_recv().is_none());
        assert!(store.get(&crate::base::digest::Digest::of(b"made\n")).unwrap().is_some());
    }
}
