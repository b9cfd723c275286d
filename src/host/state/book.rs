//! Sessions that were running when orch was killed: they were paid, so they are booked at the next
//! start, from what is left of their streams.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::base::measure::{Millis, Usd};
use crate::base::name::AttemptId;
use crate::engine::effect::Notice;
use crate::engine::outcome::OutcomeClass;
use crate::engine::past::ledger::Open;
use crate::engine::record::{AttemptEnded, Record};
use crate::engine::record::{Basis, Spend};
use crate::engine::stream::{StreamFacts, StreamReader};
use crate::host::clock;
use crate::host::error::{Doing, Result};
use crate::host::session::SETUP_TRANSCRIPT;
use crate::host::surface::Surface;

use crate::host::driver::Driver;

const CHUNK: usize = 64 * 1024;

impl Driver {
    /// Writes an end for each of them and says what that came to. Their processes are gone, their
    /// scratch folders are not yet.
    pub(in crate::host) fn book_leftovers(&mut self, surface: &mut dyn Surface) -> Result<()> {
        let mut total = Usd::ZERO;
        let mut booked = Vec::new();
        for (attempt, open) in self.unbooked.take() {
            let task = open.task.clone();
            let ended = self.end_of(attempt, open)?;
            if ended.spend.basis == Basis::Unknown {
                let said = format!(
                    "what a session of {task} cost is not known: orch was killed while it ran, and \
                     nothing is left of its stream"
                );
                surface.say(&Notice::Warning(said), ended.at);
            } else if ended.session.is_some() {
                total += ended.cost;
                booked.push(task.to_string());
            }
            let record = Record::AttemptEnded(Box::new(ended));
            self.append(&record)?;
            self.engine.note(&record);
        }
        if !booked.is_empty() {
            let said = format!(
                "orch was killed while sessions ran: booked {total} for {}, by their streams",
                booked.join(", ")
            );
            surface.say(&Notice::Warning(said), clock::now());
        }
        Ok(())
    }

    fn end_of(&self, attempt: AttemptId, open: Open) -> Result<AttemptEnded> {
        let folder = self.root.join(format!(".orch/run/{}-{}", open.pid, attempt.0));
        let (path, setup) = (folder.join("transcript"), folder.join(SETUP_TRANSCRIPT));
        let (mut facts, mut transcript) = (None, None);
        if path.exists() {
            facts = Some(self.facts_in(&path, &open)?);
            transcript = Some(self.store.put_file(&path)?);
        } else if setup.exists() {
            // Its own process was still to come.
            facts = Some(StreamFacts::default());
            transcript = Some(self.store.put_file(&setup)?);
        }
        let spend = match &facts {
            Some(facts) => Spend::of(facts),
            None if open.has_process => Spend { basis: Basis::Unknown, ..Spend::default() },
            None => Spend::default(),
        };
        let facts = facts.unwrap_or_default();
        Ok(AttemptEnded {
            at: clock::now(),
            attempt,
            task: open.task,
            key: open.key,
            number: open.number,
            validator: open.validator,
            outcome: OutcomeClass::Aborted,
            message: "orch was killed while it ran".to_owned(),
            cost: facts.cost,
            spend,
            model: facts.models.first().cloned(),
            session: facts.session,
            transcript,
            duration: Millis(0),
            slack_messages: Vec::new(),
        })
    }

    /// A session that went on with an earlier one is counted from where that had come to.
    fn facts_in(&self, path: &Path, open: &Open) -> Result<StreamFacts> {
        let facts = read_facts(path, Usd::ZERO)?;
        let past = self.engine.history().task(&open.task).zip(facts.session.as_ref());
        match past.map(|(task, session)| task.session_total(session)) {
            Some(base) if base > Usd::ZERO => read_facts(path, base),
            _ => Ok(facts),
        }
    }
}

/// `base` is what the CLI counted for the session before.
fn read_facts(path: &Path, base: Usd) -> Result<StreamFacts> {
    let mut file = File::open(path).doing("reading what a session left", path)?;
    let mut reader = StreamReader::new(base);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).doing("reading what a session left", path)? {
            0 => return Ok(reader.finish()),
            n => drop(reader.feed(&chunk[..n])),
        }
    }
}
