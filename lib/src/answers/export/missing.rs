//! Objects of a namespace that the written ones need, and that are neither written nor in the evidence: a pod without its ConfigMap
//! does not start, an Ingress without its Secret has no certificate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ExportedObject, text};
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::Error;

/// Resources that are looked for.
const RESOURCES: &[&str] = &[
    "configmaps",
    "secrets",
    "serviceaccounts",
    "persistentvolumeclaims",
];

/// The objects of those resources that exist at a revision: `secrets/shop/tls`.
pub(super) fn existing(
    objects: &Objects<'_>,
    revision: Option<i64>,
) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    for prefix in objects.layout().prefixes() {
        for resource in RESOURCES {
            let range = KeyRange::prefix(format!("{prefix}/{resource}/").as_bytes());
            let live = objects.keyspace().live(&range, revision)?;
            let keys = live.iter().filter_map(|version| objects.parse(version.key));
            found.extend(keys.map(|key| key.to_string()));
        }
    }
    Ok(found)
}

/// What written objects need and neither the evidence has nor is written.
pub(super) fn missing(objects: &[ExportedObject], existing: &BTreeSet<String>) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    let mut written = BTreeSet::new();
    for one in objects {
        let object = &one.object;
        let namespace = text(object, "/metadata/namespace");
        let resource = text(object, "/kind").to_ascii_lowercase();
        written.insert(format!(
            "{resource}s/{namespace}/{}",
            text(object, "/metadata/name")
        ));
        let mut need = |resource: &str, name: &str| {
            if !name.is_empty() && !is_made(resource, name) {
                needed.insert(format!("{resource}/{namespace}/{name}"));
            }
        };
        of_object(object, &mut need);
    }
    needed
        .into_iter()
        .filter(|name| !existing.contains(name) && !written.contains(name))
        .collect()
}

/// Whether a controller makes an object of that name in every namespace.
fn is_made(resource: &str, name: &str) -> bool {
    matches!(
        (resource, name),
        ("serviceaccounts", "default")
            | (
                "configmaps",
                "kube-root-ca.crt" | "openshift-service-ca.crt"
            )
    )
}

fn of_object(object: &Value, need: &mut dyn FnMut(&str, &str)) {
    match text(object, "/kind") {
        "Ingress" => {
            for tls in items(object, "/spec/tls") {
                need("secrets", text(tls, "/secretName"));
            }
        }
        "ServiceAccount" => {
            for secret in items(object, "/imagePullSecrets") {
                need("secrets", text(secret, "/name"));
            }
        }
        _ => {}
    }
    for pod in [
        "/spec",
        "/spec/template/spec",
        "/spec/jobTemplate/spec/template/spec",
        "/template/spec",
    ] {
        let spec = object.pointer(pod);
        if let Some(spec) = spec.filter(|spec| spec.get("containers").is_some()) {
            of_pod(spec, need);
        }
    }
}

fn of_pod(spec: &Value, need: &mut dyn FnMut(&str, &str)) {
    need("serviceaccounts", text(spec, "/serviceAccountName"));
    for secret in items(spec, "/imagePullSecrets") {
        need("secrets", text(secret, "/name"));
    }
    for volume in items(spec, "/volumes") {
        of_volume(volume, need);
        for source in items(volume, "/projected/sources") {
            of_volume(source, need);
        }
    }
    for list in ["/containers", "/initContainers"] {
        for container in items(spec, list) {
            for from in items(container, "/envFrom") {
                named(from, "/secretRef", "secrets", need);
                named(from, "/configMapRef", "configmaps", need);
            }
            for variable in items(container, "/env") {
                named(variable, "/valueFrom/secretKeyRef", "secrets", need);
                named(variable, "/valueFrom/configMapKeyRef", "configmaps", need);
            }
        }
    }
}

fn of_volume(volume: &Value, need: &mut dyn FnMut(&str, &str)) {
    named(volume, "/configMap", "configmaps", need);
    named(volume, "/secret", "secrets", need);
    let claim = text(volume, "/persistentVolumeClaim/claimName");
    need("persistentvolumeclaims", claim);
}

/// What a reference names, unless the pod starts without it.
fn named(of: &Value, pointer: &str, resource: &str, need: &mut dyn FnMut(&str, &str)) {
    let Some(reference) = of.pointer(pointer) else {
        return;
    };
    if reference.get("optional") != Some(&Value::Bool(true)) {
        need(resource, text(reference, "/name"));
        need(resource, text(reference, "/secretName"));
    }
}

fn items<'o>(object: &'o Value, pointer: &str) -> impl Iterator<Item = &'o Value> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}
