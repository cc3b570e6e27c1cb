//! The write-ahead log: frames, rolling CRC32C, torn tails.
//!
//! [`Log::read`] indexes a directory in one pass and goes on behind damage; [`check`] judges what it found.

pub mod boot;
mod build;
pub mod check;
mod damage;
mod ends;
pub mod frame;
mod log;
mod name;
mod record;
mod resync;
mod rolled;
mod segment;

pub use damage::{Damage, DamageKind, Oddity, OddityKind};
pub use ends::Ends;
pub use log::{
    Behind, Crc, Gap, GapCause, Log, LogEntry, LogMetadata, LogSnapshot, LogState, OtherFile,
    Record,
};
pub use name::{SegmentName, WalFile};
pub use record::{RawRecord, RecordKind, own_length};
pub use segment::{Ending, Link, Segment};
