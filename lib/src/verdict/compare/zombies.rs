//! Members of the v2 store against those of the db, across copies.
//!
//! etcd keeps its members twice: in the v2 store, which a `.snap` holds and which counts up to 3.5, and in the bucket
//! `members`, which counts from 3.6 on. A change that was applied on one side only shows with the upgrade: a member that was
//! removed comes back (etcd issues 13196, 20340 and 20793). Within one copy `check` sees that; here one copy is
//! checked against another, if the copy that is checked is new enough to know of the change.

use std::collections::{BTreeMap, BTreeSet};

use super::MemberRow;
use crate::backend::{Cluster, EtcdVersion, MemberId, Meta};
use crate::check::UPGRADE_FIRST;
use crate::codes::cross;
use crate::member::Member;
use crate::snap::Store;
use located::Place;
use located::{Finding, RaftIndex, reported_by};

/// What one copy says about members, and at which index.
struct Lists {
    /// The bucket `members` at consistent_index; `None` if the db does not keep it: 3.4.
    bucket: Option<(RaftIndex, BTreeMap<MemberId, String>)>,
    /// Ids that the db says were removed.
    removed: BTreeSet<MemberId>,
    /// The v2 store of the newest usable `.snap`, at its index.
    store: Option<(RaftIndex, Store)>,
}

impl Lists {
    fn from_member(member: &Member) -> Self {
        let mut lists = Self {
            bucket: None,
            removed: BTreeSet::new(),
            store: None,
        };
        if let Ok(db) = member.db() {
            let meta = Meta::read(&db, &mut reported_by("backend::check"));
            let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
            // `snapshot restore` of 3.4 leaves the members of the old cluster there.
            let counts =
                meta.schema_version() >= EtcdVersion::new(3, 5, 0) && !cluster.members.is_empty();
            let members = cluster.members.iter();
            let members = members
                .map(|member| (member.id, member.name.clone()))
                .collect();
            lists.bucket = meta
                .consistent_index
                .filter(|_| counts)
                .map(|index| (index, members));
            lists.removed = cluster.removed.into_iter().collect();
        }
        let snaps = member.snaps(&mut reported_by("snap::check"));
        let newest = snaps.usable().max_by_key(|snap| snap.index);
        lists.store = newest.and_then(|snap| {
            let store = Store::parse(&snap.store_json).ok()?;
            Some((snap.index, store))
        });
        lists
    }

    /// What it knows of the removal of a member: the index at which it knew.
    fn removal(&self, id: MemberId) -> Option<RaftIndex> {
        let in_store = self
            .store
            .as_ref()
            .filter(|(_, store)| store.removed.contains(&id));
        let in_db = self.bucket.as_ref().filter(|_| self.removed.contains(&id));
        let indexes = [
            in_store.map(|(index, _)| *index),
            in_db.map(|(index, _)| *index),
        ];
        indexes.into_iter().flatten().min()
    }
}

/// Members that the v2 store of one copy has and the db of another does not, or the other way round.
pub(super) fn zombies(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let lists: Vec<Lists> = members
        .iter()
        .map(|member| Lists::from_member(member))
        .collect();
    for ((member, row), own) in members.iter().zip(rows).zip(&lists) {
        let Some((applied, bucket)) = &own.bucket else {
            continue;
        };
        let mut told = BTreeSet::new();
        for (other, other_row) in lists.iter().zip(rows) {
            if std::ptr::eq(other, own) || row.cluster_id != other_row.cluster_id {
                continue;
            }
            for (id, why) in against(*applied, bucket, own, other) {
                if !told.insert(id) {
                    continue;
                }
                let name = bucket.get(&id).filter(|name| !name.is_empty());
                let name = name.map_or(String::new(), |name| format!(" ({name})"));
                let message = match why {
                    Why::Removed => format!(
                        "{} still lists member {id:016x}{name} in its db, {} knows that it was removed: a zombie, which comes back with an upgrade to 3.6",
                        row.path, other_row.path
                    ),
                    Why::OnlyInDb => format!(
                        "{} lists member {id:016x}{name} in its db, the v2 store of {} does not: a zombie, which comes back with an upgrade to 3.6",
                        row.path, other_row.path
                    ),
                    Why::OnlyInStore => format!(
                        "the v2 store of {} has member {id:016x}, the db of {} does not: it is lost with an upgrade to 3.6",
                        other_row.path, row.path
                    ),
                };
                let ids = |ids: &mut dyn Iterator<Item = MemberId>| {
                    ids.map(|id| format!("{id:016x}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                let seen = ids(&mut bucket.keys().copied());
                let store = other.store.iter().flat_map(|(_, store)| &store.members);
                let wanted = ids(&mut store.map(|member| member.id));
                let place = Place::file(member.evidence().name());
                let mut finding =
                    Finding::new(&cross::MEMBERS_DIFFER, place, message).seen(seen, wanted);
                finding.next = vec![UPGRADE_FIRST.into()];
                findings.push(finding);
            }
        }
    }
}

enum Why {
    Removed,
    OnlyInDb,
    OnlyInStore,
}

/// What another copy says against the bucket of one that has applied as much or more, or of which it has seen all.
fn against(
    applied: RaftIndex,
    bucket: &BTreeMap<MemberId, String>,
    own: &Lists,
    other: &Lists,
) -> Vec<(MemberId, Why)> {
    let mut found = Vec::new();
    for &id in bucket.keys() {
        if other.removal(id).is_some_and(|index| index <= applied) {
            found.push((id, Why::Removed));
        }
    }
    let Some((index, store)) = &other.store else {
        return found;
    };
    let in_store = |id: MemberId| store.members.iter().any(|member| member.id == id);
    // A store that is newer than the db has what the db has, or says that it was removed.
    if *index >= applied {
        let only = bucket.keys().copied();
        let only = only.filter(|&id| !in_store(id) && !store.removed.contains(&id));
        found.extend(only.map(|id| (id, Why::OnlyInDb)));
    }
    // A db that is newer than the store has what the store has, or says that it was removed.
    if applied >= *index {
        let only = store.members.iter().map(|member| member.id);
        let only = only.filter(|id| !bucket.contains_key(id) && !own.removed.contains(id));
        found.extend(only.map(|id| (id, Why::OnlyInStore)));
    }
    found
}
