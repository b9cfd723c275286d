//! YAML with the exact byte span of every node: the only user of the YAML parser.
