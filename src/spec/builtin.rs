//! Agents, rules and prompts that are compiled in; a project's own of the same name replace them.
