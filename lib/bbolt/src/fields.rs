//! A page taken apart: every field with the bytes it owns, and the bytes that no field owns.

use super::page::{BUCKET_FLAG, ELEMENT_BYTES, HEADER_BYTES, Page, PageType};
use super::{Meta, Pgid};

/// A field of a page and the bytes it owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as bbolt calls it: `header.count`, `element[3].ksize`.
    pub name: String,
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes it owns.
    pub size_bytes: u64,
    /// What stands there.
    pub value: FieldValue<'a>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A number that is counted or compared.
    Number(u64),
    /// Bits, or a checksum.
    Hex(u64),
    /// The key of an element.
    Key(&'a [u8]),
    /// The value of an element.
    Value(&'a [u8]),
    /// Bytes that no field owns: padding, the rest of older content, or damage.
    Gap(&'a [u8]),
    /// A field that cannot be read, and why.
    Unreadable(String),
}

impl Page<'_> {
    /// Bytes that header, elements, keys and values take; the rest of the run is free room.
    pub fn used_bytes(&self) -> u64 {
        let heads = HEADER_BYTES + self.count() * ELEMENT_BYTES;
        let data: usize = match self.header.page_type() {
            Some(PageType::Leaf) => self
                .items()
                .flatten()
                .map(|item| item.key.len() + item.value.len())
                .sum(),
            Some(PageType::Branch) => self.children().flatten().map(|child| child.key.len()).sum(),
            Some(PageType::Meta) => return 80,
            Some(PageType::Freelist) => {
                return (HEADER_BYTES + usize::from(self.header.count) * 8) as u64;
            }
            None => 0,
        };
        (heads.saturating_add(data) as u64).min(self.bytes.len() as u64)
    }
}

/// Every field of a page in the order of the file, with the gaps between them. The fields follow the header's flags; a page
/// of unknown type is its header and one gap.
pub fn fields<'a>(page: &Page<'a>) -> Vec<Field<'a>> {
    let base = page.bytes.offset();
    let mut fields = Vec::new();
    let mut put = |name: String, at: usize, size: usize, value| {
        fields.push(Field {
            name,
            offset: base.saturating_add(at as u64),
            size_bytes: size as u64,
            value,
        });
    };
    put(
        "header.id".into(),
        0,
        8,
        FieldValue::Number(page.header.id.0),
    );
    put(
        "header.flags".into(),
        8,
        2,
        FieldValue::Hex(page.header.flags.into()),
    );
    put(
        "header.count".into(),
        10,
        2,
        FieldValue::Number(page.header.count.into()),
    );
    put(
        "header.overflow".into(),
        12,
        4,
        FieldValue::Number(page.header.overflow.into()),
    );
    let u32_at = |at| page.bytes.u32(at, "element").map_or(0, u64::from);
    match page.header.page_type() {
        Some(PageType::Meta) => {
            if let Ok(meta) = Meta::parse(&page.bytes, 0) {
                meta_fields(&meta, &mut put);
            }
        }
        Some(PageType::Leaf) => {
            for index in 0..page.count() {
                let at = HEADER_BYTES + index * ELEMENT_BYTES;
                let flags = u32_at(at);
                let name = |field| format!("element[{index}].{field}");
                let shown = if flags & u64::from(BUCKET_FLAG) == 0 {
                    FieldValue::Number(flags)
                } else {
                    FieldValue::Hex(flags)
                };
                put(name("flags"), at, 4, shown);
                put(name("pos"), at + 4, 4, FieldValue::Number(u32_at(at + 4)));
                put(name("ksize"), at + 8, 4, FieldValue::Number(u32_at(at + 8)));
                put(
                    name("vsize"),
                    at + 12,
                    4,
                    FieldValue::Number(u32_at(at + 12)),
                );
                match page.item(index) {
                    Ok(item) => {
                        let key_at = usize::try_from(item.offset.saturating_sub(base)).unwrap_or(0);
                        put(
                            name("key"),
                            key_at,
                            item.key.len(),
                            FieldValue::Key(item.key),
                        );
                        put(
                            name("value"),
                            key_at + item.key.len(),
                            item.value.len(),
                            FieldValue::Value(item.value),
                        );
                    }
                    Err(error) => put(
                        name("key"),
                        at,
                        0,
                        FieldValue::Unreadable(error.to_string()),
                    ),
                }
            }
        }
        Some(PageType::Branch) => {
            for index in 0..page.count() {
                let at = HEADER_BYTES + index * ELEMENT_BYTES;
                let name = |field| format!("element[{index}].{field}");
                let pos = u32_at(at);
                put(name("pos"), at, 4, FieldValue::Number(pos));
                put(name("ksize"), at + 4, 4, FieldValue::Number(u32_at(at + 4)));
                match page.child(index) {
                    Ok(child) => {
                        put(name("pgid"), at + 8, 8, FieldValue::Number(child.pgid.0));
                        let key_at = at.saturating_add(usize::try_from(pos).unwrap_or(0));
                        put(
                            name("key"),
                            key_at,
                            child.key.len(),
                            FieldValue::Key(child.key),
                        );
                    }
                    Err(error) => put(
                        name("key"),
                        at,
                        0,
                        FieldValue::Unreadable(error.to_string()),
                    ),
                }
            }
        }
        Some(PageType::Freelist) => {
            let ids = page.bytes.len().saturating_sub(HEADER_BYTES) / 8;
            for index in 0..usize::from(page.header.count).min(ids) {
                let at = HEADER_BYTES + index * 8;
                let id = page.bytes.u64(at, "freelist.id").unwrap_or(0);
                put(format!("id[{index}]"), at, 8, FieldValue::Number(id));
            }
        }
        None => {}
    }
    with_gaps(page, fields)
}

