//! Behaviour of rule files: reading, `extends`, templates, and the choice of a task's rule.

use std::collections::BTreeMap;

use super::*;
use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::builtin;
use crate::spec::item::kind::is_kind;
use crate::spec::outcome::OutcomeClass;
use crate::spec::plan::{TaskSpec, ValidatorKind};
use crate::spec::sandbox::{Sandbox, Sandboxing};

fn source(name: &str, text: &str) -> Source {
    Source::new(RelPath::new(format!("rules/{name}.yaml")).unwrap(), text)
}

fn prompt(path: &str) -> Option<String> {
    builtin::prompt(path).map(ToOwned::to_owned)
}

fn shown(source: &Source, found: &[Diagnostic]) -> Vec<String> {
    let line = |found: &Diagnostic| {
        let label = found.labels.first().map_or("", |label| &source.text[label.span.clone()]);
        format!("{} {}: {}", found.severity, found.code, label)
    };
    found.iter().map(line).collect()
}

/// Reads one rule file called `mine`.
fn check(text: &str) -> (RuleDraft, Vec<String>) {
    let source = source("mine", text);
    let parsed = parse(&source, &prompt);
    (parsed.value, shown(&source, &parsed.diagnostics))
}

/// Resolves files over one another; what is wrong by code and file.
fn check_all(files: &[(&str, &str)]) -> (BTreeMap<RuleName, Rule>, Vec<String>) {
    let drafts = files.iter().map(|(name, text)| {
        let parsed = parse(&source(name, text), &prompt);
        assert_eq!(parsed.diagnostics, [], "{name}");
        parsed.value
    });
    let resolved = resolve(drafts.collect());
    let line = |found: &Diagnostic| format!("{}: {}", found.code, found.message);
    (resolved.value, resolved.diagnostics.iter().map(line).collect())
}

fn built_in() -> BTreeMap<RuleName, Rule> {
    let drafts = builtin::rules()
        .into_iter()
        .filter(|it| !is_kind(it))
        .map(|source| parse(&source, &prompt).value);
    resolve(drafts.collect()).value
}

