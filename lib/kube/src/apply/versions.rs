//! Which release removed which version of a built-in kind, and what took its place.
//!
//! Source: the deprecated API migration guide of Kubernetes and the `APILifecycleRemoved` and `APILifecycleReplacement` methods
//! of `k8s.io/api` (`zz_generated.prerelease-lifecycle.go`, v0.34.0).

use std::fmt;
use std::str::FromStr;

use crate::schema::Kind;

/// A release of Kubernetes: 1.N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(pub u16);

impl Release {
    /// The first release of which it is known what it serves.
    pub const FIRST: Self = Self(8);
    /// The last one.
    pub const LAST: Self = Self(37);
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.");
        let minor = minor.and_then(|rest| rest.split('.').next()?.parse().ok());
        minor
            .map(Self)
            .ok_or_else(|| format!("a release of Kubernetes is 1.N, not {text:?}"))
    }
}

/// One version of a kind that a release removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// `Ingress`.
    pub kind: &'static str,
    /// `networking.k8s.io/v1beta1`.
    pub from: &'static str,
    /// The apiVersion that took its place; `None`: nothing did.
    pub to: Option<&'static str>,
    /// The first release that serves the new one.
    pub since: Release,
    /// The first release that does not serve the old one.
    pub removed: Release,
}

macro_rules! moves {
    ($($from:literal $to:tt $since:literal $removed:literal: $($kind:ident)*;)*) => {
        &[$($(Move { kind: stringify!($kind), from: $from, to: moves!(@to $to), since: Release($since), removed: Release($removed) },)*)*]
    };
    (@to none) => { None };
    (@to $to:literal) => { Some($to) };
}

const MOVES: &[Move] = moves! {
    "extensions/v1beta1" "apps/v1" 9 16: Deployment DaemonSet ReplicaSet;
    "apps/v1beta1" "apps/v1" 9 16: Deployment StatefulSet ControllerRevision;
    "apps/v1beta2" "apps/v1" 9 16: Deployment StatefulSet DaemonSet ReplicaSet ControllerRevision;
    "extensions/v1beta1" "networking.k8s.io/v1" 8 16: NetworkPolicy;
    "extensions/v1beta1" "networking.k8s.io/v1" 19 22: Ingress;
    "networking.k8s.io/v1beta1" "networking.k8s.io/v1" 19 22: Ingress IngressClass;
    "extensions/v1beta1" none 10 16: PodSecurityPolicy;
    "policy/v1beta1" none 10 25: PodSecurityPolicy;
    "policy/v1beta1" "policy/v1" 21 25: PodDisruptionBudget;
    "batch/v2alpha1" "batch/v1" 21 21: CronJob;
    "batch/v1beta1" "batch/v1" 21 25: CronJob;
    "autoscaling/v2beta1" "autoscaling/v2" 23 25: HorizontalPodAutoscaler;
    "autoscaling/v2beta2" "autoscaling/v2" 23 26: HorizontalPodAutoscaler;
    "apiextensions.k8s.io/v1beta1" "apiextensions.k8s.io/v1" 16 22: CustomResourceDefinition;
    "apiregistration.k8s.io/v1beta1" "apiregistration.k8s.io/v1" 10 22: APIService;
    "admissionregistration.k8s.io/v1beta1" "admissionregistration.k8s.io/v1" 16 22: ValidatingWebhookConfiguration
        MutatingWebhookConfiguration;
    "rbac.authorization.k8s.io/v1alpha1" "rbac.authorization.k8s.io/v1" 8 22: ClusterRole ClusterRoleBinding Role RoleBinding;
    "rbac.authorization.k8s.io/v1beta1" "rbac.authorization.k8s.io/v1" 8 22: ClusterRole ClusterRoleBinding Role RoleBinding;
    "scheduling.k8s.io/v1alpha1" "scheduling.k8s.io/v1" 14 22: PriorityClass;
    "scheduling.k8s.io/v1beta1" "scheduling.k8s.io/v1" 14 22: PriorityClass;
    "storage.k8s.io/v1beta1" "storage.k8s.io/v1" 6 22: StorageClass;
    "storage.k8s.io/v1beta1" "storage.k8s.io/v1" 18 22: CSIDriver;
    "storage.k8s.io/v1beta1" "storage.k8s.io/v1" 17 22: CSINode;
    "storage.k8s.io/v1beta1" "storage.k8s.io/v1" 13 22: VolumeAttachment;
    "storage.k8s.io/v1beta1" "storage.k8s.io/v1" 24 27: CSIStorageCapacity;
    "storage.k8s.io/v1alpha1" "storage.k8s.io/v1" 24 24: CSIStorageCapacity;
    "coordination.k8s.io/v1beta1" "coordination.k8s.io/v1" 14 22: Lease;
    "node.k8s.io/v1beta1" "node.k8s.io/v1" 20 25: RuntimeClass;
    "node.k8s.io/v1alpha1" "node.k8s.io/v1" 20 24: RuntimeClass;
    "certificates.k8s.io/v1beta1" "certificates.k8s.io/v1" 19 22: CertificateSigningRequest;
    "discovery.k8s.io/v1beta1" "discovery.k8s.io/v1" 21 25: EndpointSlice;
    "discovery.k8s.io/v1alpha1" "discovery.k8s.io/v1" 21 21: EndpointSlice;
    "events.k8s.io/v1beta1" "events.k8s.io/v1" 19 25: Event;
    "flowcontrol.apiserver.k8s.io/v1alpha1" "flowcontrol.apiserver.k8s.io/v1" 29 24: FlowSchema PriorityLevelConfiguration;
    "flowcontrol.apiserver.k8s.io/v1beta1" "flowcontrol.apiserver.k8s.io/v1" 29 26: FlowSchema PriorityLevelConfiguration;
    "flowcontrol.apiserver.k8s.io/v1beta2" "flowcontrol.apiserver.k8s.io/v1" 29 29: FlowSchema PriorityLevelConfiguration;
    "flowcontrol.apiserver.k8s.io/v1beta3" "flowcontrol.apiserver.k8s.io/v1" 29 32: FlowSchema PriorityLevelConfiguration;
    "admissionregistration.k8s.io/v1alpha1" "admissionregistration.k8s.io/v1" 30 32: ValidatingAdmissionPolicy
        ValidatingAdmissionPolicyBinding;
    "admissionregistration.k8s.io/v1beta1" "admissionregistration.k8s.io/v1" 30 34: ValidatingAdmissionPolicy
        ValidatingAdmissionPolicyBinding;
    "storage.k8s.io/v1alpha1" "storage.k8s.io/v1" 34 35: VolumeAttributesClass;
    "resource.k8s.io/v1alpha1" none 26 27: ResourceClaim ResourceClaimTemplate ResourceClass PodScheduling;
    "resource.k8s.io/v1alpha2" none 27 31: ResourceClaim ResourceClaimTemplate ResourceClass PodSchedulingContext
        ResourceClaimParameters ResourceClassParameters ResourceSlice;
    "settings.k8s.io/v1alpha1" none 8 20: PodPreset;
    "auditregistration.k8s.io/v1alpha1" none 8 19: AuditSink;
    "extensions/v1beta1" none 8 8: ThirdPartyResource;
};

