//! A scratch git repository and the built program in it, in an environment made from nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use orch::base::digest::Digest;
use serde_json::Value;

pub const ORCH: &str = env!("CARGO_BIN_EXE_orch");

/// Longer than any build of a test takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A repository of its own with a home of its own, gone with the value.
pub struct Space {
    _folder: tempfile::TempDir,
    root: PathBuf,
    home: PathBuf,
    /// Variables that the program gets beside the bare ones; later ones win.
    env: Vec<(String, String)>,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    pub args: Vec<String>,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Space {
    /// A folder that is no repository, with these files.
    pub fn without_git(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Resolved, since programs name their working folder without links.
        let base = folder.path().canonicalize().unwrap();
        let (root, home) = (base.join("repository"), base.join("home"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&home).unwrap();
        let space = Self { _folder: folder, root, home, env: Vec::new() };
        files.iter().for_each(|(path, content)| space.write(path, content));
        space
    }

    /// A repository on branch `main` with these files in its only commit.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let space = Self::without_git(files);
        space.make_repository();
        space.commit("start");
        space
    }

    pub fn make_repository(&self) {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["config", "user.name", "A User"]);
        self.git(&["config", "user.email", "user@example.org"]);
        self.git(&["config", "commit.gpgsign", "false"]);
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The same place, with a folder of its root as root.
    #[must_use]
    pub fn at(mut self, folder: &str) -> Self {
        self.root.push(folder);
        self
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn write(&self, path: &str, content: &str) {
        let place = self.root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        let place = self.root.join(path);
        fs::read_to_string(&place).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Replaces the one occurrence of `old` in a file.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {path}:\n{text}");
        self.write(path, &text.replace(old, new));
    }

    /// Everything there is, committed.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Output of a git command that must succeed, without its last line end.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    pub fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.bare("git").args(args).current_dir(folder).output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "git {args:?}: {}\n{out}{err}", output.status);
        out.strip_suffix('\n').unwrap_or(&out).to_owned()
    }

    /// Runs the program in the repository's root.
    pub fn orch(&self, args: &[&str]) -> Ran {
        self.orch_in(&self.root, args)
    }

    pub fn orch_in(&self, folder: &Path, args: &[&str]) -> Ran {
        let mut command = assert_cmd::Command::from_std(self.bare(ORCH));
        let output = command.args(args).current_dir(folder).timeout(PATIENCE).output().unwrap();
        Ran {
            args: args.iter().map(ToString::to_string).collect(),
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// A command with an environment made from nothing.
    pub fn bare(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.home).env("LANG", "C.UTF-8").env("TZ", "UTC");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_TERMINAL_PROMPT", "0").env("NO_COLOR", "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(std::process::Stdio::null());
        command
    }

    /// `orch build ARGS --format json`, which must exit with `code`; its summary.
    pub fn build(&self, args: &[&str], code: i32) -> Summary {
        let all = [&["build", "--format", "json"], args].concat();
        self.orch(&all).exits(code).summary()
    }

    /// Subjects of the branch's commits, newest first.
    pub fn subjects(&self) -> Vec<String> {
        self.git(&["log", "--format=%s", "main"]).lines().map(str::to_owned).collect()
    }

    /// As `subjects`, without commits that hold nothing but status lines.
    pub fn landed(&self) -> Vec<String> {
        self.subjects().into_iter().filter(|it| it != "Status lines of plans").collect()
    }

    /// Every file below the root with kind, permissions and content.
    pub fn picture(&self) -> BTreeMap<String, String> {
        picture_of(&self.root, &|_| true)
    }
}

/// Every file below `root` that `wanted` takes by its path.
pub fn picture_of(root: &Path, wanted: &dyn Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    look_into(root, root, &mut found);
    found.retain(|path, _| wanted(path));
    found
}

fn look_into(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let meta = fs::symlink_metadata(&path).unwrap();
        let printed = if meta.is_symlink() {
            format!("link to {}", fs::read_link(&path).unwrap().display())
        } else if meta.is_dir() {
            look_into(root, &path, found);
            format!("folder {:o}", meta.permissions().mode())
        } else {
            let digest = Digest::of(&fs::read(&path).unwrap());
            format!("file {:o} {digest}", meta.permissions().mode())
        };
        found.insert(name, printed);
    }
}

impl Ran {
    /// Asserts the exit code; where it is another, everything that was said is shown.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.shown());
        self
    }

    /// Asserts that stderr holds each of these.
    #[track_caller]
    pub fn complains(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in stderr:\n{}", self.shown());
        }
        self
    }

    /// Asserts that stdout holds each of these.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "no `{word}` in stdout:\n{}", self.shown());
        }
        self
    }

    /// The last line of stdout, as a build's summary.
    #[track_caller]
    pub fn summary(self) -> Summary {
        let last = self.stdout.lines().last().unwrap_or_default();
        let value = serde_json::from_str(last);
        let value = value.unwrap_or_else(|why| panic!("no summary: {why}\n{}", self.shown()));
        Summary { value, ran: self }
    }

    pub fn shown(&self) -> String {
        let Self { args, code, stdout, stderr } = self;
        format!("orch {}\nexit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}", args.join(" "))
    }
}

/// The summary of a build, with all it said.
pub struct Summary {
    pub value: Value,
    pub ran: Ran,
}

impl Summary {
    pub fn number(&self, key: &str) -> u64 {
        self.value[key].as_u64().unwrap_or_else(|| panic!("no `{key}` in {}", self.value))
    }

    /// Asserts numbers of the summary: `[("ran", 1), ("sessions", 0)]`.
    #[track_caller]
    pub fn has(self, expected: &[(&str, u64)]) -> Self {
        let found: Vec<(&str, u64)> =
            expected.iter().map(|(key, _)| (*key, self.number(key))).collect();
        assert_eq!(found, expected, "{}", self.ran.shown());
        self
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for something that other processes bring about.
#[track_caller]
pub fn wait_until(mut holds: impl FnMut() -> bool) {
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < give_up, "it never came");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
