//! The names of members: in the db, and as they published them.

use std::collections::BTreeMap;

use crate::backend::{Cluster, EtcdVersion, Meta};
use crate::bolt::Db;
use crate::codes::cross;
use crate::member::Wal;
use crate::raft::{Payload, Request};
use crate::snap::{Snaps, Store};
use located::MemberId;
use located::Place;
use located::{Finding, Sink, reported_by};

/// A member's name in the db must be the last that it published: in the WAL, else in the v2 store of the newest usable .snap.
pub(super) fn names(db: &Db<'_>, meta: &Meta, wal: &Wal<'_>, snaps: &Snaps, report: &mut Sink<'_>) {
    // `snapshot restore` of 3.4 leaves the members of the old cluster in the bucket.
    if meta.schema_version() < EtcdVersion::new(3, 5, 0) {
        return;
    }
    let newest = snaps
        .usable()
        .max_by_key(|snap| snap.index)
        .and_then(|snap| Store::parse(&snap.store_json).ok());
    let mut published: BTreeMap<MemberId, String> = newest
        .into_iter()
        .flat_map(|store| store.members)
        .map(|member| (member.id, member.name))
        .collect();
    let applied = meta.consistent_index.unwrap_or_default();
    for entry in wal
        .log()
        .surviving()
        .filter(|entry| entry.index <= applied && !entry.is_plain)
    {
        if let Some((id, name)) = publication(&wal.payload(entry)) {
            published.insert(id, name);
        }
    }
    for member in Cluster::read(db, &mut reported_by("backend::check")).members {
        let Some(name) = published.get(&member.id) else {
            continue;
        };
        if name.is_empty() || member.name.is_empty() || *name == member.name {
            continue;
        }
        let place = member
            .place
            .unwrap_or_else(|| Place::file(db.file().file()));
        let message = format!(
            "the db has another name for member {:016x} than it published",
            member.id
        );
        report(Finding::new(&cross::MEMBERS_DIFFER, place, message).seen(member.name, name));
    }
}

fn publication(payload: &Payload) -> Option<(MemberId, String)> {
    #[derive(serde::Deserialize)]
    struct PublishedAttributes {
        #[serde(default)]
        name: String,
    }
    match payload {
        Payload::Request(Request::V2(request)) => {
            let id = request.publishes_member()?;
            let attributes: PublishedAttributes = serde_json::from_str(&request.val).ok()?;
            Some((id, attributes.name))
        }
        Payload::Request(Request::Internal(request)) => {
            let set = request.cluster_member_attr_set.as_ref()?;
            Some((
                MemberId(set.member_id),
                set.member_attributes.as_ref()?.name.clone(),
            ))
        }
        _ => None,
    }
}
