//! What tells requests of gRPC apart, and how they are refused.

use http_body_util::BodyExt;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use tonic::Status;

use super::body::Body;

/// The header that has the token of etcd's clients.
pub const TOKEN: &str = "token";

/// Where a client gets one.
pub const AUTHENTICATE: &str = "/etcdserverpb.Auth/Authenticate";

/// The answer to a request without the token of the server.
pub fn unauthenticated() -> Response<Body> {
    let message = "etcdserver: invalid auth token: use --user reader:TOKEN with the TOKEN of `etcd-inspect serve --token`";
    let status = Status::unauthenticated(message);
    status
        .into_http::<tonic::body::Body>()
        .map(BodyExt::boxed_unsync)
}

/// Whether a request is one of gRPC: both doors are at one address.
pub fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
