//! Letters in the place of bytes: as many, the same for the same bytes, and not to be guessed without the salt.
//!
//! The letters come from HMAC-SHA256 of the bytes under the salt. Whoever has the copy but not the salt cannot try short values
//! one after the other; equal values are seen to be equal, and lengths are seen. No byte is the one that was there.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::known_types::KnownTypes;

/// Eight letters that hardly occur four in a row in any text: what looks like them in a copy was written here.
pub(super) const LETTERS: [u8; 8] = *b"QXZJVKWY";
/// What replaces bytes that belong to nothing: free pages, the rest of a page.
pub(super) const WIPED: u8 = b'X';

/// Makes fillings under one salt.
#[derive(Clone)]
pub(super) struct Filler {
    /// The types of objects that stay.
    pub(super) types: Arc<KnownTypes>,
    mac: Option<Hmac<Sha256>>,
}

/// Pseudo-random bytes for one plaintext.
pub(super) struct Stream {
    seed: [u8; 32],
    block: [u8; 32],
    at: usize,
    counter: u64,
}

impl Filler {
    pub(super) fn new(salt: &[u8]) -> Self {
        Self {
            types: Arc::default(),
            mac: Hmac::new_from_slice(salt).ok(),
        }
    }

    /// The same, which leaves these types of objects.
    pub(super) fn keeping(self, types: KnownTypes) -> Self {
        Self {
            types: Arc::new(types),
            ..self
        }
    }

    /// The stream of a plaintext; `purpose` keeps the streams of names and values apart.
    pub(super) fn stream(&self, purpose: u8, plain: &[u8]) -> Stream {
        let mut seed = [0; 32];
        if let Some(mut mac) = self.mac.clone() {
            mac.update(&[purpose]);
            mac.update(plain);
            seed = mac.finalize().into_bytes().into();
        }
        Stream {
            seed,
            block: [0; 32],
            at: 32,
            counter: 0,
        }
    }

    /// Letters instead of bytes.
    pub(super) fn letters(&self, plain: &[u8]) -> Vec<u8> {
        let mut stream = self.stream(0, plain);
        plain.iter().map(|byte| stream.letter(*byte)).collect()
    }
}

impl Stream {
    pub(super) fn byte(&mut self) -> u8 {
        if self.at >= self.block.len() {
            let mut sum = Sha256::new();
            sum.update(self.seed);
            sum.update(self.counter.to_le_bytes());
            self.block = sum.finalize().into();
            self.counter = self.counter.saturating_add(1);
            self.at = 0;
        }
        let byte = self.block.get(self.at).copied().unwrap_or(0);
        self.at = self.at.saturating_add(1);
        byte
    }

    /// A letter that is not `plain`.
    pub(super) fn letter(&mut self, plain: u8) -> u8 {
        let at = usize::from(self.byte() & 7);
        let letter = |at: usize| LETTERS.get(at & 7).copied().unwrap_or(WIPED);
        match letter(at) {
            same if same == plain => letter(at.wrapping_add(1)),
            other => other,
        }
    }

    /// A digit from 1 to 9 that is not `plain`.
    pub(super) fn digit(&mut self, plain: u8) -> u8 {
        let digit = b'1'.wrapping_add(self.byte() % 9);
        match digit == plain {
            true if plain == b'9' => b'1',
            true => plain.wrapping_add(1),
            false => digit,
        }
    }
}

/// Zeros stay, everything else is wiped: pages of zeros are damage that a bug report needs.
pub(super) fn wiped(bytes: &[u8]) -> Vec<u8> {
    let wipe = |byte: &u8| match *byte {
        0 => 0,
        WIPED => b'Z',
        _ => WIPED,
    };
    bytes.iter().map(wipe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_filled_alike_and_no_byte_stays() {
        let filler = Filler::new(b"salt");
        let plain: Vec<u8> = (0..2000u32)
            .map(|at| (at % 251) as u8)
            .chain(*b"QQQQXXXX")
            .collect();
        let letters = filler.letters(&plain);
        assert_eq!(letters, filler.letters(&plain));
        assert!(
            plain
                .iter()
                .zip(&letters)
                .all(|(plain, letter)| plain != letter)
        );
        assert_ne!(letters, Filler::new(b"other").letters(&plain));
        assert_ne!(filler.letters(b"hunter2"), filler.letters(b"hunter3"));
    }
}