fn meta_fields<'a>(meta: &Meta, put: &mut impl FnMut(String, usize, usize, FieldValue<'a>)) {
    let Pgid(root) = meta.root;
    put(
        "meta.magic".into(),
        16,
        4,
        FieldValue::Hex(meta.magic.into()),
    );
    put(
        "meta.version".into(),
        20,
        4,
        FieldValue::Number(meta.version.into()),
    );
    put(
        "meta.pageSize".into(),
        24,
        4,
        FieldValue::Number(meta.page_size.into()),
    );
    put(
        "meta.flags".into(),
        28,
        4,
        FieldValue::Hex(meta.flags.into()),
    );
    put("meta.root.root".into(), 32, 8, FieldValue::Number(root));
    put(
        "meta.root.sequence".into(),
        40,
        8,
        FieldValue::Number(meta.sequence),
    );
    put(
        "meta.freelist".into(),
        48,
        8,
        FieldValue::Hex(meta.freelist.0),
    );
    put(
        "meta.pgid".into(),
        56,
        8,
        FieldValue::Number(meta.high_water_mark.0),
    );
    put("meta.txid".into(), 64, 8, FieldValue::Number(meta.txid.0));
    put(
        "meta.checksum".into(),
        72,
        8,
        FieldValue::Hex(meta.checksum),
    );
}

fn with_gaps<'a>(page: &Page<'a>, mut fields: Vec<Field<'a>>) -> Vec<Field<'a>> {
    fields.sort_by_key(|field| field.offset);
    let base = page.bytes.offset();
    let all = page.bytes.as_slice();
    let gap = |from: u64, to: u64| {
        let at = |offset: u64| usize::try_from(offset.saturating_sub(base)).unwrap_or(0);
        let bytes = all
            .get(at(from)..at(to))
            .filter(|bytes| !bytes.is_empty())?;
        Some(Field {
            name: "gap".to_owned(),
            offset: from,
            size_bytes: bytes.len() as u64,
            value: FieldValue::Gap(bytes),
        })
    };
    let mut covered = base;
    let mut out = Vec::with_capacity(fields.len() + 2);
    for field in fields {
        out.extend(gap(covered, field.offset));
        covered = covered.max(field.offset.saturating_add(field.size_bytes));
        out.push(field);
    }
    out.extend(gap(covered, base.saturating_add(all.len() as u64)));
    out
}
