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
    /// The lease it is attached to; 0: none.
    #[prost(int64, tag = "3")]
    pub lease: i64,
    /// Whether the answer carries the previous version.
    #[prost(bool, tag = "4")]
    pub prev_kv: bool,
    /// Keep the value, change only the rest.
    #[prost(bool, tag = "5")]
    pub ignore_value: bool,
    /// Keep the lease, change only the rest.
    #[prost(bool, tag = "6")]
    pub ignore_lease: bool,
}

/// Deletes one key or a range.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteRangeRequest {
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// One behind the range; empty: only `key`; one zero byte: everything from `key` on.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// Whether the answer carries what was deleted.
    #[prost(bool, tag = "3")]
    pub prev_kv: bool,
}

/// Reads one key or a range; in the log only within transactions.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeRequest {
    /// The key, or the first of the range.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// As in [`DeleteRangeRequest`].
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// Most keys to return; 0: all.
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
    /// Whether a stale answer will do.
    #[prost(bool, tag = "7")]
    pub serializable: bool,
    /// Keys without values.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
    /// Only how many.
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

/// Compares, then does one list of operations or the other, in one revision.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnRequest {
    /// All must hold.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// Done when they hold.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// Done when they do not.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// One operation of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestOp {
    /// Which one.
    #[prost(oneof = "Op", tags = "1, 2, 3, 4")]
    pub request: Option<Op>,
}

/// What an operation of a transaction does.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Op {
    /// Reads.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Writes.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Deletes.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeRequest),
    /// Another transaction.
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
    /// As in [`DeleteRangeRequest`]: the condition must hold for each key of the range.
    #[prost(bytes = "vec", tag = "64")]
    pub range_end: Vec<u8>,
    /// What to compare with; written even where it is zero.
    #[prost(oneof = "Target", tags = "4, 5, 6, 7, 8")]
    pub target_union: Option<Target>,
}

/// What a key is compared with.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Target {
    /// The number of writes since it was created; 0: it does not exist.
    #[prost(int64, tag = "4")]
    Version(i64),
    /// The revision that created it.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
    /// The revision that wrote it last.
    #[prost(int64, tag = "6")]
    ModRevision(i64),
    /// Its value.
    #[prost(bytes, tag = "7")]
    Value(Vec<u8>),
    /// Its lease.
    #[prost(int64, tag = "8")]
    Lease(i64),
}

/// Drops the history up to a revision.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CompactionRequest {
    /// The revision.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// Whether the answer waits until the db is rid of it.
    #[prost(bool, tag = "2")]
    pub physical: bool,
}
