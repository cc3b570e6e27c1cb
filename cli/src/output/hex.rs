//! Bytes as `0A097FF0  00 01 …  ....`.

use std::io::{self, Write};

use super::Label;
use super::line::write_labelled;
use super::terminal::Terminal;

const WIDTH: usize = 16;

/// Writes `bytes`, the first of which is at `offset`, 16 a line.
pub(crate) fn dump(
    out: &mut dyn Write,
    terminal: Terminal,
    indent: &str,
    offset: u64,
    bytes: &[u8],
) -> io::Result<()> {
    let skew = usize::try_from(offset % WIDTH as u64).unwrap_or(0);
    let first = bytes
        .get(..(WIDTH - skew).min(bytes.len()))
        .unwrap_or_default();
    let rest = bytes.get(first.len()..).unwrap_or_default();
    row(out, terminal, indent, offset - skew as u64, skew, first)?;
    let mut at = offset - skew as u64;
    for chunk in rest.chunks(WIDTH) {
        at = at.saturating_add(WIDTH as u64);
        row(out, terminal, indent, at, 0, chunk)?;
    }
    Ok(())
}

/// A caret under the byte at `offset`, with what there is to say about it.
pub(crate) fn caret(
    out: &mut dyn Write,
    terminal: Terminal,
    indent: &str,
    offset: u64,
    text: &str,
) -> io::Result<()> {
    let column = usize::try_from(offset % WIDTH as u64).unwrap_or(0);
    let blanks = 10 + column * 3 + usize::from(column >= WIDTH / 2);
    write!(out, "{indent}{:blanks$}", "")?;
    write_labelled(out, terminal, Label::Error, &format!("^ {text}"))?;
    out.write_all(b"\n")
}

fn row(
    out: &mut dyn Write,
    terminal: Terminal,
    indent: &str,
    at: u64,
    skew: usize,
    bytes: &[u8],
) -> io::Result<()> {
    write!(out, "{indent}")?;
    write_labelled(out, terminal, Label::Dim, &format!("{at:08X}"))?;
    let mut hex = String::new();
    let mut text = String::new();
    for column in 0..WIDTH {
        hex.push_str(if column == WIDTH / 2 { "  " } else { " " });
        match column.checked_sub(skew).and_then(|at| bytes.get(at)) {
            Some(byte) => {
                hex.push_str(&format!("{byte:02x}"));
                text.push(if (b' '..=b'~').contains(byte) {
                    char::from(*byte)
                } else {
                    '.'
                });
            }
            None => {
                hex.push_str("  ");
                text.push(' ');
            }
        }
    }
    write!(out, " {hex}  ")?;
    write_labelled(out, terminal, Label::Dim, text.trim_end())?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::escape::Charset;

    #[test]
    fn offsets_bytes_and_caret_stand_in_their_columns() {
        let terminal = Terminal {
            is_tty: false,
            color: false,
            charset: Charset::default(),
            size: None,
        };
        let mut out = Vec::new();
        dump(&mut out, terminal, " ", 0x1e, b"AB\x1b\xff").unwrap();
        caret(&mut out, terminal, " ", 0x21, "here").unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            " 00000010                                             41 42                AB"
        );
        assert_eq!(
            lines[1],
            " 00000020  1b ff                                             .."
        );
        assert_eq!(lines[1].find("ff"), lines[2].find('^'));
    }
}
