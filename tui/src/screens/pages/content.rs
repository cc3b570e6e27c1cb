//! One page: its fields, its bytes, and what both mean.

use etcd_inspect::bolt::fields::{Field, FieldValue, fields};
use etcd_inspect::bolt::{Page, PageType, Pgid};
use etcd_inspect::member::{mask_ranges, secrets_in_page};
use etcd_inspect::mvcc::{KeyValue, StoredKey};
use etcd_inspect::text::{escape, number};

use super::load::{KEY_BUCKET, Loaded};
use crate::paint::Line;
use crate::session::Session;
use crate::theme::Role;

/// Bytes of a run that are shown; of the rest the length is shown.
const SHOWN: usize = 16 << 20;

/// A page that is shown.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) id: u64,
    pub(super) page: Page<'static>,
    pub(super) fields: Vec<Field<'static>>,
    /// The page's bytes, secrets hidden.
    pub(super) bytes: Vec<u8>,
    pub(super) hidden: usize,
    pub(super) bucket: Option<&'static [u8]>,
}

/// A record of the keyspace on a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) stored: StoredKey,
    pub(super) kv: Option<KeyValue<'static>>,
}

impl Content {
    /// Reads a page.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn read(loaded: &Loaded, id: u64, session: &Session) -> Result<Self, String> {
        let db = loaded.db.as_ref().map_err(Clone::clone)?;
        let mut page = db.page(Pgid(id)).map_err(|error| error.to_string())?;
        let one = usize::try_from(db.page_size()).unwrap_or(usize::MAX);
        // What is not the head of anything is shown alone: the run that its bytes claim would swallow other pages.
        let most = if page.header.id == Pgid(id) {
            SHOWN
        } else {
            one
        };
        if page.bytes.len() > most {
            page.bytes = page
                .bytes
                .slice(0, most, "page")
                .map_err(|error| error.to_string())?;
        }
        let layout = session
            .data()
            .map(|data| data.objects.layout().clone())
            .unwrap_or_default();
        let secrets = secrets_in_page(db, &layout, &page);
        let (bytes, hidden) = mask_ranges(page.bytes.as_slice(), &secrets);
        let bucket = loaded
            .map
            .as_ref()
            .and_then(|map| map.get(Pgid(id)))
            .and_then(|(_, bucket)| bucket);
        Ok(Self {
            id,
            fields: fields(&page),
            page,
            bytes,
            hidden,
            bucket,
        })
    }

    /// Whether its elements are records of the keyspace: by its bucket, or on a free page by their shape.
    fn has_records(&self) -> bool {
        self.page.header.page_type() == Some(PageType::Leaf)
            && self.bucket.is_none_or(|bucket| bucket == KEY_BUCKET)
    }

    /// The record of an element.
    pub(super) fn record(&self, element: usize) -> Option<Record> {
        let item = self
            .page
            .item(element)
            .ok()
            .filter(|_| self.has_records())?;
        let stored = StoredKey::parse(item.key).ok()?;
        Some(Record {
            stored,
            kv: KeyValue::parse(item.value).ok(),
        })
    }

    /// The element that a field belongs to.
    pub(super) fn element(&self, field: usize) -> Option<usize> {
        let name = &self.fields.get(field)?.name;
        let digits = name.strip_prefix("element[")?.split(']').next()?;
        digits.parse().ok()
    }

    /// The field that owns a byte of the file.
    pub(super) fn field_at(&self, offset: u64) -> usize {
        let after = self.fields.partition_point(|field| field.offset <= offset);
        // Of fields without bytes at the same place the one with bytes is meant.
        let owns =
            |field: &Field<'_>| offset >= field.offset && offset - field.offset < field.size_bytes;
        (0..after)
            .rev()
            .take(3)
            .find(|at| self.fields.get(*at).is_some_and(owns))
            .unwrap_or(after.saturating_sub(1))
    }

    /// The page that a field points to.
    pub(super) fn points_to(&self, field: usize) -> Option<u64> {
        let field = self.fields.get(field)?;
        let points = field.name.ends_with(".pgid") && field.name.starts_with("element")
            || field.name == "meta.root.root"
            || field.name == "meta.freelist"
            || field.name.starts_with("id[");
        match field.value {
            FieldValue::Number(id) | FieldValue::Hex(id) if points => Some(id),
            _ => None,
        }
    }

    /// A field as one line: name, value, what it means.
    pub(super) fn line(&self, at: usize, session: &Session) -> Line {
        let Some(field) = self.fields.get(at) else {
            return Line::new();
        };
        let name = match self.element(at) {
            Some(_) => format!("  {}", field.name),
            None => field.name.clone(),
        };
        let line = Line::piece(Role::Dim, format!("{:08X} ", field.offset))
            .with(Role::Name, format!("{name:<22} "));
        let charset = session.charset();
        match &field.value {
            FieldValue::Number(value) => {
                let line = line.with(Role::Number, number::thousands((*value).into()));
                match self.points_to(at) {
                    Some(_) => line.with(Role::Dim, "  ⏎ goes there"),
                    None => line,
                }
            }
            FieldValue::Hex(bits) => {
                let line = line.with(Role::Number, format!("{bits:#x}"));
                match (field.name.as_str(), self.page.header.page_type()) {
                    ("header.flags", Some(kind)) => line.text(format!("  {}", kind.as_str())),
                    ("header.flags", None) => line.with(Role::Error, "  ✕ no type has these"),
                    _ => line,
                }
            }
            FieldValue::Key(key) => match self.element(at).and_then(|at| self.record(at)) {
                Some(record) => line
                    .with(
                        Role::Number,
                        format!("revision {}", revision(&record.stored)),
                    )
                    .with(
                        if record.stored.tombstone {
                            Role::Error
                        } else {
                            Role::Dim
                        },
                        if record.stored.tombstone {
                            "  ✕ deletion"
                        } else {
                            "  put"
                        },
                    ),
                None => match StoredKey::parse(key) {
                    Ok(stored) => {
                        line.with(Role::Number, format!("revision {}", revision(&stored)))
                    }
                    Err(_) => line.text(escape::bytes(cut(key), charset)),
                },
            },
            FieldValue::Value(value) => {
                let record = self.element(at).and_then(|at| self.record(at));
                match record.and_then(|record| record.kv) {
                    Some(kv) => line
                        .text(format!("KeyValue {}  ", number::size(value.len() as u64)))
                        .with(Role::Name, escape::bytes(kv.key, charset)),
                    None => {
                        let shown = self.shown(field.offset, value.len());
                        line.text(format!("{} B  ", value.len()))
                            .with(Role::Dim, escape::bytes(cut(shown), charset))
                    }
                }
            }
            FieldValue::Gap(bytes) if bytes.iter().all(|byte| *byte == 0) => line.with(
                Role::Dim,
                format!("{} of zeros", number::size(bytes.len() as u64)),
            ),
            FieldValue::Gap(bytes) => line.with(
                Role::Dim,
                format!("{} that no field owns", number::size(bytes.len() as u64)),
            ),
            FieldValue::Unreadable(why) => line.with(Role::Error, format!("✕ {why}")),
        }
    }

    /// Bytes of the file as they may be shown.
    fn shown(&self, offset: u64, len: usize) -> &[u8] {
        let from = usize::try_from(offset.saturating_sub(self.page.bytes.offset())).unwrap_or(0);
        self.bytes
            .get(from..from.saturating_add(len).min(self.bytes.len()))
            .unwrap_or_default()
    }
}

/// `1,202,270` or `1,202,270.3`.
pub(super) fn revision(stored: &StoredKey) -> String {
    let main = number::thousands(stored.revision.main.into());
    match stored.revision.sub {
        0 => main,
        sub => format!("{main}.{sub}"),
    }
}

/// So much as can matter for one line.
fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..200).unwrap_or(bytes)
}
