//! Warnings of documents as a build tells them, by the built program.

use crate::support::Space;

/// A plan of two tasks in free order, the second with this key.
fn two(key: &str) -> String {
    format!(
        "meta: {{ order: free }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: A, run: 'true', no_change: allowed }}\n  - {{ id: '2', name: B, run: 'true', no_change: allowed, {key} }}\n"
    )
}

#[test]
fn a_key_of_another_tool_is_told_once_by_each_build_that_needs_its_plan() {
    let plan = two("dependsOn: ['1']");
    let space = Space::new(&[("plans/a.yaml", &plan), ("plans/b.yaml", &two("inputs: []"))]);
    let events = space.home().join("events");
    let printed = space.orch(&["build", "-n"]).exits(0).shown();
    assert_eq!(printed.matches("has no key `dependsOn`").count(), 1, "{printed}");
    let printed = space.orch(&["build", "b"]).exits(0).shown();
    assert!(!printed.contains("dependsOn"), "{printed}");
    let printed =
        space.orch(&["build", "--events", &events.display().to_string()]).exits(0).shown();
    assert_eq!(printed.matches("has no key `dependsOn`").count(), 1, "{printed}");
    assert!(printed.contains("did you mean `depends_on`?"), "{printed}");
    let events = std::fs::read_to_string(events).unwrap();
    let line = events.lines().find(|it| it.contains("\"event\":\"cautioned\"")).unwrap();
    assert!(line.contains("plans/a.yaml") && line.contains("plan::unknown-key"), "{line}");
    let printed = space.orch(&["build"]).exits(0).shown();
    assert!(!printed.contains("dependsOn"), "nothing is left to do: {printed}");
}

#[test]
fn a_finished_task_that_runs_again_brings_the_warnings_of_its_plan() {
    let plan = two("dependsOn: ['1'], inputs: [in.txt]");
    let space = Space::new(&[("plans/a.yaml", &plan), ("in.txt", "one\n")]);
    space.orch(&["build"]).exits(0);
    space.write("in.txt", "two\n");
    for args in [&["build", "-n"][..], &["build"]] {
        let printed = space.orch(args).exits(0).shown();
        assert_eq!(printed.matches("has no key `dependsOn`").count(), 1, "{args:?}: {printed}");
    }
    assert!(!space.orch(&["build"]).exits(0).shown().contains("dependsOn"));
}

#[test]
fn a_build_that_only_replays_brings_the_warnings_of_its_plan() {
    let plan = two("inputs: [in.txt], outputs: [out.txt]").replacen(
        "B, run: 'true'",
        "B, run: 'cp in.txt out.txt'",
        1,
    );
    let space = Space::new(&[("plans/a.yaml", &plan), ("in.txt", "one\n")]);
    space.build(&[], 0);
    space.write("in.txt", "two\n");
    space.commit("two");
    space.build(&[], 0).has(&[("ran", 1)]);
    space.write("in.txt", "one\n");
    space.replace("plans/a.yaml", "name: B", "dependsOn: ['1'], name: B");
    space.commit("one again");
    let printed = space.orch(&["build"]).exits(0);
    assert!(printed.stderr.contains("replayed"), "{}", printed.shown());
    assert_eq!(printed.shown().matches("has no key `dependsOn`").count(), 1, "{}", printed.shown());
}

#[test]
fn keys_of_other_places_are_named_where_they_have_no_effect() {
    let section = "agent model timeout max_attempts validators env run inputs outputs parallel_group \
                   exclusive_resources rule retry cache proposals order budget validation";
    let top = "smoke model_escalation plan_doc source_item backoff_base parallel_group \
               exclusive_resources env inputs outputs run rule";
    let meta = "parallel_group exclusive_resources env rule run inputs outputs tasks sections";
    let task = "model_escalation smoke budget order max_attempts_default limits tools";
    let validator = "env cache retry";
    let check = |what: &str, keys: &str, indent: &str| {
        let lines: String = keys.split(' ').map(|key| format!("{indent}{key}: x\n")).collect();
        let at = |place: &str| if place == what { &*lines } else { "" };
        let plan = format!(
            "{}meta:\n  name: P\n{}sections:\n- id: s\n  name: S\n{}  tasks:\n  - id: '1'\n    name: A\n    run: \
             make\n{}    validators:\n    - run: make\n{}",
            at("plan"),
            at("meta"),
            at("section"),
            at("task"),
            at("validator"),
        );
        let printed = Space::without_git(&[("plans/a.yaml", &plan)]).orch(&["check"]).shown();
        for key in keys.split(' ') {
            assert!(
                printed.contains(&format!("{what} has no key `{key}`")),
                "{what} {key}: {printed}"
            );
        }
    };
    check("plan", top, "");
    check("meta", meta, "  ");
    check("section", section, "  ");
    check("task", task, "    ");
    check("validator", validator, "      ");
}

#[test]
fn keys_at_a_wrong_place_are_named() {
    let check = |file: &str, text: &str, said: &[&str]| {
        let plan =
            "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: A, run: 'true' }\n";
        let text = text.replace("SECTIONS", plan);
        space_of(file, &text).orch(&["check"]).exits(0).says(said);
    };
    let plan = "plans/a.yaml";
    check(
        plan,
        "meta: { dependsOn: [b] }\nSECTIONS",
        &["meta has no key `dependsOn`", "no effect"],
    );
    check(plan, "meta: { maxAttempts: 2 }\nSECTIONS", &["did you mean `max_attempts_default`?"]);
    check(plan, "depends_on: [b]\nSECTIONS", &["plan has no key `depends_on`", "no effect"]);
    check(plan, "validators: []\nSECTIONS", &["plan has no key `validators`", "no effect"]);
    let config = ".claude/orchestrator-config.yaml";
    check(config, "jobs: many\n", &["the original's config has no key `jobs`", "no effect"]);
}

