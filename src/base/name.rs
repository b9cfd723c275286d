//! Names and ids: parsed once, valid ever after, one type for each.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_name!(/// A task's id as the plan's author wrote it (`1.10` stays `1.10`); unique in its plan.
    TaskId);
text_name!(/// A plan's name: its file name without `.yaml` or `.yml`.
    PlanName);
text_name!(/// A section's id.
    SectionId);
text_name!(/// An agent's name: the stem of its file.
    AgentName);
text_name!(/// A rule's name: the stem of its file.
    RuleName);
text_name!(/// A validator's name, unique in its task.
    ValidatorName);
text_name!(/// A model as the CLI takes or reports it: `sonnet`, `claude-opus-5-5`.
    ModelName);
text_name!(/// A CLI session's id (a UUID).
    SessionId);
text_name!(/// A pool that bounds how many actions run at once.
    PoolName);
text_name!(/// The name of an environment variable.
    EnvName);
text_name!(/// A git commit's id in hexadecimal.
    CommitId);
text_name!(/// A git tree's id in hexadecimal.
    TreeId);

/// A task anywhere in the repository, shown as `plan//task`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    pub plan: PlanName,
    pub task: TaskId,
}

impl TaskRef {
    pub fn new(plan: impl AsRef<str>, task: impl AsRef<str>) -> Self {
        Self { plan: PlanName::new(plan), task: TaskId::new(task) }
    }

    /// Reads `plan//task`. The first `//` separates, so a task id may hold more of them.
    pub fn parse(text: &str) -> Option<Self> {
        let (plan, task) = text.split_once("//")?;
        (!plan.is_empty() && !task.is_empty()).then(|| Self::new(plan, task))
    }
}

impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}//{}", self.plan, self.task))
    }
}

/// The hash of everything that decides an action's result, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionKey(pub Digest);

/// The hash of how an action's result is made where that does not decide what is asked for: wording,
/// agent, tools, model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecipeDigest(pub Digest);

/// The digest of the files a task owns after it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutputDigest(pub Digest);

/// The hash of everything that decides a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerdictKey(pub Digest);

/// Whose usage limits those of a session are: a digest of how its CLI signs in, and where. Never
/// the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub Digest);

macro_rules! shown_as_digest {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
shown_as_digest!(ActionKey, RecipeDigest, OutputDigest, VerdictKey);

/// One run of an action in this process; numbers are never reused within a run of orch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub u64);

/// A path below the repository root: `/` between parts, no `.`, `..`, empty part or leading `/`.
/// Bytes that are not UTF-8 are written `\xNN`, a backslash itself as `\x5c`, so no path is lost.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(Arc<str>);

impl RelPath {
    /// Takes text that is already in normal form; `None` where it is not.
    pub fn new(text: impl AsRef<str>) -> Option<Self> {
        let text = text.as_ref();
        let is_normal = !text.is_empty()
            && !text.contains('\0')
            && text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        is_normal.then(|| Self(Arc::from(text)))
    }

    /// Takes a path as a person writes it: `./a//b/../c/` is `a/c`. `None` where it is absolute,
    /// empty, or leaves the root.
    pub fn normalize(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return None;
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                _ => parts.push(part),
            }
        }
        Self::new(parts.join("/"))
    }

    /// Takes a path as git stores it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(&chunk.valid().replace('\\', "\\x5c"));
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self::new(text)
    }

    /// The path as git and the file system know it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_ref();
        while let Some(at) = rest.find("\\x") {
            let byte = rest.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            let Some(byte) = byte else { break };
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            bytes.push(byte);
            rest = &rest[at + 4..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// All but the last part; `None` at the root.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// True for the folder itself and everything below it.
    pub fn is_within(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// `self` with `part` below it.
    pub fn join(&self, part: &str) -> Option<Self> {
        Self::normalize(&format!("{}/{part}", self.0))
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::borrow::Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RelPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| format!("`{text}` is no path below the repository root"))
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> String {
        path.0.to_string()
    }
}

/// A name as one part of a path or of a ref: where it cannot stand there, what can of it, told apart by
/// a digest.
pub fn plain_part(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_whole = !name.is_empty()
        && name.chars().all(is_safe)
        && !name.contains("..")
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.'])
        && !name.ends_with(".lock");
    if is_whole {
        return name.to_owned();
    }
    let safe = name.chars().map(|c| if is_safe(c) && c != '.' { c } else { '-' });
    format!("x{}-{}", safe.collect::<String>(), Digest::of(name.as_bytes()).short())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_normalized_or_refused() {
        let check = |text: &str| RelPath::normalize(text).map(String::from);
        assert_eq!(check("./a//b/../c/").as_deref(), Some("a/c"));
        for refused in ["/etc", "", ".", "a/../..", "../x"] {
            assert_eq!(check(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_task_is_named_by_plan_and_id() {
        let task = TaskRef::new("demo", "1.10");
        assert_eq!(TaskRef::parse(&task.to_string()), Some(task));
        assert_eq!(TaskRef::parse("//1"), None);
    }

    proptest! {
        #[test]
        fn any_git_path_survives(bytes in proptest::collection::vec(1u8.., 1..40)) {
            if let Some(path) = RelPath::from_bytes(&bytes) {
                prop_assert_eq!(path.to_bytes(), bytes);
            }
        }
    }
}
