//! Members and versions while entries are applied. Source:
//! `server/etcdserver/api/membership/cluster.go`, v3.5.30.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Refused;
use crate::raft::{ConfChange, ConfChangeType, MemberContext, Operation, V2Request};

/// Most learners a cluster may have, by default.
const MAX_LEARNERS: usize = 1;

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberInfo {
    /// Empty until the member published itself.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// Whether it only receives the log.
    pub is_learner: bool,
}

/// Members, removed ones, and the versions the cluster agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// By id.
    pub members: BTreeMap<u64, MemberInfo>,
    /// Ids that may never come back.
    pub removed: BTreeSet<u64>,
    /// `3.5.0`.
    pub cluster_version: Option<String>,
    /// The version to go down to, while a downgrade is under way.
    pub downgrade: Option<String>,
}

/// JSON that v2 requests publish.
#[derive(serde::Deserialize)]
struct Attributes {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
}

impl Members {
    /// How many members vote.
    pub fn voters(&self) -> usize {
        self.members
            .values()
            .filter(|member| !member.is_learner)
            .count()
    }

    /// Applies a change of membership if etcd's validation lets it through: `ValidateConfigurationChange` in
    /// `server/etcdserver/api/membership/cluster.go`, v3.5.30.
    pub(super) fn apply(&mut self, change: &ConfChange) -> Result<(), Refused> {
        let id = change.node_id;
        if self.removed.contains(&id) {
            return Err(Refused::Membership("ID removed"));
        }
        let context = match change.member() {
            Some(Ok(member)) => member,
            _ => Default::default(),
        };
        let taken = |urls: &[String]| {
            self.members.iter().any(|(&other, member)| {
                other != id && member.peer_urls.iter().any(|url| urls.contains(url))
            })
        };
        match change.kind() {
            ConfChangeType::AddNode if context.is_promote => {
                let member = self
                    .members
                    .get_mut(&id)
                    .ok_or(Refused::Membership("ID not found"))?;
                // 3.5.1 to 3.5.19 kept the promotion in memory only (etcd#19557).
                if !member.is_learner {
                    return Err(Refused::Membership("can only promote a learner member"));
                }
                member.is_learner = false;
            }
            ConfChangeType::AddNode | ConfChangeType::AddLearnerNode => {
                if self.members.contains_key(&id) {
                    return Err(Refused::Membership("ID exists"));
                }
                if taken(&context.peer_urls) {
                    return Err(Refused::Membership("peerURL exists"));
                }
                self.add(id, context, change.kind() == ConfChangeType::AddLearnerNode)?;
            }
            ConfChangeType::RemoveNode => {
                self.members
                    .remove(&id)
                    .ok_or(Refused::Membership("ID not found"))?;
                // An id is removed for good: `RemoveMember` in `server/etcdserver/api/membership/cluster.go`, v3.5.30
                // (etcd#10828).
                self.removed.insert(id);
            }
            ConfChangeType::UpdateNode => {
                if taken(&context.peer_urls) {
                    return Err(Refused::Membership("peerURL exists"));
                }
                let member = self
                    .members
                    .get_mut(&id)
                    .ok_or(Refused::Membership("ID not found"))?;
                member.peer_urls = context.peer_urls;
            }
            ConfChangeType::Other(_) => return Err(Refused::Membership("unknown ConfChange type")),
        }
        Ok(())
    }

    fn add(&mut self, id: u64, context: MemberContext, is_learner: bool) -> Result<(), Refused> {
        let learners = self
            .members
            .values()
            .filter(|member| member.is_learner)
            .count();
        // `maxLearners` in `server/etcdserver/api/membership/cluster.go`, v3.5.30.
        if is_learner && learners >= MAX_LEARNERS {
            return Err(Refused::Membership("too many learner members in cluster"));
        }
        let member = MemberInfo {
            name: context.name,
            peer_urls: context.peer_urls,
            client_urls: context.client_urls,
            is_learner,
        };
        self.members.insert(id, member);
        Ok(())
    }

    /// What an entry sets of the cluster: its version, a member's attributes, the downgrade. Other operations do nothing.
    pub(super) fn apply_cluster(&mut self, operation: &Operation<'_>) {
        match operation {
            Operation::ClusterVersionSet(version) => {
                self.cluster_version = Some(version.ver.clone());
            }
            Operation::ClusterMemberAttrSet(set) => {
                if let Some(attributes) = &set.member_attributes {
                    self.publish(set.member_id, &attributes.name, &attributes.client_urls);
                }
            }
            Operation::DowngradeInfoSet(downgrade) => {
                self.downgrade = downgrade.enabled.then(|| downgrade.ver.clone());
            }
            _ => {}
        }
    }

    pub(super) fn publish(&mut self, id: u64, name: &str, client_urls: &[String]) {
        if let Some(member) = self.members.get_mut(&id) {
            member.name = name.to_owned();
            member.client_urls = client_urls.to_vec();
        }
    }

    /// A v2 request: etcd 3.4 and 3.5 publish members and the cluster version so. Others change the v2 store only.
    pub(super) fn apply_v2(&mut self, request: &V2Request) {
        if let Some(version) = request.cluster_version() {
            self.cluster_version = Some(version.to_owned());
        }
        if let Some(id) = request.publishes_member()
            && let Ok(attributes) = serde_json::from_str::<Attributes>(&request.val)
        {
            self.publish(id.get(), &attributes.name, &attributes.client_urls);
        }
    }
}
