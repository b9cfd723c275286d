//! What makes tasks of items beside their files: worked out anew where documents or verifications changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::Setter;

use crate::base::name::{PlanName, RelPath, TaskId, TaskRef};
use crate::base::source::Source;
use crate::engine::past::Past;
use crate::engine::past::history::History;
use crate::engine::record::Decision;
use crate::engine::why::ItemHold;
use crate::engine::world::World;
use crate::engine::world::db::{PlanText, item_of, meta_of, plan_of};
use crate::spec::agent::stem;
use crate::spec::item::kind::{APPROVE, ARCHIVE, Kind, kind_of, kinds_of};
use crate::spec::item::name::natural_order;
use crate::spec::item::stages::{StageId, Staging, plan_name_of};
use crate::spec::item::{Item, Priority, Said, Standing};
use crate::spec::item_check::{Backlog, Listed, Meaning};

use super::Turn;

/// A plan that is made of an item.
struct Made {
    cycle: u32,
    name: PlanName,
    /// The folder that it lies in.
    folder: String,
}

/// What stagings are worked out from, beside each item itself.
struct Around<'a> {
    /// By the item that each plan is made of.
    made: BTreeMap<String, Vec<Made>>,
    /// Where plans go of which nothing was made yet.
    plans_dir: String,
    archived: &'a BTreeSet<String>,
    history: Option<&'a History>,
}

