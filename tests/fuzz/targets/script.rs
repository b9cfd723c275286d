//! A script of the stand-in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::host::session::Script;

fuzz_target!(|text: &str| {
    if let Ok(script) = Script::parse(text) {
        script.steps("plan//1.1", None, 1);
        script.steps("plan//1.1", Some("validator"), 7);
    }
});
