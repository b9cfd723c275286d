//! Agent files: in the folder of agents and in folders below it, as collections of them come, and those
//! of the user. One that is no text keeps nobody from building; who names it is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::host::error::{Error, Result};
use crate::spec::agent::{self, has_front_matter};
use crate::spec::builtin;

use super::place::{Disk, Place};
use super::{Loaded, Unread, has_ending};

/// Folders nest at most this deep.
const MAX_DEPTH: usize = 16;

impl Loaded {
    pub(super) fn read_agents(&mut self, place: &dyn Place, folder: &str) -> Result<()> {
        for path in self.agent_files(place, folder)? {
            match place.text(&path) {
                Ok(text) if is_agent(&path, &text, folder) => {
                    self.take_agent(Source::new(path, text));
                }
                Ok(_) => {}
                Err(unread) => self.take_unread(path, unread),
            }
        }
        Ok(())
    }

    /// Agents that the user keeps beside the settings of the CLI (`~/.claude/agents`), as the CLI reads
    /// them: for names that a document speaks of, and that neither the project nor orch has an agent for.
    pub(super) fn read_users_agents(&mut self, config_folder: &Path) {
        let mut own = Loaded::default();
        let is_read = own.read_agents(&Disk(config_folder), "agents").is_ok();
        // Documents are read often, and few users have any: nothing else is looked at then.
        if !is_read || own.documents.agents.is_empty() {
            return;
        }
        let name_of = |source: &Source| agent::parse(source).value.name;
        let known: BTreeSet<_> =
            self.documents.agents.iter().chain(&builtin::agents()).map(name_of).collect();
        for source in own.documents.agents {
            let name = name_of(&source);
            let path = RelPath::new(format!("~/.claude/{}", source.path));
            if let Some(path) =
                path.filter(|_| !known.contains(&name) && self.speaks_of(name.as_str()))
            {
                self.take_agent(Source { path, text: source.text });
            }
        }
    }

    fn speaks_of(&self, name: &str) -> bool {
        self.sources.values().any(|source| source.text.contains(name))
    }

    fn take_agent(&mut self, source: Source) {
        self.sources.insert(source.path.clone(), source.clone());
        self.documents.agents.push(source);
    }

    /// What is not UTF-8 in places is read with `U+FFFD` there, as Claude Code does; other encodings
    /// would make no role of it.
    fn take_unread(&mut self, path: RelPath, unread: Unread) {
        let Unread { diagnostic, shown } = unread;
        let is_text = diagnostic.code == "document::not-utf8" && !shown.contains('\0');
        let source = Source::new(path.clone(), shown);
        if is_text {
            self.take_agent(source);
        } else {
            self.documents.unread_agents.insert(path.clone(), diagnostic.message.clone());
            self.sources.insert(path, source);
        }
        self.diagnostics.push(Diagnostic { severity: Severity::Warning, ..*diagnostic });
    }

    /// By path, those in deeper folders first: of two with one name the one nearer to the top counts.
    fn agent_files(&mut self, place: &dyn Place, folder: &str) -> Result<Vec<RelPath>> {
        let Some(top) = RelPath::normalize(folder) else { return Ok(Vec::new()) };
        let mut found: Vec<(usize, RelPath)> = Vec::new();
        let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
        let mut folders = vec![(0, top)];
        while let Some((depth, folder)) = folders.pop() {
            let is_new = place.identity_of(&folder).is_some_and(|it| seen.insert(it));
            if !is_new || depth > MAX_DEPTH {
                continue;
            }
            let names = match place.names(&folder) {
                Ok(names) => names,
                Err(error) if depth == 0 => return Err(error),
                Err(error) => {
                    self.diagnostics.push(unread_folder(&folder, &error));
                    continue;
                }
            };
            for name in names.iter().filter(|it| !it.starts_with('.')) {
                let Some(path) = folder.join(name) else { continue };
                if place.is_folder(&path) {
                    folders.push((depth + 1, path));
                } else if has_ending(path.file_name(), &["md"]) {
                    found.push((depth, path));
                }
            }
        }
        found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.cmp(other)));
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

/// Below the folder of agents lie other texts too: there a role without front matter is none.
fn is_agent(path: &RelPath, text: &str, folder: &str) -> bool {
    let is_at_top = RelPath::normalize(folder).is_some_and(|it| path.parent() == Some(it.as_str()));
    is_at_top || has_front_matter(text)
}

fn unread_folder(folder: &RelPath, why: &Error) -> Diagnostic {
    Diagnostic::warning(
        "document::unreadable",
        format!("{folder} cannot be read: {}", why.on_one_line()),
    )
    .help("agents in it are not known; check its permissions")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::documents::place::Disk;

    #[test]
    fn agents_of_folders_count_and_none_that_is_no_text_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let file = |path: &str, bytes: &[u8]| {
            let path = root.join("agents").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        file("b.md", b"top");
        file("team/deep/a.md", b"---\nname: d\n---\n");
        file("team/b.md", b"---\n---\nlower");
        file("team/latin.md", b"---\n---\ncaf\xe9");
        file("team/wide.md", b"\xff\xfea\0b\0");
        file("team/README.md", b"no");
        file(".hidden/c.md", b"no");
        file("team/notes.txt", b"no");
        std::os::unix::fs::symlink("..", root.join("agents/team/round")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("agents/team/lost.md")).unwrap();
        let mut loaded = Loaded::default();
        loaded.read_agents(&Disk(root), "agents").unwrap();
        let agents = loaded.documents.agents.iter();
        let read: Vec<String> =
            agents.map(|it| format!("{} {}", it.path, it.text.replace("---\n", ""))).collect();
        assert_eq!(
            read,
            [
                "agents/team/deep/a.md name: d\n",
                "agents/team/b.md lower",
                "agents/team/latin.md caf\u{fffd}",
                "agents/b.md top",
            ]
        );
        let unread: Vec<&str> =
            loaded.documents.unread_agents.keys().map(RelPath::as_str).collect();
        assert_eq!(unread, ["agents/team/lost.md", "agents/team/wide.md"]);
        assert_eq!(loaded.diagnostics.len(), 3);
        assert!(!loaded.diagnostics.iter().any(Diagnostic::is_error));
    }

    #[test]
    fn the_users_own_agents_serve_where_nobody_else_has_one_of_the_name() {
        let scratch = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = scratch.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("project/plans/a.yaml", "agent: mine, theirs, planner");
        file("project/agents/theirs.md", "of the project");
        for name in ["mine", "theirs", "planner", "unnamed"] {
            file(&format!("home/agents/{name}.md"), "of the user");
        }
        let mut loaded = Loaded::default();
        let project = scratch.path().join("project");
        let plan = [RelPath::new("plans/a.yaml").unwrap()];
        loaded.read_all(&Disk(&project), plan);
        loaded.read_agents(&Disk(&project), "agents").unwrap();
        loaded.read_users_agents(&scratch.path().join("home"));
        let agents = loaded.documents.agents.iter();
        let read: Vec<String> = agents.map(|it| format!("{} {}", it.path, it.text)).collect();
        assert_eq!(
            read,
            ["agents/theirs.md of the project", "~/.claude/agents/mine.md of the user"]
        );
        loaded.read_users_agents(&scratch.path().join("nowhere"));
        assert_eq!(loaded.documents.agents.len(), 2);
    }
}
