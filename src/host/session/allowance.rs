//! What a session may do, in the CLI's words: which tools there are, and which calls are let through.
//!
//! As measured with versions 2.1.150 to 2.1.332: without `--tools` every tool exists, whatever is
//! allowed. A relative pattern is resolved at the folder that the session's shell stands in, which
//! moves; `//PATH` is absolute. `Write(PATTERN)` lets nothing through, `Edit(PATTERN)` covers all
//! tools that write files.

use std::path::Path;

use crate::spec::agent::DEFAULT_TOOLS;

/// What `--tools` and `--allowedTools` are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Built-in tools that exist.
    pub tools: Vec<String>,
    /// Calls that are let through; everything else is denied.
    pub rules: Vec<String>,
}

impl Allowance {
    /// Of an agent's tools; none declared are the default ones. Files are written below `worktree`
    /// only, which is absolute.
    pub fn of(tools: &[String], worktree: &Path) -> Self {
        let defaults: Vec<String> = DEFAULT_TOOLS.map(str::to_owned).into();
        let declared = if tools.is_empty() { &defaults } else { tools };
        let declared: Vec<Declared<'_>> = declared.iter().map(|tool| Declared::of(tool)).collect();
        let mut tools: Vec<String> = declared.iter().map(Declared::built_in).collect();
        let mut rules: Vec<String> = declared.iter().flat_map(|it| it.rules(worktree)).collect();
        for words in [&mut tools, &mut rules] {
            words.retain(|word| !word.is_empty());
            words.sort();
            words.dedup();
        }
        Self { tools, rules }
    }
}

/// A tool as an agent declares it: `Bash`, `Bash(git *)`.
struct Declared<'a> {
    name: &'a str,
    scope: Option<&'a str>,
}

impl<'a> Declared<'a> {
    fn of(tool: &'a str) -> Self {
        let tool = tool.trim();
        match tool.strip_suffix(')').and_then(|it| it.split_once('(')) {
            Some((name, scope)) => Self { name: name.trim(), scope: Some(scope) },
            None => Self { name: tool, scope: None },
        }
    }

    /// Its name for `--tools`; empty for tools of servers, which are not built in.
    fn built_in(&self) -> String {
        match self.name {
            "MultiEdit" => "Edit".to_owned(),
            name if name.starts_with("mcp__") => String::new(),
            name => name.to_owned(),
        }
    }

    fn rules(&self, worktree: &Path) -> Vec<String> {
        match (self.name, self.scope) {
            ("Edit" | "MultiEdit" | "Write" | "NotebookEdit", scope) => {
                anchored("Edit", scope.unwrap_or("**"), worktree)
            }
            ("Read", Some(scope)) => anchored("Read", scope, worktree),
            (name, Some(scope)) => vec![format!("{name}({scope})")],
            (name, None) => vec![name.to_owned()],
        }
    }
}

/// The rule with an absolute pattern. `//PATH` and `~/PATH` are so already; `/PATH` starts at the
/// project, which is the worktree. Not every name of a folder can be written as a pattern: there the
/// rule that follows the shell's folder stands beside it.
fn anchored(tool: &str, pattern: &str, worktree: &Path) -> Vec<String> {
    if pattern.starts_with("//") || pattern.starts_with("~/") {
        return vec![format!("{tool}({pattern})")];
    }
    let below = pattern.trim_start_matches("./").trim_start_matches('/');
    let plain = worktree.to_string_lossy();
    let root = escaped(&plain);
    let relative = (root != plain).then(|| format!("{tool}(./{below})"));
    relative.into_iter().chain([format!("{tool}(/{root}/{below})")]).collect()
}

/// A folder's name may have what is special in a pattern.
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for character in path.chars() {
        if "\\*?[](){}!".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tools: &[&str]) -> String {
        let tools: Vec<String> = tools.iter().map(|it| (*it).to_owned()).collect();
        let Allowance { tools, rules } = Allowance::of(&tools, Path::new("/repo/w/1"));
        format!("{} | {}", tools.join(","), rules.join(" "))
    }

    #[test]
    fn there_is_what_is_declared_and_files_are_written_below_the_worktree() {
        insta::assert_snapshot!(check(&[]), @"Bash,Edit,Glob,Grep,Read,Write | Bash Edit(//repo/w/1/**) Glob Grep Read");
        insta::assert_snapshot!(check(&["Read", "Write"]), @"Read,Write | Edit(//repo/w/1/**) Read");
        insta::assert_snapshot!(check(&["Read", "Edit"]), @"Edit,Read | Edit(//repo/w/1/**) Read");
        insta::assert_snapshot!(check(&[" MultiEdit ", "NotebookEdit"]), @"Edit,NotebookEdit | Edit(//repo/w/1/**)");
    }

    #[test]
    fn a_scope_of_the_agent_is_kept_and_does_not_move_with_the_shell() {
        insta::assert_snapshot!(check(&["Bash(git *)", "Bash(cargo test)"]), @"Bash | Bash(cargo test) Bash(git *)");
        insta::assert_snapshot!(check(&["Write(./docs/**)", "Edit(/src/**)"]), @"Edit,Write | Edit(//repo/w/1/docs/**) Edit(//repo/w/1/src/**)");
        insta::assert_snapshot!(check(&["Read(~/notes/**)", "Edit(//data/**)", "mcp__tracker__list"]), @"Edit,Read | Edit(//data/**) Read(~/notes/**) mcp__tracker__list");
    }

    #[test]
    fn a_folder_is_no_pattern() {
        let rules = Allowance::of(&["Edit".to_owned()], Path::new("/a [b] (c)")).rules;
        assert_eq!(rules, ["Edit(./**)", "Edit(//a \\[b\\] \\(c\\)/**)"]);
    }
}
