//! A commit message's trailers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &str| {
    orch::host::git::trailer::read(message);
});
