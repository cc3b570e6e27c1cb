//! Patches, applied to an object in memory: JSON merge patches, and strategic ones with the directives that kubectl writes.
//! As `strategicpatch` in apimachinery `pkg/util/strategicpatch/patch.go`, v0.34.0.

use etcd_inspect::kubernetes::schema::{Field, Label, Message, Rule, Type};
use serde_json::{Map, Value};

use super::merge_keys::{Merged, merged};

const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// Merges a patch into an object. `message`: the type of the object, for a strategic merge; without it lists are replaced.
pub fn merge(
    object: &mut Map<String, Value>,
    patch: Map<String, Value>,
    message: Option<&Message>,
) {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *object = stripped(patch);
            return;
        }
        Some("delete") => {
            object.clear();
            return;
        }
        _ => {}
    }
    if let Some(Value::Array(kept)) = patch.get("$retainKeys") {
        object.retain(|name, _| kept.iter().any(|kept| kept == name));
    }
    let mut orders = Vec::new();
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(ORDER) {
            orders.push((list.to_owned(), value));
        } else if let Some(list) = name.strip_prefix(DELETE) {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (object.get_mut(list), &value)
            {
                items.retain(|item| !gone.contains(item));
            }
        } else if !name.starts_with('$') {
            merge_field(object, name, value, message);
        }
    }
    for (list, order) in orders {
        let field = message.and_then(|message| field(message, &list));
        let key = field.and_then(|(message, field)| merged(message, field));
        if let (Some(Value::Array(items)), Value::Array(order)) = (object.get_mut(&list), order) {
            sort(items, &order, key);
        }
    }
}

fn merge_field(
    object: &mut Map<String, Value>,
    name: String,
    value: Value,
    message: Option<&Message>,
) {
    let found = message.and_then(|message| field(message, &name));
    match (object.get_mut(&name), value) {
        (_, Value::Null) => {
            object.shift_remove(&name);
        }
        (Some(Value::Object(before)), Value::Object(patch)) => {
            let within = found.and_then(|(_, field)| message_of(field));
            merge(before, patch, within);
        }
        (Some(Value::Array(before)), Value::Array(patch)) if merges(found) => {
            let (key, within) = found.map_or((None, None), |(message, field)| {
                (merged(message, field), message_of(field))
            });
            merge_list(before, patch, key, within);
        }
        (_, value) => {
            object.insert(name, strip(value));
        }
    }
}

fn merges(found: Option<(&Message, &Field)>) -> bool {
    found.is_some_and(|(message, field)| merged(message, field).is_some())
}

fn merge_list(
    before: &mut Vec<Value>,
    patch: Vec<Value>,
    key: Option<Merged>,
    message: Option<&Message>,
) {
    let directive = |item: &Value| {
        item.get("$patch")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if patch
        .iter()
        .any(|item| directive(item).as_deref() == Some("replace"))
    {
        let items = patch.into_iter().filter(|item| directive(item).is_none());
        *before = items.map(strip).collect();
        return;
    }
    for item in patch {
        let is_same = |other: &Value| match key {
            Some(Merged::By(key)) => item.get(key).is_some() && item.get(key) == other.get(key),
            _ => *other == item,
        };
        let at = before.iter().position(is_same);
        match (at, directive(&item).as_deref()) {
            (Some(at), Some("delete")) => {
                before.remove(at);
            }
            (None, Some("delete")) => {}
            (Some(at), _) => {
                if let (Some(Value::Object(known)), Value::Object(patch)) =
                    (before.get_mut(at), item)
                {
                    merge(known, patch, message);
                }
            }
            (None, _) => before.push(strip(item)),
        }
    }
}

/// The order that the client has; an item that only the object has stays after the item that it followed.
fn sort(items: &mut Vec<Value>, order: &[Value], key: Option<Merged>) {
    let place = |item: &Value| {
        order.iter().position(|other| match key {
            Some(Merged::By(key)) => other.get(key) == item.get(key),
            _ => other == item,
        })
    };
    // What has no place of its own comes after the item that it followed.
    let mut last = 0;
    let mut placed: Vec<((usize, bool), Value)> = Vec::new();
    for item in std::mem::take(items) {
        let own = place(&item).map(|place| place.saturating_add(1));
        last = own.unwrap_or(last);
        placed.push(((last, own.is_none()), item));
    }
    placed.sort_by_key(|(place, _)| *place);
    items.extend(placed.into_iter().map(|(_, item)| item));
}

/// The field of a message, also of those that are inlined.
fn field<'m>(message: &'m Message, name: &str) -> Option<(&'m Message, &'m Field)> {
    for own in message.fields() {
        if own.rule == Rule::Inline {
            if let Some(found) = field(own.message(), name) {
                return Some(found);
            }
        } else if own.name() == name {
            return Some((message, own));
        }
    }
    None
}

