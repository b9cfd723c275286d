//! What makes finished work stale beside what is asked for, and from where on nothing of it is bought
//! again without a word.

use strum::{EnumIter, EnumMessage};

use crate::base::measure::Usd;
use crate::spec::keys::{Shape, value_of, words};
use crate::spec::yaml::Fields;

/// The settings of both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rebuild {
    pub on: RebuildOn,
    /// `None`: nothing is held.
    pub ask_above: Option<AskAbove>,
}

/// Further causes of staleness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RebuildOn {
    /// Another agent, model, tool or wording.
    pub recipe: bool,
}

/// What may be bought again in one build, or in a day of watching, without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AskAbove {
    pub sessions: u32,
    /// By estimate.
    pub usd: Usd,
}

impl Default for Rebuild {
    fn default() -> Self {
        Self { on: RebuildOn::default(), ask_above: Some(AskAbove::default()) }
    }
}

impl Default for AskAbove {
    fn default() -> Self {
        Self { sessions: 5, usd: Usd::from_dollars(2.0) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
enum Cause {
    /// Another agent, model, tool or wording of the prompt.
    Recipe,
}

/// How `rebuild_on` is written.
pub const CAUSES: &[Shape] = &[CAUSE, Shape::List(&CAUSE)];

const CAUSE: Shape = Shape::Word("cause", words::<Cause>);

/// `rebuild_on`; `None` where it is not written.
pub fn read_on(fields: &mut Fields<'_, '_>) -> Option<RebuildOn> {
    let node = fields.node("rebuild_on")?;
    let mut on = RebuildOn::default();
    for (text, _) in fields.texts("rebuild_on") {
        match value_of::<Cause>(text) {
            Some(Cause::Recipe) => on.recipe = true,
            None => fields.problems().bad_value("rebuild_on", node, "`[recipe]`, or nothing"),
        }
    }
    Some(on)
}

/// `rebuild` and `rebuild_on` of the settings.
pub fn read(fields: &mut Fields<'_, '_>, rebuild: &mut Rebuild) {
    rebuild.on = read_on(fields).unwrap_or(rebuild.on);
    let Some(mut inner) = fields.fields("rebuild") else { return };
    if inner.node("ask_above").and_then(|it| it.as_text()) == Some("none") {
        rebuild.ask_above = None;
    } else if let Some(mut bounds) = inner.fields("ask_above") {
        let default = AskAbove::default();
        rebuild.ask_above = Some(AskAbove {
            sessions: bounds.count("sessions").unwrap_or(default.sessions),
            usd: bounds.number("usd").map(Usd::from_dollars).unwrap_or(default.usd),
        });
        bounds.rest();
    }
    inner.rest();
}
