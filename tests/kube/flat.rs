//! Objects of which only parts are read say the same as whole ones, and break where whole ones break.

use etcd_inspect_kube::table::{Table, labels, labels_of};
use etcd_inspect_kube::{Flat, FlatValue, Limits, ObjectParts, Options, Value};
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::Value as Json;

use crate::compare::{Row, rows};

const RELEASES: [&str; 3] = ["1.20", "1.32", "1.36"];

static UID: ObjectParts = ObjectParts::only(&[(
    "metadata",
    ObjectParts::only(&[("uid", ObjectParts::WHOLE)]),
)]);

fn read(stored: &[u8], depth: usize) -> Result<Json, String> {
    let object = Value::parse(stored).and_then(|value| value.object(options(depth)));
    let json = object.and_then(|object| object.to_json());
    json.map_err(|error| error.to_string())
}

fn read_parts(stored: &[u8], depth: usize, parts: &ObjectParts) -> Result<Flat, String> {
    let object = Value::parse(stored).and_then(|value| value.object(options(depth)));
    let flat = object.and_then(|object| object.flat(parts));
    flat.map_err(|error| error.to_string())
}

/// What the tree is written as, where that is possible without the tree.
fn line(stored: &[u8], depth: usize) -> Option<Result<String, String>> {
    fn odd(value: &Json, out: &mut Vec<u8>) {
        out.extend_from_slice(value.to_string().as_bytes());
    }
    let object = Value::parse(stored).and_then(|value| value.object(options(depth)));
    let mut out = Vec::new();
    match object.and_then(|object| object.write_line(odd, &mut out)) {
        Ok(true) => Some(Ok(String::from_utf8(out).unwrap())),
        Ok(false) => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

fn is_known(stored: &[u8], depth: usize) -> bool {
    let object = Value::parse(stored).and_then(|value| value.object(options(depth)));
    object.is_ok_and(|object| object.is_known())
}

fn with_unknown(stored: &[u8], depth: usize) -> Result<Json, String> {
    let mut options = options(depth);
    options.unknown_fields = true;
    let object = Value::parse(stored).and_then(|value| value.object(options));
    let json = object.and_then(|object| object.to_json());
    json.map_err(|error| error.to_string())
}

fn options(depth: usize) -> Options {
    let mut limits = Limits::default();
    limits.value_depth = depth;
    Options {
        resource_version: Some(7),
        limits,
        ..Options::default()
    }
}

/// The same value as a tree.
fn tree(value: FlatValue<'_>) -> Json {
    if value.is_list() {
        return value.items().map(tree).collect();
    }
    if value.is_object() {
        let members: Vec<_> = value.members().collect();
        let named = members
            .iter()
            .map(|member| (member.name().to_owned(), tree(*member)));
        let object: serde_json::Map<_, _> = named.collect();
        assert_eq!(object.len(), members.len(), "two members of one name");
        return Json::Object(object);
    }
    if value.is_null() {
        return Json::Null;
    }
    let text = value.text().map(Json::from);
    let number = || value.number().cloned().map(Json::Number);
    let flag = || value.flag().map(Json::from);
    text.or_else(number).or_else(flag).unwrap()
}

fn all() -> Vec<Row> {
    RELEASES.into_iter().flat_map(rows).collect()
}

#[test]
fn a_flat_object_has_the_values_of_the_tree() {
    let all = all();
    assert!(all.len() > 2700, "{}", all.len());
    all.par_iter().for_each(|row| {
        let mut json = read(&row.stored, 100).unwrap();
        let is_schema = row.kind.contains("CustomResourceDefinition");
        assert!(is_known(&row.stored, 100) || is_schema, "{}", row.kind);
        assert_eq!(line(&row.stored, 100), Some(Ok(json.to_string())));
        let whole = read_parts(&row.stored, 100, &ObjectParts::WHOLE).unwrap();
        assert_eq!(tree(whole.root().unwrap()), json, "{}", row.kind);
        let shown = read_parts(&row.stored, 100, &ObjectParts::SHOWN).unwrap();
        if let Some(metadata) = json.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.shift_remove("managedFields");
        }
        assert_eq!(tree(shown.root().unwrap()), json, "{}", row.kind);
        let uid = read_parts(&row.stored, 100, &UID).unwrap();
        let uid = uid.root().and_then(|object| object.path("metadata.uid"));
        let want = json.pointer("/metadata/uid").and_then(Json::as_str);
        assert_eq!(uid.and_then(FlatValue::text), want, "{}", row.kind);
    });
}

#[test]
fn cells_of_parts_are_those_of_the_whole_object() {
    let now: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
    let named = all().into_par_iter().filter(|row| {
        let json = read(&row.stored, 100).unwrap();
        let api_version = json["apiVersion"].as_str().unwrap();
        let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
        let table = Table::of_kind(group, json["kind"].as_str().unwrap());
        let parts = table.parts().unwrap();
        let flat = read_parts(&row.stored, 100, parts).unwrap();
        for wide in [false, true] {
            let want = table.row(&json, now, wide);
            assert_eq!(table.row_of(&flat, now, wide), want, "{}", row.kind);
        }
        assert_eq!(labels_of(&flat), labels(&json), "{}", row.kind);
        table.columns().len() > 2
    });
    assert!(named.count() > 1000);
}

#[test]
fn a_value_breaks_at_the_same_byte_whether_it_is_shown_or_not() {
    let broken = all().into_par_iter().enumerate().map(|(at, row)| {
        let mut state = at as u64 | 1 << 40;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let mut broken = 0;
        for _ in 0..3 {
            let mut stored = row.stored.clone();
            let (first, second) = (random(stored.len()), random(stored.len()));
            match random(4) {
                0 => stored.truncate(first),
                1 => stored[first] = random(256) as u8,
                2 => stored[first] ^= 1 << random(8),
                _ => (stored[first], stored[second]) = (stored[second], stored[first]),
            }
            let depth = [100, 1 + random(30)][random(2)];
            let want = read(&stored, depth).map(drop);
            broken += usize::from(want.is_err());
            if let Some(line) = line(&stored, depth) {
                assert_eq!(line, read(&stored, depth).map(|json| json.to_string()));
            }
            if is_known(&stored, depth) {
                assert_eq!(with_unknown(&stored, depth), read(&stored, depth));
            }
            for parts in [
                &ObjectParts::WHOLE,
                &ObjectParts::SHOWN,
                &ObjectParts::NONE,
                &UID,
            ] {
                let flat = read_parts(&stored, depth, parts).map(drop);
                assert_eq!(flat, want, "{} with {parts:?} and {depth} levels", row.kind);
            }
        }
        broken
    });
    let broken: usize = broken.sum();
    assert!(broken > 1000, "{broken}");
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    // Labels "a\xff" and "a\xfe" are both shown as "a\u{fffd}".
    let label = |name: u8, value: u8| [0x5a, 7, 0x0a, 2, b'a', name, 0x12, 1, value];
    let metadata = [label(0xfe, b'1'), label(0xff, b'2')].concat();
    let metadata = [&[0x0a, metadata.len() as u8][..], &metadata].concat();
    let envelope = b"k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12";
    let stored = [
        &envelope[..],
        &[metadata.len() as u8],
        &metadata,
        b"\x1a\0\"\0",
    ]
    .concat();
    let json = read(&stored, 100).unwrap();
    assert_eq!(json["metadata"]["labels"]["a\u{fffd}"], "2");
    let flat = read_parts(&stored, 100, &ObjectParts::WHOLE).unwrap();
    assert_eq!(tree(flat.root().unwrap()), json);
    assert_eq!(line(&stored, 100), None);
}
