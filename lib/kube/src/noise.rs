//! Writes that only say "still alive": what a difference or a list of changes leaves out and counts.

use serde_json::Value;

use crate::changed::Change;

/// Annotation with the state of a leader election that is kept in an Endpoints object or a ConfigMap.
const LEADER: &str = "metadata.annotations[\"control-plane.alpha.kubernetes.io/leader\"]";

/// Returns what kind of noise a change of an object is; `None` if it changed something that matters. `changed`: the fields
/// that differ.
///
/// ```
/// use etcd_inspect_kube::{changed::changes, noise::noise};
/// let lease = |time: &str| serde_json::json!({"kind": "Lease", "spec": {"holderIdentity": "n1", "renewTime": time}});
/// let (before, after) = (lease("2026-11-21T03:00:00Z"), lease("2026-11-21T03:00:10Z"));
/// assert_eq!(noise(&before, &after, &changes(&before, &after)), Some("renewals of Leases"));
/// ```
pub fn noise(before: &Value, after: &Value, changed: &[Change]) -> Option<&'static str> {
    if changed.is_empty() {
        return Some("writes of managedFields or resourceVersion only");
    }
    let only = |wanted: &dyn Fn(&str) -> bool| changed.iter().all(|change| wanted(&change.path));
    match after.get("kind").and_then(Value::as_str) {
        Some("Event") => Some("updates of Events"),
        Some("Lease") if only(&|path| path == "spec.renewTime") => Some("renewals of Leases"),
        Some("Node") if only(&is_heartbeat) => Some("heartbeats of Nodes"),
        _ if only(&|path| path == LEADER) && same_leader(before, after) => {
            Some("renewals of leader elections")
        }
        _ => None,
    }
}

fn is_heartbeat(path: &str) -> bool {
    path.starts_with("status.conditions[") && path.ends_with("].lastHeartbeatTime")
}

/// Whether both records of a leader election name the same leader.
fn same_leader(before: &Value, after: &Value) -> bool {
    let record = |object: &Value| -> Option<Value> {
        let annotations = object.pointer("/metadata/annotations")?;
        let text = annotations.get("control-plane.alpha.kubernetes.io/leader")?;
        let mut record: Value = serde_json::from_str(text.as_str()?).ok()?;
        record.as_object_mut()?.shift_remove("renewTime");
        Some(record)
    };
    record(before).is_some() && record(before) == record(after)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::changed::changes;

    fn kind(before: &Value, after: &Value) -> Option<&'static str> {
        noise(before, after, &changes(before, after))
    }

    #[test]
    fn a_new_holder_or_leader_is_no_noise() {
        let lease = |who: &str, time: &str| json!({"kind": "Lease", "spec": {"holderIdentity": who, "renewTime": time}});
        assert!(kind(&lease("a", "1"), &lease("a", "2")).is_some());
        assert_eq!(kind(&lease("a", "1"), &lease("b", "2")), None);
        let leader = |who: &str, time: &str| {
            let record = json!({"holderIdentity": who, "renewTime": time}).to_string();
            json!({"kind": "Endpoints", "metadata": {"annotations": {"control-plane.alpha.kubernetes.io/leader": record}}})
        };
        assert!(kind(&leader("a", "1"), &leader("a", "2")).is_some());
        assert_eq!(kind(&leader("a", "1"), &leader("b", "2")), None);
    }

    #[test]
    fn a_condition_that_changed_is_no_heartbeat() {
        let node = |status: &str, time: &str| json!({"kind": "Node", "status": {"conditions": [{"type": "Ready", "status": status, "lastHeartbeatTime": time}]}});
        assert!(kind(&node("True", "1"), &node("True", "2")).is_some());
        assert_eq!(kind(&node("True", "1"), &node("False", "2")), None);
    }
}
