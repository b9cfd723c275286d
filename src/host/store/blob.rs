//! How a blob lies on disk: one byte that tells the encoding, then the content, packed where it helps.

use std::io::{Read, Write};
use std::path::PathBuf;

use crate::base::digest::{Digest, Digesting};

const RAW: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;
const PACK_FROM: usize = 4096;

/// Where a blob lies below its store's folder: `ab/cdef…`.
pub fn place_of(digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    let (folder, name) = hex.split_at(2);
    [folder, name].iter().collect()
}

/// The reverse of [`place_of`], from the names of the folder and of the file in it.
pub fn digest_at(folder: &str, name: &str) -> Option<Digest> {
    (folder.len() == 2).then(|| Digest::parse(&format!("{folder}{name}"))).flatten()
}

/// The head and the body of the file that holds `content`.
pub fn encode(content: &[u8]) -> (u8, std::borrow::Cow<'_, [u8]>) {
    if content.len() > PACK_FROM
        && let Ok(packed) = zstd::bulk::compress(content, LEVEL)
        && packed.len() < content.len() / 10 * 9
    {
        return (ZSTD, packed.into());
    }
    (RAW, content.into())
}

/// A file begins as a blob does: no text begins with such a byte.
pub fn is_head(file: &[u8]) -> bool {
    matches!(file.first(), Some(&(RAW | ZSTD)))
}

/// Writes the file of a blob piece by piece; answers with the content's digest.
pub fn pack(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<Digest> {
    to.write_all(&[ZSTD])?;
    let mut packed = zstd::stream::Encoder::new(to, LEVEL)?;
    let mut digest = Digesting::default();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            break;
        }
        digest.take(&piece[..n]);
        packed.write_all(&piece[..n])?;
    }
    packed.finish()?;
    Ok(digest.finish())
}

/// The content of a blob's file, if it is whole: its digest is `expected`.
pub fn decode(mut file: Vec<u8>, expected: &Digest) -> Option<Vec<u8>> {
    let content = match *file.first()? {
        RAW => {
            file.remove(0);
            file
        }
        ZSTD => zstd::stream::decode_all(&file[1..]).ok()?,
        _ => return None,
    };
    (Digest::of(&content) == *expected).then_some(content)
}
