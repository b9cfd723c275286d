//! `orch demo`: the main job on an embedded sample, in a scratch repository, with no account: the
//! sessions are played from a script, everything else is real.

use std::path::Path;

use crate::host::error::Doing;
use crate::host::scratch;
use crate::ui::args::{BuildArgs, DemoArgs};
use crate::ui::exit::Exit;
use crate::ui::project::{self, Access};
use crate::ui::shell::{Failure, Ran, Shell, Tone};

use super::build;

const FILES: [(&str, &str); 4] = [
    ("plans/demo.yaml", include_str!("../../../plans/demo.yaml")),
    ("demo-sessions.yaml", include_str!("demo/sessions.yaml")),
    ("orch.yaml", include_str!("demo/orch.yaml")),
    (".gitignore", "/.orch/\n"),
];

/// What the demo edits between two builds: a file that task 2.1 wrote and two others read.
const EDITED: &str = "wordcount.sh";
const EDIT: &str = "# A person was here.\n";

pub fn run(args: &DemoArgs, shell: &mut Shell) -> Ran {
    match &args.keep {
        Some(root) => {
            refuse_taken(root)?;
            let exit = play(root, shell)?;
            shell.note(&format!("look around: cd {} && orch status", root.display()))?;
            Ok(exit)
        }
        None => {
            let folder = tempfile::Builder::new().prefix("orch-demo-").tempdir();
            let folder = folder.doing("making a scratch folder", std::env::temp_dir())?;
            play(folder.path(), shell)
        }
    }
}

/// Nothing of anyone's is mixed with the sample.
fn refuse_taken(root: &Path) -> Result<(), Failure> {
    let is_taken = match std::fs::read_dir(root) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => root.exists(),
    };
    if !is_taken {
        return Ok(());
    }
    Err(Failure::usage_with_help(
        format!("`{}` is there and no empty folder", root.display()),
        "name a folder that is empty or not there yet",
    ))
}

/// Stops at the first build that does not end well.
fn play(root: &Path, shell: &mut Shell) -> Ran {
    scratch::make_repository(root, &FILES)?;
    let acts = [
        "six tasks, two at a time; a validator finds a mistake, and the task is done again",
        "nothing has changed, so nothing runs",
        "a person edits wordcount.sh: only the two tasks that read it run again",
    ];
    for (number, act) in acts.iter().enumerate() {
        if number == 2 {
            edit(root)?;
        }
        headline(number + 1, act, shell)?;
        let exit = build_once(root, shell)?;
        if exit != Exit::Success {
            return Ok(exit);
        }
    }
    Ok(Exit::Success)
}

fn headline(number: usize, act: &str, shell: &mut Shell) -> Result<(), Failure> {
    let command = shell.err_paint().paint(Tone::Strong, "$ orch build");
    let start = if number > 1 { "\n" } else { "" };
    shell.note(&format!("{start}{command}   # {act}"))
}

/// Each build opens the repository anew, as another start of orch would.
fn build_once(root: &Path, shell: &mut Shell) -> Ran {
    let mut project = project::open(root, Access::Exclusive)?;
    let args = BuildArgs { jobs: Some(2), ..BuildArgs::default() };
    build::run(&args, &mut *project, shell, "")
}

fn edit(root: &Path) -> Result<(), Failure> {
    let path = root.join(EDITED);
    let text = std::fs::read_to_string(&path).doing("reading what the demo built", &path)?;
    std::fs::write(&path, text + EDIT).doing("editing what the demo built", &path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::base::source::Source;
    use crate::spec;

    #[test]
    fn the_sample_plan_and_settings_are_in_order() {
        let source = |number: usize| {
            let (path, text) = FILES[number];
            Source::new(RelPath::new(path).unwrap(), text)
        };
        let plan = spec::plan::parse(&source(0));
        assert_eq!(plan.diagnostics, []);
        assert_eq!(plan.value.tasks().count(), 6);
        let native = source(2);
        let config = spec::config::parse(None, Some(&native));
        assert_eq!(config.diagnostics, []);
        assert_eq!(config.value.session.scripted.as_deref(), Some(FILES[1].0));
        let script: serde_json::Value = serde_yaml::from_str(FILES[1].1).unwrap();
        let sessions = plan.value.tasks().filter(|task| task.spec.run.is_none());
        for task in sessions {
            assert!(script.get(task.id.as_str()).is_some(), "{}", task.id);
        }
    }
}
