//! The fields of one object that the rules need; the object itself is not kept.

use std::borrow::Cow;
use std::sync::Arc;

use crate::kubernetes::key::Key;
use crate::kubernetes::{Flat, FlatValue, ObjectParts};
use crate::mvcc::Version;

/// What is read of a version that is no longer the newest.
pub(super) static UID: ObjectParts = ObjectParts::only(&[(
    "metadata",
    ObjectParts::only(&[("uid", ObjectParts::WHOLE)]),
)]);

/// What is read of every live object.
pub(super) static OF_ALL: ObjectParts = ObjectParts::only(&[
    ("apiVersion", ObjectParts::WHOLE),
    ("kind", ObjectParts::WHOLE),
    (
        "metadata",
        ObjectParts::only(&[
            ("name", ObjectParts::WHOLE),
            ("namespace", ObjectParts::WHOLE),
            ("uid", ObjectParts::WHOLE),
            ("resourceVersion", ObjectParts::WHOLE),
            ("deletionTimestamp", ObjectParts::WHOLE),
            ("ownerReferences", ObjectParts::WHOLE),
            ("finalizers", ObjectParts::WHOLE),
        ]),
    ),
]);

/// One live object: a hundred thousand of them are in memory together, so a text that the key has too is that of the key.
pub(super) struct ObjectFacts<'a> {
    pub(super) version: Version<'a>,
    pub(super) value_bytes: usize,
    pub(super) lease: i64,
    /// Registry path: `pods`, `example.com/widgets`.
    pub(super) path: &'a str,
    pub(super) builtin_kind: Option<&'static str>,
    pub(super) key_namespace: Option<&'a str>,
    pub(super) key_name: &'a str,
    pub(super) kind: Cow<'a, str>,
    pub(super) namespace: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) uid: Arc<str>,
    pub(super) owners: Box<[Owner]>,
    /// `metadata.deletionTimestamp`, if finalizers are left.
    pub(super) waits_since: Option<jiff::Timestamp>,
    /// Whether this is a namespace in the phase Terminating.
    pub(super) is_terminating: bool,
    /// What few objects have.
    rare: Option<Box<Rare>>,
}

#[derive(Default, PartialEq, Eq)]
struct Rare {
    finalizers: Vec<String>,
    resource_version: String,
    addresses: Vec<String>,
    lost_versions: Vec<String>,
}

/// An ownerReference.
pub(super) struct Owner {
    pub(super) kind: Box<str>,
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
}

/// The text at a path; empty if there is none.
pub(super) fn text<'f>(value: Option<FlatValue<'f>>, path: &str) -> &'f str {
    let found = value.and_then(|value| value.path(path)?.text());
    found.unwrap_or_default()
}

fn list<'f>(value: Option<FlatValue<'f>>, path: &str) -> impl Iterator<Item = FlatValue<'f>> {
    let found = value.and_then(|value| value.path(path));
    found.into_iter().flat_map(FlatValue::items)
}

fn texts(value: Option<FlatValue<'_>>, path: &str) -> Vec<String> {
    let texts = list(value, path).filter_map(FlatValue::text);
    texts.map(str::to_owned).collect()
}

/// `known` if it is the same text.
fn shared<'a>(text: &str, known: Option<&'a str>) -> Cow<'a, str> {
    match known.filter(|known| *known == text) {
        Some(known) => Cow::Borrowed(known),
        None if text.is_empty() => Cow::Borrowed(""),
        None => Cow::Owned(text.to_owned()),
    }
}

/// Whether the rules ask for more than [`OF_ALL`] of an object of that kind.
pub(super) fn needs_whole(key: &Key<'_>, flat: &Flat) -> bool {
    let kind = text(flat.root(), "kind");
    key.path == "namespaces" || matches!(kind, "Service" | "CustomResourceDefinition")
}

