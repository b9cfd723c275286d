//! Which tools a session gets: those of its agent, else a default set that fits its rule.

use crate::spec::agent::Agent;

use super::Rule;

/// What a session may use where its agent declares no tools.
pub const DEFAULT_TOOLS: [&str; 6] = ["Read", "Grep", "Glob", "Edit", "Write", "Bash"];

/// Those of the default set that do nothing but write files.
const WRITERS: [&str; 2] = ["Edit", "Write"];

/// The agent's own tools. Where it declares none: the default set and what the rule needs, without
/// those that write files where the rule allows no file to be written.
pub fn tools_of(rule: &Rule, agent: Option<&Agent>) -> Vec<String> {
    if let Some(agent) = agent.filter(|agent| !agent.tools.is_empty()) {
        return agent.tools.clone();
    }
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
    }
}
