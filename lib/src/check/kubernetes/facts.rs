//! The fields of one object that the rules need; the object itself is not kept.

use serde_json::Value as Json;

use crate::mvcc::Version;

/// One live object.
pub(super) struct ObjectFacts<'a> {
    pub(super) version: Version<'a>,
    pub(super) value_bytes: usize,
    pub(super) lease: i64,
    /// Registry path: `pods`, `example.com/widgets`.
    pub(super) path: String,
    pub(super) builtin_kind: Option<&'static str>,
    pub(super) key_namespace: Option<String>,
    pub(super) key_name: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) owners: Vec<Owner>,
    /// `metadata.deletionTimestamp`, if finalizers are left.
    pub(super) waits_since: Option<jiff::Timestamp>,
    pub(super) finalizers: Vec<String>,
    /// Whether this is a namespace in the phase Terminating.
    pub(super) is_terminating: bool,
    /// The stored `metadata.resourceVersion`; normally empty.
    pub(super) resource_version: String,
    /// Of a Service: `cluster IP 10.96.0.1`, `node port 30080 TCP`.
    pub(super) addresses: Vec<String>,
    /// Names in `status.storedVersions` that `spec.versions` lacks.
    pub(super) lost_versions: Vec<String>,
}

/// An ownerReference.
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// The string at a pointer; empty if there is none.
fn text(json: &Json, pointer: &str) -> String {
    let found = json.pointer(pointer).and_then(Json::as_str);
    found.unwrap_or_default().to_owned()
}

fn list<'j>(json: &'j Json, pointer: &str) -> impl Iterator<Item = &'j Json> {
    let found = json.pointer(pointer).and_then(Json::as_array);
    found.into_iter().flatten()
}

impl<'a> ObjectFacts<'a> {
    /// Takes them from a live version whose value decoded to `json`, in the stored form.
    pub(super) fn new(
        version: Version<'a>,
        key: &crate::kubernetes::key::Key<'_>,
        json: &Json,
    ) -> Self {
        let kv = version.key_value().unwrap_or_default();
        let kind = text(json, "/kind");
        let deleted = json
            .pointer("/metadata/deletionTimestamp")
            .and_then(Json::as_str)
            .and_then(|time| time.parse().ok());
        let finalizers: Vec<String> = list(json, "/metadata/finalizers")
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect();
        let owner = |owner: &Json| Owner {
            kind: text(owner, "/kind"),
            name: text(owner, "/name"),
            uid: text(owner, "/uid"),
        };
        Self {
            version,
            value_bytes: kv.value.len(),
            lease: kv.lease,
            path: key.path.to_owned(),
            builtin_kind: key.builtin.map(|resource| resource.kind),
            key_namespace: key.namespace.map(str::to_owned),
            key_name: key.name.to_owned(),
            namespace: text(json, "/metadata/namespace"),
            name: text(json, "/metadata/name"),
            uid: text(json, "/metadata/uid"),
            owners: list(json, "/metadata/ownerReferences").map(owner).collect(),
            waits_since: deleted.filter(|_| !finalizers.is_empty()),
            finalizers,
            is_terminating: key.path == "namespaces"
                && text(json, "/status/phase") == "Terminating",
            resource_version: text(json, "/metadata/resourceVersion"),
            addresses: if kind == "Service" {
                addresses(json)
            } else {
                Vec::new()
            },
            lost_versions: if kind == "CustomResourceDefinition" {
                lost_versions(json)
            } else {
                Vec::new()
            },
            kind,
        }
    }

    /// `pods/shop/web-1`.
    pub(super) fn resource_name(&self) -> String {
        match &self.key_namespace {
            Some(namespace) => format!("{}/{namespace}/{}", self.path, self.key_name),
            None => format!("{}/{}", self.path, self.key_name),
        }
    }
}

fn addresses(service: &Json) -> Vec<String> {
    let single = service.pointer("/spec/clusterIP").into_iter();
    let ips = single.chain(list(service, "/spec/clusterIPs"));
    let mut found: Vec<String> = ips
        .filter_map(Json::as_str)
        .filter(|ip| !ip.is_empty() && *ip != "None")
        .map(|ip| format!("cluster IP {ip}"))
        .collect();
    for port in list(service, "/spec/ports") {
        if let Some(number) = port.pointer("/nodePort").and_then(Json::as_i64)
            && number > 0
        {
            let protocol = text(port, "/protocol");
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

fn lost_versions(crd: &Json) -> Vec<String> {
    let known: Vec<&str> = list(crd, "/spec/versions")
        .filter_map(|version| version.pointer("/name")?.as_str())
        .chain(crd.pointer("/spec/version").and_then(Json::as_str))
        .collect();
    list(crd, "/status/storedVersions")
        .filter_map(Json::as_str)
        .filter(|version| !known.contains(version))
        .map(str::to_owned)
        .collect()
}
