//! What may start now: pools, overlaps, the account's windows, the service.

pub mod breaker;
pub mod gate;
pub mod latch;
pub mod overlap;
