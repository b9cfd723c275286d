//! Prompts from templates: the stable part that is in the key, and the volatile part that is not.
