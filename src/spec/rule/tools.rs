//! Which tools a session gets: those of its agent, else a default set that fits its rule.

use crate::spec::agent::{Agent, DEFAULT_TOOLS};

use super::Rule;

/// Those of the default set that do nothing but write files.
const WRITERS: [&str; 2] = ["Edit", "Write"];

/// The agent's own tools. Where it declares none: the default set and what the rule needs, without
/// those that write files where the rule allows no file to be written. Never one that it disallows.
pub fn tools_of(rule: &Rule, agent: Option<&Agent>) -> Vec<String> {
    let defaults = defaults_of(rule);
    match agent {
        Some(agent) => agent.tools_or(&defaults),
        None => defaults,
    }
}

fn defaults_of(rule: &Rule) -> Vec<String> {
    let only_looks = rule.outputs.allowed.as_ref().is_some_and(|it| it.patterns.is_empty());
    let defaults = DEFAULT_TOOLS.iter().filter(|tool| !(only_looks && WRITERS.contains(tool)));
    let mut tools: Vec<String> = defaults.map(|tool| (*tool).to_owned()).collect();
    for needed in &rule.needs_tools {
        if !tools.contains(needed) {
            tools.push(needed.clone());
        }
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::base::source::Source;

    fn check(rule: &str, agent: &str) -> String {
        let drafts = crate::spec::builtin::rules();
        let prompt = |name: &str| crate::spec::builtin::prompt(name).map(str::to_owned);
        let drafts = drafts.iter().map(|it| crate::spec::rule::parse(it, &prompt).value).collect();
        let rules = crate::spec::rule::resolve(drafts).value;
        let source = Source::new(RelPath::new("a.md").unwrap(), agent);
        let agent = crate::spec::agent::parse(&source).value;
        tools_of(&rules[rule], Some(&agent)).join(" ")
    }

    #[test]
    fn declared_tools_are_all_there_are_and_defaults_fit_the_rule() {
        assert_eq!(check("implement", "---\ntools: Read, Bash(git *)\n---\n"), "Read Bash(git *)");
        assert_eq!(check("implement", "Do it."), "Read Grep Glob Edit Write Bash");
        assert_eq!(check("review", "Look."), "Read Grep Glob Bash");
        assert_eq!(check("implement", "---\ntools: '*'\n---\n"), "Read Grep Glob Edit Write Bash");
        let careful = "---\ndisallowedTools: Bash, WebFetch\n---\n";
        assert_eq!(check("implement", careful), "Read Grep Glob Edit Write");
        let both =
            "---\ntools: Read, Bash(git *), Edit\ndisallowedTools: [Bash, Edit(*.md)]\n---\n";
        assert_eq!(check("implement", both), "Read Edit");
    }
}
