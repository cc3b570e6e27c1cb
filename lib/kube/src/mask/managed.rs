//! Values that `metadata.managedFields` repeats in names of fields: items of a set (`v:"x"`), and what tells the objects of a list
//! apart (`k:{"token":"x"}`). What a manager set becomes an object of the same kind, which is hidden like any other; what is hidden
//! in it is put back into the names.

use serde_json::{Map, Value};

use super::{Mask, is_secret_kind, texts};

/// Hides the secrets in the managed fields of an object of that kind.
pub(super) fn hide(mask: &Mask, kind: &str, object: &mut Map<String, Value>) {
    let metadata = object.get("metadata");
    if metadata.is_none_or(|metadata| metadata.get("managedFields").is_none()) {
        return;
    }
    let mut like = Map::new();
    for (name, value) in object.iter() {
        match name.as_str() {
            "apiVersion" => like.insert(name.clone(), value.clone()),
            "metadata" => like.insert(name.clone(), told_apart_by(value)),
            // The number of a field says that its kind is in no table.
            name if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                like.insert(name.to_owned(), Value::Null)
            }
            _ => None,
        };
    }
    like.insert("kind".to_owned(), Value::from(kind));
    // What the object is called decides too.
    let mut called = Vec::new();
    for (name, value) in &like {
        add_texts(name, value, &mut called);
    }
    let is_secret = is_secret_kind(kind) || texts::has_sign(&called);
    let metadata = object.get_mut("metadata");
    let managers = metadata.and_then(|metadata| metadata.get_mut("managedFields"));
    for manager in managers.and_then(Value::as_array_mut).into_iter().flatten() {
        let set = manager.get_mut("fieldsV1");
        let set = set.filter(|set| has_values(set) && (is_secret || has_sign(set)));
        let Some(set) = set else {
            continue;
        };
        let mut shown = Value::Object(like.clone());
        merge(&mut shown, unfolded(set));
        mask.object(&mut shown);
        fold(set, &shown);
    }
}

/// Whether something may be hidden in what a manager set: nearly always its names alone tell that there is nothing.
fn has_sign(set: &Value) -> bool {
    let mut all = Vec::new();
    add_texts("", set, &mut all);
    // A value within a name is JSON, whose escapes are no text yet.
    memchr::memchr(b'\\', &all).is_some() || texts::has_sign(&all)
}

