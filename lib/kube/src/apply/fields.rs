//! What is taken out of an object so that it can be created again.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{group_of, text};

/// Members of metadata that a client may set; all others are the API server's.
const METADATA: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
];

/// Annotations that record a state, which a restored object does not have.
const ANNOTATIONS: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.daemonset.template.generation",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "control-plane.alpha.kubernetes.io/leader",
    "autoscaling.alpha.kubernetes.io/conditions",
    "autoscaling.alpha.kubernetes.io/current-metrics",
    "kubernetes.io/config.hash",
    "kubernetes.io/config.seen",
    "kubernetes.io/config.source",
    "kubernetes.io/config.mirror",
    "batch.kubernetes.io/job-tracking",
];

/// Annotations of a claim or volume that say that it is bound: to a uid that a restored one does not have.
const BOUND: &[&str] = &[
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
];

/// Labels that a Job controller generates from the uid of the Job.
const JOB_LABELS: &[&str] = &[
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];

/// Those of them that are the uid itself, which the pods of a Job have too.
const UID_LABELS: &[&str] = &["controller-uid", "batch.kubernetes.io/controller-uid"];

/// What is kept although it is the cluster's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Finalizers. A finalizer whose controller is gone keeps the object from being deleted.
    pub finalizers: bool,
    /// Addresses of Services.
    pub cluster_ip: bool,
}

/// Paths that were taken out and that a reader may miss: not those that every object has.
pub type Removed = BTreeSet<&'static str>;

/// Takes out of an object what an API server or a controller fills in, and what refers to objects by uid.
///
/// ```
/// use etcd_inspect_kube::apply::{Keep, recreatable};
/// let mut service = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "uid": "1"},
///     "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}, "status": {}});
/// recreatable(&mut service, Keep::default());
/// assert_eq!(service, serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
///     "spec": {"ports": [{"port": 80}]}}));
/// ```
pub fn recreatable(object: &mut Value, keep: Keep) -> Removed {
    let mut removed = Removed::new();
    let (kind, group) = (
        text(object, "/kind").to_owned(),
        group_of(text(object, "/apiVersion")).to_owned(),
    );
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            of_metadata(metadata, keep, &mut removed);
        }
    }
    match (group.as_str(), kind.as_str()) {
        ("", "Namespace") => {
            drop_member(object, "/spec", "finalizers");
        }
        ("", "Pod") => of_pod(object, &mut removed),
        ("", "Service") => of_service(object, keep, &mut removed),
        ("", "ServiceAccount") => of_service_account(object, &mut removed),
        ("", "PersistentVolume") => {
            drop_annotations(object, BOUND, &mut removed);
            let uid = drop_member(object, "/spec/claimRef", "uid");
            if drop_member(object, "/spec/claimRef", "resourceVersion") || uid {
                removed.insert("the uid of spec.claimRef");
            }
        }
        ("", "PersistentVolumeClaim") => drop_annotations(object, BOUND, &mut removed),
        ("batch" | "extensions", "Job") => of_job(object, &mut removed),
        ("apps", "StatefulSet") => of_claim_templates(object),
        ("extensions" | "apps", "DaemonSet")
            if drop_member(object, "/spec", "templateGeneration") =>
        {
            removed.insert("spec.templateGeneration");
        }
        _ => {}
    }
    without_null_times(object);
    removed
}

fn of_metadata(metadata: &mut Map<String, Value>, keep: Keep, removed: &mut Removed) {
    for (field, path) in [
        ("ownerReferences", "metadata.ownerReferences"),
        ("finalizers", "metadata.finalizers"),
        ("deletionTimestamp", "metadata.deletionTimestamp"),
    ] {
        let is_kept = field == "finalizers" && keep.finalizers;
        let is_set = metadata.get(field).is_some_and(|value| !value.is_null());
        if is_set && !is_kept {
            removed.insert(path);
        }
    }
    metadata.retain(|name, _| {
        METADATA.contains(&name.as_str()) && (name != "finalizers" || keep.finalizers)
    });
    if metadata.get("name").is_some_and(|name| name != "") {
        metadata.shift_remove("generateName");
    }
    removed.extend(drop_names(metadata, "annotations", ANNOTATIONS));
}

/// Takes names out of a map, and the map if nothing is left. Returns those that were in it.
fn drop_names(
    parent: &mut Map<String, Value>,
    map: &str,
    names: &[&'static str],
) -> Vec<&'static str> {
    let Some(fields) = parent.get_mut(map).and_then(Value::as_object_mut) else {
        return Vec::new();
    };
    let found = names.iter().filter(|name| fields.contains_key(**name));
    let found: Vec<_> = found.copied().collect();
    fields.retain(|name, _| !names.contains(&name.as_str()));
    if fields.is_empty() && !found.is_empty() {
        parent.shift_remove(map);
    }
    found
}

fn drop_annotations(object: &mut Value, names: &[&'static str], removed: &mut Removed) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        removed.extend(drop_names(metadata, "annotations", names));
    }
}

fn drop_member(object: &mut Value, parent: &str, name: &str) -> bool {
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.is_some_and(|parent| parent.shift_remove(name).is_some())
}

