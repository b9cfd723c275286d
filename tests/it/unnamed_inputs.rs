//! Files that nobody declared and that decide a result: scripts that commands name, and what symbolic
//! links lead to; and names with brackets.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Space;

/// A command task that copies what it reads to `seen.txt`.
fn task(run: &str, keys: &str) -> String {
    format!(
        "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: Copy, run: \"{run}\", outputs: [seen.txt]{keys} }}\n"
    )
}

fn space_of(run: &str, keys: &str, files: &[(&str, &str)]) -> Space {
    let plan = task(run, keys);
    Space::new(&[&[("plans/plan.yaml", plan.as_str())], files].concat())
}

fn link(space: &Space, target: &str, path: &str) {
    let place = space.root().join(path);
    let _ = fs::remove_file(&place);
    symlink(target, place).unwrap();
}

/// Builds, and says whether the command ran and what it saw.
fn seen(space: &Space) -> String {
    let ran = space.build(&[], 0).value["ran"].as_u64().unwrap();
    format!("{ran} {}", space.read("seen.txt").trim_end())
}

#[test]
fn a_script_that_a_command_names_is_its_input() {
    for run in ["sh tools/gen.sh", "./tools/gen.sh", "true && sh -eu 'tools/gen.sh'"] {
        let space = space_of(run, "", &[("tools/gen.sh", "echo one > seen.txt\n")]);
        space.git(&["update-index", "--chmod=+x", "tools/gen.sh"]);
        space.git(&["commit", "--quiet", "--message", "may be run"]);
        space.git(&["checkout", "--quiet", "--", "tools"]);
        assert_eq!(seen(&space), "1 one", "{run}");
        assert_eq!(seen(&space), "0 one", "{run}");
        space.write("tools/gen.sh", "echo two > seen.txt\n");
        space.commit("two");
        assert_eq!(seen(&space), "1 two", "{run}");
        space.write("tools/gen.sh", "echo three > seen.txt\n");
        assert_eq!(seen(&space), "1 three", "uncommitted: {run}");
        assert_eq!(seen(&space), "0 three", "{run}");
    }
}

#[test]
fn what_one_task_reads_behind_a_link_is_not_gone_since_another_names_the_link() {
    let plan = "\
meta: { order: free }
sections:
- id: s
  name: S
  tasks:
  - { id: '1', name: One, run: 'cat all/README.md > one.txt', inputs: [all/README.md], outputs: [one.txt] }
  - { id: '2', name: Two, run: 'ls all > two.txt', inputs: [all], outputs: [two.txt] }
";
    let space = Space::new(&[("plans/plan.yaml", plan), ("README.md", "x\n")]);
    link(&space, ".", "all");
    space.commit("a link");
    space.build(&["-j", "1"], 0).has(&[("ran", 2)]);
    space.build(&["-j", "1"], 0).has(&[("up_to_date", 2)]);
}

#[test]
fn a_script_that_came_later_counts() {
    let space = space_of("sh tools/gen.sh || echo none > seen.txt", "", &[]);
    assert_eq!(seen(&space), "1 none");
    space.write("tools/gen.sh", "echo some > seen.txt\n");
    space.commit("a script");
    assert_eq!(seen(&space), "1 some");
}

#[test]
fn a_script_of_a_validator_is_in_its_verdict() {
    let keys = ", validators: [{ name: good, run: sh tools/check.sh }]";
    let space = space_of("echo one > seen.txt", keys, &[("tools/check.sh", "exit 0\n")]);
    assert_eq!(seen(&space), "1 one");
    space.write("tools/check.sh", "grep two seen.txt\n");
    space.commit("another check");
    space.build(&[], 1).has(&[("failed", 1)]);
}

#[test]
fn what_a_link_leads_to_is_an_input() {
    let check = |inputs: &str, reads: &str| {
        let keys = format!(", inputs: [{inputs}]");
        let run = format!("cat {reads} > seen.txt");
        let space =
            space_of(&run, &keys, &[("real/deep/a.txt", "one\n"), ("new/deep/a.txt", "new\n")]);
        link(&space, "real", "linked");
        link(&space, "real/deep/a.txt", "file");
        fs::create_dir(space.root().join("in")).unwrap();
        link(&space, "../real/deep", "in/deep");
        space.commit("links");
        assert_eq!(seen(&space), "1 one", "{inputs}");
        assert_eq!(seen(&space), "0 one", "{inputs}");
        space.write("real/deep/a.txt", "two\n");
        space.commit("two");
        assert_eq!(seen(&space), "1 two", "{inputs}");
        space.write("real/deep/a.txt", "three\n");
        assert_eq!(seen(&space), "1 three", "uncommitted: {inputs}");
        space.git(&["checkout", "--quiet", "--", "real", "seen.txt"]);
        link(&space, "new", "linked");
        link(&space, "new/deep/a.txt", "file");
        link(&space, "../new/deep", "in/deep");
        space.commit("other links");
        assert_eq!(seen(&space), "1 new", "{inputs}");
        assert_eq!(seen(&space), "0 new", "{inputs}");
    };
    check("'linked/**'", "linked/deep/a.txt");
    check("linked", "linked/deep/a.txt");
    check("'linked/deep/*.txt'", "linked/deep/a.txt");
    check("file", "file");
    check("'in/**'", "in/deep/a.txt");
}

