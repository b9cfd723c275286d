//! Behaviour of reading plans.
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use super::*;
use crate::base::digest::Digest;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{CacheUse, CommandLine, Dependency, NoChange, Task, ValidatorKind};
use crate::spec::quota::Quota;

fn source(text: &str) -> Source {
    Source::new(RelPath::new("plans/demo.yaml").unwrap(), text)
}

/// Each diagnostic with the text under its labels.
fn check(text: &str) -> String {
    let source = source(text);
    let found_in = parse(&source).diagnostics.into_iter().map(|it| {
        let labels: Vec<&str> = it.labels.iter().map(|at| &source.text[at.span.clone()]).collect();
        let help = it.help.map_or(String::new(), |help| format!("\n    {help}"));
        format!("{} {}: {} {labels:?}{help}\n", it.severity, it.code, it.message)
    });
    found_in.collect()
}

fn task(keys: &str) -> Task {
    let text = format!("sections: [{{id: a, name: A, tasks: [{{id: '1', name: N, {keys}}}]}}]");
    let parsed = parse(&source(&text));
    assert_eq!(parsed.diagnostics, []);
    parsed.value.tasks().next().unwrap().clone()
}

/// Plans as the original orchestrator leaves them: the project's own, and those of a larger
/// collection where there is one.
pub(crate) fn corpus() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut plans = plans_in(&root.join("tests/corpus/plans"));
    plans.extend(collected());
    plans
}

#[allow(clippy::disallowed_methods)]
fn collected() -> Vec<Source> {
    let shared = std::env::var_os("ORCH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("corpus/plans");
    if !folder.is_dir() {
        crate::left_out::note("larger collection of recordings (ORCH_SHARED names one)");
        return Vec::new();
    }
    plans_in(&folder)
}

#[allow(clippy::disallowed_methods)]
fn plans_in(folder: &Path) -> Vec<Source> {
    let mut plans: Vec<Source> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            Source::new(RelPath::new(format!("plans/{name}")).unwrap(), text)
        })
        .collect();
    plans.sort_by(|a, b| a.path.cmp(&b.path));
    plans
}

#[test]
fn every_real_plan_is_read_without_a_word() {
    let n_collected = collected().len();
    assert!(n_collected == 0 || n_collected == 26);
    let plans = corpus();
    assert_eq!(plans.len(), 2 + n_collected);
    let mut tasks = 0;
    for source in &plans {
        let parsed = parse(source);
        assert_eq!(parsed.diagnostics, [], "{}", source.path);
        for task in parsed.value.tasks() {
            let id = &source.text[task.spans.id.clone()];
            assert_eq!(id.trim_matches(['\'', '"']), task.id.as_str());
            assert_eq!(task.spec.extra.len(), 0, "{:?}", task.spec.extra);
        }
        tasks += parsed.value.tasks().count();
    }
    assert_eq!(tasks, if n_collected == 0 { 8 } else { 168 });
}

#[test]
fn every_key_of_meta_is_read() {
    let text = "
meta: { name: Demo, plan_doc: docs/demo.md, created: 2026-02-16, max_attempts_default: 3,
  source_item: docs/item.md, backoff_base: 5, backoff_max: 2m, order: free, status: paused_quota,
  notification_email: a@b.c, budget: { max_quota_percent: 90, quota_ceiling_usd: 20, reserved_budget_usd: 0 }, owner: [me, you],
  validation: { enabled: yes, validators: [issue-verifier], max_validation_attempts: 2 } }
sections: []
";
    let parsed = parse(&source(text));
    assert_eq!(parsed.diagnostics, []);
    let meta = parsed.value.meta;
    assert_eq!(parsed.value.name.as_str(), "demo");
    assert_eq!(meta.created.as_deref(), Some("2026-02-16"));
    assert_eq!(meta.source_item.as_deref(), Some("docs/item.md"));
    assert_eq!((meta.max_attempts, meta.order), (Some(3), crate::spec::plan::Order::Free));
    assert_eq!((meta.backoff_base.unwrap().0, meta.backoff_max.unwrap().0), (5000, 120_000));
    let extra: Vec<String> = meta.extra.iter().map(|(key, text)| format!("{key}={text}")).collect();
    assert_eq!(extra, ["notification_email=a@b.c", "owner=[me, you]"]);
    assert_eq!(meta.budget, Quota::new(Some(90.0), Some(20.0), None));
    let validation = meta.validation.unwrap();
    assert!(validation.enabled);
    assert_eq!(validation.run_after, [AgentName::new("coder")]);
    assert_eq!(validation.validators, [AgentName::new("issue-verifier")]);
    assert_eq!(validation.max_attempts, 2);
}

