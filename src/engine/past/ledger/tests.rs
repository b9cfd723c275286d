//! The sum of what is booked is the truth, however attempts, resumes, kills and restarts interleave.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::base::digest::Digest;
use crate::base::measure::Millis;
use crate::base::name::{ActionKey, AttemptId, ModelName, SessionId, TaskRef, ValidatorName};
use crate::base::source::Source;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::history::History;
use crate::engine::record::Spend;
use crate::engine::record::lineage::Lineage;
use crate::engine::record::{Accepted, Provenance, Record};
use crate::engine::stream::StreamReader;
use crate::engine::stream::Tokens;

fn key() -> ActionKey {
    ActionKey(Digest::of(b"key"))
}

fn ended(task: &str, session: &str, cost: f64) -> AttemptEnded {
    AttemptEnded {
        at: Moment(1_000),
        attempt: AttemptId(1),
        task: TaskRef::new("p", task),
        key: key(),
        recipe: None,
        number: 1,
        validator: None,
        outcome: OutcomeClass::Done,
        message: String::new(),
        cost: Usd::from_dollars(cost),
        spend: Spend::default(),
        model: Some(ModelName::new("m")),
        session: Some(SessionId::new(session)),
        transcript: None,
        prompt: None,
        duration: Millis(1),
        slack_messages: Vec::new(),
        is_uncounted: false,
    }
}

fn run_started(pid: u32) -> Record {
    Record::RunStarted { at: Moment(0), pid, version: String::new(), args: Vec::new() }
}

fn record(ended: AttemptEnded) -> Record {
    Record::AttemptEnded(Box::new(ended))
}

fn accepted(task: &str) -> Record {
    Record::Accepted(Box::new(Accepted {
        at: Moment(2_000),
        task: TaskRef::new("p", task),
        key: key(),
        recipe: None,
        output: crate::base::name::OutputDigest(Digest::of(b"o")),
        provenance: Provenance::Ran,
        manifest: None,
        report: None,
        commit: None,
        changes_plan: false,
    }))
}

#[test]
fn a_record_of_an_earlier_version_reads_and_counts() {
    let line = serde_json::to_string(&record(ended("a", "s", 0.25))).unwrap();
    assert!(!line.contains("spend"), "nothing to say is not said: {line}");
    let old: Record = serde_json::from_str(&line).unwrap();
    assert_eq!(sum_of(&entries(&[old])).cost_usd, Usd::from_dollars(0.25));
}

#[test]
fn money_is_told_by_what_it_bought() {
    let failed = AttemptEnded { outcome: OutcomeClass::NoStatus, ..ended("a", "1", 0.5) };
    let verdict =
        AttemptEnded { validator: Some(ValidatorName::new("v")), ..ended("a", "3", 0.25) };
    let records = [
        run_started(1),
        record(failed),
        record(ended("a", "2", 1.0)),
        record(verdict),
        record(ended("a", "4", 2.0)),
        accepted("a"),
        record(ended("b", "5", 4.0)),
        record(AttemptEnded { session: None, ..ended("command", "", 0.0) }),
    ];
    let all = entries(&records);
    let fates: Vec<Fate> = all.iter().map(|it| it.fate).collect();
    assert_eq!(
        fates,
        [Fate::Failed, Fate::NotAccepted, Fate::Validation, Fate::Accepted, Fate::NotAccepted]
    );
    let sum = sum_of(&all);
    let dollars = [sum.cost_usd, sum.failed_usd, sum.validation_usd].map(Usd::dollars);
    assert_eq!(dollars, [7.75, 5.5, 0.25]);
    let names = |by| {
        let groups = group(&all, by, &|_| None);
        groups.into_iter().map(|it| format!("{} {}", it.name, it.sum.cost_usd)).collect::<Vec<_>>()
    };
    assert_eq!(names(By::Task), ["p//b $4.00", "p//a $3.75"]);
    assert_eq!(names(By::Day), ["1970-01-01 $7.75"]);
    assert_eq!(names(By::Section), ["p: in no plan any more $7.75"]);
    assert_eq!(names(By::Run), ["1 1970-01-01 00:00 UTC $7.75"]);
    assert_eq!(names(By::Attempt)[2], "p//a #1 v: done $0.25");
    assert_eq!(names(By::Agent), ["not known $7.50", "v $0.25"]);
}

