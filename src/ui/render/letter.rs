//! What people are told outside of the terminal, in the words and the data that every surface has.

use std::path::Path;

use serde_json::json;

use crate::base::measure::{Billing, Moment};
use crate::base::name::{PlanName, TaskRef};
use crate::engine::effect::{Notice, Reopened, Warning};
use crate::engine::picture::TaskState;
use crate::engine::why::{Barrier, Hold};
use crate::host::outbox::Letter;
use crate::host::surface::Summary;
use crate::spec::rule::Occasion;
use crate::ui::shell::Paint;
use crate::ui::text::{cut, one_line, visible};

use super::data::notice_data;
use super::summary::{Leftover, summary_text};
use super::words::{Names, notice_words};

/// Columns of a subject.
const SUBJECT: usize = 120;
/// How plans of backlog items are called.
const ITEM: &str = "item:";

/// A step in the life of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Started(PlanName),
    SectionDone { plan: PlanName, section: String },
    Ended(PlanName, Outcome),
}

/// What became of a plan's wanted tasks that are not accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub failed: u32,
    pub blocked: u32,
    pub held: u32,
    /// A person has to decide.
    pub suspended: u32,
    /// They could have run, and the build was over.
    pub open: u32,
}

impl Outcome {
    /// Nothing is left.
    pub fn is_whole(self) -> bool {
        self == Self::default()
    }

    /// Counts one more task.
    pub fn count(&mut self, state: TaskState) {
        match state {
            TaskState::Failed(_) => self.failed += 1,
            TaskState::Blocked => self.blocked += 1,
            TaskState::Held => self.held += 1,
            TaskState::Suspended => self.suspended += 1,
            TaskState::Waiting | TaskState::Ready | TaskState::BackingOff | TaskState::Running => {
                self.open += 1
            }
            TaskState::UpToDate | TaskState::Done(_) | TaskState::Skipped => {}
        }
    }
}

/// Writes letters of one project.
pub struct Writer {
    project: String,
}

impl Writer {
    pub fn of(root: &Path) -> Self {
        let name = root.file_name().unwrap_or_default();
        Self { project: name.to_string_lossy().into_owned() }
    }

    /// `None` for what nobody is told of outside of orch.
    pub fn of_notice(
        &self,
        notice: &Notice,
        names: &Names,
        billing: Billing,
        at: Moment,
    ) -> Option<Letter> {
        let occasion = occasion_of(notice)?;
        let words = notice_words(notice, names);
        let task = task_of(notice).cloned();
        let plan = task.as_ref().map(|it| it.plan.clone()).or_else(|| plan_of(notice));
        let (_, fields) = notice_data(notice, billing);
        let text = visible(&format!("{}: {}", words.label, words.text));
        let subject = self.subject(&text);
        Some(Letter { occasion, at, plan, task, subject, text, fields })
    }

    pub fn of_stage(&self, stage: &Stage, at: Moment) -> Letter {
        let (occasion, plan, text, fields) = match stage {
            Stage::Started(plan) => (
                Occasion::PlanStarted,
                plan,
                format!("plan {plan} starts"),
                json!({ "plan": plan }),
            ),
            Stage::SectionDone { plan, section } => (
                Occasion::SectionDone,
                plan,
                format!("section {section} of {plan} is done"),
                json!({ "plan": plan, "section": section }),
            ),
            Stage::Ended(plan, outcome) => (
                Occasion::PlanEnded,
                plan,
                format!("plan {plan} {}", outcome_text(*outcome)),
                json!({
                    "plan": plan, "is_done": outcome.is_whole(), "failed": outcome.failed,
                    "blocked": outcome.blocked, "held": outcome.held,
                    "suspended": outcome.suspended, "open": outcome.open,
                }),
            ),
        };
        let text = visible(&text);
        let (subject, plan) = (self.subject(&text), Some(plan.clone()));
        Letter { occasion, at, plan, task: None, subject, text, fields }
    }

    pub fn of_end(&self, summary: &Summary, leftover: &Leftover, at: Moment) -> Letter {
        let head = match summary.exit {
            0 => "the build is done".to_owned(),
            code => format!("the build ended with exit code {code}"),
        };
        let all = summary_text(summary, leftover, Paint::PLAIN);
        let text = visible(&format!("{head}\n{}", all.trim_end()));
        Letter {
            occasion: Occasion::BuildEnded,
            at,
            plan: None,
            task: None,
            subject: self.subject(&head),
            text,
            fields: json!(summary),
        }
    }

    /// The first line, behind the project's name.
    fn subject(&self, text: &str) -> String {
        let first = text.lines().next().unwrap_or_default();
        cut(&one_line(&format!("orch {}: {first}", self.project)), SUBJECT)
    }
}

fn outcome_text(outcome: Outcome) -> String {
    if outcome.is_whole() {
        return "is done".to_owned();
    }
    let Outcome { failed, blocked, held, suspended, open } = outcome;
    let parts = [
        (failed, "failed"),
        (blocked, "blocked"),
        (held, "held"),
        (suspended, "to be decided"),
        (open, "not done"),
    ];
    let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    format!("ended: {}", parts.collect::<Vec<_>>().join(", "))
}

