//! Requests as JSON: ids as 16 hexadecimal digits, keys as `key` or `key_b64`, secrets only on request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::kv::{Compare, Op, RequestOp, Target, TxnRequest};
use super::{ConfChange, Operation, Payload, Request, V2Request};

/// Selects what a JSON document shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reveal {
    /// Whether to show the values of keys; otherwise only their lengths.
    pub values: bool,
    /// Whether to show passwords, their hashes and tokens; otherwise `••••`.
    pub passwords: bool,
}

const MASK: &str = "••••";

/// A JSON object under construction.
struct Object(Map<String, Value>, Reveal);

impl Object {
    fn new(reveal: Reveal) -> Self {
        Self(Map::new(), reveal)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Adds the value unless it is zero, false or empty.
    fn unless_empty(self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::Bool(on) => !on,
            Value::Number(number) => number.as_i64() == Some(0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(_) => false,
        };
        if empty { self } else { self.with(name, value) }
    }

    fn id(self, name: &str, id: u64) -> Self {
        self.with(name, format!("{id:016x}"))
    }

    fn lease(self, name: &str, lease: i64) -> Self {
        if lease == 0 {
            return self;
        }
        self.with(name, format!("{lease:016x}"))
    }

    fn bytes(self, name: &str, bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.with(name, text),
            Err(_) => self.with(&format!("{name}_b64"), STANDARD.encode(bytes)),
        }
    }

    fn span(self, key: &[u8], range_end: &[u8]) -> Self {
        let object = self.bytes("key", key);
        if range_end.is_empty() {
            return object;
        }
        object.bytes("range_end", range_end)
    }

    fn value(self, value: &[u8]) -> Self {
        let object = self.with("value_bytes", value.len());
        if object.1.values {
            return object.bytes("value", value);
        }
        object
    }

