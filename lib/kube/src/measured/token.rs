//! When a token in a Secret was issued.
//!
//! Tokens that a controller of Kubernetes stores have no `iat` (`LegacyClaims` in `pkg/serviceaccount/legacy.go`, v1.20.2); those that
//! people store beside them, of the TokenRequest API or of another issuer, usually have.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value as Json;

/// What the header of every JSON Web Token begins with: `{"` in base64.
const HEADER: &[u8] = b"eyJ";

/// The `iat` of a JSON Web Token; `None` if the bytes are none, or the token does not say.
pub(super) fn issued(token: &[u8]) -> Option<i64> {
    if !token.starts_with(HEADER) {
        return None;
    }
    let mut parts = token.trim_ascii_end().split(|byte| *byte == b'.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let issued = claims.get("iat")?;
    // RFC 7519 allows a fraction.
    issued
        .as_i64()
        .or_else(|| issued.to_string().split('.').next()?.parse().ok())
        .filter(|seconds| *seconds > 0)
}

/// The newest `iat` in the data of a Secret.
pub(super) fn issued_in(secret: &Json) -> Option<i64> {
    let data = secret.get("data").and_then(Json::as_object)?;
    let value = |value: &Json| STANDARD.decode(value.as_str()?).ok();
    data.values()
        .filter_map(value)
        .filter_map(|token| issued(&token))
        .max()
}
