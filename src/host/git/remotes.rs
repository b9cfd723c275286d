//! The user's remotes: the git of a worktree has none, and the project's own set-up line may need them.

use super::Repository;

impl Repository {
    /// Where each remote is and what is fetched from it, as settings of git; a path that starts at the
    /// checkout is made to start there from anywhere.
    pub fn remotes(&self) -> Vec<(String, String)> {
        let git = self.local();
        let config = git.config_snapshot();
        let mut found = Vec::new();
        for section in config.sections_by_name("remote").into_iter().flatten() {
            let Some(name) = section.header().subsection_name() else { continue };
            for key in ["url", "fetch"] {
                for value in section.values(key) {
                    let value = value.to_string();
                    let is_near = key == "url" && value.starts_with('.');
                    let value = match is_near {
                        true => self.root().join(&value).display().to_string(),
                        false => value,
                    };
                    found.push((format!("remote.{name}.{key}"), value));
                }
            }
        }
        found
    }
}
