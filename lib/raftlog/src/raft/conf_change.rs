//! Voters and learners: raftpb.ConfState, ConfChange, ConfChangeV2, and the Member JSON in the context of a change.

use located::MemberId;
use prost::Message as _;

/// The voters and learners of a configuration: raftpb.ConfState. The order of ids has no meaning.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfState {
    /// Members that vote.
    #[prost(uint64, repeated, packed = "false", tag = "1")]
    pub voters: Vec<u64>,
    /// Members that receive the log and do not vote.
    #[prost(uint64, repeated, packed = "false", tag = "2")]
    pub learners: Vec<u64>,
    /// The old voters of a joint configuration; etcd never writes one.
    #[prost(uint64, repeated, packed = "false", tag = "3")]
    pub voters_outgoing: Vec<u64>,
    /// Members that become learners when a joint configuration ends; etcd never writes one.
    #[prost(uint64, repeated, packed = "false", tag = "4")]
    pub learners_next: Vec<u64>,
    /// Whether a joint configuration ends automatically; etcd never sets it.
    #[prost(bool, tag = "5")]
    pub auto_leave: bool,
}

impl ConfState {
    /// Returns whether it is a joint configuration, which etcd never writes.
    /// etcd itself never enters a joint configuration: `applyConfChange` in `server/etcdserver/server.go`, v3.5.30, takes one
    /// change.
    pub fn is_joint(&self) -> bool {
        self.auto_leave || !self.voters_outgoing.is_empty() || !self.learners_next.is_empty()
    }

    /// Returns whether both contain the same voters and learners, in any order.
    pub fn same_members(&self, other: &Self) -> bool {
        sorted(&self.voters) == sorted(&other.voters)
            && sorted(&self.learners) == sorted(&other.learners)
    }

    /// Applies one change, as etcd does with each committed ConfChange. A learner that is added as a voter is promoted.
    /// `applyConfChange` in `server/etcdserver/server.go`, v3.5.30.
    pub fn apply(&mut self, change: &ConfChange) {
        let id = change.node_id;
        match change.kind() {
            ConfChangeType::AddNode => {
                self.learners.retain(|&other| other != id);
                if !self.voters.contains(&id) {
                    self.voters.push(id);
                }
            }
            ConfChangeType::AddLearnerNode if !self.contains(MemberId(id)) => {
                self.learners.push(id);
            }
            ConfChangeType::RemoveNode => {
                self.voters.retain(|&other| other != id);
                self.learners.retain(|&other| other != id);
            }
            _ => {}
        }
    }

    /// Returns whether the member is a voter or a learner.
    pub fn contains(&self, MemberId(id): MemberId) -> bool {
        self.voters.contains(&id) || self.learners.contains(&id)
    }
}

fn sorted(ids: &[u64]) -> Vec<u64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// The kind of a [`ConfChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfChangeType {
    /// 0: adds a voter, or promotes a learner.
    AddNode,
    /// 1: removes a member; its id is never used again.
    RemoveNode,
    /// 2: changes the peer URLs of a member.
    UpdateNode,
    /// 3: adds a member that does not vote.
    AddLearnerNode,
    /// Anything else.
    Other(i32),
}

impl ConfChangeType {
    /// Converts the number in the message.
    pub fn from_raw(raw: i32) -> Self {
        match raw {
            0 => Self::AddNode,
            1 => Self::RemoveNode,
            2 => Self::UpdateNode,
            3 => Self::AddLearnerNode,
            other => Self::Other(other),
        }
    }

    /// Returns the name that raft uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddNode => "AddNode",
            Self::RemoveNode => "RemoveNode",
            Self::UpdateNode => "UpdateNode",
            Self::AddLearnerNode => "AddLearnerNode",
            Self::Other(_) => "unknown",
        }
    }
}

/// A change of one member: raftpb.ConfChange, the payload of an entry of type 1.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfChange {
    /// The proposal's id; 0 at bootstrap and in changes that `--force-new-cluster` appends.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The raw number; see [`ConfChange::kind`].
    #[prost(int32, tag = "2")]
    pub r#type: i32,
    /// The member to change.
    #[prost(uint64, tag = "3")]
    pub node_id: u64,
    /// Member JSON, absent for a removal; see [`ConfChange::member`].
    #[prost(bytes = "vec", tag = "4")]
    pub context: Vec<u8>,
}

impl ConfChange {
    /// Reads a serialized raftpb.ConfChange.
    ///
    /// # Errors
    /// Returns the error of prost if the bytes are not protobuf or a field has the wrong wire type.
    pub fn parse(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }

