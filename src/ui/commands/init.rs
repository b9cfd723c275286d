//! `orch init`: sets up a repository: writes `orch.yaml` if there is none, and nothing else.

use std::path::Path;

use crate::host::scaffold::{self, Written};
use crate::ui::exit::Exit;
use crate::ui::shell::{Failure, Ran, Shell};

const FILE: &str = "orch.yaml";

/// Every line is a comment or a default, so the file changes nothing by being there.
const TEXT: &str = include_str!("init/orch.yaml");

pub fn run(root: &Path, shell: &mut Shell) -> Ran {
    if is_bare(root) {
        return Err(Failure::usage_with_help(
            "the repository is bare: there is no checkout to set up",
            "clone it, and run orch in the clone",
        ));
    }
    let path = root.join(FILE);
    match scaffold::write_new(&path, TEXT)? {
        Written::Created => shell.data(&format!("created {FILE}\n"))?,
        Written::Existed => {
            shell.data(&format!("{FILE} is there already; it is left as it is\n"))?
        }
    }
    if !root.join(".git").exists() {
        shell.warn("this is no git repository yet: `git init`, then commit something")?;
    }
    shell.note(NEXT)?;
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

    #[test]
    fn nothing_is_written_into_a_bare_repository() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::create_dir(folder.path().join("objects")).unwrap();
        let mut shell = Shell::of_writers(std::io::sink(), std::io::sink());
        let ran = run(folder.path(), &mut shell);
        assert_eq!(shell.conclude(ran), Exit::BadDocuments);
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), std::io::sink());
        assert!(matches!(run(folder.path(), &mut shell), Ok(Exit::Success)));
        std::fs::write(folder.path().join(FILE), "mine").unwrap();
        assert!(matches!(run(folder.path(), &mut shell), Ok(Exit::Success)));
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text, "mine");
        assert_eq!(
            out.text(),
            "created orch.yaml\norch.yaml is there already; it is left as it is\n"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
