//! One value of one row, in the four types that SQLite and Parquet share.

use serde_json::Value as Json;

/// A value. Unknown and not applicable are both `Null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Not known, or not applicable.
    #[default]
    Null,
    /// A count, revision, index, number of bytes, or 0 and 1 for no and yes.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text, a moment in RFC 3339, or a JSON document.
    Text(String),
}

/// One row: a value for each column of its table, `Null` for columns that were not asked for.
pub type Row = Vec<Value>;

impl Value {
    /// A count; the largest integer if it does not fit.
    pub fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Text, or nothing if it is empty.
    pub fn some_text(text: &str) -> Self {
        match text {
            "" => Self::Null,
            text => Self::from(text),
        }
    }

    /// A JSON value as a column holds it: scalars as they are, lists and objects as JSON text.
    pub fn of_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::from(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => number.as_f64().map_or(Self::Null, Self::Real),
            },
            Json::String(text) => Self::Text(text.clone()),
            other => Self::Text(other.to_string()),
        }
    }

    /// The value as JSON has it.
    pub fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Integer(integer) => Json::from(*integer),
            Self::Real(real) => Json::from(*real),
            Self::Text(text) => Json::from(text.as_str()),
        }
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

/// Numbers beyond the largest integer of SQLite are text: they are ids or damage, and never rounded.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Text(number.to_string()), Self::Integer)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