#[test]
fn what_is_likely_is_known_of_the_agent_else_of_all() {
    let mut totals = Totals::default();
    let by = |agent: &str, cost| {
        let spend = Spend { agent: Some(AgentName::new(agent)), ..Spend::default() };
        AttemptEnded { spend, ..ended("a", "s", cost) }
    };
    let check = |totals: &Totals, agent: &str, of| {
        totals.typical_of(Some(&AgentName::new(agent)), of).map(Usd::dollars)
    };
    assert_eq!(check(&totals, "coder", Labour::Work), None);
    totals.fold(&by("coder", 1.0));
    totals.fold(&by("coder", 2.0));
    totals.fold(&by("tester", 6.0));
    totals.fold(&by("coder", 0.0));
    assert_eq!(check(&totals, "coder", Labour::Work), Some(1.5), "what cost nothing did nothing");
    assert_eq!(check(&totals, "stranger", Labour::Work), Some(3.0));
    assert_eq!(
        check(&totals, "coder", Labour::Validation),
        None,
        "validating is another kind of work"
    );
}

#[test]
fn only_sessions_of_the_last_run_without_an_end_are_open() {
    let started = |attempt: u64, is_command| Record::AttemptStarted {
        at: Moment(0),
        attempt: AttemptId(attempt),
        task: TaskRef::new("p", "a"),
        key: key(),
        recipe: None,
        number: 1,
        validator: None,
        is_command,
    };
    let has =
        |attempt| Record::ProcessStarted { attempt: AttemptId(attempt), pid: 1, start_ticks: 1 };
    let check = |records: &[Record]| -> Vec<(u64, u32, bool)> {
        let open = OpenAttempts::of(records).take();
        open.into_iter().map(|(id, open)| (id.0, open.pid, open.has_process)).collect()
    };
    let begin = [run_started(7), started(1, false), started(2, true), started(3, false), has(3)];
    assert_eq!(check(&begin), [(1, 7, false), (3, 7, true)]);
    let end = [record(ended("a", "s", 1.0))];
    assert_eq!(check(&[&begin[..], &end].concat()), [(3, 7, true)]);
    assert_eq!(check(&[&begin[..], &[run_started(8)]].concat()), []);
    let over = Record::RunEnded { at: Moment(0), exit: 0 };
    assert_eq!(check(&[&begin[..], &[over]].concat()), []);
}

