//! A CustomResourceDefinition of v1beta1 as one of v1: schema, subresources and columns in each version, and a structural schema
//! that keeps what the old one kept.

use serde_json::{Map, Value, json};

use super::convert::rename;
use super::structural::structural;

/// A CRD of v1 has schema, subresources and columns in each version, and needs a schema.
pub(super) fn definition(object: &mut Value) -> Result<(), &'static str> {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    let keeps_unknown = spec.shift_remove("preserveUnknownFields") != Some(Value::Bool(false));
    let name = spec.shift_remove("version");
    let shared: Vec<(&str, Value)> = [
        ("validation", "schema"),
        ("subresources", "subresources"),
        ("additionalPrinterColumns", "additionalPrinterColumns"),
    ]
    .into_iter()
    .filter_map(|(old, new)| Some((new, spec.shift_remove(old)?)))
    .collect();
    if let (None, Some(name)) = (
        spec.get("versions")
            .filter(|list| list.as_array().is_some_and(|list| !list.is_empty())),
        name,
    ) {
        spec.insert(
            "versions".to_owned(),
            json!([{ "name": name, "served": true, "storage": true }]),
        );
    }
    let versions = spec.get_mut("versions").and_then(Value::as_array_mut);
    for version in versions
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        for (name, value) in &shared {
            version.entry(*name).or_insert_with(|| value.clone());
        }
        definition_version(version, keeps_unknown)?;
    }
    let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    let client = conversion.shift_remove("webhookClientConfig");
    let reviews = conversion.shift_remove("conversionReviewVersions");
    if let Some(client) = client.filter(|client| !client.is_null()) {
        let reviews = reviews.unwrap_or_else(|| json!(["v1beta1"]));
        conversion.insert(
            "webhook".to_owned(),
            json!({ "clientConfig": client, "conversionReviewVersions": reviews }),
        );
    }
    Ok(())
}

fn definition_version(
    version: &mut Map<String, Value>,
    keeps_unknown: bool,
) -> Result<(), &'static str> {
    let columns = version
        .get_mut("additionalPrinterColumns")
        .and_then(Value::as_array_mut);
    for column in columns.into_iter().flatten() {
        rename(Some(column), "JSONPath", "jsonPath");
    }
    let schema = version.entry("schema").or_insert_with(|| json!({}));
    let Some(schema) = schema.as_object_mut() else {
        return Ok(());
    };
    let root = schema.entry("openAPIV3Schema").or_insert_with(|| json!({}));
    if let Some(root) = root.as_object_mut() {
        // v1 requires a type at the root.
        root.entry("type").or_insert_with(|| json!("object"));
        structural(root, true, keeps_unknown)?;
    }
    Ok(())
}