/// A pod without its node, and without the token that the ServiceAccount admission mounts into every pod, under a new name.
fn of_pod(object: &mut Value, removed: &mut Removed) {
    if drop_member(object, "/spec", "nodeName") {
        removed.insert("spec.nodeName");
    }
    // A pod cannot be created with ephemeral containers (`ValidatePodCreate`, Kubernetes pkg/apis/core/validation, v1.34.0).
    if drop_member(object, "/spec", "ephemeralContainers") {
        removed.insert("spec.ephemeralContainers");
    }
    // Admission computes both of the class, and refuses a pod that has others (`admit` in Kubernetes plugin/pkg/admission/priority, v1.34.0).
    for (field, path) in [
        ("priority", "spec.priority"),
        ("preemptionPolicy", "spec.preemptionPolicy"),
    ] {
        if drop_member(object, "/spec", field) {
            removed.insert(path);
        }
    }
    // Made of the uid of a Job that a restored one does not have.
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !drop_names(metadata, "labels", UID_LABELS).is_empty()
    {
        removed.insert("the generated labels of a Job");
    }
    let account = match text(object, "/spec/serviceAccountName") {
        "" => "default".to_owned(),
        name => name.to_owned(),
    };
    let mut volumes = BTreeSet::new();
    if let Some(list) = object
        .pointer_mut("/spec/volumes")
        .and_then(Value::as_array_mut)
    {
        list.retain(|volume| {
            let name = text(volume, "/name");
            let is_token = is_generated(text(volume, "/secret/secretName"), &account, "-token-");
            let is_access =
                name.starts_with("kube-api-access-") && volume.get("projected").is_some();
            if is_token || is_access {
                volumes.insert(name.to_owned());
            }
            !(is_token || is_access)
        });
    }
    if volumes.is_empty() {
        return;
    }
    removed.insert("the mounted token of the service account");
    for containers in ["/spec/containers", "/spec/initContainers"] {
        let containers = object.pointer_mut(containers).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(mounts) = container
                .get_mut("volumeMounts")
                .and_then(Value::as_array_mut)
            {
                mounts.retain(|mount| !volumes.contains(text(mount, "/name")));
            }
        }
    }
}

