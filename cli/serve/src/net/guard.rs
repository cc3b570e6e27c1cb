//! Who may ask: programs of this machine, or those that know the token.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, Response, StatusCode};

use super::body::Body;
use super::grpc;
use crate::net::status::Status;

/// Which requests are let pass.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// A token that every request must have; without it only names of the loopback interface are answered.
    pub token: Option<String>,
}

impl Guard {
    /// Lets pass requests with this token (bearer, or a password of any name), or without one those to a name of the loopback interface.
    pub fn new(token: Option<String>) -> Self {
        Self { token }
    }

    /// Returns the answer to a request that may not pass.
    ///
    /// A page in a browser can reach this port by a name of its own (DNS rebinding): the browser then sends that name as `Host`.
    pub(crate) fn refuses<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        if let Some(token) = &self.token {
            let is_grpc = grpc::is_grpc(request);
            let given = match is_grpc {
                true => header(grpc::TOKEN).map(str::to_owned),
                false => header(AUTHORIZATION.as_str()).and_then(token_of),
            };
            let is_right = given.is_some_and(|given| is_equal(given.trim(), token))
                || (is_grpc && request.uri().path() == grpc::AUTHENTICATE);
            return (!is_right).then(|| match is_grpc {
                true => grpc::unauthenticated(),
                false => {
                    let message =
                        "the token that `etcd-inspect serve --token` was given is missing";
                    Status::new(StatusCode::UNAUTHORIZED, "Unauthorized", message).response()
                }
            });
        }
        let host = request.uri().authority().map(|host| host.as_str());
        let host = host.or_else(|| header(HOST.as_str())).unwrap_or_default();
        if Self::is_own_name(host) {
            return None;
        }
        let message = format!("this server answers to its own address only, not to {host:?}");
        Some(Status::new(StatusCode::FORBIDDEN, "Forbidden", message).response())
    }

    fn is_own_name(host: &str) -> bool {
        // The port may be that of a tunnel (`ssh -L`): it is the name that a rebound one cannot have.
        let name = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => name,
            _ => host,
        };
        let name = name.trim_matches(['[', ']']);
        let is_loopback = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        is_loopback || name.eq_ignore_ascii_case("localhost")
    }
}

/// The token of `Bearer TOKEN`, or of `Basic`: client-go sends tokens of a kubeconfig over TLS only, and the password of a URL always.
fn token_of(given: &str) -> Option<String> {
    if let Some(token) = given.strip_prefix("Bearer ") {
        return Some(token.to_owned());
    }
    let pair = STANDARD.decode(given.strip_prefix("Basic ")?.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(_, token)| token.to_owned())
}

/// Compares in a time that does not depend on where the texts differ.
pub(crate) fn is_equal(a: &str, b: &str) -> bool {
    let differing = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(guard: &Guard, host: &str, token: Option<&str>) -> bool {
        let mut request = Request::builder().uri("/api").header(HOST, host);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        guard.refuses(&request.body(()).unwrap()).is_none()
    }

    #[test]
    fn a_name_that_is_not_of_the_loopback_interface_is_refused() {
        let guard = Guard::default();
        for (host, passes) in [
            ("127.0.0.1:7000", true),
            ("localhost:7000", true),
            ("[::1]:7000", true),
            ("localhost", true),
            ("evil.example:7000", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1:7001", true),
            ("", false),
        ] {
            assert_eq!(asked(&guard, host, None), passes, "{host}");
        }
    }

    #[test]
    fn with_a_token_every_request_needs_it() {
        let guard = Guard::new(Some("secret-1".to_owned()));
        assert!(asked(&guard, "10.0.0.1:80", Some("secret-1")));
        assert!(!asked(&guard, "127.0.0.1:80", Some("secret-2")));
        assert!(!asked(&guard, "127.0.0.1:80", None));
        let given = |text: &str| token_of(&format!("Basic {}", STANDARD.encode(text)));
        assert_eq!(given("reader:a:b").as_deref(), Some("a:b"));
        assert_eq!(given("reader"), None);
        assert_eq!(token_of("Basic ?"), None);
    }
}
