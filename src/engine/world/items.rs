//! Backlog items among the plans: which cycles of each are open, which plans are made of it, what holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::measure::Usd;
use crate::base::name::{PlanName, RelPath, TaskRef};
use crate::base::source::Source;
use crate::engine::documents::Shelved;
use crate::engine::past::Past;
use crate::engine::past::history::History;
use crate::engine::record::Decision;
use crate::engine::why::{ItemHold, Why};
use crate::spec::agent::stem;
use crate::spec::item::kind::{ARCHIVE, Kind, kind_of, kinds_of};
use crate::spec::item::name::natural_order;
use crate::spec::item::stages::{
    StageId, Staging, item_of as stem_of_plan, made_plan_of, plan_name_of,
};
use crate::spec::item::{Item, Priority, Said, Standing};
use crate::spec::item_check::{Backlog, Listed, Meaning};

use super::World;
use super::db::{PlanText, Slot, item_of, meta_of, plan_of};

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

/// Plans by the item they are made of, each with its cycle.
type Made = BTreeMap<String, Vec<(u32, PlanName)>>;

impl World {
    /// The files of items in the order of their turn, each name once, with what makes tasks of them.
    pub(super) fn staged(&self, items: &[Source]) -> Vec<(Source, Staging)> {
        let library = self.library();
        let kinds = kinds_of(library.rules(&self.db)).value;
        let kinds: BTreeMap<RelPath, Arc<Kind>> =
            kinds.into_iter().map(|it| (it.folder.clone(), Arc::new(it))).collect();
        let plain: Vec<Kind> = kinds.values().map(|it| Kind::clone(it)).collect();
        let plans_dir = library.config(&self.db).plans_dirs.first().cloned();
        let staging = |kind: &Kind| Staging {
            kind: Arc::clone(&kinds[&kind.folder]),
            first: 1,
            last: 1,
            plans: Vec::new(),
            needs: Vec::new(),
            skipped: BTreeSet::new(),
            plans_dir: plans_dir.clone().unwrap_or_else(|| "plans".to_owned()),
        };
        let found = items.iter().filter_map(|source| {
            let staging = staging(kind_of(&plain, &source.path)?);
            let priority = crate::spec::item::parse(source).value.priority;
            Some(((staging.kind.turn, priority), source.clone(), staging))
        });
        let mut found: Vec<((i64, Priority), Source, Staging)> = found.collect();
        let name = |source: &Source| stem(source.path.file_name()).to_owned();
        found.sort_by(|(turn, source, _), (other_turn, other, _)| {
            turn.cmp(other_turn).then_with(|| natural_order(&name(source), &name(other)))
        });
        let staged = found.into_iter().map(|(_, source, staging)| (source, staging));
        let mut names = BTreeSet::new();
        staged.filter(|(source, _)| names.insert(name(source))).collect()
    }

    pub(super) fn set_shelved(&mut self, shelved: Shelved) {
        self.items.shelved = shelved;
    }

    /// Brings what makes tasks of items up to date with plans and verifications. True where the tasks are
    /// others now.
    pub fn stage_items(&mut self, past: Option<&Past>) -> bool {
        let history = past.map(|it| &it.history);
        let texts: Vec<PlanText> = self.item_texts().collect();
        let read: Vec<(Source, Arc<Item>)> = texts
            .iter()
            .map(|it| (it.source(&self.db).clone(), Arc::clone(item_of(&self.db, *it))))
            .collect();
        let listed: Vec<Listed<'_>> =
            read.iter().map(|(source, item)| Listed { source, item }).collect();
        let Shelved { archived, on_hold } = self.items.shelved.clone();
        let backlog = Backlog { active: &listed, archived: &archived, on_hold: &on_hold };
        let made = self.made_plans();
        let circles: BTreeSet<usize> = backlog.circles().into_iter().flatten().collect();
        let mut held = BTreeMap::new();
        let mut has_changed = false;
        for (at, (text, listed)) in texts.iter().zip(&listed).enumerate() {
            let Some(before) = text.staging(&self.db).clone() else { continue };
            let staging = self.staging_of(before.clone(), listed, (&made, history));
            let (needs, hold) = match circles.contains(&at) {
                true => (Vec::new(), Some(ItemHold::Circle)),
                false => needs_of(&backlog, listed, &staging),
            };
            let staging = Staging { needs, ..staging };
            held.extend(hold.map(|it| (plan_name_of(listed.stem()), it)));
            if before != staging {
                has_changed = true;
                text.set_staging(&mut self.db).to(Some(staging));
            }
        }
        let turn = |(place, it): (usize, &Listed<'_>)| {
            (it.stem().to_owned(), Turn { place: place + 1, budget: it.item.budget })
        };
        self.items.turns = listed.iter().enumerate().map(turn).collect();
        self.items.of_plans = self.plans_by_item(&listed, &made);
        self.items.by_name = Arc::new(self.by_name(&listed, &made));
        self.items.held = held;
        has_changed
    }

    pub(super) fn item_texts(&self) -> impl Iterator<Item = PlanText> {
        let plans = self.library().plans(&self.db).iter();
        plans.copied().filter(|it| it.staging(&self.db).is_some())
    }

