//! Rules that do no task but tell people what happens in a build.

use std::collections::BTreeSet;

use strum::{EnumIter, EnumMessage, IntoStaticStr};

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Span;
use crate::spec::keys::{value_of, words};
use crate::spec::text::nearest;
use crate::spec::yaml::Fields;

/// The built-in rule that all others of this kind extend.
pub const NOTIFY: &str = "notify";

/// What people are told of outside of orch.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumMessage, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Occasion {
    /// The first task of a plan starts, or is replayed.
    PlanStarted,
    /// Nothing of a plan is left to be done in this build, however it went.
    PlanEnded,
    /// Every task of a section is accepted.
    SectionDone,
    /// A task has failed for good.
    TaskFailed,
    /// A stage of a backlog item has failed for good.
    ItemFailed,
    /// A session asks a person something.
    Question,
    /// Finished work would be bought again, and is held.
    MoneyGuard,
    /// Something does not start for lack of money.
    Budget,
    /// A usage limit of the account holds sessions back.
    Limit,
    /// That limit is over.
    LimitOver,
    /// Too many failures in a row: no more of a plan starts, or the service counts as down.
    Breaker,
    /// The service answers again.
    BreakerOver,
    /// No session starts before a person has seen to it: login, billing, the program.
    Held,
    /// What landed waits for a file of the user's.
    Parked,
    /// A fault of orch itself.
    Fault,
    /// The build is over; a watch, when it is ended.
    BuildEnded,
}

impl Occasion {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// When it tells, and how beside the rule's `run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notify {
    pub on: BTreeSet<Occasion>,
    /// Where JSON is posted to; `${NAME}` in it stands for a variable of the environment.
    pub webhook: Option<String>,
    /// A notice of the desktop.
    pub desktop: bool,
    /// The bell of the terminal that orch runs in.
    pub bell: bool,
}

impl Notify {
    /// True where it tells by something else than a command.
    pub fn has_means(&self) -> bool {
        self.webhook.is_some() || self.desktop || self.bell
    }
}

/// What one file says; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NotifyParts {
    on: Option<BTreeSet<Occasion>>,
    webhook: Option<String>,
    desktop: Option<bool>,
    bell: Option<bool>,
}

impl NotifyParts {
    pub fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            on: fields.node("on").is_some().then(|| occasions_of(fields)),
            webhook: webhook_of(fields),
            desktop: fields.flag("desktop"),
            bell: fields.flag("bell"),
        }
    }

    pub fn over(self, parent: Self) -> Self {
        Self {
            on: self.on.or(parent.on),
            webhook: self.webhook.or(parent.webhook),
            desktop: self.desktop.or(parent.desktop),
            bell: self.bell.or(parent.bell),
        }
    }

    /// `None` where nothing is said of when.
    pub fn into_notify(self) -> Option<Notify> {
        Some(Notify {
            on: self.on?,
            webhook: self.webhook,
            desktop: self.desktop.unwrap_or(false),
            bell: self.bell.unwrap_or(false),
        })
    }

    /// True where a file says how and nothing says when.
    pub fn lacks_occasion(&self) -> bool {
        let is_meant = [self.desktop, self.bell].contains(&Some(true));
        self.on.is_none() && (self.webhook.is_some() || is_meant)
    }
}

fn occasions_of(fields: &mut Fields<'_, '_>) -> BTreeSet<Occasion> {
    let mut occasions = BTreeSet::new();
    for (word, span) in fields.texts("on") {
        match value_of(word) {
            Some(occasion) => drop(occasions.insert(occasion)),
            None => fields.problems().report(unknown_event(word, span)),
        }
    }
    occasions
}

fn unknown_event(word: &str, span: Span) -> Diagnostic {
    let known: Vec<&str> = words::<Occasion>().into_iter().map(|it| it.text).collect();
    let help = match nearest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    Diagnostic::error("rule::unknown-event", format!("nothing is told as `{word}`"))
        .label(span, "unknown event")
        .help(help)
}

fn webhook_of(fields: &mut Fields<'_, '_>) -> Option<String> {
    let url = fields.text("webhook")?.trim().to_owned();
    let is_url = ["https://", "http://", "${"].iter().any(|start| url.starts_with(start));
    if !is_url && let Some(node) = fields.node("webhook") {
        let help = "`https://...`, or `${NAME}` where the environment has it";
        fields.problems().bad_value("webhook", node, help);
    }
    is_url.then_some(url)
}
