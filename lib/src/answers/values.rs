//! `get` of raw keys: values, decoded where they are objects, hidden where they are secret.

use std::borrow::Cow;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

use super::history::numbered;
use super::keys::lease;
use super::{Cell, Column, Content, Label, glob, put_bytes};
use crate::kubernetes::apply::{Keep, Secrets, ready};
use crate::kubernetes::encryption::Seal;
use crate::kubernetes::mask::{Mask, is_secret, without_token};
use crate::kubernetes::secret_kinds::is_secret_kind;
use crate::kubernetes::{ObjectParts, WriteValue};
use crate::member::{Objects, Reading, mask_ranges, secrets_in_value};
use crate::mvcc::{KeyRange, KeyValue, Keyspace, Version};
use located::Error;

/// Columns of keys with their values.
pub static COLUMNS: [Column; 9] = [
    Column::left("KEY", "key"),
    Column::right("CREATED", "create_revision").wide(),
    Column::right("REV", "mod_revision"),
    Column::right("VERSION", "version"),
    Column::left("LEASE", "lease").wide(),
    Column::right("SIZE", "value_bytes"),
    Column::left("VALUE", "value_preview").table_only(),
    Column::json("object"),
    Column::json("value"),
];

/// Bytes of a value that a row of a table shows.
const PREVIEW: usize = 60;

/// What a preview shows of an object.
static KIND: ObjectParts = ObjectParts::only(&[
    ("apiVersion", ObjectParts::WHOLE),
    ("kind", ObjectParts::WHOLE),
]);

/// Which raw keys are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawKeys<'q> {
    /// One key; if it ends with a slash and does not exist, all keys below it.
    Exact(&'q [u8]),
    /// Keys that begin so.
    Prefix(&'q [u8]),
    /// Keys that match a pattern.
    Glob(&'q [u8]),
    /// Keys that were written at a revision.
    Revision(i64),
}

impl RawKeys<'_> {
    /// The versions at a revision, and whether the question can mean only one key.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn versions<'k>(
        &self,
        keyspace: &Keyspace<'k>,
        revision: Option<i64>,
    ) -> Result<(Vec<Version<'k>>, bool), Error> {
        let below = |prefix: &[u8]| -> Result<Vec<Version<'k>>, Error> {
            let live = keyspace.live(&KeyRange::prefix(prefix), revision)?;
            Ok(live.iter().collect())
        };
        Ok(match self {
            Self::Exact(key) => match keyspace.get(key, revision)? {
                Some(version) => (vec![version], true),
                None if key.ends_with(b"/") => (below(key)?, false),
                None => (Vec::new(), true),
            },
            Self::Prefix(prefix) => (below(prefix)?, false),
            Self::Glob(pattern) => {
                let mut versions = below(glob::prefix(pattern))?;
                versions.retain(|version| glob::matches(pattern, version.key));
                (versions, false)
            }
            Self::Revision(main) => (keyspace.between(*main..=*main).collect(), false),
        })
    }

    /// Every key of which anything is retained, deleted ones included.
    pub fn retained(&self, keyspace: &Keyspace<'_>) -> Vec<Vec<u8>> {
        let all = |range: &KeyRange, wanted: &dyn Fn(&[u8]) -> bool| {
            let all = keyspace.all(range);
            let keys = all.iter().map(|version| version.key);
            keys.filter(|key| wanted(key)).map(<[u8]>::to_vec).collect()
        };
        match self {
            Self::Exact(key) => vec![key.to_vec()],
            Self::Prefix(prefix) => all(&KeyRange::prefix(prefix), &|_| true),
            Self::Glob(pattern) => {
                let range = KeyRange::prefix(glob::prefix(pattern));
                all(&range, &|key| glob::matches(pattern, key))
            }
            Self::Revision(main) => keyspace
                .between(*main..=*main)
                .map(|version| version.key.to_vec())
                .collect(),
        }
    }
}

/// Reads values, and hides what is secret.
#[derive(Debug)]
pub struct Values<'q, 'a> {
    objects: &'q Objects<'a>,
    mask: Option<Mask>,
    reading: Reading,
}

/// What the rows of values are for.
#[derive(Clone, Copy, Debug)]
pub enum RowForm {
    /// A table: only the start of a value.
    Preview,
    /// Objects as documents.
    Documents,
    /// Objects as lines of JSON that this writes, where that is possible without their documents.
    Lines(WriteValue),
}

/// What is shown of a value.
#[derive(Clone, Debug)]
pub enum Shown<'v> {
    /// A Kubernetes object, its secrets hidden.
    Object(Box<Value>),
    /// A value that is secret and no object: its fingerprint.
    Hidden(String),
    /// The bytes as they are stored.
    Bytes(Cow<'v, [u8]>),
}

