//! Typed objects: read straight from the stored bytes, written again, compared with the JSON path.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may stop at its first failure"
)]

#[path = "../kube/compare.rs"]
mod compare;

use etcd_inspect::kubernetes::{Object, Options, Value};
use k8s_openapi::{Resource, api, apiextensions_apiserver, kube_aggregator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use testkit::synth::kubernetes::{Random, Schema};

use compare::{difference, rows, without_empties};

/// Reads an object as its type and writes it again.
type Through = fn(&Object<'_>) -> Result<Json, String>;

fn through<T: DeserializeOwned + Serialize>(object: &Object<'_>) -> Result<Json, String> {
    let typed = object.decode::<T>().map_err(|error| error.to_string())?;
    serde_json::to_value(typed).map_err(|error| error.to_string())
}

macro_rules! kinds {
    ($($kind:ty,)*) => { vec![$((<$kind>::API_VERSION, <$kind>::KIND, through::<$kind> as Through),)*] };
}

/// Every kind that k8s-openapi has.
fn kinds() -> Vec<(&'static str, &'static str, Through)> {
    kinds! {
        api::admissionregistration::v1::MutatingAdmissionPolicy,
        api::admissionregistration::v1::MutatingAdmissionPolicyBinding,
        api::admissionregistration::v1::MutatingWebhookConfiguration,
        api::admissionregistration::v1::ValidatingAdmissionPolicy,
        api::admissionregistration::v1::ValidatingAdmissionPolicyBinding,
        api::admissionregistration::v1::ValidatingWebhookConfiguration,
        api::admissionregistration::v1alpha1::MutatingAdmissionPolicy,
        api::admissionregistration::v1alpha1::MutatingAdmissionPolicyBinding,
        api::admissionregistration::v1beta1::MutatingAdmissionPolicy,
        api::admissionregistration::v1beta1::MutatingAdmissionPolicyBinding,
        api::apiserverinternal::v1alpha1::StorageVersion,
        api::apps::v1::ControllerRevision,
        api::apps::v1::DaemonSet,
        api::apps::v1::Deployment,
        api::apps::v1::ReplicaSet,
        api::apps::v1::StatefulSet,
        api::authentication::v1::SelfSubjectReview,
        api::authentication::v1::TokenRequest,
        api::authentication::v1::TokenReview,
        api::authorization::v1::LocalSubjectAccessReview,
        api::authorization::v1::SelfSubjectAccessReview,
        api::authorization::v1::SelfSubjectRulesReview,
        api::authorization::v1::SubjectAccessReview,
        api::autoscaling::v1::HorizontalPodAutoscaler,
        api::autoscaling::v1::Scale,
        api::autoscaling::v2::HorizontalPodAutoscaler,
        api::batch::v1::CronJob,
        api::batch::v1::Job,
        api::certificates::v1::CertificateSigningRequest,
        api::certificates::v1::ClusterTrustBundle,
        api::certificates::v1::PodCertificateRequest,
        api::certificates::v1beta1::ClusterTrustBundle,
        api::certificates::v1beta1::PodCertificateRequest,
        api::coordination::v1::Lease,
        api::coordination::v1alpha2::LeaseCandidate,
        api::coordination::v1beta1::LeaseCandidate,
        api::core::v1::Binding,
        api::core::v1::ComponentStatus,
        api::core::v1::ConfigMap,
        api::core::v1::Endpoints,
        api::core::v1::Event,
        api::core::v1::LimitRange,
        api::core::v1::Namespace,
        api::core::v1::Node,
        api::core::v1::PersistentVolume,
        api::core::v1::PersistentVolumeClaim,
        api::core::v1::Pod,
        api::core::v1::PodTemplate,
        api::core::v1::ReplicationController,
        api::core::v1::ResourceQuota,
        api::core::v1::Secret,
        api::core::v1::Service,
        api::core::v1::ServiceAccount,
        api::discovery::v1::EndpointSlice,
        api::events::v1::Event,
        api::flowcontrol::v1::FlowSchema,
        api::flowcontrol::v1::PriorityLevelConfiguration,
        api::lifecycle::v1alpha1::Eviction,
        api::lifecycle::v1alpha1::EvictionRequest,
        api::networking::v1::IPAddress,
        api::networking::v1::Ingress,
        api::networking::v1::IngressClass,
        api::networking::v1::NetworkPolicy,
        api::networking::v1::ServiceCIDR,
        api::node::v1::RuntimeClass,
        api::policy::v1::Eviction,
        api::policy::v1::PodDisruptionBudget,
        api::rbac::v1::ClusterRole,
        api::rbac::v1::ClusterRoleBinding,
        api::rbac::v1::Role,
        api::rbac::v1::RoleBinding,
        api::resource::v1::DeviceClass,
        api::resource::v1::DeviceTaintRule,
        api::resource::v1::ResourceClaim,
        api::resource::v1::ResourceClaimTemplate,
        api::resource::v1::ResourceSlice,
        api::resource::v1alpha3::DeviceTaintRule,
        api::resource::v1alpha3::ResourcePoolStatusRequest,
        api::resource::v1beta1::DeviceClass,
        api::resource::v1beta1::ResourceClaim,
        api::resource::v1beta1::ResourceClaimTemplate,
        api::resource::v1beta1::ResourceSlice,
        api::resource::v1beta2::DeviceClass,
        api::resource::v1beta2::DeviceTaintRule,
        api::resource::v1beta2::ResourceClaim,
        api::resource::v1beta2::ResourceClaimTemplate,
        api::resource::v1beta2::ResourceSlice,
        api::scheduling::v1::PriorityClass,
        api::scheduling::v1alpha3::CompositePodGroup,
        api::scheduling::v1alpha3::PodGroup,
        api::scheduling::v1alpha3::Workload,
        api::scheduling::v1beta1::PodGroup,
        api::scheduling::v1beta1::Workload,
        api::storage::v1::CSIDriver,
        api::storage::v1::CSINode,
        api::storage::v1::CSIStorageCapacity,
        api::storage::v1::StorageClass,
        api::storage::v1::VolumeAttachment,
        api::storage::v1::VolumeAttributesClass,
        api::storagemigration::v1::StorageVersionMigration,
        api::storagemigration::v1beta1::StorageVersionMigration,
        apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
        kube_aggregator::pkg::apis::apiregistration::v1::APIService,
    }
}

/// Kubernetes prints Go's zero time as `null`; a type that must have a time prints it.
fn without_zero_times(value: Json) -> Json {
    match value {
        Json::String(text) if text.starts_with("0001-01-01T00:00:00") => Json::Null,
        Json::Array(items) => items.into_iter().map(without_zero_times).collect(),
        Json::Object(members) => {
            let members = members.into_iter();
            members
                .map(|(name, value)| (name, without_zero_times(value)))
                .collect()
        }
        other => other,
    }
}

/// Keeps of `value` only the members that `pattern` has.
fn limited(value: &Json, pattern: &Json) -> Json {
    match (value, pattern) {
        (Json::Object(members), Json::Object(pattern)) => {
            let kept = members.iter().filter_map(|(name, value)| {
                Some((name.clone(), limited(value, pattern.get(name)?)))
            });
            kept.collect()
        }
        (Json::Array(items), Json::Array(pattern)) if items.len() == pattern.len() => items
            .iter()
            .zip(pattern)
            .map(|(value, pattern)| limited(value, pattern))
            .collect(),
        (other, _) => other.clone(),
    }
}

/// jiff, in which k8s-openapi keeps times, ends a day before the year 9999 does: both ends count as one.
fn bounded(value: Json) -> Json {
    match value {
        Json::String(text) if text.starts_with("9999-12-3") => "9999".into(),
        Json::Array(items) => items.into_iter().map(bounded).collect(),
        Json::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, bounded(value)))
            .collect(),
        other => other,
    }
}

