//! Behaviour of the spanned tree.
use insta::assert_snapshot;
use proptest::prelude::*;

use strum::{EnumIter, EnumMessage};

use super::*;
use crate::base::name::RelPath;
use crate::spec::keys::{Shape, keys, words};

fn source(text: &str) -> Source {
    Source::new(RelPath::new("plans/p.yaml").unwrap(), text)
}

/// Every value with the text its span covers, then the diagnostics with theirs.
fn check(text: &str) -> String {
    let source = source(text);
    let parsed = parse(&source);
    let mut out = String::new();
    if let Some(node) = &parsed.value {
        dump(&source, node, 0, &mut out);
    }
    for diagnostic in &parsed.diagnostics {
        let labels: Vec<&str> =
            diagnostic.labels.iter().map(|label| &source.text[label.span.clone()]).collect();
        out.push_str(&format!("{}: {} {labels:?}\n", diagnostic.code, diagnostic.message));
    }
    out
}

fn dump(source: &Source, node: &Node<'_>, depth: usize, out: &mut String) {
    let written = &source.text[node.span.clone()];
    let indent = "  ".repeat(depth + 1);
    match &node.kind {
        NodeKind::Scalar(scalar) => {
            let meaning = scalar.resolve();
            out.push_str(&format!("{written:?} = {:?} {meaning:?}\n", scalar.text));
        }
        NodeKind::Sequence(sequence) => {
            out.push_str(&format!("{written:?}\n"));
            for item in &sequence.items {
                out.push_str(&format!("{indent}- "));
                dump(source, item, depth + 1, out);
            }
        }
        NodeKind::Mapping(mapping) => {
            out.push_str(&format!("{written:?}\n"));
            for entry in &mapping.entries {
                assert!(!source.text[entry.key_span.clone()].is_empty());
                let merged = if entry.is_merged { " (merged)" } else { "" };
                out.push_str(&format!("{indent}{}{merged}: ", entry.key));
                dump(source, &entry.value, depth + 1, out);
            }
        }
    }
}

