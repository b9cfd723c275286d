//! `sandbox`, in rules and settings: what an attempt may reach of the machine. A bound, as limits
//! are: it is in no key.

use crate::spec::yaml::Fields;

/// The keys of the long form.
pub const KEYS: &[&str] = &["kind", "network", "write"];

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
    match node.as_text() {
        Some("none") => return Some(Sandboxing::Off),
        Some("bwrap") => return Some(Sandboxing::Bwrap(Sandbox { network: None, write: vec![] })),
        Some(_) => {
            fields.problems().bad_value("sandbox", node, "it is `bwrap` or `none`");
            return None;
        }
        None => {}
    }
    let mut inner = fields.fields("sandbox")?;
    let is_off = inner.choice("kind", &[("bwrap", false), ("none", true)]);
    let network = inner.flag("network");
    let write = places(&mut inner);
    debug_assert!(inner.reads_only(KEYS));
    inner.refuse_rest();
    Some(match is_off {
        Some(true) => Sandboxing::Off,
        _ => Sandboxing::Bwrap(Sandbox { network, write }),
    })
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
