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

pub use alarms::{Alarm, AlarmType};
pub use auth::{Auth, AuthRole, AuthUser, Permission, PermissionType};
pub use leases::Lease;
pub use located::{ClusterId, LeaseId, MemberId, NoId};
pub use members::{Cluster, ClusterMember, Downgrade};
pub use meta::{ConfState, Meta};
pub use version::{EtcdVersion, NoVersion};
