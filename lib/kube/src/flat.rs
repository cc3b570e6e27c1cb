//! An object in one array, for those who look at some of its fields: without a map for each of its parts.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::decode::fault::Fault;
use super::decode::items::Items;
use super::decode::members::Members;
use super::decode::node::{Datum, Node, text};
use super::decode::quantity::canonical;
use super::decode::serialize::whole;
use super::decode::sound;
use super::decode::time::Stamp;
use super::parts::ObjectParts;

/// Values and bytes of text that most objects have room for at once.
const ROOM_FOR_VALUES: usize = 64;
const ROOM_FOR_TEXTS: usize = 2048;

/// The parts of an object that were asked for: every value with its name, and what is inside it right after it.
///
/// ```
/// use etcd_inspect_kube::{Options, ObjectParts, Value};
/// let stored = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x0a\n\x08\n\x04shopB\0\x1a\0\"\0";
/// let object = Value::parse(stored)?.object(Options::default())?;
/// let flat = object.flat(&ObjectParts::SHOWN)?;
/// let name = flat.root().and_then(|object| object.path("metadata.name"));
/// assert_eq!(name.and_then(|name| name.text()), Some("shop"));
/// # Ok::<(), etcd_inspect_kube::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Flat {
    values: Vec<Item>,
    /// All names and texts, one after the other.
    texts: String,
    has_replaced_names: bool,
}

/// One value.
#[derive(Clone, Debug)]
struct Item {
    name: Range<usize>,
    /// Where the value after it is.
    end: usize,
    value: Scalar,
}

#[derive(Clone, Debug)]
enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    Text(Range<usize>),
    Array,
    Object,
}

/// A value of a [`Flat`] object.
#[derive(Clone, Copy, Debug)]
pub struct FlatValue<'f> {
    flat: &'f Flat,
    at: usize,
    item: &'f Item,
}

impl Flat {
    /// The parts of `node`.
    pub(crate) fn read(node: &Node<'_>, parts: &ObjectParts) -> Result<Self, Fault> {
        let mut flat = Self {
            values: Vec::with_capacity(ROOM_FOR_VALUES),
            texts: String::with_capacity(ROOM_FOR_TEXTS),
            has_replaced_names: false,
        };
        flat.push("", node, *parts)?;
        Ok(flat)
    }

    /// All of a tree.
    pub fn of_tree(tree: &Value) -> Self {
        let mut flat = Self::default();
        flat.push_tree("", tree);
        flat
    }

    /// Whether bytes that are no text were replaced in a name, so that two members may have the same one.
    pub(crate) fn has_replaced_names(&self) -> bool {
        self.has_replaced_names
    }

