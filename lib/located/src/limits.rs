//! Bounds that keep hostile evidence from costing more than it weighs.

/// Depth, size and allocation bounds. The defaults fit every directory etcd can write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Deepest bbolt tree that is followed. A full tree of 2^48 pages with two keys a branch is 48 deep.
    pub tree_depth: usize,
    /// Deepest nesting of protobuf or JSON values.
    pub value_depth: usize,
    /// Most bytes an archive may unpack to, all members together.
    pub unpacked_bytes: u64,
    /// Most files looked at in one directory.
    pub files: usize,
    /// Most findings of one code that keep their own place; the rest is counted.
    pub findings_per_code: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tree_depth: 64,
            value_depth: 128,
            unpacked_bytes: 4 << 30,
            files: 200_000,
            findings_per_code: 100,
        }
    }
}
