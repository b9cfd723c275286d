//! `.orch/stat-v1`: digests by stat. An entry counts only while the file's stat is what it was, and
//! is kept only if the file had come to rest before it was read: else a change within the same tick
//! of the file system's clock could leave the stat as it is.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, statat};
use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::name::RelPath;
use crate::host::error::{Doing, Result};
use crate::host::store::folder::{self, OrchFolder};

const FILE: &str = "stat-v1";
const SECOND: i64 = 1_000_000_000;
/// Above the longest tick of a kernel's clock (10 ms).
const TICK: i64 = SECOND / 50;
/// What takes as long as opening a file, in bytes to be hashed.
const OPENING: u64 = 16 * 1024;
/// What takes as long as writing a row, in bytes to be hashed.
const WRITING: u64 = 256;

/// What is compared instead of content. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    size: u64,
    mtime: i64,
    ctime: i64,
    ino: u64,
    mode: u32,
}

impl Stat {
    pub fn of(meta: &Metadata) -> Self {
        Self {
            size: meta.size(),
            mtime: nanos(meta.mtime(), meta.mtime_nsec()),
            ctime: nanos(meta.ctime(), meta.ctime_nsec()),
            ino: meta.ino(),
            mode: meta.mode(),
        }
    }

    /// Of a path below a folder, of the file itself where it is a link.
    #[allow(clippy::unnecessary_cast)]
    pub fn below(folder: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<Self> {
        let found = statat(folder, path, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Self {
            size: found.st_size as u64,
            mtime: nanos(found.st_mtime as i64, found.st_mtime_nsec as i64),
            ctime: nanos(found.st_ctime as i64, found.st_ctime_nsec as i64),
            ino: found.st_ino as u64,
            mode: found.st_mode as u32,
        })
    }

    /// Of the file itself where it is a link; `None` where there is none.
    pub fn at(file: &Path) -> Option<Self> {
        std::fs::symlink_metadata(file).ok().map(|meta| Self::of(&meta))
    }

    /// True where any change from now on is certain to give another stat.
    pub fn is_settled_now(&self) -> bool {
        self.is_settled(nanos_of(SystemTime::now()))
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// True where it was last written then, by seconds since 1970 and nanoseconds.
    pub fn was_written_at(&self, seconds: i64, nanoseconds: i64) -> bool {
        self.mtime == nanos(seconds, nanoseconds)
    }

    pub fn is_file(&self) -> bool {
        self.kind() == FileType::RegularFile
    }

    pub fn is_dir(&self) -> bool {
        self.kind() == FileType::Directory
    }

    pub fn is_symlink(&self) -> bool {
        self.kind() == FileType::Symlink
    }

    /// True where its owner may run it.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }

    #[allow(clippy::unnecessary_cast)]
    fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode as rustix::fs::RawMode)
    }

    /// True where it is the same file or folder, whatever is in it now.
    pub fn is_of_same(&self, other: &Self) -> bool {
        (self.ino, self.mode) == (other.ino, other.mode)
    }

    /// True where a change at `now` or later is certain to give another stat. A file system that
    /// keeps whole seconds is given two of them.
    pub fn is_settled(&self, now: i64) -> bool {
        let tick = if self.ctime % SECOND == 0 { 2 * SECOND } else { TICK };
        self.mtime.max(self.ctime).saturating_add(tick) < now
    }
}

/// What was hashed, by path.
#[derive(Debug)]
pub struct Cache {
    version: Digest,
    known: HashMap<RelPath, (Stat, Digest)>,
    /// The cost of learning again what is not saved yet, in bytes to be hashed.
    unsaved: u64,
}

#[derive(Serialize, Deserialize)]
struct File<'a> {
    version: [u8; 32],
    #[serde(borrow)]
    rows: Vec<(&'a str, Stat, [u8; 32])>,
}

impl Cache {
    /// What the last run kept, if it is whole and of the same `version`.
    pub fn load(folder: &OrchFolder, version: Digest) -> Self {
        let known = kept(folder, version).unwrap_or_default();
        Self { version, known, unsaved: 0 }
    }

    pub fn digest_of(&self, path: &RelPath, stat: &Stat) -> Option<Digest> {
        self.known.get(path).filter(|(known, _)| known == stat).map(|(_, digest)| *digest)
    }

    /// Remembers what a file was read as; reading began at `seen`.
    pub fn learn(&mut self, path: &RelPath, stat: Stat, digest: Digest, seen: SystemTime) {
        if stat.is_settled(nanos_of(seen)) {
            self.known.insert(path.clone(), (stat, digest));
            self.unsaved = self.unsaved.saturating_add(OPENING + stat.size);
        } else {
            // No later stat is the one that is saved: what stays there is never asked for.
            self.known.remove(path);
        }
    }

    /// True where writing all rows costs less than hashing again what is not among the saved ones.
    pub fn is_worth_saving(&self) -> bool {
        self.unsaved > WRITING * self.known.len() as u64
    }

