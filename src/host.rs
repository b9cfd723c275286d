//! Third floor: the machine. Disk, git, processes, clock, environment; never prints.

pub mod clock;
pub mod doctor;
pub mod documents;
pub mod driver;
pub mod error;
mod fault;
pub mod git;
pub mod inbox;
pub mod journal;
pub mod landing;
pub mod lock;
pub mod machine;
pub mod platform;
pub mod probe;
pub mod process;
pub mod root;
pub mod scaffold;
pub mod scan;
pub mod scratch;
pub mod session;
pub mod shim;
pub mod stop;
pub mod store;
pub mod surface;
pub mod watcher;
pub mod worktree;
pub mod zone;
