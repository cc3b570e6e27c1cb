//! The cluster-scoped objects that objects of a namespace refer to: without them an API server refuses what is applied, or it does not
//! work as it did.

use std::collections::BTreeSet;

use serde_json::Value;

use super::gather::{
    ExportSelection, ExportSource, GatheredObject, GatheredObjects, read, versions,
};
use super::text;
use crate::kubernetes::apply::{Asked, Circumstances};
use crate::kubernetes::resources::Resource;
use crate::member::Objects;
use crate::mvcc::{KeyRange, Version};
use located::Error;

/// An object that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    group: &'static str,
    kind: &'static str,
    name: String,
}

/// Adds what the objects that were found refer to: with a whole namespace the objects themselves, else their names.
pub(super) fn add(
    objects: &Objects<'_>,
    selection: &ExportSelection,
    source: &ExportSource,
    at: i64,
    gathered: &mut GatheredObjects,
) -> Result<(), Error> {
    let is_whole = selection.is_whole();
    let mut known: BTreeSet<_> = gathered.found.iter().map(|one| one.name.clone()).collect();
    let mut open = first(objects, selection, source, &gathered.found)?;
    while let Some(reference) = open.pop_first() {
        let Some(resource) = Resource::of_kind(reference.group, reference.kind) else {
            continue;
        };
        let name = format!("{}/{}", resource.plural, reference.name);
        if !known.insert(name.clone()) {
            continue;
        }
        let Some((version, is_live)) = last(objects, resource, &reference.name, at) else {
            if !is_default(&reference) {
                gathered.absent.insert(name);
            }
            continue;
        };
        let is_bound = is_live && has_bound_uid(objects, &reference, &version);
        gathered
            .bound
            .extend(is_bound.then(|| reference.name.clone()));
        // What is live is in the cluster that lost the deleted objects.
        if source.since.is_some() == is_live {
            continue;
        }
        // A volume is data: whether it is to be bound again is for people to decide.
        let is_written = is_whole && reference.kind != "PersistentVolume";
        match read(objects, &version).ok().filter(|_| is_written) {
            Some((object, has_newer_fields)) => {
                references(&object, &mut open);
                aggregated(objects, &object, source, &mut open)?;
                let known = unowned(&version);
                let path = resource.path.to_owned();
                gathered.found.push(GatheredObject {
                    name,
                    path,
                    object,
                    owners: Vec::new(),
                    known,
                    has_newer_fields,
                });
            }
            None if is_default(&reference) => {}
            None => {
                gathered.referred.insert(name);
            }
        }
    }
    Ok(())
}

/// What the objects that were found refer to, and what gives rights to the accounts of a whole namespace.
fn first(
    objects: &Objects<'_>,
    selection: &ExportSelection,
    source: &ExportSource,
    found: &[GatheredObject],
) -> Result<BTreeSet<Reference>, Error> {
    let mut open = BTreeSet::new();
    for one in found {
        references(&one.object, &mut open);
    }
    let namespace = selection.namespace.as_deref();
    if let Some(namespace) = namespace.filter(|_| selection.is_whole()) {
        bindings(objects, namespace, source, &mut open)?;
    }
    Ok(open)
}

/// Whether an object is a volume that has the uid of the claim for which it was bound.
fn has_bound_uid(objects: &Objects<'_>, reference: &Reference, version: &Version<'_>) -> bool {
    reference.kind == "PersistentVolume"
        && read(objects, version)
            .is_ok_and(|(volume, _)| !text(&volume, "/spec/claimRef/uid").is_empty())
}

/// What is known of an object that others refer to.
fn unowned(version: &Version<'_>) -> Circumstances {
    Circumstances {
        asked: Asked::Among,
        is_first_version: version.key_value().is_ok_and(|kv| kv.version == 1),
        ..Circumstances::default()
    }
}

/// Whether an API server has an object of that name from its start.
fn is_default(reference: &Reference) -> bool {
    let name = reference.name.as_str();
    name.starts_with("system:")
        || name.starts_with("system-")
        || reference.kind == "ClusterRole"
            && matches!(name, "admin" | "edit" | "view" | "cluster-admin")
}

/// The last version of an object that has a value, and whether it is live.
fn last<'a>(
    objects: &Objects<'a>,
    resource: &Resource,
    name: &str,
    at: i64,
) -> Option<(Version<'a>, bool)> {
    objects.layout().prefixes().find_map(|prefix| {
        let key = format!("{prefix}/{}/{name}", resource.path);
        let records = objects.keyspace().records_of(key.as_bytes());
        let mut records = records
            .iter()
            .rev()
            .filter(|version| version.revision.main <= at);
        let newest = records.next()?;
        match newest.tombstone {
            false => Some((newest, true)),
            true => records
                .next()
                .filter(|put| !put.tombstone)
                .map(|put| (put, false)),
        }
    })
}

