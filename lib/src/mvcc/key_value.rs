//! `mvccpb.KeyValue`: the value of a record in the `key` bucket, taken apart without copying.
//!
//! ```text
//! 1 key bytes · 2 create_revision · 3 mod_revision · 4 version · 5 value bytes · 6 lease
//! ```
//!
//! proto3: zero and empty fields are left out, so a tombstone is field 1 alone. Source: `api/mvccpb/kv.proto, v3.5.30`.

use located::wire::{self, WireError};

/// One version of a key, as stored. Slices of the evidence.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyValue<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// Revision at which the current generation of the key was created.
    pub create_revision: i64,
    /// Revision of this write.
    pub mod_revision: i64,
    /// Writes since the creation; 1 for the first.
    pub version: i64,
    /// The value.
    pub value: &'a [u8],
    /// Lease id; 0 for none.
    pub lease: i64,
    /// Whether the fields are in ascending order, once each, without unknown ones and in shortest form: as every etcd
    /// writes them. If not, bits have changed or another program has written.
    pub canonical: bool,
}

/// With the length of the value instead of the value: it may be a secret.
impl std::fmt::Debug for KeyValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue")
            .field("key", &self.key.escape_ascii().to_string())
            .field("create_revision", &self.create_revision)
            .field("mod_revision", &self.mod_revision)
            .field("version", &self.version)
            .field("value_bytes", &self.value.len())
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// Where and why bytes are not a `KeyValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at} of the message")]
pub struct Flaw {
    /// Offset in the message.
    pub at: usize,
    /// What is wrong there.
    pub what: WireError,
}

/// Field number of the value.
const VALUE: u64 = 5;
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// Tag byte of field 1: what every record but the bump marker begins with.
const KEY_TAG: u8 = 0x0a;

impl<'a> KeyValue<'a> {
    /// Parses a message. Fields may come in any order, the last of several counts, unknown ones are skipped: like the
    /// generated parser of etcd. Of a value only the ends are touched.
    ///
    /// ```
    /// use etcd_inspect::mvcc::KeyValue;
    /// let kv = KeyValue::parse(b"\x0a\x01a\x10\x07\x18\x07\x20\x01\x2a\x011")?;
    /// assert_eq!((kv.key, kv.mod_revision, kv.value, kv.lease), (&b"a"[..], 7, &b"1"[..], 0));
    /// # Ok::<(), etcd_inspect::mvcc::Flaw>(())
    /// ```
    ///
    /// # Errors
    /// The message cannot be parsed; etcd stops with `failed to unmarshal mvccpb.KeyValue` (etcd#13456).
    pub fn parse(message: &'a [u8]) -> Result<Self, Flaw> {
        Self::parse_to(message, u64::MAX)
    }

    /// Parses creation, revision and version alone, without touching the value if it follows them, as etcd writes it.
    pub(crate) fn parse_head(message: &'a [u8]) -> Result<Self, Flaw> {
        Self::parse_to(message, VALUE)
    }

    /// Returns whether the numbers agree with each other and with the stored key: a tombstone has none, those of a put are in
    /// the ranges that etcd's own counting allows (`storeTxnWrite.put` in `server/mvcc/kvstore_txn.go, v3.5.30`).
    pub(crate) fn is_sound_at(&self, main: i64, tombstone: bool) -> bool {
        if tombstone {
            let numbers = (
                self.create_revision,
                self.mod_revision,
                self.version,
                self.lease,
            );
            return numbers == (0, 0, 0, 0) && self.value.is_empty();
        }
        self.mod_revision == main
            && (1..=self.mod_revision).contains(&self.create_revision)
            && (1..=self.mod_revision - self.create_revision + 1).contains(&self.version)
            && (self.version == 1) == (self.create_revision == self.mod_revision)
    }

