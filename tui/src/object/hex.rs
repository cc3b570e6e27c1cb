//! Stored bytes, 16 a row, made as they are drawn.

use crate::paint::Line;
use crate::theme::Role;

/// Bytes and the offset of the first of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex<'b> {
    pub(crate) offset: u64,
    pub(crate) bytes: &'b [u8],
}

const WIDTH: usize = 16;

impl Hex<'_> {
    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().div_ceil(WIDTH)
    }

    /// A row: offset, bytes, text.
    pub(crate) fn row(&self, at: usize) -> Line {
        let start = at.saturating_mul(WIDTH);
        let end = start.saturating_add(WIDTH).min(self.bytes.len());
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let mut hex = String::with_capacity(52);
        let mut text = String::with_capacity(WIDTH);
        for column in 0..WIDTH {
            hex.push_str(if column == WIDTH / 2 { "  " } else { " " });
            match bytes.get(column) {
                Some(byte) => {
                    hex.push_str(&format!("{byte:02x}"));
                    text.push(if (b' '..=b'~').contains(byte) {
                        char::from(*byte)
                    } else {
                        '.'
                    });
                }
                None => hex.push_str("  "),
            }
        }
        let offset = self.offset.saturating_add(start as u64);
        Line::piece(Role::Dim, format!("{offset:08X} "))
            .text(hex)
            .with(Role::Dim, format!("  {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Hex;

    #[test]
    fn rows_have_offset_bytes_and_text() {
        let hex = Hex {
            offset: 0x20,
            bytes: b"0123456789abcdef\x1b!",
        };
        assert_eq!(hex.len(), 2);
        assert_eq!(
            hex.row(0).plain(),
            "00000020  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef"
        );
        assert!(
            hex.row(1).plain().starts_with("00000030  1b 21  ")
                && hex.row(1).plain().ends_with("  .!")
        );
        assert!(hex.row(9).plain().starts_with("000000B0"));
    }
}
