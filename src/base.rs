//! Ground floor: digests, names, sources, diagnostics, files as values. Pure.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod diagnostic;
pub mod digest;
pub mod file;
pub mod measure;
pub mod name;
pub mod source;
