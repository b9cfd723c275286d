//! The driver as the commands' project.

use std::path::{Path, PathBuf};

use crate::base::digest::Recorded;
use crate::base::measure::Moment;
use crate::base::name::{PlanName, TaskRef};
use crate::engine::effect::{BuildRequest, Decide, Explained, Intent};
use crate::engine::picture::Picture;
use crate::engine::record::{AcceptedResult, AttemptEnded, Judged, Record, SmokeEnded};
use crate::host::driver::{self, Delivery, Driver};
use crate::host::error::{Error, Result};
use crate::host::landing::Followed;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::render::obstacle::obstacle_text;
use crate::ui::transcript::Speaker;

use super::{Landed, Landing, Project, Prompt, Transcript};

impl Project for Driver {
    fn root(&self) -> &Path {
        Self::root(self)
    }

    fn check(&mut self, files: &[PathBuf]) -> Result<Vec<CheckedDocument>> {
        Self::check(self, files)
    }

    fn faulty(&mut self) -> Result<Vec<CheckedDocument>> {
        Ok(Self::faulty(self))
    }

    fn cautions(&mut self, wanted: Option<&[TaskRef]>) -> Result<Vec<CheckedDocument>> {
        Ok(Self::cautions(self, wanted))
    }

    fn without_model(&mut self, request: &BuildRequest) -> Result<Vec<(TaskRef, String)>> {
        Ok(self.engine().without_model(request))
    }

    fn tasks(&mut self) -> Result<Vec<TaskRef>> {
        Ok(Self::tasks(self))
    }

    fn picture(&mut self, _now: Moment) -> Result<Picture> {
        if self.has_built() {
            return Ok(self.present_picture(crate::engine::picture::Extent::Whole));
        }
        let mut picture = self.survey(BuildRequest::of_all())?;
        self.show_running_elsewhere(&mut picture)?;
        Ok(picture)
    }

    fn build(&mut self, mut request: BuildRequest, surface: &mut dyn Surface) -> Result<Summary> {
        if request.jobs == 0 {
            request.jobs = self.default_jobs();
        }
        Self::build(self, request, surface)
    }

    fn explain(&mut self, task: &TaskRef) -> Result<Option<Explained>> {
        let manifest = self.engine().manifest_of(task);
        let key = self.engine().key_of(task);
        Ok(key.zip(manifest).map(|(key, manifest)| Explained { key, manifest }))
    }

    fn last_explained(&mut self, task: &TaskRef) -> Result<Option<Explained>> {
        let Some(past) = self.engine().history().task(task) else { return Ok(None) };
        let Some(accepted) = &past.accepted else { return Ok(None) };
        let manifest: Option<Recorded> = match &past.manifest {
            Some(digest) => self.store().manifest(digest)?,
            None => None,
        };
        Ok(manifest.map(|manifest| Explained { key: accepted.key, manifest }))
    }

    fn attempts_of(&mut self, task: &TaskRef) -> Result<Vec<AttemptEnded>> {
        Self::attempts_of(self, task)
    }

    fn journal(&mut self) -> Result<Vec<Record>> {
        self.records()
    }

    fn judged_of(&mut self, task: &TaskRef) -> Result<Option<Judged>> {
        Ok(self.records()?.into_iter().rev().find_map(|record| match record {
            Record::Judged(judged) if judged.task == *task => Some(*judged),
            _ => None,
        }))
    }

    fn result_of(&mut self, task: &TaskRef) -> Result<Option<AcceptedResult>> {
        let accepted = self.engine().history().task(task).and_then(|it| it.accepted.clone());
        let Some(accepted) = accepted else { return Ok(None) };
        let mut results = self.store().results_of(&accepted.key)?;
        results.retain(|it| it.task == *task && !it.is_refused);
        // Of several results of one key the accepted one need not be the newest.
        let at = results.iter().position(|it| it.output == accepted.output).unwrap_or(0);
        Ok(results.into_iter().nth(at))
    }

    fn report_of(&mut self, task: &TaskRef) -> Result<Option<String>> {
        Self::report_of(self, task)
    }

