//! `sandbox`, in rules and settings: what an attempt may reach of the machine. A bound, as limits
//! are: it is in no key.

use strum::{EnumIter, EnumMessage};

use crate::spec::keys::{Shape, keys, words};
use crate::spec::yaml::Fields;

keys! {
    /// A sandbox with its particulars.
    pub static KEYS = "sandbox", Refused [
        /// What keeps the bounds.
        kind [default: "`bwrap`"]: KIND,
        /// Whether it has the network; sessions always have.
        network: Shape::Flag,
        /// Places that may be written beside the worktree: absolute, or below `~/`.
        write: Shape::Texts,
    ];
}

/// How `sandbox` is written.
pub const FORMS: &[Shape] = &[KIND, Shape::Map(&KEYS)];

const KIND: Shape = Shape::Word("sandbox_kind", words::<Kind>);

#[derive(Clone, Copy, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
enum Kind {
    /// Everything may be read, the worktree be written.
    Bwrap,
    /// No bounds.
    None,
}

/// What `sandbox` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sandboxing {
    /// The action runs as any program of the user's.
    Off,
    Bwrap(Sandbox),
}

/// Bounds that bubblewrap keeps. Everything may be read; the worktree may be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sandbox {
    /// `None`: as it is the default; sessions need it.
    pub network: Option<bool>,
    /// Places that may be written beside the worktree: absolute, or below `~/`.
    pub write: Vec<String>,
}

impl Sandboxing {
    /// The bounds, where there are any.
    pub fn bounds(self) -> Option<Sandbox> {
        match self {
            Self::Off => None,
            Self::Bwrap(sandbox) => Some(sandbox),
        }
    }
}

/// Reads the key; `None` where it is not written, or wrong and reported.
pub fn read(fields: &mut Fields<'_, '_>) -> Option<Sandboxing> {
    let node = fields.node("sandbox")?;
    if node.as_text().is_some() {
        let kind = fields.choice("sandbox")?;
        return Some(of_kind(kind, Sandbox { network: None, write: Vec::new() }));
    }
    let mut inner = fields.fields("sandbox")?;
    let kind = inner.choice("kind").unwrap_or(Kind::Bwrap);
    let network = inner.flag("network");
    let write = places(&mut inner);
    inner.rest();
    Some(of_kind(kind, Sandbox { network, write }))
}

fn of_kind(kind: Kind, bounds: Sandbox) -> Sandboxing {
    match kind {
        Kind::Bwrap => Sandboxing::Bwrap(bounds),
        Kind::None => Sandboxing::Off,
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
