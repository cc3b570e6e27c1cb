//! Messages of etcd's gRPC API, as far as they are answered. Numbers of fields: `api/etcdserverpb/rpc.proto` and
//! `api/mvccpb/kv.proto`, v3.5.30.

use prost::{Message, Oneof};

macro_rules! messages {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[$($field:tt)*])* $member:ident: $type:ty,)* })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, PartialEq, Message)]
            pub struct $name { $($(#[$($field)*])* pub $member: $type,)* }
        )*
    };
}

messages! {
    /// Who answers, and at which revision.
    Header {
        #[prost(uint64, tag = "1")] cluster_id: u64,
        #[prost(uint64, tag = "2")] member_id: u64,
        #[prost(int64, tag = "3")] revision: i64,
        #[prost(uint64, tag = "4")] raft_term: u64,
    }
    /// A request or part of it that has no fields we read.
    Empty {}
    /// An answer that has only a header.
    OnlyHeader { #[prost(message, optional, tag = "1")] header: Option<Header>, }
    /// A key with its value.
    Kv {
        #[prost(bytes = "vec", tag = "1")] key: Vec<u8>,
        #[prost(int64, tag = "2")] create_revision: i64,
        #[prost(int64, tag = "3")] mod_revision: i64,
        #[prost(int64, tag = "4")] version: i64,
        #[prost(bytes = "vec", tag = "5")] value: Vec<u8>,
        #[prost(int64, tag = "6")] lease: i64,
    }
    /// A put (0) or a delete (1).
    Event {
        #[prost(int32, tag = "1")] kind: i32,
        #[prost(message, optional, tag = "2")] kv: Option<Kv>,
        #[prost(message, optional, tag = "3")] prev_kv: Option<Kv>,
    }
    /// `RangeRequest`.
    RangeRequest {
        #[prost(bytes = "vec", tag = "1")] key: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")] range_end: Vec<u8>,
        #[prost(int64, tag = "3")] limit: i64,
        #[prost(int64, tag = "4")] revision: i64,
        #[prost(int32, tag = "5")] sort_order: i32,
        #[prost(int32, tag = "6")] sort_target: i32,
        #[prost(bool, tag = "8")] keys_only: bool,
        #[prost(bool, tag = "9")] count_only: bool,
        #[prost(int64, tag = "10")] min_mod_revision: i64,
        #[prost(int64, tag = "11")] max_mod_revision: i64,
        #[prost(int64, tag = "12")] min_create_revision: i64,
        #[prost(int64, tag = "13")] max_create_revision: i64,
    }
    /// `RangeResponse`.
    RangeResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(message, repeated, tag = "2")] kvs: Vec<Kv>,
        #[prost(bool, tag = "3")] more: bool,
        #[prost(int64, tag = "4")] count: i64,
    }
    /// `PutRequest`.
    PutRequest {
        #[prost(bytes = "vec", tag = "1")] key: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")] value: Vec<u8>,
        #[prost(int64, tag = "3")] lease: i64,
        #[prost(bool, tag = "4")] prev_kv: bool,
        #[prost(bool, tag = "5")] ignore_value: bool,
        #[prost(bool, tag = "6")] ignore_lease: bool,
    }
    /// `PutResponse`.
    PutResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(message, optional, tag = "2")] prev_kv: Option<Kv>,
    }
    /// `DeleteRangeRequest`.
    DeleteRequest {
        #[prost(bytes = "vec", tag = "1")] key: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")] range_end: Vec<u8>,
        #[prost(bool, tag = "3")] prev_kv: bool,
    }
    /// `DeleteRangeResponse`.
    DeleteResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(int64, tag = "2")] deleted: i64,
        #[prost(message, repeated, tag = "3")] prev_kvs: Vec<Kv>,
    }
    /// `RequestOp`.
    RequestOp { #[prost(oneof = "Request", tags = "1, 2, 3, 4")] request: Option<Request>, }
    /// `ResponseOp`.
    ResponseOp { #[prost(oneof = "Response", tags = "1, 2, 3, 4")] response: Option<Response>, }
    /// `Compare`.
    Compare {
        #[prost(int32, tag = "1")] result: i32,
        #[prost(int32, tag = "2")] target: i32,
        #[prost(bytes = "vec", tag = "3")] key: Vec<u8>,
        #[prost(oneof = "Target", tags = "4, 5, 6, 7, 8")] with: Option<Target>,
        #[prost(bytes = "vec", tag = "64")] range_end: Vec<u8>,
    }
    /// `TxnRequest`.
    TxnRequest {
        #[prost(message, repeated, tag = "1")] compare: Vec<Compare>,
        #[prost(message, repeated, tag = "2")] success: Vec<RequestOp>,
        #[prost(message, repeated, tag = "3")] failure: Vec<RequestOp>,
    }
    /// `TxnResponse`.
    TxnResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(bool, tag = "2")] succeeded: bool,
        #[prost(message, repeated, tag = "3")] responses: Vec<ResponseOp>,
    }
    /// `CompactionRequest`.
    CompactionRequest { #[prost(int64, tag = "1")] revision: i64, }
    /// `HashKVRequest`.
    HashKvRequest { #[prost(int64, tag = "1")] revision: i64, }
    /// `HashKVResponse`.
    HashKvResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(uint32, tag = "2")] hash: u32,
        #[prost(int64, tag = "3")] compact_revision: i64,
        #[prost(int64, tag = "4")] hash_revision: i64,
    }
    /// `HashResponse`.
    HashResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(uint32, tag = "2")] hash: u32,
    }
    /// `SnapshotResponse`.
    SnapshotResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(uint64, tag = "2")] remaining_bytes: u64,
        #[prost(bytes = "vec", tag = "3")] blob: Vec<u8>,
    }
    /// `WatchRequest`.
    WatchRequest { #[prost(oneof = "WatchAsk", tags = "1, 2, 3")] ask: Option<WatchAsk>, }
    /// `WatchCreateRequest`.
    WatchCreate {
        #[prost(bytes = "vec", tag = "1")] key: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")] range_end: Vec<u8>,
        #[prost(int64, tag = "3")] start_revision: i64,
        #[prost(bool, tag = "4")] progress_notify: bool,
        #[prost(int32, repeated, tag = "5")] filters: Vec<i32>,
        #[prost(bool, tag = "6")] prev_kv: bool,
        #[prost(int64, tag = "7")] watch_id: i64,
    }
    /// `WatchCancelRequest`.
    WatchCancel { #[prost(int64, tag = "1")] watch_id: i64, }
    /// `WatchResponse`.
    WatchResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(int64, tag = "2")] watch_id: i64,
        #[prost(bool, tag = "3")] created: bool,
        #[prost(bool, tag = "4")] canceled: bool,
        #[prost(int64, tag = "5")] compact_revision: i64,
        #[prost(string, tag = "6")] cancel_reason: String,
        #[prost(message, repeated, tag = "11")] events: Vec<Event>,
    }
    /// `LeaseGrantRequest`.
    LeaseGrantRequest { #[prost(int64, tag = "1")] ttl: i64, #[prost(int64, tag = "2")] id: i64, }
    /// `LeaseGrantResponse`.
    LeaseGrantResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(int64, tag = "2")] id: i64,
        #[prost(int64, tag = "3")] ttl: i64,
    }
    /// `LeaseRevokeRequest`, `LeaseKeepAliveRequest`, and each lease of `LeaseLeasesResponse`.
    LeaseOnlyId { #[prost(int64, tag = "1")] id: i64, }
    /// `LeaseKeepAliveResponse`.
    LeaseKeepAliveResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(int64, tag = "2")] id: i64,
        #[prost(int64, tag = "3")] ttl: i64,
    }
    /// `LeaseTimeToLiveRequest`.
    TimeToLiveRequest { #[prost(int64, tag = "1")] id: i64, #[prost(bool, tag = "2")] keys: bool, }
    /// `LeaseTimeToLiveResponse`.
    TimeToLiveResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(int64, tag = "2")] id: i64,
        #[prost(int64, tag = "3")] ttl: i64,
        #[prost(int64, tag = "4")] granted_ttl: i64,
        #[prost(bytes = "vec", repeated, tag = "5")] keys: Vec<Vec<u8>>,
    }
    /// `LeaseLeasesResponse`.
    LeasesResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(message, repeated, tag = "2")] leases: Vec<LeaseOnlyId>,
    }
    /// `Member`.
    ClusterMember {
        #[prost(uint64, tag = "1")] id: u64,
        #[prost(string, tag = "2")] name: String,
        #[prost(string, repeated, tag = "3")] peer_urls: Vec<String>,
        #[prost(string, repeated, tag = "4")] client_urls: Vec<String>,
        #[prost(bool, tag = "5")] is_learner: bool,
    }
    /// `MemberListResponse`.
    MemberListResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(message, repeated, tag = "2")] members: Vec<ClusterMember>,
    }
    /// `StatusResponse`.
    StatusResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(string, tag = "2")] version: String,
        #[prost(int64, tag = "3")] db_size: i64,
        #[prost(uint64, tag = "4")] leader: u64,
        #[prost(uint64, tag = "5")] raft_index: u64,
        #[prost(uint64, tag = "6")] raft_term: u64,
        #[prost(uint64, tag = "7")] raft_applied_index: u64,
        #[prost(string, repeated, tag = "8")] errors: Vec<String>,
        #[prost(int64, tag = "9")] db_size_in_use: i64,
        #[prost(bool, tag = "10")] is_learner: bool,
    }
    /// `AlarmRequest`.
    AlarmRequest { #[prost(int32, tag = "1")] action: i32, }
    /// `AlarmMember`.
    AlarmMember { #[prost(uint64, tag = "1")] member_id: u64, #[prost(int32, tag = "2")] alarm: i32, }
    /// `AlarmResponse`.
    AlarmResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(message, repeated, tag = "2")] alarms: Vec<AlarmMember>,
    }
    /// `AuthStatusResponse`.
    AuthStatusResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(bool, tag = "2")] enabled: bool,
        #[prost(uint64, tag = "3")] auth_revision: u64,
    }
    /// `AuthenticateRequest`.
    AuthenticateRequest {
        #[prost(string, tag = "1")] name: String,
        #[prost(string, tag = "2")] password: String,
    }
    /// `AuthenticateResponse`.
    AuthenticateResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(string, tag = "2")] token: String,
    }
    /// `AuthUserGetRequest`, `AuthRoleGetRequest`.
    NameRequest { #[prost(string, tag = "1")] name: String, }
    /// `AuthUserListResponse`, `AuthRoleListResponse`, `AuthUserGetResponse`.
    NamesResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(string, repeated, tag = "2")] names: Vec<String>,
    }
    /// `authpb.Permission`.
    Permission {
        #[prost(int32, tag = "1")] kind: i32,
        #[prost(bytes = "vec", tag = "2")] key: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")] range_end: Vec<u8>,
    }
    /// `AuthRoleGetResponse`.
    RoleResponse {
        #[prost(message, optional, tag = "1")] header: Option<Header>,
        #[prost(message, repeated, tag = "2")] permissions: Vec<Permission>,
    }
}

