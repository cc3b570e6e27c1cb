//! What stopped the reading somewhere, as raw facts; [`check`](super::check) judges them.

/// Bytes of a segment that could not be read as the records they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Position in [`Log::segments`](super::Log::segments).
    pub segment: usize,
    /// First byte of the frame that is wrong.
    pub from: u64,
    /// First byte behind it where reading went on; the end of the file where it did not.
    pub to: u64,
    /// How it is wrong.
    pub kind: DamageKind,
    /// The record, where its frame could still be told: position in [`Log::records`](super::Log::records).
    pub record: Option<usize>,
    /// Number of records in front of it in the whole log.
    pub records_before: usize,
    /// Whether etcd's test for a torn write (an all-zero sector within the record) holds.
    pub torn: bool,
    /// A well-formed record behind it that nothing vouches for, because no second one follows.
    pub lone: Option<u64>,
    /// Whether the search for records behind it was given up because the bytes were made to be costly.
    pub gave_up: bool,
}

/// How bytes are not the record they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The payload does not have the stored checksum; the records behind it continue from the stored one.
    Crc {
        /// What the record says.
        stored: u32,
        /// What the payload gives.
        computed: u32,
    },
    /// The stored checksum is wrong, the payload is not: the records behind it continue from the computed one.
    CrcField {
        /// What the record says.
        stored: u32,
        /// What the payload gives, and its successors confirm.
        computed: u32,
    },
    /// The frame holds no walpb.Record.
    Unparsable(&'static str),
    /// The length word reaches beyond the end of the file.
    Overrun {
        /// The length it claims.
        record_bytes: u64,
    },
    /// One to seven bytes are left where a length word should be.
    Stub,
    /// The length word is zero, but records follow.
    ZeroLength,
    /// The length word is wrong; the record behind it is whole and verified.
    Length {
        /// The length word.
        word: u64,
        /// The length the record has.
        record_bytes: u64,
    },
}

/// Something unusual that did not stop the reading.
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
    /// Reserved bits are set, or the padding bits do not fit the length.
    LengthBits(u64),
    /// Padding that is not zero.
    Padding,
    /// The payload is not what the record's type says.
    Payload(String),
    /// The payload has fields that its message does not: the record's type may be wrong.
    ForeignFields,
}
