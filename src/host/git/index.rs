//! Writing git's index.

use gix::index::{File, State};

/// The index as it lies on the disk, checksum included. It is hashed in one go: gix hashes each of
/// the ten fields of an entry by itself, which takes longer than all the rest.
pub(crate) fn bytes_of(index: &File) -> Result<Vec<u8>, gix::Error> {
    let state: &State = index;
    let mut bytes = Vec::with_capacity(state.path_backing().len() + 80 * state.entries().len());
    state.write_to(&mut bytes, gix::index::write::Options::default())?;
    let mut hasher = gix::hash::hasher(state.object_hash());
    hasher.update(&bytes);
    bytes.extend_from_slice(hasher.try_finalize()?.as_slice());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::Scratch;

    #[test]
    fn it_is_what_gix_writes() {
        let files: Vec<_> = (0..300).map(|n| format!("folder/{n}")).collect();
        let files: Vec<_> = files.iter().map(|path| (path.as_str(), "text")).collect();
        let scratch = Scratch::new(&files);
        let index = gix::open(scratch.root()).unwrap().open_index().unwrap();
        let mut by_gix = Vec::new();
        index.write_to(&mut by_gix, Default::default()).unwrap();
        assert_eq!(bytes_of(&index).unwrap(), by_gix);
    }
}