fn message_of(field: &Field) -> Option<&'static Message> {
    let is_message = matches!(field.kind, Type::Message) && !matches!(field.label, Label::Map);
    is_message.then(|| field.message())
}

/// What is new, without directives and without members that are to be removed.
fn strip(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(stripped(fields)),
        Value::Array(items) => {
            let items = items
                .into_iter()
                .filter(|item| item.get("$patch").is_none());
            Value::Array(items.map(strip).collect())
        }
        other => other,
    }
}

fn stripped(fields: Map<String, Value>) -> Map<String, Value> {
    let fields = fields
        .into_iter()
        .filter(|(name, value)| !name.starts_with('$') && !value.is_null());
    fields.map(|(name, value)| (name, strip(value))).collect()
}

#[cfg(test)]
mod tests {
    use etcd_inspect::kubernetes::schema::Kind;
    use serde_json::json;

    use super::*;

    fn patched(object: Value, patch: Value) -> Value {
        let kind = Kind::find("v1", "Pod").unwrap();
        let (Value::Object(mut object), Value::Object(patch)) = (object, patch) else {
            panic!("objects");
        };
        merge(&mut object, patch, Some(kind.message()));
        Value::Object(object)
    }

    #[test]
    fn containers_are_merged_by_name_removed_and_put_in_order() {
        let pod = json!({ "spec": { "containers": [
            { "name": "a", "image": "a:1" }, { "name": "b", "image": "b:1", "args": ["x", "y"] }, { "name": "c" }] } });
        let patch = json!({ "spec": {
            "$setElementOrder/containers": [{ "name": "new" }, { "name": "b" }],
            "containers": [
                { "name": "b", "args": ["z"], "image": null },
                { "name": "new", "image": "n:1" },
                { "$patch": "delete", "name": "a" }] } });
        assert_eq!(
            patched(pod, patch)["spec"]["containers"],
            json!([{ "name": "new", "image": "n:1" }, { "name": "b", "args": ["z"] }, { "name": "c" }])
        );
    }

    #[test]
    fn other_lists_are_replaced_and_sets_are_added_to() {
        let pod = json!({ "metadata": { "finalizers": ["a", "b"], "labels": { "x": "1", "y": "2" } },
            "spec": { "tolerations": [{ "key": "a" }] } });
        let patch = json!({ "metadata": { "finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"], "labels": { "y": null } },
            "spec": { "tolerations": [{ "key": "b" }] } });
        assert_eq!(
            patched(pod, patch),
            json!({ "metadata": { "finalizers": ["b", "c"], "labels": { "x": "1" } }, "spec": { "tolerations": [{ "key": "b" }] } })
        );
    }

    #[test]
    fn a_volume_of_another_kind_loses_the_keys_that_are_not_retained() {
        let pod = json!({ "spec": { "volumes": [{ "name": "v", "emptyDir": {} }] } });
        let patch = json!({ "spec": { "volumes": [{ "$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": { "path": "/x" } }] } });
        assert_eq!(
            patched(pod, patch)["spec"]["volumes"],
            json!([{ "name": "v", "hostPath": { "path": "/x" } }])
        );
    }
}
