//! Backlog items as they lie: the open ones with their texts, of the others their names.

use std::collections::BTreeSet;

use crate::base::diagnostic::Severity;
use crate::base::name::RelPath;
use crate::host::error::Result;
use crate::spec::agent::stem;
use crate::spec::builtin;
use crate::spec::item::kind::{COMPLETED, Kind, ON_HOLD, is_item_name, kinds_of};

use super::Loaded;
use super::place::Place;

impl Loaded {
    /// Reads the backlog of all kinds; what keeps an item from being text is told with the other findings.
    /// `Err` only where the disk fails.
    pub(super) fn read_items(&mut self, place: &dyn Place) -> Result<()> {
        let mut rules = builtin::rules();
        rules.extend(self.documents.rules.iter().cloned());
        self.kinds = kinds_of(&rules).value;
        for kind in self.kinds.clone() {
            let folder = kind.folder.as_str();
            let paths = names_in(place, folder)?;
            let paths = paths.iter().filter_map(|name| RelPath::new(format!("{folder}/{name}")));
            let n_before = self.diagnostics.len();
            let open = self.read_all(place, paths);
            // An item that cannot be read keeps nothing else from being built.
            for unread in &mut self.diagnostics[n_before..] {
                unread.severity = unread.severity.min(Severity::Warning);
            }
            self.documents.items.extend(open);
            let archives = [kind.archive.to_string(), format!("{folder}/{COMPLETED}")];
            for archive in archives {
                self.documents.shelved.archived.extend(stems_in(place, &archive)?);
            }
            let aside = stems_in(place, &format!("{folder}/{ON_HOLD}"))?;
            self.documents.shelved.on_hold.extend(aside);
        }
        Ok(())
    }

    /// Folders of items, and what of them was laid aside.
    pub fn item_folders(&self) -> impl Iterator<Item = &RelPath> {
        self.kinds.iter().flat_map(|it: &Kind| [&it.folder, &it.archive])
    }
}

fn stems_in(place: &dyn Place, folder: &str) -> Result<BTreeSet<String>> {
    Ok(names_in(place, folder)?.iter().map(|it| stem(it).to_owned()).collect())
}

fn names_in(place: &dyn Place, folder: &str) -> Result<Vec<String>> {
    let Some(folder) = RelPath::new(folder) else { return Ok(Vec::new()) };
    let mut names = place.names(&folder)?;
    names.retain(|it| is_item_name(it));
    names.sort();
    Ok(names)
}
