//! The v2 store in a snapshot: members, removed members, cluster version, and keys of v2 clients.

use std::collections::BTreeMap;

use located::MemberId;
use serde::Deserialize;

/// The content of the v2 store of a `.snap` file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Members (`/0/members/<id>`), by ascending id.
    pub members: Vec<StoreMember>,
    /// Removed members (`/0/removed_members/<id>`): their ids are never used again.
    pub removed: Vec<MemberId>,
    /// Cluster version (`/0/version`); absent directly after a restore.
    pub cluster_version: Option<String>,
    /// Paths of v2 keys outside `/0`, except empty folders below `/2`. etcd 3.6 refuses to start on them: AssertNoV2StoreContent
    /// in `server/storage/util.go`, v3.6.14.
    pub custom: Vec<String>,
    /// Paths below `/0` that etcd never writes, and members whose JSON is damaged.
    pub odd: Vec<String>,
    /// Number of nodes in the tree.
    pub nodes: u64,
}

/// A member in the v2 store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreMember {
    /// Its id.
    pub id: MemberId,
    /// Its name; empty until the member started once.
    pub name: String,
    /// URLs for other members.
    pub peer_urls: Vec<String>,
    /// URLs for clients.
    pub client_urls: Vec<String>,
    /// Whether it is a learner.
    pub is_learner: bool,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Root")]
    root: Node,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default, rename = "Value")]
    value: String,
    #[serde(default, rename = "Children")]
    children: Option<BTreeMap<String, Node>>,
}

impl Node {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.as_ref()?.get(name)
    }

    fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        let children = self.children.iter().flatten();
        children.map(|(name, node)| (name.as_str(), node))
    }
}

#[derive(Default, Deserialize)]
struct RaftAttributes {
    #[serde(default, rename = "peerURLs")]
    peer_urls: Option<Vec<String>>,
    #[serde(default, rename = "isLearner")]
    is_learner: bool,
}

#[derive(Default, Deserialize)]
struct PublishedAttributes {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "clientURLs")]
    client_urls: Option<Vec<String>>,
}

impl Store {
    /// Parses the JSON of a snapshot. serde_json bounds its nesting.
    ///
    /// # Errors
    /// Returns the error of serde_json; etcd panics on such a file with `failed to recover from snapshot`.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let Document { root } = serde_json::from_slice(json)?;
        let mut store = Self {
            nodes: count(&root),
            ..Self::default()
        };
        for (name, node) in root.children() {
            match name {
                "0" => store.read_cluster(node),
                // etcd creates these folders itself when the v2 API is enabled.
                "1" => store.all_below("/1", node),
                "2" => store.folders_below(node),
                _ => {
                    store.custom.push(format!("/{name}"));
                    store.all_below(&format!("/{name}"), node);
                }
            }
        }
        store.members.sort_by_key(|member| member.id);
        Ok(store)
    }

    /// `membersFromStore` and `clusterVersionFromStore` in `server/etcdserver/api/membership/cluster.go`, v3.5.30.
    fn read_cluster(&mut self, node: &Node) {
        for (name, node) in node.children() {
            match name {
                "members" => {
                    for (id, node) in node.children() {
                        self.member(id, node);
                    }
                }
                // An id in this list may never join again: a removed member that starts exits with code 0 (etcd#10828).
                "removed_members" => {
                    for (id, _) in node.children() {
                        match id.parse() {
                            Ok(id) => self.removed.push(id),
                            Err(_) => self.odd.push(format!("/0/removed_members/{id}")),
                        }
                    }
                }
                "version" => self.cluster_version = Some(node.value.clone()),
                _ => self.odd.push(format!("/0/{name}")),
            }
        }
    }

    /// `nodeToMember` in `server/etcdserver/api/membership/store.go`, v3.5.30: two values of a member, `raftAttributes` and
    /// `attributes`.
    fn member(&mut self, id: &str, node: &Node) {
        let Ok(number) = id.parse() else {
            self.odd.push(format!("/0/members/{id}"));
            return;
        };
        let raft: RaftAttributes = self.attributes(id, node, "raftAttributes", true);
        let own: PublishedAttributes = self.attributes(id, node, "attributes", false);
        self.members.push(StoreMember {
            id: number,
            name: own.name,
            peer_urls: raft.peer_urls.unwrap_or_default(),
            client_urls: own.client_urls.unwrap_or_default(),
            is_learner: raft.is_learner,
        });
    }

    fn attributes<T>(&mut self, id: &str, node: &Node, name: &str, needed: bool) -> T
    where
        T: Default + for<'de> Deserialize<'de>,
    {
        let parsed = match node.child(name) {
            Some(node) => serde_json::from_str(&node.value).ok(),
            None => (!needed).then(T::default),
        };
        parsed.unwrap_or_else(|| {
            self.odd.push(format!("/0/members/{id}/{name}"));
            T::default()
        })
    }

    fn all_below(&mut self, path: &str, node: &Node) {
        for (name, node) in node.children() {
            let path = format!("{path}/{name}");
            self.all_below(&path, node);
            self.custom.push(path);
        }
    }

    /// Collects paths below `/2` (v2 authentication), where etcd creates empty folders itself.
    fn folders_below(&mut self, node: &Node) {
        for (name, node) in node.children() {
            let path = format!("/2/{name}");
            let had = self.custom.len();
            self.all_below(&path, node);
            if self.custom.len() > had {
                self.custom.push(path);
            }
        }
    }
}

