//! Structural schemas, which a CRD of v1 must have (`pkg/apiserver/schema/{structural,validation,convert}.go` of apiextensions, v0.34.0).

use serde_json::{Map, Value, json};

const KEEP: &str = "x-kubernetes-preserve-unknown-fields";

/// Words of JSON schema that no structural schema has.
const UNSUPPORTED: &[&str] = &[
    "$ref",
    "$schema",
    "id",
    "definitions",
    "dependencies",
    "patternProperties",
    "additionalItems",
];

/// Words that allOf, anyOf, oneOf and not may not have: they only judge what is specified outside of them.
const NOT_IN_JUNCTORS: &[&str] = &[
    "type",
    "title",
    "description",
    "default",
    "nullable",
    "additionalProperties",
];

const JUNCTORS: &[&str] = &["allOf", "anyOf", "oneOf", "not"];

/// Makes a schema keep at every level what a definition without pruning kept, and returns why v1 refuses it.
pub(super) fn structural(
    schema: &mut Map<String, Value>,
    is_root: bool,
    keeps_unknown: bool,
) -> Result<(), &'static str> {
    for name in UNSUPPORTED {
        if schema.get(*name).is_some_and(is_set) {
            return Err(
                "its schema is not structural, which v1 requires: it has $ref, definitions, dependencies, patternProperties or additionalItems",
            );
        }
    }
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        return Err("its schema has uniqueItems, which v1 refuses");
    }
    junctors(schema)?;
    let is_resource =
        is_root || schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    if is_resource {
        only_names(schema)?;
    }
    if keeps_unknown {
        keep(schema);
    }
    let has = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let kind = schema
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if is_root && kind != "object" {
        return Err("the root of its schema is no object, which v1 refuses");
    }
    if kind.is_empty() && !has(KEEP) && !has("x-kubernetes-int-or-string") {
        return Err("its schema is not structural, which v1 requires: a field has no type");
    }
    if kind == "array" && !schema.get("items").is_some_and(Value::is_object) {
        return Err(
            "its schema is not structural, which v1 requires: a list does not say what it contains",
        );
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        // An object of metadata is specified by the API server.
        if !(is_resource && name == "metadata") {
            below(property, keeps_unknown)?;
        }
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(name) {
            below(inner, keeps_unknown)?;
        }
    }
    Ok(())
}

fn below(schema: &mut Value, keeps_unknown: bool) -> Result<(), &'static str> {
    match schema.as_object_mut() {
        Some(schema) => structural(schema, false, keeps_unknown),
        None => Ok(()),
    }
}

/// Keeps at this level what nothing specifies: fields of an object, and whatever has no type.
fn keep(schema: &mut Map<String, Value>) {
    if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return;
    }
    match schema.get("type").and_then(Value::as_str) {
        None | Some("") => {
            schema.shift_remove("type");
            schema.insert(KEEP.to_owned(), json!(true));
        }
        Some("object") => {
            match schema.get("additionalProperties") {
                // Each value has a schema of its own.
                Some(Value::Object(_)) => return,
                // `true` alone keeps the names, not what is below them.
                Some(_) => {
                    schema.shift_remove("additionalProperties");
                }
                None => {}
            }
            schema.insert(KEEP.to_owned(), json!(true));
        }
        Some("array") if !schema.get("items").is_some_and(is_set) => {
            schema.insert("items".to_owned(), json!({ KEEP: true }));
        }
        Some(_) => {}
    }
}

/// The metadata of a resource may be restricted in its names only; a description is no restriction.
fn only_names(schema: &mut Map<String, Value>) -> Result<(), &'static str> {
    let metadata = schema
        .get_mut("properties")
        .and_then(|properties| properties.get_mut("metadata"))
        .and_then(Value::as_object_mut);
    let Some(metadata) = metadata else {
        return Ok(());
    };
    metadata.entry("type").or_insert_with(|| json!("object"));
    metadata.shift_remove("description");
    metadata.shift_remove("title");
    let names = metadata.get("properties").and_then(Value::as_object);
    let only = names.is_none_or(|names| {
        names
            .keys()
            .all(|name| matches!(name.as_str(), "name" | "generateName"))
    });
    let other = metadata
        .keys()
        .any(|name| !matches!(name.as_str(), "type" | "properties"));
    match only && !other && metadata.get("type") == Some(&json!("object")) {
        true => Ok(()),
        false => {
            Err("its schema says more of metadata than name and generateName, which v1 refuses")
        }
    }
}

