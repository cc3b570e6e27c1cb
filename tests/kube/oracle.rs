//! Protobuf as stored beside the JSON of Kubernetes' own serializer, for every kind of three releases.

use etcd_inspect_kube::{Options, Value};
use rayon::prelude::*;
use serde_json::Value as Json;

use crate::compare::{difference, rows, without_empties};

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

#[test]
fn every_object_of_1_36_survives_yaml() {
    let wrong: Vec<String> = rows("1.36")
        .par_iter()
        .filter_map(|row| {
            let object = Value::parse(&row.stored)
                .unwrap()
                .object(Options::default())
                .unwrap();
            let mut yaml = Vec::new();
            etcd_inspect_kube::yaml::write(&mut yaml, &object).unwrap();
            let read: Json = serde_saphyr::from_slice(&yaml).unwrap();
            difference(&row.kind, &read, &row.json)
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}