    /// Writes what may be trusted by the clock of the file system, which need not be ours: entries
    /// not older than the new file itself are left out.
    pub fn save(&mut self, folder: &OrchFolder) -> Result<()> {
        let path = folder.join(FILE);
        let mut aside = folder.aside()?;
        let made = aside.as_file().metadata().doing("reading the file system's clock", &path)?;
        let now = Stat::of(&made).mtime;
        let old = self.known.iter().filter(|(_, (stat, _))| stat.mtime.max(stat.ctime) < now);
        let rows = old.map(|(path, (stat, digest))| (path.as_str(), *stat, *digest.as_bytes()));
        let file = File { version: *self.version.as_bytes(), rows: rows.collect() };
        let bytes = postcard::to_stdvec(&file).doing("writing the stat cache", &path)?;
        let written = aside.write_all(Digest::of(&bytes).as_bytes());
        written.and_then(|()| aside.write_all(&bytes)).doing("writing the stat cache", &path)?;
        folder::publish(aside, &path)?;
        self.unsaved = 0;
        Ok(())
    }
}

fn kept(folder: &OrchFolder, version: Digest) -> Option<HashMap<RelPath, (Stat, Digest)>> {
    let bytes = folder::read_if_there(&folder.join(FILE)).ok()??;
    let (digest, bytes) = bytes.split_at_checked(32)?;
    if Digest::of(bytes).as_bytes() != digest {
        return None;
    }
    let file: File<'_> = postcard::from_bytes(bytes).ok()?;
    if file.version != *version.as_bytes() {
        return None;
    }
    let mut known = HashMap::with_capacity(file.rows.len());
    for (path, stat, digest) in file.rows {
        known.insert(RelPath::new(path)?, (stat, Digest::from_bytes(digest)));
    }
    Some(known)
}

fn nanos(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(SECOND).saturating_add(rest)
}

fn nanos_of(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_settles_a_tick_after_its_last_change() {
        let check = |mtime: i64, ctime: i64, now: i64| {
            Stat { size: 1, mtime, ctime, ino: 1, mode: 0 }.is_settled(now)
        };
        let at = 50 * SECOND + 7;
        assert!(check(at, at, at + TICK + 1));
        assert!(!check(at, at, at + TICK));
        assert!(!check(at, at, at - SECOND), "the clock went back");
        assert!(!check(at + SECOND, at, at + TICK + 1), "from the future");
        assert!(!check(at - SECOND, at, at + 1), "an old time was put on a new file");
        assert!(!check(50 * SECOND, 50 * SECOND, 52 * SECOND), "whole seconds");
        assert!(check(50 * SECOND, 50 * SECOND, 52 * SECOND + 1));
    }

    #[test]
    fn it_is_saved_where_hashing_again_costs_more() {
        let stat = |size| Stat { size, mtime: 0, ctime: 0, ino: 1, mode: 0 };
        let check = |n_known: usize, new: &[u64]| {
            let name = |at: usize| RelPath::new(format!("{at}")).unwrap();
            let known = (0..n_known).map(|at| (name(at), (stat(1), Digest::of(b"")))).collect();
            let mut cache = Cache { version: Digest::of(b""), known, unsaved: 0 };
            for (at, size) in new.iter().enumerate() {
                cache.learn(&name(at), stat(*size), Digest::of(b""), SystemTime::now());
            }
            cache.is_worth_saving()
        };
        assert!(!check(10_000, &[]) && !check(0, &[]), "nothing is new");
        assert!(check(0, &[1]) && check(20, &[1]), "few rows are soon written");
        assert!(!check(10_000, &[100; 20]), "few small files among many");
        assert!(check(10_000, &[100; 200]), "many small files");
        assert!(check(10_000, &[10_000_000]), "a large one");
    }

    /// A file system whose clock stands still for `tick` nanoseconds, and a file of one size in it.
    struct Coarse {
        now: i64,
        tick: i64,
        content: u8,
        stamp: i64,
    }

    impl Coarse {
        fn write(&mut self, content: u8) {
            self.content = content;
            self.stamp = self.now / self.tick * self.tick;
        }

        /// What a scanner does: look, and read only what it does not know.
        fn read_through(&self, cache: &mut Cache) -> Digest {
            let path = RelPath::new("a").unwrap();
            let stat = Stat { size: 1, mtime: self.stamp, ctime: self.stamp, ino: 1, mode: 0 };
            cache.digest_of(&path, &stat).unwrap_or_else(|| {
                let digest = Digest::of(&[self.content]);
                let seen = UNIX_EPOCH + std::time::Duration::from_nanos(self.now as u64);
                cache.learn(&path, stat, digest, seen);
                digest
            })
        }
    }

    proptest! {
        #[test]
        fn a_change_within_a_tick_is_seen(
            tick in prop_oneof![Just(SECOND / 250), Just(SECOND / 100), Just(SECOND), Just(2 * SECOND)],
            steps in proptest::collection::vec((0..3u8, 0..100i64, any::<bool>()), 1..40),
        ) {
            let start = 1_000 * SECOND + 7_654_321;
            let mut file = Coarse { now: start, tick, content: 0, stamp: 0 };
            file.write(0);
            let (version, known) = (Digest::of(b""), HashMap::new());
            let mut cache = Cache { version, known, unsaved: 0 };
            for (content, wait, writes) in steps {
                file.now += wait * tick / 20;
                if writes {
                    file.write(content);
                }
                prop_assert_eq!(file.read_through(&mut cache), Digest::of(&[file.content]));
            }
        }
    }
}
