//! OpenAPI: what `kubectl explain` and clients that validate ask for. Made from the field tables; custom resources from their CRD.

mod paths;
mod proto;
mod schema;
pub mod v2;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::path::Asked;
use crate::catalog::GroupVersion;
use crate::catalog::{Catalog, Served};
use crate::net::status::Status;
use crate::source::Source;
use schema::Schemas;

/// `/openapi/v3`.
pub fn index(catalog: &Catalog, asked: &Asked) -> Value {
    let mut before = String::new();
    if let Some(source) = &asked.source {
        before = format!("/source/{source}");
    }
    if let Some(moment) = &asked.moment {
        before = format!("{before}/at/{moment}");
    }
    let mut index = Map::new();
    for (group, versions) in catalog.groups() {
        for version in versions {
            let path = match group {
                "" => format!("api/{version}"),
                group => format!("apis/{group}/{version}"),
            };
            let url = format!("{before}/openapi/v3/{path}?hash=etcd-inspect");
            index.insert(path, json!({ "serverRelativeURL": url }));
        }
    }
    json!({ "paths": index })
}

/// `/openapi/v3/apis/GROUP/VERSION`.
///
/// # Errors
/// The evidence cannot be read.
pub fn v3(
    source: &Arc<Source>,
    catalog: &Catalog,
    of: &GroupVersion,
) -> Result<Option<Value>, Status> {
    let all = catalog.in_version(of);
    if all.is_empty() {
        return Ok(None);
    }
    let mut schemas = Schemas::new("#/components/schemas/");
    let mut paths = Map::new();
    for served in all {
        let name = add(source, served, &mut schemas)?;
        paths::add(served, &schemas.reference(&name), &mut paths);
    }
    Ok(Some(json!({
        "openapi": "3.0.0", "info": { "title": "Kubernetes", "version": "etcd-inspect" },
        "paths": paths, "components": { "schemas": schemas.into_all() },
    })))
}

/// Adds the schema of a resource and returns its name.
fn add(source: &Arc<Source>, served: &Served, schemas: &mut Schemas) -> Result<String, Status> {
    let custom = match served.is_custom {
        true => schema::of_crd(&source.objects()?, served),
        false => None,
    };
    Ok(schemas.add(served, custom))
}
