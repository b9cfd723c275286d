//! What a command knows of its repository.

pub(in crate::host) mod admit;
pub(in crate::host) mod book;
pub(in crate::host) mod checkout;
pub(in crate::host) mod history;
pub(in crate::host) mod live;
pub(in crate::host) mod overlay;
