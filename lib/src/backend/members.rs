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
        cluster.read_members(db, sink);
        cluster.read_removed(db, sink);
        cluster.read_versions(db, sink);
        cluster
    }

    fn read_members(&mut self, db: &Db<'_>, sink: &mut Sink<'_>) {
        let mut items = Vec::new();
        each(db, b"members", sink, &mut |item| items.push(item));
        let bytes = db.file();
        for item in items {
            let place = value_place(bytes.file(), &item);
            match ClusterMember::parse(item.key, item.value) {
                Some(member) => self.members.push(ClusterMember {
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
    }

    /// The value is the word "removed", or whatever: only the key counts. `readMembersFromBackend` in
    /// `server/etcdserver/api/membership/store.go`, v3.5.30.
    fn read_removed(&mut self, db: &Db<'_>, sink: &mut Sink<'_>) {
        let mut items = Vec::new();
        each(db, b"members_removed", sink, &mut |item| items.push(item));
        let bytes = db.file();
        for item in items {
            match id_of(item.key) {
                Some(id) => self.removed.push(id),
                None => {
                    let finding = Finding::new(
                        &codes::MEMBER_KEY,
                        value_place(bytes.file(), &item),
                        "the key of a removed member is no id",
                    );
                    sink(finding.seen(excerpt(item.key), "hexadecimal without leading zeros"));
                }
            }
        }
    }

    /// Reads the bucket `cluster`.
    /// `clusterVersionFromBackend` and `downgradeInfoFromBackend` in `server/etcdserver/api/membership/cluster.go`, v3.5.30.
    fn read_versions(&mut self, db: &Db<'_>, sink: &mut Sink<'_>) {
        let mut items = Vec::new();
        each(db, b"cluster", sink, &mut |item| items.push(item));
        let bytes = db.file();
        for item in items {
            let (what, is_read, expected) = match item.key {
                b"clusterVersion" => {
                    self.cluster_version = std::str::from_utf8(item.value)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    let is_read = self.cluster_version.is_some();
                    ("clusterVersion", is_read, "a version such as 3.5.0")
                }
                b"downgrade" => {
                    self.downgrade = json_object(item.value);
                    let is_read = self.downgrade.is_some();
                    ("downgrade", is_read, "JSON with target-version")
                }
                _ => continue,
            };
            if !is_read {
                let place = value_place(bytes.file(), &item);
                bad(
                    sink,
                    &codes::CLUSTER_VERSION,
                    place,
                    what,
                    item.value,
                    expected,
                );
            }
        }
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
/// `backendMemberKey` and `mustParseMemberIDFromBytes` in `server/etcdserver/api/membership/store.go`, v3.5.30.
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
