//! Minimal text edits of a plan: a value is spliced where it stands; comments, quoting and order stay.
