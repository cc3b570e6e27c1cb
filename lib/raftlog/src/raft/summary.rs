//! One-line summaries of requests, with passwords masked.

use super::kv::{Compare, DeleteRangeRequest, Op, PutRequest, RequestOp, Target, TxnRequest};
use super::{ConfChange, Operation, Payload, Request};

/// Maximum number of operations of a transaction that a summary lists.
const MAX_OPERATIONS_LISTED: usize = 4;

/// Returns a key as text: UTF-8 unchanged, control characters and invalid bytes as `\xNN`.
///
/// ```
/// use etcd_inspect_raftlog::raft::key_text;
/// assert_eq!(key_text(b"/registry/pods/\x1b\xff"), r"/registry/pods/\x1b\xff");
/// ```
pub fn key_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                for byte in c.to_string().bytes() {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Maximum number of bytes of a key that a sentence shows.
const MAX_KEY_BYTES_IN_MESSAGE: usize = 512;

/// Returns a key for a sentence: as [`key_text`], and cut with its length if it is long. A key may have 10 MB, and each byte
/// four characters.
///
/// ```
/// use etcd_inspect_raftlog::raft::key_in_message;
/// assert_eq!(key_in_message(b"/registry/pods/a"), "/registry/pods/a");
/// assert!(key_in_message(&[b'k'; 1000]).ends_with("kkk… (1,000 bytes)"));
/// ```
pub fn key_in_message(key: &[u8]) -> String {
    match key.get(..MAX_KEY_BYTES_IN_MESSAGE) {
        Some(start) if key.len() > start.len() => {
            let length =
                located::text::number::thousands(i128::try_from(key.len()).unwrap_or(i128::MAX));
            format!("{}… ({length} bytes)", key_text(start))
        }
        _ => key_text(key),
    }
}

impl Request {
    /// Returns one line: `put /registry/deployments/shop/web if mod_rev = 1192000`. Passwords and hashes are `••••`, values are
    /// omitted.
    pub fn summary(&self) -> String {
        match self {
            Self::Empty => "leader's no-op".into(),
            Self::Internal(request) => match request.operation() {
                Some(operation) => operation.summary(),
                None => "an operation that etcd 3.4 to 3.7 do not know".into(),
            },
            Self::V2(request) => {
                let text = |text: &str| key_text(text.as_bytes());
                let method = text(&request.method);
                match request.method.as_str() {
                    "SYNC" => format!("v2 SYNC at {} ns", request.time),
                    "PUT" | "POST" => {
                        format!(
                            "v2 {method} {} = {}",
                            text(&request.path),
                            text(&request.val)
                        )
                    }
                    _ => format!("v2 {method} {}", text(&request.path)),
                }
            }
            Self::Undecodable(why) => format!("undecodable: {why}"),
        }
    }
}

impl Payload {
    /// Returns one line, as [`Request::summary`].
    pub fn summary(&self) -> String {
        match self {
            Self::Request(request) => request.summary(),
            Self::ConfChange(change) => conf_change(change),
            Self::ConfChangeV2(change) => {
                format!("{} membership changes at once", change.changes.len())
            }
            Self::Undecodable(why) => format!("undecodable: {why}"),
        }
    }
}

fn conf_change(change: &ConfChange) -> String {
    let id = change.node_id;
    let kind = if change.is_promotion() {
        "promote learner"
    } else {
        change.kind().name()
    };
    match change.member() {
        Some(Ok(member)) => {
            let name = match member.name.as_str() {
                "" => String::new(),
                name => format!(" {}", key_text(name.as_bytes())),
            };
            let urls = key_text(member.peer_urls.join(",").as_bytes());
            let gap = if urls.is_empty() { "" } else { " " };
            format!("{kind} {id:016x}{name}{gap}{urls}")
        }
        Some(Err(error)) => format!("{kind} {id:016x}, its member JSON is damaged: {error}"),
        None => format!("{kind} {id:016x}"),
    }
}

impl Operation<'_> {
    /// Returns one line, as [`Request::summary`].
    pub fn summary(&self) -> String {
        let text = |text: &str| key_text(text.as_bytes());
        let name = self.name();
        match self {
            Self::V2(request) => Request::V2(Box::new((*request).clone())).summary(),
            Self::Range(range) => span("range", &range.key, &range.range_end),
            Self::Put(request) => put(request),
            Self::DeleteRange(request) => delete(request),
            Self::Txn(request) => txn(request),
            Self::Compaction(request) => format!("compaction up to {}", request.revision),
            Self::LeaseGrant(request) => {
                format!("lease_grant {:016x} ttl {} s", request.id, request.ttl)
            }
            Self::LeaseRevoke(request) => format!("lease_revoke {:016x}", request.id),
            Self::LeaseCheckpoint(request) => {
                format!("lease_checkpoint of {} leases", request.checkpoints.len())
            }
            Self::Alarm(request) => {
                let action = pick(request.action, &["get", "activate", "deactivate"]);
                let alarm = pick(request.alarm, &["any", "NOSPACE", "CORRUPT"]);
                match request.member_id {
                    0 => format!("alarm {action} {alarm}"),
                    id => format!("alarm {action} {alarm} of {id:016x}"),
                }
            }
            Self::ClusterVersionSet(request) => format!("{name} {}", text(&request.ver)),
            Self::ClusterMemberAttrSet(request) => match &request.member_attributes {
                Some(attributes) => {
                    let urls = attributes.client_urls.join(",");
                    let id = request.member_id;
                    format!(
                        "{name} {id:016x} {} {}",
                        text(&attributes.name),
                        text(&urls)
                    )
                }
                None => format!("{name} {:016x}", request.member_id),
            },
            Self::DowngradeInfoSet(request) if request.enabled => {
                format!("{name} to {}", text(&request.ver))
            }
            Self::DowngradeInfoSet(_) => format!("{name} off"),
            Self::DowngradeVersionTest(request) => format!("{name} {}", text(&request.ver)),
            _ => self.auth_summary(),
        }
    }

    /// Summarizes a request on users and roles.
    fn auth_summary(&self) -> String {
        let text = |text: &str| key_text(text.as_bytes());
        let name = self.name();
        match self {
            Self::Authenticate(request) => format!("authenticate {}", text(&request.name)),
            Self::AuthUserAdd(request) => {
                let secret = !(request.password.is_empty() && request.hashed_password.is_empty());
                let password = if secret { " password ••••" } else { "" };
                format!("auth_user_add {}{password}", text(&request.name))
            }
            Self::AuthUserChangePassword(request) => {
                format!("auth_user_change_password {} to ••••", text(&request.name))
            }
            Self::AuthUserDelete(request) => format!("{name} {}", text(&request.name)),
            Self::AuthUserGet(request) => format!("{name} {}", text(&request.name)),
            Self::AuthUserGrantRole(request) => {
                format!("{name} {} to {}", text(&request.role), text(&request.user))
            }
            Self::AuthUserRevokeRole(request) => {
                format!(
                    "{name} {} from {}",
                    text(&request.role),
                    text(&request.name)
                )
            }
            Self::AuthRoleAdd(request) => format!("{name} {}", text(&request.name)),
            Self::AuthRoleDelete(request) => format!("{name} {}", text(&request.role)),
            Self::AuthRoleGet(request) => format!("{name} {}", text(&request.role)),
            Self::AuthRoleGrantPermission(request) => match &request.perm {
                Some(perm) => {
                    let kind = pick(perm.perm_type, &["read", "write", "readwrite"]);
                    let keys = span(kind, &perm.key, &perm.range_end);
                    format!("{name} {keys} to {}", text(&request.name))
                }
                None => format!("{name} nothing to {}", text(&request.name)),
            },
            Self::AuthRoleRevokePermission(request) => {
                let keys = span(name, &request.key, &request.range_end);
                format!("{keys} from {}", text(&request.role))
            }
            // The requests without fields.
            _ => name.into(),
        }
    }
}

