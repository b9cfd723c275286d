//! What a build tells people.

use std::collections::BTreeMap;

use crate::base::measure::Billing;
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Extent, Picture};
use crate::engine::plan_change::ChangeReport;
use crate::engine::stream::Progress;
use crate::host::check::faulty;
use crate::host::check::mail::address_of;
use crate::host::clock;
use crate::host::documents::Loaded;
use crate::host::git::{Repository, extent};
use crate::host::outbox::Notifying;
use crate::host::state::State;
use crate::host::surface::Surface;
use crate::spec::plan::Plan;

use super::caution::Cautions;

/// A surface, with what was told on it already.
pub struct Voice<'a> {
    surface: &'a mut dyn Surface,
    /// What the summary repeats.
    plan_changes: Vec<ChangeReport>,
    cautions: Cautions,
    billing: Billing,
    /// That commits are not signed was told.
    has_told_unsigned: bool,
}

impl<'a> Voice<'a> {
    /// For a build of these tasks, or of all.
    pub fn of(surface: &'a mut dyn Surface, wanted: Option<Vec<TaskRef>>) -> Self {
        let (billing, cautions) = (Billing::default(), Cautions::of(wanted));
        Self { surface, plan_changes: Vec::new(), cautions, billing, has_told_unsigned: false }
    }

    pub fn say(&mut self, notice: &Notice) {
        if let Notice::PlanChanged(change) = notice {
            self.plan_changes.push(change.clone());
        }
        self.surface.say(notice, clock::now());
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.say(&Notice::warning(text));
    }

    /// Something is to be committed: told once, where the user has commits signed.
    pub fn warn_unsigned(&mut self, repo: &Repository) {
        if !self.has_told_unsigned && repo.asks_for_signatures() {
            self.has_told_unsigned = true;
            self.warn(extent::UNSIGNED);
        }
    }

    pub fn stream(&mut self, task: &TaskRef, progress: &Progress) {
        self.surface.stream(task, progress, clock::now());
    }

    pub fn extent(&self) -> Extent {
        self.surface.extent()
    }

    /// What the surface takes amounts for.
    pub fn billing(&self) -> Billing {
        self.billing
    }

    pub fn show(&mut self, picture: &Picture) {
        self.billing = picture.billing;
        self.surface.show(picture, clock::now());
    }

    /// Shows which documents have errors now.
    pub fn diagnose(&mut self, loaded: &Loaded, state: &State) {
        self.surface.diagnose(&faulty(loaded, &state.engine), clock::now());
    }

    /// Tells the warnings of documents that have not been told yet.
    pub fn caution(&mut self, state: &State) {
        let untold = self.cautions.untold(state);
        if !untold.is_empty() {
            self.surface.caution(&untold, clock::now());
        }
    }

    /// Statuses say what is left to do only as a person would read them: a task that is done and
    /// starts nevertheless, or is replayed, brings the warnings of its plan.
    pub fn caution_of(&mut self, task: &TaskRef, state: &State) {
        if self.cautions.is_first_of(&task.plan) {
            self.caution(state);
        }
    }

    /// Tells the surface who is to be told of what, as the documents have it now.
    pub fn take_notifying(&mut self, state: &State) {
        self.surface.notify_by(notifying_of(state));
    }

    /// What sessions changed in their plans, as it was said.
    pub fn take_plan_changes(&mut self) -> Vec<ChangeReport> {
        std::mem::take(&mut self.plan_changes)
    }
}

fn notifying_of(state: &State) -> Notifying {
    let settings = &state.config().notify;
    let addressed = |(_, plan): (_, &Plan)| Some((plan.name.clone(), address_of(plan)?));
    Notifying {
        rules: state.engine.notifying_rules(),
        addresses: match settings.mail {
            Some(_) => state.engine.plans().filter_map(addressed).collect(),
            None => BTreeMap::new(),
        },
        mail: settings.mail.clone(),
        wait: settings.wait,
    }
}
