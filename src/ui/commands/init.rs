//! `orch init`: sets up a repository: writes `orch.yaml` if there is none, and nothing else.

use std::path::Path;

use crate::host::scaffold::{self, Written};
use crate::ui::exit::Exit;
use crate::ui::shell::{Ran, Shell};

const FILE: &str = "orch.yaml";

/// Every line is a comment or a default, so the file changes nothing by being there.
const TEXT: &str = include_str!("init/orch.yaml");

pub fn run(root: &Path, shell: &mut Shell) -> Ran {
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
