//! Stored keys of the `key` bucket: a revision, and for a deletion the mark `t`.
//!
//! ```text
//! 0          8    9         17     18
//! ├ main u64 ┼ _ ─┼ sub u64 ─┼─ t ──┤   big-endian; `t` only on tombstones
//! ```
//!
//! Source: `server/mvcc/revision.go`, v3.5.30, `isTombstone` in `server/mvcc/kvstore.go`, v3.5.30.

use std::fmt;

/// Bytes of the stored key of a put.
pub const KEY_BYTES: usize = 17;
/// Bytes of the stored key of a tombstone.
pub const TOMBSTONE_KEY_BYTES: usize = 18;

const SEPARATOR: u8 = b'_';
const MARK: u8 = b't';

/// A revision: `main` counts the transactions that changed anything, `sub` the changes within one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Revision {
    /// The transaction; 1 is the empty store, the first write gets 2.
    pub main: i64,
    /// The change within the transaction, from 0.
    pub sub: i64,
}

impl Revision {
    /// Change `sub` of transaction `main`.
    pub const fn new(main: i64, sub: i64) -> Self {
        Self { main, sub }
    }
}

/// `1202270` or `1202270.3`, as in etcd's own logs where the sub-revision matters.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sub {
            0 => write!(f, "{}", self.main),
            sub => write!(f, "{}.{sub}", self.main),
        }
    }
}

/// The stored key of a record, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The revision.
    pub revision: Revision,
    /// Whether the record is a deletion.
    pub tombstone: bool,
}

/// Why bytes cannot be a stored key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyShape {
    /// Neither 17 nor 18 bytes.
    #[error("{0} bytes long; a revision has 17, a tombstone 18")]
    Length(usize),
    /// Byte 8 is not `_`.
    #[error("byte 8 is {0:#04x}; the separator is 0x5f '_'")]
    Separator(u8),
    /// Byte 17 is there but not `t`.
    #[error("byte 17 is {0:#04x}; the mark of a tombstone is 0x74 't'")]
    Mark(u8),
    /// Main or sub revision with the sign bit set.
    #[error("revision {main}.{sub} is negative")]
    Negative {
        /// Main revision.
        main: i64,
        /// Sub-revision.
        sub: i64,
    },
}

impl StoredKey {
    /// Parses a stored key.
    ///
    /// ```
    /// use etcd_inspect::mvcc::{Revision, StoredKey};
    /// let key = StoredKey::parse(b"\0\0\0\0\0\0\0\x07_\0\0\0\0\0\0\0\x01t")?;
    /// assert_eq!((key.revision, key.tombstone), (Revision::new(7, 1), true));
    /// # Ok::<(), etcd_inspect::mvcc::KeyShape>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with its shape; etcd panics on each of these.
    #[inline]
    pub fn parse(key: &[u8]) -> Result<Self, KeyShape> {
        let (revision, tombstone) = match key.split_first_chunk::<KEY_BYTES>() {
            Some((revision, [])) => (revision, false),
            Some((revision, [MARK])) => (revision, true),
            Some((_, [mark])) => return Err(KeyShape::Mark(*mark)),
            _ => return Err(KeyShape::Length(key.len())),
        };
        let [
            m0,
            m1,
            m2,
            m3,
            m4,
            m5,
            m6,
            m7,
            separator,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
        ] = *revision;
        let main = i64::from_be_bytes([m0, m1, m2, m3, m4, m5, m6, m7]);
        let sub = i64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        if separator != SEPARATOR {
            return Err(KeyShape::Separator(separator));
        }
        if main < 0 || sub < 0 {
            return Err(KeyShape::Negative { main, sub });
        }
        Ok(Self {
            revision: Revision { main, sub },
            tombstone,
        })
    }

    /// The bytes etcd would store.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(TOMBSTONE_KEY_BYTES);
        key.extend(self.revision.main.to_be_bytes());
        key.push(SEPARATOR);
        key.extend(self.revision.sub.to_be_bytes());
        if self.tombstone {
            key.push(MARK);
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_seventeen_bytes_or_eighteen_with_the_mark_are_a_revision() {
        let put = StoredKey {
            revision: Revision::new(7, 0),
            tombstone: false,
        }
        .to_bytes();
        assert!(StoredKey::parse(&put).is_ok());
        assert_eq!(StoredKey::parse(&put[..16]), Err(KeyShape::Length(16)));
        assert_eq!(StoredKey::parse(b""), Err(KeyShape::Length(0)));
        assert_eq!(
            StoredKey::parse(&[put.as_slice(), b"x"].concat()),
            Err(KeyShape::Mark(b'x'))
        );
        assert_eq!(
            StoredKey::parse(&[put.as_slice(), b"tt"].concat()),
            Err(KeyShape::Length(19))
        );
    }

    #[test]
    fn a_wrong_separator_and_a_set_sign_bit_are_named() {
        let mut key = StoredKey {
            revision: Revision::new(7, 3),
            tombstone: false,
        }
        .to_bytes();
        key[8] = b'^';
        assert_eq!(StoredKey::parse(&key), Err(KeyShape::Separator(b'^')));
        key[8] = b'_';
        key[0] = 0x80;
        assert_eq!(
            StoredKey::parse(&key),
            Err(KeyShape::Negative {
                main: i64::MIN + 7,
                sub: 3
            })
        );
    }

    #[test]
    fn a_tombstone_sorts_directly_behind_the_put_of_the_same_revision() {
        let at = |main, tombstone| {
            StoredKey {
                revision: Revision::new(main, 0),
                tombstone,
            }
            .to_bytes()
        };
        assert!(at(7, false) < at(7, true) && at(7, true) < at(8, false));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(main in 0..=i64::MAX, sub in 0..=i64::MAX, tombstone: bool) {
            let key = StoredKey { revision: Revision { main, sub }, tombstone };
            prop_assert_eq!(StoredKey::parse(&key.to_bytes()), Ok(key));
        }

        #[test]
        fn no_bytes_make_the_parser_stumble(bytes: Vec<u8>) {
            if let Ok(key) = StoredKey::parse(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }
}
