//! A stored object in a version that a newer release serves: a table of field moves, no API server.

use serde_json::{Map, Value, json};

use super::definition::definition;
use super::served::with_same_fields;
use super::text;
use super::versions::{Release, first_served, removed_in, serves};

/// Why an object cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{api_version} {kind} is not served by Kubernetes {release}: {why}")]
pub struct Unconvertible {
    api_version: String,
    kind: String,
    release: Release,
    why: &'static str,
}

/// Returns the release whose versions an object needs, although a version that it is stored in is older. A CRD that prunes unknown
/// fields was written as v1, and may have what v1beta1 refuses, such as defaults (`ValidateCustomResourceDefinition` in
/// apiextensions `pkg/apis/apiextensions/validation/validation.go`, v0.20.2).
fn needed(object: &Value) -> Option<Release> {
    let is_old = text(object, "/kind") == "CustomResourceDefinition"
        && text(object, "/apiVersion") == "apiextensions.k8s.io/v1beta1";
    let prunes = object.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(false));
    (is_old && prunes).then_some(Release(22))
}

/// Returns the release whose versions an object gets: the target, or a later one that it needs and whose version the target serves.
pub fn release_for(object: &Value, target: Option<Release>) -> Option<Release> {
    let needed = needed(object);
    match target {
        None => needed,
        Some(target)
            if serves(
                target,
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
            ) =>
        {
            Some(target).max(needed)
        }
        Some(target) => Some(target),
    }
}

/// Converts an object to the version that a release serves. Returns whether it was converted: one that the release serves as it is
/// stays as it is.
///
/// ```
/// use etcd_inspect_kube::apply::{Release, convert};
/// let mut job = serde_json::json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "spec": {"schedule": "* * * * *"}});
/// assert_eq!(convert(&mut job, Release(24)), Ok(false));
/// assert_eq!(convert(&mut job, Release(25)), Ok(true));
/// assert_eq!(job["apiVersion"], "batch/v1");
/// ```
///
/// # Errors
/// Nothing takes the place of the version, or a field has no counterpart.
pub fn convert(object: &mut Value, release: Release) -> Result<bool, Unconvertible> {
    let (api_version, kind) = (
        text(object, "/apiVersion").to_owned(),
        text(object, "/kind").to_owned(),
    );
    let unconvertible = |why| Unconvertible {
        api_version: api_version.clone(),
        kind: kind.clone(),
        release,
        why,
    };
    if (api_version.as_str(), kind.as_str()) == ("batch/v2alpha1", "ScheduledJob") {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("kind".to_owned(), json!("CronJob"));
        }
        return convert(object, release).map(|_| true);
    }
    let Some(found) = removed_in(&api_version, &kind).filter(|found| release >= found.removed)
    else {
        return earlier(object, &api_version, &kind, release).map_err(unconvertible);
    };
    let to = found.to.ok_or_else(|| {
        unconvertible(match api_version.starts_with("resource.k8s.io/") {
            true => "no later version has the same fields",
            false => "nothing takes its place",
        })
    })?;
    if release < found.since {
        return Err(unconvertible("its successor comes with a later release"));
    }
    fields(object, &api_version, &kind).map_err(unconvertible)?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), Value::from(to));
    }
    Ok(true)
}

/// Gives an object of a version that comes with a later release the newest version with the same fields that the release serves.
fn earlier(
    object: &mut Value,
    api_version: &str,
    kind: &str,
    release: Release,
) -> Result<bool, &'static str> {
    if serves(release, api_version, kind) {
        return Ok(false);
    }
    // In v1beta1 an empty selector selects no pod, in v1 every pod.
    let selector = object.pointer("/spec/selector").and_then(Value::as_object);
    if kind == "PodDisruptionBudget" && selector.is_some_and(Map::is_empty) {
        return Err("its empty selector has another meaning in v1beta1");
    }
    let to = with_same_fields(api_version, kind)
        .filter(|to| serves(release, to, kind))
        .max_by_key(|to| first_served(to, kind))
        .ok_or(
            "it comes with a later release, and no version that is served has the same fields",
        )?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".to_owned(), Value::from(to));
    }
    Ok(true)
}