/// What a CronJob was called before Kubernetes 1.5, which read both until 1.8.
static SCHEDULED_JOB: Move = Move {
    kind: "CronJob",
    from: "batch/v2alpha1",
    to: Some("batch/v1"),
    since: Release(21),
    removed: Release(8),
};

/// Every version that a release removed.
pub fn moves() -> &'static [Move] {
    MOVES
}

/// The first release that does not serve a version of a kind; `None` if no release removed it.
///
/// ```
/// use etcd_inspect_kube::apply::{Release, removed_in};
/// assert_eq!(removed_in("batch/v1beta1", "CronJob").map(|found| found.removed), Some(Release(25)));
/// assert_eq!(removed_in("apps/v1", "Deployment"), None);
/// ```
pub fn removed_in(api_version: &str, kind: &str) -> Option<&'static Move> {
    if (api_version, kind) == ("batch/v2alpha1", "ScheduledJob") {
        return Some(&SCHEDULED_JOB);
    }
    MOVES
        .iter()
        .find(|one| one.kind == kind && one.from == api_version)
}

/// The first release that serves a version of a kind; `None` if that is not known, as for kinds that are not built in.
///
/// ```
/// use etcd_inspect_kube::apply::{Release, first_served};
/// assert_eq!(first_served("networking.k8s.io/v1", "Ingress"), Some(Release(19)));
/// ```
pub fn first_served(api_version: &str, kind: &str) -> Option<Release> {
    // The tables have these groups without releases.
    let minor = match api_version {
        "apiextensions.k8s.io/v1" => Some(16),
        "apiregistration.k8s.io/v1" => Some(10),
        _ => Kind::find(api_version, kind)?.since(),
    };
    minor.map(Release)
}

/// Returns whether a release serves a version of a kind, as far as is known.
pub(super) fn serves(release: Release, api_version: &str, kind: &str) -> bool {
    first_served(api_version, kind).is_none_or(|first| first <= release)
        && removed_in(api_version, kind).is_none_or(|found| release < found.removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::group_of;
    use crate::resources::Resource;

    #[test]
    fn every_version_of_the_table_is_of_a_known_kind_and_leads_to_one_that_is_not_removed() {
        for one in moves() {
            assert!(
                Resource::of_kind(group_of(one.from), one.kind).is_some(),
                "{} {}",
                one.from,
                one.kind
            );
            if let Some(to) = one.to {
                assert_eq!(removed_in(to, one.kind), None, "{to}");
            }
        }
    }

    #[test]
    fn releases_are_read_with_or_without_a_patch() {
        assert_eq!("1.36".parse(), Ok(Release(36)));
        assert_eq!("v1.22.3".parse(), Ok(Release(22)));
        assert!("36".parse::<Release>().is_err());
    }
}