/// What allOf, anyOf, oneOf and not may have.
fn junctors(schema: &Map<String, Value>) -> Result<(), &'static str> {
    let is_int_or_string = schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
    for inner in inner_schemas(schema) {
        judged(inner, schema, is_int_or_string)?;
    }
    Ok(())
}

/// The schemas in allOf, anyOf, oneOf and not.
fn inner_schemas(schema: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let all = JUNCTORS.iter().filter_map(|name| schema.get(*name));
    let each = all.flat_map(|inner| match inner {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    });
    each.filter_map(Value::as_object)
}

/// A schema that judges what an outer one specifies.
fn judged(
    schema: &Map<String, Value>,
    outer: &Map<String, Value>,
    is_int_or_string: bool,
) -> Result<(), &'static str> {
    const WHY: &str = "its schema is not structural, which v1 requires: allOf, anyOf, oneOf or not specify what nothing outside of them does";
    for name in NOT_IN_JUNCTORS {
        let is_allowed = is_int_or_string && *name == "type";
        if !is_allowed && schema.get(*name).is_some_and(is_set) {
            return Err(WHY);
        }
    }
    let below = |inner: Option<&Value>, outer: Option<&Value>| match (inner, outer) {
        (Some(Value::Object(inner)), Some(Value::Object(outer))) => judged(inner, outer, false),
        (Some(Value::Object(_)), _) => Err(WHY),
        _ => Ok(()),
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, inner) in properties.into_iter().flatten() {
        let specified = outer
            .get("properties")
            .and_then(|properties| properties.get(name))
            .or_else(|| outer.get("additionalProperties"));
        below(Some(inner), specified)?;
    }
    below(schema.get("items"), outer.get("items"))?;
    for inner in inner_schemas(schema) {
        judged(inner, outer, is_int_or_string)?;
    }
    Ok(())
}

/// Whether a member has a value that is not the empty one.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(_) | Value::Bool(true) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(mut schema: Value) -> Result<Value, &'static str> {
        structural(schema.as_object_mut().expect("an object"), true, true)?;
        Ok(schema)
    }

    #[test]
    fn what_nothing_specifies_is_kept_at_every_level() {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "a": {"type": "integer"}, "free": {"type": "object"}, "any": {}, "list": {"type": "array"},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"b": {"type": "string"}}}},
            "all": {"type": "object", "additionalProperties": true},
            "items": {"type": "array", "items": {"type": "object", "properties": {"c": {"type": "string"}}}}}},
            "metadata": {"type": "object", "description": "d"}}});
        assert_eq!(
            kept(schema),
            Ok(
                json!({"type": "object", KEEP: true, "properties": {"spec": {"type": "object", KEEP: true, "properties": {
                "a": {"type": "integer"}, "free": {"type": "object", KEEP: true}, "any": {KEEP: true},
                "list": {"type": "array", "items": {KEEP: true}},
                "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "map": {"type": "object", "additionalProperties": {"type": "object", KEEP: true, "properties": {"b": {"type": "string"}}}},
                "all": {"type": "object", KEEP: true},
                "items": {"type": "array", "items": {"type": "object", KEEP: true, "properties": {"c": {"type": "string"}}}}}},
                "metadata": {"type": "object"}}})
            )
        );
    }

    #[test]
    fn a_schema_that_v1_refuses_is_refused() {
        for property in [
            json!({"type": "string", "anyOf": [{"type": "string"}]}),
            json!({"type": "object", "oneOf": [{"properties": {"other": {"minLength": 1}}}]}),
            json!({"type": "object", "patternProperties": {"a": {"type": "string"}}}),
            json!({"$ref": "#/definitions/a"}),
            json!({"type": "array", "uniqueItems": true, "items": {"type": "string"}}),
            json!({"type": "array", "items": [{"type": "string"}]}),
        ] {
            let schema = json!({"type": "object", "properties": {"x": property}});
            assert!(kept(schema.clone()).is_err(), "{schema}");
        }
        let judges = json!({"type": "object", "oneOf": [{"required": ["a"]}, {"properties": {"a": {"minLength": 1}}}],
            "properties": {"a": {"type": "string"}, "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}});
        assert!(kept(judges.clone()).is_err(), "labels");
        let mut names = judges;
        names["properties"]["metadata"] =
            json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}});
        assert!(kept(names).is_ok());
        // A definition that pruned had types: nothing is added to it.
        let mut typeless = json!({"type": "object", "properties": {"x": {"minLength": 1}}});
        let refused = structural(typeless.as_object_mut().expect("an object"), true, false);
        assert!(refused.is_err_and(|why| why.contains("no type")));
    }
}
