//! What was appended is read, whatever happens to the file's end or to one of its bytes.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::base::digest::Digest;
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{ActionKey, AttemptId, OutputDigest, TaskRef};
use crate::engine::outcome::OutcomeClass;
use crate::engine::record::{Accepted, AttemptEnded};

/// Four kinds in turn, so that each way of reading is taken.
fn record(n: u64) -> Record {
    let task = TaskRef::new("plan", format!("{n}\n→ \"quoted\""));
    let key = ActionKey(Digest::of(&n.to_le_bytes()));
    let at = Moment(n);
    let attempt = AttemptId(n);
    match n % 4 {
        0 => Record::AttemptStarted {
            at,
            attempt,
            task,
            key,
            recipe: None,
            number: 1,
            validator: None,
            is_command: false,
        },
        1 => Record::ProcessStarted { attempt, pid: 1, start_ticks: n },
        2 => Record::AttemptEnded(Box::new(AttemptEnded {
            at,
            attempt,
            task,
            key,
            recipe: None,
            number: 1,
            validator: None,
            outcome: OutcomeClass::Done,
            message: "done".into(),
            cost: Usd::from_nanos(n as i64),
            spend: Default::default(),
            model: None,
            session: None,
            transcript: None,
            prompt: None,
            duration: Millis(n),
            slack_messages: Vec::new(),
            is_uncounted: false,
        })),
        _ => Record::Accepted(Box::new(Accepted {
            at,
            task,
            key,
            recipe: None,
            output: OutputDigest(key.0),
            provenance: Provenance::Replayed,
            manifest: None,
            report: None,
            commit: None,
            changes_plan: false,
        })),
    }
}

fn records(count: u64) -> Vec<Record> {
    (0..count).map(record).collect()
}

/// A journal of `count` records and the offset of each.
fn journal_of(count: u64) -> (TempDir, PathBuf, Vec<u64>) {
    let root = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(root.path()).unwrap();
    let mut offsets = Vec::new();
    for record in records(count) {
        offsets.push(journal.end());
        journal.write(&[record]).unwrap();
    }
    offsets.push(journal.end());
    let path = journal.path();
    (root, path, offsets)
}

#[test]
fn a_journal_can_be_read_by_people() {
    let root = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(root.path()).unwrap();
    journal.append(&record(1)).unwrap();
    insta::assert_snapshot!(fs::read_to_string(journal.path()).unwrap(), @r#"edd9a11a 64 {"record":"process-started","attempt":1,"pid":1,"start_ticks":1}"#);
}

#[test]
fn reading_touches_nothing() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(read(root.path()).unwrap(), Reading::default());
    assert_eq!(snapshot::read(root.path(), 1), None);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    let (root, path, _) = journal_of(3);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"torn").unwrap();
    let before = fs::read(&path).unwrap();
    let reading = read(root.path()).unwrap();
    assert_eq!((reading.records, reading.damage), (records(3), vec![]));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn appended_records_follow_the_mended_end() {
    let (root, path, offsets) = journal_of(3);
    let torn = &fs::read(&path).unwrap()[..offsets[3] as usize - 5];
    fs::write(&path, torn).unwrap();
    let mut journal = Journal::open(root.path()).unwrap();
    journal.append_durable(&record(8)).unwrap();
    journal.append_all(&[record(9), record(10)]).unwrap();
    let mut expected = records(2);
    expected.extend([record(8), record(9), record(10)]);
    assert_eq!(read(root.path()).unwrap().records, expected);
    let cut = fs::read(root.path().join(".orch").join(CUT_FILE)).unwrap();
    assert!(torn.ends_with(&cut[..cut.len() - 1]) && cut.len() > 20);
}

#[test]
fn a_long_journal_is_read_in_order_on_two_threads() {
    let (root, path, offsets) = journal_of(6000);
    assert!(fs::metadata(&path).unwrap().len() > 1 << 20);
    let reading = read(root.path()).unwrap();
    assert!(reading.records == records(6000));
    assert_eq!(reading.end, offsets[6000]);
    assert_eq!(read_from(root.path(), offsets[5998]).unwrap().records, records(6000)[5998..]);
}

