//! Requests on leases, alarms, versions and members.

/// Grants a lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseGrantRequest {
    /// Seconds to live.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
    /// Always filled before it is proposed.
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

/// How long one lease still lives.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseCheckpoint {
    /// The lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Seconds.
    #[prost(int64, tag = "2")]
    pub remaining_ttl: i64,
}

/// Records how long leases still live, so that a new leader does not start them anew.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseCheckpointRequest {
    /// One for each lease.
    #[prost(message, repeated, tag = "1")]
    pub checkpoints: Vec<LeaseCheckpoint>,
}

/// Reads, raises or clears alarms. Each `endpoint health` and `alarm list` writes a GET.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AlarmRequest {
    /// 0 get, 1 activate, 2 deactivate.
    #[prost(int32, tag = "1")]
    pub action: i32,
    /// The member; 0: all.
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

/// What a member says about itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Attributes {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Where clients reach it.
    #[prost(string, repeated, tag = "2")]
    pub client_urls: Vec<String>,
}

/// A member publishes its name and client URLs after it started.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClusterMemberAttrSetRequest {
    /// The member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// What it says.
    #[prost(message, optional, tag = "2")]
    pub member_attributes: Option<Attributes>,
}

/// Starts or ends a downgrade.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DowngradeInfoSetRequest {
    /// Whether one is under way.
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    /// The version to go down to.
    #[prost(string, tag = "2")]
    pub ver: String,
}

/// Written by etcd's own tests only.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DowngradeVersionTestRequest {
    /// A version.
    #[prost(string, tag = "1")]
    pub ver: String,
}
