//! Users and leases that follow from the WAL, against the db's.

use crate::backend::{Meta, Version};
use crate::bolt::Db;
use crate::codes::{backend, cross};
use crate::recover::State;
use located::Place;
use located::{Finding, Sink};

/// Compares what a log from the first entry makes with what the db has. etcd 3.4 writes consistent_index only with keys, so
/// its other buckets may be ahead of it.
pub(super) fn compare(db: &Db<'_>, wanted: &State, report: &mut Sink<'_>) {
    if Meta::read(db, &mut |_| {}).schema_version() < Version::new(3, 5, 0) {
        return;
    }
    let stored = State::read(db);
    let place = Place::file(db.file().file());
    if stored.users.revision != wanted.users.revision {
        let message = "authRevision is not what the requests in the WAL make";
        let finding = Finding::new(&backend::AUTH_REVISION, place.clone(), message);
        report(finding.seen(
            stored.users.revision.to_string(),
            wanted.users.revision.to_string(),
        ));
    }
    let ids = |of: &State, without: &State| -> Vec<String> {
        let only = of
            .leases
            .0
            .keys()
            .filter(|id| !without.leases.contains(**id));
        only.map(|id| format!("{id:x}")).collect()
    };
    let (missing, extra) = (ids(wanted, &stored), ids(&stored, wanted));
    if !missing.is_empty() || !extra.is_empty() {
        let message = format!(
            "{} leases are missing, {} were revoked or never granted",
            missing.len(),
            extra.len()
        );
        let finding = Finding::new(&cross::LEASES_DIFFER, place, message);
        report(
            finding
                .seen(extra.join(", "), missing.join(", "))
                .count((missing.len().saturating_add(extra.len())) as u64),
        );
    }
}
