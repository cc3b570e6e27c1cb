//! The prefixes below which API servers keep their keys: as the keys show them, and as they are given.

use super::objects::Objects;
use crate::kubernetes::key::Layout;
use crate::mvcc::{KeyRange, Keyspace};

/// Records that are looked at to find the prefixes of Kubernetes: those of a cluster's first minutes are among the oldest.
const SAMPLE: usize = 50_000;

/// The layout that the keys show: by their folders, or where the index has not kept those, by the oldest keys.
pub(super) fn detect(keyspace: &Keyspace<'_>) -> Layout {
    match keyspace.folders() {
        Some(folders) => Layout::detect_in(&folders, |key| !keyspace.records_of(key).is_empty()),
        None => {
            let sample = keyspace.between(0..=i64::MAX).take(SAMPLE);
            Layout::detect(sample.map(|version| version.key))
        }
    }
}

/// Prefixes that were given and below which no key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedPrefixes {
    /// As they were given.
    pub given: Vec<String>,
    /// The prefixes that the keys show.
    pub found: Vec<String>,
}

impl std::fmt::Display for UnusedPrefixes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let given = self.given.join(", ");
        write!(f, "no key is below --etcd-prefix {given}; ")?;
        match self.found.as_slice() {
            [] => f.write_str("no keys of Kubernetes are recognised here"),
            found => write!(f, "keys of Kubernetes are below {}", found.join(", ")),
        }
    }
}

impl Objects<'_> {
    /// The prefixes of the layout, if no key has any of them, with those that keys have.
    pub fn unused_prefixes(&self) -> Option<UnusedPrefixes> {
        let given: Vec<String> = self.layout().prefixes().map(str::to_owned).collect();
        let is_used = |prefix: &String| {
            let below = KeyRange::prefix(format!("{prefix}/").as_bytes());
            self.keyspace().all(&below).iter().next().is_some()
        };
        if given.iter().any(is_used) {
            return None;
        }
        let layout = detect(&self.keyspace());
        let mut found: Vec<String> = layout.prefixes().map(str::to_owned).collect();
        found.retain(is_used);
        Some(UnusedPrefixes { given, found })
    }
}