/// Returns whether a name is the owner's with an infix and the five random characters of the API server.
fn is_generated(name: &str, owner: &str, infix: &str) -> bool {
    let rest = name
        .strip_prefix(owner)
        .and_then(|rest| rest.strip_prefix(infix));
    rest.is_some_and(|random| {
        random.len() == 5 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// An address is assigned again; `None`, which makes a Service headless, is no address.
fn of_service(object: &mut Value, keep: Keep, removed: &mut Removed) {
    if keep.cluster_ip || text(object, "/spec/clusterIP") == "None" {
        return;
    }
    let one = drop_member(object, "/spec", "clusterIP");
    let all = drop_member(object, "/spec", "clusterIPs");
    if one || all {
        removed.insert("spec.clusterIP");
    }
}

/// A service account without the token Secrets that the token controller made for it.
fn of_service_account(object: &mut Value, removed: &mut Removed) {
    let account = text(object, "/metadata/name").to_owned();
    for field in ["secrets", "imagePullSecrets"] {
        let Some(list) = object.get_mut(field).and_then(Value::as_array_mut) else {
            continue;
        };
        let before = list.len();
        list.retain(|secret| {
            let name = text(secret, "/name");
            !["-token-", "-dockercfg-"]
                .iter()
                .any(|infix| is_generated(name, &account, infix))
        });
        let (now, is_empty) = (list.len(), list.is_empty());
        if now < before {
            removed.insert("generated token Secrets of service accounts");
        }
        if is_empty && let Some(fields) = object.as_object_mut() {
            fields.shift_remove(field);
        }
    }
}

/// A Job without the selector and labels that are made of its uid, unless its author chose them
/// (`generateSelector` in Kubernetes `pkg/registry/batch/job/strategy.go`, v1.34.0).
fn of_job(object: &mut Value, removed: &mut Removed) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    if drop_member(object, "/spec", "selector") {
        removed.insert("the generated selector of Jobs");
    }
    for parent in ["/metadata", "/spec/template/metadata"] {
        if let Some(metadata) = object.pointer_mut(parent).and_then(Value::as_object_mut)
            && !drop_names(metadata, "labels", JOB_LABELS).is_empty()
        {
            removed.insert("the generated labels of a Job");
        }
    }
}

/// Templates of claims without what an API server adds when it reads them, and without the state of a claim.
fn of_claim_templates(object: &mut Value) {
    let claims = object
        .pointer_mut("/spec/volumeClaimTemplates")
        .and_then(Value::as_array_mut);
    for claim in claims.into_iter().flatten() {
        for name in ["kind", "apiVersion", "status"] {
            drop_member(claim, "", name);
        }
        if let Some(metadata) = claim.get_mut("metadata").and_then(Value::as_object_mut) {
            of_metadata(metadata, Keep::default(), &mut Removed::new());
        }
    }
}

/// Templates have a creation time that is never set.
fn without_null_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null_times),
        Value::Object(fields) => {
            if fields.get("creationTimestamp").is_some_and(Value::is_null) {
                fields.shift_remove("creationTimestamp");
            }
            fields.values_mut().for_each(without_null_times);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_taken_out_is_named() {
        let mut claim = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v", "annotations":
            {"pv.kubernetes.io/bind-completed": "yes", "deployment.kubernetes.io/revision": "1", "own": "x"}},
            "spec": {"claimRef": {"name": "c", "uid": "1"}}});
        let removed = recreatable(&mut claim, Keep::default());
        assert_eq!(
            removed.into_iter().collect::<Vec<_>>(),
            [
                "deployment.kubernetes.io/revision",
                "pv.kubernetes.io/bind-completed",
                "the uid of spec.claimRef"
            ]
        );
        assert_eq!(claim["metadata"]["annotations"], json!({"own": "x"}));
    }

    fn neat(mut object: Value) -> Value {
        recreatable(&mut object, Keep::default());
        object
    }

    #[test]
    fn a_pod_loses_its_node_and_its_mounted_token_and_keeps_its_own_volumes() {
        let pod = neat(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "generateName": "a-",
            "labels": {"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u"}, "ownerReferences": [{"uid": "1"}], "finalizers": ["x"], "clusterName": ""},
            "spec": {"nodeName": "n1", "serviceAccountName": "builder",
                "volumes": [{"name": "own", "secret": {"secretName": "builder-token-mine"}},
                    {"name": "t", "secret": {"secretName": "builder-token-x7k2p"}},
                    {"name": "kube-api-access-abcde", "projected": {}}],
                "containers": [{"name": "c", "volumeMounts": [{"name": "own"}, {"name": "t"}, {"name": "kube-api-access-abcde"}]}]}}),
        );
        assert_eq!(pod["metadata"], json!({"name": "a"}));
        assert_eq!(
            pod["spec"]["volumes"],
            json!([{"name": "own", "secret": {"secretName": "builder-token-mine"}}])
        );
        assert_eq!(
            pod["spec"]["containers"][0]["volumeMounts"],
            json!([{"name": "own"}])
        );
        assert_eq!(pod["spec"].get("nodeName"), None);
    }

    #[test]
    fn a_job_keeps_a_selector_that_its_author_chose() {
        let job = |manual: bool| {
            neat(
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "labels": {"controller-uid": "1"}},
                "spec": {"manualSelector": manual, "selector": {"matchLabels": {"controller-uid": "1"}},
                    "template": {"metadata": {"creationTimestamp": null, "labels": {"controller-uid": "1", "app": "x"}}}}}),
            )
        };
        assert_eq!(job(false)["spec"].get("selector"), None);
        assert_eq!(
            job(false)["spec"]["template"]["metadata"],
            json!({"labels": {"app": "x"}})
        );
        assert_eq!(job(false)["metadata"], json!({"name": "j"}));
        assert_eq!(
            job(true)["spec"]["selector"]["matchLabels"]["controller-uid"],
            "1"
        );
    }

    #[test]
    fn templates_of_claims_are_written_as_their_author_wrote_them() {
        let set = neat(
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {"volumeClaimTemplates": [{"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata":
                {"name": "data", "creationTimestamp": null, "uid": "1", "labels": {"a": "b"}},
                "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}]}}),
        );
        assert_eq!(
            set["spec"]["volumeClaimTemplates"],
            json!([{"metadata": {"name": "data", "labels": {"a": "b"}}, "spec": {"volumeMode": "Filesystem"}}])
        );
    }

    #[test]
    fn a_headless_service_stays_headless_and_a_volume_keeps_its_claim() {
        let service = neat(
            json!({"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
        );
        assert_eq!(service["spec"]["clusterIP"], "None");
        let volume = neat(
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v",
            "annotations": {"pv.kubernetes.io/bound-by-controller": "yes", "pv.kubernetes.io/provisioned-by": "p"}},
            "spec": {"claimRef": {"name": "c", "namespace": "n", "uid": "1", "resourceVersion": "7"}}}),
        );
        assert_eq!(
            volume["spec"]["claimRef"],
            json!({"name": "c", "namespace": "n"})
        );
        assert_eq!(
            volume["metadata"]["annotations"],
            json!({"pv.kubernetes.io/provisioned-by": "p"})
        );
    }

    #[test]
    fn what_may_be_kept_is_kept_and_what_was_removed_is_reported() {
        let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"finalizers": ["f"], "ownerReferences": [{"uid": "1"}]},
            "spec": {"clusterIP": "10.0.0.1"}});
        let mut kept = service.clone();
        let removed = recreatable(&mut service, Keep::default());
        assert_eq!(
            removed.into_iter().collect::<Vec<_>>(),
            [
                "metadata.finalizers",
                "metadata.ownerReferences",
                "spec.clusterIP"
            ]
        );
        recreatable(
            &mut kept,
            Keep {
                finalizers: true,
                cluster_ip: true,
            },
        );
        assert_eq!(kept["metadata"]["finalizers"], json!(["f"]));
        assert_eq!(kept["spec"]["clusterIP"], "10.0.0.1");
    }
}
