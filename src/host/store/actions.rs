//! The action cache: accepted results by action key, several candidates for each. A candidate's
//! file is named by the digest of its content, so damage shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::base::digest::Digest;
use crate::base::name::{ActionKey, OutputDigest};
use crate::engine::record::AcceptedResult;
use crate::host::error::{Doing, Result};

use super::{ACTIONS, Store, blob, folder};

/// More candidates than this for one key are not kept; the oldest go.
const CANDIDATES: usize = 16;
/// A use within this time of the last one is not noted again.
const NOTED_FOR: Duration = Duration::from_secs(3600);

impl Store {
    /// Keeps an accepted result as one more candidate for its key.
    pub fn remember(&self, result: &AcceptedResult) -> Result<()> {
        let folder = self.candidates_path(&result.key);
        let json = serde_json::to_vec(result).doing("writing an accepted result", &folder)?;
        self.folder.write_whole(&folder.join(file_name_of(&json)), &[&json])?;
        if folder::names_in(&folder)?.len() <= CANDIDATES {
            return Ok(());
        }
        for (path, _) in self.candidates_in(&folder, &result.key)?.into_iter().skip(CANDIDATES) {
            remove(&path, "dropping an old result")?;
        }
        Ok(())
    }

    /// Drops what an accepted result makes idle: itself without verdicts, as it was kept before its
    /// validators spoke, and those of its key that were refused.
    pub fn disown(&self, key: &ActionKey, output: OutputDigest) -> Result<()> {
        for (path, result) in self.candidates_of(key)? {
            let is_unjudged = result.output == output && result.verdicts.is_empty();
            if is_unjudged || result.is_refused {
                remove(&path, "dropping a result that is idle")?;
            }
        }
        Ok(())
    }

    /// Marks results without verdicts as refused.
    pub fn refuse(&self, key: &ActionKey, output: OutputDigest) -> Result<()> {
        for (path, result) in self.candidates_of(key)? {
            if result.output == output && result.verdicts.is_empty() && !result.is_refused {
                self.remember(&AcceptedResult { is_refused: true, ..result })?;
                remove(&path, "marking a result as refused")?;
            }
        }
        Ok(())
    }

    /// The results for a key, refused ones among them, newest first.
    pub fn results_of(&self, key: &ActionKey) -> Result<Vec<AcceptedResult>> {
        let candidates = self.candidates_of(key)?;
        if self.folder.may_write() {
            candidates.iter().for_each(|(path, _)| note_use(path));
        }
        Ok(candidates.into_iter().map(|(_, result)| result).collect())
    }

    /// Whole candidates wherever they are looked for, with their files, newest first.
    fn candidates_of(&self, key: &ActionKey) -> Result<Vec<(PathBuf, AcceptedResult)>> {
        let mut found = self.candidates_in(&self.candidates_path(key), key)?;
        if let Some(also) = &self.also {
            let folder = also.join(ACTIONS).join(blob::place_of(&key.0));
            found.extend(self.candidates_in(&folder, key)?);
            found.sort_by(|(a, x), (b, y)| y.at.cmp(&x.at).then_with(|| a.cmp(b)));
        }
        Ok(found)
    }

    /// Whole candidates in one folder with their files, newest first.
    pub(super) fn candidates_in(
        &self,
        folder: &Path,
        key: &ActionKey,
    ) -> Result<Vec<(PathBuf, AcceptedResult)>> {
        let mut found = Vec::new();
        for path in folder::names_in(folder)?.into_iter().map(|name| folder.join(name)) {
            let Some(json) = folder::read_if_there(&path)? else { continue };
            match whole_result(&path, &json, key) {
                Some(result) => found.push((path, result)),
                None => self.discard(&path, "a damaged cache entry"),
            }
        }
        found.sort_by(|(a, x), (b, y)| y.at.cmp(&x.at).then_with(|| a.cmp(b)));
        Ok(found)
    }

    pub(super) fn candidates_path(&self, key: &ActionKey) -> PathBuf {
        self.folder.join(ACTIONS).join(blob::place_of(&key.0))
    }
}

/// Another orch may have removed it before.
fn remove(path: &Path, doing: &str) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !folder::is_absent(&error) => Err(error).doing(doing, path),
        _ => Ok(()),
    }
}

fn file_name_of(json: &[u8]) -> String {
    format!("{}.json", &Digest::of(json).to_string()[..32])
}

fn whole_result(path: &Path, json: &[u8], key: &ActionKey) -> Option<AcceptedResult> {
    let named = path.file_name()?.to_str()? == file_name_of(json);
    let result: AcceptedResult = named.then(|| serde_json::from_slice(json).ok()).flatten()?;
    (result.key == *key).then_some(result)
}

/// Moves the file's time stamp, which is how old age is told from disuse. Best effort.
fn note_use(path: &Path) {
    let Ok(file) = fs::File::open(path) else { return };
    let used = file.metadata().and_then(|meta| meta.modified());
    let is_stale = used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > NOTED_FOR));
    if is_stale && let Err(error) = file.set_modified(SystemTime::now()) {
        tracing::debug!("the use of {} was not noted: {error}", path.display());
    }
}