/// Fields that a conversion drops: what they asked for happened, or is the controller's own.
pub fn dropped(before: &Value, after: &Value) -> Vec<&'static str> {
    const DROPPED: [(&str, &str); 2] = [
        ("/spec/rollbackTo", "spec.rollbackTo"),
        ("/spec/templateGeneration", "spec.templateGeneration"),
    ];
    let is_gone = |pointer| before.pointer(pointer).is_some() && after.pointer(pointer).is_none();
    let gone = DROPPED.iter().filter(|(pointer, _)| is_gone(pointer));
    gone.map(|(_, name)| *name).collect()
}

/// Moves the fields that differ.
fn fields(object: &mut Value, from: &str, kind: &str) -> Result<(), &'static str> {
    match kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" => workload(object, kind),
        "Ingress" => ingress(object),
        "PodDisruptionBudget" => budget(object),
        "CustomResourceDefinition" => definition(object)?,
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => webhooks(object)?,
        "RoleBinding" | "ClusterRoleBinding" if from.ends_with("v1alpha1") => subjects(object),
        "RuntimeClass" if from.ends_with("v1alpha1") => runtime_class(object),
        "EndpointSlice" => endpoints(object),
        "CertificateSigningRequest" if text(object, "/spec/signerName").is_empty() => {
            return Err("it has no signerName, which v1 requires");
        }
        "PriorityLevelConfiguration" if !from.ends_with("v1beta3") => {
            rename(
                object.pointer_mut("/spec/limited"),
                "assuredConcurrencyShares",
                "nominalConcurrencyShares",
            );
        }
        "HorizontalPodAutoscaler" if from.ends_with("v2beta1") => metrics(object)?,
        _ => {}
    }
    Ok(())
}

pub(super) fn rename(parent: Option<&mut Value>, from: &str, to: &str) {
    if let Some(fields) = parent.and_then(Value::as_object_mut)
        && let Some(value) = fields.shift_remove(from)
    {
        fields.insert(to.to_owned(), value);
    }
}

fn items<'o>(object: &'o mut Value, pointer: &str) -> impl Iterator<Item = &'o mut Value> {
    object
        .pointer_mut(pointer)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// apps/v1 requires a selector, which was that of the template's labels, and has no rollback and no template generation.
fn workload(object: &mut Value, kind: &str) {
    let labels = object.pointer("/spec/template/metadata/labels").cloned();
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    spec.shift_remove("rollbackTo");
    spec.shift_remove("templateGeneration");
    if let (None, Some(labels)) = (spec.get("selector"), labels) {
        spec.insert("selector".to_owned(), json!({ "matchLabels": labels }));
    }
    if kind == "DaemonSet" && !spec.contains_key("updateStrategy") {
        spec.insert("updateStrategy".to_owned(), json!({ "type": "OnDelete" }));
    }
}

fn ingress(object: &mut Value) {
    rename(object.get_mut("spec"), "backend", "defaultBackend");
    if let Some(backend) = object.pointer_mut("/spec/defaultBackend") {
        ingress_backend(backend);
    }
    for rule in items(object, "/spec/rules") {
        for path in items(rule, "/http/paths") {
            if let Some(backend) = path.get_mut("backend") {
                ingress_backend(backend);
            }
            if let Some(path) = path.as_object_mut() {
                path.entry("pathType")
                    .or_insert_with(|| json!("ImplementationSpecific"));
            }
        }
    }
}

fn ingress_backend(backend: &mut Value) {
    let Some(fields) = backend.as_object_mut() else {
        return;
    };
    let (name, port) = (
        fields.shift_remove("serviceName"),
        fields.shift_remove("servicePort"),
    );
    let port = match port {
        Some(Value::Number(number)) => json!({ "number": number }),
        Some(Value::String(name)) => json!({ "name": name }),
        _ => Value::Null,
    };
    if let Some(name) = name.filter(|name| *name != "") {
        let mut service = Map::from_iter([("name".to_owned(), name)]);
        if !port.is_null() {
            service.insert("port".to_owned(), port);
        }
        fields.insert("service".to_owned(), Value::Object(service));
    }
}