/// Where the typed object differs from the untyped one. Members that the newest release dropped are no difference for an
/// object that was drawn from every release's fields.
fn check(name: &str, stored: &[u8], through: Through, drawn: bool) -> Option<String> {
    let object = Value::parse(stored)
        .unwrap()
        .object(Options::default())
        .unwrap();
    let untyped = bounded(object.to_json().unwrap());
    match through(&object) {
        Ok(typed) => {
            let mut typed = as_go_prints(without_empties(&without_zero_times(bounded(typed))));
            // A template is an object of its own to k8s-openapi; stored, it has neither apiVersion nor kind.
            for template in typed
                .pointer_mut("/spec/volumeClaimTemplates")
                .and_then(Json::as_array_mut)
                .into_iter()
                .flatten()
            {
                template
                    .as_object_mut()
                    .unwrap()
                    .retain(|name, _| !["apiVersion", "kind"].contains(&name.as_str()));
            }
            let mut untyped = without_empties(&untyped);
            if drawn {
                untyped = without_empties(&limited(&untyped, &typed));
            }
            // 1.37 dropped what 1.36 had of these.
            difference(name, &typed, &untyped)
                .filter(|text| !text.contains("nodeAllocatableResource"))
        }
        Err(error) => Some(format!("{name}: {error}")),
    }
}

