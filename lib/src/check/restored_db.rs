//! A db that was restored and put beside an older log (icp-backup#24).
//!
//! `snapshot restore` sets consistent_index to the number of members, whose ConfChanges are the first entries of every log. A
//! start therefore applies the whole log to the restored db. Source: etcd `saveWALAndSnap` in
//! `etcdutl/snapshot/v3_snapshot.go`, v3.5.30.

use crate::backend::Meta;
use crate::codes::cross;
use crate::member::{Member, Wal};
use crate::text::number::thousands;
use located::{Finding, Place, Sink};

/// Reports a store with records beside a log whose entries up to consistent_index write none.
pub(super) fn restored_db(
    member: &Member,
    meta: &Meta,
    wal: &Wal<'_>,
    place: &Place,
    report: &mut Sink<'_>,
) {
    let log = wal.log();
    let index = meta.consistent_index.unwrap_or_default();
    // The log of a restored member begins with the same entries, and its store came with the backup.
    if !log.begins_with_empty_store() || !log.has_only_first_members_to(index) {
        return;
    }
    let Ok(keyspace) = member.readable_keyspace() else {
        return;
    };
    if keyspace.index().is_empty() {
        return;
    }
    let revision = keyspace.revision();
    let message = format!(
        "the entries up to consistent_index {index} write no key, but the store is at revision {}: the db was restored and put beside an older log, or consistent_index went back; a start applies entries {}–{} to it",
        thousands(revision.into()),
        thousands(index.saturating_add(1).into()),
        thousands(log.last_index().into())
    );
    let finding = Finding::new(&cross::DISAGREE, place.clone(), message);
    report(finding.seen(format!("revision {revision}"), "revision 1"));
}
