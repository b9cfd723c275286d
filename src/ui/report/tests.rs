//! Diagnostics as people and programs read them.

use super::*;
use crate::base::diagnostic::Diagnostic;

const LOOK: Look = Look { paint: Paint::PLAIN, width: 80 };

fn document(path: &str, text: &str, diagnostics: Vec<Diagnostic>) -> CheckedDocument {
    let source = Source::new(RelPath::new(path).unwrap(), text);
    CheckedDocument { path: path.to_owned(), source, diagnostics, plan: None }
}

/// Renders one diagnostic in `text`; a label is given by the text it covers.
fn check(text: &str, mut diagnostic: Diagnostic, labels: &[(&str, &str)]) -> String {
    for (covered, words) in labels {
        let start = text.find(covered).unwrap();
        diagnostic = diagnostic.label(start..start + covered.len(), *words);
    }
    text_of(&[document("plans/demo.yaml", text, vec![diagnostic])], LOOK)
}

#[test]
fn a_label_behind_non_ascii_text_is_where_it_belongs() {
    let found = check(
        "sections:\n  - name: Größe ✓ 日本\n    tasks: [ {id: ä, depends_on: [2.7]} ]\n",
        Diagnostic::error("plan::unknown-dependency", "`2.7` is no task of this plan")
            .help("did you mean `2.1`?"),
        &[("2.7", "no such task")],
    );
    insta::assert_snapshot!(found, @r#"
        plan::unknown-dependency

          × `2.7` is no task of this plan
           ╭─[plans/demo.yaml:3:35]
         2 │   - name: Größe ✓ 日本
         3 │     tasks: [ {id: ä, depends_on: [2.7]} ]
           ·                                   ─┬─
           ·                                    ╰── no such task
           ╰────
          help: did you mean `2.1`?
        "#);
}

#[test]
fn every_edge_of_a_cycle_is_labelled() {
    let found = check(
        "- id: 1\n  depends_on: [3]\n- id: 2\n  depends_on: [1]\n- id: 3\n  depends_on: [2]\n",
        Diagnostic::error("plan::cycle", "tasks wait for each other: 1 -> 3 -> 2 -> 1"),
        &[("[3]", "1 waits for 3"), ("[2]", "3 waits for 2"), ("[1]", "2 waits for 1")],
    );
    insta::assert_snapshot!(found, @r#"
        plan::cycle

          × tasks wait for each other: 1 -> 3 -> 2 -> 1
           ╭─[plans/demo.yaml:2:15]
         1 │ - id: 1
         2 │   depends_on: [3]
           ·               ─┬─
           ·                ╰── 1 waits for 3
         3 │ - id: 2
         4 │   depends_on: [1]
           ·               ─┬─
           ·                ╰── 2 waits for 1
         5 │ - id: 3
         6 │   depends_on: [2]
           ·               ─┬─
           ·                ╰── 3 waits for 2
           ╰────
        "#);
}

#[test]
fn tabs_and_carriage_returns_do_not_shift_the_underline() {
    let found = check(
        "meta:\r\n  name:\tx\tstatsu: done\r\nsections: []\r\n",
        Diagnostic::warning("plan::unknown-key", "`statsu` is no key of a task"),
        &[("statsu", "typo?")],
    );
    insta::assert_snapshot!(found, @r#"
        plan::unknown-key

          ⚠ `statsu` is no key of a task
           ╭─[plans/demo.yaml:2:11]
         1 │ meta:
         2 │   name: x   statsu: done
           ·             ───┬──
           ·                ╰── typo?
         3 │ sections: []
           ╰────
        "#);
}

#[test]
fn nothing_that_a_document_holds_can_move_the_cursor() {
    let found = check(
        "a: \u{1b}[31m\u{9b}x\n",
        Diagnostic::error("plan::unknown-agent", "there is no agent `\u{1b}[31mx`")
            .help("did you mean `\u{7}y`?"),
        &[("x", "not \u{1b}]0;this")],
    );
    insta::assert_snapshot!(found, @r#"
        plan::unknown-agent

          × there is no agent `x`
           ╭─[plans/demo.yaml:1:10]
         1 │ a: ?[31m¿x
           ·          ┬
           ·          ╰── not ]0;this
           ╰────
          help: did you mean `y`?
        "#);
    let path = std::io::Error::other("\u{1b}[2Jgone");
    let shown = error_text(&Error::because("reading \u{1b}c", path).help("\u{1b}[A"), Paint::PLAIN);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(!usage_text("no \u{1b}[1m", Some("\u{1b}[2m"), Paint::PLAIN).contains('\u{1b}'));
}

#[test]
fn a_label_at_the_end_of_the_text_is_drawn() {
    let text = "sections:\n";
    let diagnostic = Diagnostic::error("plan::no-sections", "the plan has no sections")
        .label(text.len()..text.len(), "sections are missing here");
    let found = text_of(&[document("plans/demo.yaml", text, vec![diagnostic])], LOOK);
    insta::assert_snapshot!(found, @r#"
        plan::no-sections

          × the plan has no sections
           ╭─[plans/demo.yaml:1:10]
         1 │ sections:
           ·          ┬
           ·          ╰── sections are missing here
           ╰────
        "#);
}

#[test]
fn odd_spans_and_texts_are_still_rendered() {
    for text in ["", "\n", "\r\n", "é", "a\n\n\n"] {
        for span in [0..0, 0..1, 1..2, 5..900, text.len()..text.len()] {
            let diagnostic = Diagnostic::error("plan::odd", "odd span").label(span.clone(), "here");
            let found = text_of(&[document("p.yaml", text, vec![diagnostic])], LOOK);
            assert!(found.contains("odd span"), "{text:?} {span:?}: {found}");
            assert!(found.contains("here"), "{text:?} {span:?}: {found}");
        }
    }
}

#[test]
fn a_diagnostic_without_a_place_needs_no_source() {
    let diagnostic = Diagnostic::advice("config::default", "no config file, defaults are used");
    let found = text_of(&[document("orch.yaml", "", vec![diagnostic])], LOOK);
    insta::assert_snapshot!(found, @r#"
        config::default

          ☞ no config file, defaults are used
        "#);
}

#[test]
fn many_of_one_kind_are_counted_for_people_and_listed_for_programs() {
    let one = Diagnostic::warning("plan::unknown-key", "`x` is no key of a task").label(0..1, "");
    let documents = [document("p.yaml", "x: 1\n", vec![one; 2000])];
    let text = text_of(&documents, LOOK);
    assert_eq!(text.matches("no key of a task").count(), SHOWN_PER_CODE);
    assert!(text.ends_with("... and 1975 more plan::unknown-key (all of them: --format json)\n"));
    assert_eq!(json_lines(&documents).matches("plan::unknown-key").count(), 2000);
}

#[test]
fn the_summary_counts_by_severity_and_file() {
    let error = || Diagnostic::error("a::b", "x");
    let warning = || Diagnostic::warning("a::c", "x");
    let check = |documents: &[Vec<Diagnostic>]| {
        let documents: Vec<_> =
            documents.iter().map(|found| document("p.yaml", "", found.clone())).collect();
        summary_of(&documents)
    };
    assert_eq!(check(&[]), "no documents found");
    assert_eq!(check(&[vec![]]), "1 file is in order");
    assert_eq!(check(&[vec![], vec![]]), "2 files are in order");
    assert_eq!(
        check(&[vec![error(), warning(), error()], vec![], vec![]]),
        "2 errors, 1 warning in 1 of 3 files"
    );
}

#[test]
fn json_has_byte_spans_and_places_in_characters() {
    let text = "é: 1\ntâsks: x\n";
    let diagnostic = Diagnostic::error("plan::wrong-type", "`tâsks` must be a list")
        .label(6..12, "text")
        .help("write `tasks:`");
    let found = json_lines(&[document("p.yaml", text, vec![diagnostic])]);
    insta::assert_snapshot!(found, @r#"{"file":"p.yaml","ok":false,"diagnostics":[{"code":"plan::wrong-type","severity":"error","message":"`tâsks` must be a list","labels":[{"start":6,"end":12,"line":2,"column":1,"text":"text"}],"help":"write `tasks:`"}],"plan":null}"#);
}

#[test]
fn a_failure_shows_its_causes_and_the_nearest_help() {
    let cause = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let inner = Error::because("opening the journal", cause)
        .at(".orch/journal")
        .help("make the folder writable:\nchmod u+w .orch");
    let outer = Error::because("starting the build", inner);
    insta::assert_snapshot!(error_text(&outer, Paint::PLAIN), @r#"
        error: starting the build
          caused by: opening the journal (.orch/journal)
          caused by: permission denied
          help: make the folder writable:
                chmod u+w .orch
        "#);
}