fn space_of(file: &str, text: &str) -> Space {
    Space::without_git(&[(file, text)])
}

#[test]
fn keys_without_any_effect_are_named() {
    let check = |key: &str, help: &str| {
        let space = Space::without_git(&[("plans/a.yaml", &two(key))]);
        space.orch(&["check"]).exits(0).says(&[&format!("has no key `{}`", key_of(key)), help]);
    };
    check("needs: ['1']", "did you mean `depends_on`?");
    check("blocked-by: ['1']", "did you mean `depends_on`?");
    check("command: make", "it has no effect beside `run`");
    check("maxAttempts: 2", "did you mean `max_attempts`?");
    check("if: false", "it has no effect");
}

fn key_of(pair: &str) -> &str {
    pair.split(':').next().unwrap()
}

#[test]
fn agents_and_settings_are_told_of_where_they_are_used() {
    let agent = "---\nname: odd\ndescription: a: b\ntools: Read, Write, Raed\n---\nRole.\n";
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: A, description: Write one.txt., agent: coder }\n";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        (".claude/orchestrator-config.yaml", "test_command: [unclosed\n"),
        (".claude/agents/odd.md", agent),
        ("sessions.yaml", "'1':\n- write: { path: one.txt, content: \"one\\n\" }\n"),
        ("plans/a.yaml", plan),
    ]);
    let printed = space.orch(&["build", "-n"]).exits(0).shown();
    assert!(
        printed.contains("orchestrator-config.yaml") && !printed.contains("odd.md"),
        "{printed}"
    );
    space.replace("plans/a.yaml", "agent: coder", "agent: odd");
    space.commit("another agent");
    let printed = space.orch(&["build"]).exits(0).shown();
    assert_eq!(printed.matches("there is no tool `Raed`").count(), 1, "{printed}");
    assert!(printed.contains("agent::no-yaml"), "{printed}");
    space.write("plans/a.yaml", &plan.replace("agent: coder", "agent: lost"));
    let refused = space.orch(&["build"]).exits(2);
    refused.complains(&["plan::unknown-agent", "orchestrator-config.yaml"]);
}

#[test]
fn a_rule_whose_prompt_no_task_can_have_is_refused_before_anything_runs() {
    let check = |prompt: &str, rule: &str, code: i32| {
        let plan = format!(
            "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: A, rule: {rule} }}\n"
        );
        let own = format!("rule: own\nextends: implement\nprompt: \"{prompt}\"\n");
        let space = Space::new(&[("plans/a.yaml", &plan), ("rules/own.yaml", &own)]);
        let printed = space.orch(&["check"]).exits(code).shown();
        assert_eq!(printed.contains("plan::unusable-rule"), code == 2, "{printed}");
        if code == 2 {
            let printed = space.orch(&["build"]).exits(2).shown();
            assert!(printed.contains("nothing was run"), "{printed}");
        }
    };
    check("Do {{ task.name }}", "plan-item", 2);
    check("Do {{ task.name | nosuch }}", "own", 2);
    check("Do {{ task.name }}", "own", 0);
    check("Do {{ (task.name | split(':') | list)[1] }}", "own", 0);
}

#[test]
fn a_result_of_a_weaker_model_is_told_by_the_build_and_by_status() {
    let plan = "meta: { order: free }\nsections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: Write one, description: Write one.txt., agent: coder, model: opus }\n";
    let check = |model: &str| {
        let sessions =
            format!("'1':\n- model: {model}\n- write: {{ path: one.txt, content: x }}\n");
        let space = Space::new(&[
            ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
            ("plans/a.yaml", plan),
            ("sessions.yaml", &sessions),
        ]);
        [space.orch(&["build"]).exits(0).shown(), space.orch(&["status", "a"]).exits(0).shown()]
    };
    for printed in check("claude-haiku-5") {
        let weaker = "`opus` was asked for, and claude-haiku-5 answered: a weaker model";
        assert!(printed.contains(weaker), "{printed}");
    }
    for printed in check("claude-opus-5-5") {
        assert!(!printed.contains("weaker"), "{printed}");
    }
}

#[test]
fn many_files_that_nothing_declares_are_told_by_their_folder() {
    let plan = |outputs: &str| {
        format!(
            "sections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: '1', name: One, description: one{outputs} }}\n"
        )
    };
    let sessions = "'1':\n- run: 'mkdir gen; cd gen; for i in $(seq 600); do echo x > f$i; done; echo x > ../a.txt'\n";
    for (outputs, is_said) in [("", true), (", outputs: ['gen/**']", false)] {
        let space = Space::new(&[
            ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
            ("plans/p.yaml", &plan(outputs)),
            ("sessions.yaml", sessions),
        ]);
        let printed = space.build(&[], 0).ran.shown();
        let said = "601 files that it does not declare were made or changed, 600 of them in `gen`";
        assert_eq!(printed.contains(said), is_said, "{printed}");
    }
}

#[test]
fn that_commits_are_not_signed_is_told_where_they_are_to_be() {
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: One, run: 'echo 1 > one.txt' }\n  \
                - { id: '2', name: Two, run: 'echo 2 > two.txt' }\n";
    let space = Space::new(&[("plans/p.yaml", plan)]);
    space.git(&["config", "commit.gpgsign", "true"]);
    let said = "`commit.gpgsign` is set, and commits that orch makes are not signed";
    let built = space.orch(&["build"]).exits(0);
    assert_eq!(built.stderr.matches(said).count(), 1, "{}", built.shown());
    assert!(!space.orch(&["build"]).exits(0).stderr.contains(said));
    assert!(space.orch(&["doctor"]).stdout.contains(said));
}
