//! How much of a repository is here: clones may lack history, or contents.

use std::path::Path;

use super::Repository;
use crate::host::error::{Doing, Error, Result};

/// What a shallow clone means for builds.
pub const SHALLOW: &str = "this clone is shallow: results whose commits were cut off are not known, \
                           and their tasks may be paid for again";
pub const UNSHALLOW: &str = "`git fetch --unshallow` brings the history";

/// What gets the contents that a partial clone left on the server.
pub const REFETCH: &str = "this is a partial clone: `git fetch --refetch --no-filter` brings what it \
                           left on the server";

/// Where the user has git sign commits.
pub const UNSIGNED: &str = "`commit.gpgsign` is set, and commits that orch makes are not signed";
pub const SIGN: &str = "sign them yourself, as by `git rebase --exec 'git commit --amend --no-edit -S'`, or let nothing \
                        that has to be signed be landed";

impl Repository {
    /// True where git is to sign what the user commits. That asks for a key and its passphrase, which a build
    /// has not got.
    pub fn asks_for_signatures(&self) -> bool {
        self.local().config_snapshot().boolean("commit.gpgSign") == Some(true)
    }

    /// True where history ends at a depth that was chosen when it was cloned or fetched.
    pub fn is_shallow(&self) -> bool {
        self.local().is_shallow().unwrap_or_default()
    }
}

/// True where a remote promises objects that are not here.
fn is_partial(git: &gix::Repository) -> bool {
    let config = git.config_snapshot();
    let remotes = config.sections_by_name("remote").into_iter().flatten();
    remotes.filter_map(|it| it.value("promisor")).any(|it| !it.eq_ignore_ascii_case(b"false"))
}

/// Says what was being read and, where a partial clone may lack it, what brings it.
pub(crate) fn reading<T, E>(
    git: &gix::Repository,
    doing: &str,
    place: String,
    found: std::result::Result<T, E>,
) -> Result<T>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let worded = |error: Error| if is_partial(git) { error.help(REFETCH) } else { error };
    found.doing(doing, place).map_err(worded)
}

/// Why there is no repository to work with around `start`.
pub(super) fn not_opened(start: &Path, why: gix::Error) -> Error {
    let folder = start.canonicalize().unwrap_or_else(|_| start.to_owned());
    let is_there = folder.ancestors().any(|place| place.join(".git").exists());
    if !is_there {
        return Error::new("no git repository was found here or above")
            .at(start)
            .of_user()
            .help("start one with `git init && git commit --allow-empty -m start`");
    }
    let failed = Error::because("opening the git repository", why).at(start);
    match failed.on_one_line() {
        worded if worded.contains("Object format") => {
            Error::new("the repository names its objects by SHA-256, which orch cannot read yet")
                .at(start)
                .help("work in one of the usual kind: git init --object-format=sha1")
        }
        worded if worded.contains("not owned by the current user") => {
            let top = folder.ancestors().find(|it| it.join(".git").exists());
            let top = top.unwrap_or(&folder).display().to_string();
            Error::new("the repository is another user's: git does not trust it, and its commands would be run")
                .at(start)
                .of_user()
                .help(format!("if you trust it: git config --global --add safe.directory '{top}'"))
        }
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in};

    fn refused(folder: &Path) -> String {
        Repository::discover(folder).err().map(|it| it.on_one_line()).unwrap_or_default()
    }

    #[test]
    fn the_real_reason_why_there_is_no_repository_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        let worded = refused(folder.path());
        assert!(worded.starts_with("no git repository was found"), "{worded}");
        assert!(!worded.contains("NotFound"), "{worded}");
        git_in(folder.path(), &["init", "-q", "--object-format=sha256"]);
        assert_eq!(
            refused(folder.path()),
            format!(
                "the repository names its objects by SHA-256, which orch cannot read yet ({place}); \
                 work in one of the usual kind: git init --object-format=sha1"
            )
        );
        std::fs::write(folder.path().join(".git/config"), "[core\n").unwrap();
        assert!(refused(folder.path()).starts_with("opening the git repository"));
    }

    #[test]
    fn a_repository_of_another_user_is_refused_as_git_refuses_it() {
        if !rustix::process::geteuid().is_root() {
            return crate::left_out::note("repository of another user (root can make one)");
        }
        let scratch = Scratch::new(&[("a", "1\n")]);
        let nobody = rustix::fs::Uid::from_raw(65534);
        for place in [scratch.root().join(".git"), scratch.root()] {
            rustix::fs::chown(place, Some(nobody), None).unwrap();
        }
        let worded = refused(&scratch.root());
        assert!(worded.starts_with("the repository is another user's"), "{worded}");
        assert!(worded.contains("git config --global --add safe.directory '"), "{worded}");
    }

    #[test]
    fn clones_that_lack_something_are_known() {
        let origin = Scratch::new(&[("a", "1\n")]);
        origin.commit("more", &[("a", "2\n")]);
        origin.git(&["config", "uploadpack.allowFilter", "true"]);
        let url = format!("file://{}", origin.root().display());
        let folder = tempfile::tempdir().unwrap();
        let cloned = |name: &str, how: &[&str]| {
            git_in(folder.path(), &[&["clone", "-q"], how, &[&url, name]].concat());
            let repo = Repository::discover(&folder.path().join(name)).unwrap();
            (repo.is_shallow(), is_partial(&repo.local()))
        };
        assert_eq!(cloned("whole", &[]), (false, false));
        assert_eq!(cloned("shallow", &["--depth=1"]), (true, false));
        assert_eq!(cloned("partial", &["--filter=blob:none"]), (false, true));
        let partial = Repository::discover(&folder.path().join("partial")).unwrap();
        let first = git_in(partial.root(), &["rev-parse", "HEAD~1"]).trim().to_owned();
        let read = |repo: &Repository| {
            let tree = repo.tree_of(&crate::base::name::CommitId::new(&first))?;
            repo.read_path_at(&tree, &crate::base::name::RelPath::new("a").unwrap())
        };
        let worded = read(&partial).unwrap_err().on_one_line();
        assert!(worded.ends_with(REFETCH), "{worded}");
        git_in(partial.root(), &["fetch", "-q", "--refetch", "--no-filter"]);
        let mended = Repository::discover(partial.root()).unwrap();
        assert_eq!(read(&mended).unwrap().as_deref(), Some(&b"1\n"[..]));
    }
}
