//! A finding as programs read it.

use serde::Serialize;
use serde_json::Value;

use crate::{Finding, Place, Severity};

/// One finding, in the fields of `check -o json`. What is absent is unknown; the two lists are always there.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FindingRow {
    /// `BOLT-009`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence about this occurrence.
    pub message: String,
    /// Its place.
    #[serde(flatten)]
    pub place: PlaceRow,
    /// Page ids from the root to the damaged page.
    pub page_stack: Vec<u64>,
    /// Affected user keys, as far as they are known.
    pub keys: Vec<Value>,
    /// Number of occurrences.
    pub count: u64,
    /// What was found there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// What should be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

/// A place; what is not known of it is left out.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PlaceRow {
    /// The file.
    pub file: String,
    /// Byte offset in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// bbolt page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Raft index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}

impl From<&Place> for PlaceRow {
    fn from(place: &Place) -> Self {
        Self {
            file: place.file.as_str().to_owned(),
            offset: place.offset,
            page: place.page,
            index: place.index.map(u64::from),
        }
    }
}

impl From<&Finding> for FindingRow {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.id,
            severity: finding.severity,
            message: finding.message.clone(),
            place: (&finding.place).into(),
            page_stack: finding.page_stack.clone(),
            keys: finding.keys.iter().map(|key| key_json(key)).collect(),
            count: finding.count,
            seen: finding.seen.clone(),
            expected: finding.expected.clone(),
        }
    }
}

/// A user key in a JSON list: text if it is UTF-8, else `{"b64": …}`.
pub fn key_json(key: &[u8]) -> Value {
    use base64::Engine as _;
    match std::str::from_utf8(key) {
        Ok(text) => Value::from(text),
        Err(_) => {
            serde_json::json!({ "b64": base64::engine::general_purpose::STANDARD.encode(key) })
        }
    }
}