#[test]
fn every_key_of_a_task_is_read() {
    let key = Digest::of(b"x");
    let read = task(&format!(
        "description: D, agent: coder, rule: implement, depends_on: '0', parallel_group: g,
        exclusive_resources: [db], inputs: ['src/**'], outputs: docs, model: opus, env: [HOME],
        timeout: 1h 30m, max_attempts: 2, no_change: allowed, cache: never, pin: {key},
        run: [cargo, test], execution_mode: agent_team, team_roles: [{{name: a}}],
        validators: [{{ run: 'make x', inputs: [a] }}, {{ agent: validator, name: v }}, qa-auditor]"
    ));
    let spec = read.spec;
    assert_eq!((spec.name.as_str(), spec.description.as_str()), ("N", "D"));
    assert_eq!((spec.section.as_ref().unwrap().as_str(), spec.section_name.as_str()), ("a", "A"));
    assert_eq!(spec.depends_on, [Dependency::Own("0".into())]);
    assert_eq!(spec.exclusive_resources, ["db"]);
    assert_eq!(
        (spec.inputs.clone(), spec.outputs.clone()),
        (GlobSet::new(["src/**"]), GlobSet::new(["docs"]))
    );
    assert_eq!(spec.timeout.unwrap().0, 5_400_000);
    assert_eq!((spec.no_change, spec.cache), (NoChange::Allowed, CacheUse::Never));
    assert_eq!(spec.pin, crate::spec::plan::Pin::parse(&key.to_string()));
    assert_eq!(spec.run, Some(CommandLine::Argv(vec!["cargo".into(), "test".into()])));
    let validators: Vec<String> = spec
        .validators
        .clone()
        .unwrap()
        .iter()
        .map(|it| match &it.kind {
            ValidatorKind::Command(_) => format!("{} runs", it.name),
            ValidatorKind::Agent(agent) => format!("{} asks {agent}", it.name),
        })
        .collect();
    assert_eq!(validators, ["make-x runs", "v asks validator", "qa-auditor asks qa-auditor"]);
    let extra: Vec<&str> = spec.extra.keys().map(String::as_str).collect();
    assert_eq!(extra, ["execution_mode", "team_roles"]);
    assert_eq!(read.spans.validators.len(), 3);
}

#[test]
fn the_record_is_apart_from_what_is_asked() {
    let done = task("status: complete, attempts: 2, result_message: ok, model_used: sonnet");
    assert_eq!((done.record.status, done.record.attempts), (Status::Completed, 2));
    assert_eq!(done.record.result_message.as_deref(), Some("ok"));
    assert_eq!(done.spec, task("").spec);
}

