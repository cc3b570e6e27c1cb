//! etcd's own buckets, as the release of the evidence would have written them. Source: etcd `server/storage/schema/`.

use prost::Message as _;

use super::Salvage;
use crate::backend::EtcdVersion;
use crate::mvcc::{Revision, StoredKey};
use crate::raft::auth::Permission;
use crate::recover::{MemberInfo, State};

/// Entries of one bucket, in key order.
pub(super) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// leasepb.Lease.
#[derive(Clone, PartialEq, prost::Message)]
struct LeaseMessage {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
    #[prost(int64, tag = "3")]
    remaining_ttl: i64,
}

/// authpb.User.
#[derive(Clone, PartialEq, prost::Message)]
struct UserMessage {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    password: Vec<u8>,
    #[prost(string, repeated, tag = "3")]
    roles: Vec<String>,
    #[prost(message, optional, tag = "4")]
    options: Option<crate::raft::auth::UserAddOptions>,
}

/// authpb.Role.
#[derive(Clone, PartialEq, prost::Message)]
struct RoleMessage {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    permissions: Vec<Permission>,
}

/// A member, with the names of the fields and in the order that etcd writes.
#[derive(serde::Serialize)]
struct MemberJson<'s> {
    id: u64,
    #[serde(rename = "peerURLs")]
    peer_urls: &'s [String],
    #[serde(rename = "isLearner", skip_serializing_if = "std::ops::Not::not")]
    is_learner: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'s str,
    #[serde(rename = "clientURLs", skip_serializing_if = "<[String]>::is_empty")]
    client_urls: &'s [String],
}

impl Salvage<'_> {
    /// The version that all members support, by what the evidence says.
    pub(super) fn version(&self) -> Option<EtcdVersion> {
        let cluster = self.state.members.cluster_version.as_deref();
        let storage = self.storage_version.as_deref();
        cluster
            .and_then(|text| text.parse().ok())
            .or_else(|| storage?.parse().ok())
            .or_else(|| self.member.identity().version)
    }

    /// `meta`: how far the store is. `snapshot restore` writes its own index and term.
    pub(super) fn meta(&self) -> Entries {
        let (index, term) = self.applied;
        let mut meta: Entries = vec![(
            b"consistent_index".to_vec(),
            index.get().to_be_bytes().to_vec(),
        )];
        let before_3_5 = self
            .version()
            .is_some_and(|version| (version.major, version.minor) < (3, 5));
        if term != 0 && !before_3_5 {
            meta.push((b"term".to_vec(), term.get().to_be_bytes().to_vec()));
            meta.push((b"confState".to_vec(), conf_state(&self.state)));
        }
        if let Some(compacted) = self.compact_revision {
            let revision = StoredKey {
                revision: Revision::new(compacted, 0),
                tombstone: false,
            };
            // Both: the compaction is done, for what it removes is not in the file.
            meta.push((b"finishedCompactRev".to_vec(), revision.to_bytes()));
            meta.push((b"scheduledCompactRev".to_vec(), revision.to_bytes()));
        }
        if let Some(version) = &self.storage_version {
            meta.push((b"storageVersion".to_vec(), version.clone().into_bytes()));
        }
        meta.sort();
        meta
    }
}

fn conf_state(state: &State) -> Vec<u8> {
    let ids = |learners: bool| -> Vec<u64> {
        let of_kind =
            |(id, member): (&u64, &MemberInfo)| (member.is_learner == learners).then_some(*id);
        state.members.members.iter().filter_map(of_kind).collect()
    };
    let mut json = serde_json::Map::new();
    json.insert("voters".to_owned(), ids(false).into());
    if !ids(true).is_empty() {
        json.insert("learners".to_owned(), ids(true).into());
    }
    json.insert("auto_leave".to_owned(), false.into());
    serde_json::Value::Object(json).to_string().into_bytes()
}

/// `lease`.
pub(super) fn leases(state: &State) -> Entries {
    let entry = |(id, lease): (&i64, &crate::recover::ReplayedLease)| {
        let message = LeaseMessage {
            id: *id,
            ttl: lease.ttl,
            remaining_ttl: lease.remaining_ttl,
        };
        (id.to_be_bytes().to_vec(), message.encode_to_vec())
    };
    let mut entries: Entries = state.leases.0.iter().map(entry).collect();
    entries.sort();
    entries
}

/// `auth`.
pub(super) fn auth(state: &State) -> Entries {
    let users = &state.users;
    let mut entries = Vec::new();
    if users.enabled || !users.users.is_empty() {
        entries.push((b"authEnabled".to_vec(), vec![u8::from(users.enabled)]));
    }
    let revision = users.revision.max(1).to_be_bytes().to_vec();
    entries.push((b"authRevision".to_vec(), revision));
    entries
}

/// `authUsers`.
pub(super) fn users(state: &State) -> Entries {
    let entry = |(name, user): (&String, &crate::recover::User)| {
        let message = UserMessage {
            name: name.clone().into_bytes(),
            password: user.password.clone(),
            roles: user.roles.clone(),
            options: Some(crate::raft::auth::UserAddOptions {
                no_password: user.no_password,
            }),
        };
        (name.clone().into_bytes(), message.encode_to_vec())
    };
    state.users.users.iter().map(entry).collect()
}

/// `authRoles`.
pub(super) fn roles(state: &State) -> Entries {
    let entry = |(name, permissions): (&String, &Vec<Permission>)| {
        let message = RoleMessage {
            name: name.clone().into_bytes(),
            permissions: permissions.clone(),
        };
        (name.clone().into_bytes(), message.encode_to_vec())
    };
    state.users.roles.iter().map(entry).collect()
}

/// `members`.
pub(super) fn members(state: &State) -> Entries {
    let entry = |(id, member): (&u64, &MemberInfo)| {
        let json = MemberJson {
            id: *id,
            peer_urls: &member.peer_urls,
            is_learner: member.is_learner,
            name: &member.name,
            client_urls: &member.client_urls,
        };
        let json = serde_json::to_vec(&json).unwrap_or_default();
        (format!("{id:x}").into_bytes(), json)
    };
    let mut entries: Entries = state.members.members.iter().map(entry).collect();
    entries.sort();
    entries
}

/// `members_removed`.
pub(super) fn removed(state: &State) -> Entries {
    let removed = state.members.removed.iter();
    let mut entries: Entries = removed
        .map(|id| (format!("{id:x}").into_bytes(), b"removed".to_vec()))
        .collect();
    entries.sort();
    entries
}

/// `cluster`.
pub(super) fn cluster(state: &State) -> Entries {
    let version = state.members.cluster_version.iter();
    version
        .map(|version| (b"clusterVersion".to_vec(), version.clone().into_bytes()))
        .collect()
}
