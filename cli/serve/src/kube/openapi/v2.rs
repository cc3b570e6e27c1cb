//! OpenAPI v2: one document of everything, for clients of releases before 1.24.

use std::sync::Arc;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::schema::Schemas;
use super::{add, paths};
use crate::catalog::Catalog;
use crate::net::body::Body;
use crate::net::reply;
use crate::net::status::Status;
use crate::source::Source;

/// `/openapi/v2`.
///
/// # Errors
/// The evidence cannot be read, or the client takes no JSON.
pub fn answer(
    source: &Arc<Source>,
    catalog: &Catalog,
    accept: &str,
) -> Result<Response<Body>, Status> {
    let takes_json = accept.is_empty() || accept.contains("json") || accept.contains("*/*");
    if !takes_json {
        let message = "the OpenAPI document is served as JSON only";
        return Err(Status::new(
            hyper::StatusCode::NOT_ACCEPTABLE,
            "NotAcceptable",
            message,
        ));
    }
    let mut schemas = Schemas::new("#/definitions/");
    let mut all = Map::new();
    for served in &catalog.resources {
        let name = add(source, served, &mut schemas)?;
        paths::add(served, &schemas.reference(&name), &mut all);
    }
    let document: Value = json!({ "swagger": "2.0", "info": { "title": "Kubernetes", "version": "etcd-inspect" },
        "paths": as_v2(all), "definitions": schemas.into_all() });
    Ok(reply::json(&document))
}

/// Responses of v2 have their schema directly, and parameters their type.
fn as_v2(paths: Map<String, Value>) -> Map<String, Value> {
    let mut paths = paths;
    let operations = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(Map::values_mut) {
        let schema = operation
            .pointer("/responses/200/content/application~1json/schema")
            .cloned();
        if let Some(fields) = operation.as_object_mut() {
            fields.insert(
                "responses".to_owned(),
                json!({ "200": { "description": "OK", "schema": schema } }),
            );
        }
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            parameter.shift_remove("schema");
            parameter.insert("type".to_owned(), json!("string"));
        }
    }
    paths
}
