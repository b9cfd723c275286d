//! Documents that a session changes beside its work: other plans, settings, and the rest of its own
//! plan.

use crate::support::Space;

const LEDGER: &str = "\
meta: { name: Ledger }
sections:
- id: s
  name: All
  tasks:
  - id: '1'
    name: First
    description: Write ledger.txt.
  - { id: '2', name: Second, run: 'false', depends_on: ['1'] }
";

/// Two plans; the session of the first task does `steps` beside its work.
fn two(task: &str, steps: &str) -> Space {
    let first = format!(
        "meta: {{ name: First }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - id: '1'\n    name: Write\n    \
         max_attempts: 1\n{task}"
    );
    let sessions = format!(
        "'first//1':\n- - write: {{ path: a.txt, content: a }}\n{steps}'ledger//1':\n- write: {{ path: ledger.txt, \
         content: l }}\n"
    );
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/first.yaml", &first),
        ("plans/ledger.yaml", LEDGER),
        ("sessions.yaml", &sessions),
    ])
}

/// The attempt fails, names the file, and nothing of it lands.
#[track_caller]
fn refused(task: &str, steps: &str, words: &[&str]) {
    let space = two(task, steps);
    let built = space.orch(&["build", "first"]).exits(1);
    for word in words {
        assert!(built.stderr.contains(word), "no {word}: {}", built.shown());
    }
    assert_eq!(space.subjects().last().map(String::as_str), Some("start"));
    assert!(!space.exists("a.txt") && space.read("plans/ledger.yaml") == LEDGER);
}

const PLAIN: &str = "    description: Write a.txt.\n";
const COMPLETES: &str = "  - run: sed -i \"s/name. First/&\\n    status. completed/; s/status[.]/status:/\" plans/ledger.yaml\n";

#[test]
fn another_plan_is_not_a_session_s_to_change() {
    refused(PLAIN, COMPLETES, &["changed `plans/ledger.yaml`", "another plan", "put it back"]);
    let deletes = "  - delete: plans/ledger.yaml\n";
    refused(PLAIN, deletes, &["deleted `plans/ledger.yaml`"]);
    let injects = "  - run: sed -i s/.false./injected/ plans/ledger.yaml\n";
    refused(PLAIN, injects, &["changed `plans/ledger.yaml`"]);
}

#[test]
fn settings_are_changed_only_by_declared_outputs() {
    let hides = "  - append: { path: orch.yaml, content: \"plans_dirs: [later]\\n\" }\n";
    let named = "    description: Write a.txt and orch.yaml.\n";
    refused(named, hides, &["changed `orch.yaml`", "settings"]);
    let space = two("    description: Write.\n    outputs: [orch.yaml, a.txt]\n", hides);
    space.build(&["first"], 0).has(&[("ran", 1)]);
    assert!(space.read("orch.yaml").contains("later"));
}

#[test]
fn a_status_in_another_plan_never_counts() {
    let declared = "    description: Tidy.\n    outputs: [plans/ledger.yaml]\n";
    refused(declared, COMPLETES, &["gave a status to task 1 of `plans/ledger.yaml`"]);
    let new = "  - write: { path: plans/new.yaml, content: \"meta: { name: N }\\nsections: [{ id: s, name: S, tasks: \
               [{ id: a, name: A, status: completed }] }]\\n\" }\n";
    let named = "    description: Write plans/new.yaml.\n";
    refused(named, new, &["gave a status to task a of `plans/new.yaml`"]);
    let space = two(named, &new.replace(", status: completed", ""));
    space.build(&["first"], 0).has(&[("ran", 1)]);
    assert!(space.exists("plans/new.yaml"));
}

#[test]
fn a_bare_file_name_names_no_document() {
    let named = "    description: Write a.txt and mend ledger.yaml.\n";
    let edits = "  - run: sed -i s/First/Changed/ plans/ledger.yaml\n";
    refused(named, edits, &["changed `plans/ledger.yaml`"]);
}