    /// Ends at field `end` as long as the fields came in order.
    fn parse_to(message: &'a [u8], end: u64) -> Result<Self, Flaw> {
        let mut reader = Reader {
            message,
            at: 0,
            shortest: true,
        };
        let mut kv = KeyValue {
            canonical: true,
            ..KeyValue::default()
        };
        let mut last = 0;
        while reader.at < message.len() {
            let at = reader.at;
            let tag = reader.varint()?;
            let (field, wire) = (tag >> 3, tag & 7);
            if field == 0 || tag > u64::from(u32::MAX) {
                return Err(Flaw {
                    at,
                    what: WireError::FieldNumber,
                });
            }
            kv.canonical &= field > last && field <= 6;
            if field >= end && kv.canonical {
                break;
            }
            last = field;
            match (field, wire) {
                (1, BYTES) => kv.key = reader.bytes()?,
                (2, VARINT) => kv.create_revision = reader.number()?,
                (3, VARINT) => kv.mod_revision = reader.number()?,
                (4, VARINT) => kv.version = reader.number()?,
                (5, BYTES) => kv.value = reader.bytes()?,
                (6, VARINT) => kv.lease = reader.number()?,
                (1..=6, _) => {
                    return Err(Flaw {
                        at,
                        what: WireError::WrongWireType,
                    });
                }
                (_, VARINT) => drop(reader.varint()?),
                (_, BYTES) => drop(reader.bytes()?),
                (_, FIXED64) => drop(reader.take(8)?),
                (_, FIXED32) => drop(reader.take(4)?),
                _ => {
                    return Err(Flaw {
                        at,
                        what: WireError::WireType,
                    });
                }
            }
        }
        kv.canonical &= reader.shortest;
        Ok(kv)
    }

    /// The bytes etcd would store.
    /// gogo leaves out zeros and empty fields: `MarshalToSizedBuffer` in `api/mvccpb/kv.pb.go`, v3.5.30.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.key.len() + self.value.len() + 40);
        let numbers = [
            (2, self.create_revision),
            (3, self.mod_revision),
            (4, self.version),
        ];
        put_bytes(&mut out, 1, self.key);
        numbers
            .iter()
            .for_each(|(field, value)| put_number(&mut out, *field, *value));
        put_bytes(&mut out, 5, self.value);
        put_number(&mut out, 6, self.lease);
        out
    }
}

/// Returns the user's key of a message, without touching anything after it if it is first, as etcd writes it.
///
/// # Errors
/// As [`KeyValue::parse`].
#[inline]
pub fn user_key(message: &[u8]) -> Result<&[u8], Flaw> {
    match message {
        [KEY_TAG, len, rest @ ..] if *len < 0x80 => rest.get(..usize::from(*len)).ok_or(Flaw {
            at: 1,
            what: WireError::Length,
        }),
        [KEY_TAG, ..] => Reader {
            message,
            at: 1,
            shortest: true,
        }
        .bytes(),
        _ => KeyValue::parse(message).map(|kv| kv.key),
    }
}

/// Reads a message number by number: unlike [`Fields`](wire::Fields) it can stop before the length of the value is
/// checked, and it knows whether the encoding is the shortest.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
    /// Whether every number so far was in shortest form and no field was explicitly empty.
    shortest: bool,
}

impl<'a> Reader<'a> {
    #[inline]
    fn varint(&mut self) -> Result<u64, Flaw> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let (value, len) = wire::varint(rest).map_err(|what| Flaw { at: self.at, what })?;
        self.at += len;
        // A last byte of 0 adds nothing to the number.
        self.shortest &= len == 1 || self.message.get(self.at.wrapping_sub(1)) != Some(&0);
        Ok(value)
    }

    fn number(&mut self) -> Result<i64, Flaw> {
        let value = self.varint()?;
        self.shortest &= value != 0;
        Ok(value.cast_signed())
    }

    fn bytes(&mut self) -> Result<&'a [u8], Flaw> {
        let at = self.at;
        let len = self.varint()?;
        self.shortest &= len != 0;
        usize::try_from(len)
            .ok()
            .and_then(|len| self.take(len).ok())
            .ok_or(Flaw {
                at,
                what: WireError::Length,
            })
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Flaw> {
        let slice = self
            .at
            .checked_add(len)
            .and_then(|end| self.message.get(self.at..end));
        let slice = slice.ok_or(Flaw {
            at: self.at,
            what: WireError::Length,
        })?;
        self.at += len;
        Ok(slice)
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while let Some(low) = u8::try_from(value & 0x7f).ok().filter(|_| value >= 0x80) {
        out.push(low | 0x80);
        value >>= 7;
    }
    out.extend(u8::try_from(value));
}

