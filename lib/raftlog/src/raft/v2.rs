//! The v2 Request, with which etcd 3.4 and 3.5 publish members and the cluster version.

use located::MemberId;

/// etcdserverpb.Request. etcd writes fields 1–7 and 9–16 even if they are zero.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct V2Request {
    /// The request id.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// `PUT`, `POST`, `DELETE`, `QGET` or `SYNC`.
    #[prost(string, tag = "2")]
    pub method: String,
    /// The path: `/0/…` belongs to etcd, `/1/…` to users.
    #[prost(string, tag = "3")]
    pub path: String,
    /// The value.
    #[prost(string, tag = "4")]
    pub val: String,
    /// Whether the path is a directory.
    #[prost(bool, tag = "5")]
    pub dir: bool,
    /// Executes only if this is the current value.
    #[prost(string, tag = "6")]
    pub prev_value: String,
    /// Executes only if this is the current index.
    #[prost(uint64, tag = "7")]
    pub prev_index: u64,
    /// Executes only if the path exists (`true`) or does not exist (`false`).
    #[prost(bool, optional, tag = "8")]
    pub prev_exist: Option<bool>,
    /// Unix time in nanoseconds; 0: never.
    #[prost(int64, tag = "9")]
    pub expiration: i64,
    /// Whether to wait for a change.
    #[prost(bool, tag = "10")]
    pub wait: bool,
    /// The index to wait from.
    #[prost(uint64, tag = "11")]
    pub since: u64,
    /// Whether to include all paths below.
    #[prost(bool, tag = "12")]
    pub recursive: bool,
    /// Whether to sort the response.
    #[prost(bool, tag = "13")]
    pub sorted: bool,
    /// Whether to read through the log.
    #[prost(bool, tag = "14")]
    pub quorum: bool,
    /// Unix time in nanoseconds of a `SYNC`: the only wall clock time in a raft log.
    #[prost(int64, tag = "15")]
    pub time: i64,
    /// Whether to stream the response.
    #[prost(bool, tag = "16")]
    pub stream: bool,
    /// Whether to change only the time to live.
    #[prost(bool, optional, tag = "17")]
    pub refresh: Option<bool>,
}

impl V2Request {
    /// Returns the member whose attributes it publishes (`PUT /0/members/<hex>/attributes`).
    /// `applyV2Request` in `server/etcdserver/apply_v2.go`, v3.5.30, and `MemberAttributesStorePath` in
    /// `server/etcdserver/api/membership/store.go`, v3.5.30.
    pub fn publishes_member(&self) -> Option<MemberId> {
        let id = self.path.strip_prefix("/0/members/")?;
        let id = id.strip_suffix("/attributes")?;
        (self.method == "PUT").then(|| id.parse().ok())?
    }

    /// Returns the cluster version that it sets (`PUT /0/version`).
    /// `StoreClusterVersionKey` in `server/etcdserver/api/membership/store.go`, v3.5.30.
    pub fn cluster_version(&self) -> Option<&str> {
        (self.method == "PUT" && self.path == "/0/version").then_some(self.val.as_str())
    }

    /// Returns whether etcd 3.6 applies it; 3.6 panics with `detected disallowed v2 WAL` on every other v2 request.
    ///
    /// Source: `server/etcdserver/apply_v2.go`, v3.6.14.
    pub fn is_allowed_in_3_6(&self) -> bool {
        self.publishes_member().is_some() || self.cluster_version().is_some()
    }
}
