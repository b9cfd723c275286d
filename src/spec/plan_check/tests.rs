//! Behaviour of whole-plan checks.
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::base::name::RelPath;
use crate::spec::plan;
use crate::spec::plan::read::tests::corpus;

fn known() -> Known {
    let agent = |name: &str, tools: &[&str]| {
        let can_write = tools.contains(&"Write");
        let tools = tools.iter().map(|tool| (*tool).to_owned()).collect();
        (AgentName::new(name), KnownAgent { tools, can_write, ..KnownAgent::default() })
    };
    let large = KnownAgent { model: Some("opus".into()), ..KnownAgent::default() };
    let agents = [
        (AgentName::new("designer"), large),
        agent("coder", &["Read", "Write", "Bash(git *)"]),
        agent("code-reviewer", &["Read", "Grep"]),
        agent("validator", &["Read", "Bash"]),
        agent("issue-verifier", &["Read", "Bash"]),
        agent("free", &[]),
    ];
    let review = Match {
        phrases: vec!["review the".into(), "run the tests".into()],
        agents: vec![AgentName::new("code-reviewer")],
        priority: 1,
    };
    let coder = Match { agents: vec![AgentName::new("coder")], ..Match::default() };
    let implement = KnownRule { matches: Some(coder), writes: true, ..KnownRule::default() };
    let allowed = Some(GlobSet::new(["docs"]));
    let review = KnownRule { matches: Some(review), allowed, ..KnownRule::default() };
    let rules = [
        (RuleName::new("implement"), implement),
        (RuleName::new("review"), review),
        (RuleName::new("broken"), KnownRule { flaw: Some("no".into()), ..KnownRule::default() }),
        (
            RuleName::new("command"),
            KnownRule { is_command: true, needs_run: true, ..KnownRule::default() },
        ),
        (
            RuleName::new("smoke"),
            KnownRule { needs_tools: vec!["Bash".into(), "Grep".into()], ..KnownRule::default() },
        ),
    ];
    Known {
        agents: agents.into_iter().collect(),
        rules: rules.into_iter().collect(),
        ..Known::default()
    }
}

/// Each finding with the text under its labels, line by line. `tasks` are one flow mapping a line.
fn check(meta: &str, tasks: &str) -> String {
    let tasks: String = tasks.lines().map(|task| format!("  - {{{}}}\n", task.trim())).collect();
    check_text(&format!("meta: {{{meta}}}\nsections:\n- id: a\n  name: A\n  tasks:\n{tasks}"))
}

fn check_text(text: &str) -> String {
    let source = Source::new(RelPath::new("plans/p.yaml").unwrap(), text);
    let parsed = plan::parse(&source);
    assert_eq!(parsed.diagnostics, []);
    let mut out = String::new();
    for it in super::check(&source, &parsed.value, &known()) {
        out.push_str(&format!("{} {}: {}\n", it.severity, it.code, it.message));
        for label in &it.labels {
            let line = source.position_of(label.span.start).line;
            out.push_str(&format!(
                "  {line} {:?}: {}\n",
                &source.text[label.span.clone()],
                label.text
            ));
        }
        out.push_str(&format!("  = {}\n", it.help.unwrap()));
    }
    out
}