/// In v1beta1 an empty selector selects no pod, in v1 every pod: without a selector none is selected in both.
fn budget(object: &mut Value) {
    let is_empty = |selector: &Value| selector.as_object().is_some_and(Map::is_empty);
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("selector").is_some_and(is_empty)
    {
        spec.shift_remove("selector");
    }
}

/// v1 takes webhooks without side effects only, and needs the versions of reviews they understand.
fn webhooks(object: &mut Value) -> Result<(), &'static str> {
    for hook in items(object, "/webhooks") {
        if !matches!(text(hook, "/sideEffects"), "None" | "NoneOnDryRun") {
            return Err("v1 refuses a webhook whose sideEffects are not None or NoneOnDryRun");
        }
        if let Some(hook) = hook.as_object_mut() {
            for (name, default) in [
                ("failurePolicy", json!("Ignore")),
                ("matchPolicy", json!("Exact")),
                ("timeoutSeconds", json!(30)),
                ("admissionReviewVersions", json!(["v1beta1"])),
            ] {
                hook.entry(name).or_insert(default);
            }
        }
    }
    Ok(())
}

fn subjects(object: &mut Value) {
    for subject in items(object, "/subjects") {
        if let Some(subject) = subject.as_object_mut() {
            subject.shift_remove("apiVersion");
            if subject
                .get("kind")
                .is_some_and(|kind| kind != "ServiceAccount")
            {
                subject.insert("apiGroup".to_owned(), json!("rbac.authorization.k8s.io"));
            }
        }
    }
}

