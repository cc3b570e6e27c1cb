//! Answers that are not a failure.

use hyper::header::{CONTENT_TYPE, HeaderValue, WARNING};
use hyper::{Response, StatusCode};
use serde_json::Value;

use crate::net::body::{Body, whole};

/// A document.
pub fn json(document: &Value) -> Response<Body> {
    typed(document.to_string(), "application/json")
}

/// A document that was made by a request that creates one, such as a review.
pub fn created(document: &Value) -> Response<Body> {
    let mut response = json(document);
    *response.status_mut() = StatusCode::CREATED;
    response
}

/// Bytes of a type.
pub fn typed(bytes: impl Into<bytes::Bytes>, content_type: &str) -> Response<Body> {
    with_body(whole(bytes), content_type)
}

/// A body of a type.
pub fn with_body(body: Body, content_type: &str) -> Response<Body> {
    let mut response = Response::new(body);
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// Adds what kubectl prints on stderr as `Warning: …`.
pub fn add_warning(response: &mut Response<Body>, warning: Option<&str>) {
    let Some(warning) = warning else {
        return;
    };
    let quoted: String = warning
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_ascii() => vec![c],
            _ => vec!['?'],
        })
        .collect();
    if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
        response.headers_mut().append(WARNING, value);
    }
}
