//! Events as events.k8s.io has them: stored once, as core/v1, and served by both groups.
//! `Convert_v1_Event_To_core_Event` in `pkg/apis/events/v1/conversion.go`, v1.34.0.

use serde_json::{Map, Value};

/// Fields of core/v1 with their names in events.k8s.io, in the order of the latter.
const FIELDS: [(&str, &str); 15] = [
    ("metadata", "metadata"),
    ("eventTime", "eventTime"),
    ("series", "series"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
    ("action", "action"),
    ("reason", "reason"),
    ("involvedObject", "regarding"),
    ("related", "related"),
    ("message", "note"),
    ("type", "type"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Renames the fields of an event of core/v1.
pub fn convert(object: &mut Value, api_version: &str) {
    let Some(stored) = object.as_object_mut().map(std::mem::take) else {
        return;
    };
    let mut event = Map::new();
    event.insert("kind".to_owned(), "Event".into());
    event.insert("apiVersion".to_owned(), api_version.into());
    for (stored_name, name) in FIELDS {
        let Some(value) = stored.get(stored_name) else {
            continue;
        };
        // These are printed by core/v1 even if they are empty.
        let is_reporting = name.starts_with("reporting");
        if is_reporting && value.as_str().is_some_and(str::is_empty) {
            continue;
        }
        event.insert(name.to_owned(), value.clone());
    }
    *object = Value::Object(event);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_has_the_names_of_its_group() {
        let mut event = json!({ "kind": "Event", "apiVersion": "v1", "metadata": { "name": "e" },
            "involvedObject": { "kind": "Pod" }, "message": "m", "source": { "component": "c" }, "count": 3,
            "eventTime": null, "reportingComponent": "", "reportingInstance": "" });
        convert(&mut event, "events.k8s.io/v1");
        assert_eq!(
            event,
            json!({ "kind": "Event", "apiVersion": "events.k8s.io/v1", "metadata": { "name": "e" }, "eventTime": null,
                "regarding": { "kind": "Pod" }, "note": "m", "deprecatedSource": { "component": "c" }, "deprecatedCount": 3 })
        );
    }
}
