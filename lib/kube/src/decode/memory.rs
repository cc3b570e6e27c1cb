//! How much memory a decoded value takes, found out before it is taken: two bytes of a value can become a kilobyte of maps.

use super::fault::Fault;
use super::items::Items;
use super::members::Members;
use super::node::{Datum, Node};

/// Memory of one value in a list or map, of the allocations of a list and of a map that are not empty, and of a further member.
const VALUE: usize = 80;
const LIST: usize = 4 * VALUE;
const MAP: usize = 560;
const MEMBER: usize = 160;
/// Memory of a text beside its bytes.
const TEXT: usize = 32;
/// Most memory that a byte of JSON, CBOR or protobuf takes: two bytes are a message, printed as a map with a map in it.
const MOST_PER_BYTE: usize = 700;
/// Values may take this many times their size, if that is more than the limit: texts of many megabytes.
const TIMES: usize = 16;

/// What is left of the memory that one value may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    left: usize,
    limit: usize,
}

impl Memory {
    /// For a value of `len` bytes.
    pub(crate) fn new(len: usize, limit: usize) -> Self {
        let limit = limit.max(len.saturating_mul(TIMES));
        Self { left: limit, limit }
    }

    /// Whether a value of `len` bytes has to be looked at.
    pub(crate) fn can_exceed(len: usize, limit: usize) -> bool {
        len.saturating_mul(MOST_PER_BYTE) > limit
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Fault::memory(self.limit)),
        }
    }

    /// A list or map, of which the first value or member comes next.
    pub(crate) fn list(&mut self) -> Result<(), Fault> {
        self.take(LIST)
    }

    pub(crate) fn map(&mut self) -> Result<(), Fault> {
        self.take(MAP)
    }

    pub(crate) fn item(&mut self) -> Result<(), Fault> {
        self.take(VALUE)
    }

    pub(crate) fn member(&mut self) -> Result<(), Fault> {
        self.take(MEMBER)
    }

    pub(crate) fn text(&mut self, len: usize) -> Result<(), Fault> {
        self.take(len.saturating_add(TEXT))
    }
}

/// Refuses JSON text whose tree would take more than `limit` bytes.
pub(crate) fn of_json(text: &[u8], limit: usize) -> Result<(), Fault> {
    if !Memory::can_exceed(text.len(), limit) {
        return Ok(());
    }
    let mut memory = Memory::new(text.len(), limit);
    memory.take(text.len())?;
    let (mut is_quoted, mut is_escaped, mut last) = (false, false, b' ');
    for &byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => {
                is_quoted = !is_quoted;
                memory.take(if is_quoted { TEXT } else { 0 })?;
            }
            _ if is_quoted || byte.is_ascii_whitespace() => {}
            b']' | b'}' if last == b'[' || last == b'{' => {}
            b',' => memory.item()?,
            b':' => memory.member()?,
            _ if last == b'[' => memory.list()?,
            _ if last == b'{' => memory.map()?,
            _ => {}
        }
        match byte {
            b'"' if last == b'[' && is_quoted => memory.list()?,
            b'"' if last == b'{' && is_quoted => memory.map()?,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            last = byte;
        }
    }
    Ok(())
}

/// Refuses a node whose tree would take too much. What cannot be read is left to its reader.
pub(crate) fn of_node(node: &Node<'_>, memory: &mut Memory) -> Result<(), Fault> {
    match walk(node, memory) {
        Err(fault) if fault.is_memory() => Err(fault),
        _ => Ok(()),
    }
}

fn walk(node: &Node<'_>, memory: &mut Memory) -> Result<(), Fault> {
    match &node.datum {
        Datum::Text(bytes) | Datum::Quantity(bytes) => return memory.text(bytes.len()),
        Datum::Base64(bytes) => return memory.text(bytes.len().saturating_mul(4) / 3),
        Datum::Time(_) | Datum::MicroTime(..) => return memory.text(32),
        Datum::Json(raw) => {
            memory.take(raw.len())?;
            return of_json(raw, memory.left);
        }
        Datum::Tree(_) => return Ok(()),
        _ => {}
    }
    if let Some(mut members) = Members::new(node)? {
        memory.map()?;
        while members.advance()? {
            memory.member()?;
            memory.take(members.name().len())?;
            walk(&members.node()?, memory)?;
        }
    } else if let Some(mut items) = Items::new(node)? {
        memory.list()?;
        while let Some(item) = items.next()? {
            memory.item()?;
            walk(&item, memory)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(unit: &str, count: usize) -> bool {
        let text = format!("[{}]", vec![unit; count].join(","));
        of_json(text.as_bytes(), 24 << 20).is_err()
    }

    #[test]
    fn json_that_would_take_many_times_its_size_is_refused_and_texts_are_not() {
        for unit in ["1", "[]", "{}", "[[[1]]]", "{\"a\":1}", "\"\""] {
            let bytes = unit.len() + 1;
            assert!(refuses(unit, 1_500_000 / bytes), "{unit}");
            assert!(!refuses(unit, 20_000), "{unit}");
        }
        let text = "x".repeat(1000);
        assert!(!refuses(&format!("\"{text}\""), 30_000));
        assert!(!refuses(&format!("\"{}\"", "[,".repeat(500)), 1500));
    }
}
