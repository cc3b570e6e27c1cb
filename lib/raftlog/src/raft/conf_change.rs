//! Who votes: raftpb.ConfState, ConfChange, ConfChangeV2, and the Member JSON that etcd puts beside a change.

use located::MemberId;
use prost::Message as _;

/// The voters and learners of a configuration: raftpb.ConfState. The order of ids means nothing.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfState {
    /// Members that vote.
    #[prost(uint64, repeated, packed = "false", tag = "1")]
    pub voters: Vec<u64>,
    /// Members that only receive the log.
    #[prost(uint64, repeated, packed = "false", tag = "2")]
    pub learners: Vec<u64>,
    /// The old voters of a joint configuration; etcd never writes one.
    #[prost(uint64, repeated, packed = "false", tag = "3")]
    pub voters_outgoing: Vec<u64>,
    /// Learners to be when a joint configuration ends; etcd never writes one.
    #[prost(uint64, repeated, packed = "false", tag = "4")]
    pub learners_next: Vec<u64>,
    /// Whether a joint configuration ends by itself; etcd never sets it.
    #[prost(bool, tag = "5")]
    pub auto_leave: bool,
}

impl ConfState {
    /// Whether it is a joint configuration: impossible in data that etcd wrote.
    pub fn is_joint(&self) -> bool {
        self.auto_leave || !self.voters_outgoing.is_empty() || !self.learners_next.is_empty()
    }

    /// Whether both name the same voters and learners, in any order.
    pub fn same_members(&self, other: &Self) -> bool {
        sorted(&self.voters) == sorted(&other.voters)
            && sorted(&self.learners) == sorted(&other.learners)
    }

    /// Whether `id` votes or learns in it.
    pub fn contains(&self, MemberId(id): MemberId) -> bool {
        self.voters.contains(&id) || self.learners.contains(&id)
    }
}

fn sorted(ids: &[u64]) -> Vec<u64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// What a [`ConfChange`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfChangeType {
    /// 0: add a voter, or promote a learner.
    AddNode,
    /// 1: remove a member for good; its id never comes back.
    RemoveNode,
    /// 2: change a member's peer URLs.
    UpdateNode,
    /// 3: add a member that does not vote.
    AddLearnerNode,
    /// Anything else.
    Other(i32),
}

impl ConfChangeType {
    /// From the number in the message.
    pub fn from_raw(raw: i32) -> Self {
        match raw {
            0 => Self::AddNode,
            1 => Self::RemoveNode,
            2 => Self::UpdateNode,
            3 => Self::AddLearnerNode,
            other => Self::Other(other),
        }
    }

    /// raft's name for it.
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
    /// The member it is about.
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
    /// As prost says: not protobuf, or a field with the wrong wire type.
    pub fn parse(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }

    /// What it does.
    pub fn kind(&self) -> ConfChangeType {
        ConfChangeType::from_raw(self.r#type)
    }

    /// The member that its context describes; `None` where there is no context.
    pub fn member(&self) -> Option<Result<MemberContext, serde_json::Error>> {
        (!self.context.is_empty()).then(|| serde_json::from_slice(&self.context))
    }

    /// Whether it promotes a learner that is already there.
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
    /// The member it is about.
    #[prost(uint64, tag = "2")]
    pub node_id: u64,
}

/// Several changes at once: raftpb.ConfChangeV2. etcd never proposes one, and panics when it meets one.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfChangeV2 {
    /// 0 auto, 1 joint implicit, 2 joint explicit.
    #[prost(int32, tag = "1")]
    pub transition: i32,
    /// The steps.
    #[prost(message, repeated, tag = "2")]
    pub changes: Vec<ConfChangeSingle>,
    /// Whatever the proposer put there.
    #[prost(bytes = "vec", tag = "3")]
    pub context: Vec<u8>,
}

impl ConfChangeV2 {
    /// Reads a serialized raftpb.ConfChangeV2.
    ///
    /// # Errors
    /// As prost says: not protobuf, or a field with the wrong wire type.
    pub fn parse(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }
}

/// The JSON beside a change: membership.Member, with the flags of ConfigChangeContext.
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
    /// Up to 2⁶⁴−1: more than JSON numbers carry elsewhere.
    #[serde(default)]
    pub id: u64,
    /// `null` in a promotion: then empty.
    #[serde(default, rename = "peerURLs", deserialize_with = "null_is_empty")]
    pub peer_urls: Vec<String>,
    /// Omitted where false.
    #[serde(default, rename = "isLearner")]
    pub is_learner: bool,
    /// Whether the change promotes a learner.
    #[serde(default, rename = "isPromote")]
    pub is_promote: bool,
    /// Omitted where empty: a member that was added but never started.
    #[serde(default)]
    pub name: String,
    /// Omitted where empty.
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
