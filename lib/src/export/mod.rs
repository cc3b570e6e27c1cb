//! What leaves the library: YAML, JSON lines, databases.

pub mod yaml;