    fn secret(self, name: &str, secret: &str) -> Self {
        match (secret, self.1.passwords) {
            ("", _) => self,
            (_, false) => self.with(name, MASK),
            (secret, true) => self.with(name, secret),
        }
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

impl Payload {
    /// Returns the whole payload as JSON, its operation under the name of its field.
    pub fn to_json(&self, reveal: Reveal) -> Value {
        match self {
            Self::Request(request) => request.to_json(reveal),
            Self::ConfChange(change) => conf_change(change),
            Self::ConfChangeV2(change) => {
                let changes: Vec<_> = change
                    .changes
                    .iter()
                    .map(|one| {
                        json!({"type": one.r#type, "node_id": format!("{:016x}", one.node_id)})
                    })
                    .collect();
                json!({"transition": change.transition, "changes": changes})
            }
            Self::Undecodable(why) => json!({ "undecodable": why.to_string() }),
        }
    }
}

impl Request {
    /// Returns the whole request as JSON, its operation under the name of its field.
    pub fn to_json(&self, reveal: Reveal) -> Value {
        let object = Object::new(reveal);
        match self {
            Self::Empty => object.done(),
            Self::Internal(request) => {
                let object = match &request.header {
                    Some(header) => {
                        let json = Object::new(reveal)
                            .id("id", header.id)
                            .unless_empty("username", header.username.as_str())
                            .unless_empty("auth_revision", header.auth_revision);
                        object.with("header", json.done())
                    }
                    None => object,
                };
                match request.operation() {
                    Some(operation) => object.with(operation.name(), operation.to_json(reveal)),
                    None => object,
                }
                .done()
            }
            Self::V2(request) => object.with("v2", v2(request, reveal)).done(),
            Self::Undecodable(why) => object.with("undecodable", why.to_string()).done(),
        }
    }
}

/// Serializes with passwords masked and values omitted.
impl serde::Serialize for Request {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(Reveal::default()).serialize(serializer)
    }
}

/// Serializes with passwords masked and values omitted.
impl serde::Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(Reveal::default()).serialize(serializer)
    }
}

fn conf_change(change: &ConfChange) -> Value {
    let object = Object::new(Reveal::default())
        .id("id", change.id)
        .with("type", change.kind().name())
        .id("node_id", change.node_id);
    match change.member() {
        None => object.done(),
        Some(Err(_)) => object.bytes("context", &change.context).done(),
        Some(Ok(member)) => {
            let json = Object::new(Reveal::default())
                .id("id", member.id)
                .unless_empty("name", member.name)
                .unless_empty("peer_urls", member.peer_urls)
                .unless_empty("client_urls", member.client_urls)
                .unless_empty("is_learner", member.is_learner)
                .unless_empty("is_promote", member.is_promote);
            object.with("member", json.done()).done()
        }
    }
}

fn v2(request: &V2Request, reveal: Reveal) -> Value {
    Object::new(reveal)
        .id("id", request.id)
        .with("method", request.method.as_str())
        .unless_empty("path", request.path.as_str())
        .unless_empty("val", request.val.as_str())
        .unless_empty("dir", request.dir)
        .unless_empty("prev_value", request.prev_value.as_str())
        .unless_empty("prev_index", request.prev_index)
        .unless_empty("prev_exist", request.prev_exist)
        .unless_empty("expiration", request.expiration)
        .unless_empty("wait", request.wait)
        .unless_empty("since", request.since)
        .unless_empty("recursive", request.recursive)
        .unless_empty("sorted", request.sorted)
        .unless_empty("quorum", request.quorum)
        .unless_empty("time", request.time)
        .unless_empty("stream", request.stream)
        .unless_empty("refresh", request.refresh)
        .done()
}

impl Operation<'_> {
    /// Returns the operation as JSON.
    pub fn to_json(&self, reveal: Reveal) -> Value {
        let object = Object::new(reveal);
        match self {
            Self::V2(request) => v2(request, reveal),
            Self::Range(_) | Self::Put(_) | Self::DeleteRange(_) | Self::Txn(_) => {
                self.kv_json(object)
            }
            Self::Compaction(request) => object
                .with("revision", request.revision)
                .unless_empty("physical", request.physical)
                .done(),
            Self::LeaseGrant(request) => object
                .lease("id", request.id)
                .with("ttl", request.ttl)
                .done(),
            Self::LeaseRevoke(request) => object.lease("id", request.id).done(),
            Self::LeaseCheckpoint(request) => {
                let each = request.checkpoints.iter().map(|one| {
                    let object = Object::new(reveal).lease("id", one.id);
                    object.with("remaining_ttl", one.remaining_ttl).done()
                });
                object.with("checkpoints", each.collect::<Vec<_>>()).done()
            }
            Self::Alarm(request) => object
                .with("action", request.action)
                .id("member_id", request.member_id)
                .with("alarm", request.alarm)
                .done(),
            Self::ClusterVersionSet(request) => object.with("ver", request.ver.as_str()).done(),
            Self::ClusterMemberAttrSet(request) => {
                let object = object.id("member_id", request.member_id);
                match &request.member_attributes {
                    Some(attributes) => object
                        .with("name", attributes.name.as_str())
                        .with("client_urls", attributes.client_urls.clone()),
                    None => object,
                }
                .done()
            }
            Self::DowngradeInfoSet(request) => object
                .with("enabled", request.enabled)
                .unless_empty("ver", request.ver.as_str())
                .done(),
            Self::DowngradeVersionTest(request) => object.with("ver", request.ver.as_str()).done(),
            _ => self.auth_json(object),
        }
    }

    fn kv_json(&self, object: Object) -> Value {
        let reveal = object.1;
        match self {
            Self::Put(put) => op_json(&Op::Put((*put).clone()), reveal),
            Self::Range(range) => op_json(&Op::Range((*range).clone()), reveal),
            Self::DeleteRange(delete) => op_json(&Op::DeleteRange((*delete).clone()), reveal),
            Self::Txn(txn) => txn_json(txn, reveal),
            _ => object.done(),
        }
    }

    fn auth_json(&self, object: Object) -> Value {
        match self {
            Self::Authenticate(request) => object
                .with("name", request.name.as_str())
                .secret("password", &request.password)
                .secret("simple_token", &request.simple_token),
            Self::AuthUserAdd(request) => object
                .with("name", request.name.as_str())
                .secret("password", &request.password)
                .secret("hashed_password", &request.hashed_password)
                .unless_empty(
                    "no_password",
                    request.options.as_ref().is_some_and(|o| o.no_password),
                ),
            Self::AuthUserChangePassword(request) => object
                .with("name", request.name.as_str())
                .secret("password", &request.password)
                .secret("hashed_password", &request.hashed_password),
            Self::AuthUserDelete(request) => object.with("name", request.name.as_str()),
            Self::AuthUserGet(request) => object.with("name", request.name.as_str()),
            Self::AuthUserGrantRole(request) => object
                .with("user", request.user.as_str())
                .with("role", request.role.as_str()),
            Self::AuthUserRevokeRole(request) => object
                .with("name", request.name.as_str())
                .with("role", request.role.as_str()),
            Self::AuthRoleAdd(request) => object.with("name", request.name.as_str()),
            Self::AuthRoleDelete(request) => object.with("role", request.role.as_str()),
            Self::AuthRoleGet(request) => object.with("role", request.role.as_str()),
            Self::AuthRoleGrantPermission(request) => {
                let object = object.with("name", request.name.as_str());
                match &request.perm {
                    Some(perm) => object
                        .with("perm_type", perm.perm_type)
                        .span(&perm.key, &perm.range_end),
                    None => object,
                }
            }
            Self::AuthRoleRevokePermission(request) => object
                .with("role", request.role.as_str())
                .span(&request.key, &request.range_end),
            _ => object,
        }
        .done()
    }
}

