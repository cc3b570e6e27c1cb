//! The data of an EntryNormal: an InternalRaftRequest, or a v2 Request.

use prost::Message as _;

use super::{DecodeFailure, auth, cluster, kv, v2::V2Request};

/// The id of a request and the user that sent it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestHeader {
    /// The unique id of the request; see [`Proposer`](super::Proposer).
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The user; empty if authentication is disabled.
    #[prost(string, tag = "2")]
    pub username: String,
    /// The auth revision that the permissions were checked with.
    #[prost(uint64, tag = "3")]
    pub auth_revision: u64,
}

/// Declares InternalRaftRequest, the enum over its operations and their names from one table.
macro_rules! internal_raft_request {
    ($($(#[$doc:meta])* $number:literal $field:ident $variant:ident($message:ty);)*) => {
        /// etcdserverpb.InternalRaftRequest: exactly one operation is set.
        #[derive(Clone, PartialEq, Eq, prost::Message)]
        pub struct InternalRaftRequest {
            /// 0 in practice: the id is in the header.
            #[prost(uint64, tag = "1")]
            pub id: u64,
            /// Id and user.
            #[prost(message, optional, tag = "100")]
            pub header: Option<RequestHeader>,
            $($(#[$doc])* #[prost(message, optional, boxed, tag = $number)] pub $field: Option<Box<$message>>,)*
        }

        /// The operation of an [`InternalRaftRequest`].
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Operation<'a> {
            $($(#[$doc])* $variant(&'a $message),)*
        }

        impl InternalRaftRequest {
            /// Returns the operation; `None` if there is none that etcd 3.4 to 3.7 know.
            pub fn operation(&self) -> Option<Operation<'_>> {
                $(if let Some(request) = &self.$field { return Some(Operation::$variant(request)); })*
                None
            }
        }

        impl Operation<'_> {
            /// Returns the name of the field in InternalRaftRequest.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($field),)* }
            }
        }

        /// Field number and name of every operation.
        pub const OPERATIONS: &[(u32, &str)] = &[$((number($number), stringify!($field))),*];
    };
}

const fn number(digits: &str) -> u32 {
    let mut number = 0u32;
    let mut rest = digits.as_bytes();
    while let [digit, more @ ..] = rest {
        number = number * 10 + (*digit - b'0') as u32;
        rest = more;
    }
    number
}

internal_raft_request! {
    /// A v2 request wrapped in a v3 one.
    "2" v2 V2(V2Request);
    /// Reads.
    "3" range Range(kv::RangeRequest);
    /// Writes a key.
    "4" put Put(kv::PutRequest);
    /// Deletes keys.
    "5" delete_range DeleteRange(kv::DeleteRangeRequest);
    /// Executes operations on conditions.
    "6" txn Txn(kv::TxnRequest);
    /// Compacts history.
    "7" compaction Compaction(kv::CompactionRequest);
    /// Grants a lease.
    "8" lease_grant LeaseGrant(cluster::LeaseGrantRequest);
    /// Revokes a lease.
    "9" lease_revoke LeaseRevoke(cluster::LeaseRevokeRequest);
    /// Reads, raises or clears alarms.
    "10" alarm Alarm(cluster::AlarmRequest);
    /// Records the remaining time to live of leases; since 3.4.
    "11" lease_checkpoint LeaseCheckpoint(cluster::LeaseCheckpointRequest);
    /// Enables authentication.
    "1000" auth_enable AuthEnable(auth::AuthEnableRequest);
    /// Disables authentication.
    "1011" auth_disable AuthDisable(auth::AuthDisableRequest);
    /// Requests a token for a user.
    "1012" authenticate Authenticate(auth::InternalAuthenticateRequest);
    /// Reads whether authentication is enabled; since 3.5.
    "1013" auth_status AuthStatus(auth::AuthStatusRequest);
    /// Adds a user.
    "1100" auth_user_add AuthUserAdd(auth::AuthUserAddRequest);
    /// Deletes a user.
    "1101" auth_user_delete AuthUserDelete(auth::AuthUserDeleteRequest);
    /// Reads a user.
    "1102" auth_user_get AuthUserGet(auth::AuthUserGetRequest);
    /// Changes a password.
    "1103" auth_user_change_password AuthUserChangePassword(auth::AuthUserChangePasswordRequest);
    /// Grants a role to a user.
    "1104" auth_user_grant_role AuthUserGrantRole(auth::AuthUserGrantRoleRequest);
    /// Revokes a role from a user.
    "1105" auth_user_revoke_role AuthUserRevokeRole(auth::AuthUserRevokeRoleRequest);
    /// Lists users.
    "1106" auth_user_list AuthUserList(auth::AuthUserListRequest);
    /// Lists roles.
    "1107" auth_role_list AuthRoleList(auth::AuthRoleListRequest);
    /// Adds a role.
    "1200" auth_role_add AuthRoleAdd(auth::AuthRoleAddRequest);
    /// Deletes a role.
    "1201" auth_role_delete AuthRoleDelete(auth::AuthRoleDeleteRequest);
    /// Reads a role.
    "1202" auth_role_get AuthRoleGet(auth::AuthRoleGetRequest);
    /// Grants a permission to a role.
    "1203" auth_role_grant_permission AuthRoleGrantPermission(auth::AuthRoleGrantPermissionRequest);
    /// Revokes a permission from a role.
    "1204" auth_role_revoke_permission AuthRoleRevokePermission(auth::AuthRoleRevokePermissionRequest);
    /// Sets the cluster version; since 3.5, proposed since 3.6.
    "1300" cluster_version_set ClusterVersionSet(cluster::ClusterVersionSetRequest);
    /// Publishes name and client URLs of a member; since 3.5, proposed since 3.6.
    "1301" cluster_member_attr_set ClusterMemberAttrSet(cluster::ClusterMemberAttrSetRequest);
    /// Starts or ends a downgrade; since 3.5.
    "1302" downgrade_info_set DowngradeInfoSet(cluster::DowngradeInfoSetRequest);
    /// Proposed only by tests of etcd; since 3.6.
    "9900" downgrade_version_test DowngradeVersionTest(cluster::DowngradeVersionTestRequest);
}

/// The data of an EntryNormal.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Empty: the no-op that a new leader appends first in its term.
    Empty,
    /// A v3 request.
    Internal(Box<InternalRaftRequest>),
    /// A v2 request, as etcd 3.4 and 3.5 propose them; etcd 3.7 panics when it applies one.
    V2(Box<V2Request>),
    /// Neither of them: etcd panics with `unmarshal should never fail`. Contains the reason.
    Undecodable(DecodeFailure),
}

impl Request {
    /// Decodes the data of an entry as etcd does: empty is a no-op, else an InternalRaftRequest, else a v2 Request.
    ///
    /// Source: `applyEntryNormal` in `server/etcdserver/server.go`, v3.5.30.
    ///
    /// ```
    /// use etcd_inspect_raftlog::raft::Request;
    /// let put = Request::decode(b"\x22\x0a\x0a\x03foo\x12\x03bar");
    /// assert_eq!((put.name(), put.summary()), ("put", "put foo".to_string()));
    /// ```
    pub fn decode(data: &[u8]) -> Self {
        if data.is_empty() {
            return Self::Empty;
        }
        match InternalRaftRequest::decode(data) {
            Ok(request) => Self::Internal(Box::new(request)),
            Err(error) => {
                // gogo/protobuf takes any bytes as a string: etcd reads no v2 request then.
                let why = DecodeFailure::from(error);
                match V2Request::decode(data) {
                    Ok(request) if !matches!(why, DecodeFailure::NotUtf8(_)) => {
                        Self::V2(Box::new(request))
                    }
                    _ => Self::Undecodable(why),
                }
            }
        }
    }

    /// Returns the name of the operation: the field of InternalRaftRequest (`put`, `txn`, `lease_grant`, …), or for a v2 request
    /// `v2_` and its method in lower case (`v2_put`, `v2_sync`), else `empty`, `unknown` or `undecodable`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Internal(request) => request.operation().map_or("unknown", |op| op.name()),
            Self::V2(request) => match request.method.as_str() {
                "PUT" => "v2_put",
                "POST" => "v2_post",
                "DELETE" => "v2_delete",
                "QGET" => "v2_qget",
                "SYNC" => "v2_sync",
                _ => "v2_unknown",
            },
            Self::Undecodable(_) => "undecodable",
        }
    }

    /// Returns the request id, which [`Proposer`](super::Proposer) parses; 0 if there is none.
    pub fn id(&self) -> u64 {
        match self {
            Self::Internal(request) => match &request.header {
                Some(header) => header.id,
                None => request.id,
            },
            Self::V2(request) => request.id,
            Self::Empty | Self::Undecodable(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2_put() -> V2Request {
        V2Request {
            id: 7,
            method: "PUT".into(),
            path: "/0/version".into(),
            val: "3.5.0".into(),
            ..V2Request::default()
        }
    }

    /// etcd writes every field, zero or not; prost leaves zeros out.
    fn as_etcd_writes(request: &V2Request) -> Vec<u8> {
        let mut bytes = vec![0x08, 7];
        for (tag, text) in [
            (0x12u8, &request.method),
            (0x1a, &request.path),
            (0x22, &request.val),
        ] {
            bytes.extend([tag, text.len() as u8]);
            bytes.extend(text.as_bytes());
        }
        bytes.extend([0x28, 0, 0x32, 0, 0x38, 0, 0x48, 0, 0x50, 0, 0x58, 0]);
        bytes.extend([0x60, 0, 0x68, 0, 0x70, 0, 0x78, 0, 0x80, 1, 0]);
        bytes
    }

    #[test]
    fn a_v2_request_is_never_taken_for_an_internal_one() {
        for method in ["PUT", "POST", "DELETE", "QGET", "SYNC"] {
            let request = V2Request {
                method: method.into(),
                ..v2_put()
            };
            let decoded = Request::decode(&as_etcd_writes(&request));
            assert_eq!(decoded, Request::V2(Box::new(request)), "{method}");
        }
    }

    #[test]
    fn garbage_is_undecodable_and_an_unknown_field_is_not() {
        assert_eq!(Request::decode(&[0x0f, 1, 2]).name(), "undecodable");
        assert_eq!(
            Request::decode(&[0xa2, 0x06, 0x02, 0x08, 0x07]).name(),
            "unknown"
        );
        assert_eq!(Request::decode(&[]).name(), "empty");
    }

    #[test]
    fn a_zero_in_a_oneof_is_there() {
        let compare = kv::Compare::decode(&[0x08, 0, 0x10, 2, 0x1a, 1, b'k', 0x30, 0][..]).unwrap();
        assert_eq!(compare.target_union, Some(kv::Target::ModRevision(0)));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let mut bytes = Vec::new();
        for _ in 0..2000 {
            let mut outer = vec![0x12];
            let mut inner = vec![0x22];
            prost::encoding::encode_varint(bytes.len() as u64, &mut inner);
            inner.extend(&bytes);
            prost::encoding::encode_varint(inner.len() as u64, &mut outer);
            outer.extend(inner);
            bytes = outer;
        }
        assert!(kv::TxnRequest::decode(&bytes[..]).is_err());
    }

    #[test]
    fn the_operations_are_those_of_the_format_reference() {
        assert_eq!(OPERATIONS.len(), 31);
        assert!(OPERATIONS.contains(&(1301, "cluster_member_attr_set")));
        assert!(OPERATIONS.is_sorted());
    }
}
