//! Small text arts: the nearest name for "did you mean", whole-word phrases, slugs.
