//! The first look through a worktree: each folder is listed and each file in it met once, and what is
//! certain to be as the index says is done with. Only what is left needs git's rules, which are dear:
//! content, attributes, ignore files.

use std::ffi::{CStr, OsStr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::resume_unwind;
use std::path::Path;

use gix::bstr::{BString, ByteSlice};
use gix::index::entry::stat::Time;
use gix::index::entry::{Flags, Mode, Stat};
use gix::index::{Entry, State};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};

use crate::host::halves::in_halves;

/// From this many files on they are looked at on several threads.
pub(super) const MANY: usize = 1000;

/// What is left to be judged.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Entries that may differ, by their place in the index.
    pub doubtful: Vec<usize>,
    /// Files that are not in the index.
    pub files: Vec<BString>,
    /// Folders that nothing in the index is below.
    pub folders: Vec<BString>,
    /// Something lies there that only a walk can tell.
    pub needs_walk: bool,
}

/// A folder that the index has something below.
struct Folder<'i> {
    /// Empty for the top one.
    path: &'i [u8],
    /// Places in the index, in the order of names.
    files: Vec<usize>,
    folders: Vec<(&'i [u8], usize)>,
}

/// A look under way.
struct Looking<'i> {
    root: &'i Path,
    index: &'i State,
    all: Vec<Folder<'i>>,
}

impl Look {
    /// `None` where the index is of a kind that this does not understand.
    pub fn through(root: &Path, index: &State) -> Option<Self> {
        let is_plain = |entry: &Entry| entry.stage_raw() == 0 && !entry.mode.is_sparse();
        if !index.entries().iter().all(is_plain) {
            return None;
        }
        let looking = Looking { root, index, all: folders_of(index) };
        let (mut look, mut level) = (Self::default(), vec![0]);
        while !level.is_empty() {
            level = looking.at_all(&level, &mut look);
        }
        look.doubtful.sort_unstable();
        Some(look)
    }

    fn take(&mut self, other: Self) {
        self.doubtful.extend(other.doubtful);
        self.files.extend(other.files);
        self.folders.extend(other.folders);
        self.needs_walk |= other.needs_walk;
    }
}

/// The folders of the index, the top one first. What is below one stands together in the index.
fn folders_of(index: &State) -> Vec<Folder<'_>> {
    let folder = |path| Folder { path, files: Vec::new(), folders: Vec::new() };
    let mut all = vec![folder(&[][..])];
    let mut open = vec![0];
    for (place, entry) in index.entries().iter().enumerate() {
        let path: &[u8] = entry.path(index);
        while !is_below(path, all[open[open.len() - 1]].path) {
            open.pop();
        }
        let mut top = open[open.len() - 1];
        let mut start = all[top].path.len() + usize::from(top != 0);
        while let Some(length) = path[start..].find_byte(b'/') {
            let (end, new) = (start + length, all.len());
            all[top].folders.push((&path[start..end], new));
            all.push(folder(&path[..end]));
            open.push(new);
            (top, start) = (new, end + 1);
        }
        all[top].files.push(place);
    }
    // In the index a folder stands where its name with a slash does.
    all.iter_mut().for_each(|it| it.folders.sort_unstable());
    all
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
}