/// Serde prints a whole number of a type of floats with `.0`, Go without.
fn as_go_prints(value: Json) -> Json {
    match value {
        Json::Number(number) => match number.as_f64() {
            Some(whole) if number.is_f64() && whole.fract() == 0.0 && whole.abs() < 1e15 => {
                serde_json::from_str(&format!("{whole:.0}")).unwrap()
            }
            _ => Json::Number(number),
        },
        Json::Array(items) => items.into_iter().map(as_go_prints).collect(),
        Json::Object(fields) => {
            let fields = fields.into_iter();
            Json::Object(
                fields
                    .map(|(name, value)| (name, as_go_prints(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

#[test]
fn every_kind_of_k8s_openapi_survives_being_typed() {
    let (schema, oracle) = (Schema::load(), rows("1.36"));
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for (api_version, kind, through) in kinds() {
        let name = format!("{api_version}/{kind}");
        let Some(number) = schema.find(api_version, kind) else {
            unknown.push(name);
            continue;
        };
        let stored = oracle.iter().filter(|row| row.kind == name);
        wrong.extend(stored.filter_map(|row| check(&name, &row.stored, through, false)));
        let drawn = (0..5).map(|seed| schema.object(number, &mut Random::new(seed)).0);
        wrong.extend(drawn.filter_map(|stored| check(&name, &stored, through, true)));
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(30)].join("\n")
    );
    let newer = [
        "certificates.k8s.io/v1/PodCertificateRequest",
        "lifecycle.k8s.io/v1alpha1/Eviction",
        "lifecycle.k8s.io/v1alpha1/EvictionRequest",
        "scheduling.k8s.io/v1beta1/PodGroup",
        "scheduling.k8s.io/v1beta1/Workload",
    ];
    assert_eq!(
        unknown, newer,
        "the field tables were made before these; update the list with the tables"
    );
}

#[test]
fn pods_of_a_real_directory_are_listed_as_types() {
    use etcd_inspect::dataset::Dataset;
    use etcd_inspect_typed::List as _;

    let dataset = Dataset::open(testkit::data_dir("k8s-1.20-etcd35")).unwrap();
    let moment = dataset.newest();
    let pods = moment.list::<api::core::v1::Pod>().unwrap();
    let pods = pods.complete().unwrap();
    let names: Vec<_> = pods
        .iter()
        .map(|pod| pod.metadata.name.clone().unwrap())
        .collect();
    let plain = moment.pods().unwrap().complete().unwrap();
    let expected: Vec<_> = plain.iter().map(|pod| pod.name().to_owned()).collect();
    assert!(!names.is_empty());
    assert_eq!(names, expected);

    // What does not fit is damage that names the key, not an error and not silence.
    let (none, damage) = moment
        .objects("pods")
        .typed::<u8>("number")
        .unwrap()
        .into_parts();
    assert!(none.is_empty());
    let message = &damage.findings.first().unwrap().message;
    assert!(message.contains("does not fit number"), "{message}");
}
