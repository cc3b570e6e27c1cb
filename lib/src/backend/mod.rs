//! etcd's own buckets: how far the db is, members, leases, alarms, auth.
//!
//! Every value is read for itself: one that cannot be read is a finding, and the others go on. [`check`] judges them
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
pub use auth::{Auth, Permission, PermissionType, Role, User};
pub use leases::Lease;
pub use located::{ClusterId, LeaseId, MemberId, NoId};
pub use members::{Cluster, Downgrade, Member};
pub use meta::{ConfState, Meta};
pub use version::{NoVersion, Version};
