//! Attempts, from their launch to their landing.

pub mod ballot;
