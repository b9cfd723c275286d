//! What is orch's own is no part of a repository.

use super::Repository;
use crate::host::error::{Doing, Error, Result};

impl Repository {
    /// Refuses a repository whose commit has something of this name at its root: whoever made it would say what
    /// was built here, and by whose word.
    ///
    /// # Errors
    /// It has, or cannot be read.
    pub fn refuse_tracked(&self, name: &str) -> Result<()> {
        let doing = "reading what is committed";
        let git = self.local();
        let tree = git.head_tree_id_or_empty().doing(doing, self.root())?;
        let tree = tree.object().doing(doing, self.root())?.try_into_tree();
        if tree.doing(doing, self.root())?.find_entry(name).is_none() {
            return Ok(());
        }
        let doing = format!(
            "`{name}` is part of the repository: it is orch's own, and of one checkout alone"
        );
        Err(Error::new(doing)
            .at(self.root().join(name))
            .help(format!("`git rm -r --cached {name}`, then commit that; what came with it is not to be trusted: remove the folder"))
            .of_user())
    }
}
