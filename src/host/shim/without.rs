//! Where the system has no namespaces of process numbers.

pub mod relay {
    use std::process::ExitCode;

    use crate::host::shim::{Order, refuse};

    pub fn run(order: &Order) -> ExitCode {
        refuse(order, "this system has no process numbers for a family of its own")
    }
}

pub mod init {
    use std::ffi::OsStr;
    use std::io;

    /// # Errors
    /// Always.
    pub fn settle(_shim: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There are none.
    pub fn give_up_rights() -> io::Result<()> {
        Ok(())
    }
}
