//! etcd's own buckets: applied index, members, leases, alarms, auth.
//!
//! Every value is read on its own: one that cannot be read is a finding, and the others are returned. [`check`] judges them
//! together.

mod alarms;
mod auth;
pub mod check;
mod leases;
mod members;
mod meta;
pub(crate) mod value;
mod version;

/// Buckets that every etcd from 3.4 on creates at its first start, and again, empty, if one is missing: `UnsafeCreateBucket` in
/// `server/mvcc/kvstore.go`, v3.5.30, `server/auth/store.go`, v3.5.30, `server/lease/lessor.go`, v3.5.30,
/// `server/etcdserver/api/membership/store.go`, v3.5.30. One flipped bit in a name is enough (etcd#13109).
pub(crate) const BUCKETS: [&[u8]; 10] = [
    b"alarm",
    b"auth",
    b"authRoles",
    b"authUsers",
    b"cluster",
    b"key",
    b"lease",
    b"members",
    b"members_removed",
    b"meta",
];

pub use alarms::{Alarm, AlarmType};
pub use auth::{Auth, AuthRole, AuthUser, Permission, PermissionType};
pub use leases::Lease;
pub use located::{ClusterId, LeaseId, MemberId, NoId};
pub use members::{Cluster, ClusterMember, Downgrade};
pub use meta::{ConfState, Meta};
pub use version::{EtcdVersion, NoVersion};