#[test]
fn a_command_gives_no_status_in_another_plan_but_may_change_it() {
    let run = |line: &str| format!("    run: {line}\n");
    let completes = run("sed -i s/pending/completed/ plans/ledger.yaml && touch a.txt");
    let pending = LEDGER.replace("name: First\n", "name: First\n    status: pending\n");
    let space = two(&completes, "");
    space.write("plans/ledger.yaml", &pending);
    space.commit("pending");
    let printed = "gave a status to task 1 of `plans/ledger.yaml`";
    space.orch(&["build", "first"]).exits(1).complains(&[printed]);
    assert_eq!(space.read("plans/ledger.yaml"), pending);
    space.build(&["ledger//1"], 0).has(&[("ran", 1)]);

    let space = two(&run("sed -i s/First/Changed/ plans/ledger.yaml"), "");
    space.build(&["first"], 0).has(&[("ran", 1)]);
    assert!(space.read("plans/ledger.yaml").contains("Changed"));
}

/// A step that writes a document.
fn writes(file: &str, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!("  - write: {{ path: {file}, content: {text} }}\n")
}

fn plan_of(task: &str) -> String {
    format!(
        "meta: {{ name: N }}\nsections: [{{ id: s, name: S, tasks: [{{ id: a, name: A{task} }}] }}]\n"
    )
}

#[test]
fn a_document_that_is_left_with_errors_does_not_land() {
    let unknown = plan_of(", depends_on: [no]");
    for (file, text, why) in [
        ("plans/ledger.yaml", "sections: [{ id: s", "(yaml::syntax)"),
        ("plans/new.yaml", &*unknown, "line 2: "),
        (".claude/plans/new.yaml", &plan_of(", agent: nobody"), "(plan::unknown-agent)"),
        (".claude/plans/ledger.yaml", &plan_of(""), "two plans are called `ledger`"),
        (
            ".claude/agents/x.md",
            "---\nname: x\ntools: { a: b }\n---\nWork.\n",
            "(plan::unclear-agent)",
        ),
        ("rules/r.yaml", "name: [r", "(yaml::syntax)"),
        ("rules/r.yaml", "describe: R\nprompt: prompts/none.md\n", "(rule::unknown-prompt)"),
    ] {
        let named = format!("    description: Write a.txt and {file}.\n");
        let printed = format!("left `{file}` with an error: ");
        refused(&named, &writes(file, text), &["first//1", &printed, why]);
    }
    let declared = "    description: Write.\n    outputs: [orch.yaml, a.txt]\n";
    let breaks = "  - append: { path: orch.yaml, content: \"jobs: [many\\n\" }\n";
    refused(declared, breaks, &["left `orch.yaml` with an error: "]);
    refused(
        "    run: printf '\\377' > plans/new.yaml\n",
        "",
        &["left `plans/new.yaml` with an error: plans/new.yaml is not UTF-8"],
    );
}

#[test]
fn documents_that_cannot_be_read_do_not_land() {
    for (run, why) in [
        ("printf '# \\377\\n' >> orch.yaml", "orch.yaml is not UTF-8"),
        ("rm orch.yaml; ln -s none orch.yaml", "orch.yaml cannot be read"),
        ("ln -s ../none plans/f.yaml", "plans/f.yaml cannot be read"),
        ("mkdir plans/f.yaml; touch plans/f.yaml/x", "plans/f.yaml cannot be read"),
        (
            "echo 'sections: [' > later/wrong.yaml; ln -s ../later/wrong.yaml plans/f.yaml",
            "yaml::syntax",
        ),
    ] {
        let space = two(&format!("    run: {}\n", serde_json::to_string(run).unwrap()), "");
        space.write("later/x", "");
        space.commit("more");
        let built = space.orch(&["build", "first"]).exits(1);
        assert!(
            built.stderr.contains("with an error: ") && built.stderr.contains(why),
            "{}",
            built.shown()
        );
        space.orch(&["check"]).exits(0);
    }
}

