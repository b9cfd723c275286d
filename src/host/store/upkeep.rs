//! Looking after the store: what is in it, whether it is whole, and what may go. The caller of
//! [`Store::gc`] holds orch's exclusive lock, so no blob is removed between its put and its use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::base::digest::Digest;
use crate::base::file::FileKind;
use crate::base::measure::{Millis, Moment};
use crate::base::name::ActionKey;
use crate::engine::record::AcceptedResult;
use crate::host::error::{Doing, Result};

use super::{ACTIONS, BLOBS, Store, blob, folder};

/// One accepted result in the action cache.
#[derive(Clone, Debug)]
pub struct CachedResult {
    pub result: AcceptedResult,
    /// When it was last stored or found.
    pub used: Moment,
    /// Size of the entry's own file.
    pub bytes: u64,
    path: PathBuf,
}

/// How much there is; bytes as they lie on disk, packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub blobs: u64,
    pub blob_bytes: u64,
    pub results: u64,
    pub result_bytes: u64,
}

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    pub blobs: u64,
    pub results: u64,
    /// Damaged files; they are removed where the store may be written.
    pub damaged: Vec<PathBuf>,
    /// Results that can not be replayed any more, with the missing blob.
    pub lost: Vec<(ActionKey, Digest)>,
}

/// What may stay. Unreferenced blobs never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcPolicy {
    pub now: Moment,
    /// Results that were not used for longer go.
    pub max_age: Option<Millis>,
    /// The least recently used results go until the store is no larger, in bytes on disk.
    pub max_bytes: Option<u64>,
}

/// What [`Store::gc`] removed, or would remove from a store that is open for reading only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    pub blobs: u64,
    pub results: u64,
    pub bytes: u64,
    pub bytes_left: u64,
}

impl Store {
    /// Every accepted result, most recently used first.
    pub fn entries(&self) -> Result<Vec<CachedResult>> {
        let mut entries = Vec::new();
        for folder in self.folders_of(ACTIONS)? {
            for name in folder::names_in(&folder)? {
                if let Some(key) = key_at(&folder, &name) {
                    entries.extend(self.entries_of(&folder.join(name), &key)?);
                }
            }
        }
        entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.path.cmp(&b.path)));
        Ok(entries)
    }

    /// Counts and sizes, without reading content.
    pub fn stats(&self) -> Result<Stats> {
        let entries = self.entries()?;
        let blobs = self.blobs()?;
        Ok(Stats {
            blobs: blobs.len() as u64,
            blob_bytes: blobs.values().sum(),
            results: entries.len() as u64,
            result_bytes: entries.iter().map(|entry| entry.bytes).sum(),
        })
    }

    /// Reads everything and tells what is damaged or missing.
    pub fn verify(&self) -> Result<Verification> {
        let mut report = Verification::default();
        let before = self.result_files()?;
        let entries = self.entries()?;
        report.results = entries.len() as u64;
        let whole: BTreeSet<&PathBuf> = entries.iter().map(|entry| &entry.path).collect();
        report.damaged.extend(before.into_iter().filter(|path| !whole.contains(path)));
        let mut intact = BTreeSet::new();
        for digest in self.blobs()?.into_keys() {
            match self.get(&digest)? {
                Some(_) => drop(intact.insert(digest)),
                None => report.damaged.push(self.blob_path(&digest)),
            }
        }
        report.blobs = intact.len() as u64;
        for result in entries.iter().map(|entry| &entry.result) {
            let missing = replayed_blobs(result).filter(|digest| !intact.contains(digest));
            report.lost.extend(missing.map(|digest| (result.key, digest)));
        }
        Ok(report)
    }

    /// Removes what the policy does not keep. `protected` are digests of blobs and of action keys
    /// that stay whatever their age: those of the journal.
    pub fn gc(&self, policy: &GcPolicy, protected: &BTreeSet<Digest>) -> Result<GcReport> {
        let blobs = self.blobs()?;
        let mut sweep = Sweep::new(self.entries()?, &blobs, protected);
        sweep.drop_unused(policy);
        sweep.drop_least_recent(policy.max_bytes.unwrap_or(u64::MAX));
        let report = sweep.report();
        if self.folder.may_write() {
            self.carry_out(&sweep)?;
            self.clear_left_behind(policy.now)?;
        }
        Ok(report)
    }

    fn carry_out(&self, sweep: &Sweep<'_>) -> Result<()> {
        for entry in &sweep.dropped {
            fs::remove_file(&entry.path).doing("removing a cached result", &entry.path)?;
            // Fails where another candidate is left, which is right.
            let _ = entry.path.parent().map(fs::remove_dir);
        }
        for digest in sweep.garbage() {
            let path = self.blob_path(digest);
            fs::remove_file(&path).doing("removing a blob", &path)?;
        }
        Ok(())
    }

    /// Half-written files of processes that died.
    fn clear_left_behind(&self, now: Moment) -> Result<()> {
        let tmp = self.folder.join("tmp");
        for path in folder::names_in(&tmp)?.into_iter().map(|name| tmp.join(name)) {
            let age = fs::metadata(&path).map(|meta| now - modified(&meta)).unwrap_or_default();
            if age > Millis::seconds(3600) {
                fs::remove_file(&path).doing("removing a file left behind", &path)?;
            }
        }
        Ok(())
    }

    fn entries_of(&self, folder: &Path, key: &ActionKey) -> Result<Vec<CachedResult>> {
        let candidates = self.candidates_in(folder, key)?;
        let entry_of = |(path, result): (PathBuf, AcceptedResult)| {
            let meta = fs::metadata(&path).ok()?;
            Some(CachedResult { result, used: modified(&meta), bytes: meta.len(), path })
        };
        Ok(candidates.into_iter().filter_map(entry_of).collect())
    }

    /// Every blob with its size on disk.
    fn blobs(&self) -> Result<BTreeMap<Digest, u64>> {
        let mut blobs = BTreeMap::new();
        for folder in self.folders_of(BLOBS)? {
            for name in folder::names_in(&folder)? {
                let Some(digest) = digest_at(&folder, &name) else { continue };
                let size = fs::metadata(folder.join(name)).map_or(0, |meta| meta.len());
                blobs.insert(digest, size);
            }
        }
        Ok(blobs)
    }

    fn result_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in self.folders_of(ACTIONS)? {
            for key in folder::names_in(&folder)?.into_iter().map(|name| folder.join(name)) {
                files.extend(folder::names_in(&key)?.into_iter().map(|name| key.join(name)));
            }
        }
        Ok(files)
    }

    fn folders_of(&self, part: &str) -> Result<Vec<PathBuf>> {
        let part = self.folder.join(part);
        Ok(folder::names_in(&part)?.into_iter().map(|name| part.join(name)).collect())
    }
}

