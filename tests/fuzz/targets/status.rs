//! What a session reports: the status file, a block in its text, a verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::engine::outcome::{status_from_json, status_from_text, verdict_of};

fuzz_target!(|bytes: &[u8]| {
    status_from_json(bytes);
    let text = String::from_utf8_lossy(bytes);
    status_from_text(&text);
    verdict_of(&text);
});
