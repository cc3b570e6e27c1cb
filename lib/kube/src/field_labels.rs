//! The fields that an API server can select objects by: few, and different for each kind.
//!
//! Source: `AddFieldLabelConversionFunc` of `pkg/apis/*/*/conversion.go`, v1.34.0; `selectableFields` of CRDs.

use super::crd::Crd;

/// What every kind can be selected by.
const ALL: [&str; 2] = ["metadata.name", "metadata.namespace"];

const EVENT: &[&str] = &[
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "reportingComponent",
    "source",
    "type",
];
const SIGNER: &[&str] = &["spec.signerName"];
const REPLICAS: &[&str] = &["status.replicas"];

/// Beside these, by kind. The newest release has the most.
static BY_KIND: &[(&str, &[&str])] = &[
    ("CertificateSigningRequest", SIGNER),
    ("ClusterTrustBundle", SIGNER),
    ("Event", EVENT),
    ("Job", &["status.successful"]),
    ("Namespace", &["status.phase"]),
    ("Node", &["spec.unschedulable"]),
    (
        "Pod",
        &[
            "spec.hostNetwork",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.nominatedNodeName",
            "status.phase",
            "status.podIP",
            "status.podIPs",
        ],
    ),
    (
        "PodCertificateRequest",
        &["spec.nodeName", "spec.signerName"],
    ),
    ("ReplicaSet", REPLICAS),
    ("ReplicationController", REPLICAS),
    ("ResourceSlice", &["spec.driver", "spec.nodeName"]),
    ("Secret", &["type"]),
    ("Service", &["spec.clusterIP", "spec.type"]),
];

/// The fields that objects of a built-in kind can be selected by, sorted.
///
/// ```
/// use etcd_inspect_kube::field_labels::of_kind;
/// assert!(of_kind("Pod").contains(&"spec.nodeName"));
/// assert_eq!(of_kind("ConfigMap"), ["metadata.name", "metadata.namespace"]);
/// ```
pub fn of_kind(kind: &str) -> Vec<&'static str> {
    let own = BY_KIND.iter().find(|(known, _)| *known == kind);
    let mut fields = own.map_or(Vec::new(), |(_, own)| own.to_vec());
    fields.extend(ALL);
    fields.sort_unstable();
    fields
}

/// The same for custom resources: `selectableFields` of any version of the CRD.
pub fn of_crd(crd: &Crd) -> Vec<&str> {
    let own = crd.versions.iter().flat_map(|version| &version.selectable);
    let mut fields: Vec<_> = own.map(String::as_str).chain(ALL).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}
