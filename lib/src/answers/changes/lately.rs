//! What happened lately, in a few lines: changes of one kind that belong together are one line.

use std::collections::BTreeMap;

use super::{ChangeOp, ChangeRow};
use crate::clock::WriteTime;
use crate::member::VersionWriter;

/// Why a line is worth reading first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LatelyKind {
    /// A namespace was deleted.
    NamespaceDeleted,
    /// The number of replicas of one object was changed.
    Scaled,
    /// Objects of one kind were deleted.
    Deleted,
    /// The spec of one object was changed.
    Changed,
    /// Objects of one kind were created.
    Created,
}

/// Changes that belong together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LatelyRow {
    /// What they are.
    pub kind: LatelyKind,
    /// One sentence without its time: `82 pods deleted in prod`.
    pub text: String,
    /// Number of changed keys.
    pub count: usize,
    /// The first revision.
    pub first: i64,
    /// The last revision.
    pub last: i64,
    /// When the first was written.
    pub from: Option<WriteTime>,
    /// When the last was written.
    pub to: Option<WriteTime>,
    /// The key of the last one.
    pub key: Vec<u8>,
}

/// Changes of one group while they are collected.
struct JoinedChanges {
    row: LatelyRow,
    object: String,
    resource: String,
    namespaces: Vec<String>,
    detail: String,
    who: Option<String>,
    is_kind: bool,
}

/// Folds changes, oldest first, into lines: namespaces that were deleted, objects that were scaled, deletions and creations of a
/// kind, other changes of an object. Changes of what other objects make are joined by kind. Writes of unknown revision, and Events and Leases, are left out.
pub fn lately(rows: &[ChangeRow<'_>]) -> Vec<LatelyRow> {
    let mut groups: BTreeMap<(LatelyKind, String), JoinedChanges> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_placed()) {
        if matches!(row.kind.as_str(), "Event" | "Lease") {
            continue;
        }
        let (kind, of) = kind_of(row);
        let group = groups
            .entry((kind, of))
            .or_insert_with(|| JoinedChanges::new(kind, row));
        group.add(row);
    }
    let mut lines: Vec<LatelyRow> = groups.into_values().map(JoinedChanges::finished).collect();
    lines.sort_by(|a, b| {
        a.kind
            .cmp(&b.kind)
            .then(b.count.cmp(&a.count))
            .then(b.last.cmp(&a.last))
    });
    lines
}

/// Kinds whose objects other objects make and change: each of their changes says little.
const DERIVED: [&str; 7] = [
    "ReplicaSet",
    "ReplicationController",
    "Endpoints",
    "EndpointSlice",
    "ControllerRevision",
    "Pod",
    "Node",
];

/// What a change is, and by what it is joined with others.
fn kind_of(row: &ChangeRow<'_>) -> (LatelyKind, String) {
    let object = || format!("{}/{}", row.kind, row.name);
    match row.op {
        ChangeOp::Delete if row.kind == "Namespace" => (LatelyKind::NamespaceDeleted, object()),
        ChangeOp::Delete => (LatelyKind::Deleted, row.kind.clone()),
        ChangeOp::Create => (LatelyKind::Created, row.kind.clone()),
        _ if DERIVED.contains(&row.kind.as_str()) => (LatelyKind::Changed, row.kind.clone()),
        _ if row.paths().iter().any(|path| path == "spec.replicas") => {
            (LatelyKind::Scaled, object())
        }
        ChangeOp::Update | ChangeOp::Put => (LatelyKind::Changed, object()),
    }
}

impl JoinedChanges {
    fn new(kind: LatelyKind, row: &ChangeRow<'_>) -> Self {
        Self {
            row: LatelyRow {
                kind,
                text: String::new(),
                count: 0,
                first: row.revision(),
                last: row.revision(),
                from: row.time,
                to: row.time,
                key: Vec::new(),
            },
            object: match row.kind.is_empty() {
                true => row.name.clone(),
                false => format!("{} {}", row.kind, row.name),
            },
            resource: row.kind.clone(),
            namespaces: Vec::new(),
            detail: String::new(),
            who: None,
            is_kind: DERIVED.contains(&row.kind.as_str()),
        }
    }

    fn add(&mut self, row: &ChangeRow<'_>) {
        let own = &mut self.row;
        own.count = own.count.saturating_add(row.keys);
        (own.last, own.to) = (row.revision(), row.time);
        own.key = row.key().to_vec();
        if let Some(namespace) = &row.namespace
            && !self.namespaces.contains(namespace)
        {
            self.namespaces.push(namespace.clone());
        }
        self.who = row.who.as_ref().map(VersionWriter::shown);
        let mut parts = row.changed.split(", ");
        self.detail = match own.kind {
            LatelyKind::Scaled => parts
                .find(|part| part.starts_with("spec.replicas "))
                .unwrap_or_default()
                .to_owned(),
            _ => parts
                .filter(|part| !part.starts_with("metadata.generation "))
                .collect::<Vec<_>>()
                .join(", "),
        };
    }

    fn finished(mut self) -> LatelyRow {
        let count = self.row.count;
        let times = match count {
            1 => String::new(),
            count => format!(" {count} times"),
        };
        let many = match (self.resource.as_str(), count) {
            ("", 1) => "1 key".to_owned(),
            ("", count) => format!("{count} keys"),
            (kind, 1) => format!("1 {kind}"),
            (kind, count) => format!("{count} {}", plural(kind)),
        };
        let within = match self.namespaces.as_slice() {
            [] => String::new(),
            [one] => format!(" in {one}"),
            several => format!(" in {} namespaces", several.len()),
        };
        let last = match self.detail.as_str() {
            "" => String::new(),
            detail => format!(": {detail}"),
        };
        let by = match &self.who {
            Some(who) => format!(" by {who}"),
            None => String::new(),
        };
        self.row.text = match self.row.kind {
            LatelyKind::NamespaceDeleted => format!("{} deleted", self.object),
            LatelyKind::Scaled => format!("{} scaled{times}{by}{last}", self.object),
            LatelyKind::Deleted => format!("{many} deleted{within}"),
            LatelyKind::Created => format!("{many} created{within}"),
            LatelyKind::Changed if self.is_kind => {
                format!("{} changed{times}{within}", plural(&self.resource))
            }
            LatelyKind::Changed => format!("{} changed{times}{by}{last}", self.object),
        };
        self.row
    }
}

/// Several of a kind: `Pods`, `NetworkPolicies`, `Endpoints`.
fn plural(kind: &str) -> String {
    let is_vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u');
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(is_vowel) => format!("{stem}ies"),
        _ if kind.ends_with("ss") || kind.ends_with('x') || kind.ends_with("ch") => {
            format!("{kind}es")
        }
        _ if kind.ends_with('s') => kind.to_owned(),
        _ => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn kinds_have_their_plurals() {
        for (one, many) in [
            ("Pod", "Pods"),
            ("NetworkPolicy", "NetworkPolicies"),
            ("Ingress", "Ingresses"),
            ("Endpoints", "Endpoints"),
            ("Gateway", "Gateways"),
        ] {
            assert_eq!(plural(one), many);
        }
    }
}
