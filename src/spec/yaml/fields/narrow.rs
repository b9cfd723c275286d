//! Values that only some texts and numbers are good for.

use super::{Fields, shorten};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::EnvName;

impl Fields<'_, '_> {
    /// A whole number from one up.
    pub fn positive(&mut self, name: &'static str) -> Option<u32> {
        let count = self.count(name)?;
        if let (0, Some(node)) = (count, self.node(name)) {
            self.problems.bad_value(name, node, "at least 1: the first one counts");
        }
        (count > 0).then_some(count)
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
