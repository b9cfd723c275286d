//! Backlog items among the plans: which cycles of each are open, which plans are made of it, what holds it.

mod staging;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::measure::Usd;
use crate::base::name::{PlanName, TaskRef};
use crate::engine::documents::Shelved;
use crate::engine::why::{ItemHold, Why};
use crate::spec::item::Item;
use crate::spec::item::kind::{APPROVE, ARCHIVE};
use crate::spec::item::stages::{StageId, Staging, item_of as stem_of_plan, made_plan_of};

use super::World;
use super::db::{PlanText, Slot, item_of};

/// What is known of the backlog beside the items' files.
#[derive(Default)]
pub struct Items {
    shelved: Shelved,
    /// Why nothing starts for an item, by its small plan.
    held: BTreeMap<PlanName, ItemHold>,
    /// What is built only where it is named: plans whose item is archived, items that are not open.
    by_name: Arc<BTreeSet<PlanName>>,
    /// The items in the order of their turn.
    turns: BTreeMap<String, Turn>,
    /// Plans that a person has not agreed to, with the task that stands for that.
    unapproved: BTreeMap<PlanName, TaskRef>,
    /// Some kind has a stage in which a person agrees.
    has_approvals: bool,
    /// The item that each plan is of: its small plan, and those that are made of it.
    of_plans: BTreeMap<PlanName, String>,
}

/// An item among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    /// From 1.
    place: usize,
    budget: Option<Usd>,
}

impl World {
    pub(super) fn set_shelved(&mut self, shelved: Shelved) {
        self.items.shelved = shelved;
    }

    /// Why a stage waits for a person; `None` for any other task.
    pub fn asks_person(&self, slot: Slot) -> Option<Why> {
        let task = slot.task(&self.db);
        let is_asking = self.is_stage(slot) && StageId::of(&task.task).stage == APPROVE;
        is_asking.then(|| Why::Item(ItemHold::Unapproved(task.clone())))
    }

    pub(super) fn item_texts(&self) -> impl Iterator<Item = PlanText> {
        let plans = self.library().plans(&self.db).iter();
        plans.copied().filter(|it| it.staging(&self.db).is_some())
    }

    /// True where an item of this name is in an archive.
    pub fn is_archived(&self, item: &str) -> bool {
        self.items.shelved.archived.contains(item)
    }

    /// True where there are open items.
    pub fn has_items(&self) -> bool {
        !self.items.turns.is_empty()
    }

    /// The open item that a plan is of, by its stem.
    pub fn item_of_plan(&self, plan: &PlanName) -> Option<&str> {
        self.items.of_plans.get(plan).map(String::as_str)
    }

    /// The plans of an open item.
    pub fn plans_of_item<'a>(&'a self, item: &'a str) -> impl Iterator<Item = &'a PlanName> {
        self.items.of_plans.iter().filter(move |(_, of)| *of == item).map(|(plan, _)| plan)
    }

    /// What all work on an item may cost, where it says so.
    pub fn item_budget(&self, item: &str) -> Option<Usd> {
        self.items.turns.get(item)?.budget
    }

    /// The place of a plan's item among all, from 1; 0 for a plan of none.
    pub fn turn_of(&self, plan: &PlanName) -> usize {
        let item = self.item_of_plan(plan);
        item.and_then(|it| self.items.turns.get(it)).map_or(0, |it| it.place)
    }

    /// What is built only where it is named.
    pub fn named_only(&self) -> &Arc<BTreeSet<PlanName>> {
        &self.items.by_name
    }

    /// Why a plan is built only where it is named; `None` for one that is active.
    pub fn rests(&self, plan: &PlanName) -> Option<ItemHold> {
        let is_left = self.items.by_name.contains(plan);
        is_left.then(|| self.items.held.get(plan).cloned().unwrap_or(ItemHold::Archived))
    }

    /// True for a task that is a stage of an item.
    pub fn is_stage(&self, slot: Slot) -> bool {
        slot.plan(&self.db).staging(&self.db).is_some()
    }

    /// The item whose stage a task is.
    pub fn item(&self, slot: Slot) -> Option<(&Item, &Staging)> {
        let text = slot.plan(&self.db);
        let staging = text.staging(&self.db).as_ref()?;
        Some((item_of(&self.db, text), staging))
    }

    /// Why nothing of a task's item may start; `None` where it may, or it is of none.
    pub(super) fn item_held(&self, slot: Slot) -> Option<Why> {
        let plan = &slot.task(&self.db).plan;
        let unapproved = self.items.unapproved.get(plan).cloned().map(ItemHold::Unapproved);
        self.items.held.get(plan).cloned().or(unapproved).map(Why::Item)
    }

    /// Why a stage cannot be decided yet although all before it is: the plan whose tasks come first is not
    /// to be seen.
    pub fn unplanned(&self, slot: Slot) -> Option<Why> {
        let (item, staging) = self.item(slot)?;
        let task = &slot.task(&self.db);
        let id = StageId::of(&task.task);
        let cycle = if id.stage == ARCHIVE { staging.last } else { id.cycle };
        let item_stem = stem_of_plan(&task.plan)?;
        let lacks = staging.lacks_plan(item, id);
        lacks.then(|| Why::Item(ItemHold::Unplanned(made_plan_of(item_stem, cycle))))
    }
}
