//! `sandbox`, in rules and settings: what an attempt may reach of the machine. A bound, as limits
//! are: it is in no key.

use strum::{EnumIter, EnumMessage, EnumString, IntoStaticStr};

use crate::spec::keys::{Shape, keys, words};
use crate::spec::yaml::Fields;

keys! {
    /// A sandbox with its particulars.
    pub static KEYS = "sandbox", Refused [
        /// What keeps the bounds.
        kind [default: "`bwrap`"]: KIND,
        /// How the guard is kept; without it the first way that works is taken.
        by: WAY,
        /// Whether it has the network; sessions always have. For `bwrap`.
        network: Shape::Flag,
        /// Places that may be written beside the worktree: absolute, or below `~/`.
        write: Shape::Texts,
    ];
}

/// How `sandbox` is written.
pub const FORMS: &[Shape] = &[KIND, Shape::Map(&KEYS)];

const KIND: Shape = Shape::Word("sandbox_kind", words::<Kind>);
const WAY: Shape = Shape::Word("guard_way", words::<Way>);

#[derive(Clone, Copy, PartialEq, Eq, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
enum Kind {
    /// The checkout, its git and `.orch` are read-only but for the worktree; the rest is as it was.
    Guard,
    /// Everything may be read, the worktree be written.
    Bwrap,
    /// No bounds.
    None,
}

/// How a guard is kept, the better way first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, EnumMessage, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum Way {
    /// A mount namespace: the checkout is mounted read-only over itself.
    Namespace,
    /// Landlock: writing is allowed beside it.
    Landlock,
}

/// What `sandbox` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sandboxing {
    /// The action runs as any program of the user's.
    Off,
    Guard(Guard),
    Bwrap(Sandbox),
}

impl Default for Sandboxing {
    fn default() -> Self {
        Self::Guard(Guard::default())
    }
}

impl Sandboxing {
    pub fn as_guard(&self) -> Option<&Guard> {
        match self {
            Self::Guard(guard) => Some(guard),
            Self::Off | Self::Bwrap(_) => None,
        }
    }
}

/// The user's checkout, its git and `.orch` cannot be written; what else the machine has, can.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guard {
    /// Somebody wrote that he wants it: without it nothing runs.
    pub is_required: bool,
    /// `None`: the first way that works.
    pub by: Option<Way>,
    /// Places that may be written all the same: absolute, or below `~/`.
    pub write: Vec<String>,
}

/// Bounds that bubblewrap keeps. Everything may be read; the worktree may be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sandbox {
    /// `None`: as it is the default; sessions need it.
    pub network: Option<bool>,
    /// Places that may be written beside the worktree: absolute, or below `~/`.
    pub write: Vec<String>,
}

/// Reads the key; `None` where it is not written, or wrong and reported.
pub fn read(fields: &mut Fields<'_, '_>) -> Option<Sandboxing> {
    let node = fields.node("sandbox")?;
    if node.as_text().is_some() {
        return Some(of_kind(fields.choice("sandbox")?, None, Sandbox::default()));
    }
    let mut inner = fields.fields("sandbox")?;
    let kind = inner.choice("kind").unwrap_or(Kind::Bwrap);
    let by = inner.choice("by");
    let network = inner.flag("network");
    let write = places(&mut inner);
    if kind != Kind::Guard {
        refuse(&mut inner, "by", "it says how a guard is kept: add `kind: guard`");
    }
    if kind == Kind::Guard && network == Some(false) {
        refuse(&mut inner, "network", "a guard does not take it away: `kind: bwrap` does");
    }
    inner.rest();
    Some(of_kind(kind, by, Sandbox { network, write }))
}

fn of_kind(kind: Kind, by: Option<Way>, bounds: Sandbox) -> Sandboxing {
    match kind {
        Kind::Guard => Sandboxing::Guard(Guard { is_required: true, by, write: bounds.write }),
        Kind::Bwrap => Sandboxing::Bwrap(bounds),
        Kind::None => Sandboxing::Off,
    }
}

/// Reports a key that is there and has no effect with its kind.
fn refuse(fields: &mut Fields<'_, '_>, name: &'static str, help: &str) {
    if let Some(node) = fields.node(name) {
        fields.problems().bad_value(name, node, help);
    }
}

fn places(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let mut places = Vec::new();
    for (place, _) in fields.texts("write") {
        let is_named = place.starts_with('/') || place.starts_with("~/");
        if is_named && !place.split('/').any(|part| part == "..") {
            places.push(place.to_owned());
        } else if let Some(node) = fields.node("write") {
            let help =
                "places are absolute or below `~/`, without `..`; the worktree is writable anyway";
            fields.problems().bad_value("write", node, help);
        }
    }
    places
}