#[test]
fn every_key_is_read() {
    let (rules, found) = check_all(&[(
        "mine",
        "
rule: mine
describe: all of it
version: 3
rebuild_on: recipe
match: { phrases: [Do It], agents: [coder], priority: 7 }
action: session
agent: coder
prompt: 'Do {{ task.name }}'
inputs: { declared: ['src/**'], discovered: false }
outputs: { allowed: [docs], must_change: false }
validators: [{ run: [cargo, test], name: tests, timeout: 5m }, { run: make lint }, { agent: validator, inputs: [a] }]
env: [CARGO_HOME]
retry: { attempts: 2, backoff: { base: 1s, cap: 1m }, waits: 4, uncounted: [killed], from: clean, on: { no-status: [resume, fresh], auth: stop } }
limits: { wall: 10m, stall: 3m, turns: 80, usd: 5.00 }
pool: gpu
needs_tools: [Bash]
report: true
judges: { files: [Makefile], parts: ['package.json#scripts'], modules: [os], tests: ['tests/**'] }
tests: frozen
run: [make, all]
sandbox: bwrap
",
    )]);
    assert_eq!(found, [] as [&str; 0]);
    let rule = &rules["mine"];
    let expected = Rule {
        name: "mine".into(),
        describe: "all of it".into(),
        version: 3,
        rebuild_on: Some(crate::spec::rebuild::RebuildOn { recipe: true }),
        matches: Some(Match {
            phrases: vec!["Do It".into()],
            agents: vec!["coder".into()],
            priority: 7,
        }),
        action: ActionKind::Session,
        agent: Some("coder".into()),
        prompt: "Do {{ task.name }}".into(),
        inputs: RuleInputs { declared: GlobSet::new(["src/**"]), discovered: false },
        outputs: RuleOutputs {
            allowed: Some(GlobSet::new(["docs"])),
            must_change: false,
            keep: GlobSet::default(),
        },
        is_report: true,
        validators: rule.validators.clone(),
        judges: Judges {
            files: GlobSet::new(["Makefile"]),
            parts: vec![JudgingPart {
                files: GlobSet::new(["package.json"]),
                key: "scripts".to_owned(),
            }],
            modules: vec!["os".to_owned()],
            tests: GlobSet::new(["tests/**"]),
            frozen: Tests::Frozen,
        },
        env: vec!["CARGO_HOME".into()],
        retry: Retry {
            attempts: 2,
            waits: 4,
            uncounted: [OutcomeClass::Killed].into(),
            from: Beginning::Clean,
            backoff_base: Millis::seconds(1),
            backoff_cap: Millis::seconds(60),
            on: [
                (OutcomeClass::NoStatus, vec![RetryStep::Resume, RetryStep::Fresh]),
                (OutcomeClass::Auth, vec![RetryStep::Stop]),
            ]
            .into(),
        },
        limits: Limits {
            wall: Some(Millis::seconds(600)),
            stall: Some(Millis::seconds(180)),
            turns: Some(80),
            usd: Some(Usd::from_dollars(5.0)),
        },
        pool: "gpu".into(),
        proposals: None,
        needs_tools: vec!["Bash".into()],
        run: Some(CommandLine::Argv(vec!["make".into(), "all".into()])),
        sandbox: Some(Sandboxing::Bwrap(Sandbox { network: None, write: vec![] })),
        notify: None,
    };
    assert_eq!(rule, &expected);
    let names: Vec<&str> = rule.validators.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["tests", "make-lint", "validator"]);
    assert_eq!(rule.validators[2].kind, ValidatorKind::Agent("validator".into()));
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let check = |text: &str| check(text).1.join("; ");
    assert_eq!(check(""), "error rule::missing-key: ");
    assert_eq!(check("rule: other\n"), "warning rule::file-name: other");
    assert_eq!(check("rule: mine\nagnet: x\n"), "error rule::unknown-key: agnet");
    assert_eq!(check("rule: mine\nowner: x\n"), "warning rule::unknown-key: owner");
    assert_eq!(check("action: dance\n"), "error rule::bad-value: dance");
    assert_eq!(check("sandbox: jail\n"), "error rule::bad-value: jail");
    assert_eq!(check("sandbox: { write: [target] }\n"), "error rule::bad-value: [target]");
    assert_eq!(check("sandbox: { by: landlock }\n"), "error rule::bad-value: landlock");
    let cut_off = "sandbox: { kind: guard, network: false }\n";
    assert_eq!(check(cut_off), "error rule::bad-value: false");
    assert_eq!(check("retry: { attempts: 0 }\n"), "error rule::bad-value: 0");
    assert_eq!(
        check("retry: { on: { nostatus: fresh } }\n"),
        "error rule::unknown-outcome: nostatus"
    );
    assert_eq!(check("retry: { on: { stalled: again } }\n"), "error rule::bad-value: again");
    assert_eq!(check("retry: { on: { stalled: [fresh, agin] } }\n"), "error rule::bad-value: agin");
    assert_eq!(check("retry: { on: { stalled: [] } }\n"), "error rule::bad-value: []");
    assert_eq!(check("retry: { uncounted: [stale] }\n"), "error rule::unknown-outcome: stale");
    assert_eq!(check("limits: { wall: soon }\n"), "error rule::bad-value: soon");
    assert_eq!(check("prompt: prompts/none.md\n"), "error rule::unknown-prompt: prompts/none.md");
    assert_eq!(check("validators: [{ name: x }]\n"), "error rule::missing-key: { name: x");
    assert_eq!(check("run: []\n"), "error rule::bad-value: []");
    assert_eq!(check("match: review\n"), "error rule::wrong-type: review");
    assert_eq!(check("outputs: { must_chnage: true }\n"), "error rule::unknown-key: must_chnage");
}

