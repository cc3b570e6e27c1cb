//! Replay of the WAL over the db.

mod appliers;
mod apply;
mod base;
mod before_log;
mod buckets;
mod compare;
mod covered;
mod layer;
mod lease;
mod members;
mod plain;
mod published;
mod replay;
mod state;
mod store;
mod tail_numbers;
mod users;

pub use appliers::ApplyRules;
pub use apply::{Applied, Replay, State};
pub use base::Stored;
pub use before_log::BeforeLog;
pub(crate) use before_log::{compared_revisions, is_absence, key_writes, operation};
pub use layer::{Base, Change, KeySpan, Layer, Nothing, Put};
pub use lease::{Alarms, CORRUPT, Leases, NOSPACE, ReplayedLease};
pub use members::{MemberInfo, Members};
pub(crate) use published::published_members;
pub use replay::{
    Bound, Replayed, ReplayedRange, ReplayedState, commit, replay, replay_through,
    replay_to_the_end, voters,
};
pub(crate) use replay::{replay_entries, replay_on_nothing};
pub use store::Refused;
pub(crate) use tail_numbers::{TailNumbers, tail_numbers};
pub use users::{User, Users};
