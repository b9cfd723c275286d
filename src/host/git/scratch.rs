//! Scratch repositories for tests, made with the git binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Repository;
use crate::base::digest::{Digest, Recorded};
use crate::base::file::{FileChange, FileState, Patch};
use crate::base::measure::{Millis, Moment, Usd};
use crate::base::name::{
    ActionKey, AttemptId, CommitId, OutputDigest, PoolName, RelPath, TaskRef, TreeId,
};
use crate::engine::effect::{Base, LandingRequest, Launch, LaunchAction, Purpose, StatusEdit};
use crate::engine::record::AcceptedResult;
use crate::host::worktree::{BaseTree, Pool};
use crate::spec::config::WorktreeConfig;
use crate::spec::glob::GlobSet;
use crate::spec::plan::{CommandLine, Status};
use crate::spec::rule::Limits;
use crate::spec::sandbox::Sandboxing;

/// A repository on branch `main` with one commit, gone with the value.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Files as path and content, committed.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let scratch = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(scratch.root()).unwrap();
        scratch.git(&["init", "-q", "-b", "main"]);
        for (name, value) in
            [("user.name", "Ada"), ("user.email", "ada@example.org"), ("gc.auto", "0")]
        {
            scratch.git(&["config", name, value]);
        }
        scratch.commit("start", files);
        scratch
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    pub fn repo(&self) -> Repository {
        Repository::discover(&self.root()).unwrap()
    }

    pub fn pool(&self) -> Pool {
        Pool::open(&self.repo(), &WorktreeConfig::default()).unwrap()
    }

    pub fn git(&self, args: &[&str]) -> String {
        git_in(&self.root(), args)
    }

    pub fn write(&self, path: &str, content: &str) {
        write_in(&self.root(), path, content);
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub fn commit(&self, message: &str, files: &[(&str, &str)]) {
        files.iter().for_each(|(path, content)| self.write(path, content));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub fn head(&self) -> CommitId {
        CommitId::new(self.git(&["rev-parse", "refs/heads/main"]))
    }

    pub fn tip(&self) -> CommitId {
        self.repo().tip("main").unwrap().commit
    }

    pub fn base(&self) -> BaseTree {
        self.repo().base_tree(&Base::Tip, &self.tip(), &[]).unwrap().unwrap()
    }

    /// The tree that writing these files onto a tree gives; `None` removes.
    pub fn edited(&self, tree: &TreeId, files: &[(&str, Option<&str>)]) -> TreeId {
        let git = self.repo().local();
        let edits = files.iter().map(|(path, content)| {
            let entry = content.map(|content| super::object::TreeEntry {
                id: git.write_blob(content).unwrap().detach(),
                kind: gix::objs::tree::EntryKind::Blob,
            });
            (path.as_bytes().to_vec(), entry)
        });
        let tree = super::object_id(tree.as_str()).unwrap();
        super::object::tree_id(super::object::edit_tree(&git, tree, edits.collect()).unwrap())
    }

    /// Everything of the user that orch must not touch: files, index, stash, config.
    pub fn picture(&self) -> String {
        let mut all = self.git(&["status", "--porcelain=v2", "-uall"]);
        all += &self.git(&["ls-files", "-s"]);
        all += &self.git(&["stash", "list"]);
        all += &self.git(&["diff"]);
        all += &self.git(&["diff", "--cached"]);
        all += &std::fs::read_to_string(self.root().join(".git/config")).unwrap();
        all + &files_below(&self.root(), Path::new(""))
    }
}

fn files_below(root: &Path, folder: &Path) -> String {
    let mut names: Vec<_> =
        std::fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap()).collect();
    names.sort_by_key(|entry| entry.file_name());
    let mut text = String::new();
    for entry in names {
        let path = folder.join(entry.file_name());
        match entry.file_name().to_str() {
            Some(".git" | ".orch") => {}
            _ if entry.file_type().unwrap().is_dir() => text += &files_below(root, &path),
            _ => {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                text += &format!("{} {:?}\n", path.display(), Digest::of(&bytes));
            }
        }
    }
    text
}

pub(crate) fn git_in(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_EDITOR", "true")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

pub(crate) fn write_in(root: &Path, path: &str, content: &str) {
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

/// A landing of one task with nothing special about it.
pub(crate) fn request(task: &str, expected: OutputDigest) -> LandingRequest {
    let task = TaskRef::new("demo", task);
    LandingRequest {
        proposals: None,
        plan_change: None,
        attempt: AttemptId(1),
        task: task.clone(),
        subject: format!("Task {}", task.task),
        key: ActionKey(Digest::of(task.to_string().as_bytes())),
        recipe: crate::base::name::RecipeDigest(crate::base::digest::Digest::of(b"recipe")),
        expected,
        output: expected,
        report: None,
        verdicts: Vec::new(),
        session: None,
        model: None,
        cost: Usd::from_dollars(0.25),
        status: StatusEdit {
            plan_path: RelPath::new("plans/demo.yaml").unwrap(),
            task,
            status: Status::Completed,
            attempts: None,
            result_message: None,
            last_error: None,
            model_used: None,
            completed_at: None,
            validation_findings: None,
            item: None,
        },
    }
}

/// A command's first attempt at a task, from the tip, with nothing special about it.
pub(crate) fn launch(task: &str, line: &str) -> Launch {
    let task = TaskRef::new("demo", task);
    Launch {
        attempt: AttemptId(1),
        key: ActionKey(Digest::of(task.to_string().as_bytes())),
        task,
        number: 1,
        purpose: Purpose::Work,
        action: LaunchAction::Command(CommandLine::Shell(line.to_owned())),
        base: Base::Tip,
        overlay: Vec::new(),
        declared: Vec::new(),
        env: Vec::new(),
        limits: Limits::default(),
        pool: PoolName::new("commands"),
        sandbox: Sandboxing::Off,
        required_outputs: GlobSet::default(),
        plan: None,
        bench: None,
        needs: Vec::new(),
        is_report: false,
    }
}

/// An accepted result that makes one file where there was none.
pub(crate) fn result(task: &str, file: &str, content: &str) -> AcceptedResult {
    let Launch { task, key, .. } = launch(task, "");
    let after = Some(FileState::regular(content.as_bytes()));
    let patch = Patch::new(vec![FileChange { path: path(file), before: None, after }]);
    AcceptedResult {
        key,
        recipe: None,
        task,
        output: patch.output_digest(),
        report: None,
        patch,
        read_set: Vec::new(),
        verdicts: Vec::new(),
        manifest: Recorded::default(),
        at: Moment(1),
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

pub(crate) fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}
