//! The machine failed: what was being done, where, why, and what helps.

use std::fmt;
use std::path::{Path, PathBuf};

/// A failure outside documents and work. Shown with its causes; exit 101 unless a command says else.
#[derive(Debug)]
pub struct Error {
    /// What was being done, as in "reading the journal".
    pub doing: String,
    pub path: Option<PathBuf>,
    /// What a person can do about it.
    pub help: Option<String>,
    /// Asked for in a place where it cannot be had: no failure of the machine, exit 2.
    pub is_users: bool,
    /// Another orch is at work here: later it may be had.
    pub is_busy: bool,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure with no deeper cause.
    pub fn new(doing: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            path: None,
            help: None,
            is_users: false,
            is_busy: false,
            source: None,
        }
    }

    pub fn because(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), ..Self::new(doing) }
    }

    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// Marks it as a mistake of whoever asked.
    #[must_use]
    pub fn of_user(mut self) -> Self {
        self.is_users = true;
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Error {
    /// On one line: what failed, its causes, what helps.
    pub fn on_one_line(&self) -> String {
        let mut line = self.to_string();
        for cause in self.causes() {
            line.push_str(&format!(": {cause}"));
        }
        if let Some(help) = self.advice() {
            line.push_str(&format!("; {help}"));
        }
        line
    }

    /// What a person can do: the help given nearest to the top, else what the system's reason asks for.
    pub fn advice(&self) -> Option<&str> {
        use std::io::ErrorKind as K;
        let deeper = self.causes().filter_map(|it| it.downcast_ref::<Error>());
        let given = std::iter::once(self).chain(deeper).find_map(|it| it.help.as_deref());
        given.or(match self.io_kind() {
            Some(K::StorageFull) => {
                Some("the disk is full: make room (`orch cache gc` helps), then start again")
            }
            Some(K::QuotaExceeded) => Some("your quota is used up: make room, then start again"),
            Some(K::ReadOnlyFilesystem) => {
                Some("the file system is read-only: mount it for writing, then start again")
            }
            Some(K::PermissionDenied) => {
                Some("check who owns this and that its permissions let you write it")
            }
            _ => None,
        })
    }

    /// True where whatever is tried next would fail, too: no space left, nothing can be written.
    pub fn is_of_the_whole_machine(&self) -> bool {
        use std::io::ErrorKind as K;
        let kinds = [K::StorageFull, K::QuotaExceeded, K::ReadOnlyFilesystem];
        self.io_kind().is_some_and(|kind| kinds.contains(&kind))
    }

    /// Why the system refused, where that is at the bottom of it.
    fn io_kind(&self) -> Option<std::io::ErrorKind> {
        self.causes().find_map(|it| it.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
    }

    fn causes(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        let first = std::error::Error::source(self);
        std::iter::successors(first, |cause| cause.source())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        if let Some(path) = &self.path {
            write!(f, " ({})", path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}

/// Turns any error into ours by saying what was being done, and where.
pub trait Doing<T> {
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::because(doing, source).at(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn what_the_system_refuses_comes_with_what_to_do() {
        let check = |kind: io::ErrorKind| {
            let inner = Error::because("writing a file", io::Error::from(kind));
            Error::because("keeping a result", inner).advice().map(ToOwned::to_owned)
        };
        for (kind, word) in [
            (io::ErrorKind::StorageFull, "full"),
            (io::ErrorKind::ReadOnlyFilesystem, "read-only"),
            (io::ErrorKind::PermissionDenied, "permissions"),
        ] {
            assert!(check(kind).is_some_and(|on_one_line| on_one_line.contains(word)), "{kind}");
        }
        assert_eq!(check(io::ErrorKind::BrokenPipe), None);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        for own in [Error::because("x", full).help("mine"), Error::new("x").help("mine")] {
            assert_eq!(own.advice(), Some("mine"));
        }
    }
}
