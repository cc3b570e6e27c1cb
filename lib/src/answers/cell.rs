//! One value of one row: what people read and what programs read. A front end chooses the form, never the value.

use std::borrow::Cow;
use std::cmp::Ordering;

use base64::Engine as _;
use serde_json::{Map, Value};

use crate::clock::TimeBound;
use crate::kubernetes::mask::without_token;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use located::text::escape::{self, Charset};
use located::text::{number, time};

use super::Label;

/// How values are shown to people.
#[derive(Clone, Debug)]
pub struct Style {
    /// Which characters can be shown.
    pub charset: Charset,
    /// In which time zone moments are shown.
    pub zone: TimeZone,
}

/// UTF-8 and UTC.
impl Default for Style {
    fn default() -> Self {
        Self {
            charset: Charset::default(),
            zone: TimeZone::UTC,
        }
    }
}

/// What a cell holds. Absent means unknown: JSON leaves such a field out, tables show nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Content {
    /// Not known, or not applicable.
    #[default]
    Unknown,
    /// Text; escaped when it is written.
    Text(String),
    /// Bytes from the evidence: `field` if they are UTF-8, else `field_b64`.
    Bytes(Vec<u8>),
    /// A count, revision or index: `1,204,902` in tables, a number in JSON.
    Number(i128),
    /// A number without thousands separators: terms, page ids, versions.
    Plain(i128),
    /// Bytes: `18.9 MB` in tables, an integer in JSON.
    Size(u64),
    /// A 64-bit id: 16 lower-case hex digits everywhere.
    Id(u64),
    /// A 32-bit hash: hex in tables, a number in JSON.
    Hash(u32),
    /// A part of a whole: `27.4%`, in JSON a number of percent.
    Percent {
        /// The part.
        part: u64,
        /// The whole.
        whole: u64,
    },
    /// Yes or no.
    Flag(bool),
    /// Several texts: joined by commas in tables, an array in JSON.
    List(Vec<String>),
    /// A moment: RFC 3339 for programs; for people without its date if it is the day of `newest`.
    Moment {
        /// The moment.
        at: Timestamp,
        /// The newest moment of the same answer.
        newest: Option<Timestamp>,
    },
    /// A moment that is known within bounds: `03:12:04Z ±2s` for people, for programs with its milliseconds.
    Near {
        /// The moment.
        at: Timestamp,
        /// How far the true one may be from it; `None` if that is not known.
        within: Option<SignedDuration>,
        /// Which bound it is, if only one is known.
        bound: Option<TimeBound>,
        /// The newest moment of the same answer.
        newest: Option<Timestamp>,
    },
    /// Shown one way to people and given another way to programs.
    Shown {
        /// For people.
        text: String,
        /// For programs.
        json: Value,
    },
    /// JSON on one line, as it is to be written; only in rows of JSON.
    Line(String),
}

/// A value with its meaning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What it holds.
    pub content: Content,
    /// What it means.
    pub label: Label,
}

