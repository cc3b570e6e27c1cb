//! Members that were removed from their cluster: an id that was removed never comes back. Source: `ErrIDRemoved` in
//! `server/etcdserver/api/membership/cluster.go`, v3.5.30.

use std::collections::{BTreeMap, BTreeSet};

use crate::Severity;
use crate::backend::Cluster;
use crate::codes::{cross, wal};
use crate::recover::{MemberInfo, published_members};
use crate::verdict::actions;
use crate::verdict::facts::Facts;
use located::{ClusterId, MemberId, reported_by};

/// That a member was removed from its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verdict) struct Removal {
    /// The copy that knows; `None` if only its own files say so.
    pub(in crate::verdict) by: Option<String>,
    /// The member with its name or address that was added later.
    pub(in crate::verdict) again: Option<MemberId>,
    /// Where that copy says that voters answer.
    pub(in crate::verdict) urls: Vec<String>,
}

/// Of each copy, whether its member was removed.
pub(super) fn removals(facts: &[Facts<'_>]) -> Vec<Option<Removal>> {
    facts.iter().map(|one| removal(one, facts)).collect()
}

fn removal(of: &Facts<'_>, all: &[Facts<'_>]) -> Option<Removal> {
    let own = of.own.get();
    let knows = |other: &&Facts<'_>| {
        other.own != of.own
            && of.standing.parted.is_none()
            && other.standing.parted.is_none()
            && cluster(other) == cluster(of)
            && removed(other).contains(&own)
    };
    let knowing = all.iter().filter(|_| own != 0).filter(knows);
    if let Some(by) = knowing.max_by_key(|other| other.acknowledged.through) {
        return Some(Removal {
            by: Some(by.member.evidence().name().to_string()),
            again: added_again(of, by),
            urls: actions::voter_urls(by.member, own),
        });
    }
    let mut errors = of.sound.above_notes();
    let says_so = errors.any(|finding| {
        let is_removal = std::ptr::eq(finding.code, &cross::REMOVED)
            || std::ptr::eq(finding.code, &wal::REMOVES_SELF);
        is_removal && finding.severity == Severity::Error
    });
    says_so.then(|| Removal {
        by: None,
        again: None,
        urls: actions::voter_urls(of.member, own),
    })
}

/// The id of the cluster, if a log says it.
pub(in crate::verdict) fn cluster(facts: &Facts<'_>) -> Option<ClusterId> {
    facts
        .member
        .wal_ends()?
        .metadata
        .map(|(_, cluster)| cluster)
}

/// Ids that a copy knows to be removed: those of the db, and those that a start applies.
fn removed(facts: &Facts<'_>) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    if let Some(members) = facts
        .start
        .as_ref()
        .and_then(|start| start.members.as_ref())
    {
        ids.extend(&members.removed);
    }
    if let Ok(db) = facts.member.db() {
        let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
        ids.extend(cluster.removed.iter().map(|id| id.0));
    }
    ids
}

/// The members that a copy knows after a start.
fn known_members(facts: &Facts<'_>) -> BTreeMap<u64, MemberInfo> {
    let start = facts.start.as_ref();
    match start.and_then(|start| start.members.as_ref()) {
        Some(members) => members.members.clone(),
        None => published_members(facts.member),
    }
}

/// Another member with the name or an address of this one.
fn added_again(of: &Facts<'_>, by: &Facts<'_>) -> Option<MemberId> {
    let identity = of.member.identity();
    let own = identity.own()?;
    let is_again = |info: &MemberInfo| {
        let shares_url = info.peer_urls.iter().any(|url| own.peer_urls.contains(url));
        shares_url || !own.name.is_empty() && info.name == own.name
    };
    let members = known_members(by).into_iter();
    let mut again = members.filter(|(id, info)| *id != of.own.get() && is_again(info));
    again.next().map(|(id, _)| MemberId(id))
}

/// The only member that `by` knows and no copy is of, with its name and addresses: a directory without a log must be that one's.
pub(in crate::verdict) fn unaccounted(
    by: &Facts<'_>,
    all: &[Facts<'_>],
) -> Option<(MemberId, MemberInfo)> {
    let owns: BTreeSet<u64> = all.iter().map(|facts| facts.own.get()).collect();
    let members = known_members(by).into_iter();
    let mut missing = members.filter(|(id, _)| !owns.contains(id));
    let (id, info) = missing.next()?;
    missing.next().is_none().then_some((MemberId(id), info))
}
