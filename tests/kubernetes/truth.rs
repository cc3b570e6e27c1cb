//! Values that a real kube-apiserver 1.20 stored, beside the object that Kubernetes' own decoder gives for them.

use std::collections::HashMap;

use etcd_inspect::FileName;
use etcd_inspect::bolt::{Db, MetaChoice};
use etcd_inspect::kubernetes::{Options, Value};
use etcd_inspect::{Bytes, Limits};
use rayon::prelude::*;
use serde_json::Value as Json;

use crate::compare::{difference, without_empties};

/// The newest value of every key, read here with what little protobuf an mvccpb.KeyValue needs.
fn newest_values(db: &[u8]) -> HashMap<Vec<u8>, Vec<u8>> {
    let name = FileName::new("db");
    let db = Db::open(
        Bytes::new(&name, 0, db),
        MetaChoice::default(),
        &Limits::default(),
    )
    .unwrap();
    let mut values = HashMap::new();
    let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
    bucket.for_each(&mut |_| {}, &mut |item| {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let mut rest = item.value;
        while let [tag, tail @ ..] = rest {
            let (mut number, mut shift) = (0_usize, 0);
            let mut used = 0;
            for byte in tail {
                number |= usize::from(byte & 0x7f) << shift;
                (shift, used) = (shift + 7, used + 1);
                if *byte < 0x80 {
                    break;
                }
            }
            rest = &tail[used..];
            if tag & 7 == 2 {
                let (data, after) = rest.split_at(number);
                match tag >> 3 {
                    1 => key = data.to_vec(),
                    5 => value = data.to_vec(),
                    _ => {}
                }
                rest = after;
            }
        }
        values.insert(key, value);
    });
    values
}

fn rows(path: &std::path::Path) -> Vec<Json> {
    let text = testkit::unzstd(path);
    let lines: Vec<&[u8]> = text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    lines
        .into_par_iter()
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn compare(member: &str, db: &str, least: usize) {
    let root = testkit::fixture(member);
    let db = std::fs::read(root.join(db)).unwrap();
    let values = newest_values(&db);
    let rows = rows(&root.join("truth/stored.jsonl.zst"));
    let known: Vec<(&str, &Json, &Vec<u8>)> = rows
        .iter()
        .filter_map(|row| {
            let key = row["key"].as_str().unwrap();
            let value = values.get(key.as_bytes())?;
            let same = value.len() as u64 == row["value_len"].as_u64().unwrap();
            (same && row.get("object").is_some()).then_some((key, &row["object"], value))
        })
        .collect();
    assert!(
        known.len() >= least,
        "{} of {} rows are in the db",
        known.len(),
        rows.len()
    );
    let wrong: Vec<String> = known
        .par_iter()
        .filter_map(|(key, want, value)| {
            let object = Value::parse(value)
                .unwrap()
                .object(Options::default())
                .unwrap();
            let ours = object.to_json().unwrap();
            difference(key, &without_empties(&ours), &without_empties(want))
        })
        .collect();
    let shown = &wrong[..wrong.len().min(20)];
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        known.len(),
        shown.join("\n")
    );
}

#[test]
fn every_stored_object_of_a_real_cluster_equals_what_kubernetes_decodes() {
    compare("k8s-1.20-etcd35", "data/member/snap/db", 1166);
}

#[test]
fn every_plain_object_of_an_encrypted_cluster_equals_what_kubernetes_decodes() {
    compare("k8s-1.20-etcd35-enc", "data/member/snap/db", 800);
}