#[test]
fn settings_are_judged_by_the_documents_that_they_make() {
    let needs = plan_of(", agent: dev");
    let settings = "session: { scripted: sessions.yaml }\n";
    for (line, file) in [
        ("agents_dir: elsewhere", "plans/other.yaml"),
        ("plans_dirs: [plans, later]", "later/x.yaml"),
        ("rules_dir: later", "later/x.yaml"),
    ] {
        let run = format!("    run: \"echo '{line}' >> orch.yaml\"\n");
        let space = two(&run, "");
        space.write(".claude/agents/dev.md", "---\nname: dev\n---\nWork.\n");
        space.write("plans/other.yaml", &needs);
        space.write("later/x.yaml", "sections: [\n");
        space.commit("more");
        let printed = format!("left `{file}` with an error: ");
        space.orch(&["build", "first"]).exits(1).complains(&[&printed]);
        assert_eq!(space.read("orch.yaml"), settings);
    }
    let space = two(
        "    run: \"echo 'agents_dir: elsewhere' >> orch.yaml; git mv .claude/agents elsewhere\"\n",
        "",
    );
    space.write(".claude/agents/dev.md", "---\nname: dev\n---\nWork.\n");
    space.write("plans/other.yaml", &needs);
    space.commit("more");
    space.build(&["first"], 0).has(&[("ran", 1)]);
    space.orch(&["check"]).exits(0);
}

/// Two tasks of a plan after one another, with what their commands do, and files beside it.
fn after_one_another(first: &str, second: &str, files: &[(&str, &str)]) -> Space {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let plan = format!(
        "meta: {{ name: A }}\nsections:\n- id: s\n  name: All\n  tasks:\n  - {{ id: '1', name: First, run: {} }}\n  \
         - {{ id: '2', name: Second, run: {} }}\n",
        quoted(first),
        quoted(second)
    );
    let space = Space::new(&[
        ("plans/a.yaml", &plan),
        ("notes.txt", "notes\n"),
        ("rules/.keep", ""),
        (".claude/agents/.keep", ""),
    ]);
    files.iter().for_each(|(path, text)| space.write(path, text));
    space.git(&["add", "--all"]);
    space.git(&["commit", "--quiet", "--allow-empty", "--message", "more"]);
    space
}

const MAKES_AGENT: &str = "printf -- '---\\nname: dev\\n---\\nWork.\\n' > .claude/agents/dev.md";
const MAKES_RULE: &str = "printf 'extends: implement\\n' > rules/r.yaml";

fn makes_plan(keys: &str) -> String {
    format!(
        "echo 'sections: [{{ id: s, name: S, tasks: [{{ id: a, name: A{keys} }}] }}]' > plans/n.yaml"
    )
}

#[test]
fn what_landed_in_the_same_build_is_known_to_later_attempts() {
    for (first, keys) in [(MAKES_AGENT, ", agent: dev"), (MAKES_RULE, ", rule: r")] {
        let space = after_one_another(first, &makes_plan(keys), &[]);
        space.build(&["a"], 0).has(&[("ran", 2)]);
        space.orch(&["check"]).exits(0);
    }
    let dev = (".claude/agents/dev.md", "---\nname: dev\n---\nWork.\n");
    let removes = "rm .claude/agents/dev.md";
    let space = after_one_another(removes, &makes_plan(", agent: dev"), &[dev]);
    space.orch(&["build", "a"]).exits(1).complains(&["a//2", "there is no agent `dev`"]);
    space.orch(&["check"]).exits(0);
    let other = plan_of(", agent: dev");
    let space = after_one_another("rm plans/b.yaml", removes, &[dev, ("plans/b.yaml", &other)]);
    space.build(&["a"], 0).has(&[("ran", 2)]);
    space.orch(&["check"]).exits(0);
}

#[test]
fn documents_that_fit_alone_do_not_land_together() {
    let dev = (".claude/agents/dev.md", "---\nname: dev\n---\nWork.\n");
    let space = after_one_another("FIRST", "SECOND", &[dev]);
    let (root, marks) = (space.root().display().to_string(), space.home().display().to_string());
    let first =
        format!("until test -e {marks}/begun; do sleep 0.02; done; rm .claude/agents/dev.md");
    let second = format!(
        "touch {marks}/begun; while test -e {root}/.claude/agents/dev.md; do sleep 0.02; done; {}",
        makes_plan(", agent: dev")
    );
    let text = space.read("plans/a.yaml").replace("name: A }", "name: A, order: free }");
    let text = text.replace("FIRST", &first).replace("SECOND", &second.replace('"', "\\\""));
    space.write("plans/a.yaml", &text);
    space.commit("at once");
    space
        .orch(&["build", "a", "-j", "2"])
        .exits(1)
        .complains(&["conflicts with what landed meanwhile: plans/n.yaml"]);
    space.orch(&["check"]).exits(0);
    assert!(!space.exists("plans/n.yaml"));
}

