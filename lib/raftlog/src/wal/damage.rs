//! Damaged ranges and unusual records as raw facts; [`check`](super::check) judges them.

use located::Term;

/// A damaged range: bytes of a segment that fail their checksum or cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Position in [`Log::segments`](super::Log::segments).
    pub segment: usize,
    /// Offset of the first damaged frame.
    pub from: u64,
    /// Offset at which reading continued; the end of the file if no record follows.
    pub to: u64,
    /// What is wrong.
    pub kind: DamageKind,
    /// The damaged record if its frame is known: position in [`Log::records`](super::Log::records).
    pub record: Option<usize>,
    /// Number of records before it in the whole log.
    pub records_before: usize,
    /// Whether etcd takes it for a torn write: a sector of the record is all zero.
    pub torn: bool,
    /// Offset of a well-formed record after it that cannot be verified, because no second record follows.
    pub lone_record: Option<u64>,
    /// Whether the search for records after it was stopped because the bytes are made to be costly.
    pub gave_up: bool,
}

/// The kind of a damaged range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The payload does not have the stored checksum; the records after it continue from the stored checksum.
    Crc {
        /// The checksum in the record.
        stored: u32,
        /// The checksum of the payload.
        computed: u32,
    },
    /// The stored checksum is wrong, the payload is intact: the records after it continue from the computed checksum.
    CrcField {
        /// The checksum in the record.
        stored: u32,
        /// The checksum of the payload, which the records after it confirm.
        computed: u32,
    },
    /// The frame does not contain a walpb.Record; the reason.
    Unparsable(&'static str),
    /// The length ends beyond the end of the file.
    Overrun {
        /// The length in the length word.
        record_bytes: u64,
    },
    /// The file ends with one to seven bytes of a length word.
    Stub,
    /// The length word is zero, but records follow.
    ZeroLength,
    /// The length word is wrong; the record after it is intact and verified.
    Length {
        /// The length word.
        word: u64,
        /// The length of the record.
        record_bytes: u64,
    },
}

/// An unusual record that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// Position in [`Log::records`](super::Log::records).
    pub record: usize,
    /// What is unusual.
    pub kind: OddityKind,
}

/// What is unusual about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OddityKind {
    /// The length word, whose reserved bits are set or whose padding bits do not fit the length.
    LengthBits(u64),
    /// The padding is not zero.
    Padding,
    /// The payload is not the message of the record's type; the reason.
    Payload(String),
    /// The payload has fields that its message does not have: the type of the record may be wrong.
    ForeignFields,
    /// It is a copy of another record, which is part of more records that continue each other: position of that one in
    /// [`Log::records`](super::Log::records). A sector was written to a wrong place.
    CopyOf(usize),
    /// An entry without data has a term that the log had not reached: the type of the record is wrong, and it is a HardState.
    ImpossibleTerm(Term),
}
