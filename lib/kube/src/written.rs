//! Who wrote an object: etcd does not record it, but `managedFields` names the manager of each field set and the second of its last
//! write.

use jiff::Timestamp;
use serde_json::Value;

/// The traces of one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The manager whose field set this write changed: `kubectl-edit`, `kube-controller-manager`.
    pub by: Option<String>,
    /// Whether this write made the entry: its time is new, or at least not older than all that was there. An older entry only has a field
    /// again, because another manager let it go.
    pub is_sure: bool,
}

/// Reads who wrote the object last, and when; `before` is the previous version, which shows whose entry changed.
///
/// ```
/// use etcd_inspect_kube::written::written;
/// let object = serde_json::json!({"metadata": {"managedFields": [{"manager": "argocd", "time": "2026-11-21T03:00:55Z"}]}});
/// let written = written(None, &object);
/// assert_eq!(written.by.as_deref(), Some("argocd"));
/// ```
pub fn written(before: Option<&Value>, object: &Value) -> Written {
    let old: Vec<_> = before.into_iter().flat_map(managed).collect();
    let changed: Vec<_> = managed(object)
        .filter(|entry| !old.contains(entry))
        .collect();
    // An entry's time may stay while its fields change within the same second, so of several the newest one is named. Times are
    // stored in whole seconds: `ProtoTime` in apimachinery `pkg/apis/meta/v1/time_proto.go`, v0.34.0.
    let time_of = |entry: &Value| time(entry.get("time"));
    let Some(newest) = changed.iter().max_by_key(|entry| time_of(entry)) else {
        return Written::default();
    };
    let manager = |entry: &Value| {
        entry
            .get("manager")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut equal = changed
        .iter()
        .filter(|entry| time_of(entry) == time_of(newest));
    let is_only = equal.all(|entry| manager(entry) == manager(newest));
    let known = old.iter().filter_map(|entry| time_of(entry)).max();
    let mut own = old.iter().filter(|entry| is_same_set(entry, newest));
    let is_renewed = own.any(|entry| time_of(entry) < time_of(newest));
    let is_new = known.is_none_or(|known| time_of(newest) >= Some(known));
    Written {
        by: manager(newest),
        is_sure: is_only && (is_renewed || is_new),
    }
}

/// Whether two entries are of the same field set.
fn is_same_set(one: &Value, other: &Value) -> bool {
    let names = ["manager", "operation", "apiVersion", "subresource"];
    names.iter().all(|name| one.get(name) == other.get(name))
}

fn managed(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Returns the newest time of an Event: when what it reports was last seen.
pub fn observed(event: &Value) -> Option<Timestamp> {
    let own = [
        "/lastTimestamp",
        "/firstTimestamp",
        "/eventTime",
        "/deprecatedLastTimestamp",
        "/deprecatedFirstTimestamp",
        "/series/lastObservedTime",
        "/metadata/creationTimestamp",
    ];
    own.iter()
        .filter_map(|field| time(event.pointer(field)))
        .max()
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_manager_whose_entry_changed_is_named() {
        let entry = |manager: &str, time: &str| json!({"manager": manager, "time": time});
        let before = json!({"metadata": {"managedFields": [entry("a", "2026-11-21T01:00:00Z"), entry("b", "2026-11-21T03:00:00Z")]}});
        let after = json!({"metadata": {"managedFields": [entry("a", "2026-11-21T02:00:00Z"), entry("b", "2026-11-21T03:00:00Z")]}});
        assert_eq!(written(Some(&before), &after).by.as_deref(), Some("a"));
        assert!(written(Some(&before), &after).is_sure);
        // An entry that is there again is older than what was there, and of two of one second it is not known whose write it was.
        let b = json!({"metadata": {"managedFields": [entry("b", "2026-11-21T03:00:00Z")]}});
        assert!(!written(Some(&b), &after).is_sure);
        let two = json!({"metadata": {"managedFields": [entry("b", "2026-11-21T04:00:00Z"), entry("c", "2026-11-21T04:00:00Z")]}});
        assert!(!written(Some(&b), &two).is_sure);
        assert_eq!(written(None, &after).by.as_deref(), Some("b"));
        assert_eq!(written(Some(&after), &after).by, None);
    }

    #[test]
    fn an_event_was_last_seen_at_the_newest_of_its_times() {
        let event = json!({"kind": "Event", "lastTimestamp": null, "eventTime": "2026-11-21T02:00:00.000000Z",
            "metadata": {"creationTimestamp": "2026-11-21T01:59:00Z"}});
        let seen = observed(&event).map(|time| time.to_string());
        assert_eq!(seen.as_deref(), Some("2026-11-21T02:00:00Z"));
        assert_eq!(
            observed(&json!({"metadata": {"creationTimestamp": "soon"}})),
            None
        );
    }
}
