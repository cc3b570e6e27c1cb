//! Members, versions, and the raft configuration that is stored beside them.

use std::collections::{BTreeMap, HashSet};

use crate::backend::members::id_of;
use crate::backend::value::excerpt;
use crate::backend::{Cluster, EtcdVersion, MemberId, Meta};
use crate::codes::backend as codes;
use located::{Finding, Place, Severity, Sink};

/// Checks members and the cluster version.
pub fn cluster(cluster: &Cluster, here: &Place, sink: &mut Sink<'_>) {
    let (mut names, mut urls) = (BTreeMap::new(), BTreeMap::new());
    let removed: HashSet<MemberId> = cluster.removed.iter().copied().collect();
    // `snapshot restore` of 3.4 leaves the members of the old cluster in the bucket, with the names of the new ones; the v2
    // store tells who is a member. Source: `clientv3/snapshot/v3_snapshot.go` (saveDB), v3.4.23.
    let is_3_4 = |version: EtcdVersion| version < EtcdVersion::new(3, 5, 0);
    let severity = match cluster.cluster_version.is_some_and(is_3_4) {
        true => Severity::Note,
        false => codes::MEMBER_SHARED.severity,
    };
    for member in &cluster.members {
        let at = member.place.as_ref().unwrap_or(here).clone();
        if id_of(&member.key) != Some(member.id) {
            let finding = Finding::new(
                &codes::MEMBER_KEY,
                at.clone(),
                "a member is stored under a key that is not its id",
            );
            sink(finding.seen(excerpt(&member.key), format!("{:x}", member.id.0)));
        }
        if removed.contains(&member.id) {
            let message = format!("member {} is both listed and removed", member.id);
            sink(Finding::new(&codes::MEMBER_TWICE, at.clone(), message));
        }
        let mut shared = |what: &str, text: &str, other: Option<MemberId>| {
            if let Some(other) = other.filter(|other| *other != member.id) {
                let message = format!(
                    "members {other} and {} share the {what} \"{}\"",
                    member.id,
                    text.escape_debug()
                );
                sink(Finding::new(&codes::MEMBER_SHARED, at.clone(), message).severity(severity));
            }
        };
        if !member.name.is_empty() {
            shared(
                "name",
                &member.name,
                names.insert(member.name.as_str(), member.id),
            );
        }
        for url in &member.peer_urls {
            shared("peer URL", url, urls.insert(url.as_str(), member.id));
        }
    }
    if let Some(version) = cluster.cluster_version.filter(EtcdVersion::is_unknown) {
        let finding = Finding::new(
            &codes::CLUSTER_VERSION,
            here.clone(),
            format!("clusterVersion is {version}"),
        );
        sink(finding.seen(
            version.to_string(),
            format!("at most {}", EtcdVersion::NEWEST_KNOWN),
        ));
    }
}

/// Compares `confState` with the members. Other ids are normal after a restore; another role of the same id is not: etcd 3.5.1
/// to 3.5.19 did not write the promotion of a learner into the bucket (etcd#19557).
pub fn conf_state_against_members(
    meta: &Meta,
    cluster: &Cluster,
    here: &Place,
    sink: &mut Sink<'_>,
) {
    let Some(conf_state) = meta
        .conf_state
        .as_ref()
        .filter(|_| !cluster.members.is_empty())
    else {
        return;
    };
    let at = meta.place("confState").unwrap_or(here).clone();
    let sorted =
        |ids: &mut dyn Iterator<Item = u64>| ids.collect::<std::collections::BTreeSet<u64>>();
    let (voters, learners) = (
        sorted(&mut conf_state.voters.iter().copied()),
        sorted(&mut conf_state.learners.iter().copied()),
    );
    let of_role = |learner: bool| {
        sorted(
            &mut cluster
                .members
                .iter()
                .filter(|m| m.is_learner == learner)
                .map(|m| m.id.0),
        )
    };
    let (voting, learning) = (of_role(false), of_role(true));
    if (&voters, &learners) == (&voting, &learning) {
        return;
    }
    let same_ids = voters.union(&learners).eq(voting.union(&learning));
    let text = |voters: &std::collections::BTreeSet<u64>,
                learners: &std::collections::BTreeSet<u64>| {
        let list = |ids: &std::collections::BTreeSet<u64>| {
            let ids: Vec<String> = ids.iter().map(|id| MemberId(*id).to_string()).collect();
            if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(" ")
            }
        };
        format!("voters {}, learners {}", list(voters), list(learners))
    };
    let message = match same_ids {
        true => "the same member has different roles in confState and in the members bucket",
        false => {
            "confState contains other members than the members bucket; normal after a restore, until the next membership change"
        }
    };
    let severity = if same_ids {
        Severity::Warning
    } else {
        Severity::Note
    };
    let finding = Finding::new(&codes::META_CONF_STATE_DIFFERS, at, message).severity(severity);
    sink(finding.seen(text(&voters, &learners), text(&voting, &learning)));
}
