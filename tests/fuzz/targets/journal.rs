//! The journal's bytes: reading never fails on them, and healing keeps every record that was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::host::journal::{Journal, read};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let below = folder.path().join(".orch");
    std::fs::create_dir(&below).expect("its folder");
    std::fs::write(below.join("journal-v1"), bytes).expect("its file");
    let before = read(folder.path()).expect("damage is no error");
    drop(Journal::open(folder.path()).expect("damage is mended"));
    let after = read(folder.path()).expect("what is mended is read");
    assert_eq!(before.records, after.records);
    assert_eq!(before.end, after.end);
});