#[test]
fn the_usage_report_has_the_originals_keys() {
    let text = "meta: { name: A Plan }\nsections:\n- id: s\n  name: S\n  tasks:\n  - { id: a, name: A }\n- id: t\n  name: T\n  tasks:\n  - { id: b, name: B }\n";
    let path = crate::base::name::RelPath::new("plans/p.yaml").unwrap();
    let plan = crate::spec::plan::parse(&Source::new(path, text)).value;
    let tokens = Tokens { input: 100, output: 20, cache_read: 300, cache_creation: 7 };
    let spend = Spend { tokens, turns: 3, api: Millis(1500), ..Spend::default() };
    let first = AttemptEnded { spend: spend.clone(), ..ended("a", "1", 0.5) };
    let second = AttemptEnded { spend, ..ended("a", "2", 0.25) };
    let all = entries(&[record(first), record(second)]);
    let spent = Spent { run: &all[1..], ever: &all };
    let report = usage_report(&plan, "plans/p.yaml", spent, Moment(1_768_489_445_000)).unwrap();
    insta::assert_snapshot!(report.to_string(), @r#"{"completed_at":"2026-01-15T15:04:05","plan_name":"A Plan","plan_path":"plans/p.yaml","running_total":{"cache_creation_tokens":14,"cache_hit_rate":0.75,"cache_read_tokens":600,"cost_usd":0.75,"duration_api_ms":3000,"input_tokens":200,"num_turns":6,"output_tokens":40},"sections":[{"cost_usd":0.25,"id":"s","name":"S","task_count":1}],"tasks":[{"cache_creation_tokens":7,"cache_read_tokens":300,"cost_usd":0.25,"duration_api_ms":1500,"id":"a","input_tokens":100,"model":"m","num_turns":3,"output_tokens":20}],"total":{"cache_creation_tokens":7,"cache_hit_rate":0.75,"cache_read_tokens":300,"cost_usd":0.25,"duration_api_ms":1500,"input_tokens":100,"num_turns":3,"output_tokens":20}}"#);
    let none = crate::spec::plan::Plan { name: PlanName::new("q"), ..plan };
    assert_eq!(usage_report(&none, "plans/q.yaml", spent, Moment(0)), None);
    let names =
        ["Auth / Login: v2", "..", "", "Ärger\nmit Umbruch"].map(|title| file_name(title, None));
    let shown = names.map(|name| name.replace("-usage-report.json", ""));
    assert_eq!(shown, ["auth---login--v2", "unknown", "unknown", "ärger-mit-umbruch"]);
    assert!(file_name(&"x".repeat(300), None).len() < 100);
    assert_eq!(file_name("A", Some(&PlanName::new("p"))), "a-p-usage-report.json");
}

#[test]
fn the_session_report_has_the_originals_keys_and_sums_by_what_was_worked_on() {
    let tokens = Tokens { input: 100, output: 20, cache_read: 300, cache_creation: 7 };
    let spend = Spend { tokens, ..Spend::default() };
    let of =
        |task: &str, cost| record(AttemptEnded { spend: spend.clone(), ..ended(task, "1", cost) });
    let all = entries(&[of("a", 0.5), of("b", 0.25), of("a", 0.25)]);
    let named = ["defect: X", "resumed: p.yaml", "defect: X"].map(str::to_owned);
    let spent: Vec<_> = named.into_iter().zip(all).collect();
    let report = session_report(&spent, Moment(1_768_489_445_000)).unwrap();
    insta::assert_snapshot!(report.to_string(), @r#"{"session_timestamp":"2026-01-15T15:04:05","sessions":3,"started_at":"1970-01-01T00:00:00","total_cost_usd":1.0,"total_input_tokens":300,"total_output_tokens":60,"work_items":[{"cost_usd":0.75,"input_tokens":200,"name":"defect: X","output_tokens":40,"plan":"p","sessions":2},{"cost_usd":0.25,"input_tokens":100,"name":"resumed: p.yaml","output_tokens":20,"plan":"p","sessions":1}]}"#);
    assert_eq!(session_report(&[], Moment(0)), None);
}

/// One process of a session in the trial.
#[derive(Clone, Debug)]
struct Process {
    /// Which task's session, and whether a new one begins instead.
    task: usize,
    is_fresh: bool,
    is_validator: bool,
    /// Tokens of each call.
    calls: Vec<u64>,
    how: How,
    /// The CLI is too old to say what is new.
    is_old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Whole,
    /// Killed: its last calls are counted by nobody but the stream.
    Killed,
    /// Orch is killed with it: booked by the next run.
    WithOrch,
}

fn process() -> impl Strategy<Value = Process> {
    let how = prop_oneof![3 => Just(How::Whole), 1 => Just(How::Killed), 1 => Just(How::WithOrch)];
    let rest = (proptest::collection::vec(0u64..50_000, 0..4), how, any::<bool>());
    (0usize..3, any::<bool>(), proptest::bool::weighted(0.2), rest).prop_map(
        |(task, is_fresh, is_validator, (calls, how, is_old))| Process {
            task,
            is_fresh,
            is_validator,
            calls,
            how,
            is_old,
        },
    )
}

/// A CLI with its own count for each session, and what is true beside it.
#[derive(Default)]
struct Cli {
    totals: BTreeMap<String, f64>,
    truth: f64,
}

const DOLLARS_A_TOKEN: f64 = 5e-6;

impl Cli {
    /// The stream of one process.
    fn play(&mut self, session: &str, process: &Process) -> String {
        let mut text =
            format!("{}\n", json!({"type": "system", "subtype": "init", "session_id": session}));
        for (at, tokens) in process.calls.iter().enumerate() {
            let line = json!({"type": "assistant", "session_id": session, "message": {
                "id": format!("m{at}"), "model": "m", "content": [],
                "usage": {"input_tokens": tokens}}});
            text.push_str(&format!("{line}\n"));
        }
        let input: u64 = process.calls.iter().sum();
        let cost = input as f64 * DOLLARS_A_TOKEN;
        self.truth += cost;
        if process.how == How::Whole {
            let total = self.totals.entry(session.to_owned()).or_default();
            *total += cost;
            let usage = |cost: f64| json!({"m": {"inputTokens": input, "costUSD": cost}});
            let mut line = json!({"type": "result", "subtype": "success", "session_id": session,
                "total_cost_usd": *total, "modelUsage": usage(*total),
                "usage": {"input_tokens": input}});
            if !process.is_old {
                line["model_usage_since_last_result"] = usage(cost);
            }
            text.push_str(&format!("{line}\n"));
        }
        text
    }
}

proptest! {
    #[test]
    fn the_sum_of_what_is_booked_is_the_truth(processes in proptest::collection::vec(process(), 0..25)) {
        let mut cli = Cli::default();
        let mut records = vec![run_started(1)];
        let mut sessions: BTreeMap<usize, String> = BTreeMap::new();
        for (at, process) in processes.iter().enumerate() {
            let fresh = process.is_fresh || process.is_validator || !sessions.contains_key(&process.task);
            let session = if fresh { format!("s{at}") } else { sessions[&process.task].clone() };
            if !process.is_validator {
                sessions.insert(process.task, session.clone());
            }
            let task = process.task.to_string();
            // Every start of orch reads all there is again.
            let history = History::new(&records, &Lineage::default());
            let known = history.task(&TaskRef::new("p", task.as_str()));
            let id = SessionId::new(&session);
            let base = known.map(|it| it.session_total(&id)).unwrap_or_default();
            let mut reader = StreamReader::new(base);
            reader.feed(cli.play(&session, process).as_bytes());
            let facts = reader.finish();
            let validator = process.is_validator.then(|| ValidatorName::new("v"));
            if process.how == How::WithOrch {
                let attempt = AttemptId(1);
                records.push(Record::AttemptStarted {
                    at: Moment(0), attempt, task: TaskRef::new("p", task.as_str()), key: key(),
                    recipe: None, number: 1, validator: validator.clone(), is_command: false,
                });
                prop_assert_eq!(OpenAttempts::of(&records).len(), 1);
            }
            let ended = AttemptEnded {
                at: Moment(at as u64 * 40_000_000), validator, cost: facts.cost,
                spend: Spend::of(&facts), ..ended(&task, &session, 0.0)
            };
            let line = serde_json::to_string(&record(ended)).unwrap();
            records.push(serde_json::from_str(&line).unwrap());
            prop_assert!(OpenAttempts::of(&records).is_empty());
            if process.how == How::WithOrch {
                records.push(run_started(at as u32 + 2));
            }
        }
        let all = entries(&records);
        let near = |sum: Usd| (sum.dollars() - cli.truth).abs() < 1e-6;
        prop_assert!(near(sum_of(&all).cost_usd), "{:?} {}", sum_of(&all), cli.truth);
        let bys = [By::Task, By::Section, By::Plan, By::Model, By::Agent, By::Attempt, By::Run, By::Day];
        for by in bys {
            let groups = group(&all, by, &|_| None);
            prop_assert!(near(groups.iter().map(|it| it.sum.cost_usd).sum()), "{:?}", by);
        }
        let history = History::new(&records, &Lineage::default());
        prop_assert!(near(history.totals.of_plan(&PlanName::new("p"))));
        let days = 0..=all.last().map_or(0, |it| day_of(it.at));
        prop_assert!(near(days.map(|day| history.totals.of_day(Moment(day * 86_400_000))).sum()));
        let killed = processes.iter().filter(|it| it.how != How::Whole).count();
        prop_assert!(sum_of(&all).estimated as usize == killed);
    }
}
