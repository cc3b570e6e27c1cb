//! One page: its fields with their offsets, and its bytes without secrets.

use std::io;
use std::ops::Range;

use crate::answers::{Cell, Column, Label, Row};
use crate::bolt::fields::{FieldValue, fields};
use crate::bolt::{Db, Page, PageMap, PageUse, Pgid};
use crate::kubernetes::key::Layout;
use crate::member::{mask_ranges, secrets_in_page};
use located::{Error, reported_by};

/// The columns of [`FieldRow`].
pub static FIELDS: [Column; 5] = [
    Column::right("OFFSET", "offset"),
    Column::right("SIZE", "size_bytes"),
    Column::left("FIELD", "field"),
    Column::left("VALUE", "value"),
    Column::json("page"),
];

/// Bytes of a value that a row shows.
const PREVIEW: usize = 96;

/// Hides the values of secrets in a page.
#[derive(Clone, Debug, Default)]
pub struct PageMask {
    /// Which keys are those of secrets.
    pub layout: Layout,
    /// Whether secrets are shown.
    pub reveal: bool,
}

impl PageMask {
    fn secrets(&self, db: &Db<'_>, page: &Page<'_>) -> Vec<Range<usize>> {
        if self.reveal {
            return Vec::new();
        }
        secrets_in_page(db, &self.layout, page)
    }
}

/// One field of a page.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FieldRow {
    /// Offset in the file.
    pub offset: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// `header.count`, `leaf[3].key`, …
    pub name: String,
    value: Cell,
    page: Pgid,
}

impl Row for FieldRow {
    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::shown(format!("{:08X}", self.offset), self.offset),
            Cell::plain(self.size_bytes),
            Cell::text(self.name.as_str()),
            self.value.clone(),
            Cell::plain(self.page.0),
        ]
    }
}

/// The bytes of a page as they may be shown.
#[derive(Clone, Debug)]
pub struct PageBytes {
    /// Where they begin in the file.
    pub offset: u64,
    /// The bytes; secrets are `*`.
    pub bytes: Vec<u8>,
    /// Number of bytes that are hidden.
    pub hidden: usize,
}

/// The columns of [`ByteRow`].
pub static BYTES: [Column; 3] = [
    Column::right("OFFSET", "offset"),
    Column::left("HEX", "hex"),
    Column::left("TEXT", "text"),
];

/// Bytes of a [`ByteRow`].
const ROW_BYTES: usize = 16;

/// Bytes at one offset; rows begin at multiples of 16, as those of the dump that people read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ByteRow {
    /// Offset in the file.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Row for ByteRow {
    fn cells(&self) -> Vec<Cell> {
        let hex: String = self
            .bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let text = self.bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        vec![
            Cell::shown(format!("{:08X}", self.offset), self.offset),
            Cell::text(hex),
            Cell::text(text.collect::<String>()),
        ]
    }
}

impl PageBytes {
    /// The bytes as rows.
    pub fn rows(&self) -> impl Iterator<Item = ByteRow> {
        let into = usize::try_from(self.offset % ROW_BYTES as u64).unwrap_or(0);
        let first = ROW_BYTES.saturating_sub(into).min(self.bytes.len());
        let (head, rest) = self.bytes.split_at_checked(first).unwrap_or_default();
        let chunks = std::iter::once(head).chain(rest.chunks(ROW_BYTES));
        let mut offset = self.offset;
        chunks.filter(|bytes| !bytes.is_empty()).map(move |bytes| {
            let row = ByteRow {
                offset,
                bytes: bytes.to_vec(),
            };
            offset = offset.saturating_add(bytes.len() as u64);
            row
        })
    }
}

/// One page of a db.
#[derive(Clone, Debug)]
pub struct PageFields<'a> {
    page: Page<'a>,
    id: Pgid,
}

impl<'a> PageFields<'a> {
    /// A page with its overflow run; one that is not the head of anything alone, because what its bytes claim to be such a run
    /// would swallow other pages.
    ///
    /// # Errors
    /// As [`Db::page`].
    pub fn read(db: &Db<'a>, id: u64) -> Result<Self, Error> {
        let id = Pgid(id);
        let mut page = db.page(id)?;
        if page.header.id != id {
            let size = usize::try_from(db.page_size())
                .unwrap_or(usize::MAX)
                .min(page.bytes.len());
            page.bytes = page.bytes.slice(0, size, "page")?;
        }
        Ok(Self { page, id })
    }

