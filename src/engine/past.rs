//! What has happened: the fold over journal and lineage, and what it cost.

pub mod history;
pub mod ledger;
pub mod view;
