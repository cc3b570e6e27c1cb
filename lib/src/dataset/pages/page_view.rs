//! One page: its fields, its bytes, and what both mean.

use super::{KEY_BUCKET, PageList};
use crate::bolt::fields::{FieldValue, fields};
use crate::bolt::{Page, PageType, Pgid};
use crate::kubernetes::key::Layout;
use crate::member::{mask_ranges, secrets_in_page};
use crate::mvcc::{KeyValue, StoredKey};

/// Bytes of a run that are shown; of the rest the length is shown.
const SHOWN_BYTES: usize = 16 << 20;
/// Bytes of a key or value that a line can show.
const LINE_BYTES: usize = 200;

/// A page that is looked at.
#[derive(Clone, Debug)]
pub struct PageView {
    /// Its id.
    pub id: u64,
    /// `leaf`, `branch`; `None` if its flags name no type.
    pub kind: Option<&'static str>,
    /// The number in its header.
    pub header_id: u64,
    /// Overflow pages.
    pub overflow: u32,
    /// Whether the file ends before the page does.
    pub is_cut: bool,
    /// The bucket it belongs to.
    pub bucket: Option<Vec<u8>>,
    /// Where its first byte is in the file.
    pub offset: u64,
    /// Its bytes, secrets hidden.
    pub bytes: Vec<u8>,
    /// How many bytes are hidden.
    pub hidden: usize,
    /// Its fields in the order of the file.
    pub fields: Vec<PageField>,
    /// The records of its elements; `None` for an element that is none.
    pub records: Vec<Option<PageRecord>>,
}

/// A field of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageField {
    /// Its name, as in bbolt.
    pub name: String,
    /// Its offset in the file.
    pub offset: u64,
    /// Bytes that it owns.
    pub size_bytes: u64,
    /// The element it belongs to.
    pub element: Option<usize>,
    /// Its value.
    pub value: PageValue,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageValue {
    /// A count, an id or a length.
    Number(u64),
    /// Flags or a checksum.
    Hex(u64),
    /// The key of an element.
    Key {
        /// Its first bytes.
        text: Vec<u8>,
        /// The revision, if it is one: main and sub.
        revision: Option<(i64, i64)>,
    },
    /// The value of an element, of so many bytes.
    Value(u64),
    /// Bytes that no field owns: padding, older content, or damage.
    Gap {
        /// How many.
        size_bytes: u64,
        /// Whether all of them are zero.
        is_zero: bool,
    },
    /// It cannot be read; the reason.
    Unreadable(String),
}

/// A record of the keyspace on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRecord {
    /// Main and sub revision.
    pub revision: (i64, i64),
    /// Whether it is a deletion.
    pub tombstone: bool,
    /// The user's key; `None` if the message cannot be read.
    pub key: Option<Vec<u8>>,
}

impl PageList {
    /// Reads a page.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn view(&self, id: u64, layout: &Layout) -> Result<PageView, located::Error> {
        let (db, _) = super::db_or_headers(self.dataset.member())?;
        let mut page = db.page(Pgid(id))?;
        let one = usize::try_from(db.page_size()).unwrap_or(usize::MAX);
        // What is not the head of anything is shown alone: the run that its bytes claim would swallow other pages.
        let most = match page.header.id == Pgid(id) {
            true => SHOWN_BYTES,
            false => one,
        };
        if page.bytes.len() > most {
            page.bytes = page.bytes.slice(0, most, "page")?;
        }
        let secrets = secrets_in_page(&db, layout, &page);
        let (bytes, hidden) = mask_ranges(page.bytes.as_slice(), &secrets);
        let bucket = self.usage(id).and_then(|(_, bucket)| bucket);
        let records = match bucket.is_none_or(|bucket| bucket == KEY_BUCKET) {
            true => records(&page),
            false => Vec::new(),
        };
        let fields = fields(&page).into_iter().map(|field| PageField {
            element: element_of(&field.name),
            offset: field.offset,
            size_bytes: field.size_bytes,
            value: value_of(&field.value),
            name: field.name,
        });
        Ok(PageView {
            id,
            kind: page.header.page_type().map(PageType::as_str),
            header_id: page.header.id.0,
            overflow: page.header.overflow,
            is_cut: page.missing_bytes > 0,
            bucket: bucket.map(<[u8]>::to_vec),
            offset: page.bytes.offset(),
            bytes,
            hidden,
            fields: fields.collect(),
            records,
        })
    }
}

