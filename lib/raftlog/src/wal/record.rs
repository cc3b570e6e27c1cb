//! walpb.Record: type, rolling checksum, payload.

use nom::bytes::complete::{tag, take};
use nom::combinator::opt;
use nom::{IResult, Parser as _};

use located::wire::{self, Fields, Value};

/// The type of a record. Source: `server/wal/wal.go`, v3.5.30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// 1: member and cluster id.
    Metadata,
    /// 2: a raft entry.
    Entry,
    /// 3: a HardState.
    State,
    /// 4: the rolling checksum at the start of a segment.
    Crc,
    /// 5: index and term of a snapshot that was taken or received.
    Snapshot,
    /// Another number: etcd stops with `unexpected block type N`.
    Unknown,
}

impl RecordKind {
    /// Converts the number in the record.
    /// `metadataType` and `snapshotType` in `server/wal/wal.go`, v3.5.30.
    pub fn from_raw(raw: u64) -> Self {
        match raw {
            1 => Self::Metadata,
            2 => Self::Entry,
            3 => Self::State,
            4 => Self::Crc,
            5 => Self::Snapshot,
            _ => Self::Unknown,
        }
    }

    /// Returns the name that etcd uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Entry => "entry",
            Self::State => "state",
            Self::Crc => "crc",
            Self::Snapshot => "snapshot",
            Self::Unknown => "unknown",
        }
    }
}

/// A walpb.Record. Its payload is a slice of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Field 1: the type. No checksum covers it.
    pub raw_kind: u64,
    /// Field 2: the checksum of all payloads since the log was created, including this one.
    pub crc: u32,
    /// Field 3; empty if it is absent.
    pub data: &'a [u8],
    /// Offset of `data` in the record.
    pub data_at: usize,
}

impl<'a> RawRecord<'a> {
    /// Parses a record and checks wire types, as etcd does; unknown fields are skipped.
    ///
    /// # Errors
    /// Returns a description if the bytes are not protobuf or a field has the wrong wire type.
    pub fn parse(record: &'a [u8]) -> Result<Self, &'static str> {
        let mut raw = Self {
            raw_kind: 0,
            crc: 0,
            data: &[],
            data_at: record.len(),
        };
        for field in Fields::new(record) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Varint(kind)) => raw.raw_kind = kind,
                (2, Value::Varint(crc)) => raw.crc = low_u32(crc),
                (3, Value::Bytes(data)) => {
                    raw.data = data;
                    raw.data_at = field.at;
                }
                (1..=3, _) => return Err("a field of walpb.Record has the wrong wire type"),
                _ => {}
            }
        }
        Ok(raw)
    }

    /// Returns the type.
    pub fn kind(&self) -> RecordKind {
        RecordKind::from_raw(self.raw_kind)
    }

    /// Returns the checksum after this record if it was `before` before it. A record of type 4 does not change it.
    /// `updateCRC` in `server/wal/decoder.go`, v3.5.30; `saveCrc` in `server/wal/wal.go`, v3.5.30, writes the record of type 4.
    pub fn roll(&self, before: u32) -> u32 {
        if self.kind() == RecordKind::Crc {
            before
        } else {
            crc32c::crc32c_append(before, self.data)
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "gogo keeps the low 32 bits of a longer varint too"
)]
fn low_u32(value: u64) -> u32 {
    value as u32
}

fn varint(input: &[u8]) -> IResult<&[u8], u64> {
    match wire::varint(input) {
        Ok((value, len)) => take(len).map(|_| value).parse(input),
        Err(_) => Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::LengthValue,
        ))),
    }
}

/// gogo writes type and checksum also if they are 0, and data unless it is nil: `MarshalToSizedBuffer` in
/// `server/wal/walpb/record.pb.go`, v3.5.30.
fn canonical(input: &[u8]) -> IResult<&[u8], (u64, u64)> {
    let (rest, (_, kind, _, crc)) =
        (tag(&[0x08][..]), varint, tag(&[0x10][..]), varint).parse(input)?;
    let (rest, has_data) = opt(tag(&[0x1a][..])).parse(rest)?;
    if has_data.is_none() {
        return Ok((rest, (kind, crc)));
    }
    let (rest, len) = varint(rest)?;
    let (rest, _) = take(len).parse(rest)?;
    Ok((rest, (kind, crc)))
}

/// Returns the length of the record at the start of `bytes`, computed from the record itself.
///
/// The fields of a record as etcd encodes it (`08 type 10 crc 1a length payload`) determine its length without the length
/// word. Returns `None` if the bytes are not such a record.
pub fn own_length(bytes: &[u8]) -> Option<usize> {
    let (rest, (kind, crc)) = canonical(bytes).ok()?;
    ((1..=5).contains(&kind) && u32::try_from(crc).is_ok())
        .then(|| bytes.len().saturating_sub(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_of_a_log_is_crc_zero() {
        let record = RawRecord::parse(&[8, 4, 0x10, 0]).unwrap();
        assert_eq!((record.kind(), record.crc), (RecordKind::Crc, 0));
        assert_eq!(own_length(&[8, 4, 0x10, 0, 0, 0]), Some(4));
    }

    #[test]
    fn a_record_determines_its_own_length() {
        let bytes = [
            8, 5, 0x10, 0xa5, 0xfc, 0x8f, 0xa7, 0x0c, 0x1a, 4, 8, 0, 0x10, 0, 9, 9,
        ];
        assert_eq!(own_length(&bytes), Some(14));
        assert_eq!(own_length(&bytes[..13]), None);
        assert_eq!(own_length(&[0; 16]), None);
    }
}
