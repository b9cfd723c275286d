//! The keys of an item's front matter; most items have none.

use strum::{EnumIter, EnumMessage};

use crate::spec::keys::Shape::{self, Text, Texts, Word};
use crate::spec::keys::{keys, words};

keys! {
    /// The front matter of a backlog item; headings of the same names say the same.
    pub static ITEM = "item", Kept [
        /// What it is called.
        title [default: "the first heading"]: Text,
        /// `Open`, `On hold`, `Fixed`, `Completed`, `Closed`, `Failed`, or words like them.
        status [default: "`Open`"]: Text,
        /// `Critical`, `High`, `Medium`, `Low`, or `P0` to `P4`.
        priority [default: "`Medium`"]: Text,
        /// Items that have to be done first: their files' stems.
        depends_on: Texts,
        /// Who plans it.
        plan: Word("planning", words::<Planning>),
        /// What all its work may cost, in USD.
        budget: Shape::NUMBER,
    ];
}

/// How an item becomes tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
pub enum Planning {
    /// As its kind says.
    #[default]
    Auto,
    /// A planner writes a design document and a plan.
    Full,
    /// One task does it, without a planner.
    Light,
}
