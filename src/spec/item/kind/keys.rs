//! The keys of a rule of `kind: item`.

use crate::spec::keys::Shape::{self, Command, Forms, Integer, List, Map, Text};
use crate::spec::keys::keys;

keys! {
    /// A kind of backlog items: where they lie, and the stages that each goes through.
    pub static KIND = "kind of items", Refused [
        /// `item`.
        kind [is_required: true]: Text,
        /// Its name.
        rule [default: "the file's stem"]: Text,
        /// The kind that it changes parts of; its own name means the built-in one.
        extends: Text,
        /// What such an item is, in a few words.
        describe: Text,
        /// The folder that its open items lie right in. What is below it was laid aside.
        folder: Text,
        /// Where its finished items go.
        archive [default: "`completed` below the folder"]: Text,
        /// Items of a lower number have their turn first.
        turn [default: "50"]: Integer,
        /// What each item goes through, in order: `plan` makes the plan whose tasks come next, `work` is one
        /// task without a plan, `archive` ends it. A name alone is done by the rule `NAME-item`.
        stages: List(&Forms(&[Text, Map(&STAGE)])),
        /// The stage whose report opens another cycle where it says FAIL.
        reopens: Text,
        /// Cycles in all, before a person has to look.
        cycles [default: "3"]: Shape::POSITIVE,
        /// An item of at most so many characters goes without a planner: one task does it. None where it is
        /// not given.
        light: Shape::COUNT,
        /// The status of an item that is archived.
        done [default: "`Completed`"]: Text,
    ];

    /// One stage.
    pub static STAGE = "stage", Refused [
        /// What it is called: `item:SLUG//NAME` is its task.
        name [is_required: true]: Text,
        /// The rule that does it.
        rule [default: "`NAME-item`"]: Text,
        /// A command that does it.
        run: Command,
    ];
}
