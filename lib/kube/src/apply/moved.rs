//! Fields of objects in a version that is served still, whose meaning a later release knows by another name only.

use serde_json::{Map, Value, json};

use super::old_annotations::{of_pod, of_service, time_zone};
use super::text;
use super::versions::{Release, removed_in};

const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// The first release whose kubelets no longer read the annotations (KEP-135).
const NO_SECCOMP_ANNOTATIONS: Release = Release(27);
/// The first release without `topologyKeys` of Services.
const NO_TOPOLOGY_KEYS: Release = Release(22);
/// The first release with a field for AppArmor (KEP-24).
const APPARMOR_FIELD: Release = Release(30);

/// Moves fields of an object to where a release reads them, and returns a sentence for each that says what became of it.
///
/// ```
/// use etcd_inspect_kube::apply::{Release, move_fields};
/// let mut scaler = serde_json::json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
///     "spec": {"scaleTargetRef": {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web"}}});
/// assert_eq!(move_fields(&mut scaler, Release(36)).len(), 1);
/// assert_eq!(scaler["spec"]["scaleTargetRef"]["apiVersion"], "apps/v1");
/// ```
pub fn move_fields(object: &mut Value, release: Release) -> Vec<&'static str> {
    let mut moved = Vec::new();
    let kind = text(object, "/kind").to_owned();
    match kind.as_str() {
        "HorizontalPodAutoscaler" if scale_target(object, release) => {
            moved.push("spec.scaleTargetRef.apiVersion, to the version that is served");
        }
        "CronJob" => moved.extend(time_zone(object, release)),
        "Service" => moved.extend(of_service(object, release)),
        _ => {}
    }
    if kind == "Service" && release >= NO_TOPOLOGY_KEYS {
        let spec = object.get_mut("spec").and_then(Value::as_object_mut);
        if spec.is_some_and(|spec| spec.shift_remove("topologyKeys").is_some()) {
            moved.push("spec.topologyKeys, left out: no release from 1.22 on has it (trafficDistribution is the nearest)");
        }
    }
    let namespace = text(object, "/metadata/namespace").to_owned();
    for pod in [
        "",
        "/spec/template",
        "/spec/jobTemplate/spec/template",
        "/template",
    ] {
        let is_pod = pod.is_empty() && kind == "Pod";
        if let Some(pod) = object
            .pointer_mut(pod)
            .filter(|_| is_pod || !pod.is_empty())
        {
            annotations(pod, release, &mut moved);
            moved.extend(of_pod(pod, &namespace, release));
        }
    }
    moved
}

/// The target of an autoscaler by the version that is served: its controller finds no other.
fn scale_target(object: &mut Value, release: Release) -> bool {
    let Some(target) = object.pointer_mut("/spec/scaleTargetRef") else {
        return false;
    };
    let found = removed_in(text(target, "/apiVersion"), text(target, "/kind"));
    let found =
        found.filter(|found| (found.since..).contains(&release) && release >= found.removed);
    let to = found.and_then(|found| found.to);
    match (to, target.as_object_mut()) {
        (Some(to), Some(target)) => {
            target.insert("apiVersion".to_owned(), json!(to));
            true
        }
        _ => false,
    }
}

/// Profiles of seccomp and AppArmor that the annotations of a pod or template name.
fn annotations(pod: &mut Value, release: Release, moved: &mut Vec<&'static str>) {
    let named =
        |prefix: &str, of: &Map<String, Value>| of.keys().any(|name| name.starts_with(prefix));
    let Some(all) = pod
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
    else {
        return;
    };
    if release >= APPARMOR_FIELD && named(APPARMOR, all) {
        moved.push("AppArmor annotations, kept: the release reads them still, and has appArmorProfile for them");
    }
    let profiles: Vec<(String, String)> = all
        .iter()
        .filter(|(name, _)| *name == SECCOMP_POD || name.starts_with(SECCOMP_CONTAINER))
        .filter_map(|(name, profile)| Some((name.clone(), profile.as_str()?.to_owned())))
        .collect();
    if release < NO_SECCOMP_ANNOTATIONS || profiles.is_empty() {
        return;
    }
    for (name, value) in profiles {
        let Some(profile) = profile(&value) else {
            moved.push("a seccomp annotation, kept: what it names is no profile");
            continue;
        };
        match name.strip_prefix(SECCOMP_CONTAINER) {
            None => secure(pod.get_mut("spec"), &profile),
            Some(container) => {
                for list in ["/spec/containers", "/spec/initContainers"] {
                    let list = pod.pointer_mut(list).and_then(Value::as_array_mut);
                    let named = list
                        .into_iter()
                        .flatten()
                        .find(|one| text(one, "/name") == container);
                    secure(named, &profile);
                }
            }
        }
        drop_annotation(pod, &name);
        if !moved.contains(&SECCOMP_MOVED) {
            moved.push(SECCOMP_MOVED);
        }
    }
}

const SECCOMP_MOVED: &str = "seccomp annotations, to securityContext.seccompProfile";

fn profile(value: &str) -> Option<Value> {
    match value {
        "runtime/default" | "docker/default" => Some(json!({ "type": "RuntimeDefault" })),
        "unconfined" => Some(json!({ "type": "Unconfined" })),
        _ => {
            let path = value.strip_prefix("localhost/")?;
            Some(json!({ "type": "Localhost", "localhostProfile": path }))
        }
    }
}

/// Gives a pod or container a profile, if it has none.
fn secure(of: Option<&mut Value>, profile: &Value) {
    let Some(of) = of.and_then(Value::as_object_mut) else {
        return;
    };
    let context = of
        .entry("securityContext")
        .or_insert_with(|| Value::Object(Map::new()));
    if context.is_null() {
        *context = Value::Object(Map::new());
    }
    if let Some(context) = context.as_object_mut() {
        context
            .entry("seccompProfile")
            .or_insert_with(|| profile.clone());
    }
}

pub(super) fn drop_annotation(pod: &mut Value, name: &str) {
    let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(all) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        all.shift_remove(name);
        if all.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_annotations_become_fields_of_pods_and_templates_from_the_release_on_that_ignores_them()
     {
        let pod = json!({"metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
            "container.seccomp.security.alpha.kubernetes.io/c": "localhost/a.json"}},
            "spec": {"containers": [{"name": "c"}, {"name": "d"}]}});
        let after = json!({"metadata": {}, "spec": {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}}},
                {"name": "d"}]}});
        let mut deployment = json!({"kind": "Deployment", "spec": {"template": pod.clone()}});
        assert_eq!(move_fields(&mut deployment.clone(), Release(26)), [""; 0]);
        assert_eq!(move_fields(&mut deployment, Release(27)), [SECCOMP_MOVED]);
        assert_eq!(deployment["spec"]["template"], after);
        let mut alone = pod;
        alone["kind"] = json!("Pod");
        move_fields(&mut alone, Release(36));
        assert_eq!(alone["spec"], after["spec"]);
    }

    #[test]
    fn what_no_release_has_any_more_is_left_out_and_named() {
        let mut service = json!({"kind": "Service", "spec": {"topologyKeys": ["*"]}});
        assert_eq!(move_fields(&mut service.clone(), Release(21)), [""; 0]);
        assert_eq!(move_fields(&mut service, Release(22)).len(), 1);
        assert_eq!(service["spec"], json!({}));
    }
}
