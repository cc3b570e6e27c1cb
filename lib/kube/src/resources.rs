//! One table of the resources that kube-apiserver (and OpenShift) has ever stored: from it come key parsing, `get`'s nouns,
//! short names, categories and completions.
//!
//! The registry path is where etcd has them (`minions` for nodes); group and names are the API's. Order: the commonest first,
//! so that a bare `ev` or `events` finds the core resource.

/// A built-in resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// Registry path below the etcd prefix: `pods`, `minions`, `services/specs`.
    pub path: &'static str,
    /// API group that serves it, empty for core; if several do (`extensions`, `apps`), the newest.
    pub group: &'static str,
    /// `pods`.
    pub plural: &'static str,
    /// `pod`.
    pub singular: &'static str,
    /// `Pod`.
    pub kind: &'static str,
    /// `po`.
    pub short: &'static [&'static str],
    /// Whether the key has a namespace before the name.
    pub namespaced: bool,
    /// `all`, `api-extensions`.
    pub categories: &'static [&'static str],
    /// Older groups that stored the same objects under the same path.
    pub former_groups: &'static [&'static str],
}

/// `path group plural singular Kind [short…] scope [categories…] [former groups…]`, one resource a line.
macro_rules! resources {
    ($($path:literal $group:literal $plural:literal $singular:literal $kind:ident
        [$($short:literal)*] $scope:ident [$($category:literal)*] [$($former:literal)*];)*) => {
        /// Every built-in resource.
        pub static RESOURCES: &[Resource] = &[$(Resource {
            path: $path, group: $group, plural: $plural, singular: $singular, kind: stringify!($kind),
            short: &[$($short),*], namespaced: resources!(@$scope), categories: &[$($category),*],
            former_groups: &[$($former),*],
        }),*];
    };
    (@namespaced) => { true };
    (@cluster) => { false };
}

