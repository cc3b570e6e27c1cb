//! The paths of a resource: clients find the schema of a resource by the kind that its path names.

use serde_json::{Map, Value, json};

use crate::catalog::Served;

/// The kind as an extension names it.
pub fn kind_of(served: &Served) -> Value {
    json!({ "group": served.of.group, "version": served.of.version, "kind": served.target.kind })
}

/// Adds the paths of a resource.
pub fn add(served: &Served, reference: &Value, paths: &mut Map<String, Value>) {
    let below = match served.of.group.as_str() {
        "" => format!("/api/{}", served.of.version),
        group => format!("/apis/{group}/{}", served.of.version),
    };
    let plural = &served.target.plural;
    let namespace = if served.is_namespaced() {
        "/namespaces/{namespace}"
    } else {
        ""
    };
    let operation = |action: &str, parameters: &Value| {
        json!({ "description": format!("{action} {}", served.target.kind),
            "operationId": format!("{action}{}{}{}", served.of.group, served.of.version, served.target.kind),
            "parameters": parameters,
            "responses": { "200": { "description": "OK", "content": { "application/json": { "schema": reference } } } },
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind_of(served) })
    };
    let mut patch_media = vec!["application/merge-patch+json"];
    if !served.is_custom {
        patch_media.push("application/strategic-merge-patch+json");
    }
    let none = json!([]);
    let dry_run = json!([{ "name": "dryRun", "in": "query", "schema": { "type": "string", "uniqueItems": true } },
        { "name": "fieldValidation", "in": "query", "schema": { "type": "string", "uniqueItems": true } }]);
    if served.is_namespaced() {
        paths.insert(
            format!("{below}/{plural}"),
            json!({ "get": operation("list", &none) }),
        );
    }
    paths.insert(
        format!("{below}{namespace}/{plural}"),
        json!({ "get": operation("list", &none) }),
    );
    let mut patch = operation("patch", &dry_run);
    let content: Map<String, Value> = patch_media
        .iter()
        .map(|media| {
            (
                (*media).to_owned(),
                json!({ "schema": { "type": "object" } }),
            )
        })
        .collect();
    if let Some(fields) = patch.as_object_mut() {
        fields.insert("requestBody".to_owned(), json!({ "content": content }));
    }
    paths.insert(
        format!("{below}{namespace}/{plural}/{{name}}"),
        json!({ "get": operation("get", &none), "patch": patch }),
    );
}
