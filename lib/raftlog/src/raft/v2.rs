//! The v2 Request: how etcd 3.4 and 3.5 still publish members and the cluster version.

use located::MemberId;

/// etcdserverpb.Request. Fields 1–7 and 9–16 are always written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct V2Request {
    /// The proposal's id.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// `PUT`, `POST`, `DELETE`, `QGET` or `SYNC`.
    #[prost(string, tag = "2")]
    pub method: String,
    /// `/0/…` is etcd's own, `/1/…` the user's.
    #[prost(string, tag = "3")]
    pub path: String,
    /// The value.
    #[prost(string, tag = "4")]
    pub val: String,
    /// Whether it is a directory.
    #[prost(bool, tag = "5")]
    pub dir: bool,
    /// Only if this is the value now.
    #[prost(string, tag = "6")]
    pub prev_value: String,
    /// Only if this is the index now.
    #[prost(uint64, tag = "7")]
    pub prev_index: u64,
    /// Only if it exists, or does not.
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
    /// Including everything below.
    #[prost(bool, tag = "12")]
    pub recursive: bool,
    /// Sorted.
    #[prost(bool, tag = "13")]
    pub sorted: bool,
    /// Through the log.
    #[prost(bool, tag = "14")]
    pub quorum: bool,
    /// Unix time in nanoseconds of a `SYNC`: the one wall clock in a raft log.
    #[prost(int64, tag = "15")]
    pub time: i64,
    /// Streamed.
    #[prost(bool, tag = "16")]
    pub stream: bool,
    /// Only a new time to live.
    #[prost(bool, optional, tag = "17")]
    pub refresh: Option<bool>,
}

impl V2Request {
    /// The member whose attributes it publishes: `PUT /0/members/<hex>/attributes`.
    pub fn publishes_member(&self) -> Option<MemberId> {
        let id = self.path.strip_prefix("/0/members/")?;
        let id = id.strip_suffix("/attributes")?;
        (self.method == "PUT").then(|| id.parse().ok())?
    }

    /// The cluster version it sets: `PUT /0/version`.
    pub fn cluster_version(&self) -> Option<&str> {
        (self.method == "PUT" && self.path == "/0/version").then_some(self.val.as_str())
    }

    /// Whether etcd 3.6 still accepts it; it panics on every other one it has to apply.
    pub fn is_allowed_in_3_6(&self) -> bool {
        self.publishes_member().is_some() || self.cluster_version().is_some()
    }
}