resources! {
    "pods" "" "pods" "pod" Pod ["po"] namespaced ["all"] [];
    "services/specs" "" "services" "service" Service ["svc"] namespaced ["all"] [];
    "deployments" "apps" "deployments" "deployment" Deployment ["deploy"] namespaced ["all"] ["extensions"];
    "replicasets" "apps" "replicasets" "replicaset" ReplicaSet ["rs"] namespaced ["all"] ["extensions"];
    "statefulsets" "apps" "statefulsets" "statefulset" StatefulSet ["sts"] namespaced ["all"] [];
    "daemonsets" "apps" "daemonsets" "daemonset" DaemonSet ["ds"] namespaced ["all"] ["extensions"];
    "jobs" "batch" "jobs" "job" Job [] namespaced ["all"] ["extensions"];
    "cronjobs" "batch" "cronjobs" "cronjob" CronJob ["cj"] namespaced ["all"] [];
    "controllers" "" "replicationcontrollers" "replicationcontroller" ReplicationController ["rc"] namespaced ["all"] [];
    "horizontalpodautoscalers" "autoscaling" "horizontalpodautoscalers" "horizontalpodautoscaler" HorizontalPodAutoscaler
        ["hpa"] namespaced ["all"] ["extensions"];
    "minions" "" "nodes" "node" Node ["no"] cluster [] [];
    "namespaces" "" "namespaces" "namespace" Namespace ["ns"] cluster [] [];
    "configmaps" "" "configmaps" "configmap" ConfigMap ["cm"] namespaced [] [];
    "secrets" "" "secrets" "secret" Secret [] namespaced [] [];
    "serviceaccounts" "" "serviceaccounts" "serviceaccount" ServiceAccount ["sa"] namespaced [] [];
    "events" "" "events" "event" Event ["ev"] namespaced [] ["events.k8s.io"];
    "services/endpoints" "" "endpoints" "endpoints" Endpoints ["ep"] namespaced [] [];
    "endpointslices" "discovery.k8s.io" "endpointslices" "endpointslice" EndpointSlice [] namespaced [] [];
    "persistentvolumes" "" "persistentvolumes" "persistentvolume" PersistentVolume ["pv"] cluster [] [];
    "persistentvolumeclaims" "" "persistentvolumeclaims" "persistentvolumeclaim" PersistentVolumeClaim
        ["pvc"] namespaced [] [];
    "resourcequotas" "" "resourcequotas" "resourcequota" ResourceQuota ["quota"] namespaced [] [];
    "limitranges" "" "limitranges" "limitrange" LimitRange ["limits"] namespaced [] [];
    "podtemplates" "" "podtemplates" "podtemplate" PodTemplate [] namespaced [] [];
    "ingress" "networking.k8s.io" "ingresses" "ingress" Ingress ["ing"] namespaced [] ["extensions"];
    "ingressclasses" "networking.k8s.io" "ingressclasses" "ingressclass" IngressClass [] cluster [] [];
    "networkpolicies" "networking.k8s.io" "networkpolicies" "networkpolicy" NetworkPolicy ["netpol"] namespaced []
        ["extensions"];
    "ipaddresses" "networking.k8s.io" "ipaddresses" "ipaddress" IPAddress ["ip"] cluster [] [];
    "servicecidrs" "networking.k8s.io" "servicecidrs" "servicecidr" ServiceCIDR [] cluster [] [];
    "clustercidrs" "networking.k8s.io" "clustercidrs" "clustercidr" ClusterCIDR ["cc"] cluster [] [];
    "storageclasses" "storage.k8s.io" "storageclasses" "storageclass" StorageClass ["sc"] cluster [] [];
    "volumeattachments" "storage.k8s.io" "volumeattachments" "volumeattachment" VolumeAttachment [] cluster [] [];
    "csidrivers" "storage.k8s.io" "csidrivers" "csidriver" CSIDriver [] cluster [] [];
    "csinodes" "storage.k8s.io" "csinodes" "csinode" CSINode [] cluster [] [];
    "csistoragecapacities" "storage.k8s.io" "csistoragecapacities" "csistoragecapacity" CSIStorageCapacity
        [] namespaced [] [];
    "volumeattributesclasses" "storage.k8s.io" "volumeattributesclasses" "volumeattributesclass" VolumeAttributesClass
        ["vac"] cluster [] [];
    "clusterroles" "rbac.authorization.k8s.io" "clusterroles" "clusterrole" ClusterRole [] cluster [] [];
    "clusterrolebindings" "rbac.authorization.k8s.io" "clusterrolebindings" "clusterrolebinding" ClusterRoleBinding
        [] cluster [] [];
    "roles" "rbac.authorization.k8s.io" "roles" "role" Role [] namespaced [] [];
    "rolebindings" "rbac.authorization.k8s.io" "rolebindings" "rolebinding" RoleBinding [] namespaced [] [];
    "leases" "coordination.k8s.io" "leases" "lease" Lease [] namespaced [] [];
    "leasecandidates" "coordination.k8s.io" "leasecandidates" "leasecandidate" LeaseCandidate [] namespaced [] [];
    "controllerrevisions" "apps" "controllerrevisions" "controllerrevision" ControllerRevision [] namespaced [] [];
    "poddisruptionbudgets" "policy" "poddisruptionbudgets" "poddisruptionbudget" PodDisruptionBudget
        ["pdb"] namespaced [] [];
    "podsecuritypolicy" "policy" "podsecuritypolicies" "podsecuritypolicy" PodSecurityPolicy ["psp"] cluster []
        ["extensions"];
    "priorityclasses" "scheduling.k8s.io" "priorityclasses" "priorityclass" PriorityClass ["pc"] cluster [] [];
    "workloads" "scheduling.k8s.io" "workloads" "workload" Workload [] namespaced [] [];
    "podgroups" "scheduling.k8s.io" "podgroups" "podgroup" PodGroup [] namespaced [] [];
    "runtimeclasses" "node.k8s.io" "runtimeclasses" "runtimeclass" RuntimeClass [] cluster [] [];
    "certificatesigningrequests" "certificates.k8s.io" "certificatesigningrequests" "certificatesigningrequest"
        CertificateSigningRequest ["csr"] cluster [] [];
    "clustertrustbundles" "certificates.k8s.io" "clustertrustbundles" "clustertrustbundle" ClusterTrustBundle
        [] cluster [] [];
    "podcertificaterequests" "certificates.k8s.io" "podcertificaterequests" "podcertificaterequest" PodCertificateRequest
        [] namespaced [] [];
    "apiextensions.k8s.io/customresourcedefinitions" "apiextensions.k8s.io" "customresourcedefinitions"
        "customresourcedefinition" CustomResourceDefinition ["crd" "crds"] cluster ["api-extensions"] [];
    "apiregistration.k8s.io/apiservices" "apiregistration.k8s.io" "apiservices" "apiservice" APIService
        [] cluster ["api-extensions"] [];
    "mutatingwebhookconfigurations" "admissionregistration.k8s.io" "mutatingwebhookconfigurations"
        "mutatingwebhookconfiguration" MutatingWebhookConfiguration [] cluster ["api-extensions"] [];
    "validatingwebhookconfigurations" "admissionregistration.k8s.io" "validatingwebhookconfigurations"
        "validatingwebhookconfiguration" ValidatingWebhookConfiguration [] cluster ["api-extensions"] [];
    "validatingadmissionpolicies" "admissionregistration.k8s.io" "validatingadmissionpolicies" "validatingadmissionpolicy"
        ValidatingAdmissionPolicy [] cluster ["api-extensions"] [];
    "validatingadmissionpolicybindings" "admissionregistration.k8s.io" "validatingadmissionpolicybindings"
        "validatingadmissionpolicybinding" ValidatingAdmissionPolicyBinding [] cluster ["api-extensions"] [];
    "mutatingadmissionpolicies" "admissionregistration.k8s.io" "mutatingadmissionpolicies" "mutatingadmissionpolicy"
        MutatingAdmissionPolicy [] cluster ["api-extensions"] [];
    "mutatingadmissionpolicybindings" "admissionregistration.k8s.io" "mutatingadmissionpolicybindings"
        "mutatingadmissionpolicybinding" MutatingAdmissionPolicyBinding [] cluster ["api-extensions"] [];
    "initializerconfigurations" "admissionregistration.k8s.io" "initializerconfigurations" "initializerconfiguration"
        InitializerConfiguration [] cluster [] [];
    "flowschemas" "flowcontrol.apiserver.k8s.io" "flowschemas" "flowschema" FlowSchema [] cluster [] [];
    "prioritylevelconfigurations" "flowcontrol.apiserver.k8s.io" "prioritylevelconfigurations"
        "prioritylevelconfiguration" PriorityLevelConfiguration [] cluster [] [];
    "storageversions" "internal.apiserver.k8s.io" "storageversions" "storageversion" StorageVersion [] cluster [] [];
    "storageversionmigrations" "storagemigration.k8s.io" "storageversionmigrations" "storageversionmigration"
        StorageVersionMigration [] cluster [] [];
    "deviceclasses" "resource.k8s.io" "deviceclasses" "deviceclass" DeviceClass [] cluster [] [];
    "resourceclaims" "resource.k8s.io" "resourceclaims" "resourceclaim" ResourceClaim [] namespaced [] [];
    "resourceclaimtemplates" "resource.k8s.io" "resourceclaimtemplates" "resourceclaimtemplate" ResourceClaimTemplate
        [] namespaced [] [];
    "resourceclaimparameters" "resource.k8s.io" "resourceclaimparameters" "resourceclaimparameters"
        ResourceClaimParameters [] namespaced [] [];
    "resourceclassparameters" "resource.k8s.io" "resourceclassparameters" "resourceclassparameters"
        ResourceClassParameters [] namespaced [] [];
    "resourceclasses" "resource.k8s.io" "resourceclasses" "resourceclass" ResourceClass [] cluster [] [];
    "resourceslices" "resource.k8s.io" "resourceslices" "resourceslice" ResourceSlice [] cluster [] [];
    "resourcepoolstatusrequests" "resource.k8s.io" "resourcepoolstatusrequests" "resourcepoolstatusrequest"
        ResourcePoolStatusRequest [] cluster [] [];
    "devicetaintrules" "resource.k8s.io" "devicetaintrules" "devicetaintrule" DeviceTaintRule [] cluster [] [];
    "podschedulingcontexts" "resource.k8s.io" "podschedulingcontexts" "podschedulingcontext" PodSchedulingContext
        [] namespaced [] [];
    "podschedulings" "resource.k8s.io" "podschedulings" "podscheduling" PodScheduling [] namespaced [] [];
    "podpresets" "settings.k8s.io" "podpresets" "podpreset" PodPreset [] namespaced [] [];
    "auditsinks" "auditregistration.k8s.io" "auditsinks" "auditsink" AuditSink [] cluster [] [];
    "thirdpartyresources" "extensions" "thirdpartyresources" "thirdpartyresource" ThirdPartyResource [] cluster [] [];
    "ranges" "" "rangeallocations" "rangeallocation" RangeAllocation [] cluster [] [];
    "masterleases" "" "masterleases" "masterlease" Endpoints [] cluster [] [];
    "peerserverleases" "" "peerserverleases" "peerserverlease" Endpoints [] cluster [] [];
    "securitycontextconstraints" "security.openshift.io" "securitycontextconstraints" "securitycontextconstraints"
        SecurityContextConstraints ["scc"] cluster [] [];
    "rangeallocations" "security.openshift.io" "rangeallocations" "rangeallocation" RangeAllocation [] cluster [] [];
    "routes" "route.openshift.io" "routes" "route" Route [] namespaced ["all"] [];
    "deploymentconfigs" "apps.openshift.io" "deploymentconfigs" "deploymentconfig" DeploymentConfig ["dc"] namespaced
        ["all"] [];
    "buildconfigs" "build.openshift.io" "buildconfigs" "buildconfig" BuildConfig ["bc"] namespaced ["all"] [];
    "builds" "build.openshift.io" "builds" "build" Build [] namespaced ["all"] [];
    "imagestreams" "image.openshift.io" "imagestreams" "imagestream" ImageStream ["is"] namespaced ["all"] [];
    "images" "image.openshift.io" "images" "image" Image [] cluster [] [];
    "templates" "template.openshift.io" "templates" "template" Template [] namespaced [] [];
    "templateinstances" "template.openshift.io" "templateinstances" "templateinstance" TemplateInstance
        [] namespaced [] [];
    "brokertemplateinstances" "template.openshift.io" "brokertemplateinstances" "brokertemplateinstance"
        BrokerTemplateInstance [] cluster [] [];
    "users" "user.openshift.io" "users" "user" User [] cluster [] [];
    "useridentities" "user.openshift.io" "identities" "identity" Identity [] cluster [] [];
    "groups" "user.openshift.io" "groups" "group" Group [] cluster [] [];
    "oauth/clients" "oauth.openshift.io" "oauthclients" "oauthclient" OAuthClient [] cluster [] [];
    "oauth/accesstokens" "oauth.openshift.io" "oauthaccesstokens" "oauthaccesstoken" OAuthAccessToken [] cluster [] [];
    "oauth/authorizetokens" "oauth.openshift.io" "oauthauthorizetokens" "oauthauthorizetoken" OAuthAuthorizeToken
        [] cluster [] [];
    "oauth/clientauthorizations" "oauth.openshift.io" "oauthclientauthorizations" "oauthclientauthorization"
        OAuthClientAuthorization [] cluster [] [];
}

