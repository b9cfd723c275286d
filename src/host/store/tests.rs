//! The store keeps what it was given and never answers wrongly.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::upkeep::GcPolicy;
use super::*;
use crate::base::file::{FileChange, FileState, Patch};
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{ActionKey, OutputDigest, RelPath, TaskRef};
use crate::engine::record::AcceptedResult;

fn root() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn result_of(key: &str, at: u64, content: &[u8]) -> AcceptedResult {
    let patch = Patch::new(vec![FileChange {
        path: RelPath::new("src/a.rs").unwrap(),
        before: None,
        after: Some(FileState::regular(content)),
    }]);
    AcceptedResult {
        key: ActionKey(Digest::of(key.as_bytes())),
        recipe: None,
        task: TaskRef::new("plan", key),
        output: OutputDigest(patch.output_digest().0),
        report: None,
        patch,
        read_set: Vec::new(),
        verdicts: Vec::new(),
        manifest: Recorded::default(),
        at: Moment(at),
        duration: Millis(1),
        cost: Usd::ZERO,
        model: None,
        session: None,
        transcript: None,
        message: None,
        plan_change: None,
        is_refused: false,
    }
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn a_store_that_is_only_looked_at_leaves_no_trace() {
    let root = root();
    for store in [Store::open(root.path()), Store::open_read_only(root.path())] {
        assert_eq!(store.get(&Digest::of(b"x")).unwrap(), None);
        assert!(store.results_of(&ActionKey(Digest::of(b"x"))).unwrap().is_empty());
        assert_eq!(store.stats().unwrap(), upkeep::Stats::default());
        store.verify().unwrap();
    }
    assert!(Store::open_read_only(root.path()).put(b"x").is_err());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn the_folder_ignores_itself() {
    let root = root();
    Store::open(root.path()).put(b"x").unwrap();
    let ignore = root.path().join(".orch/.gitignore");
    assert_eq!(fs::read_to_string(&ignore).unwrap(), "*\n");
    // As a full disk leaves it.
    fs::write(&ignore, "").unwrap();
    Store::open(root.path()).put(b"y").unwrap();
    assert_eq!(fs::read_to_string(&ignore).unwrap(), "*\n");
}

#[test]
fn what_packs_well_is_packed() {
    let root = root();
    let store = Store::open(root.path());
    let text = b"all work and no play\n".repeat(1000);
    let digest = store.put(&text).unwrap();
    assert!(fs::metadata(store.blob_path(&digest)).unwrap().len() < 1000);
    assert_eq!(store.get(&digest).unwrap(), Some(text));
}

#[test]
fn a_damaged_blob_is_a_miss_until_it_is_stored_again() {
    let root = root();
    let store = Store::open(root.path());
    let digest = store.put(b"content").unwrap();
    fs::write(store.blob_path(&digest), b"\0contents").unwrap();
    let reader = Store::open_read_only(root.path());
    assert_eq!(reader.get(&digest).unwrap(), None);
    assert!(reader.contains(&digest), "a reader removes nothing");
    assert_eq!(store.put(b"content").unwrap(), digest);
    assert_eq!(store.get(&digest).unwrap().as_deref(), Some(&b"content"[..]));
}

#[test]
fn candidates_come_newest_first() {
    let root = root();
    let store = Store::open(root.path());
    let results = [result_of("k", 2, b"b"), result_of("k", 3, b"c"), result_of("k", 1, b"a")];
    for result in results.iter().chain(&results) {
        store.remember(result).unwrap();
    }
    let found = store.results_of(&results[0].key).unwrap();
    assert_eq!(found, [results[1].clone(), results[0].clone(), results[2].clone()]);
    for at in 10..40 {
        store.remember(&result_of("k", at, b"z")).unwrap();
    }
    let found = store.results_of(&results[0].key).unwrap();
    assert_eq!((found.len(), found[0].at), (16, Moment(39)));
}

#[test]
fn a_manifest_reads_back() {
    use crate::base::digest::Manifest;
    let root = root();
    let store = Store::open(root.path());
    let mut manifest = Recorded::default();
    manifest.section("inputs");
    manifest.entry("src/a.rs", b"1");
    let digest = store.put_manifest(&manifest).unwrap();
    assert_eq!(store.manifest(&digest).unwrap(), Some(manifest));
    assert_eq!(store.manifest(&store.put(b"no json").unwrap()).unwrap(), None);
}

#[test]
fn verify_tells_what_is_damaged_and_what_is_lost() {
    let root = root();
    let store = Store::open(root.path());
    let result = result_of("k", 1, b"gone");
    store.remember(&result).unwrap();
    let digest = store.put(b"damaged").unwrap();
    fs::write(store.blob_path(&digest), b"").unwrap();
    store.put(b"whole").unwrap();
    let report = store.verify().unwrap();
    assert_eq!((report.blobs, report.results), (1, 1));
    assert_eq!(report.damaged, [store.blob_path(&digest)]);
    assert_eq!(report.lost, [(result.key, Digest::of(b"gone"))]);
}

/// Two results that share a blob, one blob of nobody, one that the journal names.
fn store_to_sweep(root: &Path) -> (Store, BTreeSet<Digest>) {
    let store = Store::open(root);
    let journaled = store.put(b"transcript").unwrap();
    store.put(b"nobody's").unwrap();
    for (key, content) in [("old", "shared"), ("new", "shared"), ("old", "own")] {
        store.put(content.as_bytes()).unwrap();
        store.remember(&result_of(key, content.len() as u64, content.as_bytes())).unwrap();
    }
    (store, BTreeSet::from([journaled]))
}

fn contents(store: &Store) -> Vec<&'static str> {
    let all = ["transcript", "nobody's", "shared", "own"];
    all.into_iter().filter(|text| store.contains(&Digest::of(text.as_bytes()))).collect()
}

#[test]
fn gc_keeps_what_results_or_the_journal_need() {
    let root = root();
    let (store, protected) = store_to_sweep(root.path());
    let preview = Store::open_read_only(root.path()).gc(&GcPolicy::default(), &protected).unwrap();
    assert_eq!(contents(&store).len(), 4);
    let report = store.gc(&GcPolicy::default(), &protected).unwrap();
    assert_eq!(report, preview);
    assert_eq!((report.blobs, report.results), (1, 0));
    assert_eq!(contents(&store), ["transcript", "shared", "own"]);
}

#[test]
fn gc_drops_what_was_not_used_for_long() {
    let root = root();
    let (store, mut protected) = store_to_sweep(root.path());
    protected.insert(Digest::of(b"new"));
    let policy =
        GcPolicy { now: Moment(u64::MAX), max_age: Some(Millis::seconds(60)), max_bytes: None };
    let report = store.gc(&policy, &protected).unwrap();
    assert_eq!((report.blobs, report.results), (2, 2));
    assert_eq!(contents(&store), ["transcript", "shared"]);
    assert_eq!(store.verify().unwrap().lost, []);
    assert_eq!(fs::read_dir(store.folder.join("tmp")).unwrap().count(), 0);
}

#[test]
fn gc_shrinks_the_store_to_its_bound() {
    let root = root();
    let (store, protected) = store_to_sweep(root.path());
    let policy = GcPolicy { max_bytes: Some(100), ..GcPolicy::default() };
    let report = store.gc(&policy, &protected).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!(report.results, 3);
    assert_eq!(report.bytes_left, stats.blob_bytes + stats.result_bytes);
    assert_eq!(contents(&store), ["transcript"]);
}

#[test]
fn writers_at_once_leave_whole_objects() {
    let root = root();
    let contents: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; 3000 * usize::from(n)]).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = Store::open(root.path());
                for content in &contents {
                    let digest = store.put(content).unwrap();
                    assert_eq!(store.get(&digest).unwrap().as_ref(), Some(content));
                }
            });
        }
    });
    let store = Store::open_read_only(root.path());
    assert_eq!(store.verify().unwrap().blobs, 20);
    assert_eq!(files_below(&root.path().join(".orch/tmp")), Vec::<PathBuf>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn content_comes_back_and_damage_is_a_miss(
        content in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(0u8..3, 4000..9000),
        ],
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        cut in any::<bool>(),
    ) {
        let root = root();
        let store = Store::open(root.path());
        let digest = store.put(&content).unwrap();
        let before = store.get(&digest).unwrap();
        prop_assert_eq!(before.as_ref(), Some(&content));
        let path = store.blob_path(&digest);
        let mut file = fs::read(&path).unwrap();
        let at = at.index(file.len());
        if cut { file.truncate(at) } else { file[at] ^= flip }
        fs::write(&path, file).unwrap();
        // A flip that an unpacker ignores is no damage; another content would be.
        let found = store.get(&digest).unwrap();
        prop_assert!(found.is_none() || found.as_ref() == Some(&content));
        store.put(&content).unwrap();
        let healed = store.get(&digest).unwrap();
        prop_assert_eq!(healed.as_ref(), Some(&content));
    }

    #[test]
    fn a_damaged_cache_entry_is_a_miss(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let root = root();
        let store = Store::open(root.path());
        let results = [result_of("k", 1, b"a"), result_of("k", 2, b"b")];
        results.iter().for_each(|result| store.remember(result).unwrap());
        let damaged = files_below(&root.path().join(".orch/actions-v1")).remove(0);
        let mut file = fs::read(&damaged).unwrap();
        let at = at.index(file.len());
        file[at] ^= flip;
        fs::write(&damaged, file).unwrap();
        let found = store.results_of(&results[0].key).unwrap();
        prop_assert_eq!(found.len(), 1);
        prop_assert!(results.contains(&found[0]));
        prop_assert!(!damaged.exists());
    }
}

#[test]
fn a_large_file_is_the_same_blob_as_its_content() {
    let root = root();
    let store = Store::open(root.path());
    let content = b"line after line\n".repeat(200_000);
    let file = root.path().join("large");
    fs::write(&file, &content).unwrap();
    let digest = store.put_file(&file).unwrap();
    assert_eq!(digest, Digest::of(&content));
    assert_eq!(store.get(&digest).unwrap(), Some(content.clone()));
    assert_eq!(store.put(&content).unwrap(), digest);
    assert_eq!(store.put_file(&file).unwrap(), digest);
}