impl<'q, 'a> Values<'q, 'a> {
    /// Of these objects; `mask`: `None` if secrets are to be shown.
    pub fn new(objects: &'q Objects<'a>, reading: Reading, mask: Option<Mask>) -> Self {
        Self {
            objects,
            mask,
            reading,
        }
    }

    /// The value of a version.
    pub fn shown<'v>(&self, version: &Version<'v>, kv: &KeyValue<'v>) -> Shown<'v> {
        if self.objects.layout().resource(version.key).is_some()
            && let Ok(mut object) = self.objects.json(version, self.reading)
        {
            if let Some(mask) = &self.mask {
                mask.object(&mut object);
            }
            return Shown::Object(Box::new(object));
        }
        self.bytes(version.key, kv)
    }

    /// The object of a version, ready to be fed back; `None` if the version is no object.
    ///
    /// # Errors
    /// The number of hidden values of an object that is not to be printed.
    pub fn ready(&self, version: &Version<'_>, secrets: Secrets) -> Result<Option<Value>, usize> {
        self.objects
            .layout()
            .resource(version.key)
            .map_or(Ok(None), |_| {
                let Ok(mut object) = self.objects.json(version, self.reading) else {
                    return Ok(None);
                };
                ready(&mut object, Keep::default(), secrets, self.mask.as_ref())?;
                Ok(Some(object))
            })
    }

    /// The value of a version, never decoded.
    pub fn bytes<'v>(&self, key: &[u8], kv: &KeyValue<'v>) -> Shown<'v> {
        match &self.mask {
            Some(mask) if is_secret(self.objects.layout(), key, kv.value) => {
                Shown::Hidden(format!(
                    "{} ({} bytes; --reveal shows them)",
                    mask.hidden(kv.value),
                    kv.value.len()
                ))
            }
            Some(mask) => Shown::Bytes(mask.bytes(kv.value)),
            None => Shown::Bytes(Cow::Borrowed(kv.value)),
        }
    }

    /// The value of a version at its length, each byte of a secret as `*`, and the number of these.
    pub fn starred<'v>(&self, key: &[u8], kv: &KeyValue<'v>) -> (Cow<'v, [u8]>, usize) {
        let secrets = self.mask.as_ref().map_or_else(Vec::new, |_| {
            secrets_in_value(self.objects.layout(), key, kv.value)
        });
        if secrets.is_empty() {
            return (Cow::Borrowed(kv.value), 0);
        }
        let (shown, hidden) = mask_ranges(kv.value, &secrets);
        (Cow::Owned(shown), hidden)
    }

    /// The object of a version as a line of JSON, if nothing in it may have to be hidden.
    fn line(&self, version: &Version<'_>, kv: &KeyValue<'_>, write: WriteValue) -> Option<String> {
        // What is encrypted shows nothing of what is in it.
        let may_hide = || Seal::parse(kv.value).is_some() || Mask::may_hide(kv.value);
        let is_hidden = self.mask.is_some() && may_hide();
        if is_hidden || self.objects.layout().resource(version.key).is_none() {
            return None;
        }
        let line = self.objects.line(version, self.reading, write);
        line.ok().flatten()
    }

    /// What a preview shows of an object, which is read to its end, but not made into a tree; `None` if only the tree tells.
    fn kind(&self, version: &Version<'_>) -> Option<String> {
        self.objects.layout().resource(version.key)?;
        let flat = self.objects.flat(version, self.reading, &KIND).ok()?;
        let text = |name| flat.root()?.get(name)?.text();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let of = kind.unwrap_or_default();
        if is_secret_kind(of) || of.eq_ignore_ascii_case("secret") {
            return None;
        }
        let mut named = Map::new();
        for (name, text) in [("apiVersion", api_version), ("kind", kind)] {
            named.extend(text.map(|text| (name.to_owned(), Value::from(text))));
        }
        let mut named = Value::Object(named);
        if let Some(mask) = &self.mask {
            mask.object(&mut named);
        }
        Some(kind_text(&named))
    }

    /// The rows of versions, in their order, made on all cores.
    pub fn cells_of_all(&self, versions: &[Version<'_>], form: RowForm) -> Vec<Vec<Cell>> {
        let versions = versions.par_iter();
        let rows = versions.map(|version| self.cells(version, form));
        rows.collect()
    }

    /// The row of a version.
    pub fn cells(&self, version: &Version<'_>, form: RowForm) -> Vec<Cell> {
        let blank = Cell::unknown;
        let key = Cell::key(version.key).label(Label::Name);
        let main = Cell::number(version.revision.main);
        if version.tombstone {
            let deleted = Cell::text("deleted").label(Label::Warning);
            let records = self.objects.keyspace().records_of(version.key);
            let of_key = records.iter().collect::<Vec<_>>();
            let mut numbers = numbered(of_key.iter());
            let number = numbers.find(|(revision, _)| *revision == version.revision);
            return vec![
                key,
                blank(),
                main,
                number
                    .map(|(_, number)| Cell::plain(number))
                    .unwrap_or_default(),
                blank(),
                blank(),
                deleted,
                blank(),
                blank(),
            ];
        }
        let kv = version.key_value().unwrap_or_default();
        let short_form = match form {
            RowForm::Lines(write) => self
                .line(version, &kv, write)
                .map(|line| (blank(), Content::Line(line).into(), blank())),
            RowForm::Preview => self
                .kind(version)
                .map(|kind| (Cell::text(kind).label(Label::Dim), blank(), blank())),
            RowForm::Documents => None,
        };
        let (short, object, value) =
            short_form.unwrap_or_else(|| Self::three_cells(self.shown(version, &kv), form));
        vec![
            key,
            Cell::number(kv.create_revision),
            main,
            Cell::plain(kv.version),
            lease(kv.lease),
            Cell::size(kv.value.len() as u64),
            short,
            object,
            value,
        ]
    }

    /// The value of a version: what a table shows of it, the object, and what is no object.
    pub(super) fn value_cells(&self, version: &Version<'_>, form: RowForm) -> [Cell; 3] {
        let kv = version.key_value().unwrap_or_default();
        let (short, object, value) = Self::three_cells(self.shown(version, &kv), form);
        [short, object, value]
    }

    /// Preview, object and value.
    fn three_cells(shown: Shown<'_>, form: RowForm) -> (Cell, Cell, Cell) {
        let blank = Cell::unknown;
        match shown {
            Shown::Object(object) if matches!(form, RowForm::Preview) => {
                let kind = Cell::text(kind_text(&object)).label(Label::Dim);
                (kind, blank(), blank())
            }
            Shown::Object(object) => (blank(), Cell::shown("", *object), blank()),
            Shown::Hidden(text) => (Cell::text(text.as_str()), blank(), Cell::text(text)),
            Shown::Bytes(bytes) => (
                Cell::bytes(bytes.get(..PREVIEW).unwrap_or(&bytes)),
                blank(),
                Cell::bytes(bytes.into_owned()),
            ),
        }
    }
}