    fn transcript(
        &mut self,
        task: &TaskRef,
        attempt: Option<u32>,
        from: u64,
    ) -> Result<Option<Transcript>> {
        let records = self.records()?;
        let attempts = ended_of(task, &records);
        let running = attempts.len() + 1;
        if let Some(live) = self.live_transcript(task, &records)
            && attempt.is_none_or(|number| number as usize == running)
        {
            return Ok(Some(Transcript {
                attempt: u32::try_from(running).unwrap_or(u32::MAX),
                speaker: if live.is_command { Speaker::Command } else { Speaker::Session },
                bytes: self.read_live(&live.place, from)?,
                is_running: true,
            }));
        }
        let at = at_of(attempt, &attempts);
        let Some(ended) = at.checked_sub(1).and_then(|at| attempts.get(at)) else {
            return Ok(None);
        };
        let bytes = self.transcript_of(ended)?;
        Ok(bytes.map(|bytes| Transcript {
            attempt: u32::try_from(at).unwrap_or(u32::MAX),
            // A session whose set-up line failed said nothing itself.
            speaker: match ended.session {
                Some(_) => Speaker::Session,
                None => Speaker::Command,
            },
            bytes: bytes
                .get(usize::try_from(from).unwrap_or(usize::MAX)..)
                .unwrap_or_default()
                .to_vec(),
            is_running: false,
        }))
    }

    fn prompt(&mut self, task: &TaskRef, attempt: Option<u32>) -> Result<Option<Prompt>> {
        let records = self.records()?;
        let attempts = ended_of(task, &records);
        let running = attempts.len() + 1;
        if let Some(live) = self.live_transcript(task, &records)
            && attempt.is_none_or(|number| number as usize == running)
        {
            let text = self.read_live(&live.prompt, 0)?;
            return Ok(Prompt::of(running, text));
        }
        let at = at_of(attempt, &attempts);
        let Some(ended) = at.checked_sub(1).and_then(|at| attempts.get(at)) else {
            return Ok(None);
        };
        Ok(self.prompt_of(ended)?.and_then(|text| Prompt::of(at, text)))
    }

    fn intent_of(&mut self, task: &TaskRef) -> Result<Option<Intent>> {
        Ok(self.engine().intent_of(task))
    }

    fn smoke_of(&mut self, plan: &PlanName) -> Result<Option<(SmokeEnded, Option<Vec<u8>>)>> {
        let last = self.records()?.into_iter().rev().find_map(|record| match record {
            Record::SmokeEnded(it) if it.plan == *plan && it.outcome.has_run() => Some(*it),
            _ => None,
        });
        let Some(last) = last else { return Ok(None) };
        let said = last.transcript.as_ref().map(|digest| self.store().get(digest)).transpose()?;
        Ok(Some((last, said.flatten())))
    }

    fn decide(&mut self, decisions: &[Decide]) -> Result<Delivery> {
        Self::decide(self, decisions)
    }

    fn lift_limits(&mut self) -> Result<Vec<String>> {
        Self::lift_limits(self)
    }

    fn answer(&mut self, task: &TaskRef, text: &str) -> Result<Delivery> {
        self.answer_question(task, text)
    }

    fn land(&mut self, how: Landing) -> Result<Landed> {
        let tasks = self.parked_tasks()?;
        let with = self.parked_edits()?.iter().map(ToString::to_string).collect();
        if how == Landing::DryRun || tasks.is_empty() {
            return Ok(Landed { tasks, with, refused: None });
        }
        let refused = match self.take_parked()? {
            Followed::Level | Followed::Moved { .. } => None,
            Followed::Parked(obstacle) => {
                let reason = obstacle_text(&obstacle);
                let paths: Vec<String> = obstacle.paths().iter().map(ToString::to_string).collect();
                Some(match paths.is_empty() {
                    true => reason,
                    false => format!("{reason}: {}", paths.join(", ")),
                })
            }
        };
        Ok(Landed { tasks, with, refused })
    }
}

/// Which of the attempts is meant, counted from 1; 0 where there is none. The newest is that of the task
/// itself; validators' logs are asked for by number.
fn at_of(attempt: Option<u32>, attempts: &[&AttemptEnded]) -> usize {
    let newest = attempts.iter().rposition(|ended| ended.validator.is_none());
    attempt.map_or(newest.map_or(0, |at| at + 1), |number| number as usize)
}

