//! etcd's own buckets: how far the db is, members, leases, alarms, auth.

mod id;
mod meta;
pub(crate) mod value;
mod version;

pub use id::{LeaseId, MemberId, NoId};
pub use meta::{ConfState, Meta};
pub use version::{NoVersion, Version};