    /// The object itself.
    pub fn root(&self) -> Option<FlatValue<'_>> {
        self.value(0)
    }

    /// The same values as a tree.
    pub fn tree(&self) -> Value {
        self.root().map_or(Value::Null, FlatValue::tree)
    }

    fn value(&self, at: usize) -> Option<FlatValue<'_>> {
        let item = self.values.get(at)?;
        Some(FlatValue {
            flat: self,
            at,
            item,
        })
    }

    fn text(&self, range: &Range<usize>) -> &str {
        self.texts.get(range.clone()).unwrap_or_default()
    }

    fn append(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    /// Adds a value whose inside follows.
    fn begin(&mut self, name: &str) -> usize {
        let name = self.append(name);
        self.values.push(Item {
            name,
            end: 0,
            value: Scalar::Null,
        });
        self.values.len() - 1
    }

    fn end(&mut self, at: usize, value: Scalar) {
        let end = self.values.len();
        if let Some(item) = self.values.get_mut(at) {
            (item.end, item.value) = (end, value);
        }
    }

    fn push(&mut self, name: &str, node: &Node<'_>, parts: ObjectParts) -> Result<(), Fault> {
        if let Datum::Tree(tree) = node.datum {
            self.push_tree(name, tree);
            return Ok(());
        }
        if let Datum::Json(raw) = node.datum {
            self.push_tree(name, &node.json(raw)?);
            return Ok(());
        }
        let at = self.begin(name);
        let value = if let Some(mut members) = Members::new(node)? {
            while members.advance()? {
                let member = members.name();
                self.has_replaced_names |= matches!(member, Cow::Owned(_));
                let of_member = parts.of_member(&member);
                let node = members.node()?;
                match of_member.is_none() {
                    true => sound::read(&node)?,
                    false => self.push(&member, &node, of_member)?,
                }
            }
            Scalar::Object
        } else if let Some(mut items) = Items::new(node)? {
            while let Some(item) = items.next()? {
                self.push("", &item, parts)?;
            }
            Scalar::Array
        } else {
            self.scalar(&node.datum)
        };
        self.end(at, value);
        Ok(())
    }

    /// As [`Node`] is serialized into a tree.
    fn scalar(&mut self, datum: &Datum<'_>) -> Scalar {
        Scalar::Text(match datum {
            Datum::Bool(value) => return Scalar::Bool(*value),
            Datum::Int(value) => return Scalar::Number((*value).into()),
            Datum::Float(value) => {
                let number = match whole(*value) {
                    Some(whole) => Some(whole.into()),
                    None => Number::from_f64(*value),
                };
                return number.map_or(Scalar::Null, Scalar::Number);
            }
            Datum::Text(bytes) => self.append(&text(bytes)),
            Datum::Base64(bytes) => {
                let start = self.texts.len();
                STANDARD.encode_string(bytes, &mut self.texts);
                start..self.texts.len()
            }
            Datum::Time(seconds) => self.append(Stamp::seconds(*seconds).as_str()),
            Datum::MicroTime(seconds, nanos) => {
                self.append(Stamp::micros(*seconds, *nanos).as_str())
            }
            Datum::Quantity(bytes) => self.append(&canonical(&text(bytes))),
            _ => return Scalar::Null,
        })
    }

    /// What was parsed already is kept whole.
    fn push_tree(&mut self, name: &str, tree: &Value) {
        let at = self.begin(name);
        let value = match tree {
            Value::Null => Scalar::Null,
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(number) => Scalar::Number(number.clone()),
            Value::String(text) => Scalar::Text(self.append(text)),
            Value::Array(items) => {
                for item in items {
                    self.push_tree("", item);
                }
                Scalar::Array
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.push_tree(name, field);
                }
                Scalar::Object
            }
        };
        self.end(at, value);
    }
}

impl<'f> FlatValue<'f> {
    /// The member of that name.
    pub fn get(self, name: &str) -> Option<Self> {
        self.members().find(|member| member.name() == name)
    }

    /// `status.phase`: below these members, none of which has a dot in its name.
    pub fn path(self, path: &str) -> Option<Self> {
        path.split('.').try_fold(self, Self::get)
    }

    /// Its name, if it is the member of an object.
    pub fn name(self) -> &'f str {
        self.flat.text(&self.item.name)
    }

    /// A text.
    pub fn text(self) -> Option<&'f str> {
        match &self.item.value {
            Scalar::Text(range) => Some(self.flat.text(range)),
            _ => None,
        }
    }

    /// A number.
    pub fn number(self) -> Option<&'f Number> {
        match &self.item.value {
            Scalar::Number(number) => Some(number),
            _ => None,
        }
    }

    /// True or false.
    pub fn flag(self) -> Option<bool> {
        match self.item.value {
            Scalar::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.item.value, Scalar::Null)
    }

    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        matches!(self.item.value, Scalar::Array)
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        matches!(self.item.value, Scalar::Object)
    }

    /// The items of a list; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        self.inside().filter(move |_| self.is_list())
    }

    /// The members of an object; none of anything else.
    pub fn members(self) -> impl Iterator<Item = Self> {
        self.inside().filter(move |_| self.is_object())
    }

    fn tree(self) -> Value {
        match &self.item.value {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::Number(number) => Value::Number(number.clone()),
            Scalar::Text(range) => Value::String(self.flat.text(range).to_owned()),
            Scalar::Array => Value::Array(self.items().map(Self::tree).collect()),
            Scalar::Object => {
                let members = self.members();
                let members = members.map(|member| (member.name().to_owned(), member.tree()));
                Value::Object(members.collect())
            }
        }
    }

    fn inside(self) -> impl Iterator<Item = Self> {
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let value = self.flat.value(at).filter(|_| at < self.item.end)?;
            at = value.item.end;
            Some(value)
        })
    }
}
