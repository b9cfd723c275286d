//! What a build tells, rendered once for every surface: words for people, data for programs. A
//! surface only lays them out.

pub mod data;
pub mod letter;
pub mod obstacle;
pub mod states;
pub mod summary;
pub mod time;
pub mod why;
pub mod words;
