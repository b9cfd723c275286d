//! Tasks as a dense graph: real dependencies, order-only ones, who is upstream of whom.
