//! The view over lineage: what a node may see of a path.
