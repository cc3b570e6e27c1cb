//! Buckets `members`, `members_removed` and `cluster`: who belongs to the cluster, and at which version it runs.

use super::value::{bad, each, excerpt, json_object, value_place};
use super::{EtcdVersion, MemberId};
use crate::bolt::Db;
use crate::codes::backend as codes;
use located::Place;
use located::{Finding, Sink};

/// Membership and cluster version.
///
/// etcd 3.6 and newer start from these buckets; 3.4 and 3.5 start from the v2 store of the `.snap` file and only write them, so
/// that both can differ (etcd#13196, etcd#19557, etcd#20793). After a `snapshot restore` by 3.4 they still name the old cluster.
/// Source: `server/etcdserver/api/membership/store.go, v3.5.30`, `server/storage/schema/membership.go, v3.6.14`.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Cluster {
    /// Members, in byte order of their keys.
    pub members: Vec<ClusterMember>,
    /// Ids that were removed for good.
    pub removed: Vec<MemberId>,
    /// Version that all members support; `None` before it was first decided.
    pub cluster_version: Option<EtcdVersion>,
    /// A downgrade that was requested; `None` if there never was one.
    pub downgrade: Option<Downgrade>,
}

/// One member.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ClusterMember {
    /// Its id, from the value.
    pub id: MemberId,
    /// Its name; empty until the member has published itself.
    pub name: String,
    /// URLs at which other members reach it.
    pub peer_urls: Vec<String>,
    /// URLs at which clients reach it; empty until the member has published itself.
    pub client_urls: Vec<String>,
    /// Whether it only receives the log.
    pub is_learner: bool,
    /// The key it is stored under: the id in hexadecimal, without leading zeros.
    #[serde(skip)]
    pub key: Vec<u8>,
    /// Where its value starts.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// The value of `downgrade`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Downgrade {
    /// Version to downgrade to; empty if none is requested.
    #[serde(rename(deserialize = "target-version"))]
    pub target_version: String,
    /// Whether a downgrade is in progress.
    pub enabled: bool,
}

/// Member JSON as etcd writes it; slices may be `null`.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Json {
    id: u64,
    #[serde(rename = "peerURLs")]
    peer_urls: Option<Vec<String>>,
    #[serde(rename = "isLearner")]
    is_learner: bool,
    name: String,
    #[serde(rename = "clientURLs")]
    client_urls: Option<Vec<String>>,
}

impl ClusterMember {
    /// Reads the value of a member.
    fn parse(key: &[u8], value: &[u8]) -> Option<Self> {
        let json: Json = json_object(value)?;
        Some(Self {
            id: MemberId(json.id),
            name: json.name,
            peer_urls: json.peer_urls.unwrap_or_default(),
            client_urls: json.client_urls.unwrap_or_default(),
            is_learner: json.is_learner,
            key: key.to_vec(),
            place: None,
        })
    }
}

impl Cluster {
    /// Reads the three buckets; an unreadable value is reported to `sink` and the others are returned.
    pub fn read(db: &Db<'_>, sink: &mut Sink<'_>) -> Self {
        let mut cluster = Self::default();
        let (mut members, mut removed, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        each(db, b"members", sink, &mut |item| members.push(item));
        each(db, b"members_removed", sink, &mut |item| removed.push(item));
        each(db, b"cluster", sink, &mut |item| keys.push(item));
        let bytes = db.file();
        let file = bytes.file();
        for item in members {
            let place = value_place(file, &item);
            match ClusterMember::parse(item.key, item.value) {
                Some(member) => cluster.members.push(ClusterMember {
                    place: Some(place),
                    ..member
                }),
                None => bad(
                    sink,
                    &codes::MEMBER_UNREADABLE,
                    place,
                    "a member",
                    item.value,
                    "JSON with id and peerURLs",
                ),
            }
        }
        for item in removed {
            match id_of(item.key) {
                Some(id) => cluster.removed.push(id),
                None => {
                    let finding = Finding::new(
                        &codes::MEMBER_KEY,
                        value_place(file, &item),
                        "the key of a removed member is no id",
                    );
                    sink(finding.seen(excerpt(item.key), "hexadecimal without leading zeros"));
                }
            }
        }
        for item in keys {
            let place = value_place(file, &item);
            match item.key {
                b"clusterVersion" => {
                    cluster.cluster_version = std::str::from_utf8(item.value)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    if cluster.cluster_version.is_none() {
                        bad(
                            sink,
                            &codes::CLUSTER_VERSION,
                            place,
                            "clusterVersion",
                            item.value,
                            "a version such as 3.5.0",
                        );
                    }
                }
                b"downgrade" => {
                    cluster.downgrade = json_object(item.value);
                    if cluster.downgrade.is_none() {
                        bad(
                            sink,
                            &codes::CLUSTER_VERSION,
                            place,
                            "downgrade",
                            item.value,
                            "JSON with target-version",
                        );
                    }
                }
                _ => {}
            }
        }
        cluster
    }

    /// The member of that id.
    pub fn member(&self, id: MemberId) -> Option<&ClusterMember> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Whether the id was removed for good.
    pub fn is_removed(&self, id: MemberId) -> bool {
        self.removed.contains(&id)
    }
}

/// Returns the id of a key in the form that etcd writes: hexadecimal in lower case, without leading zeros.
pub(crate) fn id_of(key: &[u8]) -> Option<MemberId> {
    let id: MemberId = std::str::from_utf8(key).ok()?.parse().ok()?;
    (format!("{:x}", id.0).as_bytes() == key).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_beyond_what_a_float_holds_are_read_exactly_and_null_urls_are_none() {
        let json = br#"{"id":18446744073709551615,"peerURLs":null,"isLearner":true,"name":"m1"}"#;
        let member = ClusterMember::parse(b"ffffffffffffffff", json).unwrap();
        assert_eq!(
            (member.id, member.is_learner, member.peer_urls.len()),
            (MemberId(u64::MAX), true, 0)
        );
        assert!(ClusterMember::parse(b"1", b"{\"id\":-1}").is_none());
    }

    #[test]
    fn a_key_is_an_id_without_leading_zeros_in_lower_case() {
        assert_eq!(
            id_of(b"d8812d7cd4d463e"),
            Some(MemberId(0xd88_12d7_cd4d_463e))
        );
        assert_eq!(
            [
                id_of(b"0d8812d7cd4d463e"),
                id_of(b"D8"),
                id_of(b""),
                id_of(b"\xff")
            ],
            [None; 4]
        );
    }
}
