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

/// In the media type of the protobuf form, which is written with `@v1.0` and with `.v1.0`.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2";

/// `/openapi/v2`.
///
/// # Errors
/// The evidence cannot be read, or the client takes no JSON.
pub fn answer(
    source: &Arc<Source>,
    catalog: &Catalog,
    accept: &str,
) -> Result<Response<Body>, Status> {
    let proto = accept
        .split(',')
        .find(|one| one.contains(PROTOBUF) && one.contains("protobuf"));
    let takes_json = accept.is_empty() || accept.contains("json") || accept.contains("*/*");
    if !takes_json && proto.is_none() {
        let message = "the OpenAPI document is served as JSON and as protobuf";
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
    Ok(match proto {
        Some(media) => {
            let media = media.split(';').next().unwrap_or_default().trim();
            // The older name is no media type: Go refuses to parse it in an answer.
            let media = if media.contains('@') {
                "application/octet-stream"
            } else {
                media
            };
            reply::typed(super::proto::encode(&document), media)
        }
        None => reply::json(&document),
    })
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
            let body = fields.shift_remove("requestBody").unwrap_or_default();
            if let Some(content) = body.get("content").and_then(Value::as_object) {
                let consumes: Vec<&String> = content.keys().collect();
                fields.insert("consumes".to_owned(), json!(consumes));
            }
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
