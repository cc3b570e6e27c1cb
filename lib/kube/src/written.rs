//! Who wrote an object, and when: etcd records neither, but objects contain traces.
//!
//! `managedFields` names the manager and the second of each field set's last write; leases have `renewTime`, events
//! `lastTimestamp`, conditions their heartbeats. All of these are clocks of clients, so times from here are marked `~`.

use jiff::Timestamp;
use serde_json::Value;

/// Where a time came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeSource {
    /// `metadata.managedFields[].time`.
    ManagedFields,
    /// A Lease's `spec.renewTime`.
    Lease,
    /// An Event's own timestamps.
    Event,
    /// Heartbeats and transitions in `status.conditions`, container states, job times.
    Status,
    /// `metadata.creationTimestamp`, `metadata.deletionTimestamp` of a version without anything newer.
    Metadata,
}

impl TimeSource {
    /// As `history -o json` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ManagedFields => "managed_fields",
            Self::Lease => "lease",
            Self::Event => "event",
            Self::Status => "status",
            Self::Metadata => "metadata",
        }
    }
}

/// The traces of one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The newest time in the object, and its source.
    pub at: Option<(Timestamp, TimeSource)>,
    /// The manager whose field set this write changed: `kubectl-edit`, `kube-controller-manager`.
    pub by: Option<String>,
}

/// Reads who wrote the object last, and when; `before` is the previous version, which shows whose entry changed.
///
/// ```
/// use etcd_inspect_kube::written::written;
/// let object = serde_json::json!({"metadata": {"managedFields": [{"manager": "argocd", "time": "2026-11-21T03:00:55Z"}]}});
/// let written = written(None, &object);
/// assert_eq!(written.by.as_deref(), Some("argocd"));
/// assert_eq!(written.at.map(|(time, _)| time.to_string()).as_deref(), Some("2026-11-21T03:00:55Z"));
/// ```
pub fn written(before: Option<&Value>, object: &Value) -> Written {
    let old: Vec<_> = before.into_iter().flat_map(managed).collect();
    let changed: Vec<_> = managed(object)
        .filter(|entry| !old.contains(entry))
        .collect();
    // An entry's time may stay while its fields change within the same second, so of several the newest one is named.
    let newest = |entries: &[&Value]| {
        let newest = entries.iter().max_by_key(|entry| time(entry.get("time")))?;
        newest
            .get("manager")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let by = match before {
        Some(_) => newest(&changed),
        None => newest(&managed(object).collect::<Vec<_>>()),
    };
    Written {
        at: newest_time(object),
        by,
    }
}

fn managed(object: &Value) -> impl Iterator<Item = &Value> {
    object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Returns the newest time of something that has happened to the object. Times that may be in the future (expiry, schedules) do not count.
pub fn newest_time(object: &Value) -> Option<(Timestamp, TimeSource)> {
    let mut newest = None;
    let mut add = |value: Option<&Value>, source| {
        if let Some(time) = time(value)
            && newest.is_none_or(|(known, _)| time > known)
        {
            newest = Some((time, source));
        }
    };
    managed(object).for_each(|entry| add(entry.get("time"), TimeSource::ManagedFields));
    match object.get("kind").and_then(Value::as_str) {
        Some("Lease") => {
            for field in ["renewTime", "acquireTime"] {
                add(
                    object.get("spec").and_then(|spec| spec.get(field)),
                    TimeSource::Lease,
                );
            }
        }
        Some("Event") => {
            let own = [
                "lastTimestamp",
                "firstTimestamp",
                "eventTime",
                "deprecatedLastTimestamp",
                "deprecatedFirstTimestamp",
            ];
            own.iter()
                .for_each(|field| add(object.get(field), TimeSource::Event));
            add(
                object.pointer("/series/lastObservedTime"),
                TimeSource::Event,
            );
        }
        _ => {}
    }
    if let Some(status) = object.get("status") {
        status_times(status, 0, &mut |value| add(Some(value), TimeSource::Status));
    }
    add(
        object.pointer("/metadata/creationTimestamp"),
        TimeSource::Metadata,
    );
    newest
}

/// Names under which controllers and the kubelet write the time of something that has happened.
const PAST: &[&str] = &[
    "lastHeartbeatTime",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastProbeTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastScaleTime",
    "startTime",
    "startedAt",
    "finishedAt",
    "completionTime",
];

/// `status.conditions[].lastTransitionTime` and `status.containerStatuses[].state.running.startedAt` are four levels deep.
const DEPTH: usize = 6;

fn status_times(value: &Value, depth: usize, add: &mut impl FnMut(&Value)) {
    match value {
        _ if depth > DEPTH => {}
        Value::Array(items) => items
            .iter()
            .for_each(|item| status_times(item, depth + 1, add)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| match field {
            Value::String(_) if PAST.contains(&name.as_str()) => add(field),
            _ => status_times(field, depth + 1, add),
        }),
        _ => {}
    }
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
        assert_eq!(written(None, &after).by.as_deref(), Some("b"));
        assert_eq!(written(Some(&after), &after).by, None);
    }

    #[test]
    fn times_come_from_leases_events_and_status_but_never_from_the_future() {
        let source =
            |object: Value| newest_time(&object).map(|(time, source)| (time.to_string(), source));
        let lease = json!({"kind": "Lease", "metadata": {"creationTimestamp": "2026-11-21T01:00:00Z"}, "spec": {"renewTime": "2026-11-21T01:00:10.500000Z"}});
        assert_eq!(
            source(lease),
            Some(("2026-11-21T01:00:10.5Z".to_owned(), TimeSource::Lease))
        );
        let node = json!({"status": {"conditions": [{"lastHeartbeatTime": "2026-11-21T02:00:00Z"}], "notAfter": "2036-11-21T02:00:00Z"}});
        assert_eq!(
            source(node),
            Some(("2026-11-21T02:00:00Z".to_owned(), TimeSource::Status))
        );
        let event = json!({"kind": "Event", "lastTimestamp": null, "eventTime": "2026-11-21T02:00:00.000000Z"});
        assert_eq!(
            source(event).map(|(_, source)| source),
            Some(TimeSource::Event)
        );
        assert_eq!(
            source(json!({"metadata": {"creationTimestamp": "soon"}})),
            None
        );
    }
}
