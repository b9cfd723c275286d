//! A project for tests of commands: it answers what it was given, and remembers what it was asked.

use std::path::{Path, PathBuf};

use crate::base::measure::Moment;
use crate::base::name::{PlanName, TaskRef};
use crate::engine::effect::{BuildRequest, Decide, Explained, Intent};
use crate::engine::picture::{Picture, QuestionPicture};
use crate::engine::record::{AcceptedResult, AttemptEnded, Judged, Record, SmokeEnded};
use crate::host::driver::Delivery;
use crate::host::error::Result;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::console::sample;
use crate::ui::transcript::Speaker;

use super::{Landed, Landing, Project, Prompt, Transcript};

/// By default the sample picture, and nothing wrong or recorded.
#[derive(Default)]
pub struct Fake {
    pub documents: Vec<CheckedDocument>,
    pub summary: Summary,
    pub requests: Vec<BuildRequest>,
    pub decisions: Vec<Decide>,
    pub answers: Vec<String>,
    /// Asked by the last task of the sample.
    pub question: Option<QuestionPicture>,
    /// Pieces of one running attempt's stream.
    pub pieces: Vec<&'static str>,
    pub landed: Landed,
    pub records: Vec<Record>,
}

impl Project for Fake {
    fn root(&self) -> &Path {
        Path::new("/repo")
    }

    fn check(&mut self, _files: &[PathBuf]) -> Result<Vec<CheckedDocument>> {
        Ok(self.documents.clone())
    }

    fn faulty(&mut self) -> Result<Vec<CheckedDocument>> {
        Ok(self.documents.iter().filter(|document| !document.is_ok()).cloned().collect())
    }

    fn cautions(&mut self, _wanted: Option<&[TaskRef]>) -> Result<Vec<CheckedDocument>> {
        Ok(self.documents.iter().filter(|document| document.is_ok()).cloned().collect())
    }

    fn without_model(&mut self, _request: &BuildRequest) -> Result<Vec<(TaskRef, String)>> {
        Ok(Vec::new())
    }

    fn tasks(&mut self) -> Result<Vec<TaskRef>> {
        Ok(sample::picture().tasks.into_iter().map(|task| task.task).collect())
    }

    fn picture(&mut self, _now: Moment) -> Result<Picture> {
        let mut picture = sample::picture();
        if let Some(last) = picture.tasks.last_mut() {
            last.question.clone_from(&self.question);
        }
        Ok(picture)
    }

    fn build(&mut self, request: BuildRequest, surface: &mut dyn Surface) -> Result<Summary> {
        self.requests.push(request);
        surface.show(&Picture::default(), sample::NOW);
        Ok(self.summary.clone())
    }

    fn explain(&mut self, _task: &TaskRef) -> Result<Option<Explained>> {
        Ok(None)
    }

    fn last_explained(&mut self, _task: &TaskRef) -> Result<Option<Explained>> {
        Ok(None)
    }

    fn judged_of(&mut self, _task: &TaskRef) -> Result<Option<Judged>> {
        Ok(None)
    }

    fn attempts_of(&mut self, _task: &TaskRef) -> Result<Vec<AttemptEnded>> {
        Ok(Vec::new())
    }

    fn journal(&mut self) -> Result<Vec<Record>> {
        Ok(self.records.clone())
    }

    fn result_of(&mut self, _task: &TaskRef) -> Result<Option<AcceptedResult>> {
        Ok(None)
    }

    fn report_of(&mut self, _task: &TaskRef) -> Result<Option<String>> {
        Ok(None)
    }

    fn transcript(
        &mut self,
        _task: &TaskRef,
        attempt: Option<u32>,
        from: u64,
    ) -> Result<Option<Transcript>> {
        if self.pieces.is_empty() {
            return Ok(None);
        }
        let is_running = self.pieces.len() > 1;
        let piece = if from == 0 { self.pieces[0] } else { self.pieces.remove(1) };
        let is_running = is_running && self.pieces.len() > 1;
        Ok(Some(Transcript {
            attempt: attempt.unwrap_or(1),
            speaker: Speaker::Command,
            bytes: piece.as_bytes().to_vec(),
            is_running,
        }))
    }

    fn prompt(&mut self, _task: &TaskRef, _attempt: Option<u32>) -> Result<Option<Prompt>> {
        Ok(None)
    }

    fn intent_of(&mut self, _task: &TaskRef) -> Result<Option<Intent>> {
        Ok(None)
    }

    fn smoke_of(&mut self, _plan: &PlanName) -> Result<Option<(SmokeEnded, Option<Vec<u8>>)>> {
        Ok(None)
    }

    fn decide(&mut self, decisions: &[Decide]) -> Result<Delivery> {
        self.decisions.extend_from_slice(decisions);
        Ok(Delivery::Journaled)
    }

    fn lift_limits(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn answer(&mut self, task: &TaskRef, text: &str) -> Result<Delivery> {
        self.answers.push(format!("{task} {text}"));
        Ok(Delivery::Journaled)
    }

    fn land(&mut self, _how: Landing) -> Result<Landed> {
        Ok(self.landed.clone())
    }
}
