//! Limits that bound the work and the memory for hostile evidence.

/// Limits of depth, size and number. The defaults fit every directory that etcd can write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum depth of a bbolt tree. A full tree of 2^48 pages with two keys in each branch has depth 48.
    pub tree_depth: usize,
    /// Maximum nesting of protobuf or JSON values.
    pub value_depth: usize,
    /// Maximum memory of one decoded value, in bytes; values that are texts for the most part may take 16 times their size.
    pub value_memory: usize,
    /// Maximum number of bytes that an archive may unpack to, all members together.
    pub unpacked_bytes: u64,
    /// Maximum number of files that are read in one directory.
    pub files: usize,
    /// Maximum number of findings of one code that are reported individually; more are counted.
    pub findings_per_code: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tree_depth: 64,
            value_depth: 128,
            value_memory: 24 << 20,
            unpacked_bytes: 4 << 30,
            files: 200_000,
            findings_per_code: 100,
        }
    }
}
