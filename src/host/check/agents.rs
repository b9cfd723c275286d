//! Agents whose sessions the CLI would refuse on this machine.

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::spec::agent::{self, Permission};

/// A finding for each agent that asks for `permission: bypass` where the CLI does not start so.
pub fn refused(agents: &[Source]) -> Vec<Diagnostic> {
    let is_sandbox = std::env::var_os("IS_SANDBOX").is_some_and(|it| it == "1");
    let is_refused = rustix::process::geteuid().is_root() && !is_sandbox;
    agents.iter().filter(|_| is_refused).filter_map(refused_as_root).collect()
}

fn refused_as_root(source: &Source) -> Option<Diagnostic> {
    let agent = agent::parse(source).value;
    if agent.permission != Permission::Bypass {
        return None;
    }
    let message =
        format!("sessions of `{}` cannot start here: `permission: bypass` as root", agent.name);
    let help = "the CLI refuses that: run orch as another user, set IS_SANDBOX=1 in a real sandbox, or say \
                `permission: least` and list `tools`";
    Some(Diagnostic::warning("agent::bypass-as-root", message).help(help).in_file(&source.path))
}
