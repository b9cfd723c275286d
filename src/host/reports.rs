//! The texts of reports: from the store, else from the commit that tells them, as in a fresh clone.

use crate::base::name::TaskRef;
use crate::engine::report::Reported;

use super::error::Result;
use super::git::{Repository, trailer};
use super::store::Store;

/// What the report of a task says; `None` where its text is in neither.
pub fn text_of(
    reported: &Reported,
    task: &TaskRef,
    store: &Store,
    repo: &Repository,
) -> Result<Option<String>> {
    if let Some(bytes) = store.get(&reported.mark.digest)? {
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let Some(commit) = &reported.told_in else { return Ok(None) };
    let message = repo.message_of(commit)?;
    Ok(message.and_then(|it| trailer::report_in(&it, task)))
}
