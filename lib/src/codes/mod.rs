//! Every code with What / Why / Next: the one table for findings, errors and `etcd-inspect explain`.
//!
//! Each crate declares the codes of its format; those of the joined library are in the files of this folder.

pub mod backend;
pub mod cross;
pub mod dir;
pub mod kubernetes;
pub mod mvcc;

pub use bbolt::codes as bolt;
pub use located::codes::{Code, error};
pub use raftlog::codes::{snap, wal};

/// Every code, room by room.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        located::codes::error::ALL,
        dir::ALL,
        raftlog::codes::wal::ALL,
        raftlog::codes::snap::ALL,
        bbolt::codes::ALL,
        backend::ALL,
        mvcc::ALL,
        cross::ALL,
        kubernetes::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The code of that id, in any letter case.
///
/// ```
/// assert_eq!(etcd_inspect::codes::find("bolt-007").map(|code| code.id), Some("BOLT-007"));
/// ```
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_code_is_used_twice() {
        let mut ids: Vec<_> = super::all().map(|code| code.id).collect();
        ids.sort_unstable();
        let before = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), before);
    }
}
