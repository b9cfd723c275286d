//! What stages write into their items' files: reports into the log, and at the end the file into the archive.

use std::fs;

use crate::base::measure::Moment;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::effect::{ItemEdit, ItemEnd, StatusEdit};
use crate::engine::outcome::{Verdict, verdict_of};
use crate::host::documents::read_text;
use crate::host::error::{Doing, Error, Result};
use crate::host::fault;
use crate::host::reports;
use crate::host::state::State;
use crate::spec::item::edit::{Ended, Entry, with_end, with_entry};
use crate::spec::item::stages::StageId;
use crate::spec::item::{Item, parse};

use super::status::write_whole;

/// A file as it is to be, and where it goes if that is elsewhere.
pub struct Rewritten {
    pub text: String,
    pub to: Option<RelPath>,
}

/// True for edits of an item's file.
pub fn are_of_item(edits: &[StatusEdit]) -> bool {
    edits.iter().any(|it| it.item.is_some())
}

/// True where the file is to go elsewhere.
pub fn ends(edits: &[StatusEdit]) -> bool {
    edits.iter().any(|it| matches!(it.item, Some(ItemEdit::End(_))))
}

/// The item's text with all that its stages have to tell.
pub fn rewritten(state: &State, source: &Source, edits: &[StatusEdit]) -> Result<Rewritten> {
    let mut source = source.clone();
    let mut to = None;
    for edit in edits {
        let item = parse(&source).value;
        let at = edit.completed_at.map(minute_of).unwrap_or_default();
        let text = match &edit.item {
            None | Some(ItemEdit::Nothing) => continue,
            Some(ItemEdit::Entry(reported)) => {
                let text =
                    reports::text_of(reported, &edit.task, &state.store, &state.checkout.repo)?;
                let report = text.unwrap_or_default();
                with_entry(
                    &source,
                    &item,
                    &Entry {
                        stage: StageId::of(&edit.task.task),
                        verdict: verdict_of(&report).map(|(verdict, _)| Verdict::as_str(verdict)),
                        report: &report,
                        digest: &reported.mark.digest.short().to_string(),
                        at: &at,
                    },
                )
            }
            Some(ItemEdit::End(end)) => {
                to = Some(end.to.clone());
                ended(&source, &item, (end, &at))
            }
        };
        source = Source::new(source.path.clone(), text);
    }
    Ok(Rewritten { text: source.text.to_string(), to })
}

fn ended(source: &Source, item: &Item, (end, at): (&ItemEnd, &str)) -> String {
    let mut facts = Vec::new();
    if let Some(by) = &end.verified_by {
        facts.push(format!("Verified by `{by}`"));
    }
    let sessions = if end.sessions == 1 { "attempt" } else { "attempts" };
    facts.push(format!("Cost: {} in {} {sessions}", end.cost, end.sessions));
    facts.extend(end.took.map(|it| format!("Duration: {it}")));
    let commits = end.commits.iter();
    facts.extend(commits.map(|(task, commit)| {
        format!("`{}` {task}", commit.as_str().get(..10).unwrap_or(commit.as_str()))
    }));
    with_end(source, item, &Ended { at, status: &end.status, facts: &facts })
}

/// Writes what stages have to tell into the file as it lies. An item that somebody has archived already
/// needs nothing more.
pub fn rewrite_in_place(state: &State, path: &RelPath, edits: &[StatusEdit]) -> Result<()> {
    let file = state.root().join(path.as_str());
    if !file.exists() && ends(edits) && is_archived(state, edits) {
        return Ok(());
    }
    let text = read_text(&file, path).map_err(|it| Error::new(it.diagnostic.message).at(&file))?;
    let source = Source::new(path.clone(), text);
    let Rewritten { text, to } = rewritten(state, &source, edits)?;
    let Some(to) = to else {
        return match *text == *source.text {
            true => Ok(()),
            false => write_whole(state.root(), &file, text.as_bytes()),
        };
    };
    let place = state.root().join(to.as_str());
    if place.exists() && !is_same_item(&place, &to, &source) {
        return Err(Error::new("another item of this name is in the archive")
            .at(&place)
            .help("rename the item, or the one that is there"));
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).doing("making the archive", folder)?;
    }
    write_whole(state.root(), &place, text.as_bytes())?;
    fault::point("archived item");
    fs::remove_file(&file).doing("taking the item out of the backlog", &file)
}

fn is_archived(state: &State, edits: &[StatusEdit]) -> bool {
    edits.iter().any(|it| match &it.item {
        Some(ItemEdit::End(end)) => state.root().join(end.to.as_str()).exists(),
        _ => false,
    })
}

/// The same words: it was written there by a run that ended before the other file was gone.
fn is_same_item(place: &std::path::Path, path: &RelPath, source: &Source) -> bool {
    let Ok(text) = read_text(place, path) else { return false };
    let there = parse(&Source::new(path.clone(), text)).value;
    let here = parse(source).value;
    (there.title, there.text) == (here.title, here.text)
}

/// Local time to the minute.
fn minute_of(moment: Moment) -> String {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    let Ok(stamp) = jiff::Timestamp::from_millisecond(millis) else { return String::new() };
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}
