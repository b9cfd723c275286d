//! The last of the test programs by name: `cargo test` hides what passing tests print, so this one
//! tells what they left out, and why. It never fails.

#[expect(dead_code, reason = "the other programs write what this one reads")]
mod note;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Notes of runs that never got here.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

fn main() {
    // Asked for its tests, it has none.
    if std::env::args().any(|it| it == "--list") {
        return;
    }
    let place = note::place();
    let notes = fs::read_to_string(&place).unwrap_or_default();
    let _ = fs::remove_file(&place);
    place.parent().into_iter().for_each(forget);
    let mut tests_without: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (what, test) in notes.lines().filter_map(|line| line.split_once('\t')) {
        tests_without.entry(what).or_default().insert(test);
    }
    println!();
    if tests_without.is_empty() {
        println!("nothing was left out by the tests above\n");
    }
    for (what, tests) in tests_without {
        println!("!!! LEFT OUT, wholly or in part: {} tests that need {what}", tests.len());
        tests.iter().for_each(|test| println!("      {test}"));
        println!();
    }
}

fn forget(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age =
            entry.metadata().and_then(|it| it.modified()).ok().and_then(|it| it.elapsed().ok());
        if age.is_some_and(|age| age > FORGOTTEN) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