    /// Returns the kind of the change.
    pub fn kind(&self) -> ConfChangeType {
        ConfChangeType::from_raw(self.r#type)
    }

    /// Returns whether etcd itself may have written it at a start with `--force-new-cluster`: such a change has no id of a proposal.
    /// Source: createConfigChangeEnts in `server/etcdserver/raft.go`, v3.5.30.
    pub fn is_of_forced_start(&self) -> bool {
        let kinds = [ConfChangeType::RemoveNode, ConfChangeType::AddNode];
        self.id == 0 && kinds.contains(&self.kind())
    }

    /// Parses the member in the context; `None` if the context is empty.
    pub fn member(&self) -> Option<Result<MemberContext, serde_json::Error>> {
        (!self.context.is_empty()).then(|| serde_json::from_slice(&self.context))
    }

    /// Returns whether it promotes a learner.
    /// `IsPromote` of `ConfigChangeContext` in `server/etcdserver/api/membership/cluster.go`, v3.5.30.
    pub fn is_promotion(&self) -> bool {
        matches!(self.member(), Some(Ok(member)) if member.is_promote)
    }
}

/// One step of a [`ConfChangeV2`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfChangeSingle {
    /// The raw number of a [`ConfChangeType`].
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    /// The member to change.
    #[prost(uint64, tag = "2")]
    pub node_id: u64,
}

/// Several changes at once: raftpb.ConfChangeV2. etcd never proposes one, and panics when it applies one.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfChangeV2 {
    /// 0 auto, 1 joint implicit, 2 joint explicit.
    #[prost(int32, tag = "1")]
    pub transition: i32,
    /// The steps.
    #[prost(message, repeated, tag = "2")]
    pub changes: Vec<ConfChangeSingle>,
    /// Context chosen by the proposer.
    #[prost(bytes = "vec", tag = "3")]
    pub context: Vec<u8>,
}

impl ConfChangeV2 {
    /// Reads a serialized raftpb.ConfChangeV2.
    ///
    /// # Errors
    /// Returns the error of prost if the bytes are not protobuf or a field has the wrong wire type.
    pub fn parse(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }
}

/// The JSON in the context of a change: membership.Member with the flags of ConfigChangeContext.
///
/// Source: `server/etcdserver/api/membership/cluster.go`, v3.5.30.
///
/// ```
/// use etcd_inspect_raftlog::raft::MemberContext;
/// let json = r#"{"id":10501334649042878790,"peerURLs":null,"isPromote":true}"#;
/// let member: MemberContext = serde_json::from_str(json).expect("the context of a promotion");
/// assert_eq!(member.id, 10_501_334_649_042_878_790);
/// assert!(member.peer_urls.is_empty() && member.is_promote);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MemberContext {
    /// The member id; up to 2⁶⁴−1, which most JSON readers round.
    #[serde(default)]
    pub id: u64,
    /// URLs for other members; a promotion has `null`, which is read as empty.
    #[serde(default, rename = "peerURLs", deserialize_with = "null_is_empty")]
    pub peer_urls: Vec<String>,
    /// Whether the member is a learner; the field is absent if it is not.
    #[serde(default, rename = "isLearner")]
    pub is_learner: bool,
    /// Whether the change promotes a learner.
    #[serde(default, rename = "isPromote")]
    pub is_promote: bool,
    /// The name; absent if the member was added but never started.
    #[serde(default)]
    pub name: String,
    /// URLs for clients; absent if the member never started.
    #[serde(default, rename = "clientURLs", deserialize_with = "null_is_empty")]
    pub client_urls: Vec<String>,
}

fn null_is_empty<'de, D>(deserializer: D) -> Result<Vec<String>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let urls: Option<Vec<String>> = serde::Deserialize::deserialize(deserializer)?;
    Ok(urls.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conf_state_reads_packed_and_unpacked_ids() {
        let unpacked = ConfState::decode(&[0x08, 1, 0x08, 2, 0x28, 0][..]).unwrap();
        let packed = ConfState::decode(&[0x0a, 2, 2, 1][..]).unwrap();
        assert_eq!(unpacked.voters, [1, 2]);
        assert!(unpacked.same_members(&packed));
        assert!(!unpacked.is_joint());
    }

    #[test]
    fn a_removal_has_no_member() {
        let change = ConfChange::parse(&[0x08, 0, 0x10, 1, 0x18, 7]).unwrap();
        assert_eq!(
            (change.kind(), change.node_id),
            (ConfChangeType::RemoveNode, 7)
        );
        assert!(change.member().is_none());
    }
}
