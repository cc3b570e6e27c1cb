//! The members of the cluster, by what checksums protect: the newest `.snap`, and the entries of the log after it.

use std::collections::BTreeMap;

use super::members::{MemberInfo, Members};
use crate::member::{Member, of_this_member};
use crate::raft::{Operation, Payload, Request};
use crate::snap::Store;
use located::{RaftIndex, reported_by};

/// Returns the members that the newest `.snap` and the entries after it name; without a `.snap`, those of a log that begins with
/// the empty store. Empty if neither is there.
///
/// Nothing in bbolt protects the bucket `members`; etcd itself takes them from here up to 3.5
/// (`server/etcdserver/api/membership/cluster.go`, v3.5.30).
pub(crate) fn published_members(member: &Member) -> BTreeMap<u64, MemberInfo> {
    let snaps = member.snaps(&mut reported_by("snap::check"));
    let own = member.wal_ends().and_then(|ends| Some(ends.metadata?.0));
    let of_db = member.buckets().map(|buckets| buckets.cluster.members);
    let newest = of_this_member(&snaps, own, &of_db.unwrap_or_default());
    let store = newest.and_then(|snap| Store::parse(&snap.store_json).ok());
    let mut members = Members::default();
    let from = match (newest, store) {
        (Some(snap), Some(store)) => {
            members.members = store.members.into_iter().map(of_store).collect();
            snap.index
        }
        _ => RaftIndex(0),
    };
    let Some(wal) = member.wal() else {
        return members.members;
    };
    if from == 0 && !wal.log().begins_with_empty_store() {
        return members.members;
    }
    let later = wal.log().surviving();
    for entry in later.filter(|entry| entry.index > from && !entry.is_plain) {
        match wal.payload(entry) {
            // What etcd refuses changes nothing.
            Payload::ConfChange(change) => drop(members.apply(&change)),
            Payload::Request(Request::V2(request)) => members.apply_v2(&request),
            Payload::Request(Request::Internal(request)) => match request.operation() {
                Some(Operation::V2(request)) => members.apply_v2(request),
                Some(operation) => members.apply_cluster(&operation),
                None => {}
            },
            _ => {}
        }
    }
    members.members
}

fn of_store(member: crate::snap::StoreMember) -> (u64, MemberInfo) {
    let info = MemberInfo {
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
        is_learner: member.is_learner,
    };
    (member.id.get(), info)
}
