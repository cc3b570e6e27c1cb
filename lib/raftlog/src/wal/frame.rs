//! Frames: a length word, a serialized walpb.Record, padding to the next multiple of eight.
//!
//! ```text
//!  0                 8                        8+n            8+n+pad
//!  ├── length word ──┼── walpb.Record ────────┼── zeros ─────┤
//!  bits 0–55  n, length of the record          encodeFrameSize in server/wal/encoder.go, v3.5.30
//!  bits 56–58 pad = (8 − n mod 8) mod 8
//!  bits 59–62 zero
//!  bit  63    set when pad ≠ 0
//! ```

use nom::IResult;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::number::complete::le_u64;

/// Bytes of a length word.
pub const HEAD_BYTES: usize = 8;

/// A length word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthWord(pub u64);

impl LengthWord {
    /// Returns the length of the record without padding.
    pub fn record_bytes(self) -> u64 {
        self.0 & 0x00ff_ffff_ffff_ffff
    }

    /// Returns the length of the padding as etcd decodes it: 0 if bit 63 is clear, whatever bits 56–58 contain.
    ///
    /// Source: decodeFrameSize in `server/wal/decoder.go`, v3.5.30.
    pub fn pad_bytes(self) -> u64 {
        if self.0 >> 63 == 1 {
            (self.0 >> 56) & 7
        } else {
            0
        }
    }

    /// Returns whether etcd can have written it: reserved bits are clear and the padding fits the length.
    pub fn is_canonical(self) -> bool {
        let n = self.record_bytes();
        n != 0 && self.0 == Self::encode(n).0
    }

    /// Encodes the length word of a record of `n` bytes.
    pub fn encode(n: u64) -> Self {
        let pad = n.wrapping_neg() & 7;
        let high = if pad == 0 { 0 } else { 0x80 | pad };
        Self(n | (high << 56))
    }
}

/// The bytes at an offset at which a frame should start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The file ends at this offset.
    End,
    /// One to seven bytes are left, fewer than a length word has.
    Stub(&'a [u8]),
    /// A zero length word: the end of the log in this segment, or damage.
    Zero,
    /// A length that ends beyond the end of the file.
    Overrun(LengthWord),
    /// A frame within the file.
    Frame(Frame<'a>),
}

/// A frame within the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its length word.
    pub word: LengthWord,
    /// Offset of the frame.
    pub at: usize,
    /// The serialized record.
    pub record: &'a [u8],
    /// The padding.
    pub padding: &'a [u8],
}

impl Frame<'_> {
    /// Returns the offset after the frame.
    pub fn end(&self) -> usize {
        self.at
            .saturating_add(HEAD_BYTES)
            .saturating_add(self.record.len())
            .saturating_add(self.padding.len())
    }
}

fn frame(segment: &[u8], at: usize) -> IResult<&[u8], Frame<'_>> {
    let (rest, word) = le_u64
        .map(LengthWord)
        .parse(segment.get(at..).unwrap_or_default())?;
    let (rest, record) = take(word.record_bytes()).parse(rest)?;
    let (rest, padding) = take(word.pad_bytes()).parse(rest)?;
    let frame = Frame {
        word,
        at,
        record,
        padding,
    };
    Ok((rest, frame))
}

/// Reads the frame at offset `at` of a segment.
pub fn step(segment: &[u8], at: usize) -> Step<'_> {
    let rest = segment.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Step::End;
    }
    let Some(word) = rest.first_chunk::<HEAD_BYTES>() else {
        return Step::Stub(rest);
    };
    let word = LengthWord(u64::from_le_bytes(*word));
    if word.0 == 0 {
        return Step::Zero;
    }
    frame(segment, at).map_or(Step::Overrun(word), |(_, frame)| Step::Frame(frame))
}

/// Returns whether etcd takes a record for a torn write: one of the 512-byte sectors of `body` (record and padding, at
/// offset `at` of the file) is all zero.
///
/// Source: isTornEntry in `server/wal/decoder.go`, v3.5.30.
/// `isTornEntry` in `server/wal/decoder.go`, v3.5.30.
pub fn is_torn(body: &[u8], at: usize) -> bool {
    const SECTOR: usize = 512;
    let first = SECTOR.saturating_sub(at % SECTOR).min(body.len());
    let (head, rest) = body.split_at_checked(first).unwrap_or((body, &[]));
    std::iter::once(head)
        .chain(rest.chunks(SECTOR))
        .any(|sector| !sector.is_empty() && sector.iter().all(|&byte| byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_words_are_those_of_etcd() {
        assert_eq!(LengthWord::encode(4).0, 0x8400_0000_0000_0004);
        assert_eq!(LengthWord::encode(0x0e).0, 0x8200_0000_0000_000e);
        assert_eq!(LengthWord::encode(0x20).0, 0x20);
        assert!(LengthWord(0x20).is_canonical());
        assert!(!LengthWord(0x0800_0000_0000_0020).is_canonical());
        assert!(!LengthWord(0x8000_0000_0000_0020).is_canonical());
        assert!(!LengthWord(0).is_canonical());
    }

    #[test]
    fn a_sector_of_zeros_is_torn_only_if_the_body_covers_it() {
        let mut body = vec![1u8; 2000];
        assert!(!is_torn(&body, 8));
        body[504..1016].fill(0);
        assert!(is_torn(&body, 8));
        assert!(!is_torn(&body, 9), "one byte of each sector is left");
    }

    #[test]
    fn a_length_beyond_the_file_is_an_overrun() {
        let mut bytes = LengthWord::encode(100).0.to_le_bytes().to_vec();
        bytes.extend([0; 50]);
        assert_eq!(step(&bytes, 0), Step::Overrun(LengthWord::encode(100)));
        assert_eq!(step(&bytes, 8), Step::Zero);
        assert_eq!(step(&bytes, 58), Step::End);
        assert_eq!(step(&bytes, 56), Step::Stub(&[0, 0]));
    }
}
