//! CRC-32C of bytes that are not read in order: sums of pieces, combined in order.
//!
//! A sum followed by `n` further bytes is itself times x⁸ⁿ, modulo the polynomial, exclusive-or the sum of those bytes. Powers
//! of x are tabulated for each byte of `n`, so that a piece costs one multiplication for every byte its length takes: two for
//! most records. The combining of the crate crc32c squares matrices for each piece, which is ten times slower.

/// The Castagnoli polynomial, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82F6_3B78;
/// 1.
const ONE: u32 = 1 << 31;

/// x to the power 8·n·256ʲ, at `[j][n]`.
static POWERS: [[u32; 256]; 8] = powers();

/// The product of two polynomials.
const fn times(a: u32, b: u32) -> u32 {
    let (mut a, mut b, mut product, mut bit) = (a, b, 0, 0);
    while bit < 32 {
        product ^= b & 0u32.wrapping_sub(a >> 31);
        a <<= 1;
        b = (b >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(b & 1));
        bit += 1;
    }
    product
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn powers() -> [[u32; 256]; 8] {
    let mut powers = [[ONE; 256]; 8];
    // x⁸: eight places below 1.
    let mut step = ONE >> 8;
    let mut place = 0;
    while place < 8 {
        let mut n = 1;
        while n < 256 {
            powers[place][n] = times(powers[place][n - 1], step);
            n += 1;
        }
        step = times(powers[place][255], step);
        place += 1;
    }
    powers
}

/// A CRC-32C with the number of bytes it covers, so that another can follow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) crc: u32,
    len: u64,
}

impl Sum {
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self::known(crc32c::crc32c(bytes), bytes.len() as u64)
    }

    /// The sum of `len` bytes that was computed before.
    pub(super) fn known(crc: u32, len: u64) -> Self {
        Self { crc, len }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.len += bytes.len() as u64;
    }

    pub(super) fn then(self, next: Self) -> Self {
        let bytes = next.len.to_le_bytes();
        let factors = POWERS.iter().zip(bytes).filter(|(_, byte)| *byte != 0);
        let factors = factors.filter_map(|(powers, byte)| powers.get(usize::from(byte)));
        Self {
            crc: factors.fold(self.crc, |crc, factor| times(crc, *factor)) ^ next.crc,
            len: self.len + next.len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn pieces_put_together_sum_like_the_whole() {
        let bytes: Vec<u8> = (0..300_000u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for cuts in [
            &[][..],
            &[0, 0, 300_000],
            &[1, 2, 255, 256, 257, 65_535, 131_073],
            &[150_000],
        ] {
            let (mut sum, mut start) = (Sum::default(), 0);
            for end in cuts.iter().copied().chain([bytes.len()]) {
                sum = sum.then(Sum::of_bytes(&bytes[start..end]));
                start = end;
            }
            assert_eq!(sum.crc, crc32c::crc32c(&bytes), "{cuts:?}");
        }
    }

    #[test]
    fn a_piece_of_any_length_is_put_behind_as_the_crate_does() {
        for len in [1, 255, 65_536, 1 << 24, (1 << 32) + 7, (1 << 40) + 3] {
            let together = Sum::of_bytes(b"key").then(Sum::known(0x1234_5678, len));
            let want = crc32c::crc32c_combine(crc32c::crc32c(b"key"), 0x1234_5678, len as usize);
            assert_eq!(together.crc, want, "{len}");
        }
    }
}
