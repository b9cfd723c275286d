//! Behaviour of the settings files.

use super::*;
use crate::base::measure::Usd;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::rebuild::{AskAbove, RebuildOn};
use crate::spec::sandbox::{Sandbox, Sandboxing};

fn source(path: &str, text: &str) -> Source {
    Source::new(RelPath::new(path).unwrap(), text)
}

fn check(claude: &str, native: &str) -> (Config, Vec<String>) {
    let claude = source(".claude/orchestrator-config.yaml", claude);
    let native = source("orch.yaml", native);
    let parsed = parse(Some(&claude), Some(&native));
    let shown = parsed.diagnostics.iter().map(|found| {
        let text = if found.file.as_ref() == Some(&native.path) { &native } else { &claude };
        let label = found.labels.first().map_or("", |label| &text.text[label.span.clone()]);
        format!("{} {}: {}", found.severity, found.code, label)
    });
    (parsed.value, shown.collect())
}

#[test]
fn nothing_written_is_the_default() {
    assert_eq!(parse(None, None).value, Config::default());
    assert_eq!(check("", "# only a comment\n"), (Config::default(), Vec::new()));
}

#[test]
fn the_native_file_wins_key_by_key() {
    let (config, found) = check(
        "build_command: make\ntest_command: make test\nagents_dir: .claude/agents/\ndev_server_port: '8080'\n",
        "test_command: make check\nrules_dir: ./my//rules\n",
    );
    assert_eq!(found, [] as [&str; 0]);
    let expected = Config {
        build_command: "make".into(),
        test_command: "make check".into(),
        dev_server_port: 8080,
        rules_dir: "my/rules".into(),
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn every_native_setting_is_read() {
    let (config, found) = check(
        "",
        "
build_command: a
test_command: b
dev_server_command: c
dev_server_port: 1
agents_dir: d
rules_dir: e
plans_dirs: [f, g/h]
session: { claude: npx @anthropic-ai/claude-code, scripted: s.yaml, env: [X, Y], model: opus, wall: 1h }
worktree: { setup: npm ci, link: [node_modules, { path: cache, write: true }], copy: .env, keep: target }
pools: { sessions: 2, gpu: 1 }
jobs: 3
budget: { run: 20, day: 50.5, plan: '30', task: 0, guess: 0.25 }
models: { ladder: [small, large], starting: small, escalate_after: 2, max: large, validation: small }
breaker: { threshold: 5, reset: 1m, patience: 1h }
limits: { wait: always, hours: 1.5, max_auto_resumes: 2, overage: yes }
sandbox: { network: false, write: [/var/cache/x, ~/.npm] }
pipeline: { items: 5 }
schedule: { warm_up: 5s, session_memory: 0, per_core: 2 }
smoke: { run: make smoke, timeout: 1m, env: [Z], needs_server: true }
dev_server: { wait: 9s, env: [PGHOST], keep: true }
notify: { mail: [mail, -s, orch], wait: 1s }
rebuild: { ask_above: { sessions: 7, usd: 1.5 } }
rebuild_on: [recipe]
",
    );
    assert_eq!(found, [] as [&str; 0]);
    let expected = Config {
        build_command: "a".into(),
        test_command: "b".into(),
        dev_server_command: "c".into(),
        dev_server_port: 1,
        agents_dir: "d".into(),
        rules_dir: "e".into(),
        plans_dirs: vec!["f".into(), "g/h".into()],
        rebuild: Rebuild {
            on: RebuildOn { recipe: true },
            ask_above: Some(AskAbove { sessions: 7, usd: Usd::from_dollars(1.5) }),
        },
        session: SessionConfig {
            claude: vec!["npx".into(), "@anthropic-ai/claude-code".into()],
            scripted: Some("s.yaml".into()),
            env: vec!["X".into(), "Y".into()],
            model: Some("opus".into()),
            wall: Some(Millis::seconds(3600)),
        },
        worktree: WorktreeConfig {
            setup: Some("npm ci".into()),
            link: vec![
                Link { path: "node_modules".into(), is_writable: false },
                Link { path: "cache".into(), is_writable: true },
            ],
            copy: vec![".env".into()],
            keep: vec!["target".into()],
        },
        pools: [("sessions".into(), 2), ("gpu".into(), 1)].into(),
        jobs: Some(3),
        budget: BudgetConfig {
            run: Some(Usd::from_dollars(20.0)),
            day: Some(Usd::from_dollars(50.5)),
            plan: Some(Usd::from_dollars(30.0)),
            task: None,
            guess: Some(Usd::from_dollars(0.25)),
        },
        models: Models {
            ladder: vec!["small".into(), "large".into()],
            starting: Some("small".into()),
            escalate_after: Some(2),
            max: Some("large".into()),
            validation: Some("small".into()),
        },
        breaker: BreakerConfig {
            threshold: 5,
            reset: Millis::seconds(60),
            patience: Millis::seconds(3600),
        },
        limits: LimitsConfig {
            wait: LimitWait::Always,
            longest: Millis::seconds(5400),
            max_auto_resumes: 2,
            overage: true,
        },
        sandbox: Sandboxing::Bwrap(Sandbox {
            network: Some(false),
            write: vec!["/var/cache/x".into(), "~/.npm".into()],
        }),
        pipeline: PipelineConfig { items: 5 },
        schedule: ScheduleConfig {
            warm_up: Some(Millis::seconds(5)),
            session_memory: 0,
            per_core: 2,
        },
        smoke: Smoke {
            is_on: Some(true),
            run: Some(crate::spec::plan::CommandLine::Shell("make smoke".into())),
            timeout: Some(Millis::seconds(60)),
            env: vec!["Z".into()],
            needs_server: Some(true),
        },
        dev_server: Some(DevServer {
            command: "c".into(),
            port: 1,
            wait: Millis::seconds(9),
            env: vec!["PGHOST".into()],
            is_kept: true,
        }),
        notify: NotifyConfig {
            mail: Some(crate::spec::plan::CommandLine::Argv(
                ["mail", "-s", "orch"].map(str::to_owned).into(),
            )),
            wait: Millis::seconds(1),
        },
    };
    assert_eq!(config, expected);
}

#[test]
fn the_cli_may_be_named_by_words() {
    let (config, found) = check("", "session: { claude: [/opt/my tools/claude, --flag] }\n");
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(config.session.claude, ["/opt/my tools/claude", "--flag"]);
}

#[test]
fn what_is_wrong_in_the_native_file_is_an_error_and_the_default_stays() {
    let check = |text: &str| {
        let (config, found) = check("", text);
        assert_eq!(config, Config::default(), "{text}");
        found.join("; ")
    };
    assert_eq!(check("dev_server_port: abc\n"), "error config::wrong-type: abc");
    assert_eq!(check("dev_server_port: 70000\n"), "error config::bad-value: 70000");
    assert_eq!(check("jobs: 0\n"), "error config::bad-value: 0");
    assert_eq!(check("agents_dir: /etc\n"), "error config::bad-value: /etc");
    assert_eq!(check("pools: { x: many }\n"), "error config::bad-value: many");
    assert_eq!(check("pools: 3\n"), "error config::wrong-type: 3");
    assert_eq!(check("worktree: { link: [../up] }\n"), "error config::bad-value: ../up");
    assert_eq!(check("worktree: { link: [.git] }\n"), "error config::bad-value: .git");
    assert_eq!(check("worktree: { link: [{ path: .git }] }\n"), "error config::bad-value: .git");
    assert_eq!(check("worktree: { copy: [.orch/run] }\n"), "error config::bad-value: .orch/run");
    assert_eq!(check("session: { wall: 0 }\n"), "error config::bad-value: 0");
    assert_eq!(check("session: { model: --debug }\n"), "error config::bad-value: --debug");
    assert_eq!(check("- a\n"), "error config::wrong-type: - a");
    assert_eq!(check("buidl_command: x\n"), "warning config::unknown-key: buidl_command");
    assert_eq!(check("colour: x\n"), "warning config::unknown-key: colour");
    assert_eq!(check("limits: { wait: soon }\n"), "error config::bad-value: soon");
    assert_eq!(check("limits: { hours: -1 }\n"), "error config::bad-value: -1");
    assert_eq!(check("models: { escalate_after: 0 }\n"), "error config::bad-value: 0");
    assert_eq!(check("session: { modle: x }\n"), "warning config::unknown-key: modle");
}

#[test]
fn the_originals_file_is_never_worse_than_a_warning() {
    let check = |text: &str| {
        let (config, found) = check(text, "");
        assert_eq!(config, Config::default(), "{text}");
        found.join("; ")
    };
    assert_eq!(check("dev_server_port: abc\n"), "warning config::wrong-type: abc");
    assert_eq!(check("just text\n"), "warning config::wrong-type: just text");
    assert!(check("a: [\n").starts_with("warning yaml::"));
    assert_eq!(check("identity: { project: x }\nweb: { port: 1 }\nmine: 1\n"), "");
    assert_eq!(check("test_comand: x\n"), "warning config::unknown-key: test_comand");
}

#[test]
fn what_is_bought_again_is_set_by_words_that_are_told() {
    let check = |native: &str| {
        let parsed = parse(None, Some(&source("orch.yaml", native)));
        let shown = parsed.diagnostics.iter().map(|found| {
            let place = &native[found.labels[0].span.clone()];
            format!("{} at {place}: {}", found.message, found.help.clone().unwrap_or_default())
        });
        shown.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        check("rebuild_on: [recipe, model]"),
        "`rebuild_on` cannot be `model` at model: `[recipe]`: another agent, model, tool or wording; \
         `[]`: none of these"
    );
    let forms = "`{ sessions: 5, usd: 2 }`: more than either is held; `none`: nothing is";
    for value in ["never", "5", "[5]"] {
        let found = check(&format!("rebuild: {{ ask_above: {value} }}"));
        assert!(found.ends_with(&format!(" at {value}: {forms}")), "{found}");
    }
    assert_eq!(check("rebuild: { ask_above: none }\nrebuild_on: []"), "");
}
