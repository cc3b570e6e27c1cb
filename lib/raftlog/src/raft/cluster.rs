//! Requests on leases, alarms, versions and members.

/// Grants a lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseGrantRequest {
    /// Seconds to live.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
    /// The id; the server chooses one before it proposes the request.
    #[prost(int64, tag = "2")]
    pub id: i64,
}

/// Revokes a lease and deletes the keys attached to it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseRevokeRequest {
    /// The lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// The remaining time to live of one lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseCheckpoint {
    /// The lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Seconds.
    #[prost(int64, tag = "2")]
    pub remaining_ttl: i64,
}

/// Records the remaining time to live of leases, so that a new leader does not extend them to their full TTL.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseCheckpointRequest {
    /// One entry for each lease.
    #[prost(message, repeated, tag = "1")]
    pub checkpoints: Vec<LeaseCheckpoint>,
}

/// Reads, activates or deactivates alarms. Each `endpoint health` and `alarm list` proposes a GET.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AlarmRequest {
    /// 0 get, 1 activate, 2 deactivate.
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// The member; 0: every member.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// 0 none, 1 NOSPACE, 2 CORRUPT.
    #[prost(int32, tag = "3")]
    pub alarm: i32,
}

/// Sets the cluster version.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClusterVersionSetRequest {
    /// `3.6.0`.
    #[prost(string, tag = "1")]
    pub ver: String,
}

/// Name and client URLs of a member.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Attributes {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// URLs for clients.
    #[prost(string, repeated, tag = "2")]
    pub client_urls: Vec<String>,
}

/// A member publishes its name and client URLs after it started.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClusterMemberAttrSetRequest {
    /// The member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// Its name and client URLs.
    #[prost(message, optional, tag = "2")]
    pub member_attributes: Option<Attributes>,
}

/// Starts or ends a downgrade.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DowngradeInfoSetRequest {
    /// Whether a downgrade is in progress.
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    /// The target version.
    #[prost(string, tag = "2")]
    pub ver: String,
}

/// Proposed only by tests of etcd.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DowngradeVersionTestRequest {
    /// A version.
    #[prost(string, tag = "1")]
    pub ver: String,
}