fn occasion_of(notice: &Notice) -> Option<Occasion> {
    Some(match notice {
        Notice::TaskFailed { task, .. } if task.plan.as_str().starts_with(ITEM) => {
            Occasion::ItemFailed
        }
        Notice::TaskFailed { .. } => Occasion::TaskFailed,
        Notice::TaskAsked { .. } => Occasion::Question,
        Notice::Parked { .. } => Occasion::Parked,
        Notice::Fault(_) => Occasion::Fault,
        Notice::Waiting { why: Barrier::UsedUp(_), .. } => Occasion::Limit,
        Notice::Waiting { why: Barrier::Outage(_), .. } => Occasion::Breaker,
        Notice::Resumed { why: Reopened::Window(_) } => Occasion::LimitOver,
        Notice::Resumed { why: Reopened::Service } => Occasion::BreakerOver,
        Notice::Warning(warning) => occasion_of_warning(warning)?,
        _ => return None,
    })
}

fn occasion_of_warning(warning: &Warning) -> Option<Occasion> {
    Some(match warning {
        Warning::SessionsHeld(hold) | Warning::ModelHeld(hold) => match hold {
            Hold::Limit(..) => Occasion::Limit,
            Hold::Outage(..) => Occasion::Breaker,
            Hold::NoCli(_) | Hold::Ended { .. } => Occasion::Held,
        },
        Warning::BudgetReached(_) => Occasion::Budget,
        Warning::PlanStopped { .. } => Occasion::Breaker,
        Warning::BoughtAgain { .. } => Occasion::MoneyGuard,
        _ => return None,
    })
}

/// The task that starts to be made, or is.
pub fn task_at_work(notice: &Notice) -> Option<&TaskRef> {
    match notice {
        Notice::TaskStarted { task, .. } | Notice::TaskFinished { task, .. } => Some(task),
        _ => None,
    }
}

/// Somebody could not be told.
pub fn unsent(line: String) -> Notice {
    Notice::warning(line)
}

fn task_of(notice: &Notice) -> Option<&TaskRef> {
    match notice {
        Notice::TaskFailed { task, .. }
        | Notice::TaskAsked { task, .. }
        | Notice::Parked { task, .. } => Some(task),
        Notice::Fault(fault) => fault.task.as_ref(),
        _ => None,
    }
}

fn plan_of(notice: &Notice) -> Option<PlanName> {
    match notice {
        Notice::Warning(Warning::PlanStopped { plan, .. }) => Some(plan.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::OutcomeClass;
    use crate::engine::why::Why;
    use crate::ui::console::sample;

    fn check(notice: &Notice) -> Option<String> {
        let writer = Writer::of(Path::new("/home/a/shop"));
        let letter = writer.of_notice(notice, &Names::default(), Billing::default(), Moment(7))?;
        let (occasion, plan) = (letter.occasion.as_str(), letter.plan);
        let plan = plan.map_or(String::new(), |plan| format!(" of {plan}"));
        Some(format!("{occasion}{plan}: {}", letter.subject))
    }

    fn failed(task: &str) -> Notice {
        let why = Why::Said("exit code 1\nand a second line".to_owned());
        Notice::TaskFailed { task: sample::task(task), why, help: None }
    }

    #[test]
    fn letters_have_the_words_of_every_surface() {
        let told = [
            failed("demo//1.2"),
            failed("item:login//verify"),
            Notice::TaskAsked {
                task: sample::task("demo//1.2"),
                question: "Red\u{1b}[31m or blue?".to_owned(),
                options: Vec::new(),
            },
            Notice::Warning(Warning::PlanStopped { plan: PlanName::new("demo"), n_failed: 3 }),
            Notice::Warning(Warning::SessionsHeld(Hold::Ended {
                class: OutcomeClass::Auth,
                message: "not logged in".to_owned(),
            })),
            Notice::Resumed { why: Reopened::Service },
        ];
        let lines: Vec<String> = told.iter().filter_map(check).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        task-failed of demo: orch shop: FAIL: demo//1.2: exit code 1
        item-failed of item:login: orch shop: FAIL: item:login//verify: exit code 1
        question of demo: orch shop: ask: demo//1.2 Red or blue?
        breaker of demo: orch shop: warn: 3 tasks of demo failed in a row: no more of it starts in this build (`circuit_breaker_threshold`)
        held: orch shop: warn: no further session starts: not logged in; log in (`claude`, then `/login`) or set ANTHROPIC_API_KEY, t…
        breaker-over: orch shop: go on: the service answers again; sessions start again
        ");
        assert_eq!(check(&Notice::warning("anything")), None);
        assert_eq!(check(&Notice::Rested { accepted: 1, wanted: 1 }), None);
    }

    #[test]
    fn what_became_of_a_plan_is_told_in_numbers() {
        let writer = Writer::of(Path::new("/home/a/shop"));
        let check = |outcome: Outcome| {
            writer.of_stage(&Stage::Ended(PlanName::new("demo"), outcome), Moment(7)).subject
        };
        assert_eq!(check(Outcome::default()), "orch shop: plan demo is done");
        let outcome = Outcome { failed: 1, blocked: 2, open: 1, ..Outcome::default() };
        assert_eq!(check(outcome), "orch shop: plan demo ended: 1 failed, 2 blocked, 1 not done");
    }
}
