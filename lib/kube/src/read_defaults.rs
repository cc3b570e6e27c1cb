//! What an API server sets when it reads an object, although it is not stored.
//!
//! Nearly all defaults are set when an object is written, and are stored with it. A phase is not: status is the controller's
//! to write. Sources: `SetDefaults_*` in Kubernetes `pkg/apis/core/v1/defaults.go` and `pkg/apis/apps/v1/conversion.go`, v1.34.0.

use serde_json::{Map, Value, json};

/// Whether an API server sets anything when it reads an object of that kind.
pub fn has_read_defaults(api_version: &str, kind: &str) -> bool {
    phase(api_version, kind).is_some()
        || has_claims(api_version, kind)
        || api_version.starts_with("batch/") && matches!(kind, "Job" | "CronJob" | "ScheduledJob")
}

/// Sets what an API server sets when it reads the object.
///
/// ```
/// use etcd_inspect_kube::set_read_defaults;
/// let mut claim = serde_json::json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {}});
/// set_read_defaults(&mut claim);
/// assert_eq!(claim["status"]["phase"], "Pending");
/// ```
pub fn set_read_defaults(object: &mut Value) {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let is_batch = api_version.starts_with("batch/");
    if let Some(phase) = phase(api_version, kind) {
        set_phase(object, phase);
    } else if is_batch && kind == "Job" {
        set_labels(object);
    } else if is_batch && matches!(kind, "CronJob" | "ScheduledJob") {
        set_limits(object);
    } else if has_claims(api_version, kind) {
        let claims = object
            .pointer_mut("/spec/volumeClaimTemplates")
            .and_then(Value::as_array_mut);
        for claim in claims.into_iter().flatten() {
            set(claim, "kind", json!("PersistentVolumeClaim"));
            set(claim, "apiVersion", json!("v1"));
            set_phase(claim, "Pending");
        }
    }
}

/// A Job without labels has those of its template (`SetDefaults_Job` in `pkg/apis/batch/v1/defaults.go`).
fn set_labels(job: &mut Value) {
    let labels = job.pointer("/spec/template/metadata/labels").cloned();
    let Some(metadata) = job.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    let is_empty = |labels: &Value| labels.as_object().is_none_or(Map::is_empty);
    if metadata.get("labels").is_none_or(is_empty)
        && let Some(labels) = labels.filter(|labels| !is_empty(labels))
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

/// How many finished Jobs a CronJob keeps, which batch/v2alpha1 did not always store (`SetDefaults_CronJob`).
fn set_limits(job: &mut Value) {
    if let Some(spec) = job.get_mut("spec") {
        set(spec, "concurrencyPolicy", json!("Allow"));
        set(spec, "suspend", json!(false));
        set(spec, "successfulJobsHistoryLimit", json!(3));
        set(spec, "failedJobsHistoryLimit", json!(1));
    }
}

/// The phase of objects to which no controller has given one.
fn phase(api_version: &str, kind: &str) -> Option<&'static str> {
    match (api_version, kind) {
        ("v1", "PersistentVolume" | "PersistentVolumeClaim") => Some("Pending"),
        ("v1", "Namespace") => Some("Active"),
        _ => None,
    }
}

fn has_claims(api_version: &str, kind: &str) -> bool {
    kind == "StatefulSet" && api_version.starts_with("apps/")
}

fn set_phase(object: &mut Value, phase: &str) {
    set(object, "status", Value::Object(Map::new()));
    if let Some(status) = object.get_mut("status") {
        set(status, "phase", json!(phase));
    }
}

/// Sets a member that is not there, or is the empty text that Go does not write.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        let member = fields.entry(name).or_insert(Value::Null);
        if member.is_null() || *member == "" {
            *member = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut object: Value) -> Value {
        set_read_defaults(&mut object);
        object
    }

    #[test]
    fn an_object_without_a_phase_has_that_of_its_kind_and_keeps_the_one_it_has() {
        for (kind, phase) in [
            ("PersistentVolumeClaim", "Pending"),
            ("PersistentVolume", "Pending"),
            ("Namespace", "Active"),
        ] {
            let object = json!({"apiVersion": "v1", "kind": kind});
            assert_eq!(read(object)["status"]["phase"], phase, "{kind}");
            let own = json!({"apiVersion": "v1", "kind": kind, "status": {"phase": "Failed"}});
            assert_eq!(read(own.clone()), own);
        }
        let custom = json!({"apiVersion": "example.com/v1", "kind": "Namespace"});
        assert_eq!(read(custom.clone()), custom);
    }

    #[test]
    fn a_job_has_the_labels_of_its_template_and_a_cron_job_the_limits_of_today() {
        let job = |labels: Value| {
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "labels": labels},
            "spec": {"template": {"metadata": {"labels": {"job-name": "j"}}}}})
        };
        assert_eq!(
            read(job(Value::Null))["metadata"]["labels"],
            json!({"job-name": "j"})
        );
        assert_eq!(
            read(job(json!({"own": "x"})))["metadata"]["labels"],
            json!({"own": "x"})
        );
        let cron = read(
            json!({"apiVersion": "batch/v2alpha1", "kind": "CronJob", "spec": {"failedJobsHistoryLimit": 0}}),
        );
        assert_eq!(
            cron["spec"],
            json!({"failedJobsHistoryLimit": 0, "successfulJobsHistoryLimit": 3, "suspend": false, "concurrencyPolicy": "Allow"})
        );
    }

    #[test]
    fn claims_of_a_stateful_set_say_what_they_are() {
        let set = read(json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "status": {}}]}}));
        assert_eq!(
            set["spec"]["volumeClaimTemplates"][0],
            json!({"metadata": {"name": "data"}, "status": {"phase": "Pending"},
                "kind": "PersistentVolumeClaim", "apiVersion": "v1"})
        );
    }
}
