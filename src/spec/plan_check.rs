//! What is wrong with a whole plan: ids, dependencies, cycles, agents, rules.
