//! Discovery: which groups, versions and resources there are, in the old form and the aggregated one.

use serde_json::{Value, json};

use crate::catalog::GroupVersion;
use crate::catalog::{Catalog, Served};

const VERBS: [&str; 3] = ["get", "list", "watch"];

/// The aggregated form is asked for by this media type (apidiscovery.k8s.io v2 and v2beta1).
pub fn aggregated_version(accept: &str) -> Option<&'static str> {
    accept.split(',').find_map(|one| {
        let fits = one.contains("as=APIGroupDiscoveryList");
        let version = one
            .split(';')
            .find_map(|part| part.trim().strip_prefix("v="));
        match version {
            Some("v2") if fits => Some("v2"),
            Some("v2beta1") if fits => Some("v2beta1"),
            _ => None,
        }
    })
}

/// The media type of the aggregated form.
pub fn aggregated_type(version: &str) -> String {
    format!("application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")
}

/// `/api`.
pub fn core_versions(address: &str) -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }] })
}

/// `/apis`.
pub fn groups(catalog: &Catalog) -> Value {
    let groups = catalog
        .groups()
        .into_iter()
        .filter(|(group, _)| !group.is_empty());
    let mut all: Vec<Value> = groups
        .map(|(group, versions)| group_json(group, &versions))
        .collect();
    all.push(group_json("authorization.k8s.io", &["v1"]));
    all.push(group_json("authentication.k8s.io", &["v1"]));
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": all })
}

/// `/apis/GROUP`.
pub fn group(catalog: &Catalog, name: &str) -> Option<Value> {
    let groups = catalog.groups();
    let found = groups
        .into_iter()
        .find(|(group, _)| *group == name && !name.is_empty());
    let mut group = match found {
        Some((group, versions)) => group_json(group, &versions),
        None if is_review_group(name) => group_json(name, &["v1"]),
        None => return None,
    };
    if let Some(fields) = group.as_object_mut() {
        fields.insert("kind".to_owned(), json!("APIGroup"));
        fields.insert("apiVersion".to_owned(), json!("v1"));
    }
    Some(group)
}

fn group_json(group: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    json!({ "name": group, "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(version) })
}

fn is_review_group(group: &str) -> bool {
    matches!(group, "authorization.k8s.io" | "authentication.k8s.io")
}

/// The reviews that a client creates to find out what it may do: kind and plural.
fn reviews(of: &GroupVersion) -> &'static [(&'static str, &'static str)] {
    match (of.group.as_str(), of.version.as_str()) {
        ("authorization.k8s.io", "v1") => &[
            ("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
            ("SelfSubjectRulesReview", "selfsubjectrulesreviews"),
        ],
        ("authentication.k8s.io", "v1") => &[("SelfSubjectReview", "selfsubjectreviews")],
        _ => &[],
    }
}

/// `/api/v1`, `/apis/GROUP/VERSION`.
pub fn resources(catalog: &Catalog, of: &GroupVersion) -> Option<Value> {
    let mut all: Vec<Value> = Vec::new();
    for served in catalog.in_version(of) {
        all.push(json!({
            "name": served.target.plural, "singularName": served.target.singular, "namespaced": served.is_namespaced(),
            "kind": served.target.kind, "verbs": VERBS, "shortNames": served.short, "categories": served.categories,
        }));
        for (name, kind) in subresources(served) {
            all.push(
                json!({ "name": format!("{}/{name}", served.target.plural), "singularName": "",
                "namespaced": served.is_namespaced(), "kind": kind, "verbs": ["get"] }),
            );
        }
    }
    for (kind, plural) in reviews(of) {
        all.push(json!({ "name": plural, "singularName": "", "namespaced": false, "kind": kind, "verbs": ["create"] }));
    }
    (!all.is_empty()).then(|| {
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": of.api_version(), "resources": all })
    })
}

/// The aggregated form of `/api` (`is_core`) or `/apis`.
pub fn aggregated(catalog: &Catalog, is_core: bool, version: &str) -> Value {
    let groups = catalog.groups();
    let groups = groups
        .into_iter()
        .filter(|(group, _)| group.is_empty() == is_core);
    let mut items: Vec<Value> = groups
        .map(|(group, versions)| aggregated_group(catalog, group, &versions))
        .collect();
    if !is_core {
        for group in ["authorization.k8s.io", "authentication.k8s.io"] {
            items.push(aggregated_group(catalog, group, &["v1"]));
        }
    }
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"), "metadata": {},
        "items": items })
}

fn aggregated_group(catalog: &Catalog, group: &str, versions: &[&str]) -> Value {
    let metadata = match group {
        "" => json!({ "creationTimestamp": null }),
        name => json!({ "name": name, "creationTimestamp": null }),
    };
    let versions = versions.iter().map(|version| {
        let of = GroupVersion { group: group.to_owned(), version: (*version).to_owned() };
        let mut resources: Vec<Value> = catalog.in_version(&of).into_iter().map(aggregated_resource).collect();
        resources.extend(reviews(&of).iter().map(|(kind, plural)| {
            json!({ "resource": plural, "responseKind": { "group": group, "version": version, "kind": kind },
                "scope": "Cluster", "singularResource": "", "verbs": ["create"] })
        }));
        json!({ "version": version, "freshness": "Current", "resources": resources })
    });
    json!({ "metadata": metadata, "versions": versions.collect::<Vec<_>>() })
}

fn aggregated_resource(served: &Served) -> Value {
    let kind = |kind: &str| json!({ "group": served.of.group, "version": served.of.version, "kind": kind });
    let below = subresources(served).iter().map(
        |(name, of)| json!({ "subresource": name, "responseKind": kind(of), "verbs": ["get"] }),
    );
    let scope = if served.is_namespaced() {
        "Namespaced"
    } else {
        "Cluster"
    };
    json!({
        "resource": served.target.plural, "responseKind": kind(&served.target.kind), "scope": scope,
        "singularResource": served.target.singular, "verbs": VERBS, "shortNames": served.short,
        "categories": served.categories, "subresources": below.collect::<Vec<_>>(),
    })
}

/// Those that clients look for before they ask.
fn subresources(served: &Served) -> &'static [(&'static str, &'static str)] {
    match (served.of.group.as_str(), served.target.plural.as_str()) {
        ("", "pods") => &[("log", "Pod"), ("status", "Pod")],
        _ => &[],
    }
}