fn pick(raw: i32, names: &[&'static str]) -> &'static str {
    let name = usize::try_from(raw).ok().and_then(|raw| names.get(raw));
    name.copied().unwrap_or("?")
}

fn span(verb: &str, key: &[u8], range_end: &[u8]) -> String {
    let key = key_text(key);
    match range_end {
        [] => format!("{verb} {key}"),
        [0] => format!("{verb} {key} to the last key"),
        end => format!("{verb} {key} to {}", key_text(end)),
    }
}

fn put(put: &PutRequest) -> String {
    let key = key_text(&put.key);
    match put.lease {
        0 => format!("put {key}"),
        lease => format!("put {key} lease {lease:016x}"),
    }
}

fn delete(delete: &DeleteRangeRequest) -> String {
    span("delete", &delete.key, &delete.range_end)
}

fn op(RequestOp { request }: &RequestOp) -> String {
    match request {
        Some(Op::Put(request)) => put(request),
        Some(Op::DeleteRange(request)) => delete(request),
        Some(Op::Range(range)) => span("range", &range.key, &range.range_end),
        Some(Op::Txn(inner)) => {
            let operations = inner.success.len().saturating_add(inner.failure.len());
            format!("txn of {operations} operations")
        }
        None => "nothing".into(),
    }
}

fn list(items: &[String], all: usize, separator: &str) -> String {
    let mut text = items.join(separator);
    if all > items.len() {
        text.push_str(&format!(
            "{separator}{} more",
            all.saturating_sub(items.len())
        ));
    }
    text
}

fn ops(ops: &[RequestOp]) -> String {
    let named: Vec<_> = ops.iter().take(MAX_OPERATIONS_LISTED).map(op).collect();
    list(&named, ops.len(), ", ")
}

/// An API server writes with one condition on the key of its one operation: the key is printed once.
fn txn(txn: &TxnRequest) -> String {
    let alone = match (txn.success.as_slice(), txn.compare.as_slice()) {
        ([RequestOp { request: Some(op) }], [_]) => match op {
            Op::Put(put) => Some(&put.key),
            Op::DeleteRange(delete) if delete.range_end.is_empty() => Some(&delete.key),
            _ => None,
        },
        _ => None,
    };
    let named: Vec<_> = txn
        .compare
        .iter()
        .take(MAX_OPERATIONS_LISTED)
        .map(|compare| condition(compare, alone == Some(&compare.key)))
        .collect();
    let conditions = list(&named, txn.compare.len(), " and ");
    let mut text = match txn.success.len() {
        0 => "txn".into(),
        _ => ops(&txn.success),
    };
    if !conditions.is_empty() {
        text = format!("{text} if {conditions}");
    }
    let reads_only = |op: &RequestOp| matches!(op.request, Some(Op::Range(_)));
    if !txn.failure.iter().all(reads_only) {
        text = format!("{text} else {}", ops(&txn.failure));
    }
    text
}

fn condition(compare: &Compare, key_is_known: bool) -> String {
    let relation = pick(compare.result, &["=", ">", "<", "!="]);
    let (field, value) = match &compare.target_union {
        Some(Target::Version(version)) => ("version", version.to_string()),
        Some(Target::CreateRevision(revision)) => ("create_rev", revision.to_string()),
        Some(Target::ModRevision(revision)) => ("mod_rev", revision.to_string()),
        Some(Target::Value(value)) => ("value", format!("({} bytes)", value.len())),
        Some(Target::Lease(lease)) => ("lease", format!("{lease:016x}")),
        None => {
            let fields = &["version", "create_rev", "mod_rev", "value", "lease"];
            (pick(compare.target, fields), "0".into())
        }
    };
    let condition = format!("{field} {relation} {value}");
    if key_is_known {
        return condition;
    }
    match compare.range_end.as_slice() {
        [] => format!("{} {condition}", key_text(&compare.key)),
        _ => format!(
            "{} {condition}",
            span("all of", &compare.key, &compare.range_end)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubernetes_update_reads_as_one_sentence() {
        let data = b"\x32\x1b\x0a\x09\x10\x02\x1a\x01k\x30\xc0\x84\x3d\x12\x07\x12\x05\x0a\x01k\x12\x00\x1a\x05\x0a\x03\x0a\x01k";
        let request = Request::decode(data);
        assert_eq!(request.summary(), "put k if mod_rev = 1000000");
    }

    #[test]
    fn passwords_never_show() {
        // auth_user_add{name:"eve", password:"hunter2", hashedPassword:"$2a"}
        let data = b"\xe2\x44\x13\x0a\x03eve\x12\x07hunter2\x22\x03$2a";
        let request = Request::decode(data);
        assert_eq!(request.summary(), "auth_user_add eve password ••••");
    }
}
