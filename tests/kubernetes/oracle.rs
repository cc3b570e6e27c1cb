//! Protobuf as stored beside the JSON of Kubernetes' own serializer, for every kind of three releases.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::kubernetes::{Options, Value};
use rayon::prelude::*;
use serde_json::Value as Json;

/// One row of an oracle set.
pub struct Row {
    pub kind: String,
    pub stored: Vec<u8>,
    pub json: Json,
}

/// The rows of a release's set.
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

fn compare(release: &str, simplify: fn(&Json) -> Json) {
    let rows = rows(release);
    assert!(rows.len() > 900, "{} rows", rows.len());
    let wrong: Vec<String> = rows
        .par_iter()
        .filter_map(|row| {
            let object = Value::parse(&row.stored)
                .unwrap()
                .object(Options::default())
                .unwrap();
            assert_eq!(object.note(), None);
            let ours = object.to_json().unwrap();
            let mut line = Vec::new();
            object.write_json(&mut line).unwrap();
            let line: Json = serde_json::from_slice(&line).unwrap();
            let writers = difference(&format!("{} as text", row.kind), &line, &ours);
            writers.or_else(|| difference(&row.kind, &simplify(&ours), &simplify(&row.json)))
        })
        .collect();
    let shown = &wrong[..wrong.len().min(40)];
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        rows.len(),
        shown.join("\n")
    );
}

#[test]
fn every_object_of_1_36_equals_kubernetes_own_json() {
    compare("1.36", Json::clone);
}

#[test]
fn every_object_of_1_32_equals_kubernetes_own_json_but_for_empties() {
    compare("1.32", without_empties);
}

#[test]
fn every_object_of_1_20_equals_kubernetes_own_json_but_for_empties() {
    compare("1.20", without_empties);
}
