//! A scan sees what is there, and sees every change.

use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn scanner(root: &Path) -> Scanner {
    Scanner::open(root, Access::ReadWrite, Arc::new(AsIs))
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// Paths that a scan for `patterns` finds; a missing one ends in `?`.
fn check(root: &TempDir, patterns: &[&str]) -> Vec<String> {
    let set = GlobSet::new(patterns.iter().copied());
    let found = scanner(root.path()).scan(&[set], &[]).unwrap();
    let shown = |(path, state): (RelPath, Option<FileState>)| match state {
        Some(_) => path.to_string(),
        None => format!("{path}?"),
    };
    found.into_iter().map(shown).collect()
}

#[test]
fn patterns_find_files_that_git_does_not_ignore() {
    let root = tree(&[
        (".gitignore", "dist/\n*.log\n"),
        (".github/ci.yml", ""),
        ("src/a.rs", ""),
        ("src/deep/b.rs", ""),
        ("src/x.log", ""),
        ("dist/out.js", ""),
        ("docs/a.md", ""),
        ("docs/old/b.md", ""),
        ("docs-of-others/c.md", ""),
        (".git/config", ""),
        (".orch/x.rs", ""),
    ]);
    assert_eq!(check(&root, &["src/**/*.rs"]), ["src/a.rs", "src/deep/b.rs"]);
    assert_eq!(check(&root, &["src"]), ["src/a.rs", "src/deep/b.rs"]);
    assert_eq!(check(&root, &["**/*.js", "**/*.log"]), [""; 0]);
    assert_eq!(check(&root, &["docs", "!docs/old/**"]), ["docs/a.md"]);
    assert_eq!(check(&root, &["dist", "src/x.log"]), ["dist/out.js", "src/x.log"]);
    assert_eq!(check(&root, &["src/a.rs", "src/z.rs"]), ["src/a.rs", "src/z.rs?"]);
    let all = check(&root, &["."]);
    assert_eq!(all.len(), 7, "{all:?}");
    assert!(all.contains(&".github/ci.yml".to_owned()));
}

#[test]
fn asked_paths_are_answered_even_where_nothing_is() {
    let root = tree(&[("src/a.rs", "x")]);
    let found = scanner(root.path()).scan(&[], &[path("gone"), path("src"), path("src/a.rs")]);
    let state = Some(FileState::regular(b"x"));
    assert_eq!(
        found.unwrap(),
        [(path("gone"), None), (path("src"), None), (path("src/a.rs"), state)]
    );
}

#[test]
fn many_paths_are_answered_in_order() {
    let files: Vec<String> = (0..1500).map(|n| format!("f/{n:04}")).collect();
    let root = tree(&files.iter().map(|name| (name.as_str(), name.as_str())).collect::<Vec<_>>());
    let paths: Vec<RelPath> = files.iter().map(|name| path(name)).collect();
    let named = scanner(root.path()).scan(&[], &paths).unwrap();
    assert_eq!(named, scanner(root.path()).scan(&[GlobSet::new(["f/*"])], &[]).unwrap());
    assert_eq!(named.len(), 1500);
    assert_eq!(named[7].1, Some(FileState::regular(b"f/0007")));
}

#[test]
fn kinds_are_those_of_git() {
    let root =
        tree(&[("run.sh", "#!"), ("lib/.git", "gitdir: ../.git/modules/lib\n"), ("lib/x", "")]);
    fs::set_permissions(root.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run.sh", root.path().join("link")).unwrap();
    let commit = "0123456789012345678901234567890123456789";
    let git = root.path().join(".git/modules/lib");
    fs::create_dir_all(&git).unwrap();
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("packed-refs"), format!("# pack\n{commit} refs/heads/main\n")).unwrap();
    let found = scanner(root.path()).scan(&[GlobSet::new(["**"])], &[]).unwrap();
    let state =
        |kind, content: &str| Some(FileState { digest: Digest::of(content.as_bytes()), kind });
    assert_eq!(
        found,
        [
            (path("lib"), state(FileKind::Submodule, commit)),
            (path("link"), state(FileKind::Symlink, "run.sh")),
            (path("run.sh"), state(FileKind::Executable, "#!")),
        ]
    );
}

#[test]
fn an_unusable_pattern_is_no_empty_answer() {
    let root = tree(&[]);
    assert!(scanner(root.path()).scan(&[GlobSet::new(["src/[a"])], &[]).is_err());
}

/// A normal form that counts how often it is asked.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl NormalForm for Counting {
    fn version(&self) -> Digest {
        Digest::of(b"counting")
    }

    fn normalize(&self, _: &RelPath, content: Vec<u8>) -> Vec<u8> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        content.into_iter().filter(|byte| *byte != b'\r').collect()
    }

    fn is_as_is(&self, _: &RelPath) -> bool {
        false
    }
}

/// Waits until the files below `root` are old enough to be remembered.
fn let_settle(root: &Path, names: &[&str]) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let is_settled = |name: &&str| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let meta = fs::symlink_metadata(root.join(name)).unwrap();
        Stat::of(&meta).is_settled(now.as_nanos() as i64)
    };
    while !names.iter().all(is_settled) {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn settled_content_is_hashed_once_in_its_normal_form() {
    let root = tree(&[("a", "x\r\n"), ("b", "y")]);
    let_settle(root.path(), &["a", "b"]);
    let form = Arc::new(Counting::default());
    let set = [GlobSet::new(["*"])];
    let asked = || form.0.load(std::sync::atomic::Ordering::Relaxed);
    let open = || Scanner::open(root.path(), Access::ReadWrite, form.clone());
    let first = open();
    let found = first.scan(&set, &[]).unwrap();
    assert_eq!(found[0].1, Some(FileState::regular(b"x\n")));
    assert_eq!((first.scan(&set, &[]).unwrap(), asked()), (found.clone(), 2));
    first.save().unwrap();
    assert_eq!((open().scan(&set, &[]).unwrap(), asked()), (found.clone(), 2));
    let other = scanner(root.path()).scan(&set, &[]).unwrap();
    assert_eq!(other[0].1, Some(FileState::regular(b"x\r\n")), "another normal form");
    let kept = root.path().join(".orch/stat-v1");
    let mut bytes = fs::read(&kept).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&kept, bytes).unwrap();
    assert_eq!((open().scan(&set, &[]).unwrap(), asked()), (found, 4), "damage is forgotten");
}

#[test]
fn looking_writes_nothing() {
    let root = tree(&[("a", "x")]);
    let_settle(root.path(), &["a"]);
    let scanner = Scanner::open(root.path(), Access::ReadOnly, Arc::new(AsIs));
    scanner.scan(&[GlobSet::new(["*"])], &[]).unwrap();
    scanner.save().unwrap();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Same size, same time stamps as far as the clock's tick allows: every edit is seen.
    #[test]
    fn no_edit_is_missed(edits in proptest::collection::vec((0u8..3, any::<bool>(), any::<bool>()), 1..12)) {
        let root = tree(&[("a", "0000")]);
        let file = root.path().join("a");
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        let mut eye = scanner(root.path());
        for (n, keeps_time, reopens) in edits {
            let content = [b'0' + n; 4];
            fs::write(&file, content).unwrap();
            if keeps_time {
                File::open(&file).unwrap().set_modified(before).unwrap();
            }
            prop_assert_eq!(eye.digest_of(&path("a")).unwrap(), Some(FileState::regular(&content)));
            if reopens {
                eye.save().unwrap();
                eye = scanner(root.path());
            }
        }
    }
}
