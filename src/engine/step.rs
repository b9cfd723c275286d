//! The engine: events in, effects out.
