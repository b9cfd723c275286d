//! What a verdict is about: the files, the validator and the task that its key is made of.

use std::collections::BTreeSet;

use crate::base::name::{RelPath, VerdictKey};
use crate::engine::admission::Origin;
use crate::engine::jobs::Shop;
use crate::engine::jobs::attempt::Attempt;
use crate::engine::jobs::closing::probe_key;
use crate::engine::world::prompt::{Judged, JudgedFile};
use crate::engine::world::{Checked, item_read_by, reads_item};
use crate::spec::glob::GlobSet;
use crate::spec::plan::Validator;

impl Shop<'_> {
    /// Why a validator that reads the backlog item has none to read for a new result: whatever it
    /// said of that would be no verdict. One that stands is not undone by an item that was archived.
    pub(in crate::engine::jobs) fn lacks_item(
        &self,
        attempt: &Attempt,
        validator: &Validator,
    ) -> Option<String> {
        if attempt.origin == Origin::Standing || !reads_item(validator) {
            return None;
        }
        let meta = self.ground.world.meta(attempt.slot);
        let Some(item) = item_read_by(std::slice::from_ref(validator), meta) else {
            let name = &validator.name;
            return Some(format!("{name} has no item to read: `meta.source_item` names none here"));
        };
        let change = attempt.made.merged.changes().iter().find(|it| it.path == item);
        let state = change.map_or_else(|| self.ground.world.state_of(&item), |it| it.after);
        let missing =
            || format!("`meta.source_item` names `{item}`, which is not there to be read");
        state.is_none().then(missing)
    }

    /// What is laid over the candidate where it is not committed and the task itself has not written
    /// it: all that the session was given, and what the validator reads.
    pub(in crate::engine::jobs) fn papers_of(
        &self,
        attempt: &Attempt,
        validator: &Validator,
    ) -> Vec<RelPath> {
        let meta = self.ground.world.meta(attempt.slot);
        let mut papers: BTreeSet<RelPath> =
            self.ground.world.paths_of(attempt.slot, self.ground.past).into_iter().collect();
        papers.extend(item_read_by(std::slice::from_ref(validator), meta));
        papers.extend(self.ground.world.listed(&validator.inputs).cloned());
        for written in attempt.made.merged.paths() {
            papers.remove(written);
        }
        papers.into_iter().collect()
    }

    /// Patterns of what a validator reads. A candidate may have made anew what the user removed: it
    /// is judged with all that would land.
    pub(in crate::engine::jobs) fn judged_inputs(
        &self,
        attempt: &Attempt,
        validator: &Validator,
    ) -> Vec<GlobSet> {
        match attempt.made.candidate {
            Some(_) => Vec::new(),
            None => vec![
                attempt.recipe.spec.inputs.clone(),
                attempt.recipe.rule.inputs.declared.clone(),
                validator.inputs.clone(),
            ],
        }
    }

    /// The files that a validator judges: what the attempt changed, else what its task owns.
    pub(in crate::engine::jobs) fn files_judged(&self, attempt: &Attempt) -> Vec<JudgedFile> {
        let changes = attempt.made.merged.changes();
        if attempt.origin == Origin::Standing && changes.is_empty() {
            let owned = self.ground.world.owned_now(attempt.slot, self.ground.past);
            return owned
                .into_keys()
                .map(|path| JudgedFile { path, is: Judged::Standing })
                .collect();
        }
        let judged = changes.iter().map(|change| JudgedFile {
            path: change.path.clone(),
            is: match (change.before, change.after) {
                (None, _) => Judged::New,
                (_, None) => Judged::Deleted,
                _ => Judged::Changed,
            },
        });
        judged.collect()
    }

    pub(in crate::engine::jobs) fn candidate_key(
        &self,
        attempt: &Attempt,
        validator: &Validator,
    ) -> VerdictKey {
        if let Some(landed) = &attempt.review.probed {
            return probe_key(validator, landed);
        }
        let mut owned = self.ground.world.owned_now(attempt.slot, self.ground.past);
        for change in attempt.made.merged.changes() {
            owned.insert(change.path.clone(), change.after);
        }
        let slot = attempt.slot;
        // Where the task is gone by now, it is what the attempt was started for.
        let present = self.ground.world.recipe(slot);
        let spec = &present.unwrap_or(&attempt.recipe).spec;
        let changes = attempt.made.merged.changes();
        let checked = Checked { slot, spec, validator, changes };
        if attempt.review.is_closing
            && let Some((key, _)) = self.ground.world.closing_of(checked, self.ground.past)
        {
            return key;
        }
        self.ground.world.verdict_key(checked, &owned, self.ground.past)
    }
}