fn put_number(out: &mut Vec<u8>, field: u64, value: i64) {
    if value != 0 {
        put_varint(out, field << 3);
        put_varint(out, value.cast_unsigned());
    }
}

fn put_bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    if !value.is_empty() {
        put_varint(out, field << 3 | BYTES);
        put_varint(out, value.len() as u64);
        out.extend(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::synth::mvcc::KeyValue as Synthetic;

    #[test]
    fn fields_in_any_order_are_read_and_said_to_be_foreign() {
        let kv = KeyValue::parse(b"\x2a\x011\x0a\x01a\x18\x07").unwrap();
        assert_eq!(
            (kv.key, kv.value, kv.mod_revision, kv.canonical),
            (&b"a"[..], &b"1"[..], 7, false)
        );
        assert_eq!(user_key(b"\x2a\x011\x0a\x01a\x18\x07").unwrap(), b"a");
    }

    #[test]
    fn the_empty_record_of_a_bumped_restore_is_an_empty_key_value() {
        let kv = KeyValue::parse(b"").unwrap();
        assert_eq!(
            kv,
            KeyValue {
                canonical: true,
                ..KeyValue::default()
            }
        );
        assert_eq!(user_key(b"").unwrap(), b"");
    }

    #[test]
    fn each_way_to_break_is_named_with_its_place() {
        let flaw = |message| KeyValue::parse(message).unwrap_err();
        assert_eq!(
            flaw(b"\x00\x01"),
            Flaw {
                at: 0,
                what: WireError::FieldNumber
            }
        );
        assert_eq!(
            flaw(b"\x08\x01"),
            Flaw {
                at: 0,
                what: WireError::WrongWireType
            }
        );
        assert_eq!(
            flaw(b"\x0a\x01a\x2a\x7f1"),
            Flaw {
                at: 4,
                what: WireError::Length
            }
        );
        assert_eq!(
            flaw(b"\x0a\x01a\x10\xff"),
            Flaw {
                at: 4,
                what: WireError::NumberCut
            }
        );
        assert_eq!(
            flaw(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
            Flaw {
                at: 1,
                what: WireError::NumberTooLong
            }
        );
        assert_eq!(
            flaw(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            Flaw {
                at: 1,
                what: WireError::Length
            }
        );
        assert_eq!(
            flaw(b"\x3b\x00"),
            Flaw {
                at: 0,
                what: WireError::WireType
            }
        );
    }

    #[test]
    fn explicit_zeros_and_padded_numbers_are_not_how_etcd_writes() {
        assert!(!KeyValue::parse(b"\x0a\x01a\x10\x00").unwrap().canonical);
        assert!(!KeyValue::parse(b"\x0a\x01a\x10\x87\x00").unwrap().canonical);
        assert!(!KeyValue::parse(b"\x0a\x01a\x0a\x01b").unwrap().canonical);
        assert!(!KeyValue::parse(b"\x0a\x01a\x38\x01").unwrap().canonical);
        assert_eq!(KeyValue::parse(b"\x0a\x01a\x38\x01").unwrap().key, b"a");
    }

    proptest! {
        #[test]
        fn what_an_independent_writer_wrote_is_read(
            key: Vec<u8>, create_revision: i64, mod_revision: i64, version: i64, value: Vec<u8>, lease: i64,
        ) {
            let message = Synthetic { key: key.clone(), create_revision, mod_revision, version, value: value.clone(), lease }.encode();
            let kv = KeyValue::parse(&message).unwrap();
            let wanted = KeyValue { key: &key, create_revision, mod_revision, version, value: &value, lease, canonical: true };
            prop_assert_eq!(kv, wanted);
            prop_assert_eq!(user_key(&message).unwrap(), &key[..]);
            prop_assert_eq!(kv.to_bytes(), message);
        }

        #[test]
        fn no_bytes_make_the_parser_stumble(bytes: Vec<u8>) {
            let _ = KeyValue::parse(&bytes);
            let _ = user_key(&bytes);
        }
    }
}