    /// Plans by the stem of the item that they name, or that their own name is that of.
    fn made_plans(&self) -> Made {
        let mut made = Made::new();
        for text in
            self.library().plans(&self.db).iter().filter(|it| it.staging(&self.db).is_none())
        {
            let name = &plan_of(&self.db, *text).value.name;
            let source = meta_of(&self.db, *text).source_item.as_deref();
            let named = source.map(|it| stem(it.rsplit('/').next().unwrap_or(it)).to_owned());
            let id = crate::base::name::TaskId::new(name.as_str());
            let own = StageId::of(&id);
            let item = named.unwrap_or_else(|| own.stage.to_owned());
            let cycle = if own.stage == item { own.cycle } else { 1 };
            made.entry(item).or_default().push((cycle, name.clone()));
        }
        made
    }

    fn staging_of(
        &self,
        before: Staging,
        listed: &Listed<'_>,
        (made, history): (&Made, Option<&History>),
    ) -> Staging {
        let item_stem = listed.stem();
        let mut first = first_cycle(listed.item);
        if self.items.shelved.archived.contains(item_stem) {
            // An earlier item had this name: its plans are not this one's.
            first = first.max(2);
        }
        let mut last = first;
        if let (Some(stage), Some(history)) = (&before.kind.reopens, history) {
            let said_no = |cycle: u32| {
                let id = StageId { stage, cycle }.task_id();
                let task = TaskRef { plan: plan_name_of(item_stem), task: id };
                let accepted = history.task(&task).and_then(|it| it.accepted.as_ref());
                accepted.and_then(|it| it.report.as_ref()).is_some_and(|it| it.mark.is_fail)
            };
            let bound = before.kind.cycles.max(first);
            while last < bound && said_no(last) {
                last += 1;
            }
        }
        let plans = made.get(item_stem).into_iter().flatten();
        let plans = plans.filter(|(cycle, _)| *cycle >= first).cloned().collect();
        let own = history.into_iter().flat_map(|it| it.tasks_of(&plan_name_of(item_stem)));
        let skipped = own.filter(|(_, past)| past.decision == Some(Decision::Skip));
        let skipped = skipped.map(|(task, _)| task.task.clone()).collect();
        Staging { first, last, plans, skipped, ..before }
    }

    /// What is left alone where nobody names it.
    fn by_name(&self, listed: &[Listed<'_>], made: &Made) -> BTreeSet<PlanName> {
        let mut found = BTreeSet::new();
        let active: BTreeMap<&str, u32> = self
            .item_texts()
            .zip(listed)
            .map(|(text, it)| (it.stem(), text.staging(&self.db).as_ref().map_or(1, |it| it.first)))
            .collect();
        for (item, plans) in made {
            let is_archived = self.items.shelved.archived.contains(item);
            let first = active.get(item.as_str());
            let is_past = |cycle: u32| match first {
                Some(first) => cycle < *first,
                None => is_archived,
            };
            found.extend(plans.iter().filter(|it| is_past(it.0)).map(|it| it.1.clone()));
        }
        let closed = listed.iter().filter(|it| it.item.standing != Standing::Open);
        found.extend(closed.map(|it| plan_name_of(it.stem())));
        found
    }

    fn plans_by_item(&self, listed: &[Listed<'_>], made: &Made) -> BTreeMap<PlanName, String> {
        let mut found = BTreeMap::new();
        for (text, it) in self.item_texts().zip(listed) {
            let item = it.stem();
            let first = text.staging(&self.db).as_ref().map_or(1, |it| it.first);
            let plans = made.get(item).into_iter().flatten().filter(|it| it.0 >= first);
            let plans = plans.map(|(_, name)| name.clone()).chain([plan_name_of(item)]);
            found.extend(plans.map(|plan| (plan, item.to_owned())));
        }
        found
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
        self.items.held.get(&slot.task(&self.db).plan).cloned().map(Why::Item)
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

/// The cycle that an item's own file begins with: what other tools verified, and what it went through
/// before it was opened again, is behind it.
fn first_cycle(item: &Item) -> u32 {
    let closed = item.closed;
    if closed.times > 0 {
        return closed.times.max(closed.verifications) + 1;
    }
    let foreign = item.verifications.iter().filter(|it| !it.is_own);
    let n_failed = foreign.filter(|it| it.said == Some(Said::Fail)).count();
    u32::try_from(n_failed).unwrap_or(u32::MAX).saturating_add(1)
}

/// The tasks that an item's first stage waits for, and what keeps it from starting at all.
fn needs_of(
    backlog: &Backlog<'_>,
    listed: &Listed<'_>,
    staging: &Staging,
) -> (Vec<TaskRef>, Option<ItemHold>) {
    let item = listed.item;
    let mut hold = (item.standing != Standing::Open).then_some(ItemHold::Standing(item.standing));
    if staging.first > staging.kind.cycles && item.closed.times == 0 {
        hold = hold.or(Some(ItemHold::CyclesUsed(staging.kind.cycles)));
    }
    let mut needs = Vec::new();
    for need in &item.needs {
        match backlog.meaning_of(&need.name) {
            Meaning::Active(at) => {
                let other = backlog.active[at];
                let is_open = other.item.standing == Standing::Open;
                let name = other.stem().to_owned();
                match is_open || other.item.standing == Standing::Done {
                    true => needs.push(TaskRef {
                        plan: plan_name_of(&name),
                        task: StageId { stage: ARCHIVE, cycle: 1 }.task_id(),
                    }),
                    false => hold = hold.or(Some(ItemHold::NeverDone(name))),
                }
            }
            Meaning::Archived => {}
            Meaning::OnHold => hold = hold.or(Some(ItemHold::NeverDone(need.name.clone()))),
            Meaning::Several(_) | Meaning::Nothing => {
                hold = hold.or(Some(ItemHold::Unknown(need.name.clone())));
            }
        }
    }
    (needs, hold)
}