#[test]
fn a_link_to_nothing_is_watched_for_what_it_leads_to() {
    let run = "cat file > seen.txt 2>/dev/null || echo none > seen.txt";
    let space = space_of(run, ", inputs: [file]", &[]);
    link(&space, "later.txt", "file");
    space.commit("a link");
    assert_eq!(seen(&space), "1 none");
    space.write("later.txt", "there\n");
    space.commit("there");
    assert_eq!(seen(&space), "1 there");
}

#[test]
fn a_link_out_of_the_repository_or_to_its_own_folder_leads_nowhere() {
    let space = space_of("ls in | xargs > seen.txt", ", inputs: ['in/**']", &[("in/a", "a\n")]);
    link(&space, "/", "in/away");
    link(&space, "..", "in/up");
    space.commit("links");
    assert_eq!(seen(&space), "1 a away up");
    assert_eq!(seen(&space), "0 a away up");
}

#[test]
fn a_design_document_is_what_its_link_leads_to() {
    let plan = "meta: { plan_doc: DESIGN.md }\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                - { id: '1', name: Write, description: Write it. }\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("sessions.yaml", "'1':\n- run: \"cat DESIGN.md > seen.txt\"\n"),
        ("plans/plan.yaml", plan),
        ("docs/v2.md", "tabs\n"),
    ]);
    link(&space, "docs/v2.md", "DESIGN.md");
    space.commit("a link");
    assert_eq!(seen(&space), "1 tabs");
    assert_eq!(seen(&space), "0 tabs");
    space.write("docs/v2.md", "blanks\n");
    assert_eq!(seen(&space), "1 blanks");
}

#[test]
fn what_tasks_write_behind_a_link_makes_them_no_more_stale_than_before_it() {
    let plan = "meta: { plan_doc: DESIGN.md }\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                - { id: '1', name: Write, description: Write it., inputs: ['linked/**'] }\n  \
                - { id: '2', name: More, description: Write more., inputs: [linked] }\n";
    let sessions = "'1':\n- run: echo one > real/a.txt\n'2':\n- run: \"echo two > real/a.txt; echo two > real/b.txt; \
                    echo two > docs/v2.md\"\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("sessions.yaml", sessions),
        ("plans/plan.yaml", plan),
        ("docs/v2.md", "tabs\n"),
        ("real/a.txt", "none\n"),
    ]);
    link(&space, "docs/v2.md", "DESIGN.md");
    link(&space, "real", "linked");
    space.commit("links");
    space.build(&[], 0).has(&[("ran", 2), ("sessions", 2)]);
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
    space.write("real/b.txt", "by hand\n");
    space.commit("an edit");
    space.build(&[], 0).has(&[("ran", 2)]);
}

#[test]
fn brackets_are_part_of_names() {
    let run = "cat 'app/[id]/page.tsx' > seen.txt";
    for inputs in ["'app/[id]/page.tsx'", "'app/[id]'", "'app/[id]/**'", "'app/[id]/*.tsx'"] {
        let keys = format!(", inputs: [{inputs}]");
        let space = space_of(run, &keys, &[("app/[id]/page.tsx", "one\n")]);
        assert_eq!(seen(&space), "1 one", "{inputs}");
        space.write("app/[id]/page.tsx", "two\n");
        space.commit("two");
        assert_eq!(seen(&space), "1 two", "{inputs}");
    }
    let run = "mkdir -p 'app/[id]' && echo x | tee seen.txt > 'app/[id]/made.tsx'";
    let space = space_of(run, "", &[]);
    space.replace("plans/plan.yaml", "outputs: [seen.txt]", "outputs: ['app/[id]/made.tsx']");
    space.commit("another output");
    space.build(&[], 0).has(&[("ran", 1)]);
}
