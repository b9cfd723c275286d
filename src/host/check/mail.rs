//! Addresses that nothing sends mail to.

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::engine::step::Engine;
use crate::host::documents::Loaded;
use crate::spec::plan::Plan;

use super::design::place_of;
use super::tree::is_open;

/// The key of a plan's `meta` by which somebody wants mail of it.
const ADDRESS: &str = "notification_email";

/// Who wants mail of a plan; nobody where that is empty.
pub fn address_of(plan: &Plan) -> Option<String> {
    // As a plan's text has it: in quotes, or as a list.
    let address = plan.meta.extra.get(ADDRESS)?.replace(['"', '[', ']'], "");
    let address = address.trim();
    let is_none = ["", "~", "null", "false", "no"].contains(&address);
    // A command for mail must not take it for an option.
    (!is_none && !address.starts_with('-')).then(|| address.to_owned())
}

/// Plans with something to be done that name an address, where the settings have no command for mail.
pub(super) fn unsent(loaded: &Loaded, engine: &Engine) -> Vec<Diagnostic> {
    if loaded.documents.config.notify.mail.is_some() {
        return Vec::new();
    }
    let of = |source: &Source| {
        let plan = engine.plan_at(&source.path)?;
        address_of(plan)?;
        if plan.tasks().any(is_open) { no_mail(source) } else { None }
    };
    loaded.documents.plans.iter().filter_map(of).collect()
}

fn no_mail(source: &Source) -> Option<Diagnostic> {
    let message = "the plan names an address, and nothing sends mail";
    let advice = Diagnostic::advice("plan::no-mail", message)
        .in_file(&source.path)
        .label(place_of(source, ADDRESS)?, "nobody is told there")
        .help("name a command in orch.yaml: `notify: { mail: [mail, -s, orch] }`");
    Some(advice)
}

#[cfg(test)]
mod tests {
    use crate::host::check::tests::codes_of_plan;

    #[test]
    fn an_address_that_nothing_sends_to_is_told() {
        let check = |address: &str, settings: &str| {
            let meta = format!("name: P, notification_email: {address}");
            let task = "name: A, run: 'true'";
            codes_of_plan(&meta, task, &[("orch.yaml", settings)])
        };
        assert_eq!(check("a@example.org", ""), "plan::no-mail");
        assert_eq!(check("'a@example.org'", ""), "plan::no-mail");
        for none in ["''", "\"\"", "null", "'-a'"] {
            assert_eq!(check(none, ""), "", "{none}");
        }
        assert_eq!(check("a@example.org", "notify: { mail: [mail, -s, orch] }\n"), "");
    }
}