fn txn_json(txn: &TxnRequest, reveal: Reveal) -> Value {
    let ops = |ops: &[RequestOp]| -> Vec<Value> {
        ops.iter()
            .map(|op| match &op.request {
                Some(op @ Op::Put(_)) => json!({"put": op_json(op, reveal)}),
                Some(op @ Op::Range(_)) => json!({"range": op_json(op, reveal)}),
                Some(op @ Op::DeleteRange(_)) => json!({"delete_range": op_json(op, reveal)}),
                Some(op @ Op::Txn(_)) => json!({"txn": op_json(op, reveal)}),
                None => json!({}),
            })
            .collect()
    };
    let compare: Vec<_> = txn
        .compare
        .iter()
        .map(|c| compare_json(c, reveal))
        .collect();
    json!({"compare": compare, "success": ops(&txn.success), "failure": ops(&txn.failure)})
}

fn op_json(op: &Op, reveal: Reveal) -> Value {
    let object = Object::new(reveal);
    match op {
        Op::Put(put) => object
            .bytes("key", &put.key)
            .value(&put.value)
            .lease("lease", put.lease)
            .unless_empty("prev_kv", put.prev_kv)
            .unless_empty("ignore_value", put.ignore_value)
            .unless_empty("ignore_lease", put.ignore_lease)
            .done(),
        Op::DeleteRange(delete) => object
            .span(&delete.key, &delete.range_end)
            .unless_empty("prev_kv", delete.prev_kv)
            .done(),
        Op::Range(range) => object
            .span(&range.key, &range.range_end)
            .unless_empty("limit", range.limit)
            .unless_empty("revision", range.revision)
            .unless_empty("sort_order", range.sort_order)
            .unless_empty("sort_target", range.sort_target)
            .unless_empty("serializable", range.serializable)
            .unless_empty("keys_only", range.keys_only)
            .unless_empty("count_only", range.count_only)
            .unless_empty("min_mod_revision", range.min_mod_revision)
            .unless_empty("max_mod_revision", range.max_mod_revision)
            .unless_empty("min_create_revision", range.min_create_revision)
            .unless_empty("max_create_revision", range.max_create_revision)
            .done(),
        Op::Txn(txn) => txn_json(txn, reveal),
    }
}

fn compare_json(compare: &Compare, reveal: Reveal) -> Value {
    let names = ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"];
    let result = usize::try_from(compare.result)
        .ok()
        .and_then(|raw| names.get(raw));
    let object = Object::new(reveal)
        .span(&compare.key, &compare.range_end)
        .with("result", result.copied().unwrap_or("?"));
    match &compare.target_union {
        Some(Target::Version(version)) => object.with("version", *version),
        Some(Target::CreateRevision(revision)) => object.with("create_revision", *revision),
        Some(Target::ModRevision(revision)) => object.with("mod_revision", *revision),
        Some(Target::Value(value)) => object.value(value),
        Some(Target::Lease(lease)) => object.with("lease", format!("{lease:016x}")),
        None => object.with("target", compare.target),
    }
    .done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_show_only_on_demand() {
        let data = b"\xe2\x44\x13\x0a\x03eve\x12\x07hunter2\x22\x03$2a";
        let request = Request::decode(data);
        let masked = serde_json::to_string(&request).unwrap();
        assert!(
            !masked.contains("hunter2") && !masked.contains("$2a"),
            "{masked}"
        );
        let reveal = Reveal {
            passwords: true,
            values: false,
        };
        assert!(request.to_json(reveal).to_string().contains("hunter2"));
    }

    #[test]
    fn keys_that_are_not_text_are_base64() {
        let json = Request::decode(b"\x22\x07\x0a\x01\xff\x12\x02hi").to_json(Reveal::default());
        assert_eq!(json, json!({"put": {"key_b64": "/w==", "value_bytes": 2}}));
    }
}