/// `apps/v1 Deployment`.
fn kind_text(object: &Value) -> String {
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    let text = |field: &str| text(field).unwrap_or_default();
    format!("{} {}", text("apiVersion"), text("kind"))
}

/// One value that is no Kubernetes object, with what etcd knows of its key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ValueRecord<'v> {
    /// Where it is, and its revision.
    pub version: Version<'v>,
    /// Its message.
    pub kv: KeyValue<'v>,
    /// Its value.
    pub shown: Shown<'v>,
}

impl<'v> ValueRecord<'v> {
    /// A version with what is shown of its value.
    pub fn new(version: Version<'v>, kv: KeyValue<'v>, shown: Shown<'v>) -> Self {
        Self { version, kv, shown }
    }

    /// Offset of the value in its file, if the version is in one.
    pub fn value_offset(version: &Version<'_>, kv: &KeyValue<'_>) -> Option<u64> {
        let message = version.message.len() as u64;
        let before = message.saturating_sub(kv.value.len() as u64);
        let key = version.stored_bytes.saturating_sub(message);
        Some(version.offset?.saturating_add(key).saturating_add(before))
    }
}

impl Serialize for ValueRecord<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (version, kv) = (&self.version, &self.kv);
        let mut fields = Map::new();
        put_bytes(&mut fields, "key", &without_token(version.key));
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("create_revision", kv.create_revision.into());
        put("mod_revision", version.revision.main.into());
        put("version", kv.version.into());
        put("lease", format!("{:016x}", kv.lease.cast_unsigned()).into());
        put("value_bytes", kv.value.len().into());
        match &self.shown {
            Shown::Bytes(bytes) => put_bytes(&mut fields, "value", bytes),
            Shown::Hidden(text) => {
                fields.insert("value".to_owned(), text.as_str().into());
            }
            Shown::Object(_) => {}
        }
        if let Some(offset) = version.offset {
            fields.insert("offset".to_owned(), offset.into());
        }
        fields.serialize(serializer)
    }
}
