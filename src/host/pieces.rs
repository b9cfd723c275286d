//! Reading files piece by piece: no large file is held whole only to be hashed.

use std::fs::File;
use std::io::{self, Read};

use crate::base::digest::{Digest, Digesting};

const PIECE: usize = 64 * 1024;
const LEAST: usize = 1024;

/// The digest of what is left to be read of a file, which is likely so many bytes.
pub(crate) fn digest_of(file: &mut File, size: u64) -> io::Result<Digest> {
    let length = usize::try_from(size).map_or(PIECE, |size| size.clamp(LEAST, PIECE));
    let (mut digesting, mut piece) = (Digesting::default(), vec![0; length]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(digesting.finish()),
            Ok(length) => digesting.take(&piece[..length]),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn a_file_is_hashed_as_its_bytes_are() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            for said in [0, length as u64, u64::MAX] {
                file.rewind().unwrap();
                let digest = digest_of(&mut file, said).unwrap();
                assert_eq!(digest, Digest::of(&bytes), "{length} bytes, {said} were told");
            }
        }
    }
}
