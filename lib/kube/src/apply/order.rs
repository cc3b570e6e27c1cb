//! The order in which objects can be applied: what others refer to comes first.

use super::group_of;
use crate::resources::Resource;

/// Kinds by the place in the order. Quotas and webhooks come last: they would refuse what comes after them.
const ORDER: &[(u8, &[&str])] = &[
    (0, &["CustomResourceDefinition"]),
    (1, &["Namespace"]),
    (
        5,
        &[
            "PriorityClass",
            "RuntimeClass",
            "StorageClass",
            "VolumeAttributesClass",
            "IngressClass",
            "DeviceClass",
            "ResourceClass",
            "CSIDriver",
            "ClusterTrustBundle",
        ],
    ),
    (
        10,
        &[
            "ServiceAccount",
            "PodSecurityPolicy",
            "SecurityContextConstraints",
        ],
    ),
    (11, &["ClusterRole", "Role"]),
    (12, &["ClusterRoleBinding", "RoleBinding"]),
    (20, &["Secret"]),
    (21, &["ConfigMap"]),
    (25, &["PersistentVolume"]),
    (26, &["PersistentVolumeClaim"]),
    (30, &["NetworkPolicy"]),
    (31, &["Service"]),
    (32, &["Endpoints", "EndpointSlice"]),
    (
        40,
        &[
            "PodTemplate",
            "ControllerRevision",
            "ResourceClaimTemplate",
            "ResourceClaim",
        ],
    ),
    (
        41,
        &[
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "ReplicaSet",
            "ReplicationController",
            "DeploymentConfig",
        ],
    ),
    (42, &["Pod"]),
    (43, &["CronJob", "Job"]),
    (
        50,
        &[
            "PodDisruptionBudget",
            "HorizontalPodAutoscaler",
            "Ingress",
            "Route",
        ],
    ),
    (80, &["ResourceQuota", "LimitRange"]),
    (
        90,
        &[
            "APIService",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
            "MutatingWebhookConfiguration",
        ],
    ),
];

/// Custom resources: after the workloads, which may be their controllers.
const CUSTOM: u8 = 60;
/// Built-in kinds without a place of their own.
const OTHER: u8 = 70;

/// The place of a kind in the order, 0 to 99. A custom resource comes after every CRD.
///
/// ```
/// use etcd_inspect_kube::apply::rank;
/// assert!(rank("v1", "Namespace") < rank("v1", "ConfigMap") && rank("v1", "ConfigMap") < rank("apps/v1", "Deployment"));
/// assert!(rank("example.com/v1", "Secret") > rank("apiextensions.k8s.io/v1", "CustomResourceDefinition"));
/// ```
pub fn rank(api_version: &str, kind: &str) -> u8 {
    if Resource::of_kind(group_of(api_version), kind).is_none() {
        return CUSTOM;
    }
    let found = ORDER.iter().find(|(_, kinds)| kinds.contains(&kind));
    found.map_or(OTHER, |(rank, _)| *rank)
}

/// The folder of a kind: `41-deployment`. Custom resources have the group in it, because two groups may have one kind.
pub fn folder(api_version: &str, kind: &str) -> String {
    let rank = rank(api_version, kind);
    let group = group_of(api_version);
    let name = kind.to_lowercase();
    match rank {
        CUSTOM if !group.is_empty() => format!("{rank:02}-{name}.{group}"),
        _ => format!("{rank:02}-{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ordered_kind_is_a_known_resource() {
        for kind in ORDER.iter().flat_map(|(_, kinds)| *kinds) {
            let known = crate::resources::RESOURCES.iter();
            assert!(
                known.clone().any(|resource| resource.kind == *kind),
                "{kind}"
            );
        }
    }

    #[test]
    fn folders_sort_as_the_ranks_do() {
        assert_eq!(
            folder("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            "00-customresourcedefinition"
        );
        assert_eq!(folder("apps/v1", "Deployment"), "41-deployment");
        assert_eq!(folder("example.com/v1", "Widget"), "60-widget.example.com");
        assert!(ORDER.iter().all(|(rank, _)| *rank < 100));
    }
}
