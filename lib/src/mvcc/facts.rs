//! What a check needs to know of a record, stored while its bytes are in the cache.

use super::key_value::KeyValue;

/// Whether a record's message is as every etcd writes it and its numbers agree with each other, and if so, which they are.
///
/// ```text
/// 63: sound · 62: has a lease · 32–61: version · 0–31: create_revision
/// ```
///
/// A tombstone has zeros. A message with numbers that do not fit counts as not sound: then its bytes are read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordFacts(u64);

const SOUND: u64 = 1 << 63;
const LEASED: u64 = 1 << 62;
const VERSION_SHIFT: u32 = 32;
const MOST_VERSIONS: u64 = 1 << 30;

impl RecordFacts {
    /// Returns the facts of a message and the main revision of its stored key.
    pub(crate) fn from_message(message: &[u8], main: i64, tombstone: bool) -> Self {
        Self::of_sound(message, main, tombstone).unwrap_or_default()
    }

    fn of_sound(message: &[u8], main: i64, tombstone: bool) -> Option<Self> {
        let kv = KeyValue::parse(message).ok()?;
        let sound = kv.canonical && !kv.key.is_empty() && kv.is_sound_at(main, tombstone);
        let create = u64::from(u32::try_from(kv.create_revision).ok()?);
        let version = u64::try_from(kv.version)
            .ok()
            .filter(|version| *version < MOST_VERSIONS)?;
        let lease = if kv.lease == 0 { 0 } else { LEASED };
        sound.then_some(Self(SOUND | lease | version << VERSION_SHIFT | create))
    }

    pub(crate) fn is_sound(self) -> bool {
        self.0 & SOUND != 0
    }

    /// Returns whether it is known to have no lease.
    pub(crate) fn is_without_lease(self) -> bool {
        self.0 & (SOUND | LEASED) == SOUND
    }

    pub(crate) fn version(self) -> u64 {
        self.0 >> VERSION_SHIFT & (MOST_VERSIONS - 1)
    }

    pub(crate) fn create_revision(self) -> i64 {
        i64::try_from(self.0 & u64::from(u32::MAX)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::RecordFacts;

    #[test]
    fn a_sound_put_tells_its_numbers_and_anything_else_tells_nothing() {
        let put = b"\x0a\x01a\x10\x07\x18\x09\x20\x03\x2a\x011";
        let facts = RecordFacts::from_message(put, 9, false);
        assert_eq!(
            (facts.is_sound(), facts.version(), facts.create_revision()),
            (true, 3, 7)
        );
        assert!(facts.is_without_lease());
        let leased = [&put[..], b"\x30\x05"].concat();
        let facts = RecordFacts::from_message(&leased, 9, false);
        assert!(facts.is_sound() && !facts.is_without_lease());
        assert!(RecordFacts::from_message(b"\x0a\x01a", 9, true).is_sound());
        for (message, main, tombstone) in [
            (&put[..], 8, false),
            (put, 9, true),
            (b"\x0a\x01a", 9, false),
            (b"\x0a\x00\x10\x07\x18\x09\x20\x03", 9, false),
            (b"\x10\x07\x0a\x01a\x18\x09\x20\x03", 9, false),
            (b"\x0a\x01a\x10\x07\x18\x09\x20\x09", 9, false),
            (
                b"\x0a\x01a\x10\x80\x80\x80\x80\x10\x18\x81\x80\x80\x80\x10\x20\x02",
                0x1_0000_0001,
                false,
            ),
            (b"", 1, false),
            (b"\x0a\x05a", 1, true),
        ] {
            let facts = RecordFacts::from_message(message, main, tombstone);
            assert!(
                !facts.is_sound() && !facts.is_without_lease(),
                "{}",
                message.escape_ascii()
            );
        }
    }
}
