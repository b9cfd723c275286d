//! What there is: documents, files and results, in the salsa database; and what keys are made of.

pub mod action;
mod ask;
mod beside;
pub mod db;
pub mod diagnose;
mod documents;
mod files;
mod items;
mod judges;
pub mod prompt;
mod validators;
mod verdicts;

pub use beside::Beside;
pub use db::{QueryLog, Recipe, Slot, Wording};
pub use files::Scanned;
pub use judges::{Role, Roles};
pub use validators::{item_read_by, reads_item, validators_of};
pub use verdicts::{Checked, VerdictKeys};

use std::collections::{BTreeMap, BTreeSet};

use crate::base::measure::Moment;
use crate::base::name::{RelPath, TaskRef};
use crate::engine::event::{Frozen, Machine};

use items::Items;

use db::{Database, FileEntry, Files, Library, Roots};

/// Everything that documents, files and results say, and what follows from it: the one owner of the
/// salsa database.
pub struct World {
    db: Database,
    roots: Roots,
    slots: BTreeMap<TaskRef, Slot>,
    entries: BTreeMap<RelPath, FileEntry>,
    frozen: Frozen,
    items: Items,
    /// Plans that are exactly as HEAD has them.
    committed: BTreeSet<RelPath>,
    /// What the last scan was asked for.
    scanned: Scanned,
    /// What the machine last told, and when.
    machine: Option<(Machine, Moment)>,
}

impl Default for World {
    fn default() -> Self {
        Self::new(Database::default())
    }
}

impl World {
    /// A world that notes which queries it executes.
    pub fn observed() -> (Self, QueryLog) {
        let (db, log) = Database::observed();
        (Self::new(db), log)
    }

    fn new(db: Database) -> Self {
        let library = Library::new(
            &db,
            Vec::new(),
            BTreeMap::new(),
            Vec::new(),
            BTreeMap::new(),
            crate::spec::config::Config::default(),
            BTreeMap::new(),
            Vec::new(),
        );
        let roots = Roots::new(
            &db,
            library,
            Files::new(&db, BTreeMap::new(), BTreeMap::new(), BTreeMap::new()),
        );
        Self {
            db,
            roots,
            slots: BTreeMap::new(),
            entries: BTreeMap::new(),
            frozen: Frozen::Nothing,
            items: Items::default(),
            committed: BTreeSet::new(),
            scanned: Scanned::default(),
            machine: None,
        }
    }

    /// What the machine has, as it was told at this moment.
    pub fn take_machine(&mut self, machine: Machine, now: Moment) {
        self.machine = Some((machine, now));
    }

    pub fn machine(&self) -> Option<(Machine, Moment)> {
        self.machine
    }
}
