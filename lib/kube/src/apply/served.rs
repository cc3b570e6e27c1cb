//! The versions in which a stored object can be served, and the object in one of them.

use serde_json::Value;

use super::convert::convert;
use super::group_of;
use super::text;
use super::versions::{Release, removed_in};
use crate::resources::Resource;
use crate::schema::{Kind, Message};

/// Levels of messages that are compared: those of a CRD's schema contain themselves.
const COMPARED_LEVELS: usize = 24;

/// Returns the versions in which an object of a kind that is stored in `api_version` can be served, the stored one first: what a newer
/// release moves it to, and versions of the same group whose fields are the same.
///
/// ```
/// use etcd_inspect_kube::apply::served_versions;
/// assert_eq!(served_versions("batch/v1beta1", "CronJob"), ["batch/v1beta1", "batch/v1"]);
/// assert_eq!(served_versions("v1", "Pod"), ["v1"]);
/// ```
pub fn served_versions(api_version: &str, kind: &str) -> Vec<String> {
    let mut served = vec![api_version.to_owned()];
    let mut from = api_version;
    while let Some(to) = removed_in(from, kind).and_then(|found| found.to) {
        served.push(to.to_owned());
        from = to;
    }
    for other in Kind::all().iter().filter(|other| other.kind == kind) {
        let is_known = served.iter().any(|known| known == other.api_version);
        if !is_known && has_same_fields(api_version, other.api_version, kind) {
            served.push(other.api_version.to_owned());
        }
    }
    served
}

/// Converts a stored object to a version of [`served_versions`].
///
/// # Errors
/// The reason for which the object has no form in that version.
pub fn serve_as(object: &mut Value, api_version: &str) -> Result<(), String> {
    let kind = text(object, "/kind").to_owned();
    let stored = text(object, "/apiVersion").to_owned();
    while text(object, "/apiVersion") != api_version {
        let from = text(object, "/apiVersion").to_owned();
        if !leads_to(&from, &kind, api_version) && has_same_fields(&from, api_version, &kind) {
            if let Some(fields) = object.as_object_mut() {
                fields.insert("apiVersion".to_owned(), Value::from(api_version));
            }
            return Ok(());
        }
        let refused =
            || format!("an object stored as {stored} {kind} has no form in {api_version}");
        let found = removed_in(&from, &kind).ok_or_else(refused)?;
        let release = Release(found.removed.0.max(found.since.0));
        let converted = convert(object, release).map_err(|error| error.to_string())?;
        if !converted {
            return Err(refused());
        }
    }
    Ok(())
}

/// Returns whether releases moved objects from one version to the other: fields may differ there in meaning alone.
fn leads_to(from: &str, kind: &str, to: &str) -> bool {
    let mut next = removed_in(from, kind).and_then(|found| found.to);
    while let Some(version) = next {
        if version == to {
            return true;
        }
        next = removed_in(version, kind).and_then(|found| found.to);
    }
    false
}

/// Returns the other versions of a kind that have the same fields, also of a group that stored the same resource before.
pub(super) fn with_same_fields(
    api_version: &str,
    kind: &str,
) -> impl Iterator<Item = &'static str> {
    let resource = Resource::of_kind(group_of(api_version), kind);
    Kind::all()
        .iter()
        .filter(move |other| {
            let is_same_resource = || {
                let other = Resource::of_kind(group_of(other.api_version), kind);
                resource.is_some() && resource.map(|own| own.path) == other.map(|own| own.path)
            };
            other.kind == kind
                && other.api_version != api_version
                && is_same_resource()
                && is_same_message(api_version, other.api_version, kind)
        })
        .map(|other| other.api_version)
}

/// Returns whether two versions of a kind, in one group, have the same fields: the apiVersion is then all that differs.
fn has_same_fields(from: &str, to: &str, kind: &str) -> bool {
    group_of(from) == group_of(to) && is_same_message(from, to, kind)
}

fn is_same_message(from: &str, to: &str, kind: &str) -> bool {
    match (Kind::find(from, kind), Kind::find(to, kind)) {
        (Some(from), Some(to)) => is_same(from.message(), to.message(), COMPARED_LEVELS),
        _ => false,
    }
}

fn is_same(a: &Message, b: &Message, levels: usize) -> bool {
    if a.name == b.name || levels == 0 {
        return true;
    }
    let (left, right) = (a.fields(), b.fields());
    left.len() == right.len()
        && a.form == b.form
        && left.iter().zip(right).all(|(left, right)| {
            left.number == right.number
                && left.name() == right.name()
                && left.kind == right.kind
                && left.label == right.label
                && (left.kind != crate::schema::Type::Message
                    || is_same(left.message(), right.message(), levels.saturating_sub(1)))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_is_served_if_a_release_moves_the_object_there_or_the_fields_are_the_same() {
        for (stored, kind, served) in [
            (
                "networking.k8s.io/v1beta1",
                "Ingress",
                "networking.k8s.io/v1",
            ),
            ("extensions/v1beta1", "Ingress", "networking.k8s.io/v1"),
            (
                "rbac.authorization.k8s.io/v1",
                "ClusterRole",
                "rbac.authorization.k8s.io/v1beta1",
            ),
            (
                "coordination.k8s.io/v1beta1",
                "Lease",
                "coordination.k8s.io/v1",
            ),
        ] {
            let all = served_versions(stored, kind);
            assert!(
                all.iter().any(|one| one == served),
                "{stored} {kind}: {all:?}"
            );
        }
        assert_eq!(
            served_versions("networking.k8s.io/v1", "Ingress"),
            ["networking.k8s.io/v1"]
        );
    }

    #[test]
    fn an_object_without_a_form_in_the_asked_version_is_refused() {
        let mut ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"});
        assert!(serve_as(&mut ingress, "networking.k8s.io/v1beta1").is_err());
        let mut job = json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "spec": {}});
        assert_eq!(serve_as(&mut job, "batch/v1"), Ok(()));
        assert_eq!(job["apiVersion"], "batch/v1");
    }
}
