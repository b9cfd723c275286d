//! `orch log item:SLUG`: the whole life of a backlog item in one line of time, from the journal.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::base::measure::{Billing, Moment, Usd};
use crate::base::name::{PlanName, TaskRef};
use crate::engine::record::Record;
use crate::host::clock::now;
use crate::spec::item::name::meant_by;
use crate::spec::item::stages::{PREFIX, item_behind, item_of};
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::render::time::moment_text;
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::text::{columns_of, fill, one_line};

/// The item of a target that names a whole one.
pub fn item_named(target: &str) -> Option<&str> {
    target.strip_prefix(PREFIX).filter(|it| !it.contains("//"))
}

/// One thing that happened.
#[derive(Debug, Serialize)]
struct Moments {
    at: Moment,
    task: String,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Usd>,
}

pub fn run(item: &str, project: &mut dyn Project, shell: &mut Shell) -> Ran {
    let records = project.journal()?;
    let picture = project.picture(now())?;
    let known: BTreeSet<&str> =
        records.iter().filter_map(|it| item_of(&task_of(it)?.plan)).collect();
    let known: Vec<&str> =
        known.into_iter().chain(picture.plans.iter().filter_map(|it| item_of(&it.name))).collect();
    let mut meant = meant_by(item, known.iter().copied());
    meant.dedup();
    let [item] = meant[..] else {
        let several = meant.join(", ");
        let help = match meant.is_empty() {
            true => "`orch status` lists the items, the archive those that are done".to_owned(),
            false => format!("name one of them: {several}"),
        };
        return Err(Failure::usage_with_help(format!("`{PREFIX}{item}` names no one item"), help));
    };
    let is_its = |plan: &PlanName| item_behind(plan) == item;
    let told: Vec<Moments> = records
        .iter()
        .filter(|it| task_of(it).is_some_and(|task| is_its(&task.plan)))
        .filter_map(|it| told(it, picture.billing))
        .collect();
    if told.is_empty() {
        return Err(Failure::usage_with_help(
            format!("nothing is recorded of `{PREFIX}{item}` here"),
            "`orch watch` works on it",
        ));
    }
    let text = match shell.is_json() {
        true => told.iter().map(crate::ui::json::line_of).collect(),
        false => text_of(&told, picture.billing),
    };
    shell.data(&text)?;
    Ok(Exit::Success)
}

fn text_of(told: &[Moments], billing: Billing) -> String {
    let width = told.iter().map(|it| columns_of(&it.task)).max().unwrap_or(0);
    let mut text = String::new();
    for it in told {
        let cost = it.cost_usd.filter(|it| *it > Usd::ZERO);
        let cost = cost.map_or(String::new(), |it| format!("  {}", billing.text(it)));
        let (at, task) = (moment_text(it.at), fill(&it.task, width));
        let _ = writeln!(text, "{at}  {task}  {}{cost}", one_line(&it.what));
    }
    let total: Usd = told.iter().filter_map(|it| it.cost_usd).sum();
    let _ = writeln!(text, "{} in all", billing.text(total));
    text
}

fn task_of(record: &Record) -> Option<&TaskRef> {
    Some(match record {
        Record::AttemptStarted { task, .. }
        | Record::Decided { task, .. }
        | Record::Answered { task, .. }
        | Record::GaveUp { task, .. } => task,
        Record::AttemptEnded(it) => &it.task,
        Record::Accepted(it) => &it.task,
        Record::VerdictReached(it) => &it.task,
        Record::Asked(it) => &it.task,
        _ => return None,
    })
}

fn told(record: &Record, billing: Billing) -> Option<Moments> {
    let _ = billing;
    let task = task_of(record)?.to_string();
    let it =
        |at: Moment, what: String| Some(Moments { at, task: task.clone(), what, cost_usd: None });
    match record {
        Record::AttemptStarted { at, number, validator, .. } => match validator {
            Some(validator) => it(*at, format!("{validator} began")),
            None => it(*at, format!("attempt {number} began")),
        },
        Record::AttemptEnded(ended) => {
            let who = match &ended.validator {
                Some(validator) => validator.to_string(),
                None => format!("attempt {}", ended.number),
            };
            let what = format!(
                "{who} ended after {}: {}: {}",
                ended.duration,
                ended.outcome.as_str(),
                ended.message
            );
            Some(Moments { at: ended.at, task: task.clone(), what, cost_usd: Some(ended.cost) })
        }
        Record::Accepted(accepted) => {
            let report = accepted.report.as_ref();
            let said = report.filter(|it| it.is_fail).map_or("", |_| ", and says FAIL");
            let commit = accepted.commit.as_ref().map(|it| format!(" as {}", &it.as_str()[..10]));
            it(accepted.at, format!("accepted{}{said}", commit.unwrap_or_default()))
        }
        Record::VerdictReached(reached) => {
            it(reached.at, format!("{} says {}", reached.validator, reached.verdict.as_str()))
        }
        Record::Decided { at, decision, .. } => {
            it(*at, format!("a person: {}", decision.command()))
        }
        Record::Asked(question) => it(question.at, format!("asks: {}", question.text)),
        Record::Answered { at, text, .. } => it(*at, format!("a person answers: {text}")),
        Record::GaveUp { at, class, message, .. } => {
            it(*at, format!("given up: {}: {message}", class.as_str()))
        }
        _ => None,
    }
}
