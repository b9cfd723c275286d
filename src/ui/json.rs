//! JSON for programs: one compact object a line.

pub mod picture;

use serde::Serialize;

use crate::base::digest::{Digest, Recorded};
use crate::base::file::FileChange;
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{ActionKey, ModelName, OutputDigest, SessionId};
use crate::engine::record::Score;
use crate::engine::record::{AcceptedResult, AttemptEnded, Judged};
use crate::engine::report::Report;
use crate::ui::text::outgoing_json;

/// The value as one line that ends in a newline.
pub fn line_of(value: &impl Serialize) -> String {
    match serde_json::to_string(value) {
        Ok(text) => outgoing_json(text) + "\n",
        // None of our types has a map with other keys than text, the only way to get here.
        Err(error) => format!("{}\n", serde_json::json!({ "error": error.to_string() })),
    }
}

/// One attempt that ended, of a task or of a validator.
#[derive(Serialize)]
pub struct AttemptJson<'a> {
    at_ms: Moment,
    key: ActionKey,
    /// Counts from 1 in each build.
    attempt: u32,
    validator: Option<&'a str>,
    outcome: &'static str,
    message: &'a str,
    cost_usd: Usd,
    duration_ms: Millis,
    model: Option<&'a ModelName>,
    session: Option<&'a SessionId>,
    transcript: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Digest>,
    /// As the session wrote them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    slack_messages: &'a [serde_json::Value],
}

impl<'a> AttemptJson<'a> {
    pub fn of(ended: &'a AttemptEnded) -> Self {
        Self {
            at_ms: ended.at,
            key: ended.key,
            attempt: ended.number,
            validator: ended.validator.as_ref().map(|it| it.as_str()),
            outcome: ended.outcome.as_str(),
            message: &ended.message,
            cost_usd: ended.cost,
            duration_ms: ended.duration,
            model: ended.model.as_ref(),
            session: ended.session.as_ref(),
            transcript: ended.transcript,
            prompt: ended.prompt,
            slack_messages: &ended.slack_messages,
        }
    }
}

/// An accepted result.
#[derive(Serialize)]
pub struct ResultJson<'a> {
    at_ms: Moment,
    key: ActionKey,
    output: OutputDigest,
    changes: &'a [FileChange],
    verdicts: Vec<VerdictJson<'a>>,
    cost_usd: Usd,
    duration_ms: Millis,
    model: Option<&'a ModelName>,
    session: Option<&'a SessionId>,
    transcript: Option<Digest>,
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a str>,
    manifest: &'a Recorded,
}

#[derive(Serialize)]
struct VerdictJson<'a> {
    validator: &'a str,
    verdict: &'static str,
    findings: &'a [String],
}

impl<'a> ResultJson<'a> {
    pub fn of(result: &'a AcceptedResult) -> Self {
        let verdicts = result.verdicts.iter().map(|it| VerdictJson {
            validator: it.validator.as_str(),
            verdict: it.verdict.as_str(),
            findings: &it.findings,
        });
        Self {
            at_ms: result.at,
            key: result.key,
            output: result.output,
            changes: result.patch.changes(),
            verdicts: verdicts.collect(),
            cost_usd: result.cost,
            duration_ms: result.duration,
            model: result.model.as_ref(),
            session: result.session.as_ref(),
            transcript: result.transcript,
            message: result.message.as_deref(),
            report: result.report.as_ref().map(Report::text),
            manifest: &result.manifest,
        }
    }
}

/// How a competition ended.
#[derive(Serialize)]
pub struct JudgedJson<'a> {
    at_ms: Moment,
    key: ActionKey,
    winner: &'a str,
    /// False where only one proposal was left.
    is_judged: bool,
    judge_model: Option<&'a ModelName>,
    judge_cost_usd: Usd,
    reasons: &'a str,
    entrants: Vec<EntrantJson<'a>>,
}

#[derive(Serialize)]
struct EntrantJson<'a> {
    label: &'a str,
    score: Option<Score>,
    model: Option<&'a ModelName>,
    cost_usd: Usd,
    session: Option<&'a SessionId>,
    kept_as: Option<&'a str>,
    out: Option<&'a str>,
}

impl<'a> JudgedJson<'a> {
    pub fn of(judged: &'a Judged) -> Self {
        let entrants = judged.entrants.iter().map(|it| EntrantJson {
            label: &it.label,
            score: it.score,
            model: it.model.as_ref(),
            cost_usd: it.cost,
            session: it.session.as_ref(),
            kept_as: it.kept_as.as_deref().filter(|_| it.label != judged.winner),
            out: it.out.as_deref(),
        });
        Self {
            at_ms: judged.at,
            key: judged.key,
            winner: &judged.winner,
            is_judged: judged.judge.is_some(),
            judge_model: judged.judge_model.as_ref(),
            judge_cost_usd: judged.judge_cost,
            reasons: &judged.reasons,
            entrants: entrants.collect(),
        }
    }
}
