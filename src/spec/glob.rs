//! Path patterns as documents write them: `src/**/*.rs`, `docs`, `!docs/old/**`. A plain folder
//! means everything below it.

/// Patterns as written, in order; a later `!pattern` takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobSet {
    pub patterns: Vec<String>,
}