impl Cell {
    /// Nothing is known, or nothing applies.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Text of our own or from the evidence.
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text(text.into()).into()
    }

    /// A key or value from the evidence.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Content::Bytes(bytes.into()).into()
    }

    /// A user key: like any bytes, but an empty one is seen, and a token that is a name is not.
    pub fn key(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Self::shown("\"\" (empty key)", "");
        }
        Self::bytes(without_token(&bytes).into_owned())
    }

    /// A count, revision or raft index.
    pub fn number(number: impl Into<i128>) -> Self {
        Content::Number(number.into()).into()
    }

    /// A count that `usize` holds.
    pub fn count(count: usize) -> Self {
        Content::Number(i128::try_from(count).unwrap_or(i128::MAX)).into()
    }

    /// A number without thousands separators.
    pub fn plain(number: impl Into<i128>) -> Self {
        Content::Plain(number.into()).into()
    }

    /// A number of bytes.
    pub fn size(bytes: u64) -> Self {
        Content::Size(bytes).into()
    }

    /// A 64-bit id.
    pub fn id(id: u64) -> Self {
        Content::Id(id).into()
    }

    /// A 32-bit hash.
    pub fn hash(hash: u32) -> Self {
        Content::Hash(hash).into()
    }

    /// `part` of `whole` in percent.
    pub fn percent(part: u64, whole: u64) -> Self {
        Content::Percent { part, whole }.into()
    }

    /// Yes or no.
    pub fn flag(flag: bool) -> Self {
        Content::Flag(flag).into()
    }

    /// A moment, for people with its date.
    pub fn moment(at: Timestamp) -> Self {
        Content::Moment { at, newest: None }.into()
    }

    /// A moment, for people without its date if it is the day of `newest`.
    pub fn moment_near(at: Timestamp, newest: Option<Timestamp>) -> Self {
        let newest = Some(newest.unwrap_or(at));
        Content::Moment { at, newest }.into()
    }

    /// A moment that is known within bounds; as [`moment_near`](Self::moment_near).
    pub fn approximate(
        at: Timestamp,
        within: Option<SignedDuration>,
        bound: Option<TimeBound>,
        newest: Option<Timestamp>,
    ) -> Self {
        Content::Near {
            at,
            within,
            bound,
            newest: Some(newest.unwrap_or(at)),
        }
        .into()
    }

    /// Several texts.
    pub fn list<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Self {
        Content::List(items.into_iter().map(Into::into).collect()).into()
    }

    /// `text` for people, `json` for programs.
    pub fn shown(text: impl Into<String>, json: impl Into<Value>) -> Self {
        Content::Shown {
            text: text.into(),
            json: json.into(),
        }
        .into()
    }

    /// A field of a JSON document, by the name and type it has there.
    pub fn of_json(field: &str, value: &Value) -> Self {
        match value {
            Value::Null => Self::unknown(),
            Value::Bool(flag) => Self::flag(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (_, Some(bytes)) if field == "bytes" || field.ends_with("_bytes") => {
                    Self::size(bytes)
                }
                (Some(number), _) => Self::number(number),
                (None, Some(number)) => Self::number(number),
                (None, None) => Self::shown(number.to_string(), value.clone()),
            },
            Value::String(text) => Self::text(text.as_str()),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                Self::list(items.iter().filter_map(Value::as_str))
            }
            other => Self::shown(other.to_string(), other.clone()),
        }
    }

    /// The same value with a meaning.
    pub fn label(mut self, label: Label) -> Self {
        self.label = label;
        self
    }

    /// As people read it, escaped.
    pub fn human(&self, style: &Style) -> Cow<'_, str> {
        let charset = style.charset;
        match &self.content {
            Content::Moment { at, newest } => Cow::Owned(match newest {
                Some(newest) => time::short(*at, *newest, &style.zone),
                None => time::full(*at, &style.zone),
            }),
            Content::Unknown => Cow::Borrowed(""),
            Content::Text(text) => escape::text(text, charset),
            Content::Bytes(bytes) => escape::bytes(bytes, charset),
            Content::Near {
                at,
                within,
                bound,
                newest,
            } => {
                let newest = newest.unwrap_or(*at);
                let sign = match (bound, charset.ascii) {
                    (None, _) => "",
                    (Some(TimeBound::NotBefore), false) => "≥",
                    (Some(TimeBound::NotBefore), true) => ">=",
                    (Some(TimeBound::NotAfter), false) => "≤",
                    (Some(TimeBound::NotAfter), true) => "<=",
                };
                let text = time::approximate(*at, *within, newest, &style.zone);
                let within = match (bound, within, charset.ascii) {
                    (None, None, false) => " ±?",
                    (None, None, true) => " +-?",
                    _ => "",
                };
                Cow::Owned(format!("{sign}{text}{within}"))
            }
            Content::Number(number) => Cow::Owned(number::thousands(*number)),
            Content::Plain(number) => Cow::Owned(number.to_string()),
            Content::Size(bytes) => Cow::Owned(number::size(*bytes)),
            Content::Id(id) => Cow::Owned(format!("{id:016x}")),
            Content::Hash(hash) => Cow::Owned(format!("{hash:08x}")),
            Content::Percent { part, whole } => Cow::Owned(number::percent(*part, *whole)),
            Content::Flag(flag) => Cow::Borrowed(if *flag { "yes" } else { "no" }),
            Content::List(items) => {
                Cow::Owned(escape::text(&items.join(","), charset).into_owned())
            }
            Content::Shown { text, .. } => escape::text(text, charset),
            Content::Line(_) => Cow::Borrowed(""),
        }
    }

    /// As CSV and TSV give it: plain numbers, escaped text.
    pub fn machine(&self, charset: Charset) -> Cow<'_, str> {
        match &self.content {
            Content::Moment { at, .. } => Cow::Owned(time::rfc3339(*at)),
            Content::Near { at, .. } => Cow::Owned(time::rfc3339_millis(*at)),
            Content::Number(number) => Cow::Owned(number.to_string()),
            Content::Size(bytes) => Cow::Owned(bytes.to_string()),
            Content::Hash(hash) => Cow::Owned(hash.to_string()),
            Content::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Content::Percent { .. } | Content::Line(_) => Cow::Owned(self.json().to_string()),
            Content::Shown { json, .. } => match json {
                Value::Null => Cow::Borrowed(""),
                Value::String(text) => escape::text(text, charset),
                other => Cow::Owned(other.to_string()),
            },
            _ => {
                let style = Style {
                    charset,
                    zone: TimeZone::UTC,
                };
                Cow::Owned(self.human(&style).into_owned())
            }
        }
    }

    /// Puts the value under `field` (or `field_b64`) of a JSON object; an unknown one is left out.
    pub fn put(&self, field: &str, object: &mut Map<String, Value>) {
        match &self.content {
            Content::Unknown => {}
            Content::Bytes(bytes) => {
                put_bytes(object, field, bytes);
            }
            _ => {
                object.insert(field.to_owned(), self.json());
            }
        }
    }

    /// As [`put`](Self::put), without a copy of what it holds.
    pub fn put_owned(self, field: &str, object: &mut Map<String, Value>) {
        match self.content {
            Content::Shown { json, .. } => {
                object.insert(field.to_owned(), json);
            }
            Content::Text(text) => {
                object.insert(field.to_owned(), Value::String(text));
            }
            _ => self.put(field, object),
        }
    }

    /// As JSON has it; null if it is unknown.
    pub fn json(&self) -> Value {
        match &self.content {
            Content::Unknown => Value::Null,
            Content::Text(text) => Value::from(text.as_str()),
            Content::Bytes(bytes) => Value::from(String::from_utf8_lossy(bytes)),
            Content::Number(number) | Content::Plain(number) => integer(*number),
            Content::Size(bytes) => Value::from(*bytes),
            Content::Id(id) => Value::from(format!("{id:016x}")),
            Content::Hash(hash) => Value::from(*hash),
            Content::Percent { part, whole } => match whole {
                0 => Value::Null,
                _ => {
                    let tenths = u128::from(*part).saturating_mul(1000) / u128::from(*whole);
                    serde_json::from_str(&format!("{}.{}", tenths / 10, tenths % 10))
                        .unwrap_or(Value::Null)
                }
            },
            Content::Flag(flag) => Value::from(*flag),
            Content::Moment { at, .. } => Value::from(time::rfc3339(*at)),
            Content::Near { at, .. } => Value::from(time::rfc3339_millis(*at)),
            Content::List(items) => Value::from(items.clone()),
            Content::Shown { json, .. } => json.clone(),
            Content::Line(line) => serde_json::from_str(line).unwrap_or_default(),
        }
    }

    /// The order of `--sort-by`: numbers by value, text by its bytes, unknown last.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.rank(), other.rank()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => match (&self.content, &other.content) {
                (Content::Unknown, Content::Unknown) => Ordering::Equal,
                (Content::Unknown, _) => Ordering::Greater,
                (_, Content::Unknown) => Ordering::Less,
                (Content::Bytes(a), Content::Bytes(b)) => a.cmp(b),
                (
                    Content::Moment { at: a, .. } | Content::Near { at: a, .. },
                    Content::Moment { at: b, .. } | Content::Near { at: b, .. },
                ) => a.cmp(b),
                _ => {
                    let charset = Charset::default();
                    self.machine(charset).cmp(&other.machine(charset))
                }
            },
        }
    }

    /// The number that the cell holds, if it is one.
    pub fn rank(&self) -> Option<i128> {
        match &self.content {
            Content::Number(number) | Content::Plain(number) => Some(*number),
            Content::Size(bytes) => Some(i128::from(*bytes)),
            Content::Hash(hash) => Some(i128::from(*hash)),
            Content::Flag(flag) => Some(i128::from(*flag)),
            Content::Percent { part, whole } => Some(
                i128::from(*part)
                    .saturating_mul(1_000_000)
                    .checked_div(i128::from(*whole))
                    .unwrap_or(0),
            ),
            Content::Shown { json, .. } => json.as_i64().map(i128::from),
            _ => None,
        }
    }
}

impl From<Content> for Cell {
    fn from(content: Content) -> Self {
        Self {
            content,
            label: Label::Plain,
        }
    }
}

/// Puts bytes under `field` where they are UTF-8, under `field_b64` where not: the rule of every JSON document.
pub fn put_bytes(object: &mut Map<String, Value>, field: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(field.to_owned(), Value::from(text)),
        Err(_) => object.insert(
            format!("{field}_b64"),
            Value::from(base64::engine::general_purpose::STANDARD.encode(bytes)),
        ),
    };
}

fn integer(number: i128) -> Value {
    i64::try_from(number)
        .map(Value::from)
        .or_else(|_| u64::try_from(number).map(Value::from))
        .unwrap_or_else(|_| Value::from(number.to_string()))
}
