//! `orch init`: sets up a repository: writes what is not there yet, and nothing over what is.

mod claude;

use std::path::Path;

use crate::host::scaffold::{self, Written};
use crate::ui::args::InitArgs;
use crate::ui::exit::Exit;
use crate::ui::shell::{Failure, Ran, Shell};

const FILE: &str = "orch.yaml";

/// Every line is a comment or a default, so the file changes nothing by being there.
const TEXT: &str = include_str!("init/orch.yaml");

pub fn run(args: &InitArgs, root: &Path, shell: &mut Shell) -> Ran {
    if is_bare(root) {
        return Err(Failure::usage_with_help(
            "the repository is bare: there is no checkout to set up",
            "clone it, and run orch in the clone",
        ));
    }
    let mut files = vec![(FILE.to_owned(), TEXT)];
    if args.claude {
        files.extend(claude::files());
    }
    let mut n_own = 0;
    for (path, text) in files {
        let place = root.join(&path);
        let found = match args.dry_run {
            true => scaffold::look(&place),
            false => scaffold::write_new(&place, text)?,
        };
        let said = match found {
            Written::Created if args.dry_run => format!("would create {path}\n"),
            Written::Created => format!("created {path}\n"),
            Written::Existed if scaffold::holds(&place, text) => {
                format!("{path} is there already, and the same\n")
            }
            Written::Existed => {
                n_own += usize::from(path != FILE);
                format!("{path} is there already; it is left as it is\n")
            }
        };
        shell.data(&said)?;
    }
    if n_own > 0 {
        shell.note(claude::KEPT)?;
    }
    if !root.join(".git").exists() {
        shell.warn("this is no git repository yet: `git init`, then commit something")?;
    }
    if !args.dry_run {
        shell.note(if args.claude { claude::NEXT } else { NEXT })?;
    }
    Ok(Exit::Success)
}

/// Whether the folder is git's own, without a checkout around it.
fn is_bare(root: &Path) -> bool {
    !root.join(".git").exists() && root.join("HEAD").is_file() && root.join("objects").is_dir()
}

const NEXT: &str = "\
next:
  orch doctor          is everything there
  orch new plan NAME   start a plan
  orch check           is it right
  orch build -n        what would run, and the likely cost
  orch build           run it";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;

    fn check(folder: &Path, claude: bool, dry_run: bool) -> String {
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), std::io::sink());
        let ran = run(&InitArgs { claude, dry_run }, folder, &mut shell);
        assert!(matches!(ran, Ok(Exit::Success)));
        out.text()
    }

    #[test]
    fn nothing_is_written_into_a_bare_repository() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::create_dir(folder.path().join("objects")).unwrap();
        let mut shell = Shell::of_writers(std::io::sink(), std::io::sink());
        let ran = run(&InitArgs::default(), folder.path(), &mut shell);
        assert_eq!(shell.conclude(ran), Exit::BadDocuments);
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(check(root, false, false), "created orch.yaml\n");
        assert_eq!(check(root, false, false), "orch.yaml is there already, and the same\n");
        std::fs::write(root.join(FILE), "mine").unwrap();
        assert_eq!(check(root, false, false), "orch.yaml is there already; it is left as it is\n");
        assert_eq!(std::fs::read_to_string(root.join(FILE)).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 1);
    }

    #[test]
    fn files_for_claude_are_written_beside_those_of_the_user() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(".claude/skills/implement/SKILL.md");
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "mine").unwrap();
        assert!(check(folder.path(), true, true).contains("would create orch.yaml\n"));
        assert!(!folder.path().join(FILE).exists());
        insta::assert_snapshot!(check(folder.path(), true, false), @r"
        created orch.yaml
        .claude/skills/implement/SKILL.md is there already; it is left as it is
        created .claude/skills/implement/strategy.md
        created .claude/skills/implement/design-template.md
        created .claude/skills/implement/sample-plan.yaml
        created .claude/skills/coding-rules/SKILL.md
        created .claude/checklists/crud-operations.md
        created .claude/checklists/data-display.md
        created .claude/checklists/navigation.md
        ");
        assert_eq!(std::fs::read_to_string(own).unwrap(), "mine");
        assert_eq!(check(folder.path(), true, false).matches("and the same").count(), 8);
    }
}
