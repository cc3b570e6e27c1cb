//! Whether people changed an object that the API server makes at its start: it makes the default again, and not their change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fate::{API_SERVER, maker};
use super::{group_of, text};

/// What is known of changes to a default object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefaultState {
    /// Only the control plane wrote it, or the control plane puts back what others write.
    Unchanged,
    /// Somebody else wrote it.
    Changed,
    /// Nothing says who wrote it.
    Unknown,
}

/// Field managers of the control plane: programs of Kubernetes, and of distributions that are one program.
const CONTROL_PLANE: &[&str] = &[
    "kube-apiserver",
    "kube-controller-manager",
    "clusterrole-aggregation-controller",
    "api-priority-and-fairness-config-producer-v1",
    "api-priority-and-fairness-config-consumer-v1",
    "hyperkube",
    "k3s",
    "rke2",
    "k0s",
    "kubelite",
    "openshift-apiserver",
    "openshift-controller-manager",
    "cluster-policy-controller",
];

/// Annotations that keep the API server from putting back its default (`pkg/registry/rbac/reconciliation` of Kubernetes,
/// `pkg/util/apihelpers` of apiserver, v1.34.0).
const NO_UPDATE: &[&str] = &[
    "/metadata/annotations/rbac.authorization.kubernetes.io~1autoupdate",
    "/metadata/annotations/apf.kubernetes.io~1autoupdate-spec",
];

/// Returns what is known of changes to an object that a new cluster has as well.
/// `api_servers`: names under which the API servers of the cluster write, beside the usual ones.
pub(super) fn default_state(
    kind: &str,
    object: &Value,
    is_first_version: bool,
    api_servers: &BTreeSet<String>,
) -> DefaultState {
    // What the control plane compares with its own all the time, or at each start.
    const KEPT_UP: &[&str] = &[
        "Endpoints",
        "EndpointSlice",
        "APIService",
        "IPAddress",
        "StorageVersion",
        "RangeAllocation",
        "ResourceSlice",
        "VolumeAttachment",
        "CSIStorageCapacity",
    ];
    if KEPT_UP.contains(&kind) {
        return DefaultState::Unchanged;
    }
    if NO_UPDATE.iter().any(|path| text(object, path) == "false") {
        return DefaultState::Changed;
    }
    let managers = object.pointer("/metadata/managedFields");
    let managers = managers
        .and_then(Value::as_array)
        .filter(|all| !all.is_empty());
    if let Some(managers) = managers {
        let is_own = |manager: &Value| {
            CONTROL_PLANE.contains(&text(manager, "/manager"))
                || api_servers.contains(text(manager, "/manager"))
                || text(manager, "/subresource") == "status"
        };
        return match managers.iter().all(is_own) {
            true => DefaultState::Unchanged,
            false => DefaultState::Changed,
        };
    }
    // Without managers, only RBAC and priorities keep what people write; a controller writes aggregated roles.
    let is_aggregated = object
        .get("aggregationRule")
        .is_some_and(|rule| !rule.is_null());
    let keeps_changes =
        kind.ends_with("Role") || kind.ends_with("RoleBinding") || kind == "PriorityClass";
    match keeps_changes && !is_first_version && !is_aggregated {
        true => DefaultState::Unknown,
        false => DefaultState::Unchanged,
    }
}

/// The managers that made an object which only API servers make: a program writes under the name of its file, whatever that is.
pub fn default_makers(object: &Value) -> impl Iterator<Item = &str> {
    let created = text(object, "/metadata/creationTimestamp");
    let managers = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let made = managers
        .into_iter()
        .flatten()
        .filter(move |manager| text(manager, "/time") == created && is_default(object));
    made.map(|manager| text(manager, "/manager"))
}

/// Whether a new cluster has an object of that name from its API server.
pub fn is_default(object: &Value) -> bool {
    let group = group_of(text(object, "/apiVersion"));
    maker(group, text(object, "/kind"), object) == Some(API_SERVER)
}

/// Whether a role or binding can be one of the API server's: copies that people made have its label, but another name
/// (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy` of Kubernetes, v1.34.0).
pub(super) fn is_default_role(name: &str) -> bool {
    name.starts_with("system:")
        || matches!(
            name,
            "admin"
                | "edit"
                | "view"
                | "cluster-admin"
                | "extension-apiserver-authentication-reader"
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_default_is_unchanged_only_if_the_control_plane_alone_wrote_it() {
        use DefaultState::{Changed, Unchanged, Unknown};
        let by = |managers: &[&str]| {
            let managers: Vec<_> = managers
                .iter()
                .map(|name| json!({"manager": name}))
                .collect();
            json!({"metadata": {"managedFields": managers}})
        };
        let annotated = |name: &str| json!({"metadata": {"annotations": {name: "false"}, "managedFields": [{"manager": "kube-apiserver"}]}});
        for (kind, object, is_first_version, state) in [
            (
                "ClusterRole",
                by(&["kube-apiserver", "kube-controller-manager"]),
                false,
                Unchanged,
            ),
            (
                "ClusterRole",
                by(&["kube-apiserver", "kubectl-edit"]),
                false,
                Changed,
            ),
            ("RoleBinding", by(&["argocd-controller"]), true, Changed),
            (
                "ClusterRoleBinding",
                annotated("rbac.authorization.kubernetes.io/autoupdate"),
                false,
                Changed,
            ),
            (
                "FlowSchema",
                annotated("apf.kubernetes.io/autoupdate-spec"),
                false,
                Changed,
            ),
            ("PriorityClass", by(&["kubectl-patch"]), false, Changed),
            ("ClusterRole", json!({"metadata": {}}), true, Unchanged),
            ("ClusterRole", json!({"metadata": {}}), false, Unknown),
            (
                "ClusterRole",
                json!({"metadata": {}, "aggregationRule": {"clusterRoleSelectors": []}}),
                false,
                Unchanged,
            ),
            ("APIService", by(&["kubectl-edit"]), false, Unchanged),
        ] {
            assert_eq!(
                default_state(kind, &object, is_first_version, &BTreeSet::new()),
                state,
                "{kind} {object}"
            );
        }
        // A program that was given another name.
        let renamed = BTreeSet::from(["kube-apiserver-1.20".to_owned()]);
        let by_renamed = by(&["kube-apiserver-1.20"]);
        let of_renamed = default_state("ClusterRole", &by_renamed, true, &renamed);
        assert_eq!(of_renamed, Unchanged);
    }
}
