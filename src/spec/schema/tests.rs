//! The tables of keys are what the parsers read, what the schemas say and what the manual has.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::keys::words;
use crate::spec::{builtin, smoke};

const MANUAL: &str = include_str!("../../../docs/FORMATS.md");

/// A table, and a document around a mapping of its keys.
struct Placed {
    keys: &'static Keys,
    before: String,
    after: String,
}

impl Placed {
    /// What is found in a document that has `key: value` here beside what it cannot do without.
    fn found(&self, kind: DocumentKind, key: &str, value: &str) -> Vec<Diagnostic> {
        let others = beside(self.keys, key);
        parse(kind, &format!("{}{{ {others}{key}: {value} }}{}", self.before, self.after))
    }
}

fn parse(kind: DocumentKind, text: &str) -> Vec<Diagnostic> {
    let source = |name: &str, text: &str| Source::new(RelPath::new(name).unwrap(), text);
    match kind {
        DocumentKind::Plan => plan::parse(&source("plans/p.yaml", text)).diagnostics,
        DocumentKind::Rule => rule::parse(&source("rules/r.yaml", text), &|_| None).diagnostics,
        DocumentKind::Kind => {
            let text = format!("kind: item\n{text}");
            let source = source("rules/k.yaml", &text);
            item::kind::found_in(&source)
        }
        DocumentKind::Config => config::parse(None, Some(&source("orch.yaml", text))).diagnostics,
        DocumentKind::Agent => {
            agent::parse(&source("a.md", &format!("---\n{text}\n---\n"))).diagnostics
        }
    }
}

/// Every table of a kind of document, the document's own first.
fn placed(kind: DocumentKind) -> Vec<Placed> {
    let mut all = vec![Placed { keys: kind.keys(), before: String::new(), after: String::new() }];
    let mut next = 0;
    while let Some(outer) = all.get(next) {
        let (keys, before, after) = (outer.keys, outer.before.clone(), outer.after.clone());
        for key in keys.keys {
            let before = format!("{before}{{ {}{}: ", beside(keys, key.name), key.name);
            push_tables(&key.shape, (before, format!(" }}{after}")), &mut all);
        }
        next += 1;
    }
    all
}

fn push_tables(shape: &'static Shape, (before, after): (String, String), all: &mut Vec<Placed>) {
    for form in shape.forms() {
        let (before, after) = (before.clone(), after.clone());
        match form {
            Shape::Map(keys) => all.push(Placed { keys, before, after }),
            Shape::List(item) => push_tables(item, (before + "[", format!("]{after}")), all),
            _ => {}
        }
    }
}

/// The keys that a mapping cannot be without, but for `key`.
fn beside(keys: &Keys, key: &str) -> String {
    let required = keys.keys.iter().filter(|it| it.is_required && it.name != key);
    let mut text: String =
        required.map(|it| format!("{}: {}, ", it.name, samples(&it.shape)[0])).collect();
    if keys.noun == "validator" && !["run", "agent"].contains(&key) {
        text += "agent: x, ";
    }
    text
}

/// Values that a shape has room for.
fn samples(shape: &Shape) -> Vec<String> {
    let one = match shape {
        Shape::Text | Shape::Texts => "sonnet".to_owned(),
        Shape::Matching(_) => "0".repeat(64),
        Shape::Flag => "yes".to_owned(),
        Shape::Off => "false".to_owned(),
        Shape::Count(least, _) => least.to_string(),
        Shape::Number(least, _) => least.max(0.0).to_string(),
        Shape::Integer => "-1".to_owned(),
        Shape::Duration => "5m".to_owned(),
        Shape::Command => "[cargo, test]".to_owned(),
        Shape::Word(_, words) => return words().iter().map(|it| it.text.to_owned()).collect(),
        Shape::Map(keys) => format!("{{ {} }}", beside(keys, "")),
        Shape::List(item) => {
            return samples(item).iter().map(|it| format!("[{it}]")).collect();
        }
        Shape::Names(name, value) => format!("{{ {}: {} }}", samples(name)[0], samples(value)[0]),
        Shape::Forms(forms) => return forms.iter().flat_map(samples).collect(),
    };
    vec![one]
}

fn of_every_key(check: impl Fn(DocumentKind, &Placed, &Key)) {
    for kind in DocumentKind::all() {
        for placed in placed(kind) {
            placed.keys.keys.iter().for_each(|key| check(kind, &placed, key));
        }
    }
}

/// A value of the wrong type is noticed only by who reads it.
#[test]
fn every_key_of_a_table_is_read() {
    of_every_key(|kind, placed, key| {
        let found = placed.found(kind, key.name, "[{ odd: 1 }]");
        let codes: Vec<&str> = found.iter().map(|found| found.code).collect();
        let is_unknown = codes.iter().any(|code| code.ends_with("unknown-key"));
        assert!(!codes.is_empty() && !is_unknown, "{} {}: {codes:?}", placed.keys.noun, key.name);
    });
}

#[test]
fn every_form_that_a_table_has_is_read() {
    of_every_key(|kind, placed, key| {
        for sample in samples(&key.shape) {
            let mut found = placed.found(kind, key.name, &sample);
            found.retain(|it| it.code.ends_with("wrong-type") || it.code.ends_with("missing-key"));
            assert_eq!(found, [], "{} {}: {sample}", placed.keys.noun, key.name);
        }
    });
}

#[test]
fn every_key_is_explained() {
    of_every_key(|_, placed, key| {
        assert!(!placed.keys.about.is_empty(), "{}", placed.keys.noun);
        assert!(key.about.ends_with('.'), "{}.{}", placed.keys.noun, key.name);
    });
}

