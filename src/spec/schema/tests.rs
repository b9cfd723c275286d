//! The schemas say what the parsers read: the same keys, the same words.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::outcome::OutcomeClass;
use crate::spec::{agent, builtin, config, plan, quota, rule};

/// The keys of a schema's root (no name) or of one of its definitions.
fn keys_of(kind: DocumentKind, definition: &str) -> BTreeSet<String> {
    let schema = schema(kind);
    let object = if definition.is_empty() { &schema } else { &schema["$defs"][definition] };
    let properties = object["properties"].as_object();
    properties.unwrap_or_else(|| panic!("{kind:?} {definition}")).keys().cloned().collect()
}

fn check(kind: DocumentKind, definition: &str, keys: &[&str]) {
    let listed: BTreeSet<String> = keys.iter().map(|&key| key.to_owned()).collect();
    assert_eq!(keys_of(kind, definition), listed, "{kind:?} {definition}");
}

fn nested<'k>(keys: &[(&str, &'k [&'k str])], name: &str) -> &'k [&'k str] {
    keys.iter().find(|(outer, _)| *outer == name).unwrap().1
}

#[test]
fn every_schema_has_exactly_the_keys_of_its_parser() {
    use DocumentKind::{Agent, Config, Plan, Rule};
    check(Plan, "", plan::keys::PLAN);
    check(Plan, "Meta", plan::keys::META);
    check(Plan, "Validation", plan::keys::VALIDATION);
    check(Plan, "Budget", quota::KEYS);
    check(Plan, "Escalation", plan::keys::ESCALATION);
    check(Plan, "Section", plan::keys::SECTION);
    check(Plan, "Task", plan::keys::TASK);
    check(Plan, "ValidatorFields", plan::keys::VALIDATOR);
    check(Plan, "Proposals", plan::keys::PROPOSALS);
    check(Rule, "", rule::KEYS);
    check(Rule, "Proposals", plan::keys::PROPOSALS);
    check(Rule, "ValidatorFields", plan::keys::VALIDATOR);
    for (outer, definition) in [
        ("match", "Match"),
        ("inputs", "Inputs"),
        ("outputs", "Outputs"),
        ("retry", "Retry"),
        ("backoff", "Backoff"),
        ("limits", "Limits"),
        ("sandbox", "SandboxFields"),
    ] {
        check(Rule, definition, nested(rule::NESTED_KEYS, outer));
    }
    check(Agent, "", agent::KEYS);
    check(Config, "", config::KEYS);
    check(Config, "Session", nested(config::NESTED_KEYS, "session"));
    check(Config, "SandboxFields", nested(config::NESTED_KEYS, "sandbox"));
    check(Config, "Worktree", nested(config::NESTED_KEYS, "worktree"));
    check(Config, "Budget", config::BUDGET_KEYS);
    check(Config, "Models", nested(config::NESTED_KEYS, "models"));
    check(Config, "Breaker", nested(config::NESTED_KEYS, "breaker"));
    check(Config, "UsageLimits", nested(config::NESTED_KEYS, "limits"));
    check(Config, "Schedule", nested(config::NESTED_KEYS, "schedule"));
    check(Config, "DevServer", nested(config::NESTED_KEYS, "dev_server"));
    check(Config, "SmokeFields", nested(config::NESTED_KEYS, "smoke"));
    check(Plan, "SmokeFields", nested(config::NESTED_KEYS, "smoke"));
}

/// A value of the wrong type is noticed only by who reads it.
#[test]
fn every_key_of_a_plan_is_read() {
    let check = |path: &str, text: String| {
        let source = Source::new(RelPath::new("plans/p.yaml").unwrap(), text.as_str());
        let found = plan::parse(&source).diagnostics;
        let codes: Vec<&str> = found.iter().map(|found| found.code).collect();
        assert!(!codes.is_empty() && !codes.contains(&"plan::unknown-key"), "{path}: {codes:?}");
    };
    let odd = "[{ odd: 1 }]";
    for key in plan::keys::PLAN {
        let other = if *key == "sections" { "" } else { "sections: []\n" };
        check(key, format!("{other}{key}: {odd}\n"));
    }
    for key in plan::keys::META {
        check(key, format!("meta: {{ {key}: {odd} }}\nsections: []\n"));
    }
    for key in plan::keys::VALIDATION {
        check(key, format!("meta: {{ validation: {{ {key}: {odd} }} }}\nsections: []\n"));
    }
    for key in quota::KEYS {
        check(key, format!("meta: {{ budget: {{ {key}: {odd} }} }}\nsections: []\n"));
    }
    for key in plan::keys::ESCALATION {
        check(key, format!("meta: {{ model_escalation: {{ {key}: {odd} }} }}\nsections: []\n"));
    }
    for key in plan::keys::SECTION {
        check(key, format!("sections: [{}]\n", with(&["id", "name"], key, odd)));
    }
    for key in plan::keys::TASK {
        let task = with(&["id", "name"], key, odd);
        check(key, format!("sections: [{{ id: s, name: s, tasks: [{task}] }}]\n"));
    }
}

fn with(required: &[&str], key: &str, value: &str) -> String {
    let others =
        required.iter().filter(|other| **other != key).map(|other| format!("{other}: x, "));
    format!("{{ {}{key}: {value} }}", others.collect::<String>())
}

#[test]
fn the_words_of_a_schema_are_those_that_are_read() {
    let words = |kind, definition: &str| -> BTreeSet<String> {
        let definition = &schema(kind)["$defs"][definition];
        // Variants with a description are `oneOf` constants, those without are one `enum`.
        let plain = definition["enum"].as_array().into_iter().flatten();
        let told = definition["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
        plain.chain(told).map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let known = plan::Status::ALL.map(|status| status.as_str().to_owned());
    let mut expected = BTreeSet::from(known);
    expected.insert("complete".to_owned());
    let statuses = words(DocumentKind::Plan, "Status");
    assert_eq!(statuses, expected);
    let read = |text: String| {
        let source = Source::new(RelPath::new("rules/r.yaml").unwrap(), text.as_str());
        assert_eq!(rule::parse(&source, &|_| None).diagnostics, [], "{text}");
    };
    for word in words(DocumentKind::Rule, "Action") {
        read(format!("action: {word}\n"));
    }
    for word in words(DocumentKind::Rule, "RetryStep") {
        read(format!("retry: {{ on: {{ stalled: {word} }} }}\n"));
    }
    for word in words(DocumentKind::Agent, "Permission") {
        let text = format!("---\npermission: {word}\n---\n");
        let source = Source::new(RelPath::new("agents/a.md").unwrap(), text.as_str());
        assert_eq!(agent::parse(&source).diagnostics, [], "{text}");
    }
    let outcomes = &schema(DocumentKind::Rule)["$defs"]["Retry"]["properties"]["on"];
    assert_eq!(
        outcomes["propertyNames"]["enum"].as_array().unwrap().len(),
        OutcomeClass::failures().count()
    );
}

#[test]
fn every_key_is_explained() {
    for kind in DocumentKind::ALL {
        let schema = schema(kind);
        let mut objects: BTreeMap<&str, &Value> = BTreeMap::from([("", &schema)]);
        let definitions = schema["$defs"].as_object().into_iter().flatten();
        objects.extend(definitions.map(|(name, definition)| (name.as_str(), definition)));
        for (name, object) in objects {
            for (key, property) in object["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{kind:?} {name}.{key}");
            }
        }
    }
}

#[test]
fn a_schema_reads_like_this() {
    let schema = schema(DocumentKind::Rule);
    let shown = [
        &schema["$schema"],
        &schema["title"],
        &schema["properties"]["agent"],
        &schema["properties"]["limits"],
        &schema["$defs"]["Outputs"],
    ];
    insta::assert_snapshot!(shown.map(ToString::to_string).join("\n"), @r##"
    "https://json-schema.org/draft/2020-12/schema"
    "orch rule"
    {"description":"Who does the task where the task names nobody.","type":["string","null"]}
    {"anyOf":[{"$ref":"#/$defs/Limits"},{"type":"null"}],"description":"Bounds of one attempt."}
    {"additionalProperties":false,"properties":{"allowed":{"anyOf":[{"$ref":"#/$defs/OneOrMany"},{"type":"null"}],"description":"Writing anything else fails the task. Anything may be written where this is not given."},"keep":{"anyOf":[{"$ref":"#/$defs/OneOrMany"},{"type":"null"}],"description":"Files that a task may only delete or empty where it names them, such as tests."},"must_change":{"description":"A run that changed nothing has failed. True for sessions where it is not given.","type":["boolean","null"]}},"type":"object"}
    "##);
}

#[test]
fn kinds_have_names() {
    for kind in DocumentKind::ALL {
        assert_eq!(DocumentKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(DocumentKind::parse("poem"), None);
}

#[test]
fn the_sample_plans_have_nothing_wrong_in_their_text() {
    for (name, text) in [
        ("hello", include_str!("../../../plans/hello.yaml")),
        ("demo", include_str!("../../../plans/demo.yaml")),
        ("design-competition", include_str!("../../../plans/design-competition.yaml")),
        ("design-contest", include_str!("../../../plans/design-contest.yaml")),
    ] {
        let source = Source::new(RelPath::new(format!("plans/{name}.yaml")).unwrap(), text);
        let parsed = plan::parse(&source);
        assert_eq!(parsed.diagnostics, [], "{name}");
        let rules = built_in_rules();
        let chosen = |task: &plan::Task| rule::choose(&rules, &task.spec).rule;
        assert!(parsed.value.tasks().all(|task| rules.contains_key(&chosen(task))), "{name}");
    }
}

fn built_in_rules() -> BTreeMap<crate::base::name::RuleName, rule::Rule> {
    let prompt = |path: &str| builtin::prompt(path).map(ToOwned::to_owned);
    let drafts = builtin::rules().into_iter().map(|source| rule::parse(&source, &prompt).value);
    rule::resolve(drafts.collect()).value
}