/// The records of a leaf: by its bucket, or on a free page by their shape.
fn records(page: &Page<'_>) -> Vec<Option<PageRecord>> {
    if page.header.page_type() != Some(PageType::Leaf) {
        return Vec::new();
    }
    let record = |at: usize| {
        let item = page.item(at).ok()?;
        let stored = StoredKey::parse(item.key).ok()?;
        Some(PageRecord {
            revision: (stored.revision.main, stored.revision.sub),
            tombstone: stored.tombstone,
            key: KeyValue::parse(item.value).ok().map(|kv| kv.key.to_vec()),
        })
    };
    (0..page.count()).map(record).collect()
}

/// `element[3].ksize` belongs to element 3.
fn element_of(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("element[")?.split(']').next()?;
    digits.parse().ok()
}

fn value_of(value: &FieldValue<'_>) -> PageValue {
    match value {
        FieldValue::Number(number) => PageValue::Number(*number),
        FieldValue::Hex(bits) => PageValue::Hex(*bits),
        FieldValue::Key(key) => PageValue::Key {
            text: key.get(..LINE_BYTES).unwrap_or(key).to_vec(),
            revision: StoredKey::parse(key)
                .ok()
                .map(|stored| (stored.revision.main, stored.revision.sub)),
        },
        FieldValue::Value(value) => PageValue::Value(value.len() as u64),
        FieldValue::Gap(bytes) => PageValue::Gap {
            size_bytes: bytes.len() as u64,
            is_zero: bytes.iter().all(|byte| *byte == 0),
        },
        FieldValue::Unreadable(why) => PageValue::Unreadable(why.clone()),
    }
}

impl PageView {
    /// The record that a field belongs to.
    pub fn record_of(&self, field: usize) -> Option<&PageRecord> {
        self.records.get(self.fields.get(field)?.element?)?.as_ref()
    }

    /// The field that owns a byte of the file.
    pub fn field_at(&self, offset: u64) -> usize {
        let after = self.fields.partition_point(|field| field.offset <= offset);
        // Of fields without bytes at the same place the one with bytes is meant.
        let owns =
            |field: &PageField| offset >= field.offset && offset - field.offset < field.size_bytes;
        (0..after)
            .rev()
            .take(3)
            .find(|at| self.fields.get(*at).is_some_and(owns))
            .unwrap_or(after.saturating_sub(1))
    }

    /// The page that a field points to.
    pub fn points_to(&self, field: usize) -> Option<u64> {
        let field = self.fields.get(field)?;
        let points = field.name.ends_with(".pgid") && field.name.starts_with("element")
            || field.name == "meta.root.root"
            || field.name == "meta.freelist"
            || field.name.starts_with("id[");
        match field.value {
            PageValue::Number(id) | PageValue::Hex(id) if points => Some(id),
            _ => None,
        }
    }

    /// The first bytes of a field as they may be shown.
    pub fn shown(&self, field: &PageField) -> &[u8] {
        let from = usize::try_from(field.offset.saturating_sub(self.offset)).unwrap_or(0);
        let len = usize::try_from(field.size_bytes).unwrap_or(usize::MAX);
        let to = from
            .saturating_add(len.min(LINE_BYTES))
            .min(self.bytes.len());
        self.bytes.get(from..to).unwrap_or_default()
    }
}