#[test]
fn ids_are_the_text_that_is_written() {
    let text = "sections:
- id: 1
  name: A
  tasks:
  - {id: 1.10, name: n}
  - {id: '1.1', name: n, dependencies: [1.10]}
";
    let plan = parse(&source(text)).value;
    let ids: Vec<&str> = plan.tasks().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["1.10", "1.1"]);
    assert_eq!(plan.sections[0].tasks[1].spec.depends_on, [Dependency::Own("1.10".into())]);
    assert_snapshot!(check(text), @r#"
    advice plan::unquoted-id: the id 1.10 is not in quotes ["1.10"]
        write `id: '1.10'`
    "#);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "meta: {order: fiel, max_attempts_default: many}
sections:
- name: A
  tasks:
  - name: no id
  - id: '2'
    agnet: coder
    status: done
    outputs: ['src/[a', /etc]
  - {id: '3', name: n, cache: no, pin: abc, timeout: soon, validators: [{name: x}, a, a]}
  - just text
- nothing
";
    assert_snapshot!(check(text), @r#"
    error plan::bad-value: `order` cannot be `fiel` ["fiel"]
        did you mean `file`? one of `file`, `free`
    error plan::wrong-type: `max_attempts_default` must be a whole number, not text ["many"]
    error plan::missing-key: section without `id` ["name: A"]
        give it an id that no other section has: `id: phase-1`
    error plan::missing-key: task without `id` ["name: no id"]
        give it an id that no other task has, in quotes: `id: '1.1'`
    error plan::missing-key: task without `name` ["id: '2'"]
        say in a few words what it is to do
    warning plan::unknown-key: task has no key `agnet` ["agnet"]
        did you mean `agent`?
    error plan::bad-value: `status` cannot be `done` ["done"]
        one of `pending`, `in_progress`, `completed`, `complete`, `verified`, `failed`, `skipped`, `suspended`
    error plan::bad-glob: `src/[a` is no path pattern: unclosed character class; missing ']' ["'src/[a'"]
        patterns are relative to the root: `src/**/*.rs`, `docs`, `!docs/old/**`
    error plan::bad-glob: `/etc` is no path pattern: it is absolute; patterns start at the repository root ["/etc"]
        patterns are relative to the root: `src/**/*.rs`, `docs`, `!docs/old/**`
    error plan::bad-value: `cache` cannot be `no` ["no"]
        one of `always`, `never`
    error plan::bad-value: `pin` cannot be `abc` ["abc"]
        the `output` of a result as `orch show` of the task prints it, or its first digits, 4 at least
    error plan::bad-value: `timeout` cannot be `soon` ["soon"]
        a duration is `90s`, `10m`, `1h 30m`, or seconds
    error plan::missing-key: validator without `run` ["{name: x"]
        a command as `run: [cargo, test]`, or an `agent`
    error plan::bad-value: two validators are called `a` ["a"]
        give them names of their own: `name: unit tests`
    error plan::wrong-type: `task` must be a mapping of keys to values, not text ["just text"]
    error plan::wrong-type: `section` must be a mapping of keys to values, not text ["nothing"]
    "#);
}

#[test]
fn a_plan_without_sections_says_what_a_plan_is() {
    assert_snapshot!(check("tasks: []"), @r#"
    error plan::missing-key: plan without `sections` ["tasks: []"]
        a plan has `meta` and `sections`; a section has `id`, `name` and `tasks`
    warning plan::unknown-key: plan has no key `tasks` ["tasks"]
        it has no effect
    "#);
    assert_snapshot!(check("# nothing"), @r#"
    error plan::empty: the plan is empty [""]
        a plan has `meta` and `sections`; a section has `id`, `name` and `tasks`
    "#);
    assert_snapshot!(check("- a"), @r#"error plan::wrong-type: `plan` must be a mapping of keys to values, not a list ["- a"]"#);
}

#[test]
fn values_that_could_never_work_are_told_where_they_stand() {
    let found_in = |keys: &str| {
        check(&format!("sections: [{{id: a, name: A, tasks: [{{name: N, {keys}}}]}}]"))
    };
    for (keys, code, place) in [
        ("id: 'a', max_attempts: 0", "error plan::bad-value", "0"),
        ("id: 'a', env: ['A=B']", "error plan::bad-value", "A=B"),
        ("id: 'a', timeout: 0", "error plan::bad-value", "0"),
        ("id: 'a', model: --debug", "error plan::bad-value", "--debug"),
        ("id: 'a', outputs: [.git/x]", "error plan::bad-glob", ".git/x"),
        ("id: 'a', env: ['']", "error plan::bad-value", ""),
        ("id: ''", "error plan::missing-key", ""),
        ("id: 'a//b'", "error plan::bad-id", "a//b"),
        ("id: \"a\\nb\"", "error plan::bad-id", ""),
        ("id: ' 1 '", "error plan::bad-id", " 1 "),
        ("id: 'a*'", "warning plan::bad-id", "a*"),
        ("id: 'a', validators: [{run: 3}]", "error plan::wrong-type", "3"),
    ] {
        let found = found_in(keys);
        assert!(found.contains(code), "{keys}: {found}");
        assert!(found.contains(place), "{keys}: {found}");
    }
    assert_eq!(found_in("id: 'a.b-c_1', env: [CI], max_attempts: 1, run: 'true'"), "");
}
