//! Messages of the CLI: whatever they say, at whatever time and in whatever zone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::measure::Moment;
use orch::engine::limits::{Clock, limit_of_message};
use orch::engine::outcome::classify_message;

fuzz_target!(|input: (&str, u64, &str)| {
    let (text, now, zone) = input;
    limit_of_message(text, Moment(now), zone);
    limit_of_message(&format!("limit reached, resets {text}"), Moment(now), zone);
    classify_message(text, &Clock { now: Moment(now), zone: zone.to_owned() });
});