#[test]
fn what_waits_to_land_is_known_to_later_attempts() {
    let first = format!("echo more >> notes.txt; {MAKES_AGENT}");
    let space = after_one_another(&first, &makes_plan(", agent: dev"), &[]);
    let plan =
        space.read("plans/a.yaml").replace("name: First", "name: First, outputs: [notes.txt]");
    space.write("plans/a.yaml", &plan);
    space.commit("declared");
    space.write("notes.txt", "edited by me\n");
    space.build(&["a"], 0).has(&[("ran", 2)]);
    assert!(!space.exists(".claude/agents/dev.md"), "it waits for `orch land`");
}

#[test]
fn a_task_comes_into_its_plan_together_with_its_agent() {
    let adds = "printf -- \"- { id: '3', name: Third, agent: dev, rule: r }\\n\" | sed 's/^/  /' >> plans/a.yaml";
    let made = format!("{MAKES_AGENT}; {MAKES_RULE}");
    for (first, second) in [(format!("{made}; {adds}"), "touch x"), (made, adds)] {
        let space = after_one_another(&first, second, &[]);
        space.write("orch.yaml", "session: { scripted: sessions.yaml }\n");
        space.write("sessions.yaml", "'3':\n- write: { path: third.txt, content: t }\n");
        space.commit("sessions");
        space.build(&["a"], 0).has(&[("ran", 3), ("accepted", 3)]);
        assert!(space.exists("third.txt") && space.read("plans/a.yaml").contains("Third"));
    }
}

#[test]
fn a_document_that_others_need_does_not_go() {
    let removes = "    run: rm .claude/agents/dev.md && touch a.txt\n";
    let space = two(removes, "");
    space.write(".claude/agents/dev.md", "---\nname: dev\n---\nWork.\n");
    space.write("plans/other.yaml", &plan_of(", agent: dev"));
    space.commit("needs");
    let printed = "left `plans/other.yaml` with an error: line 2: there is no agent `dev`";
    space.orch(&["build", "first"]).exits(1).complains(&["first//1", printed]);
    assert!(space.exists(".claude/agents/dev.md") && !space.exists("a.txt"));
}

#[test]
fn documents_that_come_together_know_one_another() {
    let files = [
        ("plans/new.yaml", &*plan_of(", agent: dev, rule: special")),
        (".claude/agents/dev.md", "---\nname: dev\n---\nWork.\n"),
        ("rules/special.yaml", "describe: R\nprompt: prompts/special.md\n"),
        ("rules/prompts/special.md", "Do {{ task.name }}.\n"),
    ];
    let paths = files.map(|(path, _)| path).join(", ");
    let named = format!("    description: Write a.txt and {paths}, all of them.\n");
    let steps: String = files.iter().map(|(path, text)| writes(path, text)).collect();
    let space = two(&named, &steps);
    space.build(&["first"], 0).has(&[("ran", 1)]);
    space.orch(&["check"]).exits(0);
}

#[test]
fn errors_that_were_there_before_are_no_attempt_s_fault() {
    let space = two("    run: sed -i s/First/Changed/ plans/ledger.yaml\n", "");
    let faulty = LEDGER.replace("depends_on: ['1']", "depends_on: [no]");
    space.write("plans/ledger.yaml", &faulty);
    space.commit("faulty");
    space.build(&["first"], 0).has(&[("ran", 1)]);
    assert!(space.read("plans/ledger.yaml").contains("Changed"));
}

#[test]
fn a_stop_file_is_no_result() {
    for file in ["plans/.stop", ".claude/plans/.stop"] {
        let printed = format!("wrote the stop file `{file}`");
        let declared = format!("    description: Write.\n    outputs: [a.txt, {file}]\n");
        let stops = format!("  - write: {{ path: {file}, content: stop }}\n");
        let by_command = format!("    run: mkdir -p .claude/plans && touch a.txt {file}\n");
        for (task, steps) in [(PLAIN, &*stops), (&declared, &stops), (&by_command, "")] {
            let space = two(task, steps);
            space.orch(&["build", "first"]).exits(1).complains(&["first//1", &printed]);
            assert!(!space.exists(file) && !space.exists("a.txt"));
            space.build(&["ledger//1"], 0).has(&[("ran", 1)]);
        }
    }
}

