//! `Status`: how an API server says that something did not go as asked.

use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use etcd_inspect::Error;

use crate::net::body::{Body, whole};
use crate::source::MomentError;

/// What every request that writes is answered.
pub const READ_ONLY: &str = "read-only: served from a copied data directory";

/// Why a request is not answered as it was asked.
#[derive(Debug)]
pub struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
    warning: Option<String>,
}

impl Status {
    /// A failure; `reason` is one of `StatusReason` in apimachinery `pkg/apis/meta/v1/types.go`, v0.34.0.
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
            warning: None,
        }
    }

    /// A request that writes.
    pub fn read_only() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            READ_ONLY,
        )
    }

    /// A path that means nothing.
    pub fn no_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// A parameter that cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// An object that does not exist.
    pub fn no_object(plural: &str, group: &str, name: &str) -> Self {
        let resource = match group {
            "" => plural.to_owned(),
            group => format!("{plural}.{group}"),
        };
        let message = format!("{resource} \"{name}\" not found");
        Self {
            details: json!({ "name": name, "group": group, "kind": plural }),
            ..Self::new(StatusCode::NOT_FOUND, "NotFound", message)
        }
    }

    /// An object that is to be created and exists.
    pub fn exists(plural: &str, group: &str, name: &str) -> Self {
        let absent = Self::no_object(plural, group, name);
        let message = absent.message.replace("not found", "already exists");
        Self {
            message,
            code: StatusCode::CONFLICT,
            reason: "AlreadyExists",
            ..absent
        }
    }

    /// A body of a type that cannot be read.
    pub fn unsupported(message: impl Into<String>) -> Self {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(code, "UnsupportedMediaType", message)
    }

    /// What else to know, for the client to print.
    #[must_use]
    pub fn warning(self, warning: Option<String>) -> Self {
        Self { warning, ..self }
    }

    /// The object.
    pub fn json(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code.as_u16(),
        });
        if let (false, Some(fields)) = (self.details.is_null(), status.as_object_mut()) {
            fields.insert("details".to_owned(), self.details.clone());
        }
        status
    }

    /// The answer.
    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(whole(self.json().to_string()));
        *response.status_mut() = self.code;
        let json = hyper::header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        super::reply::add_warning(&mut response, self.warning.as_deref());
        response
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match &error {
            Error::Compacted { .. } => Self::new(
                StatusCode::GONE,
                "Expired",
                format!("The resourceVersion for the provided request is too old: {error}"),
            ),
            Error::Future { revision, current } => Self {
                details: json!({ "retryAfterSeconds": 1, "causes": [
                    { "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }] }),
                ..Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "Timeout",
                    format!("Too large resource version: {revision}, current: {current}"),
                )
            },
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                error.to_string(),
            ),
        }
    }
}

impl From<MomentError> for Status {
    fn from(error: MomentError) -> Self {
        match error {
            // A client asks again if it is answered as by a server that will have the revision soon.
            MomentError::Evidence(error @ Error::Future { .. }) => {
                Self::bad_request(error.to_string())
            }
            MomentError::Evidence(error) => error.into(),
            other => Self::bad_request(other.to_string()),
        }
    }
}