fn count(node: &Node) -> u64 {
    node.children()
        .map(|(_, node)| count(node))
        .fold(1, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"Root":{"Path":"/","Value":"","Children":{
        "0":{"Path":"/0","Value":"","Children":{
            "members":{"Path":"","Value":"","Children":{
                "cd4841fafeb0ac6":{"Path":"","Value":"","Children":{
                    "attributes":{"Path":"","Value":"{\"name\":\"m1\",\"clientURLs\":[\"http://a\"]}","Children":null},
                    "raftAttributes":{"Path":"","Value":"{\"peerURLs\":[\"http://p\"],\"isLearner\":true}","Children":null}}}}},
            "removed_members":{"Path":"","Value":"","Children":{"ff":{"Path":"","Value":"","Children":null}}},
            "version":{"Path":"","Value":"3.5.0","Children":null}}},
        "1":{"Path":"/1","Value":"","Children":{}},
        "2":{"Path":"/2","Value":"","Children":{"users":{"Path":"","Value":"","Children":{}}}}}},
        "WatcherHub":{"EventHistory":{"Queue":{"Events":[null,null]}}},"CurrentIndex":1,"Stats":{},"CurrentVersion":2}"#;

    #[test]
    fn members_are_joined_from_their_two_values() {
        let store = Store::parse(JSON.as_bytes()).unwrap();
        let member = &store.members[0];
        assert_eq!(
            (member.id, member.name.as_str()),
            (MemberId(0x0cd4_841f_afeb_0ac6), "m1")
        );
        assert!(member.is_learner && member.peer_urls == ["http://p"]);
        assert_eq!(
            (store.removed.as_slice(), store.cluster_version.as_deref()),
            (&[MemberId(255)][..], Some("3.5.0"))
        );
        assert!(store.custom.is_empty() && store.odd.is_empty(), "{store:?}");
    }

    #[test]
    fn keys_of_v2_clients_are_custom_content() {
        let json = JSON.replace(
            r#""1":{"Path":"/1","Value":"","Children":{}}"#,
            r#""1":{"Children":{"foo":{"Value":"x"}}}"#,
        );
        assert_eq!(Store::parse(json.as_bytes()).unwrap().custom, ["/1/foo"]);
    }

    #[test]
    fn endless_nesting_is_an_error() {
        let deep = format!("{{\"Root\":{}", "{\"Children\":{\"a\":".repeat(100_000));
        assert!(Store::parse(deep.as_bytes()).is_err());
    }
}
