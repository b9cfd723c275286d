//! Words of descriptions, and where claims meet.

use super::*;
use crate::ui::render::why::clash_text;

fn named(text: &str) -> String {
    let Named { files, perhaps } = named_in(text);
    let list = |paths: BTreeSet<RelPath>| {
        paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    match (list(files), list(perhaps)) {
        (files, perhaps) if perhaps.is_empty() => files,
        (files, perhaps) => format!("{files} | {perhaps}").trim_start().to_owned(),
    }
}

#[test]
fn file_names_of_any_language_are_found() {
    let check = |text: &str, expected: &str| assert_eq!(named(text), expected, "{text}");
    check("Write `src/a.rs`.", "src/a.rs");
    check("Edit src/a.py, lib/b.go; and (web/c.tsx): done", "lib/b.go src/a.py web/c.tsx");
    check("File: app/models/user.rb:12", "app/models/user.rb");
    check("see **docs/design.md#limits** and \"x/y.ex\"'s end", "docs/design.md x/y.ex");
    check("New: ./tools/gen.sh", "tools/gen.sh");
    check(
        "the Makefile, Cargo.lock, go.mod and .gitignore",
        ".gitignore Cargo.lock Makefile go.mod",
    );
    check("parser.py reads größe/maß.toml", "größe/maß.toml parser.py");
    check("pages/api/user.test.ts", "pages/api/user.test.ts");
    check("include/list.h with list.c", "include/list.h list.c");
}

#[test]
fn what_only_looks_like_a_path_is_none() {
    let check = |text: &str| assert_eq!(named(text), "", "{text}");
    check("and/or, w/o, I/O, N/A, TCP/IP and either/or");
    check("https://example.org/src/a.rs and http://x/y.md");
    check("see www.example.org/a.md or github.com/a/b.rs");
    check("version 1.2.3, v2.0.1, 3.11, 1.10.c? no");
    check("e.g. this, i.e. that, etc. 12.5 %");
    check("Node.js, Next.js and Vue.js");
    check("mail a.user@example.md");
    check("call response.json() and console.c(x)");
    check("/etc/passwd.conf, ~/notes.md, $HOME/a.rs, ../up/a.rs");
    check(".rs files and *.rs");
}

#[test]
fn words_with_a_slash_are_left_for_the_tree_to_judge() {
    assert_eq!(named("bin/run reads client/server state"), "| bin/run client/server");
    assert_eq!(named("scripts/deploy and src/a.rs"), "src/a.rs | scripts/deploy");
}

fn claims(outputs: &[&str], inputs: &[&str], text: &str) -> Claims {
    Claims::of(Sources {
        outputs: &GlobSet::new(outputs.iter().copied()),
        inputs: &GlobSet::new(inputs.iter().copied()),
        named: &named_in(text).files,
        allowed: None,
        documents: &[RelPath::new("docs/plan.md").unwrap()],
    })
}

/// What is told of two tasks, each of outputs, inputs and a description; both ways agree.
fn check(one: (&[&str], &[&str], &str), other: (&[&str], &[&str], &str)) -> String {
    let (one, other) = (claims(one.0, one.1, one.2), claims(other.0, other.1, other.2));
    let met = one
        .meeting(&other)
        .map(|it| clash_text(&it.with(&TaskRef::new("p", "2"))).replace("p//2", "2"));
    assert_eq!(met.is_some(), other.meeting(&one).is_some(), "{met:?}");
    met.unwrap_or_default()
}

#[test]
fn writers_of_one_file_meet_and_readers_do_not() {
    assert_eq!(check((&["a.rs"], &[], ""), (&["a.rs"], &[], "")), "writes a.rs as 2 does");
    assert_eq!(check((&["a.rs"], &[], ""), (&["b.rs"], &[], "")), "");
    assert_eq!(check((&["a"], &[], ""), (&[], &["a/x.rs"], "")), "writes a/x.rs, which 2 reads");
    assert_eq!(check((&[], &["src"], ""), (&["src/b"], &[], "")), "reads src/b, which 2 writes");
    assert_eq!(check((&[], &["src"], ""), (&[], &["src"], "")), "");
    assert_eq!(check((&["ab"], &[], ""), (&["a"], &[], "")), "", "a name is no folder of another");
}

#[test]
fn patterns_meet_unless_folder_or_ending_keeps_them_apart() {
    let both = |one: &str, other: &str| !check((&[one], &[], ""), (&[other], &[], "")).is_empty();
    assert!(both("src/**", "src/a.rs") && both("src/**/*.rs", "src/x/a.rs"));
    assert!(both("src/**/*.rs", "src/engine/**"));
    assert!(both("src/*.rs", "src"), "a folder is all below it");
    assert!(!both("src/**/*.rs", "src/**/*.md") && !both("src/*.rs", "src/x/a.rs"));
    assert!(!both("src/**", "docs/**") && !both("a/*.rs", "ab/*.rs"));
    let without = check((&["src/**", "!src/gen/**"], &[], ""), (&["src/gen/a.rs"], &[], ""));
    assert_eq!(without, "", "what is taken away is not claimed");
}

#[test]
fn what_descriptions_name_counts_as_written() {
    let text = "Change `src/a.rs`";
    assert_eq!(check((&[], &[], text), (&[], &[], "Fix src/a.rs.")), "writes src/a.rs as 2 does");
    assert_eq!(check((&[], &[], text), (&["src/*.rs"], &[], "")), "writes src/a.rs as 2 does");
    assert_eq!(check((&[], &[], "Fix a.rs"), (&[], &[], text)), "writes src/a.rs as 2 does");
    assert_eq!(
        check((&[], &["src/a.rs"], text), (&[], &[], "like src/a.rs")),
        "reads src/a.rs, which 2 writes"
    );
    assert_eq!(check((&[], &["src"], text), (&[], &["src"], text)), "", "both declare to read it");
    let plan = "See docs/plan.md";
    assert_eq!(
        check((&[], &[], plan), (&[], &[], plan)),
        "",
        "everybody reads the plan's document"
    );
}