impl Prompt {
    /// None where nothing is written yet, or any more.
    fn of(attempt: usize, text: Vec<u8>) -> Option<Self> {
        let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
        let text = String::from_utf8_lossy(&text).into_owned();
        (!text.is_empty()).then_some(Self { attempt, text })
    }
}

fn ended_of<'a>(task: &TaskRef, records: &'a [Record]) -> Vec<&'a AttemptEnded> {
    let ended = records.iter().filter_map(|record| match record {
        Record::AttemptEnded(ended) if ended.task == *task => Some(ended.as_ref()),
        _ => None,
    });
    ended.collect()
}

/// Documents without a repository around them: they can be checked, and nothing else.
pub struct Loose {
    pub root: PathBuf,
}

impl Loose {
    fn needs_repository(&self) -> Error {
        Error::new("this needs a git repository").at(&self.root).of_user()
    }
}

impl Project for Loose {
    fn root(&self) -> &Path {
        &self.root
    }

    fn check(&mut self, files: &[PathBuf]) -> Result<Vec<CheckedDocument>> {
        driver::check(&self.root, files)
    }

    fn faulty(&mut self) -> Result<Vec<CheckedDocument>> {
        Err(self.needs_repository())
    }

    fn cautions(&mut self, _wanted: Option<&[TaskRef]>) -> Result<Vec<CheckedDocument>> {
        Err(self.needs_repository())
    }

    fn without_model(&mut self, _request: &BuildRequest) -> Result<Vec<(TaskRef, String)>> {
        Err(self.needs_repository())
    }

    fn tasks(&mut self) -> Result<Vec<TaskRef>> {
        Err(self.needs_repository())
    }

    fn picture(&mut self, _now: Moment) -> Result<Picture> {
        Err(self.needs_repository())
    }

    fn build(&mut self, _request: BuildRequest, _surface: &mut dyn Surface) -> Result<Summary> {
        Err(self.needs_repository())
    }

    fn explain(&mut self, _task: &TaskRef) -> Result<Option<Explained>> {
        Err(self.needs_repository())
    }

    fn last_explained(&mut self, _task: &TaskRef) -> Result<Option<Explained>> {
        Err(self.needs_repository())
    }

    fn attempts_of(&mut self, _task: &TaskRef) -> Result<Vec<AttemptEnded>> {
        Err(self.needs_repository())
    }

    fn journal(&mut self) -> Result<Vec<Record>> {
        Err(self.needs_repository())
    }

    fn judged_of(&mut self, _task: &TaskRef) -> Result<Option<Judged>> {
        Err(self.needs_repository())
    }

    fn result_of(&mut self, _task: &TaskRef) -> Result<Option<AcceptedResult>> {
        Err(self.needs_repository())
    }

    fn report_of(&mut self, _task: &TaskRef) -> Result<Option<String>> {
        Err(self.needs_repository())
    }

    fn transcript(
        &mut self,
        _task: &TaskRef,
        _attempt: Option<u32>,
        _from: u64,
    ) -> Result<Option<Transcript>> {
        Err(self.needs_repository())
    }

    fn prompt(&mut self, _task: &TaskRef, _attempt: Option<u32>) -> Result<Option<Prompt>> {
        Err(self.needs_repository())
    }

    fn intent_of(&mut self, _task: &TaskRef) -> Result<Option<Intent>> {
        Err(self.needs_repository())
    }

    fn smoke_of(&mut self, _plan: &PlanName) -> Result<Option<(SmokeEnded, Option<Vec<u8>>)>> {
        Err(self.needs_repository())
    }

    fn decide(&mut self, _decisions: &[Decide]) -> Result<Delivery> {
        Err(self.needs_repository())
    }

    fn lift_limits(&mut self) -> Result<Vec<String>> {
        Err(self.needs_repository())
    }

    fn answer(&mut self, _task: &TaskRef, _text: &str) -> Result<Delivery> {
        Err(self.needs_repository())
    }

    fn land(&mut self, _how: Landing) -> Result<Landed> {
        Err(self.needs_repository())
    }
}
