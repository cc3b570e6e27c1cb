//! Writes with `dryRun=All`: what the object would be, and nothing is written. `kubectl diff` asks so.

use hyper::{Method, Response};
use serde_json::{Map, Value};

use super::list::named;
use super::patch::merge;
use super::path::ObjectPath;
use super::query::Query;
use super::shape::Shape;
use super::{MASKED, Question};
use crate::catalog::Served;
use crate::net::body::Body;
use crate::net::reply;
use crate::net::status::Status;
use crate::source::Moment;

/// Answers a request that writes: it is refused unless it is a dry run.
pub fn answer(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    question: &Question,
) -> Result<Response<Body>, Status> {
    let query = Query::parse(&question.query)?;
    let is_known = [Method::PATCH, Method::PUT, Method::POST].contains(&question.method);
    if !query.is_dry_run || !is_known || path.subresource.is_some() {
        return Err(Status::read_only());
    }
    let before = before(moment, served, path, question)?;
    let body = object(question)?;
    let mut response = match (before, &question.method) {
        (None, &Method::POST) => reply::created(&Value::Object(new(served, path, body))),
        (Some(_), &Method::POST) => {
            let name = name(path, question);
            return Err(Status::exists(&path.plural, &path.of.group, &name));
        }
        (None, _) => {
            let name = name(path, question);
            return Err(Status::no_object(&path.plural, &path.of.group, &name));
        }
        (Some(before), method) => {
            let mut after = before.clone();
            if method == Method::PATCH {
                patch(served, &question.content_type, &mut after, body)?;
            } else {
                after = body;
            }
            keep(&before, &mut after);
            // The status of a built-in kind is a subresource.
            if let (false, Some(status)) = (served.is_custom, before.get("status")) {
                after.insert("status".to_owned(), status.clone());
            }
            reply::json(&Value::Object(after))
        }
    };
    let hides = Shape {
        served,
        mask: moment.source.mask(true),
    }
    .hides();
    reply::add_warning(&mut response, hides.then_some(MASKED));
    Ok(response)
}

/// The object as it is shown, if there is one of that name.
fn before(
    moment: &Moment,
    served: &Served,
    path: &ObjectPath,
    question: &Question,
) -> Result<Option<Map<String, Value>>, Status> {
    let objects = moment.source.objects()?;
    let path = ObjectPath {
        name: Some(name(path, question)),
        ..path.clone()
    };
    let Some(version) = named(&objects, served, &path, moment.revision)? else {
        return Ok(None);
    };
    let shape = Shape {
        served,
        mask: moment.source.mask(true),
    };
    let shown = shape.object(&objects, &version);
    let object = shown.map_err(|reason| {
        let message = format!("{} cannot be shown: {reason}", version.key.escape_ascii());
        let code = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        Status::new(code, "InternalError", message)
    })?;
    Ok(match object {
        Value::Object(fields) => Some(fields),
        _ => None,
    })
}

/// The name in the path; of an object that is created that in the body.
fn name(path: &ObjectPath, question: &Question) -> String {
    let given = path.name.clone();
    given.unwrap_or_else(|| {
        let body = object(question).unwrap_or_default();
        let name = body
            .get("metadata")
            .and_then(|metadata| metadata.get("name"));
        name.and_then(Value::as_str).unwrap_or_default().to_owned()
    })
}

fn object(question: &Question) -> Result<Map<String, Value>, Status> {
    let is_json = question.content_type.is_empty() || question.content_type.contains("json");
    let body = is_json.then(|| serde_json::from_slice(&question.body));
    match body {
        Some(Ok(Value::Object(fields))) => Ok(fields),
        Some(Ok(_)) => Err(Status::unsupported(
            "only patches that are merged are served: application/strategic-merge-patch+json, application/merge-patch+json",
        )),
        Some(Err(error)) => Err(Status::bad_request(format!("the body is no JSON: {error}"))),
        None => Err(Status::unsupported(format!(
            "{} is not served: a real kube-apiserver over `etcd-inspect serve --etcd --scratch` takes it",
            question.content_type
        ))),
    }
}

fn patch(
    served: &Served,
    content_type: &str,
    object: &mut Map<String, Value>,
    patch: Map<String, Value>,
) -> Result<(), Status> {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let kind =
        etcd_inspect::kubernetes::schema::Kind::find(&served.of.api_version(), &served.target.kind);
    let message = kind
        .filter(|_| !served.is_custom)
        .map(|kind| kind.message());
    match media {
        "application/strategic-merge-patch+json" if message.is_some() => {
            merge(object, patch, message);
        }
        "application/merge-patch+json" => merge(object, patch, None),
        _ => {
            let message = format!("{media} is not served for {}", served.target.plural);
            return Err(Status::unsupported(message));
        }
    }
    Ok(())
}

/// What an API server sets itself: identity and times stay, and the generation counts changes of the specification.
fn keep(before: &Map<String, Value>, after: &mut Map<String, Value>) {
    let is_changed = ["spec", "data"]
        .iter()
        .any(|name| before.get(*name) != after.get(*name));
    let known = before.get("metadata").and_then(Value::as_object);
    let metadata = after.entry("metadata").or_insert_with(|| Map::new().into());
    let (Some(known), Some(metadata)) = (known, metadata.as_object_mut()) else {
        return;
    };
    for name in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "resourceVersion",
    ] {
        if let Some(value) = known.get(name) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    let generation = known.get("generation").and_then(Value::as_i64);
    if let Some(generation) = generation {
        let next = generation.saturating_add(i64::from(is_changed));
        metadata.insert("generation".to_owned(), next.into());
    }
}

/// An object that is created.
fn new(served: &Served, path: &ObjectPath, mut object: Map<String, Value>) -> Map<String, Value> {
    object.insert("kind".to_owned(), served.target.kind.clone().into());
    object.insert("apiVersion".to_owned(), served.of.api_version().into());
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Map::new().into());
    if let (Some(namespace), Some(fields)) = (&path.namespace, metadata.as_object_mut()) {
        fields.insert("namespace".to_owned(), namespace.clone().into());
    }
    object
}
