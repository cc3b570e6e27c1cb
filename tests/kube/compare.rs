//! The oracle sets, and where two JSON values differ.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use serde_json::Value as Json;

/// One row of an oracle set.
#[allow(dead_code, reason = "each test crate reads what it needs")]
pub struct Row {
    pub kind: String,
    pub stored: Vec<u8>,
    pub json: Json,
}

/// The rows of a release's set.
#[allow(dead_code, reason = "each test crate reads what it needs")]
pub fn rows(release: &str) -> Vec<Row> {
    let path = testkit::root().join(format!(
        "fixtures/kubernetes/oracle-{release}-train.jsonl.zst"
    ));
    let text = testkit::unzstd(&path);
    let lines: Vec<&[u8]> = text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let rows = lines.into_par_iter().map(|line| {
        let mut row: Json = serde_json::from_slice(line).unwrap();
        Row {
            kind: row["gvk"].as_str().unwrap().to_owned(),
            stored: STANDARD.decode(row["proto_b64"].as_str().unwrap()).unwrap(),
            json: row["json"].take(),
        }
    });
    rows.collect()
}

/// Without members that say nothing: the releases differ only in which of them they leave out.
pub fn without_empties(value: &Json) -> Json {
    let empty = |value: &Json| match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
    };
    match value {
        Json::Object(members) => {
            let kept = members
                .iter()
                .map(|(name, value)| (name.clone(), without_empties(value)));
            Json::Object(kept.filter(|(_, value)| !empty(value)).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(without_empties).collect()),
        other => other.clone(),
    }
}

/// Where two values differ first.
pub fn difference(path: &str, ours: &Json, want: &Json) -> Option<String> {
    match (ours, want) {
        (Json::Object(ours), Json::Object(want)) => {
            let names = ours
                .keys()
                .chain(want.keys().filter(|name| !ours.contains_key(*name)));
            let mut found = names.filter_map(|name| match (ours.get(name), want.get(name)) {
                (Some(ours), Some(want)) => difference(&format!("{path}.{name}"), ours, want),
                (ours, want) => Some(format!("{path}.{name}: ours {ours:?}, wanted {want:?}")),
            });
            found.next()
        }
        (Json::Array(ours), Json::Array(want)) if ours.len() == want.len() => {
            let mut pairs = ours.iter().zip(want).enumerate();
            pairs.find_map(|(at, (ours, want))| difference(&format!("{path}[{at}]"), ours, want))
        }
        _ if ours == want => None,
        _ => Some(format!("{path}: ours {ours}, wanted {want}")),
    }
}
