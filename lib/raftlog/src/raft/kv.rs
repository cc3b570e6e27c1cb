//! Requests on keys: put, range, delete, transactions, compaction. Field numbers of `etcd/api/etcdserverpb/rpc.proto`.

/// Writes one key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutRequest {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Its new value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
    /// The lease to attach the key to; 0: none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// Whether the response contains the previous version.
    #[prost(bool, tag = "4")]
    pub prev_kv: bool,
    /// Whether to keep the current value.
    #[prost(bool, tag = "5")]
    pub ignore_value: bool,
    /// Whether to keep the current lease.
    #[prost(bool, tag = "6")]
    pub ignore_lease: bool,
}

/// Deletes one key or a range.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteRangeRequest {
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// End of the range, exclusive. Empty: only `key`. One zero byte: every key from `key` on.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// Whether the response contains the deleted versions.
    #[prost(bool, tag = "3")]
    pub prev_kv: bool,
}

/// Reads one key or a range; the log contains it only within transactions.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeRequest {
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// As in [`DeleteRangeRequest`].
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// Maximum number of keys to return; 0: all.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// The revision to read at; 0: the newest.
    #[prost(int64, tag = "4")]
    pub revision: i64,
    /// 0 none, 1 ascending, 2 descending.
    #[prost(int32, tag = "5")]
    pub sort_order: i32,
    /// 0 key, 1 version, 2 create, 3 mod, 4 value.
    #[prost(int32, tag = "6")]
    pub sort_target: i32,
    /// Whether a stale response is accepted.
    #[prost(bool, tag = "7")]
    pub serializable: bool,
    /// Whether to return keys without values.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
    /// Whether to return only the number of keys.
    #[prost(bool, tag = "9")]
    pub count_only: bool,
    /// Lower bound of mod_revision.
    #[prost(int64, tag = "10")]
    pub min_mod_revision: i64,
    /// Upper bound of mod_revision.
    #[prost(int64, tag = "11")]
    pub max_mod_revision: i64,
    /// Lower bound of create_revision.
    #[prost(int64, tag = "12")]
    pub min_create_revision: i64,
    /// Upper bound of create_revision.
    #[prost(int64, tag = "13")]
    pub max_create_revision: i64,
}

/// Evaluates conditions, then executes one of two lists of operations in one revision.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnRequest {
    /// The conditions; `success` is executed if all of them are true.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// Operations to execute if all conditions are true.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// Operations to execute if a condition is false.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// One operation of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestOp {
    /// The operation.
    #[prost(oneof = "Op", tags = "1, 2, 3, 4")]
    pub request: Option<Op>,
}

/// The operation of a [`RequestOp`].
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Op {
    /// Reads keys.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Writes a key.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Deletes keys.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeRequest),
    /// Executes another transaction.
    #[prost(message, tag = "4")]
    Txn(TxnRequest),
}

/// One condition of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Compare {
    /// 0 equal, 1 greater, 2 less, 3 not equal.
    #[prost(int32, tag = "1")]
    pub result: i32,
    /// 0 version, 1 create_revision, 2 mod_revision, 3 value, 4 lease.
    #[prost(int32, tag = "2")]
    pub target: i32,
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// As in [`DeleteRangeRequest`]: the condition must be true for every key of the range.
    #[prost(bytes = "vec", tag = "64")]
    pub range_end: Vec<u8>,
    /// The value to compare with; written even if it is zero.
    #[prost(oneof = "Target", tags = "4, 5, 6, 7, 8")]
    pub target_union: Option<Target>,
}

/// The value that a field of a key is compared with.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Target {
    /// The version of the key; 0: it does not exist.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// Its create revision.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// Its mod revision.
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    /// Its value.
    #[prost(bytes, tag = "7")]
    Value(Vec<u8>),
    /// Its lease.
    #[prost(int64, tag = "8")]
    Lease(i64),
}

/// Compacts the history up to a revision.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CompactionRequest {
    /// The revision.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// Whether the response waits until the revisions are deleted from the db.
    #[prost(bool, tag = "2")]
    pub physical: bool,
}