#[test]
fn a_record_of_a_later_version_is_skipped_and_kept() {
    let (root, path, _) = journal_of(1);
    let json = br#"{"record":"from-the-future"}"#;
    let digest = Digest::of(json).to_string();
    let line = [format!("{} {} ", &digest[..8], json.len()).as_bytes(), json, b"\n"].concat();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&line).unwrap();
    let before = fs::read(&path).unwrap();
    Journal::open(root.path()).unwrap();
    let reading = read(root.path()).unwrap();
    assert_eq!((reading.records.len(), reading.damage.len()), (1, 1));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_snapshot_stands_for_what_is_before_it() {
    let (root, _, offsets) = journal_of(40);
    let journal = Journal::open(root.path()).unwrap();
    journal.write_snapshot(3, b"state", offsets[38]).unwrap();
    let snapshot = snapshot::read(root.path(), 3).unwrap();
    assert_eq!((&snapshot.state[..], snapshot.offset), (&b"state"[..], offsets[38]));
    assert_eq!(read_from(root.path(), snapshot.offset).unwrap().records, records(40)[38..]);
    assert_eq!(snapshot::read(root.path(), 4), None, "another schema");
    assert_eq!(Journal::open(root.path()).unwrap().end(), offsets[40]);
}

#[test]
fn a_snapshot_of_another_journal_is_ignored() {
    let (root, path, offsets) = journal_of(40);
    let journal = Journal::open(root.path()).unwrap();
    journal.write_snapshot(3, b"state", offsets[39]).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..offsets[20] as usize]).unwrap();
    assert_eq!(snapshot::read(root.path(), 3), None, "a shorter journal");
    fs::write(&path, [&whole[offsets[1] as usize..], &whole[..]].concat()).unwrap();
    assert_eq!(snapshot::read(root.path(), 3), None, "another begin");
    fs::remove_file(&path).unwrap();
    assert_eq!(snapshot::read(root.path(), 3), None, "no journal");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cutting_the_end_loses_only_what_was_cut(count in 1u64..8, cut in any::<prop::sample::Index>()) {
        let (root, path, offsets) = journal_of(count);
        let cut = cut.index(offsets[count as usize] as usize + 1);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..cut]).unwrap();
        let left = offsets[1..].iter().filter(|end| **end <= cut as u64).count() as u64;
        prop_assert_eq!(read(root.path()).unwrap().records, records(left));
        prop_assert_eq!(Journal::open(root.path()).unwrap().end(), offsets[left as usize]);
        let mended = fs::read(&path).unwrap();
        Journal::open(root.path()).unwrap();
        prop_assert_eq!(fs::read(&path).unwrap(), mended);
        prop_assert_eq!(read(root.path()).unwrap().records, records(left));
    }

    #[test]
    fn a_flipped_byte_loses_at_most_its_own_record(
        count in 1u64..8,
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        let (root, path, offsets) = journal_of(count);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&path, bytes).unwrap();
        let hit = offsets.iter().rposition(|offset| *offset <= at as u64).unwrap();
        let mut without = records(count);
        without.remove(hit);
        let found = read(root.path()).unwrap().records;
        prop_assert!(found == without || found == records(count));
        Journal::open(root.path()).unwrap();
        let mended = fs::read(&path).unwrap();
        Journal::open(root.path()).unwrap();
        prop_assert_eq!(fs::read(&path).unwrap(), mended);
        prop_assert_eq!(read(root.path()).unwrap().records, found);
    }

    #[test]
    fn a_damaged_snapshot_is_ignored(at in any::<prop::sample::Index>(), flip in 1u8.., cut in any::<bool>()) {
        let (root, _, offsets) = journal_of(5);
        let journal = Journal::open(root.path()).unwrap();
        journal.write_snapshot(3, b"the state", offsets[5]).unwrap();
        let path = root.path().join(".orch").join("state-v1");
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        fs::write(&path, bytes).unwrap();
        prop_assert_eq!(snapshot::read(root.path(), 3), None);
        prop_assert_eq!(Journal::open(root.path()).unwrap().end(), offsets[5]);
    }
}

#[test]
fn what_another_writer_adds_is_cut_off_and_told() {
    let folder = TempDir::new().unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    journal.append_all(&records(2)).unwrap();
    assert!(!journal.was_touched().unwrap());
    let path = folder.path().join(".orch").join(FILE);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..]].concat()).unwrap();
    journal.append(&record(2)).unwrap();
    assert_eq!(read(folder.path()).unwrap().records, records(3));
    assert!(journal.was_touched().unwrap());
    assert!(!journal.was_touched().unwrap());
    let cut = fs::read(folder.path().join(".orch").join(CUT_FILE)).unwrap();
    assert_eq!(cut, [&whole[..], b"\n"].concat());
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert!(journal.was_touched().unwrap(), "shorter");
    journal.append(&record(7)).unwrap();
    assert_eq!(read(folder.path()).unwrap().records, [record(0), record(7)]);
}
