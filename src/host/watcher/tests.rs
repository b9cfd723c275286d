//! Every change is told, however it is made. Tests wait for what they expect, up to a deadline.

use std::fs;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);

struct Watch {
    root: TempDir,
    _watcher: Watcher,
    inbox: channel::Receiver<Changed>,
}

/// A watched repository with these files.
fn watch(files: &[(&str, &str)]) -> Watch {
    watch_with(files, &[], 100)
}

fn watch_with(files: &[(&str, &str)], always: &[&str], room: usize) -> Watch {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        write(&root, path, content);
    }
    let (out, inbox) = channel::channel(room);
    let always = always.iter().filter_map(RelPath::new).collect();
    let watched = Watched { root: root.path().to_owned(), always };
    Watch { _watcher: Watcher::start(watched, out).unwrap(), root, inbox }
}

fn write(root: &TempDir, path: &str, content: &str) {
    let place = root.path().join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, content).unwrap();
}

impl Watch {
    /// Waits until all of `paths` were told; answers with all that was.
    async fn until(&mut self, paths: &[&str]) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let all = |seen: &BTreeSet<String>| paths.iter().all(|path| seen.contains(*path));
        while !all(&seen) {
            let changed = self.next().await;
            assert!(!changed.everything, "nothing was lost");
            seen.extend(changed.paths.into_iter().map(String::from));
        }
        seen
    }

    async fn next(&mut self) -> Changed {
        timeout(DEADLINE, self.inbox.recv()).await.expect("told in time").expect("still watching")
    }
}

#[tokio::test]
async fn an_edit_is_told_and_reading_is_not() {
    let mut watch = watch(&[("src/a", "1"), ("src/b", "1")]);
    fs::read(watch.root.path().join("src/b")).unwrap();
    write(&watch.root, "src/a", "2");
    assert_eq!(watch.until(&["src/a"]).await, BTreeSet::from(["src/a".to_owned()]));
}

#[tokio::test]
async fn an_atomic_save_is_told() {
    let mut watch = watch(&[("src/a", "1")]);
    write(&watch.root, "src/.a.swp", "2");
    let from = watch.root.path().join("src/.a.swp");
    fs::rename(from, watch.root.path().join("src/a")).unwrap();
    watch.until(&["src/a"]).await;
}

#[tokio::test]
async fn files_written_right_into_new_folders_are_told() {
    let mut watch = watch(&[]);
    for n in 0..40 {
        write(&watch.root, &format!("n{n}/a/b/c/file"), "1");
    }
    let names: Vec<String> = (0..40).map(|n| format!("n{n}/a/b/c/file")).collect();
    watch.until(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    write(&watch.root, "n7/a/b/c/file", "2");
    watch.until(&["n7/a/b/c/file"]).await;
}

#[tokio::test]
async fn a_storm_of_renames_leaves_nothing_untold() {
    let mut watch = watch(&[("d0/deep/f", "1")]);
    for n in 0..60 {
        let place = |n: usize| watch.root.path().join(format!("d{n}"));
        fs::rename(place(n), place(n + 1)).unwrap();
    }
    watch.until(&["d0", "d60"]).await;
    write(&watch.root, "d60/deep/f", "2");
    watch.until(&["d60/deep/f"]).await;
    fs::remove_dir_all(watch.root.path().join("d60")).unwrap();
    watch.until(&["d60"]).await;
    write(&watch.root, "d60/deep/f", "3");
    watch.until(&["d60/deep/f"]).await;
}

#[tokio::test]
async fn what_git_ignores_is_not_told_unless_it_is_asked_for() {
    let files = [(".gitignore", "*.log\nout/\n.claude/\n"), ("out/x", ""), (".git/HEAD", "")];
    let mut watch = watch_with(&files, &["out/keep"], 100);
    for path in ["a.log", "out/x", ".git/index", ".orch/journal-v1", "z"] {
        write(&watch.root, path, "1");
    }
    let seen = watch.until(&["z"]).await;
    assert_eq!(seen, BTreeSet::from(["z".to_owned()]));
    write(&watch.root, STOP_FILE, "");
    write(&watch.root, "out/keep/me", "");
    let seen = watch.until(&[STOP_FILE, "out/keep/me"]).await;
    assert!(!seen.contains("out/x"));
}

#[tokio::test]
async fn new_ignore_rules_hold_at_once() {
    let mut watch = watch(&[(".gitignore", "out/\n"), ("out/x", "1")]);
    write(&watch.root, ".gitignore", "*.log\n");
    while !watch.next().await.everything {}
    write(&watch.root, "out/x", "2");
    write(&watch.root, "a.log", "2");
    let mut seen = BTreeSet::new();
    while !seen.contains("out/x") {
        seen.extend(watch.next().await.paths.into_iter().map(String::from));
    }
    assert!(!seen.contains("a.log"));
}

#[tokio::test]
async fn a_moved_branch_is_told_as_such() {
    let mut watch = watch(&[(".git/HEAD", "ref: refs/heads/main"), (".git/refs/heads/main", "1")]);
    for path in
        [".git/refs/heads/topic/one", ".git/HEAD", ".git/packed-refs", ".git/refs/heads/main"]
    {
        write(&watch.root, path, "2");
        let changed = watch.next().await;
        assert_eq!(changed, Changed { refs: true, ..Changed::default() }, "{path}");
    }
}

#[tokio::test]
async fn a_slow_listener_misses_nothing() {
    let mut watch = watch_with(&[("z", "")], &[], 1);
    let names: Vec<String> = (0..300).map(|n| format!("f{n}")).collect();
    for name in &names {
        write(&watch.root, name, "1");
        tokio::task::yield_now().await;
    }
    watch.until(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn lost_events_and_failures_ask_for_a_look_at_everything() {
    let root = tempfile::tempdir().unwrap();
    let lost = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
    let failures = [Ok(lost), Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch))];
    for (failure, polls) in failures.into_iter().zip([false, true]) {
        let (out, _inbox) = channel::channel(1);
        let watched = Watched { root: root.path().to_owned(), always: vec![] };
        let mut worker = Worker::new(watched, out, notify::recommended_watcher(|_| {}));
        worker.take(failure);
        assert!(worker.batch.everything && worker.batch.due.is_some());
        assert_eq!(worker.tree.is_polling(), polls);
    }
}

#[tokio::test]
async fn without_a_watcher_everything_is_looked_at_again_and_again() {
    let root = tempfile::tempdir().unwrap();
    let (out, mut inbox) = channel::channel(1);
    let watched = Watched { root: root.path().to_owned(), always: vec![] };
    let none = Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch));
    let worker = Worker::new(watched, out, none);
    let (stop, messages) = mpsc::channel();
    let thread = std::thread::spawn(move || worker.run(&messages));
    for _ in 0..2 {
        assert!(timeout(DEADLINE, inbox.recv()).await.unwrap().unwrap().everything);
    }
    stop.send(Message::Stop).unwrap();
    thread.join().unwrap();
}
