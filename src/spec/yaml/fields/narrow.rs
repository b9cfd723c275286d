//! Values that only some texts and numbers are good for.

use super::{Fields, shorten};
use crate::base::diagnostic::Diagnostic;
use crate::base::measure::Millis;
use crate::base::name::{EnvName, ModelName};
use crate::base::source::Span;
use crate::spec::model::meant_by;

impl Fields<'_, '_> {
    /// How long something may take: longer than no time at all.
    pub fn time_limit(&mut self, name: &'static str) -> Option<Millis> {
        let limit = self.duration(name)?;
        if let (Millis(0), Some(node)) = (limit, self.node(name)) {
            self.problems.bad_value(name, node, "some time, such as `10m`; without the key, none");
        }
        (limit > Millis(0)).then_some(limit)
    }

    /// The model under `model`. One that starts with `-` would be an option of the session's CLI;
    /// `inherit` means no model of its own.
    pub fn model(&mut self) -> Option<ModelName> {
        self.model_at("model")
    }

    /// As [`Fields::model`], under another name.
    pub fn model_at(&mut self, name: &'static str) -> Option<ModelName> {
        let text = self.text(name)?.trim();
        if let (true, Some(node)) = (text.starts_with('-'), self.node(name)) {
            self.problems.bad_value(name, node, "a name, such as `sonnet`");
            return None;
        }
        if let (Some(meant), Some(node)) = (meant_by(text), self.node(name)) {
            self.problems.report(unknown_model(text, meant, node.span.clone()));
        }
        let is_own = !text.is_empty() && !text.eq_ignore_ascii_case("inherit");
        is_own.then(|| ModelName::new(text))
    }

    /// Names of variables of the environment.
    pub fn env_names(&mut self, name: &'static str) -> Vec<EnvName> {
        let mut names = Vec::new();
        for (text, span) in self.texts(name) {
            if !text.is_empty() && !text.contains(['=', '\0']) {
                names.push(EnvName::new(text));
                continue;
            }
            let message = format!("`{}` is no name of a variable", shorten(text));
            self.problems.report(
                Diagnostic::error(self.problems.codes.bad_value, message)
                    .label(span, "in this name")
                    .help(
                        "the name alone, as `[CI]`: its value is the one that orch is started with",
                    ),
            );
        }
        names
    }
}

/// Only the service knows its models: no error, which would keep other tasks from running.
fn unknown_model(name: &str, meant: &str, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "document::unknown-model",
        format!("there may be no model `{}`", shorten(name)),
    )
    .label(span, "asked for here")
    .help(format!("did you mean `{meant}`? A full name looks like `claude-{meant}-4-5`"))
}
