//! OpenAPI v2 as protobuf, the only form that kubectl before 1.27 takes: messages of `openapiv2/OpenAPIv2.proto` in gnostic, v0.7.0,
//! with the fields that are filled here.

use prost::Message;
use serde_json::{Map, Value};

#[derive(Clone, PartialEq, Message)]
struct Document {
    #[prost(string, tag = "1")]
    swagger: String,
    #[prost(message, optional, tag = "2")]
    info: Option<Info>,
    #[prost(message, optional, tag = "8")]
    paths: Option<Paths>,
    #[prost(message, optional, tag = "9")]
    definitions: Option<NamedSchemas>,
}

#[derive(Clone, PartialEq, Message)]
struct Info {
    #[prost(string, tag = "1")]
    title: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct Paths {
    #[prost(message, repeated, tag = "2")]
    path: Vec<NamedPath>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedPath {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<PathItem>,
}

#[derive(Clone, PartialEq, Message)]
struct PathItem {
    #[prost(message, optional, tag = "2")]
    get: Option<Operation>,
    #[prost(message, optional, tag = "8")]
    patch: Option<Operation>,
}

#[derive(Clone, PartialEq, Message)]
struct Operation {
    #[prost(string, tag = "3")]
    description: String,
    #[prost(string, tag = "5")]
    operation_id: String,
    #[prost(string, repeated, tag = "7")]
    consumes: Vec<String>,
    #[prost(message, repeated, tag = "8")]
    parameters: Vec<ParametersItem>,
    #[prost(message, repeated, tag = "13")]
    vendor_extension: Vec<NamedAny>,
}

#[derive(Clone, PartialEq, Message)]
struct ParametersItem {
    #[prost(message, optional, tag = "1")]
    parameter: Option<AnyParameter>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyParameter {
    #[prost(message, optional, tag = "2")]
    non_body: Option<NonBody>,
}

#[derive(Clone, PartialEq, Message)]
struct NonBody {
    #[prost(message, optional, tag = "3")]
    query: Option<QueryParameter>,
}

#[derive(Clone, PartialEq, Message)]
struct QueryParameter {
    #[prost(string, tag = "2")]
    within: String,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(string, tag = "6")]
    kind: String,
}

#[derive(Clone, PartialEq, Message)]
struct NamedSchemas {
    #[prost(message, repeated, tag = "1")]
    all: Vec<NamedSchema>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedSchema {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Schema>,
}

#[derive(Clone, PartialEq, Message)]
struct Schema {
    #[prost(string, tag = "1")]
    reference: String,
    #[prost(string, tag = "2")]
    format: String,
    #[prost(string, tag = "4")]
    description: String,
    #[prost(string, repeated, tag = "19")]
    required: Vec<String>,
    #[prost(message, optional, boxed, tag = "21")]
    additional_properties: Option<Box<Additional>>,
    #[prost(message, optional, tag = "22")]
    kind: Option<Kinds>,
    #[prost(message, optional, tag = "23")]
    items: Option<Items>,
    #[prost(message, optional, tag = "25")]
    properties: Option<NamedSchemas>,
    #[prost(message, repeated, tag = "31")]
    vendor_extension: Vec<NamedAny>,
}

#[derive(Clone, PartialEq, Message)]
struct Additional {
    #[prost(message, optional, boxed, tag = "1")]
    schema: Option<Box<Schema>>,
    #[prost(bool, optional, tag = "2")]
    boolean: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
struct Kinds {
    #[prost(string, repeated, tag = "1")]
    value: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Items {
    #[prost(message, repeated, tag = "1")]
    schema: Vec<Schema>,
}

#[derive(Clone, PartialEq, Message)]
struct NamedAny {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Yaml>,
}

#[derive(Clone, PartialEq, Message)]
struct Yaml {
    /// JSON is YAML.
    #[prost(string, tag = "2")]
    yaml: String,
}

/// The document in its protobuf form.
pub fn encode(document: &Value) -> Vec<u8> {
    let info = document.get("info");
    let paths = fields(document.get("paths")).map(|(name, path)| NamedPath {
        name: name.clone(),
        value: Some(PathItem {
            get: path.get("get").map(operation),
            patch: path.get("patch").map(operation),
        }),
    });
    let document = Document {
        swagger: text(Some(document), "swagger"),
        info: Some(Info {
            title: text(info, "title"),
            version: text(info, "version"),
        }),
        paths: Some(Paths {
            path: paths.collect(),
        }),
        definitions: document.get("definitions").map(schemas),
    };
    document.encode_to_vec()
}

fn operation(operation: &Value) -> Operation {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let parameters = parameters.into_iter().flatten().map(|parameter| {
        let query = QueryParameter {
            within: text(Some(parameter), "in"),
            name: text(Some(parameter), "name"),
            kind: text(Some(parameter), "type"),
        };
        let non_body = Some(NonBody { query: Some(query) });
        ParametersItem {
            parameter: Some(AnyParameter { non_body }),
        }
    });
    Operation {
        description: text(Some(operation), "description"),
        operation_id: text(Some(operation), "operationId"),
        consumes: texts(operation.get("consumes")),
        parameters: parameters.collect(),
        vendor_extension: extensions(operation),
    }
}

fn schemas(all: &Value) -> NamedSchemas {
    let all = fields(Some(all)).map(|(name, value)| NamedSchema {
        name: name.clone(),
        value: Some(schema(value)),
    });
    NamedSchemas { all: all.collect() }
}

fn schema(value: &Value) -> Schema {
    let additional = value.get("additionalProperties").map(|one| {
        Box::new(Additional {
            schema: one.is_object().then(|| Box::new(schema(one))),
            boolean: one.as_bool(),
        })
    });
    let kind = value.get("type").and_then(Value::as_str);
    Schema {
        reference: text(Some(value), "$ref"),
        format: text(Some(value), "format"),
        description: text(Some(value), "description"),
        required: texts(value.get("required")),
        additional_properties: additional,
        kind: kind.map(|kind| Kinds {
            value: vec![kind.to_owned()],
        }),
        items: value.get("items").map(|items| Items {
            schema: vec![schema(items)],
        }),
        properties: value.get("properties").map(schemas),
        vendor_extension: extensions(value),
    }
}

fn extensions(value: &Value) -> Vec<NamedAny> {
    let own = fields(Some(value)).filter(|(name, _)| name.starts_with("x-"));
    let named = own.map(|(name, value)| NamedAny {
        name: name.clone(),
        value: Some(Yaml {
            yaml: format!("{value}\n"),
        }),
    });
    named.collect()
}

fn fields(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn text(value: Option<&Value>, name: &str) -> String {
    let found = value.and_then(|value| value.get(name)?.as_str());
    found.unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}