#[test]
fn every_word_of_a_status_is_read() {
    let words: Vec<&str> = words::<plan::Status>().iter().map(|it| it.text).collect();
    assert!(words.contains(&"complete") && words.len() == 8, "{words:?}");
    for word in words {
        let status = plan::Status::parse(word).unwrap();
        assert_eq!(status.as_str().strip_suffix('d').unwrap_or(word), word.trim_end_matches('d'));
    }
}

/// The numbers and words that the table of the settings calls defaults are those of the code.
#[test]
fn a_default_that_is_written_changes_nothing() {
    // Not values but words about them, or what holds only beside another key.
    let others = ["jobs", "guess", "kind", "sandbox"];
    for placed in placed(DocumentKind::Config) {
        let is_own = |key: &&Key| !key.default.is_empty() && !others.contains(&key.name);
        for key in placed.keys.keys.iter().filter(is_own) {
            if placed.keys.noun == "dev_server" {
                continue;
            }
            let value = key.default.trim_matches('`');
            let text = format!("{}{{ {}: {value} }}{}", placed.before, key.name, placed.after);
            let source = Source::new(RelPath::new("orch.yaml").unwrap(), text.as_str());
            let read = config::parse(None, Some(&source));
            assert_eq!(
                (read.value, read.diagnostics),
                (config::Config::default(), vec![]),
                "{text}"
            );
        }
    }
}

/// The rows of the manual's table below a heading, by the keys in their first cell.
fn rows(heading: &str) -> Vec<(Vec<&'static str>, &'static str)> {
    let (_, below) = MANUAL.split_once(&format!("\n{heading}\n")).expect(heading);
    let part = below.split("\n#").next().unwrap_or_default();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cell = row.trim_start_matches('|').split('|').next().unwrap_or_default();
        (cell.split('`').skip(1).step_by(2).collect(), row)
    })
    .collect()
}

/// The headings of the manual below which a table of keys stands in full.
const IN_MANUAL: [(&str, &Keys); 6] = [
    ("### `meta`", &plan::keys::META),
    ("### Tasks", &plan::keys::TASK),
    ("## Rules", &rule::keys::RULE),
    ("## Settings", &config::keys::CONFIG),
    ("### Smoke tests", &smoke::KEYS),
    ("### Kinds of items", &item::kind::keys::KIND),
];

#[test]
fn the_manual_has_the_keys_of_the_tables_and_their_defaults() {
    for (heading, keys) in IN_MANUAL {
        let rows = rows(heading);
        let documented = rows.iter().flat_map(|(names, _)| names);
        let documented: BTreeSet<&str> =
            documented.map(|name| name.split('.').next().unwrap()).collect();
        assert_eq!(documented, keys.names().collect(), "{heading}");
        for key in keys.keys {
            let (_, row) = rows.iter().find(|(names, _)| is_about(names, key.name)).unwrap();
            assert!(row.contains(key.default.trim_matches('`')), "{heading} {}", key.name);
        }
    }
}

fn is_about(names: &[&str], key: &str) -> bool {
    names.iter().any(|name| name.split('.').next() == Some(key))
}

/// `outer.key` in the settings' table, or `key` in an example, with its default behind it.
#[test]
fn the_manual_has_every_nested_key() {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = MANUAL.split(|c| !is_part(c)).collect();
    let settings = rows("## Settings");
    of_every_key(|kind, placed, key| {
        assert!(words.contains(key.name), "{} {}", placed.keys.noun, key.name);
        let dotted = format!("{}.{}", placed.keys.noun, key.name);
        let has = |name: &str| settings.iter().find(|(names, _)| names.contains(&name));
        let row = has(&dotted).or_else(|| has(placed.keys.noun));
        let default = key.default.trim_matches('`');
        let is_top = IN_MANUAL.iter().any(|(_, keys)| std::ptr::eq(*keys, placed.keys));
        let is_fine = is_top || kind == DocumentKind::Agent || key.default.is_empty();
        let examples = [format!("{}: {default}", key.name), format!("{}: [{default}]", key.name)];
        let is_told = row.is_some_and(|(_, row)| row.contains(default))
            || examples.iter().any(|text| MANUAL.contains(text.as_str()));
        assert!(is_fine || is_told, "{} {}: {default}", placed.keys.noun, key.name);
    });
}

#[test]
fn a_schema_reads_like_this() {
    let schema = schema(DocumentKind::Rule);
    let shown = [
        &schema["$schema"],
        &schema["title"],
        &schema["properties"]["agent"],
        &schema["properties"]["limits"],
        &schema["$defs"]["outputs"],
    ];
    insta::assert_snapshot!(shown.map(ToString::to_string).join("\n"), @r##"
    "https://json-schema.org/draft/2020-12/schema"
    "orch rule"
    {"description":"Who does the task where the task names nobody.","type":["string","null"]}
    {"anyOf":[{"$ref":"#/$defs/limits"},{"type":"null"}],"description":"Bounds of one attempt."}
    {"additionalProperties":false,"description":"What it writes.","properties":{"allowed":{"anyOf":[{"$ref":"#/$defs/texts"},{"type":"null"}],"description":"Writing anything else fails the task. Anything may be written where this is not given."},"keep":{"anyOf":[{"$ref":"#/$defs/texts"},{"type":"null"}],"description":"Files that a task may only delete or empty where it names them, such as tests."},"must_change":{"description":"A run that changed nothing has failed. True for sessions where it is not given.","type":["boolean","null"]}},"type":"object"}
    "##);
}

#[test]
fn kinds_have_names() {
    for kind in DocumentKind::all() {
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
