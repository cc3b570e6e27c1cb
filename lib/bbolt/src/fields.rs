//! The fields of a page: every field with the bytes that it owns, and the bytes that no field owns.

use super::page::{BUCKET_FLAG, ELEMENT_BYTES, HEADER_BYTES, Page, PageType};
use super::{Meta, Pgid};

/// Bytes of a meta page that are in use: the page header and the meta.
const META_BYTES: u64 = 80;

/// A field of a page and the bytes that it owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as in bbolt: `header.count`, `element[3].ksize`.
    pub name: String,
    /// Its offset in the file.
    pub offset: u64,
    /// Number of bytes that it owns.
    pub size_bytes: u64,
    /// Its value.
    pub value: FieldValue<'a>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A count, an id or a length.
    Number(u64),
    /// Flags or a checksum.
    Hex(u64),
    /// The key of an element.
    Key(&'a [u8]),
    /// The value of an element.
    Value(&'a [u8]),
    /// Bytes that no field owns: padding, older content, or damage.
    Gap(&'a [u8]),
    /// A field that cannot be read; the reason.
    Unreadable(String),
}

impl Page<'_> {
    /// Counts the bytes of header, elements, keys and values; the rest of the page is unused.
    pub fn used_bytes(&self) -> u64 {
        let heads = HEADER_BYTES + self.count() * ELEMENT_BYTES;
        let data: usize = match self.header.page_type() {
            Some(PageType::Leaf) => self
                .items()
                .flatten()
                .map(|item| item.key.len() + item.value.len())
                .sum(),
            Some(PageType::Branch) => self.children().flatten().map(|child| child.key.len()).sum(),
            Some(PageType::Meta) => return META_BYTES,
            Some(PageType::Freelist) => {
                return (HEADER_BYTES + usize::from(self.header.count) * 8) as u64;
            }
            None => 0,
        };
        (heads.saturating_add(data) as u64).min(self.bytes.len() as u64)
    }
}

/// Lists every field of a page in the order of the file, with the gaps between them.
///
/// The flags of the header select the fields. A page of unknown type has the fields of the header and one gap.
pub fn fields<'a>(page: &Page<'a>) -> Vec<Field<'a>> {
    let mut list = FieldList {
        page,
        fields: Vec::new(),
    };
    list.header();
    match page.header.page_type() {
        Some(PageType::Meta) => {
            if let Ok(meta) = Meta::parse(&page.bytes, 0) {
                list.meta(&meta);
            }
        }
        Some(PageType::Leaf) => (0..page.count()).for_each(|index| list.leaf_element(index)),
        Some(PageType::Branch) => (0..page.count()).for_each(|index| list.branch_element(index)),
        Some(PageType::Freelist) => list.freelist(),
        None => {}
    }
    with_gaps(page, list.fields)
}

/// The fields of one page so far.
struct FieldList<'p, 'a> {
    page: &'p Page<'a>,
    fields: Vec<Field<'a>>,
}

impl<'a> FieldList<'_, 'a> {
    fn push(&mut self, name: impl Into<String>, at: usize, size: usize, value: FieldValue<'a>) {
        self.fields.push(Field {
            name: name.into(),
            offset: self.page.bytes.offset().saturating_add(at as u64),
            size_bytes: size as u64,
            value,
        });
    }

    fn number(&mut self, name: impl Into<String>, at: usize, size: usize, value: u64) {
        self.push(name, at, size, FieldValue::Number(value));
    }

    fn hex(&mut self, name: impl Into<String>, at: usize, size: usize, value: u64) {
        self.push(name, at, size, FieldValue::Hex(value));
    }

    /// Returns a `u32` of the page, 0 beyond its end.
    fn u32(&self, at: usize) -> u64 {
        self.page.bytes.u32(at, "element").map_or(0, u64::from)
    }

    fn header(&mut self) {
        let header = self.page.header;
        self.number("header.id", 0, 8, header.id.0);
        self.hex("header.flags", 8, 2, header.flags.into());
        self.number("header.count", 10, 2, header.count.into());
        self.number("header.overflow", 12, 4, header.overflow.into());
    }

    fn meta(&mut self, meta: &Meta) {
        let Pgid(root) = meta.root;
        self.hex("meta.magic", 16, 4, meta.magic.into());
        self.number("meta.version", 20, 4, meta.version.into());
        self.number("meta.pageSize", 24, 4, meta.page_size.into());
        self.hex("meta.flags", 28, 4, meta.flags.into());
        self.number("meta.root.root", 32, 8, root);
        self.number("meta.root.sequence", 40, 8, meta.sequence);
        self.hex("meta.freelist", 48, 8, meta.freelist.0);
        self.number("meta.pgid", 56, 8, meta.high_water_mark.0);
        self.number("meta.txid", 64, 8, meta.txid.0);
        self.hex("meta.checksum", 72, 8, meta.checksum);
    }

    fn leaf_element(&mut self, index: usize) {
        let at = HEADER_BYTES + index * ELEMENT_BYTES;
        let name = |field| format!("element[{index}].{field}");
        let flags = self.u32(at);
        if flags & u64::from(BUCKET_FLAG) == 0 {
            self.number(name("flags"), at, 4, flags);
        } else {
            self.hex(name("flags"), at, 4, flags);
        }
        for (field, offset) in [("pos", 4), ("ksize", 8), ("vsize", 12)] {
            self.number(name(field), at + offset, 4, self.u32(at + offset));
        }
        match self.page.item(index) {
            Ok(item) => {
                let base = self.page.bytes.offset();
                let key_at = usize::try_from(item.offset.saturating_sub(base)).unwrap_or(0);
                let (key, value) = (item.key, item.value);
                self.push(name("key"), key_at, key.len(), FieldValue::Key(key));
                let value_at = key_at + key.len();
                self.push(
                    name("value"),
                    value_at,
                    value.len(),
                    FieldValue::Value(value),
                );
            }
            Err(error) => self.push(
                name("key"),
                at,
                0,
                FieldValue::Unreadable(error.to_string()),
            ),
        }
    }

    fn branch_element(&mut self, index: usize) {
        let at = HEADER_BYTES + index * ELEMENT_BYTES;
        let name = |field| format!("element[{index}].{field}");
        let pos = self.u32(at);
        self.number(name("pos"), at, 4, pos);
        self.number(name("ksize"), at + 4, 4, self.u32(at + 4));
        match self.page.child(index) {
            Ok(child) => {
                self.number(name("pgid"), at + 8, 8, child.pgid.0);
                let key_at = at.saturating_add(usize::try_from(pos).unwrap_or(0));
                self.push(
                    name("key"),
                    key_at,
                    child.key.len(),
                    FieldValue::Key(child.key),
                );
            }
            Err(error) => self.push(
                name("key"),
                at,
                0,
                FieldValue::Unreadable(error.to_string()),
            ),
        }
    }

    fn freelist(&mut self) {
        let room = self.page.bytes.len().saturating_sub(HEADER_BYTES) / 8;
        for index in 0..usize::from(self.page.header.count).min(room) {
            let at = HEADER_BYTES + index * 8;
            let id = self.page.bytes.u64(at, "freelist.id").unwrap_or(0);
            self.number(format!("id[{index}]"), at, 8, id);
        }
    }
}

/// Sorts fields by offset and adds the gaps between them.
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
