//! `orch trust`: lets commands run that a repository names for orch itself, before anybody built there.

use std::path::Path;

use crate::host::documents;
use crate::host::trust::{Trust, Trusted};
use crate::ui::args::TrustArgs;
use crate::ui::exit::Exit;
use crate::ui::shell::{Ran, Shell};

pub fn run(args: &TrustArgs, root: &Path, shell: &mut Shell) -> Ran {
    let trusted = Trusted::here();
    if args.forget {
        let text = match trusted.take_back(root)? {
            true => "not trusted any more",
            false => "it was not trusted",
        };
        return say(shell, root, text);
    }
    let session = documents::read(root, &[])?.documents.config.session;
    if trusted.of(root, &session) == Trust::NotNeeded {
        return say(
            shell,
            root,
            "nothing to trust: it names no command that runs outside of builds",
        );
    }
    trusted.give(root, &session)?;
    let command = session.claude.join(" ");
    say(shell, root, &format!("trusted to run `{command}`, which `session.claude` names"))
}

fn say(shell: &mut Shell, root: &Path, text: &str) -> Ran {
    let root = root.display().to_string();
    let text = match shell.is_json() {
        true => crate::ui::json::line_of(&serde_json::json!({ "root": root, "trust": text })),
        false => format!("{root}: {text}\n"),
    };
    shell.data(&text)?;
    Ok(Exit::Success)
}
