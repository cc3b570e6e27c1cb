//! Short ways into the JSON of an object.

use serde_json::{Number, Value};

use crate::flat::{Flat, FlatValue};

/// A place in an object that may not be there. Absent, `null` and of another type all read as nothing.
#[derive(Clone, Copy)]
pub(crate) struct View<'v>(Option<Seen<'v>>);

/// What is there: a value of a tree, or one of a flat object.
#[derive(Clone, Copy)]
enum Seen<'v> {
    Tree(&'v Value),
    Flat(FlatValue<'v>),
}

impl<'v> View<'v> {
    pub(crate) fn new(value: &'v Value) -> Self {
        Self(Some(Seen::Tree(value)).filter(|_| !value.is_null()))
    }

    pub(crate) fn of_flat(flat: &'v Flat) -> Self {
        Self::flat(flat.root())
    }

    fn flat(value: Option<FlatValue<'v>>) -> Self {
        Self(value.filter(|value| !value.is_null()).map(Seen::Flat))
    }

    /// `status.phase`: below these fields, none of which contains a dot.
    pub(crate) fn path(self, path: &str) -> Self {
        path.split('.').fold(self, Self::key)
    }

    /// Below one field, whatever its name.
    pub(crate) fn key(self, name: &str) -> Self {
        match self.0 {
            Some(Seen::Tree(value)) => value.get(name).map_or(Self(None), Self::new),
            Some(Seen::Flat(value)) => Self::flat(value.get(name)),
            None => Self(None),
        }
    }

    /// The value itself, if it is of a tree.
    pub(crate) fn tree(self) -> Option<&'v Value> {
        match self.0? {
            Seen::Tree(value) => Some(value),
            Seen::Flat(_) => None,
        }
    }

    pub(crate) fn present(self) -> bool {
        self.0.is_some()
    }

    /// Text, if it is there and not empty.
    pub(crate) fn text(self) -> Option<&'v str> {
        let text = match self.0? {
            Seen::Tree(value) => value.as_str(),
            Seen::Flat(value) => value.text(),
        };
        text.filter(|text| !text.is_empty())
    }

    /// Text, or the placeholder for its absence.
    pub(crate) fn or(self, absent: &str) -> String {
        self.text().unwrap_or(absent).to_owned()
    }

    /// Text or number as text, or the placeholder for its absence.
    pub(crate) fn any_or(self, absent: &str) -> String {
        let text = match self.0 {
            Some(Seen::Tree(Value::String(text))) => Some(text.clone()),
            Some(Seen::Flat(value)) => value.text().map(str::to_owned),
            _ => None,
        };
        let number = || self.number().map(Number::to_string);
        let flag = || self.flag().map(|flag| flag.to_string());
        text.or_else(number)
            .or_else(flag)
            .unwrap_or_else(|| absent.to_owned())
    }

    /// A number; absent is zero, as in Go.
    pub(crate) fn int(self) -> i64 {
        self.number().and_then(Number::as_i64).unwrap_or(0)
    }

    fn number(self) -> Option<&'v Number> {
        match self.0? {
            Seen::Tree(value) => value.as_number(),
            Seen::Flat(value) => value.number(),
        }
    }

    pub(crate) fn flag(self) -> Option<bool> {
        match self.0? {
            Seen::Tree(value) => value.as_bool(),
            Seen::Flat(value) => value.flag(),
        }
    }

    pub(crate) fn items(self) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        let items: Vec<Self> = match self.0 {
            Some(Seen::Tree(Value::Array(items))) => items.iter().map(Self::new).collect(),
            Some(Seen::Flat(value)) => {
                let items = value.items();
                items.map(|item| Self::flat(Some(item))).collect()
            }
            _ => Vec::new(),
        };
        items.into_iter()
    }

    pub(crate) fn fields(self) -> impl Iterator<Item = (&'v str, Self)> {
        let fields: Vec<(&str, Self)> = match self.0 {
            Some(Seen::Tree(Value::Object(fields))) => {
                let fields = fields.iter();
                fields
                    .map(|(name, value)| (name.as_str(), Self::new(value)))
                    .collect()
            }
            Some(Seen::Flat(value)) => {
                let members = value.members();
                members
                    .map(|member| (member.name(), Self::flat(Some(member))))
                    .collect()
            }
            _ => Vec::new(),
        };
        fields.into_iter()
    }

    /// Fields of an object or items of an array.
    pub(crate) fn len(self) -> usize {
        match self.0 {
            Some(Seen::Tree(Value::Object(fields))) => fields.len(),
            Some(Seen::Tree(Value::Array(items))) => items.len(),
            Some(Seen::Flat(value)) => value.items().chain(value.members()).count(),
            _ => 0,
        }
    }

    /// The item of a list whose `type` is this: a condition.
    pub(crate) fn of_type(self, kind: &str) -> Self {
        self.items()
            .find(|item| item.key("type").text() == Some(kind))
            .unwrap_or(Self(None))
    }

    /// Whether the condition of that type is `True`.
    pub(crate) fn is_true(self, kind: &str) -> bool {
        self.of_type(kind).key("status").text() == Some("True")
    }

    /// Texts of a list, joined by commas.
    pub(crate) fn joined(self, absent: &str) -> String {
        join(self.items().filter_map(Self::text), absent)
    }
}

/// Joined by commas, or the placeholder for none.
pub(crate) fn join<'t>(texts: impl Iterator<Item = &'t str>, absent: &str) -> String {
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() {
        absent.to_owned()
    } else {
        texts.join(",")
    }
}

/// The first three, and how many more.
pub(crate) fn three(all: &[String], absent: &str) -> String {
    match all.split_at_checked(3) {
        Some((shown, more)) if !more.is_empty() => {
            format!("{} + {} more...", shown.join(","), more.len())
        }
        _ if all.is_empty() => absent.to_owned(),
        _ => all.join(","),
    }
}

/// `app=web,tier=front`, sorted.
pub(crate) fn labels(of: View<'_>) -> String {
    let mut pairs: Vec<_> = of
        .fields()
        .map(|(name, value)| format!("{name}={}", value.or("")))
        .collect();
    pairs.sort();
    join(pairs.iter().map(String::as_str), "<none>")
}

/// A LabelSelector as its string form: `app=web,tier in (a,b),!legacy`.
pub(crate) fn label_selector(of: View<'_>) -> String {
    let equal = of
        .key("matchLabels")
        .fields()
        .map(|(name, value)| (name, format!("{name}={}", value.or(""))));
    let expressions = of.key("matchExpressions").items().map(|expression| {
        let name = expression.key("key").text().unwrap_or("");
        let mut values: Vec<_> = expression
            .key("values")
            .items()
            .filter_map(View::text)
            .collect();
        values.sort_unstable();
        let values = values.join(",");
        let text = match expression.key("operator").text() {
            Some("In") => format!("{name} in ({values})"),
            Some("NotIn") => format!("{name} notin ({values})"),
            Some("DoesNotExist") => format!("!{name}"),
            _ => name.to_owned(),
        };
        (name, text)
    });
    let mut all: Vec<_> = equal.chain(expressions).collect();
    all.sort();
    join(all.iter().map(|(_, text)| text.as_str()), "<none>")
}
