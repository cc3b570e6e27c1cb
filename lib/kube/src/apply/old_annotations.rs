//! What annotations asked for before there were fields for it: later releases read the field alone.

use serde_json::{Map, Value, json};

use super::moved::drop_annotation;
use super::text;
use super::versions::Release;

/// The first release of which CronJobs have a time zone without a feature gate (KEP-3140); a zone in the schedule is refused.
const TIME_ZONES: Release = Release(25);
/// The first release that reads none of the annotations of critical pods.
const NO_CRITICAL_POD: Release = Release(16);
/// The first release that reads sysctls from the field alone (KEP-34).
const SYSCTLS: Release = Release(11);
/// The first release in whose table of Services both fields are.
const SERVICE_FIELDS: Release = Release(9);

const CRITICAL: &str = "scheduler.alpha.kubernetes.io/critical-pod";
const SAFE_SYSCTLS: &str = "security.alpha.kubernetes.io/sysctls";
const UNSAFE_SYSCTLS: &str = "security.alpha.kubernetes.io/unsafe-sysctls";
const UNREADY: &str = "service.alpha.kubernetes.io/tolerate-unready-endpoints";
const EXTERNAL: &str = "service.beta.kubernetes.io/external-traffic";

/// The zone in the schedule of a CronJob becomes its time zone.
pub(super) fn time_zone(job: &mut Value, release: Release) -> Option<&'static str> {
    let schedule = text(job, "/spec/schedule").trim().to_owned();
    let rest = ["CRON_TZ=", "TZ="]
        .into_iter()
        .find_map(|start| schedule.strip_prefix(start))?;
    if release < TIME_ZONES {
        return Some(
            "the time zone within spec.schedule, kept: no release before 1.25 has a field for it, and some refuse it there",
        );
    }
    let (zone, times) = rest.split_once(char::is_whitespace)?;
    let spec = job.get_mut("spec")?.as_object_mut()?;
    spec.insert("schedule".to_owned(), json!(times.trim()));
    spec.insert("timeZone".to_owned(), json!(zone));
    Some("the time zone within spec.schedule, to spec.timeZone")
}

/// Annotations of a Service.
pub(super) fn of_service(service: &mut Value, release: Release) -> Vec<&'static str> {
    let mut moved = Vec::new();
    let annotation = |service: &Value, name: &str| {
        let all = service.pointer("/metadata/annotations");
        let value = all.and_then(|all| all.get(name)).and_then(Value::as_str);
        value.map(str::to_owned)
    };
    if release < SERVICE_FIELDS {
        return moved;
    }
    if annotation(service, UNREADY).is_some_and(|value| value == "true") {
        put(
            service.get_mut("spec"),
            "publishNotReadyAddresses",
            json!(true),
        );
        drop_annotation(service, UNREADY);
        moved.push("tolerate-unready-endpoints, to spec.publishNotReadyAddresses");
    }
    if annotation(service, EXTERNAL).is_some_and(|value| value == "OnlyLocal")
        && ["NodePort", "LoadBalancer"].contains(&text(service, "/spec/type"))
    {
        put(
            service.get_mut("spec"),
            "externalTrafficPolicy",
            json!("Local"),
        );
        drop_annotation(service, EXTERNAL);
        moved.push("external-traffic: OnlyLocal, to spec.externalTrafficPolicy");
    }
    moved
}

/// Annotations of a pod or of a template in a namespace.
pub(super) fn of_pod(pod: &mut Value, namespace: &str, release: Release) -> Vec<&'static str> {
    let mut moved = Vec::new();
    let annotations = pod.pointer("/metadata/annotations").cloned();
    let value = |name: &str| {
        let value = annotations.as_ref()?.get(name)?.as_str();
        value.map(str::to_owned)
    };
    if release >= NO_CRITICAL_POD && namespace == "kube-system" && value(CRITICAL).is_some() {
        put(
            pod.get_mut("spec"),
            "priorityClassName",
            json!("system-cluster-critical"),
        );
        drop_annotation(pod, CRITICAL);
        moved.push("critical-pod, to spec.priorityClassName");
    }
    for name in [SAFE_SYSCTLS, UNSAFE_SYSCTLS] {
        let Some(text) = value(name).filter(|_| release >= SYSCTLS) else {
            continue;
        };
        let Some(wanted) = sysctls(&text) else {
            moved.push("an annotation of sysctls, kept: it is no list of NAME=VALUE");
            continue;
        };
        let spec = pod.get_mut("spec").and_then(Value::as_object_mut);
        let context = spec.map(|spec| spec.entry("securityContext").or_insert_with(|| json!({})));
        let context = context.and_then(Value::as_object_mut);
        let list = context.map(|context| context.entry("sysctls").or_insert_with(|| json!([])));
        if let Some(list) = list.and_then(Value::as_array_mut) {
            list.extend(wanted);
            drop_annotation(pod, name);
            moved.push("annotations of sysctls, to securityContext.sysctls");
        }
    }
    moved
}

/// `a=1,b=2`.
fn sysctls(text: &str) -> Option<Vec<Value>> {
    let one = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some(json!({ "name": name, "value": value }))
    };
    text.split(',').map(one).collect()
}

/// Sets a field that is not set.
fn put(of: Option<&mut Value>, name: &str, value: Value) {
    let fields: Option<&mut Map<String, Value>> = of.and_then(Value::as_object_mut);
    if let Some(fields) = fields {
        fields.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::move_fields;
    use super::*;

    #[test]
    fn what_old_annotations_and_schedules_asked_for_is_asked_for_by_fields() {
        let mut job =
            json!({"kind": "CronJob", "spec": {"schedule": "CRON_TZ=Europe/Berlin  0 3 * * *"}});
        assert_eq!(move_fields(&mut job.clone(), Release(22)).len(), 1);
        move_fields(&mut job, Release(36));
        assert_eq!(
            job["spec"],
            json!({"schedule": "0 3 * * *", "timeZone": "Europe/Berlin"})
        );
        let mut service = json!({"kind": "Service", "metadata": {"annotations": {UNREADY: "true", EXTERNAL: "OnlyLocal"}},
            "spec": {"type": "NodePort"}});
        move_fields(&mut service, Release(36));
        assert_eq!(
            service,
            json!({"kind": "Service", "metadata": {},
            "spec": {"type": "NodePort", "publishNotReadyAddresses": true, "externalTrafficPolicy": "Local"}})
        );
        let template = json!({"metadata": {"annotations": {CRITICAL: "", SAFE_SYSCTLS: "kernel.shm_rmid_forced=1", UNSAFE_SYSCTLS: "net.a=1,net.b=2"}},
            "spec": {"containers": []}});
        let mut set = json!({"kind": "DaemonSet", "metadata": {"namespace": "kube-system"}, "spec": {"template": template}});
        move_fields(&mut set, Release(36));
        assert_eq!(
            set["spec"]["template"],
            json!({"metadata": {}, "spec": {"containers": [], "priorityClassName": "system-cluster-critical",
            "securityContext": {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}, {"name": "net.a", "value": "1"}, {"name": "net.b", "value": "2"}]}}})
        );
    }
}
