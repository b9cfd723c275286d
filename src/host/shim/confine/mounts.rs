//! The guard by a mount namespace: a place is mounted over itself, and that read-only.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_bind_recursive,
    mount_change, mount_remount, move_mount, open_tree,
};

use super::{Access, Place, rights};
use crate::host::shim::namespace::{self, Namespace};

/// What a mount may have been closed to, which an ordinary user cannot open again and thus has to keep.
const KEPT: [(&str, MountFlags); 3] =
    [("nosuid", MountFlags::NOSUID), ("nodev", MountFlags::NODEV), ("noexec", MountFlags::NOEXEC)];

pub fn confine(places: &[Place]) -> io::Result<()> {
    let folder = std::env::current_dir()?;
    namespace::enter(&[Namespace::Mounts])?;
    // Taken before what is around them is closed: they keep what they have.
    let open = places.iter().map(|place| match place.access {
        Access::ReadOnly => Ok(None),
        Access::Writable => tree_at(&place.path).map(Some),
    });
    let open = open.collect::<io::Result<Vec<_>>>()?;
    for folder in folders_above(places) {
        mount_bind_recursive(folder, folder)?;
    }
    for (place, tree) in places.iter().zip(open) {
        match tree {
            None => close(&place.path)?,
            Some(tree) => {
                move_mount(tree, "", CWD, &place.path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
            }
        }
    }
    // The folder that was entered before lies beneath what is mounted now, and so does all that is
    // reached from it by `..`.
    std::env::set_current_dir(folder)?;
    rights::give_up()?;
    places.iter().filter(|it| it.access == Access::ReadOnly).try_for_each(is_closed)
}

/// Folders on the way to what is closed, the outermost first. Mounted over themselves they stay where they
/// are: who could rename one would put a copy of his own in its place.
fn folders_above(places: &[Place]) -> Vec<&Path> {
    let closed = places.iter().filter(|it| it.access == Access::ReadOnly);
    let above = closed.flat_map(|it| it.path.ancestors().skip(1));
    let above: BTreeSet<&Path> = above.filter(|it| it.parent().is_some()).collect();
    above.into_iter().collect()
}

/// What is mounted at a place, and below it, to be mounted again.
fn tree_at(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path, flags)?)
}

fn close(path: &Path) -> io::Result<()> {
    mount_bind_recursive(path, path)?;
    // What others mount there later would be writable.
    mount_change(path, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let table = fs::read("/proc/self/mountinfo")?;
    for (at, kept) in mounts_below(path, &table) {
        mount_remount(&at, MountFlags::BIND | MountFlags::RDONLY | kept, c"")?;
    }
    Ok(())
}

/// Where something is mounted at or below `path`, with what it was closed to.
fn mounts_below(path: &Path, table: &[u8]) -> BTreeMap<PathBuf, MountFlags> {
    let mut found = BTreeMap::new();
    for line in table.split(|it| *it == b'\n') {
        let mut fields = line.split(|it| *it == b' ').skip(4);
        let (Some(at), Some(options)) = (fields.next(), fields.next()) else { continue };
        let at = unescaped(at);
        if !at.starts_with(path) {
            continue;
        }
        let closed_to: MountFlags = options
            .split(|it| *it == b',')
            .filter_map(|word| KEPT.iter().find(|it| it.0.as_bytes() == word).map(|it| it.1))
            .collect();
        // Of several at one place only the last is seen; to be closed to more does no harm.
        *found.entry(at).or_insert(MountFlags::empty()) |= closed_to;
    }
    found
}

/// The kernel writes blanks, line ends and backslashes as three octal digits.
fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..3).filter(|_| first == b'\\');
        let digits = digits.and_then(|it| std::str::from_utf8(it).ok());
        match digits.and_then(|it| u8::from_str_radix(it, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Nothing that is said to be done is taken on trust here.
fn is_closed(place: &Place) -> io::Result<()> {
    use rustix::fs::{Access, access};
    match access(&place.path, Access::WRITE_OK) {
        Err(rustix::io::Errno::ROFS | rustix::io::Errno::ACCESS) => Ok(()),
        other => {
            let path = place.path.as_os_str().as_bytes();
            let why = format!("{} can still be written: {other:?}", path.escape_ascii());
            Err(io::Error::other(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_above_what_is_closed_is_held_in_its_place() {
        let place = |path: &str, access| Place { path: path.into(), access };
        let places = [
            place("/a/b/c", Access::ReadOnly),
            place("/a/b/c/d/e", Access::Writable),
            place("/a/x/y", Access::ReadOnly),
        ];
        assert_eq!(folders_above(&places), ["/a", "/a/b", "/a/x"].map(Path::new));
    }

    #[test]
    fn what_is_mounted_within_a_place_is_closed_and_keeps_what_it_was_closed_to() {
        let table = b"1 2 8:1 / / rw,relatime shared:1 - ext4 /dev/a rw\n\
            3 1 8:2 / /w\\040x rw,nosuid,relatime - ext4 /dev/b rw\n\
            4 3 8:3 / /w\\040x/in rw,nodev,noexec - tmpfs t rw\n\
            5 3 8:3 / /w\\040x/in rw - tmpfs t rw\n\
            6 1 8:4 / /w\\040xy rw - ext4 /dev/c rw\n";
        let found: Vec<_> = mounts_below(Path::new("/w x"), table).into_iter().collect();
        let both = MountFlags::NODEV | MountFlags::NOEXEC;
        assert_eq!(found, [("/w x".into(), MountFlags::NOSUID), ("/w x/in".into(), both)]);
        assert_eq!(unescaped(b"a\\134\\011\\9"), PathBuf::from("a\\\t\\9"));
    }
}