impl Looking<'_> {
    /// Looks into folders, on several threads where that pays; answers with those in them.
    fn at_all(&self, level: &[usize], look: &mut Look) -> Vec<usize> {
        let n_files: usize = level.iter().map(|&id| self.all[id].files.len()).sum();
        let n_threads = match n_files < MANY {
            true => 1,
            false => std::thread::available_parallelism().map_or(1, usize::from).min(level.len()),
        };
        let part = |first: usize| {
            let (mut look, mut next) = (Look::default(), Vec::new());
            for &id in level.iter().skip(first).step_by(n_threads) {
                self.at(id, &mut look, &mut next);
            }
            (look, next)
        };
        let parts = std::thread::scope(|scope| {
            let others: Vec<_> =
                (1..n_threads).map(|first| scope.spawn(move || part(first))).collect();
            let own = part(0);
            let others =
                others.into_iter().map(|it| it.join().unwrap_or_else(|why| resume_unwind(why)));
            std::iter::once(own).chain(others).collect::<Vec<_>>()
        });
        let mut all = Vec::new();
        for (part, next) in parts {
            look.take(part);
            all.extend(next);
        }
        all
    }

    fn at(&self, id: usize, look: &mut Look, next: &mut Vec<usize>) {
        if self.list(id, look, next).is_err() {
            self.doubt_all_in(&self.all[id], look);
            look.needs_walk = true;
        }
    }

    fn doubt_all_in(&self, folder: &Folder<'_>, look: &mut Look) {
        look.doubtful.extend_from_slice(&folder.files);
        for &(_, id) in &folder.folders {
            self.doubt_all_in(&self.all[id], look);
        }
    }

    /// Lists a folder. It is no link, and neither is what is above it: only what a listing calls a
    /// folder is looked into.
    fn list(&self, id: usize, look: &mut Look, next: &mut Vec<usize>) -> rustix::io::Result<()> {
        let folder = &self.all[id];
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = self.root.join(OsStr::from_bytes(folder.path));
        let dir = rustix::fs::open(&place, flags, rustix::fs::Mode::empty())?;
        let listing = Listing::of(&dir)?;
        let (mut found, mut met, mut entered) = (Look::default(), Vec::new(), Vec::new());
        let mut files = folder.files.iter().copied().peekable();
        for (name, kind) in listing.entries() {
            let bytes = name.to_bytes();
            if let Ok(at) = folder.folders.binary_search_by_key(&bytes, |it| it.0) {
                match kind {
                    FileType::Directory => entered.push(folder.folders[at].1),
                    _ => found.needs_walk = true,
                }
                continue;
            }
            // Both are in the order of names: what the listing has passed by is not there.
            while let Some(gone) = files.next_if(|&it| self.name(folder, it) < bytes) {
                found.doubtful.push(gone);
            }
            match files.next_if(|&it| self.name(folder, it) == bytes) {
                Some(place) => met.push((place, name)),
                None => found.note_new(folder.path, bytes, kind),
            }
        }
        found.doubtful.extend(files);
        self.judge_all(&dir, &met, &mut found)?;
        for (_, id) in folder.folders.iter().filter(|(_, id)| !entered.contains(id)) {
            self.doubt_all_in(&self.all[*id], &mut found);
        }
        look.take(found);
        next.extend(entered);
        Ok(())
    }

    /// Reads the stats of files in one folder, of many on two threads.
    fn judge_all(
        &self,
        dir: &OwnedFd,
        met: &[(usize, &CStr)],
        look: &mut Look,
    ) -> rustix::io::Result<()> {
        let part = |met: &[(usize, &CStr)]| -> rustix::io::Result<Look> {
            let mut look = Look::default();
            for (place, name) in met {
                let stat = statat(dir, *name, AtFlags::SYMLINK_NOFOLLOW)?;
                self.judge(*place, &stat, &mut look);
            }
            Ok(look)
        };
        for part in in_halves(met, MANY, part) {
            look.take(part?);
        }
        Ok(())
    }

    /// A file's name in its folder.
    fn name(&self, folder: &Folder<'_>, place: usize) -> &[u8] {
        let path = self.index.entries()[place].path(self.index);
        let start = folder.path.len() + usize::from(!folder.path.is_empty());
        path.get(start..).unwrap_or_default()
    }

    fn judge(&self, place: usize, stat: &rustix::fs::Stat, look: &mut Look) {
        let entry = &self.index.entries()[place];
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            look.needs_walk = true;
        }
        if !self.is_certain(entry, stat) {
            look.doubtful.push(place);
        }
    }

    /// True only where git, too, would not look at the content, or only for keeping whole seconds. In
    /// doubt it decides by itself.
    fn is_certain(&self, entry: &Entry, stat: &rustix::fs::Stat) -> bool {
        let bits = rustix::fs::Mode::from_raw_mode(stat.st_mode);
        let is_executable = bits.contains(rustix::fs::Mode::XUSR);
        let is_plain = !bits
            .intersects(rustix::fs::Mode::XUSR | rustix::fs::Mode::XGRP | rustix::fs::Mode::XOTH);
        let is_of_kind = match (entry.mode, FileType::from_raw_mode(stat.st_mode)) {
            (Mode::FILE, FileType::RegularFile) => is_plain,
            (Mode::FILE_EXECUTABLE, FileType::RegularFile) => is_executable,
            (Mode::SYMLINK, FileType::Symlink) => true,
            _ => false,
        };
        is_of_kind
            && !entry.flags.contains(Flags::INTENT_TO_ADD)
            && stat_of(stat) == Some(entry.stat)
            && !may_hide_an_edit(entry, self.index)
            && (entry.stat.size == 0 || !entry.id.is_empty_blob())
    }
}

/// What a folder holds, in the order of names.
struct Listing {
    /// The names, each with a zero behind it.
    text: Vec<u8>,
    entries: Vec<(Range<usize>, FileType)>,
}

impl Listing {
    fn of(dir: &OwnedFd) -> rustix::io::Result<Self> {
        let (mut text, mut entries) = (Vec::new(), Vec::new());
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let start = text.len();
            text.extend_from_slice(name.to_bytes_with_nul());
            entries.push((start..text.len(), entry.file_type()));
        }
        entries
            .sort_unstable_by(|(one, _), (other, _)| text[one.clone()].cmp(&text[other.clone()]));
        Ok(Self { text, entries })
    }

    fn entries(&self) -> impl Iterator<Item = (&CStr, FileType)> {
        let name = |it: &Range<usize>| CStr::from_bytes_with_nul(&self.text[it.clone()]);
        self.entries.iter().filter_map(move |(place, kind)| Some((name(place).ok()?, *kind)))
    }
}

impl Look {
    fn note_new(&mut self, folder: &[u8], name: &[u8], kind: FileType) {
        if folder.is_empty() && matches!(name, b".git" | b".orch") {
            return;
        }
        let path = match folder {
            b"" => name.into(),
            _ => BString::from([folder, b"/", name].concat()),
        };
        match kind {
            // A repository in a folder of this one.
            _ if name.eq_ignore_ascii_case(b".git") => self.needs_walk = true,
            FileType::RegularFile => self.files.push(path),
            FileType::Directory => self.folders.push(path),
            _ => self.needs_walk = true,
        }
    }
}

/// The file is as young as the index or younger: an edit within the same tick of the file system's
/// clock left its stat as it is.
pub(super) fn may_hide_an_edit(entry: &Entry, index: &State) -> bool {
    let written = (index.timestamp().unix_seconds(), index.timestamp().nanoseconds());
    let is_young = |time: Time| (i64::from(time.secs), time.nsecs) >= written;
    is_young(entry.stat.mtime) || is_young(entry.stat.ctime)
}

/// As git writes it down; `None` for times before 1970.
#[allow(clippy::unnecessary_cast)]
fn stat_of(stat: &rustix::fs::Stat) -> Option<Stat> {
    let time = |seconds: i64, nanos: u64| {
        (seconds >= 0).then_some(Time { secs: seconds as u32, nsecs: nanos as u32 })
    };
    Some(Stat {
        mtime: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64)?,
        ctime: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64)?,
        dev: stat.st_dev as u32,
        ino: stat.st_ino as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u32,
    })
}

#[cfg(test)]
mod tests;