impl Resource {
    /// The resource stored under that registry path.
    ///
    /// ```
    /// use etcd_inspect_kube::resources::Resource;
    /// assert_eq!(Resource::by_path("minions").map(|resource| resource.kind), Some("Node"));
    /// ```
    pub fn by_path(path: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.path == path)
    }

    /// The resource of that API group and kind, older groups of the same objects included.
    pub fn of_kind(group: &str, kind: &str) -> Option<&'static Self> {
        RESOURCES
            .iter()
            .find(|resource| resource.kind == kind && resource.in_group(group))
    }

    /// Whether that group serves it, or served it once.
    pub fn in_group(&self, group: &str) -> bool {
        self.group == group || self.former_groups.contains(&group)
    }

    /// Whether a user may call it so: plural, singular, kind or a short name, in any letter case.
    pub fn is_called(&self, noun: &str) -> bool {
        [self.plural, self.singular, self.kind]
            .iter()
            .chain(self.short)
            .any(|name| name.eq_ignore_ascii_case(noun))
    }

    /// `deployments.apps`, `pods`: how kubectl prints it with `-o name`.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_registry_path_stands_twice() {
        let mut seen = HashSet::new();
        assert!(RESOURCES.iter().all(|resource| seen.insert(resource.path)));
    }

    #[test]
    fn a_path_is_two_segments_deep_exactly_where_its_first_one_says_so() {
        for resource in RESOURCES {
            let first = resource.path.split('/').next().unwrap();
            let two =
                first.contains('.') || super::super::key::TWO_SEGMENTS.contains(&first.as_bytes());
            assert_eq!(resource.path.contains('/'), two, "{}", resource.path);
        }
    }

    #[test]
    fn a_kind_is_found_under_every_group_that_stored_it() {
        for group in ["apps", "extensions"] {
            assert_eq!(
                Resource::of_kind(group, "Deployment").unwrap().path,
                "deployments"
            );
        }
        assert_eq!(
            Resource::of_kind("events.k8s.io", "Event").unwrap().path,
            "events"
        );
        assert_eq!(Resource::of_kind("example.com", "Deployment"), None);
    }
}