#[test]
fn ids_are_unique() {
    assert_snapshot!(check("", "id: '1', name: n\nid: '1', name: m"), @r#"
    error plan::duplicate-id: two tasks have the id `1`
      7 "'1'": used again here
      6 "'1'": first used here
      = give one of them another id, and look at who depends on it
    "#);
    let text =
        "sections:\n- {id: a, name: A, tasks: [{id: x, name: n}]}\n- {name: A, id: a, tasks: []}\n";
    assert_snapshot!(check_text(text), @r#"
    warning plan::duplicate-section-id: two sections have the id `a`
      3 "a": used again here
      2 "a": first used here
      = give one of them another id, or its status cannot be kept up
    warning plan::empty-section: section `a` has no tasks
      3 "a": nothing to do here
      = add `tasks`, or take the section out
    "#);
}

#[test]
fn unknown_dependencies_name_the_nearest() {
    let tasks = "id: '1.1', name: n\nid: '1.20', name: n, depends_on: ['1.1', 1.30, a]\nid: x, name: n, depends_on: nowhere";
    assert_snapshot!(check("", tasks), @r#"
    error plan::unknown-dependency: no task has the id `1.30`
      7 "1.30": `1.20` waits for it
      = correct the id, or take the dependency out
    error plan::unknown-dependency: no task has the id `a`
      7 "a": `1.20` waits for it
      = this is a section: name the tasks of it that have to be done
    error plan::unknown-dependency: no task has the id `nowhere`
      8 "nowhere": `x` waits for it
      = correct the id, or take the dependency out
    "#);
}

#[test]
fn every_edge_of_a_cycle_is_labelled_and_who_waits_for_it_is_told() {
    let tasks = "id: a, name: n, depends_on: [z, b]
        id: b, name: n, depends_on: c
        id: c, name: n, depends_on: [z, a]
        id: z, name: n
        id: self, name: n, depends_on: [self]
        id: later, name: n, depends_on: [z, a]
        id: last, name: n, depends_on: [later]
        id: over, name: n, depends_on: [later, gone], status: completed
        id: fine, name: n, depends_on: [over]";
    assert_snapshot!(check("", tasks), @r#"
    error plan::cycle: tasks wait for each other: `a`, `b`, `c`
      6 "b": `a` waits for `b`
      7 "c": `b` waits for `c`
      8 "a": `c` waits for `a`
      = none of them can ever start: take one of these dependencies out
    error plan::cycle: `self` waits for itself
      10 "self": `self` waits for `self`
      = none of them can ever start: take one of these dependencies out
    warning plan::unreachable: `later` can never run
      11 "a": `a` can never be done
      = it follows from the errors in its dependencies
    warning plan::unreachable: `last` can never run
      12 "later": `later` can never be done
      = it follows from the errors in its dependencies
    warning plan::unknown-dependency: no task has the id `gone`
      13 "gone": `over` waits for it
      = correct the id, or take the dependency out
    "#);
}

#[test]
fn a_suspended_dependency_is_told() {
    let tasks = "id: a, name: n, status: suspended\nid: b, name: n, depends_on: [a]\nid: c, name: n, depends_on: [a], status: skipped";
    assert_snapshot!(check("", tasks), @r#"
    warning plan::waits-for-suspended: `b` cannot run yet
      7 "a": `a` is suspended
      6 "suspended": parked here
      = set it to `pending` to have it done, or to `skipped` to go on without it
    "#);
}

#[test]
fn agents_and_rules_exist() {
    let tasks = "id: a, name: n, agent: codr, rule: implment
        id: b, name: n, agent: nobody, status: completed
        id: c, name: n, validators: [{run: x}, validatr]
        id: d, name: n, rule: command
        id: e, name: n, rule: command, run: make";
    let meta =
        "validation: {enabled: yes, validators: [validator, isue-verifier], run_after: [coder, x]}";
    assert_snapshot!(check(meta, tasks), @r#"
    error plan::unknown-agent: there is no agent `isue-verifier`
      1 "isue-verifier": no file of this name
      = did you mean `issue-verifier`?
    warning plan::unknown-agent: there is no agent `x`
      1 "x": no file of this name
      = `orch new agent x` starts one
    error plan::unknown-agent: there is no agent `codr`
      6 "codr": no file of this name
      = did you mean `coder`?
    error plan::unknown-rule: there is no rule `implment`
      6 "implment": no file of this name
      = did you mean `implement`?
    warning plan::unknown-agent: there is no agent `nobody`
      7 "nobody": no file of this name
      = `orch new agent nobody` starts one
    error plan::unknown-agent: there is no agent `validatr`
      8 "validatr": no file of this name
      = did you mean `validator`?
    error plan::no-command: `d` is a command task without a command
      9 "command": this rule runs what the task says
      = say what to run: `run: [cargo, test]`
    "#);
}

#[test]
fn an_agent_has_the_tools_its_rule_needs() {
    let tasks = "id: a, name: n, agent: validator
        id: b, name: n, agent: code-reviewer
        id: c, name: Review the thing, agent: validator
        id: d, name: n, agent: code-reviewer, rule: implement
        id: e, name: n, agent: coder, rule: smoke
        id: f, name: n, agent: free
        id: g, name: n, agent: validator, run: x
        id: h, name: n, agent: validator, status: verified";
    assert_snapshot!(check("", tasks), @r#"
    warning plan::agent-lacks-tools: `a` cannot be done by `validator`
      6 "validator": this agent has no tool that writes files
      = the rule `implement` needs it: name another agent or `rule`, or add the tool to the agent
    warning plan::agent-lacks-tools: `d` cannot be done by `code-reviewer`
      9 "code-reviewer": this agent has no tool that writes files
      = the rule `implement` needs it: name another agent or `rule`, or add the tool to the agent
    warning plan::agent-lacks-tools: `e` cannot be done by `coder`
      10 "coder": this agent has no `Grep`
      = the rule `smoke` needs it: name another agent or `rule`, or add the tool to the agent
    warning plan::idle-agent: `g` runs a command: `validator` has no part in it
      12 "validator": no session is started
      = take `agent` out, or `run` to have a session do it
    "#);
}

#[test]
fn outputs_of_tasks_that_may_run_together_are_told() {
    let tasks = "id: a, name: n, outputs: [docs, x]
        id: b, name: n, outputs: [docs]
        id: c, name: n, outputs: [x], depends_on: [a]
        id: d, name: n, outputs: [x], depends_on: [a], parallel_group: g
        id: e, name: n, outputs: ['!x', y], parallel_group: h
        id: f, name: n, outputs: y, parallel_group: h";
    assert_snapshot!(check("", tasks), @r#"
    warning plan::shared-output: `c` and `d` both write `x`
      9 "[x]": claimed again here
      8 "[x]": first claimed here
      = let `d` wait for `c` (`depends_on`)
    advice plan::lonely-group: `d` is alone in the parallel group `g`
      9 "g": no other task is in this group
      = tasks of one group may run side by side; check the spelling, or drop it
    warning plan::shared-output: `e` and `f` both write `y`
      11 "y": claimed again here
      10 "['!x', y]": first claimed here
      = let `f` wait for `e` (`depends_on`)
    "#);
    assert_snapshot!(check("order: free", "id: a, name: n, outputs: o\nid: b, name: n, outputs: o"), @r#"
    warning plan::shared-output: `a` and `b` both write `o`
      7 "o": claimed again here
      6 "o": first claimed here
      = let `b` wait for `a` (`depends_on`)
    "#);
}

#[test]
fn real_plans_have_nothing_wrong() {
    for source in &corpus() {
        let parsed = plan::parse(source);
        let errors: Vec<String> = super::check(source, &parsed.value, &known())
            .into_iter()
            .filter(Diagnostic::is_error)
            .map(|it| it.message)
            .collect();
        assert_eq!(errors, [""; 0], "{}", source.path);
    }
}

#[test]
fn a_long_chain_needs_no_stack() {
    let task =
        |at: usize| format!("  - {{id: t{at}, name: n, depends_on: [t{}]}}\n", (at + 1) % 10_000);
    let tasks: String = (0..10_000).map(task).collect();
    let text = format!("sections:\n- id: a\n  name: A\n  tasks:\n{tasks}");
    let source = Source::new(RelPath::new("p.yaml").unwrap(), text);
    let found = super::check(&source, &plan::parse(&source).value, &Known::default());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].labels.len(), 10_000);
}

proptest! {
    /// What is told of order is right: told tasks are exactly those that Kahn's algorithm cannot run.
    #[test]
    fn what_can_never_run_is_told(edges in proptest::collection::vec((0usize..8, 0usize..10), 0..14)) {
        let depends = |at: usize| -> Vec<String> {
            edges.iter().filter(|(from, _)| *from == at).map(|(_, to)| format!("t{to}")).collect()
        };
        let task = |at: usize| format!("  - {{id: t{at}, name: n, depends_on: [{}]}}\n", depends(at).join(", "));
        let tasks: String = (0..8).map(task).collect();
        let text = format!("sections:\n- id: a\n  name: A\n  tasks:\n{tasks}");
        let source = Source::new(RelPath::new("p.yaml").unwrap(), text);
        let plan = plan::parse(&source).value;
        let found = super::check(&source, &plan, &Known::default());

        let mut runs = [false; 8];
        for _ in 0..8 {
            for at in 0..8 {
                runs[at] = edges.iter().filter(|(from, _)| *from == at).all(|(_, to)| *to < 8 && runs[*to]);
            }
        }
        let reported = |task: &Task| found.iter().any(|it| it.labels.iter().any(|label| {
            task.spans.task.start <= label.span.start && label.span.end <= task.spans.task.end
                && it.code != "plan::unknown-dependency" || task.spans.depends_on.contains(&label.span)
        }));
        for (at, task) in plan.tasks().enumerate() {
            if runs[at] {
                prop_assert!(!found.iter().any(|it| task.spans.depends_on.contains(&it.labels[0].span)));
            } else if !reported(task) {
                // In a group of several cycles one is told; the others of the group are on it or wait.
                prop_assert!(found.iter().any(|it| it.code == "plan::cycle"));
            }
        }
        prop_assert_eq!(found.is_empty(), runs.iter().all(|&it| it));
    }

    /// Reading, checking and editing never panic, and every span is one of the text.
    #[test]
    fn a_damaged_plan_is_told_or_read(
        cut in 0usize..400,
        len in 0usize..30,
        put in "[ \\-a:{}\\[\\],|>&*!#'\"\n\té?<]{0,6}",
    ) {
        let whole = "meta: {name: é, validation: {enabled: on, validators: [x]}}
sections:
- id: a
  name: &n A
  status: pending # ü
  tasks:
  - id: '1'
    name: |
      text

    status: 'pending'
    depends_on: ['2', 3]
    outputs: ['src/**']
  - {id: 2, name: *n, status: pending, depends_on: 1}
  - <<: {agent: x}
    id: \"3\"
    name: >
      é
- {id: a, name: B, tasks: []}
";
        let at = |at: usize| (0..=at.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        let text = format!("{}{put}{}", &whole[..at(cut)], &whole[at(cut + len)..]);
        let source = Source::new(RelPath::new("p.yaml").unwrap(), text);
        let parsed = plan::parse(&source);
        let found = super::check(&source, &parsed.value, &known());
        for label in parsed.diagnostics.iter().chain(&found).flat_map(|it| &it.labels) {
            prop_assert!(source.text.get(label.span.clone()).is_some());
        }
        for task in parsed.value.tasks() {
            let fields = [("status", Status::Verified.into())];
            if let Ok(edited) = crate::spec::edit::set_task_fields(&source, &task.id, &fields) {
                let again = Source::new(source.path.clone(), edited);
                let plan = plan::parse(&again).value;
                prop_assert_eq!(plan.tasks().count(), parsed.value.tasks().count());
                let new = plan.tasks().find(|it| it.id == task.id).unwrap();
                prop_assert_eq!((&new.spec, new.record.status), (&task.spec, Status::Verified));
            }
        }
    }
}

#[test]
fn a_cap_below_the_model_of_an_agent_is_told() {
    let tasks = "id: a, name: A, agent: designer
        id: b, name: B, model: claude-opus-4-5
        id: c, name: C, agent: coder
        id: d, name: D, agent: designer, model: haiku
        id: e, name: E, agent: designer, status: completed";
    assert_snapshot!(check("model_escalation: {enabled: yes, max_model: sonnet}", tasks), @r#"
    error plan::model-cap: `a` begins with `opus`, above the cap `sonnet`
      6 "designer": its agent `designer` asks for `opus`
      = raise the cap (`max_model`, `models.max`), or give the task a `model` below it
    error plan::model-cap: `b` begins with `claude-opus-4-5`, above the cap `sonnet`
      7 "b": it asks for `claude-opus-4-5`
      = raise the cap (`max_model`, `models.max`), or give the task a `model` below it
    "#);
    assert_eq!(check("model_escalation: {enabled: yes}", tasks), "", "the default is the top");
    assert_snapshot!(check("model_escalation: {enabled: yes, max_model: sonet}", "id: a, name: A"), @r#"
    error plan::bad-value: `max_model` cannot be `sonet`
      1 "sonet": not on the ladder
      = one of haiku, sonnet, opus, fable
    "#);
    assert_eq!(check("model_escalation: {enabled: no, max_model: sonet}", "id: a, name: A"), "");
}

#[test]
fn a_verifier_of_items_needs_one() {
    let task = "id: '1', name: Mend, agent: coder, validators: [issue-verifier]";
    let found = check("name: P", task);
    assert!(found.starts_with("warning plan::no-item"), "{found}");
    assert_eq!(check("name: P, source_item: docs/item.md", task), "");
    assert_eq!(check("name: P", &format!("{task}, status: completed")), "");
    let meta = "name: P, validation: { enabled: true, validators: [issue-verifier] }";
    let found = check(meta, "id: '1', name: Mend, agent: coder");
    assert!(found.contains("plan::no-item") && found.contains("issue-verifier"), "{found}");
}

/// The codes of what is found about one task.
fn codes(task: &str) -> String {
    let found = check("name: P", &format!("id: '1', {task}"));
    let code = |line: &str| Some(line.split_once("plan::")?.1.split_once(": ")?.0.to_owned());
    found.lines().filter_map(code).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_command_does_not_heed_is_told() {
    let idle = check("name: P", "id: '1', name: Make, run: make, agent: coder");
    assert_snapshot!(idle, @r#"
    warning plan::idle-agent: `1` runs a command: `coder` has no part in it
      6 "coder": no session is started
      = take `agent` out, or `run` to have a session do it
    "#);
    let idle = check("name: P", "id: '1', name: Make, run: make, rule: implement");
    assert!(idle.starts_with("warning plan::idle-run"), "{idle}");
    assert_eq!(check("name: P", "id: '1', name: Make, run: make, rule: command"), "");
}

#[test]
fn a_rule_whose_prompt_cannot_be_made_does_no_task() {
    assert_snapshot!(check("name: P", "id: '1', name: Make, rule: broken"), @r#"
    error plan::unusable-rule: the prompt of the rule `broken` cannot be made for `1`
      6 "broken": no
      = name another rule; what templates may use is in docs/FORMATS.md, "Rules"
    "#);
    assert_eq!(check("name: P", "id: '1', name: Make, rule: broken, status: skipped"), "");
}

#[test]
fn outputs_that_no_work_can_bring_about_are_told() {
    let check = |outputs: &str| codes(&format!("name: Make, agent: coder, outputs: [{outputs}]"));
    assert_eq!(check(r"'docs\a.md'"), "impossible-output");
    assert_eq!(check("'~/a.md'"), "impossible-output");
    assert_eq!(check("'$HOME/a.md'"), "impossible-output");
    assert_eq!(check("'https://example.org/a.md'"), "impossible-output");
    assert_eq!(check("'docs/<name>.md'"), "impossible-output");
    assert_eq!(check("' lead.txt'"), "impossible-output");
    assert_eq!(check("'docs/a.md', '!docs/b.md', 'app/[id]/page.tsx'"), "");
}

#[test]
fn outputs_are_what_rule_and_agent_may_write() {
    let check = |task: &str| codes(&format!("name: Look, {task}"));
    assert_eq!(
        check("agent: code-reviewer, outputs: [review.md]"),
        "forbidden-output agent-lacks-tools"
    );
    assert_eq!(check("agent: code-reviewer, outputs: [docs/review.md]"), "agent-lacks-tools");
    assert_eq!(check("agent: coder, rule: review, outputs: [docs/review.md]"), "");
    assert_eq!(check("agent: coder, rule: review, outputs: ['*.md']"), "");
    assert_eq!(check("agent: code-reviewer"), "");
}

#[test]
fn an_agent_that_cannot_write_is_not_told_to() {
    let check =
        |text: &str| codes(&format!("name: Look, agent: code-reviewer, description: '{text}'"));
    assert_eq!(check("Compare them. 2. Write the winner to docs/winner.md."), "agent-lacks-tools");
    assert_eq!(check("Read both and save `docs/winner.md`"), "agent-lacks-tools");
    for fine in [
        "Check what was written to docs/winner.md",
        "Verify that docs/a.md says how to create docs/b.md",
        "Write what you found.",
        "Compare docs/a.md. Write a summary.",
    ] {
        assert_eq!(check(fine), "", "{fine}");
    }
    let coder = "name: Look, agent: coder, rule: review, description: Write docs/a.md";
    assert_eq!(codes(coder), "");
}

#[test]
fn files_that_the_cli_guards_are_told() {
    assert_snapshot!(check("name: P", "id: '1', name: Make, agent: coder, outputs: [.vscode/a.json]"), @r#"
    warning plan::guarded-path: `1` is to write `.vscode/a.json`, which the CLI denies
      6 "[.vscode/a.json]": it is written by agents with `permission: bypass` only
      = give it such an agent, or have a `run` make the file
    "#);
    let check = |text: &str| codes(&format!("name: Make, agent: coder, description: '{text}'"));
    assert_eq!(check("Create the file of servers, `.mcp.json`."), "guarded-path");
    assert_eq!(check("Read it. Update `.vscode/settings.json`"), "guarded-path");
    for fine in [
        "Read .vscode/a.json. Write src/a.rs.",
        "Create the agent file at .claude/agents/a.md.",
        "Write down what `ls .vscode` says",
        "Add a task to .claude/plans/p.yaml",
        "Create ~/.vscode/a.json",
    ] {
        assert_eq!(check(fine), "", "{fine}");
    }
    assert_eq!(codes("name: Make, run: make, outputs: [.vscode/a.json]"), "");
}

#[test]
fn a_look_is_no_work_of_one_who_has_to_change_files() {
    assert_eq!(codes("name: Run the tests, agent: coder"), "nothing-to-change");
    assert_eq!(codes("name: Run the tests, agent: coder, no_change: allowed"), "");
    assert_eq!(codes("name: Run the tests, agent: coder, outputs: [a.txt]"), "");
    assert_eq!(codes("name: Run the tests"), "");
    assert_eq!(codes("name: Run the formatter, agent: coder"), "");
}

#[test]
fn a_task_of_the_plan_itself_may_be_named_in_full() {
    let check = |on: &str| {
        check(
            "",
            &format!("id: '1', name: A, run: x\nid: '2', name: B, run: x, depends_on: ['{on}']"),
        )
    };
    assert_eq!(check("p//1"), "");
    assert_eq!(check("q//9"), "", "all plans together tell");
    assert_snapshot!(check("p//9"), @r#"
    error plan::unknown-dependency: no task has the id `9`
      7 "'p//9'": `2` waits for it
      = correct the id, or take the dependency out
    "#);
    assert_snapshot!(check("p//*"), @r#"
    error plan::cycle: `2` waits for itself
      7 "'p//*'": `2` waits for `2`
      = none of them can ever start: take one of these dependencies out
    "#);
}
