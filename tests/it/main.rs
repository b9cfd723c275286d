//! Tests against the built program.

mod session;
