//! What a controller makes of its owner: to be its `controller` is a right of any program, and says of what owner an object is, not
//! that somebody makes it again.

use serde_json::Value;

use super::{group_of, text};
use crate::resources::Resource;

/// Kinds of owners of Kubernetes and OpenShift, and what their controllers make of them.
const MADE: &[(&str, &[&str])] = &[
    ("Deployment", &["ReplicaSet"]),
    ("DeploymentConfig", &["ReplicationController"]),
    ("ReplicaSet", &["Pod"]),
    ("ReplicationController", &["Pod"]),
    ("StatefulSet", &["Pod", "ControllerRevision"]),
    ("DaemonSet", &["Pod", "ControllerRevision"]),
    ("Job", &["Pod"]),
    ("CronJob", &["Job"]),
    ("BuildConfig", &["Build"]),
    ("Build", &["Pod"]),
    ("Service", &["EndpointSlice", "Endpoints"]),
    ("Endpoints", &["EndpointSlice"]),
    // Generic ephemeral volumes and claims of devices.
    ("Pod", &["PersistentVolumeClaim", "ResourceClaim"]),
    ("Node", &["Pod", "Lease", "CSINode", "ResourceSlice"]),
];

/// Returns whether the controller of an owner makes such an object again. Of a custom resource that is unknown, and its operator is
/// trusted, but for a claim that is bound to a volume: a new one would be bound to an empty volume.
///
/// ```
/// use etcd_inspect_kube::apply::makes;
/// let owner = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true});
/// let object = |kind: &str| serde_json::json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}});
/// assert!(makes(&owner, &object("ReplicaSet")) && !makes(&owner, &object("Secret")));
/// ```
pub fn makes(owner: &Value, object: &Value) -> bool {
    let kind = text(object, "/kind");
    match is_custom(owner) {
        true => kind != "PersistentVolumeClaim" || text(object, "/spec/volumeName").is_empty(),
        false => {
            let made = MADE.iter().find(|(of, _)| *of == text(owner, "/kind"));
            made.is_some_and(|(_, kinds)| kinds.contains(&kind))
        }
    }
}

/// Whether an owner is of a kind that no API server of the table serves by itself.
pub fn is_custom(owner: &Value) -> bool {
    let group = group_of(text(owner, "/apiVersion"));
    let is_of_openshift = group.ends_with(".openshift.io")
        && MADE.iter().any(|(kind, _)| *kind == text(owner, "/kind"));
    Resource::of_kind(group, text(owner, "/kind")).is_none() && !is_of_openshift
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_owner_makes_only_what_its_controller_makes() {
        let claim = json!({"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv1"}});
        let unbound = json!({"kind": "PersistentVolumeClaim", "spec": {}});
        for (api_version, owner, object, expected) in [
            ("apps/v1", "Deployment", json!({"kind": "ReplicaSet"}), true),
            (
                "extensions/v1beta1",
                "Deployment",
                json!({"kind": "ReplicaSet"}),
                true,
            ),
            ("apps/v1", "Deployment", json!({"kind": "ConfigMap"}), false),
            ("apps/v1", "Deployment", claim.clone(), false),
            ("apps/v1", "StatefulSet", claim.clone(), false),
            ("v1", "Pod", claim.clone(), true),
            ("batch/v1", "CronJob", json!({"kind": "Job"}), true),
            ("batch/v1", "CronJob", json!({"kind": "Pod"}), false),
            ("v1", "ConfigMap", json!({"kind": "Secret"}), false),
            (
                "apps.openshift.io/v1",
                "DeploymentConfig",
                json!({"kind": "ReplicationController"}),
                true,
            ),
            (
                "apps.openshift.io/v1",
                "DeploymentConfig",
                json!({"kind": "Secret"}),
                false,
            ),
            (
                "cert-manager.io/v1",
                "Certificate",
                json!({"kind": "Secret"}),
                true,
            ),
            ("postgresql.cnpg.io/v1", "Cluster", claim, false),
            ("postgresql.cnpg.io/v1", "Cluster", unbound, true),
        ] {
            let owner = json!({"apiVersion": api_version, "kind": owner});
            assert_eq!(makes(&owner, &object), expected, "{owner} {object}");
        }
    }
}