/// What one object refers to.
fn references(object: &Value, into: &mut BTreeSet<Reference>) {
    let mut add = |group, kind, name: &str| {
        if !name.is_empty() {
            into.insert(Reference {
                group,
                kind,
                name: name.to_owned(),
            });
        }
    };
    for pod in [
        "/spec",
        "/spec/template/spec",
        "/spec/jobTemplate/spec/template/spec",
        "/template/spec",
    ] {
        let Some(spec) = object
            .pointer(pod)
            .filter(|spec| spec.get("containers").is_some())
        else {
            continue;
        };
        add(
            "scheduling.k8s.io",
            "PriorityClass",
            text(spec, "/priorityClassName"),
        );
        add(
            "node.k8s.io",
            "RuntimeClass",
            text(spec, "/runtimeClassName"),
        );
        for volume in items(spec, "/volumes") {
            let class = text(
                volume,
                "/ephemeral/volumeClaimTemplate/spec/storageClassName",
            );
            add("storage.k8s.io", "StorageClass", class);
        }
    }
    of_claims(object, &mut add);
    of_kind(object, &mut add);
}

/// What a claim refers to, and the claims of a StatefulSet.
fn of_claims(object: &Value, add: &mut dyn FnMut(&'static str, &'static str, &str)) {
    let templates = items(object, "/spec/volumeClaimTemplates");
    let own = (text(object, "/kind") == "PersistentVolumeClaim").then_some(object);
    for claim in templates.chain(own) {
        add(
            "storage.k8s.io",
            "StorageClass",
            text(claim, "/spec/storageClassName"),
        );
        add(
            "storage.k8s.io",
            "StorageClass",
            text(
                claim,
                "/metadata/annotations/volume.beta.kubernetes.io~1storage-class",
            ),
        );
        add(
            "storage.k8s.io",
            "VolumeAttributesClass",
            text(claim, "/spec/volumeAttributesClassName"),
        );
        add("", "PersistentVolume", text(claim, "/spec/volumeName"));
    }
}

/// What objects of some kinds refer to.
fn of_kind(object: &Value, add: &mut dyn FnMut(&'static str, &'static str, &str)) {
    match text(object, "/kind") {
        "Ingress" => add(
            "networking.k8s.io",
            "IngressClass",
            text(object, "/spec/ingressClassName"),
        ),
        "RoleBinding" | "ClusterRoleBinding" if text(object, "/roleRef/kind") == "ClusterRole" => {
            add(
                "rbac.authorization.k8s.io",
                "ClusterRole",
                text(object, "/roleRef/name"),
            );
        }
        "ResourceClaim" | "ResourceClaimTemplate" => {
            for request in ["/spec/devices/requests", "/spec/spec/devices/requests"] {
                for request in items(object, request) {
                    for class in ["/deviceClassName", "/exactly/deviceClassName"] {
                        add("resource.k8s.io", "DeviceClass", text(request, class));
                    }
                }
            }
        }
        _ => {}
    }
}

/// The ClusterRoleBindings that give rights to service accounts of a namespace.
fn bindings(
    objects: &Objects<'_>,
    namespace: &str,
    source: &ExportSource,
    into: &mut BTreeSet<Reference>,
) -> Result<(), Error> {
    let is_own = |object: &Value| {
        items(object, "/subjects").any(|subject| {
            text(subject, "/kind") == "ServiceAccount" && text(subject, "/namespace") == namespace
        })
    };
    each(objects, "ClusterRoleBinding", source, &mut |object| {
        if is_own(object) {
            into.insert(Reference {
                group: "rbac.authorization.k8s.io",
                kind: "ClusterRoleBinding",
                name: text(object, "/metadata/name").to_owned(),
            });
        }
    })
}

/// The ClusterRoles of which a controller makes the rules of another one.
fn aggregated(
    objects: &Objects<'_>,
    object: &Value,
    source: &ExportSource,
    into: &mut BTreeSet<Reference>,
) -> Result<(), Error> {
    let selectors: Vec<&Value> = items(object, "/aggregationRule/clusterRoleSelectors").collect();
    if selectors.is_empty() {
        return Ok(());
    }
    let selects = |selector: &Value, role: &Value| {
        let wanted = selector.get("matchLabels").and_then(Value::as_object);
        let labels = role.pointer("/metadata/labels");
        wanted.is_some_and(|wanted| {
            let mut wanted = wanted.iter();
            wanted.all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
        })
    };
    each(objects, "ClusterRole", source, &mut |role| {
        if selectors.iter().any(|selector| selects(selector, role)) {
            into.insert(Reference {
                group: "rbac.authorization.k8s.io",
                kind: "ClusterRole",
                name: text(role, "/metadata/name").to_owned(),
            });
        }
    })
}

/// Every readable object of a kind of RBAC that is live at the revision, or that was deleted since.
fn each(
    objects: &Objects<'_>,
    kind: &str,
    source: &ExportSource,
    found: &mut dyn FnMut(&Value),
) -> Result<(), Error> {
    let Some(resource) = Resource::of_kind("rbac.authorization.k8s.io", kind) else {
        return Ok(());
    };
    for prefix in objects.layout().prefixes() {
        let range = KeyRange::prefix(format!("{prefix}/{}/", resource.path).as_bytes());
        for version in versions(objects, source, &range)? {
            if let Ok((object, _)) = read(objects, &version) {
                found(&object);
            }
        }
    }
    Ok(())
}

fn items<'o>(object: &'o Value, pointer: &str) -> impl Iterator<Item = &'o Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}