fn runtime_class(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if let Some(Value::Object(mut spec)) = fields.shift_remove("spec") {
        for (from, to) in [
            ("runtimeHandler", "handler"),
            ("overhead", "overhead"),
            ("scheduling", "scheduling"),
        ] {
            if let Some(value) = spec.shift_remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
    }
}

/// The labels of a node become fields; the others of the topology are kept as deprecated.
fn endpoints(object: &mut Value) {
    for endpoint in items(object, "/endpoints").filter_map(Value::as_object_mut) {
        let Some(Value::Object(mut topology)) = endpoint.shift_remove("topology") else {
            continue;
        };
        for (label, field) in [
            ("kubernetes.io/hostname", "nodeName"),
            ("topology.kubernetes.io/zone", "zone"),
        ] {
            if let Some(value) = topology.shift_remove(label) {
                endpoint.entry(field).or_insert(value);
            }
        }
        if !topology.is_empty() {
            endpoint.insert("deprecatedTopology".to_owned(), Value::Object(topology));
        }
    }
}

/// Targets of autoscaling/v2beta1 become objects of their own.
fn metrics(object: &mut Value) -> Result<(), &'static str> {
    for metric in items(object, "/spec/metrics") {
        let Some(resource) = metric.get_mut("resource").and_then(Value::as_object_mut) else {
            return Err("a metric that is no resource metric has another form in v2");
        };
        let utilization = resource.shift_remove("targetAverageUtilization");
        let value = resource.shift_remove("targetAverageValue");
        let target = match (utilization, value) {
            (Some(percent), _) if !percent.is_null() => {
                json!({ "type": "Utilization", "averageUtilization": percent })
            }
            (_, Some(value)) => json!({ "type": "AverageValue", "averageValue": value }),
            _ => return Err("a resource metric has no target"),
        };
        resource.insert("target".to_owned(), target);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_before_that_of_the_data_gets_a_version_with_the_same_fields_or_none() {
        let object = |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "spec": {}});
        for (api_version, kind, release, to) in [
            (
                "networking.k8s.io/v1beta1",
                "Ingress",
                13,
                "extensions/v1beta1",
            ),
            ("batch/v1", "CronJob", 20, "batch/v1beta1"),
            ("policy/v1", "PodDisruptionBudget", 20, "policy/v1beta1"),
            (
                "scheduling.k8s.io/v1",
                "PriorityClass",
                13,
                "scheduling.k8s.io/v1beta1",
            ),
        ] {
            let mut object = object(api_version, kind);
            assert_eq!(convert(&mut object, Release(release)), Ok(true), "{kind}");
            assert_eq!(object["apiVersion"], to);
        }
        for (api_version, kind, release) in [
            ("networking.k8s.io/v1", "Ingress", 18),
            ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", 10),
            ("discovery.k8s.io/v1beta1", "EndpointSlice", 15),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", 15),
            ("autoscaling/v2", "HorizontalPodAutoscaler", 20),
        ] {
            let error = convert(&mut object(api_version, kind), Release(release)).unwrap_err();
            assert!(
                error.to_string().contains("is not served by Kubernetes 1."),
                "{error}"
            );
        }
        let mut all = object("policy/v1", "PodDisruptionBudget");
        all["spec"] = json!({"selector": {}});
        assert!(convert(&mut all, Release(20)).is_err());
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition",
            "spec": {"preserveUnknownFields": false}});
        assert_eq!(release_for(&crd, Some(Release(15))), Some(Release(15)));
        assert_eq!(release_for(&crd, Some(Release(16))), Some(Release(22)));
        assert_eq!(release_for(&crd, None), Some(Release(22)));
    }

    fn converted(mut object: Value, release: u16) -> Value {
        assert_eq!(convert(&mut object, Release(release)), Ok(true));
        object
    }

    #[test]
    fn a_scheduled_job_is_the_cron_job_that_it_is_called_now() {
        for (release, to) in [(36, "batch/v1"), (8, "batch/v2alpha1")] {
            let job = converted(
                json!({"apiVersion": "batch/v2alpha1", "kind": "ScheduledJob", "spec": {}}),
                release,
            );
            assert_eq!(
                job,
                json!({"apiVersion": to, "kind": "CronJob", "spec": {}})
            );
        }
        let removed = removed_in("batch/v2alpha1", "ScheduledJob");
        assert_eq!(removed.map(|found| found.removed), Some(Release(8)));
    }

    #[test]
    fn an_old_ingress_has_the_fields_of_v1() {
        let ingress = converted(
            json!({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "spec": {"backend": {"serviceName": "a", "servicePort": 80},
                "rules": [{"http": {"paths": [{"path": "/x", "backend": {"serviceName": "b", "servicePort": "http"}}]}}]}}),
            36,
        );
        assert_eq!(
            ingress,
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {
            "rules": [{"http": {"paths": [{"path": "/x", "backend": {"service": {"name": "b", "port": {"name": "http"}}},
                "pathType": "ImplementationSpecific"}]}}],
            "defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}}})
        );
    }

    #[test]
    fn a_deployment_of_extensions_gets_the_selector_that_was_implied() {
        let deployment = converted(
            json!({"apiVersion": "extensions/v1beta1", "kind": "Deployment", "spec": {"rollbackTo": {},
                "template": {"metadata": {"labels": {"app": "x"}}}}}),
            16,
        );
        assert_eq!(
            deployment["spec"]["selector"],
            json!({"matchLabels": {"app": "x"}})
        );
        assert_eq!(deployment["spec"].get("rollbackTo"), None);
    }

    #[test]
    fn a_definition_of_v1beta1_gets_a_schema_in_each_version() {
        let crd = converted(
            json!({"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition", "spec": {
                "group": "a.io", "version": "v1", "additionalPrinterColumns": [{"name": "A", "JSONPath": ".a"}],
                "subresources": {"status": {}}}}),
            22,
        );
        assert_eq!(
            crd["spec"],
            json!({"group": "a.io", "versions": [{"name": "v1", "served": true, "storage": true,
            "subresources": {"status": {}}, "additionalPrinterColumns": [{"name": "A", "jsonPath": ".a"}],
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]})
        );
    }

    #[test]
    fn what_has_no_successor_or_no_counterpart_is_refused_with_the_reason() {
        for (object, why) in [
            (
                json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy"}),
                "nothing takes its place",
            ),
            (
                json!({"apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "ValidatingWebhookConfiguration",
                "webhooks": [{"sideEffects": "Unknown"}]}),
                "sideEffects",
            ),
        ] {
            let refused = convert(&mut object.clone(), Release(36))
                .unwrap_err()
                .to_string();
            assert!(
                refused.contains(why) && refused.contains("1.36"),
                "{refused}"
            );
        }
    }

    #[test]
    fn an_empty_selector_of_a_budget_goes_on_selecting_nothing() {
        let budget = converted(
            json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "spec": {"selector": {}}}),
            25,
        );
        assert_eq!(
            budget,
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {}})
        );
    }
}
