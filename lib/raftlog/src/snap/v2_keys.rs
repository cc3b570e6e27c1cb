//! Keys and values of v2 clients in the v2 store: those of the tree, and those that the last events name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A key of a v2 client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct V2Key {
    /// Its path in the store: `/1/` and the path that the client used.
    pub path: String,
    /// Its value; empty if it was deleted.
    pub value: String,
    /// Whether this is the deletion of the key.
    pub deleted: bool,
}

#[derive(Deserialize)]
struct KeysDocument {
    #[serde(rename = "Root")]
    root: KeyNode,
    #[serde(default, rename = "WatcherHub")]
    hub: Option<Hub>,
}

#[derive(Deserialize)]
struct KeyNode {
    #[serde(default, rename = "Value")]
    value: String,
    #[serde(default, rename = "Children")]
    children: Option<BTreeMap<String, KeyNode>>,
}

#[derive(Default, Deserialize)]
struct Hub {
    #[serde(default, rename = "EventHistory")]
    history: Option<History>,
}

#[derive(Default, Deserialize)]
struct History {
    #[serde(default, rename = "Queue")]
    queue: Option<Queue>,
}

#[derive(Default, Deserialize)]
struct Queue {
    #[serde(default, rename = "Events")]
    events: Option<Vec<Option<Event>>>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    action: String,
    #[serde(default)]
    node: Option<EventNode>,
    #[serde(default, rename = "prevNode")]
    before: Option<EventNode>,
}

#[derive(Deserialize)]
struct EventNode {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    dir: bool,
}

/// Returns the keys of v2 clients in the JSON of a snapshot, by path; empty if it cannot be parsed. Keys below `/0` are those of
/// etcd itself.
///
/// The last thousand events are in the store too: `server/etcdserver/api/v2store/event_history.go`, v3.5.30. etcd 3.6 writes
/// only those that it made up.
///
/// ```
/// let json = br#"{"Root":{"Children":{"1":{"Children":{"a":{"Value":"x"}}}}}}"#;
/// let keys = etcd_inspect_raftlog::snap::v2_keys(json);
/// assert_eq!((keys[0].path.as_str(), keys[0].value.as_str()), ("/1/a", "x"));
/// ```
pub fn v2_keys(json: &[u8]) -> Vec<V2Key> {
    let Ok(document) = serde_json::from_slice::<KeysDocument>(json) else {
        return Vec::new();
    };
    let mut keys = BTreeSet::new();
    for (name, node) in document.root.children.iter().flatten() {
        if name != "0" {
            below(&format!("/{name}"), node, &mut keys);
        }
    }
    let queue = document.hub.and_then(|hub| hub.history?.queue?.events);
    for event in queue.into_iter().flatten().flatten() {
        let is_deletion = matches!(
            event.action.as_str(),
            "delete" | "expire" | "compareAndDelete"
        );
        if let Some(node) = event.node {
            keys.extend(of_event(node, is_deletion));
        }
        if let Some(node) = event.before {
            keys.extend(of_event(node, false));
        }
    }
    keys.into_iter().collect()
}

fn of_event(node: EventNode, deleted: bool) -> Option<V2Key> {
    if node.dir || node.key.starts_with("/0/") || node.key == "/0" || node.key.is_empty() {
        return None;
    }
    let value = match (deleted, node.value) {
        (true, _) => String::new(),
        (false, value) => value?,
    };
    Some(V2Key {
        path: node.key,
        value,
        deleted,
    })
}

fn below(path: &str, node: &KeyNode, keys: &mut BTreeSet<V2Key>) {
    match &node.children {
        Some(children) => {
            for (name, node) in children {
                below(&format!("{path}/{name}"), node, keys);
            }
        }
        None => {
            keys.insert(V2Key {
                path: path.to_owned(),
                value: node.value.clone(),
                deleted: false,
            });
        }
    }
}