impl World {
    /// The files of items in the order of their turn, each name once, with the kind of each.
    pub(in crate::engine::world) fn staged(&self, items: &[Source]) -> Vec<(Source, Staging)> {
        let kinds = kinds_of(self.library().rules(&self.db)).value;
        let shared: BTreeMap<RelPath, Arc<Kind>> =
            kinds.iter().map(|it| (it.folder.clone(), Arc::new(it.clone()))).collect();
        let staging = |kind: &Kind| Staging {
            kind: Arc::clone(&shared[&kind.folder]),
            first: 1,
            last: 1,
            plans: Vec::new(),
            needs: Vec::new(),
            skipped: BTreeSet::new(),
            plans_dir: String::new(),
        };
        let found = items.iter().filter_map(|source| {
            let staging = staging(kind_of(&kinds, &source.path)?);
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

    /// Brings what makes tasks of items up to date with plans and verifications. True where the tasks are
    /// others now.
    pub(in crate::engine::world) fn stage_items(&mut self, past: Option<&Past>) -> bool {
        let texts: Vec<PlanText> = self.item_texts().collect();
        let read: Vec<(Source, Arc<Item>)> = texts
            .iter()
            .map(|it| (it.source(&self.db).clone(), Arc::clone(item_of(&self.db, *it))))
            .collect();
        let listed: Vec<Listed<'_>> =
            read.iter().map(|(source, item)| Listed { source, item }).collect();
        let shelved = self.items.shelved.clone();
        let (archived, on_hold) = (&shelved.archived, &shelved.on_hold);
        let backlog = Backlog { active: &listed, archived, on_hold };
        let around = Around {
            made: self.made_plans(),
            plans_dir: self.plans_dir(),
            archived,
            history: past.map(|it| &it.history),
        };
        let circles: BTreeSet<usize> = backlog.circles().into_iter().flatten().collect();
        let mut has_changed = false;
        self.items.held.clear();
        self.items.of_plans.clear();
        for (at, (text, listed)) in texts.iter().zip(&listed).enumerate() {
            let Some(before) = text.staging(&self.db).clone() else { continue };
            let staging = around.staging_of(before.clone(), listed);
            let (needs, hold) = match circles.contains(&at) {
                true => (Vec::new(), Some(ItemHold::Circle)),
                false => needs_of(&backlog, listed, &staging),
            };
            let staging = Staging { needs, ..staging };
            let (own, item) = (plan_name_of(listed.stem()), listed.stem().to_owned());
            self.items.held.extend(hold.map(|it| (own.clone(), it)));
            let plans = staging.plans.iter().map(|(_, name)| name.clone()).chain([own]);
            self.items.of_plans.extend(plans.map(|plan| (plan, item.clone())));
            if before != staging {
                has_changed = true;
                text.set_staging(&mut self.db).to(Some(staging));
            }
        }
        let turn = |(place, it): (usize, &Listed<'_>)| {
            (it.stem().to_owned(), Turn { place: place + 1, budget: it.item.budget })
        };
        self.items.turns = listed.iter().enumerate().map(turn).collect();
        self.items.by_name = Arc::new(self.by_name(&listed, &around));
        self.items.has_approvals = texts.iter().any(|it| self.asks_for_approval(*it));
        has_changed
    }

    fn asks_for_approval(&self, text: PlanText) -> bool {
        let staging = text.staging(&self.db).as_ref();
        staging.is_some_and(|it| it.kind.stages.iter().any(|it| it.name == APPROVE))
    }

    /// Takes in what people have agreed to by now.
    pub fn note_approvals(&mut self, past: &Past) {
        if self.items.has_approvals {
            self.items.unapproved = self.unapproved(&past.history);
        }
    }

    /// Plans of kinds that have the stage, as long as it has no result for what the plan is now.
    fn unapproved(&self, history: &History) -> BTreeMap<PlanName, TaskRef> {
        let mut found = BTreeMap::new();
        for text in self.item_texts().filter(|it| self.asks_for_approval(*it)) {
            let Some(staging) = text.staging(&self.db) else { continue };
            let name = &plan_of(&self.db, text).value.name;
            for (cycle, plan) in &staging.plans {
                let id = StageId { stage: APPROVE, cycle: *cycle }.task_id();
                let task = TaskRef { plan: name.clone(), task: id };
                if !self.is_approved(&task, history) {
                    found.insert(plan.clone(), task);
                }
            }
        }
        found
    }

    fn is_approved(&self, task: &TaskRef, history: &History) -> bool {
        let past = history.task(task);
        if past.is_some_and(|it| it.decision == Some(Decision::Skip)) {
            return true;
        }
        let key = self.slot(task).and_then(|slot| self.key(slot));
        past.zip(key).is_some_and(|(past, key)| past.standing(key).is_some())
    }

    fn plans_of_people(&self) -> impl Iterator<Item = PlanText> {
        let plans = self.library().plans(&self.db).iter();
        plans.copied().filter(|it| it.staging(&self.db).is_none())
    }

    /// Plans by the stem of the item that they name, or that their own name is that of.
    fn made_plans(&self) -> BTreeMap<String, Vec<Made>> {
        let mut made: BTreeMap<String, Vec<Made>> = BTreeMap::new();
        for text in self.plans_of_people() {
            let name = &plan_of(&self.db, text).value.name;
            let source = meta_of(&self.db, text).source_item.as_deref();
            let named = source.map(|it| stem(it.rsplit('/').next().unwrap_or(it)).to_owned());
            let id = TaskId::new(name.as_str());
            let own = StageId::of(&id);
            let item = named.unwrap_or_else(|| own.stage.to_owned());
            let cycle = if own.stage == item { own.cycle } else { 1 };
            let folder = text.path(&self.db).parent().unwrap_or_default().to_owned();
            made.entry(item).or_default().push(Made { cycle, name: name.clone(), folder });
        }
        made
    }

    /// Where plans of items go: the first folder that has any plan, else the last one, outside of `.claude/`
    /// by default, where the CLI asks for no special permission.
    fn plans_dir(&self) -> String {
        let folders = &self.config().plans_dirs;
        let used: BTreeSet<&str> =
            self.plans_of_people().filter_map(|it| it.path(&self.db).parent()).collect();
        let has_plans = |folder: &&String| {
            RelPath::normalize(folder).is_some_and(|folder| used.contains(folder.as_str()))
        };
        let folder = folders.iter().find(has_plans).or(folders.last());
        folder.map_or_else(|| "plans".to_owned(), Clone::clone)
    }

    /// What is left alone where nobody names it: items that are not open, plans of items that are archived
    /// or begin anew.
    fn by_name(&self, listed: &[Listed<'_>], around: &Around<'_>) -> BTreeSet<PlanName> {
        let active: BTreeSet<&str> = listed.iter().map(Listed::stem).collect();
        let is_item = |stem: &str| active.contains(stem) || around.archived.contains(stem);
        let made = around.made.iter().filter(|(item, _)| is_item(item));
        let names = made.flat_map(|(_, made)| made).map(|it| &it.name);
        let past = names.filter(|it| !self.items.of_plans.contains_key(*it)).cloned();
        // What nobody understands is told by each run, until somebody mends it.
        let is_active = |it: &Item| matches!(it.standing, Standing::Open | Standing::Unclear);
        let closed = listed.iter().filter(|it| !is_active(it.item));
        past.chain(closed.map(|it| plan_name_of(it.stem()))).collect()
    }
}

impl Around<'_> {
    fn staging_of(&self, before: Staging, listed: &Listed<'_>) -> Staging {
        let is_anew = self.is_anew(listed);
        let first = first_cycle(listed.item).max(self.behind_archived(listed.stem()));
        let cycles = before.kind.cycles;
        let bound = if is_anew { first + cycles - 1 } else { cycles.max(first) };
        let last = self.last_cycle(&before, listed, first..bound);
        let made: Vec<&Made> = self.made.get(listed.stem()).into_iter().flatten().collect();
        // What was made of it says where more of it goes.
        let plans_dir = made.first().map_or(&self.plans_dir, |it| &it.folder).clone();
        // Another tool made each cycle's plan in the place of the one before.
        let least = if is_anew { 1 } else { first };
        let plans = made.iter().map(|it| (it.cycle.max(least), it.name.clone()));
        let plans = plans.filter(|(cycle, _)| *cycle >= first).collect();
        let small_plan = plan_name_of(listed.stem());
        let own = self.history.into_iter().flat_map(|it| it.tasks_of(&small_plan));
        let skipped = own.filter(|(_, past)| past.decision == Some(Decision::Skip));
        let skipped = skipped.map(|(task, _)| task.task.clone()).collect();
        Staging { first, last, plans, skipped, plans_dir, ..before }
    }

    /// It came back from the archive, or an earlier item had its name: plans that are there are not for it.
    fn is_anew(&self, listed: &Listed<'_>) -> bool {
        listed.item.closed.times > 0 || self.archived.contains(listed.stem())
    }

    /// The first cycle that no archived item of the name has used.
    fn behind_archived(&self, stem: &str) -> u32 {
        let ids = self.archived.range(stem.to_owned()..).take_while(|it| it.starts_with(stem));
        let used = ids.filter_map(|it| {
            let id = TaskId::new(it);
            let id = StageId::of(&id);
            (id.stage == stem).then_some(id.cycle)
        });
        used.max().unwrap_or(0) + 1
    }

    /// The cycle that was opened last: behind each that was said no to, as far as there may be more.
    fn last_cycle(
        &self,
        staging: &Staging,
        listed: &Listed<'_>,
        cycles: std::ops::Range<u32>,
    ) -> u32 {
        let Some((stage, history)) = staging.kind.reopens.as_deref().zip(self.history) else {
            return cycles.start;
        };
        let said_no = |cycle: &u32| {
            let id = StageId { stage, cycle: *cycle }.task_id();
            let task = TaskRef { plan: plan_name_of(listed.stem()), task: id };
            let accepted = history.task(&task).and_then(|it| it.accepted.as_ref());
            accepted.and_then(|it| it.report.as_ref()).is_some_and(|it| it.mark.is_fail)
        };
        let n_refused = cycles.clone().take_while(said_no).count();
        cycles.start + u32::try_from(n_refused).unwrap_or(u32::MAX)
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
