//! Backlog items as they lie: the open ones with their texts, of the others their names.

use std::path::Path;

use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::host::error::Result;
use crate::spec::agent::stem;
use crate::spec::item::kind::{COMPLETED, KINDS, ON_HOLD, is_item_name};

use super::Loaded;
use super::place::{Disk, Place};

/// What there is of items.
#[derive(Debug, Default)]
pub struct Items {
    /// Kind by kind, each by name.
    pub open: Vec<Source>,
    /// Stems of those that are done.
    pub archived: Vec<String>,
    /// Stems of those that were laid aside.
    pub on_hold: Vec<String>,
}

impl Loaded {
    /// Reads the backlog below `root`; what keeps an item from being text is told with the other findings.
    /// `Err` only where the disk fails.
    pub fn read_items(&mut self, root: &Path) -> Result<Items> {
        let place = Disk(root);
        let mut items = Items::default();
        for kind in KINDS {
            let paths = names_in(&place, kind.folder)?;
            let paths =
                paths.iter().filter_map(|name| RelPath::new(format!("{}/{name}", kind.folder)));
            let open = self.read_all(&place, paths);
            items.open.extend(open);
            let done = [kind.archive.to_owned(), format!("{}/{COMPLETED}", kind.folder)];
            for folder in done {
                items
                    .archived
                    .extend(names_in(&place, &folder)?.iter().map(|it| stem(it).to_owned()));
            }
            let aside = names_in(&place, &format!("{}/{ON_HOLD}", kind.folder))?;
            items.on_hold.extend(aside.iter().map(|it| stem(it).to_owned()));
        }
        Ok(items)
    }
}

fn names_in(place: &dyn Place, folder: &str) -> Result<Vec<String>> {
    let Some(folder) = RelPath::new(folder) else { return Ok(Vec::new()) };
    let mut names = place.names(&folder)?;
    names.retain(|it| is_item_name(it));
    names.sort();
    Ok(names)
}
