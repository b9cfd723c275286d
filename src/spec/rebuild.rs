//! What makes finished work stale beside what is asked for, and from where on nothing of it is bought
//! again without a word.

use strum::{EnumIter, EnumMessage};

use crate::base::diagnostic::Diagnostic;
use crate::base::measure::Usd;
use crate::base::source::Span;
use crate::spec::keys::{Shape, value_of, words};
use crate::spec::yaml::{Codes, Fields};

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

const ASK_ABOVE_FORMS: &str =
    "`{ sessions: 5, usd: 2 }`: more than either is held; `none`: nothing is";

/// How `rebuild_on` is written.
pub const CAUSES: &[Shape] = &[CAUSE, Shape::List(&CAUSE)];

const CAUSE: Shape = Shape::Word("cause", words::<Cause>);

/// `rebuild_on`; `None` where it is not written.
pub fn read_on(fields: &mut Fields<'_, '_>) -> Option<RebuildOn> {
    fields.node("rebuild_on")?;
    let mut on = RebuildOn::default();
    for (text, span) in fields.texts("rebuild_on") {
        match value_of::<Cause>(text) {
            Some(Cause::Recipe) => on.recipe = true,
            None => fields.problems().report(no_cause(text, span, fields.problems().codes)),
        }
    }
    Some(on)
}

fn no_cause(text: &str, span: Span, codes: &Codes) -> Diagnostic {
    Diagnostic::error(codes.bad_value, format!("`rebuild_on` cannot be `{text}`"))
        .label(span, "no such cause")
        .help("`[recipe]`: another agent, model, tool or wording; `[]`: none of these")
}

/// `rebuild` and `rebuild_on` of the settings.
pub fn read(fields: &mut Fields<'_, '_>, rebuild: &mut Rebuild) {
    rebuild.on = read_on(fields).unwrap_or(rebuild.on);
    let Some(mut inner) = fields.fields("rebuild") else { return };
    let written = inner.node("ask_above");
    if let Some(node) = written.filter(|it| it.as_mapping().is_none()) {
        match node.as_text() {
            Some("none") => rebuild.ask_above = None,
            _ => inner.problems().bad_value("ask_above", node, ASK_ABOVE_FORMS),
        }
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