/// All names and texts, one to a line.
fn add_texts(name: &str, value: &Value, all: &mut Vec<u8>) {
    all.extend_from_slice(name.as_bytes());
    all.push(b'\n');
    match value {
        Value::String(text) => {
            all.extend_from_slice(text.as_bytes());
            all.push(b'\n');
        }
        Value::Array(items) => items.iter().for_each(|item| add_texts("", item, all)),
        Value::Object(fields) => {
            for (name, field) in fields {
                add_texts(name, field, all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The metadata that the mask looks at: what a release of Helm is called.
fn told_apart_by(metadata: &Value) -> Value {
    let kept = ["name", "labels"].into_iter().filter_map(|name| {
        let value = metadata.get(name)?;
        Some((name.to_owned(), value.clone()))
    });
    Value::Object(kept.collect())
}

/// Adds the fields of an object that another has not.
fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (object, more) {
        for (name, value) in more {
            match fields.get_mut(&name) {
                Some(field) => merge(field, value),
                None => {
                    fields.insert(name, value);
                }
            }
        }
    }
}

/// The value of a name, if it is an item of a list.
fn item(name: &str) -> Option<&str> {
    ["v:", "k:", "i:"]
        .into_iter()
        .find_map(|start| name.strip_prefix(start))
}

fn has_values(set: &Value) -> bool {
    set.as_object().is_some_and(|fields| {
        fields
            .iter()
            .any(|(name, below)| item(name).is_some() || has_values(below))
    })
}

fn is_list(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|name| item(name).is_some())
}

/// What is known of the value of a name.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// The object that has only these fields; a field of which the value is not known is null.
fn unfolded(set: &Value) -> Value {
    let Value::Object(fields) = set else {
        return set.clone();
    };
    if fields.is_empty() {
        return Value::Null;
    }
    if is_list(fields) {
        return fields
            .iter()
            .map(|(name, below)| unfolded_item(name, below))
            .collect();
    }
    let fields = fields.iter().filter(|(name, _)| *name != ".");
    let named = |(name, below): (&String, &Value)| (field(name).to_owned(), unfolded(below));
    Value::Object(fields.map(named).collect())
}

fn field(name: &str) -> &str {
    name.strip_prefix("f:").unwrap_or(name)
}

fn unfolded_item(name: &str, below: &Value) -> Value {
    let Some(text) = item(name) else {
        let only = (field(name).to_owned(), unfolded(below));
        return Value::Object(Map::from_iter([only]));
    };
    match (parsed(text), unfolded(below)) {
        (mut key @ Value::Object(_), below) => {
            merge(&mut key, below);
            key
        }
        // The position of an item.
        (_, below) if name.starts_with("i:") => below,
        (value, _) => value,
    }
}

/// Puts into the names what is hidden of their values.
fn fold(set: &mut Value, shown: &Value) {
    let Value::Object(fields) = set else {
        if !shown.is_null() {
            set.clone_from(shown);
        }
        return;
    };
    let is_list = is_list(fields);
    let mut renamed = Map::new();
    for (at, (name, mut below)) in std::mem::take(fields).into_iter().enumerate() {
        let of = match is_list {
            true => shown.get(at),
            false => shown.get(field(&name)),
        };
        let of = of.unwrap_or(&Value::Null);
        match item(&name) {
            None if is_list => fold(&mut below, of.get(field(&name)).unwrap_or(&Value::Null)),
            _ => fold(&mut below, of),
        }
        renamed.insert(named(&name, of).unwrap_or(name), below);
    }
    *fields = renamed;
}

/// The name with the hidden value; `None` if nothing of it is hidden.
fn named(name: &str, shown: &Value) -> Option<String> {
    let plain = parsed(item(name).filter(|_| !name.starts_with("i:"))?);
    let hidden = match (&plain, shown) {
        (Value::Object(key), Value::Object(shown)) => {
            let each = key.iter().map(|(name, value)| {
                let value = shown.get(name).unwrap_or(value);
                (name.clone(), value.clone())
            });
            Value::Object(each.collect())
        }
        _ => shown.clone(),
    };
    let start = name.get(..2)?;
    (hidden != plain).then(|| format!("{start}{hidden}"))
}

/// The values in a name of managed fields: for those who compare what is stored with what is shown.
pub(super) fn value_of_name(name: &str) -> Option<Value> {
    serde_json::from_str(item(name)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An object with these fields of a manager, hidden.
    fn hidden(api_version: &str, kind: &str, set: &Value) -> Value {
        let mut object = json!({"apiVersion": api_version, "kind": kind,
            "metadata": {"name": "v1", "managedFields": [{"manager": "m", "fieldsV1": set}]}});
        Mask::new(b"test").object(&mut object);
        object["metadata"]["managedFields"][0]["fieldsV1"].clone()
    }

    #[test]
    fn managed_fields_hide_what_the_fields_hide() {
        let fp = |text: &str| Mask::new(b"test").hidden(text.as_bytes());
        let set = json!({"f:metadata": {"f:finalizers": {"v:\"acme.io/keep\"": {}}}, "f:spec": {
            "f:passwords": {".": {}, "v:\"hunter2\"": {}, "v:\"hunter3\"": {}},
            "f:users": {"k:{\"token\":\"hunter4\"}": {".": {}, "f:token": {}, "f:name": {}}},
            "f:hosts": {"v:\"https://u:hunter5@h/x\"": {}},
            "f:ports": {"k:{\"containerPort\":80}": {".": {}}},
            "f:env": {"k:{\"name\":\"DB_PASSWORD\"}": {".": {}, "f:value": {}}}}});
        let users = format!("k:{{\"token\":\"{}\"}}", fp("hunter4"));
        let expected = json!({"f:metadata": {"f:finalizers": {"v:\"acme.io/keep\"": {}}}, "f:spec": {
            "f:passwords": {".": {}, format!("v:\"{}\"", fp("hunter2")): {}, format!("v:\"{}\"", fp("hunter3")): {}},
            "f:users": {users: {".": {}, "f:token": {}, "f:name": {}}},
            "f:hosts": {format!("v:\"https://u:{}@h/x\"", fp("hunter5")): {}},
            "f:ports": {"k:{\"containerPort\":80}": {".": {}}},
            "f:env": {"k:{\"name\":\"DB_PASSWORD\"}": {".": {}, "f:value": {}}}}});
        assert_eq!(hidden("sec.x.io/v1", "Vault", &set), expected);
    }

    #[test]
    fn a_kind_that_is_hidden_whole_is_so_in_its_managed_fields() {
        let set = json!({"f:spec": {"f:hosts": {"v:\"hunter2\"": {}, "f:odd": {"v:7": {}}}, "f:by": {"k:{\"id\":\"hunter3\"}": {"f:also": {"v:\"hunter4\"": {}}}}}});
        let shown = hidden("acme.io/v1", "VendorToken", &set).to_string();
        assert!(
            !shown.contains("hunter") && !shown.contains("v:7"),
            "{shown}"
        );
        assert!(shown.contains("f:also"), "{shown}");
        // As `passwords` of a Vault, OpenShift's OAuthClient has its secrets in a list.
        let set = json!({"f:additionalSecrets": {"v:\"hunter2\"": {}}});
        let shown = hidden("oauth.openshift.io/v1", "OAuthClient", &set).to_string();
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn a_name_with_an_escape_is_looked_at_as_it_is_read() {
        let set = json!({"f:spec": {"f:users": {"k:{\"\\u0074oken\":\"hunter4\"}": {".": {}}}}});
        let shown = hidden("sec.x.io/v1", "Vault", &set).to_string();
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