impl<'a> ObjectFacts<'a> {
    /// Takes them from a live version whose value decoded to `flat`, in the stored form.
    pub(super) fn new(version: Version<'a>, key: &Key<'a>, flat: &Flat) -> Self {
        let kv = version.key_value().unwrap_or_default();
        let object = flat.root();
        let kind = text(object, "kind");
        let finalizers = texts(object, "metadata.finalizers");
        let deleted = text(object, "metadata.deletionTimestamp").parse().ok();
        let waits_since = deleted.filter(|_| !finalizers.is_empty());
        let owner = |owner: FlatValue<'_>| Owner {
            kind: text(Some(owner), "kind").into(),
            name: text(Some(owner), "name").into(),
            uid: text(Some(owner), "uid").into(),
        };
        let rare = Rare {
            finalizers: match waits_since {
                Some(_) => finalizers,
                None => Vec::new(),
            },
            resource_version: text(object, "metadata.resourceVersion").to_owned(),
            addresses: match kind {
                "Service" => addresses(object),
                _ => Vec::new(),
            },
            lost_versions: match kind {
                "CustomResourceDefinition" => lost_versions(object),
                _ => Vec::new(),
            },
        };
        let builtin_kind = key.builtin.map(|resource| resource.kind);
        Self {
            version,
            value_bytes: kv.value.len(),
            lease: kv.lease,
            path: key.path,
            builtin_kind,
            key_namespace: key.namespace,
            key_name: key.name,
            kind: shared(kind, builtin_kind),
            namespace: shared(text(object, "metadata.namespace"), key.namespace),
            name: shared(text(object, "metadata.name"), Some(key.name)),
            uid: text(object, "metadata.uid").into(),
            owners: list(object, "metadata.ownerReferences")
                .map(owner)
                .collect(),
            waits_since,
            is_terminating: key.path == "namespaces"
                && text(object, "status.phase") == "Terminating",
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
        }
    }

    /// `pods/shop/web-1`.
    pub(super) fn resource_name(&self) -> String {
        match self.key_namespace {
            Some(namespace) => format!("{}/{namespace}/{}", self.path, self.key_name),
            None => format!("{}/{}", self.path, self.key_name),
        }
    }

    /// What an object that was deleted waits for.
    pub(super) fn finalizers(&self) -> &[String] {
        self.rare.as_ref().map_or(&[], |rare| &rare.finalizers)
    }

    /// The stored `metadata.resourceVersion`; normally empty.
    pub(super) fn resource_version(&self) -> &str {
        self.rare.as_ref().map_or("", |rare| &rare.resource_version)
    }

    /// Of a Service: `cluster IP 10.96.0.1`, `node port 30080 TCP`.
    pub(super) fn addresses(&self) -> &[String] {
        self.rare.as_ref().map_or(&[], |rare| &rare.addresses)
    }

    /// Names in `status.storedVersions` that `spec.versions` lacks.
    pub(super) fn lost_versions(&self) -> &[String] {
        self.rare.as_ref().map_or(&[], |rare| &rare.lost_versions)
    }
}

fn addresses(service: Option<FlatValue<'_>>) -> Vec<String> {
    let single = service.and_then(|service| service.path("spec.clusterIP"));
    let ips = single.into_iter().chain(list(service, "spec.clusterIPs"));
    let mut found: Vec<String> = ips
        .filter_map(FlatValue::text)
        .filter(|ip| !ip.is_empty() && *ip != "None")
        .map(|ip| format!("cluster IP {ip}"))
        .collect();
    for port in list(service, "spec.ports") {
        let number = port.get("nodePort").and_then(FlatValue::number);
        if let Some(number) = number.and_then(serde_json::Number::as_i64)
            && number > 0
        {
            let protocol = text(Some(port), "protocol");
            found.push(
                format!("node port {number} {protocol}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    found.sort();
    found.dedup();
    found
}

fn lost_versions(crd: Option<FlatValue<'_>>) -> Vec<String> {
    let named = list(crd, "spec.versions").filter_map(|version| version.get("name")?.text());
    let single = crd.and_then(|crd| crd.path("spec.version")?.text());
    let known: Vec<&str> = named.chain(single).collect();
    let mut stored = texts(crd, "status.storedVersions");
    stored.retain(|version| !known.contains(&version.as_str()));
    stored
}
