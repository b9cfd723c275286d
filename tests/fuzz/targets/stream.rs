//! A session's stream: however it is cut into pieces, the facts are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::measure::Usd;
use orch::engine::stream::{StreamReader, facts_of};

fuzz_target!(|input: (&[u8], u8)| {
    let (bytes, size) = input;
    let whole = facts_of(bytes);
    let mut reader = StreamReader::new(Usd::ZERO);
    for piece in bytes.chunks(usize::from(size).max(1)) {
        reader.feed(piece);
    }
    assert_eq!(reader.finish(), whole);
    orch::engine::outcome::verdict_of(&whole.final_text);
});
