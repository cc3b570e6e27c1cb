//! Whether there is anything of Kubernetes to be checked.

use crate::kubernetes::is_stored_by_kubernetes;
use crate::member::Member;

/// Oldest records among which one of Kubernetes is looked for.
const SAMPLED_RECORDS: usize = 5_000;

/// Whether Kubernetes wrote any of the oldest records: those of a cluster's first minutes are among them.
pub(in crate::check) fn has_objects(member: &Member) -> bool {
    member.readable_keyspace().is_ok_and(|keyspace| {
        let mut oldest = keyspace.between(0..=i64::MAX).take(SAMPLED_RECORDS);
        oldest.any(|version| {
            let kv = version.key_value();
            kv.is_ok_and(|kv| is_stored_by_kubernetes(kv.key, kv.value))
        })
    })
}
