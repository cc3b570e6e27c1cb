//! Who owns which field of an object, by its `managedFields`.
//!
//! An entry's `fieldsV1` is a tree of the fields its manager has set: `f:NAME` a field, `k:{…}` the list item with these
//! values, `v:…` a list item that is that value, `i:N` an item by position, `.` the thing itself. A tree that ends owns all
//! below it. Source: structured-merge-diff `fieldpath/serialize.go`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::yaml::Step;

/// Who has written a field last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer<'o> {
    /// `kubectl-edit`.
    pub manager: &'o str,
    /// When this manager last wrote any of its fields, by its own clock.
    pub time: Option<Timestamp>,
}

/// Returns the owner of the value at `path`; of several owners the one that wrote last. `None` if no manager owns it.
///
/// ```
/// use etcd_inspect_kube::yaml::Step;
/// use etcd_inspect_kube::blame::writer;
/// let object = serde_json::json!({
///     "metadata": {"managedFields": [{"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
///     "spec": {"replicas": 0, "paused": true},
/// });
/// let field = |name: &str| [Step::Field("spec".to_owned()), Step::Field(name.to_owned())];
/// assert_eq!(writer(&object, &field("replicas")).map(|writer| writer.manager), Some("kubectl-edit"));
/// assert_eq!(writer(&object, &field("paused")), None);
/// ```
pub fn writer<'o>(object: &'o Value, path: &[Step]) -> Option<Writer<'o>> {
    writer_since(None, object, path)
}

/// The same among the managers whose entry differs from those in `before`, the version before: who of them wrote the value.
///
/// ```
/// use etcd_inspect_kube::{blame::writer_since, yaml::Step};
/// let object = |image: &str, time: &str| serde_json::json!({
///     "metadata": {"managedFields": [
///         {"manager": "kubectl", "time": "2026-11-21T01:00:00Z", "fieldsV1": {"f:spec": {"f:image": {}}}},
///         {"manager": "argocd", "time": time, "fieldsV1": {"f:spec": {"f:image": {}}}}]},
///     "spec": {"image": image},
/// });
/// let (old, new) = (object("a", "2026-11-21T00:00:00Z"), object("b", "2026-11-21T00:59:00Z"));
/// let path = [Step::Field("spec".to_owned()), Step::Field("image".to_owned())];
/// assert_eq!(writer_since(Some(&old), &new, &path).map(|writer| writer.manager), Some("argocd"));
/// ```
pub fn writer_since<'o>(
    before: Option<&Value>,
    object: &'o Value,
    path: &[Step],
) -> Option<Writer<'o>> {
    let entries = managed_fields(object)?;
    let known = before.and_then(managed_fields);
    let is_new = |entry: &&Value| known.is_none_or(|known| !known.contains(entry));
    let owns = |entry: &&Value| {
        entry
            .get("fieldsV1")
            .and_then(Value::as_object)
            .is_some_and(|fields| reaches(fields, object, path))
    };
    let writers = entries
        .iter()
        .filter(is_new)
        .filter(owns)
        .filter_map(|entry| {
            Some(Writer {
                manager: entry.get("manager")?.as_str()?,
                time: entry
                    .get("time")
                    .and_then(Value::as_str)
                    .and_then(|time| time.parse().ok()),
            })
        });
    writers.max_by_key(|writer| writer.time)
}

fn managed_fields(object: &Value) -> Option<&Vec<Value>> {
    object.pointer("/metadata/managedFields")?.as_array()
}

/// Whether a tree of fields owns the value at `path` in `value`.
fn reaches(fields: &Map<String, Value>, value: &Value, path: &[Step]) -> bool {
    let (mut fields, mut value) = (fields, value);
    for (at, step) in path.iter().enumerate() {
        let below = match step {
            Step::Field(name) => fields.get(&format!("f:{name}")),
            Step::Item(number) => value
                .get(number)
                .and_then(|item| item_of(fields, *number, item)),
        };
        // A tree that ends above owns what is below; at its root it owns nothing.
        let Some(below) = below else {
            return at > 0 && fields.is_empty();
        };
        let Some(below) = below.as_object() else {
            return false;
        };
        fields = below;
        value = match step {
            Step::Field(name) => value.get(name),
            Step::Item(number) => value.get(number),
        }
        .unwrap_or(&Value::Null);
    }
    fields.is_empty() || fields.contains_key(".")
}

/// The tree below a list item.
fn item_of<'f>(fields: &'f Map<String, Value>, number: usize, item: &Value) -> Option<&'f Value> {
    fields.iter().find_map(|(name, below)| {
        let is_it = match name.split_once(':')? {
            ("k", keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
                keys.iter()
                    .all(|(key, wanted)| item.get(key) == Some(wanted))
            }
            ("v", wanted) => serde_json::from_str::<Value>(wanted).ok()? == *item,
            ("i", position) => position.parse() == Ok(number),
            _ => false,
        };
        is_it.then_some(below)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_are_found_by_their_keys_and_atomic_fields_own_all_below() {
        let object = json!({
            "metadata": {"finalizers": ["keep"], "managedFields": [
                {"manager": "argocd", "time": "2026-11-21T01:00:00Z", "fieldsV1": {
                    "f:metadata": {"f:finalizers": {".": {}, "v:\"keep\"": {}}},
                    "f:spec": {"f:selector": {}, "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}}},
                {"manager": "kubectl-edit", "time": "2026-11-21T03:00:00Z", "fieldsV1": {
                    "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}},
            ]},
            "spec": {"selector": {"app": "web"}, "containers": [{"name": "side"}, {"name": "web", "image": "web:1"}]},
        });
        let field = |name: &str| Step::Field(name.to_owned());
        let who = |path: &[Step]| writer(&object, path).map(|writer| writer.manager);
        let container = |number| vec![field("spec"), field("containers"), Step::Item(number)];
        assert_eq!(
            who(&[container(1), vec![field("image")]].concat()),
            Some("kubectl-edit")
        );
        assert_eq!(who(&container(1)), Some("argocd"));
        assert_eq!(who(&container(0)), None);
        assert_eq!(
            who(&[field("spec"), field("selector"), field("app")]),
            Some("argocd")
        );
        assert_eq!(
            who(&[field("metadata"), field("finalizers"), Step::Item(0)]),
            Some("argocd")
        );
        assert_eq!(who(&[field("spec")]), None);
        assert_eq!(who(&[]), None);
    }

    #[test]
    fn nonsense_in_managed_fields_owns_nothing() {
        for fields in [
            json!(null),
            json!([]),
            json!({"f:spec": 7}),
            json!({"k:{": {}}),
            json!({"f:spec": {"k:[]": {}, "x": {}}}),
        ] {
            let object = json!({"metadata": {"managedFields": [{"manager": "m", "fieldsV1": fields}, 7]}, "spec": [1]});
            assert_eq!(
                writer(&object, &[Step::Field("spec".to_owned()), Step::Item(0)]),
                None
            );
        }
    }
}
