//! Whether a smoke test runs, and on what.

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::measure::Millis;
use crate::base::name::RelPath;
use crate::engine::effect::SmokeLaunch;
use crate::engine::event::{Event, SmokeReport};
use crate::engine::record::SmokeOutcome;
use crate::host::error::Result;
use crate::host::state::checkout::Checkout;
use crate::host::surface::PlanSmoke;
use crate::spec::glob::GlobSet;
use crate::spec::plan::CommandLine;

use super::BuildLoop;

impl BuildLoop<'_> {
    /// Begins a smoke test, when all that orch itself writes is written: the tree is looked at as it is.
    pub(super) fn smoke(&mut self, launch: SmokeLaunch) -> Result<Vec<Event>> {
        let attempt = launch.attempt;
        let at_once = |outcome, key, message: &str| {
            let (tail, message, duration) = (Vec::new(), message.to_owned(), Millis(0));
            let report = SmokeReport { key, outcome, message, tail, transcript: None, duration };
            Event::SmokeEnded { attempt, report: Box::new(report) }
        };
        let none = Digest::of(b"");
        let root = self.state.root();
        if !launch.needs_files.iter().all(|path| root.join(path.as_str()).is_file()) {
            return Ok(vec![at_once(SmokeOutcome::Absent, none, "")]);
        }
        let mut events = self.landings.statuses.write(self.state);
        events.extend(self.landings.land_receipts(self.state)?);
        if self.landings.following.waiting().is_some() || !self.state.checkout.is_level()? {
            let why = "not run: what landed is not in your checkout yet";
            events.push(at_once(SmokeOutcome::Skipped, none, why));
            return Ok(events);
        }
        let key = key_of(&launch, &self.state.checkout)?;
        if launch.passed == Some(key) {
            let why = "passed before on these very files";
            events.push(at_once(SmokeOutcome::Unchanged, key, why));
            return Ok(events);
        }
        self.crew.start_smoke(launch, key);
        Ok(events)
    }

    /// True where some plan has a smoke test in this checkout: then no build is at rest unseen.
    pub(super) fn has_smoke_tests(&self) -> bool {
        let is_here = |path: &RelPath| self.state.root().join(path.as_str()).is_file();
        self.state.engine.smoke_files().iter().any(|files| files.iter().all(is_here))
    }

    pub(super) fn smoke_reports(&self) -> Vec<PlanSmoke> {
        let smokes = self.state.engine.smokes().into_iter();
        smokes
            .map(|(plan, it)| PlanSmoke { plan, outcome: it.outcome, message: it.message })
            .collect()
    }
}

/// Of every file of the checkout that git does not ignore, and of what is run.
fn key_of(launch: &SmokeLaunch, checkout: &Checkout) -> Result<Digest> {
    let files = checkout.scan(&[GlobSet::new(["**"])], &[])?;
    let mut print = Fingerprint::new("orch smoke v1");
    print.section("command");
    match &launch.run {
        CommandLine::Argv(words) => {
            words.iter().for_each(|word| print.entry("word", word.as_bytes()));
        }
        CommandLine::Shell(line) => print.entry("shell", line.as_bytes()),
    }
    print.section("environment");
    for name in &launch.env {
        let value = std::env::var(name.as_str()).unwrap_or_default();
        print.entry(name.as_str(), value.as_bytes());
    }
    print.section("files");
    for (path, state) in files {
        let digest = state.map_or_else(Vec::new, |state| state.digest.as_bytes().to_vec());
        print.entry(path.as_str(), &digest);
    }
    Ok(print.finish())
}