#[test]
fn what_a_session_put_back_when_told_is_accepted() {
    let space = two(PLAIN, "  - append: { path: orch.yaml, content: \"# mine\\n\" }\n");
    space.replace("plans/first.yaml", "max_attempts: 1", "max_attempts: 2");
    let sessions = space.read("sessions.yaml");
    let again = "- - run: git checkout -q orch.yaml\n'ledger//1'";
    space.write("sessions.yaml", &sessions.replace("'ledger//1'", again));
    space.commit("twice");
    let built = space.orch(&["build", "first"]).exits(0);
    assert!(built.stderr.contains("changed `orch.yaml`"), "{}", built.shown());
    assert!(space.exists("a.txt") && !space.read("orch.yaml").contains("mine"));
}

const OWN: &str = "\
meta: { name: Own }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: First, description: Write a.txt., max_attempts: 1 }
  - { id: '2', name: Second, description: Write b.txt., depends_on: ['1'], outputs: [b.txt] }
  - { id: '3', name: Third, description: Write c.txt., depends_on: ['1'] }
  - { id: '4', name: Judged, description: Write d.txt., depends_on: ['1'], validators: [{ name: is, run: test -e d.txt }] }
  - { id: '5', name: Command, run: touch e.txt, depends_on: ['1'] }
";

fn own(edit: &str) -> Space {
    let mut sessions = format!(
        "'1':\n- - write: {{ path: a.txt, content: a }}\n  - run: \"{edit} .orch/task/plan.yaml\"\n"
    );
    for (task, file) in [("2", "b"), ("3", "c"), ("4", "d")] {
        sessions += &format!("'{task}':\n- write: {{ path: {file}.txt, content: x }}\n");
    }
    Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/own.yaml", OWN),
        ("sessions.yaml", &sessions),
    ])
}

#[test]
fn what_a_session_leaves_out_is_told_and_counted_apart() {
    let space = own(
        "sed -i \\\"s/name: Third/name: Third, status: skipped/; s/ outputs: .b.txt./ notes: x/\\\"",
    );
    let built = space.orch(&["build", "--format", "json"]).exits(0);
    let printed = built.stdout.lines().find(|it| it.contains("plan-changed")).unwrap().to_owned();
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&printed["task"], &printed["skipped"]),
        (&"own//1".into(), &serde_json::json!(["own//3"]))
    );
    assert_eq!(printed["edited"], serde_json::json!([["own//2", ["notes", "outputs"]]]));
    let counts = [("targets", 5), ("accepted", 4), ("skipped", 1), ("up_to_date", 0)];
    let summary = built.summary().has(&counts);
    assert_eq!(summary.value["plan_changes"][0]["task"], "own//1");
    space.build(&[], 0).has(&[("accepted", 4), ("skipped", 1), ("up_to_date", 4)]);
    space.build(&[], 0).has(&[("accepted", 4), ("skipped", 1), ("up_to_date", 4)]);
    space.orch(&["build"]).exits(0).says(&["up to date: 4 tasks, 1 skipped"]);
}

#[test]
fn what_a_session_takes_out_is_named_on_the_console_and_in_the_end() {
    let space = own("sed -i /Third/d");
    let printed = "own//1  takes out own//3";
    space
        .orch(&["build"])
        .exits(0)
        .complains(&[printed])
        .says(&["plan changed: own//1 takes out own//3"]);
}

#[test]
fn what_judges_and_commands_do_is_not_left_out_by_another_task_s_session() {
    for (edit, words) in [
        ("sed -i /Judged/d", "task 4 has validators or is a command: it cannot be taken out"),
        ("sed -i /Command/d", "task 5 has validators or is a command: it cannot be taken out"),
        ("sed -i \\\"s/name: Judged/name: Judged, status: skipped/\\\"", "it cannot be set aside"),
        (
            "sed -i \\\"s/name: Command/name: Command, status: suspended/\\\"",
            "it cannot be set aside",
        ),
    ] {
        let space = own(edit);
        space.orch(&["build"]).exits(1).complains(&[words]);
        assert_eq!(space.read("plans/own.yaml").matches("completed").count(), 0);
    }
}