#[test]
fn templates_are_checked_before_anything_runs() {
    let check = |prompt: &str| {
        let parsed = parse(&source("mine", &format!("prompt: |\n  {prompt}\n")), &|_| None);
        let line = |found: Diagnostic| {
            let help = found.help.unwrap_or_default();
            format!("{}: {} [{help}]", found.code, found.message)
        };
        parsed.diagnostics.into_iter().map(line).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(check("{{ task.id }} {{ plan.doc or 'no' }}{% if can_write %}w{% endif %}"), "");
    assert_eq!(check("{% for i in range(3) %}{{ i }}{% endfor %}{{ task }}"), "");
    insta::assert_snapshot!(
        check("Do {{ task.nmae }}"),
        @"rule::unknown-variable: a prompt has no variable `task.nmae` (line 1 of it) [did you mean `task.name`?]"
    );
    assert!(check("{{ item.path }}").starts_with("rule::unknown-variable"));
    assert!(check("{{ attempt }}").starts_with("rule::unknown-variable"));
    assert!(check("{% if x %}").starts_with("rule::template"));
    assert!(check("{{ task.id").starts_with("rule::template"));
}

#[test]
fn templates_of_item_rules_know_the_item() {
    let (_, found) = check("extends: verify-item\nprompt: 'Look at {{ item.path }}'\n");
    assert_eq!(found, [] as [&str; 0]);
}

#[test]
fn a_rule_changes_parts_of_the_one_it_extends() {
    let (rules, found) = check_all(&[
        (
            "base",
            "match: { phrases: [base] }\nprompt: p\nlimits: { wall: 1m, stall: 1m, turns: 3 }\nretry: { attempts: 5, on: { stalled: fresh } }\n",
        ),
        (
            "mine",
            "extends: base\nagent: coder\nlimits: { wall: 2m, stall: none }\nretry: { on: { auth: stop } }\n",
        ),
    ]);
    assert_eq!(found, [] as [&str; 0]);
    let mine = &rules["mine"];
    assert_eq!(mine.prompt, "p");
    assert_eq!(mine.agent, Some("coder".into()));
    assert_eq!(mine.matches, None, "two rules must not want the same tasks");
    let expected =
        Limits { wall: Some(Millis::seconds(120)), stall: None, turns: Some(3), usd: None };
    assert_eq!(mine.limits, expected);
    assert_eq!(mine.retry.attempts, 5);
    assert_eq!(mine.retry.on.len(), 2);
}

#[test]
fn a_projects_rule_replaces_or_extends_the_built_in_of_its_name() {
    let first = ("review", "match: { agents: [a] }\nprompt: built in\n");
    let (rules, found) = check_all(&[first, ("review", "prompt: own\n")]);
    assert_eq!((rules["review"].prompt.as_str(), found.len()), ("own", 0));
    assert_eq!(rules["review"].matches, None);
    let (rules, found) = check_all(&[first, ("review", "extends: review\nagent: me\n")]);
    assert_eq!((rules["review"].prompt.as_str(), found.len()), ("built in", 0));
    assert!(rules["review"].matches.is_some());
    assert_eq!(rules["review"].agent, Some("me".into()));
}

#[test]
fn extends_that_leads_nowhere_or_in_a_circle_is_reported_where_it_does() {
    let check = |files: &[(&str, &str)]| check_all(files).1.join("\n");
    insta::assert_snapshot!(
        check(&[("a", "extends: b\nprompt: p\n"), ("b", "extends: c\nprompt: p\n"), ("c", "extends: b\nprompt: p\n")]),
        @"
    rule::extends-cycle: rules extend one another in a circle: b -> c -> b
    rule::extends-cycle: rules extend one another in a circle: c -> b -> c
    "
    );
    insta::assert_snapshot!(
        check(&[("a", "extends: revew\nprompt: p\n"), ("review", "prompt: p\n"), ("x", "extends: a\n")]),
        @"rule::unknown-rule: rule `a` extends `revew`, which does not exist"
    );
    assert_eq!(
        check(&[("a", "extends: a\nprompt: p\n")]),
        "rule::unknown-rule: rule `a` extends `a`, which does not exist"
    );
    assert_eq!(
        check(&[("a", "agent: b\n")]),
        "rule::no-prompt: rule `a` runs a session and has no prompt"
    );
    assert_eq!(check(&[("a", "action: command\n")]), "");
}

#[test]
fn a_command_is_tried_once_and_may_change_nothing() {
    let (rules, _) = check_all(&[("mine", "action: command\nrun: make\n")]);
    let rule = &rules["mine"];
    assert_eq!((rule.retry.attempts, rule.outputs.must_change), (1, false));
    assert_eq!(rule.pool.as_str(), "commands");
}

fn chosen(spec: &TaskSpec) -> String {
    let rules = built_in();
    let chosen = choose(&rules, spec);
    let agent = agent_of(&rules[&chosen.rule], spec).map_or("-", |agent| agent.as_str());
    format!("{} by {agent}: {}", chosen.rule, chosen.why)
}

#[test]
fn a_tasks_own_words_come_before_any_guess() {
    let spec = || TaskSpec { name: "Review the code".into(), ..TaskSpec::default() };
    let run = Some(CommandLine::Shell("true".into()));
    insta::assert_snapshot!(
        [
            chosen(&TaskSpec { rule: Some("design".into()), run: run.clone(), ..spec() }),
            chosen(&TaskSpec { run, agent: Some("coder".into()), ..spec() }),
            chosen(&TaskSpec { agent: Some("coder".into()), ..spec() }),
            chosen(&TaskSpec { agent: Some("ux-designer".into()), ..spec() }),
            chosen(&TaskSpec { agent: Some("stranger".into()), ..spec() }),
            chosen(&spec()),
        ]
        .join("\n"),
        @r#"
    design by systems-designer: the task names it
    command by coder: the task has a `run`
    implement by coder: it takes the tasks of agent `coder`
    design by ux-designer: it takes the tasks of agent `ux-designer`
    review by stranger: its name begins with "review the"
    review by code-reviewer: its name begins with "review the"
    "#
    );
}

#[test]
fn phrases_are_whole_words_at_the_start_of_the_name() {
    let check = |name: &str| {
        let spec = TaskSpec { name: name.into(), ..TaskSpec::default() };
        choose(&built_in(), &spec).rule.to_string()
    };
    for name in [
        "Add a checkout page",
        "Checkout: preview of the cart",
        "Redesign the header",
        "Add tests that verify the parser",
        "Preview the upload",
        "Create code-reviewer agent definition",
        "Run tests and verify",
        "Update the design document",
        "Validate user input",
        "Check boxes in the settings form",
        "Designate an owner of each file",
        "Reviewer assignments in the sidebar",
        "Recheck interval as a setting",
        "Unverified addresses are refused",
        "Review",
        "",
    ] {
        assert_eq!(check(name), "implement", "{name}");
    }
    for (name, rule) in [
        ("Code review of the parser", "review"),
        ("Phase 2: final code review", "review"),
        ("REVIEW THE api", "review"),
        ("Verify syntax and run full test suite", "verify"),
        ("Regression test - verify no hardcoded names", "verify"),
        ("Design the storage layer", "design"),
        ("Generate Design 1 - Approach A", "design"),
        ("Judge the designs", "judge"),
        ("Extend plan with implementation tasks", "extend-plan"),
        ("Run the QA audit", "qa-audit"),
        ("Perform a UX review of the dashboard", "ux-review"),
        ("Spec compliance of the list", "spec-review"),
        ("qa-auditor: the list", "qa-audit"),
        ("Functional spec verification", "qa-audit"),
        ("spec-verifier pass over the list", "spec-review"),
        ("ux-reviewer look at the list", "ux-review"),
        ("Create phases 2 and 3", "extend-plan"),
        ("Final review of the branch", "review"),
        ("Check that the tests hold", "verify"),
        ("Design a cache for results", "design"),
    ] {
        assert_eq!(check(name), rule, "{name}");
    }
}

#[test]
fn every_outcome_is_read() {
    for outcome in OutcomeClass::failures().map(OutcomeClass::as_str) {
        let (_, found) = check(&format!("retry: {{ on: {{ {outcome}: stop }} }}\n"));
        assert_eq!(found, [] as [&str; 0], "{outcome}");
    }
}

/// In the real plans every task of a reader that names its agent would have been given one that reads.
#[test]
fn real_tasks_are_told_apart_by_their_names() {
    let rules = built_in();
    let mut wrong = Vec::new();
    for source in crate::spec::plan::read::tests::corpus() {
        for task in crate::spec::plan::parse(&source).value.tasks() {
            let Some(agent) = &task.spec.agent else { continue };
            let guess = choose(&rules, &TaskSpec { agent: None, ..(*task.spec).clone() });
            let is_reader = agent.as_str() == "code-reviewer";
            if is_reader != (guess.rule.as_str() != "implement") {
                wrong.push(format!("{agent}: {}", task.spec.name));
            }
        }
    }
    assert_eq!(wrong, [] as [&str; 0]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_fail(text in "(rule|extends|prompt|match|retry|run|limits|\\{|\\}|: |\n|- |\\[|x|%|'| ){0,40}") {
        let (draft, _) = check(&text);
        resolve(vec![draft]);
    }
}

#[test]
fn a_ladder_goes_up_step_by_step_and_stays_on_its_last() {
    let on = BTreeMap::from([(OutcomeClass::Stalled, vec![RetryStep::Fresh, RetryStep::Escalate])]);
    let retry = Retry { on, ..Retry::default() };
    let steps = [0, 1, 2, 3, 9].map(|nth| retry.step(OutcomeClass::Stalled, nth));
    use RetryStep::{Escalate, Fresh, Stop};
    assert_eq!(steps, [Fresh, Fresh, Escalate, Escalate, Escalate]);
    assert_eq!(
        retry.step(OutcomeClass::Killed, 1),
        Stop,
        "what nobody speaks of is not tried for ever"
    );
}

#[test]
fn the_defaults_answer_every_outcome_and_a_project_changes_single_ones() {
    let rules = built_in();
    assert!(!rules.contains_key(DEFAULTS), "it is no rule itself");
    for rule in rules.values() {
        let missing = OutcomeClass::failures().find(|it| !rule.retry.on.contains_key(it));
        assert_eq!(missing, None, "{}", rule.name);
    }
    let text = "retry: { waits: 2, on: { killed: stop } }\n";
    let own = parse(&source(DEFAULTS, text), &prompt);
    assert_eq!(own.diagnostics, []);
    let drafts = builtin::rules()
        .into_iter()
        .filter(|it| !is_kind(it))
        .map(|it| parse(&it, &prompt).value)
        .chain([own.value]);
    let changed = resolve(drafts.collect()).value;
    let implement = &changed["implement"].retry;
    assert_eq!((implement.waits, implement.step(OutcomeClass::Killed, 1)), (2, RetryStep::Stop));
    assert_eq!(
        implement.step(OutcomeClass::Stalled, 1),
        rules["implement"].retry.step(OutcomeClass::Stalled, 1)
    );
}

#[test]
fn a_session_keeps_its_network_and_a_sandbox_is_inherited_and_taken_off() {
    let cut_off = "action: session\nprompt: x\nsandbox: { network: false }\n";
    let (_, found) = check_all(&[("mine", cut_off)]);
    assert_eq!(found, ["rule::bad-value: rule `mine` runs a session without the network it needs"]);
    let (rules, found) = check_all(&[
        ("boxed", "action: command\nsandbox: { kind: bwrap, network: false }\n"),
        ("heir", "extends: boxed\n"),
        ("free", "extends: boxed\nsandbox: none\n"),
        ("plain", "action: command\n"),
    ]);
    assert_eq!(found, [] as [&str; 0]);
    let bounds = |name: &str| rules[name].sandbox_over(&Sandboxing::default());
    let boxed = Sandbox { network: Some(false), write: vec![] };
    assert_eq!(bounds("heir"), Sandboxing::Bwrap(boxed));
    assert_eq!(bounds("free"), Sandboxing::Off);
    assert_eq!(bounds("plain"), Sandboxing::default());
}

/// The rule of a file over the built-in ones, and what is wrong with it.
fn notifying(text: &str) -> (Option<Notify>, Vec<String>) {
    let own = source("phone", text);
    let built_in =
        builtin::rules().into_iter().filter(|it| !is_kind(it)).map(|it| parse(&it, &prompt).value);
    let parsed = parse(&own, &prompt);
    let mut found = parsed.diagnostics;
    let resolved = resolve(built_in.chain([parsed.value]).collect());
    found.extend(resolved.diagnostics);
    let line = |it: &Diagnostic| {
        format!("{}: {}; {}", it.code, it.message, it.help.as_deref().unwrap_or_default())
    };
    (resolved.value["phone"].notify.clone(), found.iter().map(line).collect())
}

#[test]
fn a_rule_that_tells_people_says_of_what_and_how() {
    let (notify, found) = notifying(
        "extends: notify\non: [task-failed, question]\nwebhook: https://example.org/x\ndesktop: true\nbell: true\nrun: [say, it]\n",
    );
    assert_eq!(found, [] as [&str; 0]);
    let expected = Notify {
        on: [Occasion::TaskFailed, Occasion::Question].into(),
        webhook: Some("https://example.org/x".to_owned()),
        desktop: true,
        bell: true,
    };
    assert_eq!(notify, Some(expected));
    assert_eq!(built_in()["notify"].notify, None, "the built-in rule tells nobody anything");
}

#[test]
fn what_is_wrong_with_a_rule_that_tells_people_is_shown() {
    let check = |text: &str| notifying(text).1.join("\n");
    insta::assert_snapshot!(check("extends: notify\non: [task-faild]\nbell: true\n"), @"rule::unknown-event: nothing is told as `task-faild`; did you mean `task-failed`?");
    insta::assert_snapshot!(check("extends: notify\nbell: true\n"), @"rule::bad-value: rule `phone` does not say what it tells of; name the events: `on: [task-failed, question]`");
    insta::assert_snapshot!(check("extends: notify\non: question\n"), @"rule::bad-value: rule `phone` does not say how it tells; give it a `webhook`, a `run`, `desktop: true` or `bell: true`");
    insta::assert_snapshot!(check("extends: command\non: question\nbell: true\n"), @"rule::bad-value: rule `phone` tells of events and does not extend `notify`; say `extends: notify`");
    insta::assert_snapshot!(check("extends: notify\non: question\nbell: true\nmatch: { phrases: [call] }\n"), @"rule::bad-value: rule `phone` tells people of events and can take no tasks; take `match` out");
    insta::assert_snapshot!(check("extends: notify\non: question\nwebhook: example.org\nbell: true\n"), @"rule::bad-value: `webhook` cannot be `example.org`; `https://...`, or `${NAME}` where the environment has it");
}