/// A garbage collection that is being decided.
struct Sweep<'a> {
    /// Most recently used first.
    kept: Vec<CachedResult>,
    dropped: Vec<CachedResult>,
    blobs: &'a BTreeMap<Digest, u64>,
    protected: &'a BTreeSet<Digest>,
    /// How many kept entries need a blob.
    users: BTreeMap<Digest, u64>,
    /// Bytes of all that is kept.
    bytes: u64,
}

impl<'a> Sweep<'a> {
    fn new(
        kept: Vec<CachedResult>,
        blobs: &'a BTreeMap<Digest, u64>,
        protected: &'a BTreeSet<Digest>,
    ) -> Self {
        let mut users: BTreeMap<Digest, u64> = BTreeMap::new();
        let needed = kept.iter().flat_map(|entry| needed_blobs(&entry.result));
        needed.for_each(|digest| *users.entry(digest).or_default() += 1);
        let mut sweep = Self { kept, dropped: Vec::new(), blobs, protected, users, bytes: 0 };
        let kept_blobs = blobs.iter().filter(|(digest, _)| sweep.is_needed(digest));
        sweep.bytes = kept_blobs.map(|(_, size)| size).sum::<u64>()
            + sweep.kept.iter().map(|entry| entry.bytes).sum::<u64>();
        sweep
    }

    fn drop_unused(&mut self, policy: &GcPolicy) {
        let Some(max_age) = policy.max_age else { return };
        let entries = std::mem::take(&mut self.kept);
        for entry in entries {
            if policy.now - entry.used > max_age && !self.is_protected(&entry) {
                self.drop_entry(entry);
            } else {
                self.kept.push(entry);
            }
        }
    }

    fn drop_least_recent(&mut self, max_bytes: u64) {
        let mut at = self.kept.len();
        while self.bytes > max_bytes && at > 0 {
            at -= 1;
            if !self.is_protected(&self.kept[at]) {
                let entry = self.kept.remove(at);
                self.drop_entry(entry);
            }
        }
    }

    fn drop_entry(&mut self, entry: CachedResult) {
        self.bytes -= entry.bytes;
        for digest in needed_blobs(&entry.result) {
            if let Some(users) = self.users.get_mut(&digest) {
                *users -= 1;
            }
            if !self.is_needed(&digest) {
                self.users.remove(&digest);
                self.bytes -= self.blobs.get(&digest).copied().unwrap_or(0);
            }
        }
        self.dropped.push(entry);
    }

    fn garbage(&self) -> impl Iterator<Item = &Digest> {
        self.blobs.keys().filter(|digest| !self.is_needed(digest))
    }

    fn report(&self) -> GcReport {
        let garbage: u64 = self.garbage().map(|digest| self.blobs[digest]).sum();
        GcReport {
            blobs: self.garbage().count() as u64,
            results: self.dropped.len() as u64,
            bytes: garbage + self.dropped.iter().map(|entry| entry.bytes).sum::<u64>(),
            bytes_left: self.bytes,
        }
    }

    fn is_needed(&self, digest: &Digest) -> bool {
        self.protected.contains(digest) || self.users.get(digest).is_some_and(|users| *users > 0)
    }

    fn is_protected(&self, entry: &CachedResult) -> bool {
        self.protected.contains(&entry.result.key.0)
    }
}

/// Blobs that are kept for a result, each once.
fn needed_blobs(result: &AcceptedResult) -> BTreeSet<Digest> {
    let changes = result.patch.changes().iter();
    let states = changes.flat_map(|change| [change.before, change.after]).flatten();
    let content = states.filter(|state| state.kind != FileKind::Submodule);
    let report = result.report.as_ref().map(|it| it.mark().digest);
    content.map(|state| state.digest).chain(result.transcript).chain(report).collect()
}

/// Blobs without which a result cannot be replayed. What was before lies in git, too.
fn replayed_blobs(result: &AcceptedResult) -> impl Iterator<Item = Digest> {
    let after = result.patch.changes().iter().filter_map(|change| change.after);
    after.filter(|state| state.kind != FileKind::Submodule).map(|state| state.digest)
}

fn modified(meta: &fs::Metadata) -> Moment {
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Moment(since.map_or(0, |since| since.as_millis() as u64))
}

fn digest_at(folder: &Path, name: &str) -> Option<Digest> {
    blob::digest_at(folder.file_name()?.to_str()?, name)
}

fn key_at(folder: &Path, name: &str) -> Option<ActionKey> {
    digest_at(folder, name).map(ActionKey)
}
