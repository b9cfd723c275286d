//! The built-in documents are right, and say what the code relies on.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior, context};

use super::*;
use crate::base::name::{AgentName, RuleName};
use crate::spec::agent::{self, Agent};
use crate::spec::rule::{self, ActionKind, Rule};

fn built_in_agents() -> BTreeMap<AgentName, Agent> {
    let parse = |source: &Source| {
        let parsed = agent::parse(source);
        assert_eq!(parsed.diagnostics, [], "{}", source.path);
        (parsed.value.name.clone(), parsed.value)
    };
    agents().iter().map(parse).collect()
}

fn built_in_rules() -> BTreeMap<RuleName, Rule> {
    let own = rules().into_iter().filter(|it| !crate::spec::item::kind::is_kind(it));
    let drafts = own.map(|source| {
        let parsed = rule::parse(&source, &|path| prompt(path).map(ToOwned::to_owned));
        assert_eq!(parsed.diagnostics, [], "{}", source.path);
        parsed.value
    });
    let resolved = rule::resolve(drafts.collect());
    assert_eq!(resolved.diagnostics, []);
    resolved.value
}

#[test]
fn agents_have_the_names_models_and_tools_that_plans_rely_on() {
    let shown: Vec<String> = built_in_agents()
        .values()
        .map(|agent| {
            let model = agent.model.as_ref().unwrap();
            format!("{:16} {:6} {}", agent.name, model, agent.tools.join(" "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    code-reviewer    sonnet Read Grep Glob Bash
    coder            sonnet Read Edit Write Bash Grep Glob
    design-author    opus   Read Write Grep Glob
    design-judge     opus   Read Grep Glob
    issue-verifier   sonnet Read Grep Glob Bash
    planner          sonnet Read Write Bash Grep Glob
    qa-auditor       sonnet Read Grep Glob Bash
    spec-verifier    sonnet Read Grep Glob
    systems-designer opus   Read Grep Glob
    ux-designer      opus   Read Grep Glob
    ux-reviewer      sonnet Read Grep Glob
    validator        sonnet Read Grep Glob Bash
    ");
}

#[test]
fn rules_say_who_does_what_within_which_bounds() {
    let shown: Vec<String> = built_in_rules().values().map(line_of).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    analyze-item Session code-reviewer    sessions - read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    approve-item Command -                commands - writes, may change nothing; 1 attempts, wall -, stall -
    archive-item Command -                commands - writes, may change nothing; 1 attempts, wall 2m00s, stall -
    command      Command -                commands - writes, may change nothing; 1 attempts, wall 30m00s, stall -
    compete      Session design-author    sessions 25 writes, must change; 3 attempts, wall 30m00s, stall 10m00s
    design       Session systems-designer sessions 15 writes, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    extend-plan  Session planner          sessions 60 writes, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    implement    Session coder            sessions 0 writes, must change; 3 attempts, wall 30m00s, stall 10m00s
    judge        Session systems-designer sessions 30 writes, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    notify       Command -                commands - writes, may change nothing; 3 attempts, wall 10s, stall -
    plan-item    Session planner          sessions - writes, must change; 3 attempts, wall 30m00s, stall 10m00s
    qa-audit     Session qa-auditor       sessions 50 read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    review       Session code-reviewer    sessions 20 read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    smoke        Command -                commands - writes, may change nothing; 1 attempts, wall 3m00s, stall -
    spec-review  Session spec-verifier    sessions 45 read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    ux-review    Session ux-reviewer      sessions 40 read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    validate     Session validator        sessions - read-only, may change nothing; 2 attempts, wall 20m00s, stall 10m00s
    verify       Session validator        sessions 10 read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    verify-item  Session issue-verifier   sessions - read-only, may change nothing; 3 attempts, wall 30m00s, stall 10m00s
    ");
}

fn line_of(rule: &Rule) -> String {
    let agent = rule.agent.as_ref().map_or("-", |agent| agent.as_str());
    let writes = if rule.outputs.allowed.is_some() { "read-only" } else { "writes" };
    let must = if rule.outputs.must_change { "must change" } else { "may change nothing" };
    let limits = [rule.limits.wall, rule.limits.stall]
        .map(|limit| limit.map_or("-".to_owned(), |limit| limit.to_string()));
    let priority = rule.matches.as_ref().map_or("-".to_owned(), |m| m.priority.to_string());
    format!(
        "{:12} {:7?} {:16} {} {} {writes}, {must}; {} attempts, wall {}, stall {}",
        rule.name,
        rule.action,
        agent,
        rule.pool,
        priority,
        rule.retry.attempts,
        limits[0],
        limits[1],
    )
}

#[test]
fn every_agent_of_a_rule_exists_and_has_the_tools_it_needs() {
    let agents = built_in_agents();
    for rule in built_in_rules().values() {
        let matched = rule.matches.iter().flat_map(|matches| &matches.agents);
        for name in rule.agent.iter().chain(matched) {
            let agent = &agents[name];
            for tool in &rule.needs_tools {
                assert!(agent.tools.contains(tool), "{} of {}: {tool}", name, rule.name);
            }
        }
    }
}

#[test]
fn every_prompt_is_used_and_renders_without_a_gap() {
    let mut used = BTreeSet::new();
    for rule in built_in_rules().values().filter(|rule| rule.action == ActionKind::Session) {
        used.insert(rule.prompt.clone());
        for can_write in [true, false] {
            let text = rendered(&rule.prompt, can_write, Some("docs/design.md"));
            assert!(!text.contains("{%") && !text.contains("{{"), "{}", rule.name);
            assert!(!text.contains("\n\n\n"), "{}: {text}", rule.name);
            let bare = rendered(&rule.prompt, can_write, None);
            assert!(!bare.contains("`none`") && !bare.contains("docs/design.md"), "{bare}");
        }
    }
    let known: BTreeSet<String> = PROMPTS.iter().map(|(_, text)| (*text).to_owned()).collect();
    assert_eq!(used, known);
}

fn rendered(template: &str, can_write: bool, doc: Option<&str>) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let values = context! {
        task => context! { id => "1.1", name => "Add it", description => "All of it.", ref => "p//1.1" },
        section => context! { id => "s1", name => "First" },
        plan => context! { name => "p", title => "Plan P", path => "plans/p.yaml", doc => doc,
            source_item => doc.map(|_| "docs/d1.md") },
        config => context! {
            build_command => "make", test_command => "make test", dev_server_command => "make dev"
        },
        agent => context! { name => "coder" },
        item => context! {
            kind => "defect", slug => "d1", path => "docs/d1.md", cycle => if can_write { 2 } else { 1 },
            plan => "plans/d1.yaml", design => "docs/plans/*-d1-design.md",
            criteria => if can_write { "AC-1" } else { "" }, criterion => "AC-1",
        },
        status_file => ".orch/task/status.json",
        plan_copy => ".orch/task/plan.yaml",
        can_write,
    };
    environment.render_str(template, values).unwrap()
}

#[test]
fn who_cannot_write_is_never_told_to_write_a_file() {
    let prompt = prompt("prompts/implement.md").unwrap();
    let can = rendered(prompt, true, None);
    let cannot = rendered(prompt, false, None);
    assert!(can.contains("write the file `.orch/task/status.json`"));
    assert!(!cannot.contains(".orch/task/status.json"));
    for text in [can, cannot] {
        assert!(text.contains(r#"{"task_id": "1.1", "status": "completed""#), "{text}");
    }
}

#[test]
fn no_agent_repeats_the_mechanics_of_reporting() {
    for agent in built_in_agents().values() {
        assert!(!agent.body.contains("status.json"), "{}", agent.name);
        assert!(!agent.description.is_empty() && !agent.body.is_empty(), "{}", agent.name);
    }
}

#[test]
fn the_lists_hold_every_file_of_their_folders() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let check = |folder: &str, files: &[(&str, &str)], ending: &str| {
        let found: BTreeSet<String> = listed(&root.join(folder), ending);
        let known = files.iter().map(|(name, _)| name.rsplit('/').next().unwrap().to_owned());
        assert_eq!(known.collect::<BTreeSet<String>>(), found, "{folder}");
    };
    check("agents", AGENTS, ".md");
    check("claude/checklists", CHECKLISTS, ".md");
    check("rules", RULES, ".yaml");
    check("rules/prompts", PROMPTS, ".md");
}

#[expect(clippy::disallowed_methods, reason = "the test compares with the working tree")]
fn listed(folder: &std::path::Path, ending: &str) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn the_agent_of_audits_has_its_checklists_with_it() {
    let agents = built_in_agents();
    let body = &agents[&AgentName::new(AUDITOR)].body;
    for (name, list) in CHECKLISTS {
        assert!(body.contains(list.trim_end()), "{name}");
    }
    assert!(body.starts_with("# QA auditor"), "{body}");
}
