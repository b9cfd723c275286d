//! What the checkouts of one repository have in common: a store, so that work is paid once in all of them.

use std::path::{Path, PathBuf};

use super::error::Result;
use super::git::checkouts;
use super::lock::{Holder, Lock};
use super::store::Store;
use super::store::folder::{Access, NAME};

/// The store for a checkout: that of the main one. What a linked one was given for itself by an earlier
/// version is still read.
pub fn store_of(checkout: &Path, access: Access) -> Store {
    let root = checkouts::home_of(checkout);
    let store = match access {
        Access::ReadWrite => Store::open(&root),
        Access::ReadOnly => Store::open_read_only(&root),
    };
    if root == checkout { store } else { store.reading_also(checkout) }
}

/// Every checkout in which orch has worked, this one first, and whoever they share the store with.
pub fn users_of(checkout: &Path) -> Vec<PathBuf> {
    let others = checkouts::all_of(checkout).into_iter().skip(1);
    let others = others.filter(|it| it.join(NAME).join(super::journal::FILE).exists());
    std::iter::once(checkout.to_owned()).chain(others).collect()
}

/// Keeps every orch out that uses the store, for who removes from it.
///
/// # Errors
/// One is at work.
pub fn lock_all(checkout: &Path) -> Result<Vec<Lock>> {
    let holder = Holder::this_process();
    users_of(checkout).iter().map(|root| Lock::exclusive(root, &holder)).collect()
}
