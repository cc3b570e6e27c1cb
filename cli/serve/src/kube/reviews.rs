//! What a client may do: read everything, write nothing.

use etcd_inspect::kubernetes::{Options, Value as Stored};
use serde_json::{Value, json};

const READING: [&str; 3] = ["get", "list", "watch"];

/// Reads what a client sends: JSON, or protobuf in the envelope in which objects are also stored.
pub fn read(body: &[u8]) -> Option<Value> {
    let object = Stored::parse(body).ok()?.object(Options::default()).ok()?;
    object.to_json().ok()
}

/// Answers a review that a client creates about itself; none for another kind.
pub fn answer(plural: &str, review: &Value) -> Option<Value> {
    let mut answer = review.clone();
    let status = match plural {
        "selfsubjectaccessreviews" => access(review),
        "selfsubjectrulesreviews" => json!({
            "resourceRules": [{ "verbs": READING, "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["*"] }],
            "incomplete": false,
        }),
        "selfsubjectreviews" => json!({ "userInfo": {
            "username": "reader of a copied data directory", "groups": ["system:authenticated"] } }),
        _ => return None,
    };
    let fields = answer.as_object_mut()?;
    fields.insert("status".to_owned(), status);
    Some(answer)
}

fn access(review: &Value) -> Value {
    let verb = [
        "/spec/resourceAttributes/verb",
        "/spec/nonResourceAttributes/verb",
    ]
    .into_iter()
    .find_map(|pointer| review.pointer(pointer)?.as_str())
    .unwrap_or_default();
    let subresource = review.pointer("/spec/resourceAttributes/subresource");
    let subresource = subresource.and_then(Value::as_str).unwrap_or_default();
    let is_reading = READING.contains(&verb) && matches!(subresource, "" | "status");
    match is_reading {
        true => json!({ "allowed": true }),
        false => json!({ "allowed": false, "reason": crate::net::status::READ_ONLY }),
    }
}
