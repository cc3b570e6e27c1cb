//! The write-ahead log: frames, rolling CRC-32C, torn writes.
//!
//! [`Log::read`] indexes a directory in one pass and continues after damage; [`check`] judges the result.

pub mod boot;
mod build;
pub mod check;
mod damage;
mod ends;
pub mod frame;
mod log;
mod misplaced;
mod name;
mod record;
mod remnants;
mod resync;
mod rolled;
mod segment;

pub use damage::{Damage, DamageKind, Oddity, OddityKind};
pub use ends::Ends;
pub use log::{
    Crc, Gap, GapCause, IntactAfter, Log, LogEntry, LogMetadata, LogSnapshot, LogState, OtherFile,
    Record,
};
pub use name::{SegmentName, WalFile};
pub use record::{RawRecord, RecordKind, own_length};
pub use remnants::{Proof, Remnant, remnants};
pub use segment::{Ending, Link, Segment};
