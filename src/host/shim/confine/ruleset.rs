//! The guard by Landlock: writing is allowed at every place beside the ways to what is read-only. In a
//! folder on such a way itself nothing can be made, removed or renamed.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError,
};

use super::{Access, Place, rights};

/// The first one that knows of truncating.
const NEEDED: ABI = ABI::V3;

pub fn confine(places: &[Place]) -> io::Result<()> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_write(NEEDED))
        .and_then(Ruleset::create)
        .map_err(refused)?;
    let ruleset = allow(ruleset, Path::new("/"), Access::Writable, places)?;
    ruleset.restrict_self().map_err(refused)?;
    rights::give_up()
}

fn refused(why: RulesetError) -> io::Error {
    io::Error::other(format!("Landlock: {why}"))
}

/// Allows what is writable at `path`, which has this access, and below.
fn allow(
    mut ruleset: RulesetCreated,
    path: &Path,
    access: Access,
    places: &[Place],
) -> io::Result<RulesetCreated> {
    if !places.iter().any(|it| it.path != path && it.path.starts_with(path)) {
        return match access {
            Access::ReadOnly => Ok(ruleset),
            Access::Writable => allow_whole(ruleset, path),
        };
    }
    for entry in entries_of(path, places)? {
        let own = places.iter().find(|it| it.path == entry).map(|it| it.access);
        ruleset = allow(ruleset, &entry, own.unwrap_or(access), places)?;
    }
    Ok(ruleset)
}

/// What is in a folder, but for links, which nothing is written through by their own name. Where it cannot
/// be looked into, what is known of it.
fn entries_of(folder: &Path, places: &[Place]) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            let entries = entries.collect::<io::Result<Vec<_>>>()?;
            let is_link = |it: &fs::DirEntry| it.file_type().is_ok_and(|it| it.is_symlink());
            Ok(entries.iter().filter(|it| !is_link(it)).map(fs::DirEntry::path).collect())
        }
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
            let below = places.iter().filter_map(|it| it.path.strip_prefix(folder).ok());
            let first = below.filter_map(|it| Some(folder.join(it.components().next()?)));
            let mut known: Vec<PathBuf> = first.collect();
            known.dedup();
            Ok(known)
        }
        Err(why) => Err(why),
    }
}

fn allow_whole(ruleset: RulesetCreated, path: &Path) -> io::Result<RulesetCreated> {
    let kind = match fs::symlink_metadata(path) {
        Ok(meta) => meta.file_type(),
        // It went meanwhile.
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(ruleset),
        Err(why) => return Err(why),
    };
    // Nobody needs leave to write to what is no file of a disk.
    if kind.is_socket() || kind.is_symlink() {
        return Ok(ruleset);
    }
    let mut rights: BitFlags<AccessFs> = AccessFs::from_write(NEEDED);
    if !kind.is_dir() {
        rights &= AccessFs::from_file(NEEDED);
    }
    let place = match PathFd::new(path) {
        Ok(place) => place,
        Err(_) if !path.exists() => return Ok(ruleset),
        Err(why) => return Err(io::Error::other(why)),
    };
    ruleset.add_rule(PathBeneath::new(place, rights)).map_err(refused)
}
