//! Which copies are of one cluster: the others are named and left out, with every file of theirs.
//!
//! The log has the id of the cluster, the db and the `.snap` files have not: they are of the cluster if they name one of its members,
//! also a removed one.
//! A restore gives every member a new id, so that a restored db is not taken for the one before.

use std::collections::BTreeSet;

use crate::backend::Cluster;
use crate::member::Member;
use crate::progress::Progress;
use located::{ClusterId, MemberId, reported_by};

/// What is known of the cluster of a copy.
struct CopyIdentity {
    cluster: Option<ClusterId>,
    /// Members that the copy names, and itself.
    members: BTreeSet<MemberId>,
}

impl CopyIdentity {
    fn read(member: &Member, progress: &dyn Progress) -> Self {
        let wal = member.wal_with(progress);
        let own = wal.and_then(|wal| {
            wal.log()
                .metadata
                .first()
                .map(|own| (own.cluster_id, own.node_id))
        });
        let mut members: BTreeSet<MemberId> = own.iter().map(|(_, id)| *id).collect();
        if let Ok(db) = member.db() {
            let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
            members.extend(cluster.members.iter().map(|member| member.id));
            members.extend(cluster.removed);
        }
        if members.is_empty() {
            // Of some copies only the `.snap` files are left.
            let snaps = member.snaps(&mut reported_by("snap::check"));
            let newest = snaps.usable().next();
            let voters = newest.map(|snap| snap.conf_state.voters.clone());
            members.extend(voters.into_iter().flatten().map(MemberId));
        }
        Self {
            cluster: own.map(|(cluster, _)| cluster),
            members,
        }
    }

    /// Whether both are of one cluster; `None` if nothing says so.
    fn is_of(&self, other: &Self) -> Option<bool> {
        match (self.cluster, other.cluster) {
            (Some(own), Some(other)) => Some(own == other),
            _ if self.members.is_empty() || other.members.is_empty() => None,
            _ => Some(!self.members.is_disjoint(&other.members)),
        }
    }
}

/// The members of the cluster of the first log, or of the first copy if there is no log; others are named and left out.
pub(super) fn of_one_cluster<'m>(
    members: &[&'m Member],
    progress: &dyn Progress,
    notes: &mut Vec<String>,
) -> Vec<&'m Member> {
    let [_, _, ..] = members else {
        return members.to_vec();
    };
    let known: Vec<(&'m Member, CopyIdentity)> = members
        .iter()
        .map(|member| (*member, CopyIdentity::read(member, progress)))
        .collect();
    let has_log = |(_, known): &&(&Member, CopyIdentity)| known.cluster.is_some();
    let names_members = |(_, known): &&(&Member, CopyIdentity)| !known.members.is_empty();
    let first = known.iter().find(has_log);
    let Some((named, of)) = first.or_else(|| known.iter().find(names_members)) else {
        return members.to_vec();
    };
    let mut one = Vec::new();
    for (member, own) in &known {
        match own.is_of(of) {
            Some(false) => notes.push(other_cluster((member, own), (named, of))),
            None if member.db().is_err() => one.push(*member),
            None => {
                notes.push(format!(
                    "nothing in {} says which cluster it is of: it is taken for one of that of {}",
                    member.evidence().name(),
                    named.evidence().name()
                ));
                one.push(*member);
            }
            Some(true) => one.push(*member),
        }
    }
    one
}

fn other_cluster(
    (member, own): (&Member, &CopyIdentity),
    (named, of): (&Member, &CopyIdentity),
) -> String {
    let (name, first) = (member.evidence().name(), named.evidence().name());
    match (own.cluster, of.cluster) {
        (Some(own), Some(of)) => format!(
            "{name} is of cluster {:x}, and {first} of cluster {:x}: it is not used",
            own.0, of.0
        ),
        _ => format!(
            "{name} names no member of the cluster of {first}: it is of another cluster, and is not used"
        ),
    }
}
