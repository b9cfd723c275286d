//! Third floor: the machine. Disk, git, processes, clock, environment; never prints.

pub mod error;