/// What a request of a transaction is.
#[derive(Clone, PartialEq, Oneof)]
pub enum Request {
    /// Reads.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Puts.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Deletes.
    #[prost(message, tag = "3")]
    Delete(DeleteRequest),
    /// A transaction within.
    #[prost(message, tag = "4")]
    Txn(TxnRequest),
}

/// The answer to a request of a transaction.
#[derive(Clone, PartialEq, Oneof)]
pub enum Response {
    /// Of a read.
    #[prost(message, tag = "1")]
    Range(RangeResponse),
    /// Of a put.
    #[prost(message, tag = "2")]
    Put(PutResponse),
    /// Of a delete.
    #[prost(message, tag = "3")]
    Delete(DeleteResponse),
    /// Of a transaction within.
    #[prost(message, tag = "4")]
    Txn(TxnResponse),
}

/// What is compared.
#[derive(Clone, PartialEq, Oneof)]
pub enum Target {
    /// The version.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// The create revision.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// The mod revision.
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    /// The value.
    #[prost(bytes = "vec", tag = "7")]
    Value(Vec<u8>),
    /// The lease.
    #[prost(int64, tag = "8")]
    Lease(i64),
}

/// What is asked of a stream of watches.
#[derive(Clone, PartialEq, Oneof)]
pub enum WatchAsk {
    /// A new watch.
    #[prost(message, tag = "1")]
    Create(WatchCreate),
    /// The end of one.
    #[prost(message, tag = "2")]
    Cancel(WatchCancel),
    /// How far all of them are.
    #[prost(message, tag = "3")]
    Progress(Empty),
}