    /// Its bytes.
    pub fn bytes(&self, db: &Db<'_>, mask: &PageMask) -> PageBytes {
        let secrets = mask.secrets(db, &self.page);
        let (bytes, hidden) = mask_ranges(self.page.bytes.as_slice(), &secrets);
        PageBytes {
            offset: self.page.bytes.offset(),
            bytes,
            hidden,
        }
    }

    /// Why it has no header of its own; `None` if it has one.
    pub fn note(&self, db: &Db<'_>) -> Option<String> {
        let (id, claimed) = (self.id, self.page.header.id);
        (claimed != id).then(|| match head_of(db, id) {
            Some(head) => format!("page {} has no header: it continues page {}", id.0, head.0),
            None => format!(
                "page {} calls itself page {}: it continues another page, or was never written",
                id.0, claimed.0
            ),
        })
    }

    /// Offset of the page in the file.
    pub fn offset(&self) -> u64 {
        self.page.bytes.offset()
    }

    /// Visits every field with its offset: 65,535 elements that overlap are as many rows, and none of them is kept.
    ///
    /// # Errors
    /// As the visitor.
    pub fn each_row(
        &self,
        db: &Db<'_>,
        mask: &PageMask,
        visit: &mut dyn FnMut(FieldRow) -> io::Result<()>,
    ) -> io::Result<()> {
        let (page, id) = (&self.page, self.id);
        let secrets = mask.secrets(db, page);
        let start = page.bytes.offset();
        for field in fields(page) {
            let value = match field.value {
                FieldValue::Number(number) => Cell::plain(number),
                FieldValue::Hex(bits) => Cell::shown(format!("{bits:#x}"), bits),
                FieldValue::Key(bytes) => Cell::bytes(bytes).label(Label::Name),
                FieldValue::Value(bytes) => {
                    let at = usize::try_from(field.offset.saturating_sub(start)).unwrap_or(0);
                    let here = at..at.saturating_add(bytes.len());
                    let inside =
                        |range: &&Range<usize>| range.start < here.end && here.start < range.end;
                    let hidden: Vec<_> = secrets
                        .iter()
                        .filter(inside)
                        .map(|range| range.start.saturating_sub(at)..range.end.saturating_sub(at))
                        .collect();
                    preview(&mask_ranges(bytes, &hidden).0)
                }
                FieldValue::Gap(bytes) => gap(bytes),
                FieldValue::Unreadable(why) => Cell::text(why).label(Label::Error),
            };
            visit(FieldRow {
                offset: field.offset,
                size_bytes: field.size_bytes,
                name: field.name,
                value,
                page: id,
            })?;
        }
        Ok(())
    }
}

/// The page whose overflow run a page belongs to.
fn head_of(db: &Db<'_>, id: Pgid) -> Option<Pgid> {
    let pages = PageMap::build(db, &mut reported_by("bbolt::check"));
    matches!(pages.get(id)?, (PageUse::Overflow, _)).then_some(())?;
    (0..id.0)
        .rev()
        .map(Pgid)
        .find(|page| !matches!(pages.get(*page), Some((PageUse::Overflow, _))))
}

fn preview(bytes: &[u8]) -> Cell {
    Cell::bytes(bytes.get(..PREVIEW).unwrap_or(bytes))
}

fn gap(bytes: &[u8]) -> Cell {
    if bytes.iter().all(|byte| *byte == 0) {
        Cell::text("zeros").label(Label::Dim)
    } else {
        Cell::text("bytes that no field owns: older content or damage (--hex shows them)")
            .label(Label::Dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_at_multiples_of_sixteen_and_have_every_byte() {
        for (offset, length) in [(0u64, 40usize), (5, 40), (16, 0), (30, 1)] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at).unwrap()).collect();
            let page = PageBytes {
                offset,
                bytes: bytes.clone(),
                hidden: 0,
            };
            let rows: Vec<ByteRow> = page.rows().collect();
            let all: Vec<u8> = rows.iter().flat_map(|row| row.bytes.clone()).collect();
            assert_eq!(all, bytes);
            assert!(rows.iter().skip(1).all(|row| row.offset % 16 == 0));
            assert!(rows.first().is_none_or(|row| row.offset == offset));
        }
    }
}