#[test]
fn spans_are_bytes_also_behind_other_letters() {
    assert_snapshot!(check("é: ü # ß\nl:\n- 'ö'\n- {k: \"\\u00e9\"}\nz:\n"), @r#"
    "é: ü # ß\nl:\n- 'ö'\n- {k: \"\\u00e9\"}\nz:"
      é: "ü" = "ü" Text
      l: "- 'ö'\n- {k: \"\\u00e9\"}"
        - "'ö'" = "ö" Text
        - "{k: \"\\u00e9\"}"
          k: "\"\\u00e9\"" = "é" Text
      z: "" = "" Null
    "#);
}

#[test]
fn a_block_scalar_spans_from_its_indicator_to_its_last_line() {
    assert_snapshot!(check("a: |2-  # x | y\n    one\n    two\n\n\nb: >+\n  x\n\n# c\nd: |\ne: 1\n"), @r#"
    "a: |2-  # x | y\n    one\n    two\n\n\nb: >+\n  x\n\n# c\nd: |\ne: 1"
      a: "|2-  # x | y\n    one\n    two" = "  one\n  two" Text
      b: ">+\n  x" = "x\n\n" Text
      d: "|" = "" Text
      e: "1" = "1" Int(1)
    "#);
}

#[test]
fn scalars_mean_what_yaml_1_1_says_and_keep_their_text() {
    let cases = [
        ("1.10", Resolved::Float(1.1)),
        ("010", Resolved::Int(8)),
        ("1_000", Resolved::Int(1000)),
        ("-0x1F", Resolved::Int(-31)),
        ("0", Resolved::Int(0)),
        ("Yes", Resolved::Bool(true)),
        ("off", Resolved::Bool(false)),
        ("y", Resolved::Text),
        ("~", Resolved::Null),
        ("NULL", Resolved::Null),
        ("2026-02-16", Resolved::Text),
        ("12:30", Resolved::Text),
        ("1e3", Resolved::Text),
        ("1.5e+3", Resolved::Float(1500.0)),
        ("'yes'", Resolved::Text),
        ("!!str 12", Resolved::Text),
        ("99999999999999999999", Resolved::Text),
    ];
    for (text, meaning) in cases {
        let source = source(text);
        let node = parse(&source).value.unwrap();
        assert_eq!(node.as_scalar().unwrap().resolve(), meaning, "{text}");
    }
}

#[test]
fn merge_keys_add_what_is_not_written() {
    assert_snapshot!(check("b: &b {x: 1, y: 2}\nc: {<<: *b, x: 3}\nd:\n  <<: [*b, {y: 5, z: 4}]\ne: {<<: 1}\n"), @r#"
    "b: &b {x: 1, y: 2}\nc: {<<: *b, x: 3}\nd:\n  <<: [*b, {y: 5, z: 4}]\ne: {<<: 1}"
      b: "{x: 1, y: 2}"
        x: "1" = "1" Int(1)
        y: "2" = "2" Int(2)
      c: "{<<: *b, x: 3}"
        x: "3" = "3" Int(3)
        y (merged): "2" = "2" Int(2)
      d: "<<: [*b, {y: 5, z: 4}]"
        x (merged): "1" = "1" Int(1)
        y (merged): "2" = "2" Int(2)
        z (merged): "4" = "4" Int(4)
      e: "{<<: 1}"
    yaml::bad-merge: `<<` takes a mapping ["1"]
    "#);
}

#[test]
fn what_cannot_be_read_says_where() {
    let check = |text: &str| {
        let shown = check(text);
        shown.lines().last().unwrap_or_default().to_owned()
    };
    assert_snapshot!(check("a: 1\nb: 2\na: 3\n"), @r#"yaml::duplicate-key: `a` is written twice ["a", "a"]"#);
    assert_snapshot!(check("a:\n\t- b\n"), @r#"yaml::syntax: a tab cannot indent YAML ["-"]"#);
    assert_snapshot!(check("ü: b: c"), @r#"yaml::syntax: a key cannot stand here [":"]"#);
    assert_snapshot!(check("a: 'x"), @r#"yaml::syntax: a quote is never closed ["'"]"#);
    assert_snapshot!(check("a: @x"), @r#"yaml::syntax: a text cannot start with this character ["@"]"#);
    assert_snapshot!(check("a: *x"), @r#"yaml::syntax: nothing is anchored as `&x` ["*x"]"#);
    assert_snapshot!(check("a: &x [*x]"), @r#"yaml::recursive-alias: the alias stands inside of its anchor ["*x"]"#);
    assert_snapshot!(check("- a\n---\n- b\n"), @r#"yaml::several-documents: more than one YAML document in the file ["---"]"#);
    assert_snapshot!(check("a: !foo b"), @r#"yaml::unknown-tag: unknown tag `!foo` ["b"]"#);
    assert_snapshot!(check("? [a]\n: b\n"), @r#"yaml::complex-key: a key must be text ["[a]"]"#);
}

#[test]
fn limits_are_diagnostics() {
    let bomb: String = (1..12).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let before = format!("*a{}", n - 1);
        text + &format!("a{n}: &a{n} [{}]\n", [before.as_str(); 9].join(", "))
    });
    assert!(check(&bomb).starts_with("yaml::alias-bomb"));
    let deep = "[".repeat(5000);
    assert!(check(&deep).starts_with("yaml::too-deep"));
    let chain: String = (1..200)
        .fold("a0: &a0 [x]\n".to_owned(), |text, n| text + &format!("a{n}: &a{n} [*a{}]\n", n - 1));
    assert!(check(&chain).starts_with("yaml::alias-bomb"));
    let large = source(&"#".repeat(MAX_BYTES + 1));
    assert_eq!(parse(&large).diagnostics[0].code, "yaml::too-large");
}

#[test]
fn empty_documents_are_nothing_wrong() {
    for text in ["", "# c\n", "\u{feff}", "\n\n"] {
        assert_eq!(check(text), "", "{text:?}");
    }
}

#[test]
fn a_part_has_the_spans_of_the_whole() {
    let source = source("---\nname: ö\n---\nbody");
    let parsed = parse_part(&source, 4..12);
    let node = parsed.value.unwrap();
    let value = node.as_mapping().unwrap().get("name").unwrap();
    assert_eq!(&source.text[value.span.clone()], "ö");
}

static CODES: Codes = codes!("test");

keys! {
    /// A thing.
    static THING = "thing", Kept [
        name [is_required: true]: Shape::Text,
        status: Shape::Text,
        agent: Shape::Text,
        id: Shape::Text,
        tools: Shape::Texts,
        f: Shape::Flag,
        g: Shape::Flag,
        n: Shape::Count(1, 20),
        m: Shape::COUNT,
        u: Shape::AMOUNT,
        t: Shape::Text,
        d: Shape::Duration,
        l: Shape::Texts,
        s: Shape::Texts,
        c: Shape::Word("use", words::<Use>),
    ];
}

#[derive(EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
enum Use {
    Allowed,
    Refused,
}

fn read<T>(text: &str, read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> (T, String) {
    let source = source(text);
    let parsed = parse(&source);
    let problems = Problems::new(&source.path, &CODES);
    let node = parsed.value.unwrap();
    let mut fields = Fields::of(&node, &THING, &problems).unwrap();
    let value = read(&mut fields);
    for name in THING.names() {
        fields.node(name);
    }
    fields.rest();
    let diagnostics = problems.into_found().into_iter().map(|diagnostic| {
        let at = &source.text[diagnostic.labels[0].span.clone()];
        format!("{}: {} at {at:?}\n", diagnostic.code, diagnostic.message)
    });
    (value, diagnostics.collect())
}

#[test]
fn fields_read_by_type_and_tell_what_is_wrong() {
    let (values, shown) =
        read("{f: on, n: 1_0, t: 1.10, d: 1h 30m, l: [a, 2], s: x, id: null}", |fields| {
            let texts: Vec<&str> = fields.texts("l").iter().map(|(text, _)| *text).collect();
            (
                (
                    fields.flag("f"),
                    fields.count("n"),
                    fields.text("t").map(str::to_owned),
                    fields.duration("d"),
                ),
                (texts.join("+"), fields.texts("s").len(), fields.text("id").map(str::to_owned)),
            )
        });
    let ((flag, count, text, duration), rest) = values;
    assert_eq!((flag, count, text.as_deref()), (Some(true), Some(10), Some("1.10")));
    assert_eq!(duration.map(|it| it.0), Some(5_400_000));
    assert_eq!(rest, ("a+2".to_owned(), 1, None));
    assert_eq!(shown, "");

    let (_, shown) =
        read("{f: maybe, g: 'yes', n: x, m: -1, l: {}, t: [a], d: soon, c: alowed}", |fields| {
            fields.flag("f");
            fields.flag("g");
            fields.count("n");
            fields.count("m");
            fields.texts("l");
            fields.text("t");
            fields.duration("d");
            fields.choice::<Use>("c");
            fields.required_text("name", "give it one");
        });
    assert_snapshot!(shown, @r#"
    test::wrong-type: `f` must be true or false, not text at "maybe"
    test::bad-value: `g` cannot be `yes` at "'yes'"
    test::wrong-type: `n` must be a whole number, not text at "x"
    test::bad-value: `m` cannot be `-1` at "-1"
    test::wrong-type: `l` must be a list of texts, not a mapping at "{}"
    test::wrong-type: `t` must be text, not a list at "[a]"
    test::bad-value: `d` cannot be `soon` at "soon"
    test::bad-value: `c` cannot be `alowed` at "alowed"
    test::missing-key: thing without `name` at "{f: maybe"
    "#);
}

#[test]
fn only_typos_are_told() {
    let (_, shown) = read("{nmae: a, statsu: b, note: c, agents: d, xy: e}", |fields| {
        for name in ["name", "status", "agent", "id"] {
            fields.text(name);
        }
    });
    assert_snapshot!(shown, @r#"
    test::unknown-key: thing has no key `nmae` at "nmae"
    test::unknown-key: thing has no key `statsu` at "statsu"
    test::unknown-key: thing has no key `agents` at "agents"
    "#);
}

#[test]
fn a_text_of_names_is_split_at_commas() {
    let (tools, _) =
        read("tools: Read, Bash(git a, git b) , Write,", |fields| fields.comma_texts("tools"));
    assert_eq!(tools, ["Read", "Bash(git a, git b)", "Write"]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[ \\-a:{}\\[\\],|>&*!#'\"\n\té\\\\?0-9<.]{0,60}") {
        let source = source(&text);
        let parsed = parse(&source);
        let mut out = String::new();
        if let Some(node) = &parsed.value {
            dump_spans(&source, node, &mut out);
        }
        for label in parsed.diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
            prop_assert!(source.text.get(label.span.clone()).is_some());
        }
    }
}

/// Panics where a span is none.
fn dump_spans(source: &Source, node: &Node<'_>, out: &mut String) {
    out.push_str(&source.text[node.span.clone()]);
    match &node.kind {
        NodeKind::Scalar(scalar) => {
            if scalar.style == Style::Plain && !scalar.text.contains([' ', '\n']) {
                assert!(
                    node.origin == Origin::Alias || source.text[node.span.clone()] == scalar.text
                );
            }
        }
        NodeKind::Sequence(sequence) => {
            sequence.items.iter().for_each(|item| dump_spans(source, item, out));
        }
        NodeKind::Mapping(mapping) => {
            mapping.entries.iter().for_each(|entry| dump_spans(source, &entry.value, out));
        }
    }
}
