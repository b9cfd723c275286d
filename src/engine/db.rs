//! The salsa database: documents, file states, lineage and results in; keys and decisions out.
