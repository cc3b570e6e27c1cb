//! Bytes that no table foresees, and the order that no Kubernetes writes.

use etcd_inspect_kube::{Options, Value};
use serde_json::{Value as Json, json};

use crate::encode::{envelope, field};

fn decode(stored: &[u8], options: Options) -> Json {
    Value::parse(stored)
        .unwrap()
        .object(options)
        .unwrap()
        .to_json()
        .unwrap()
}

fn unknown_fields() -> Options {
    Options {
        unknown_fields: true,
        ..Options::default()
    }
}

#[test]
fn a_kind_of_no_release_is_shown_by_field_numbers_with_its_metadata_named() {
    let meta = [field(1, b"web"), field(3, b"shop"), field(8, b"")].concat();
    let spec = [
        field(1, b"text"),
        vec![0x10, 5],
        field(3, b"\x08\x01"),
        field(3, b"\x08\x02"),
    ]
    .concat();
    let stored = envelope(
        "example.com/v9",
        "Unheard",
        &[field(1, &meta), field(2, &spec)].concat(),
    );
    let object = Value::parse(&stored)
        .unwrap()
        .object(Options::default())
        .unwrap();
    let want = json!({
        "kind": "Unheard", "apiVersion": "example.com/v9", "metadata": {"name": "web", "namespace": "shop"},
        "2": {"1": "text", "2": 5, "3": [{"1": 1}, {"1": 2}]},
    });
    assert_eq!(object.to_json().unwrap(), want);
    assert!(object.note().unwrap().contains("example.com/v9 Unheard"));
}

#[test]
fn without_anything_like_metadata_every_field_of_an_unknown_kind_is_a_number() {
    let stored = envelope("", "", &[field(1, b"\x08\x01"), field(7, b"\xff")].concat());
    assert_eq!(
        decode(&stored, Options::default()),
        json!({"1": {"1": 1}, "7": "/w=="})
    );
}

#[test]
fn unknown_fields_of_a_known_kind_are_shown_only_when_asked_for() {
    let meta = [field(1, b"shop"), field(99, b"new")].concat();
    let stored = envelope(
        "v1",
        "Namespace",
        &[field(1, &meta), field(50, b"later"), field(50, b"still")].concat(),
    );
    let plain = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "shop"}, "spec": {}, "status": {}});
    assert_eq!(decode(&stored, Options::default()), plain);
    let mut all = plain;
    all["metadata"]["99"] = json!("new");
    all["50"] = json!(["later", "still"]);
    assert_eq!(decode(&stored, unknown_fields()), all);
}

#[test]
fn parts_of_a_message_are_merged_and_the_last_scalar_wins_in_any_order() {
    let label = |key: &[u8], value: &[u8]| field(11, &[field(1, key), field(2, value)].concat());
    let first = [label(b"b", b"1"), field(1, b"old")].concat();
    let second = [field(1, b"shop"), label(b"a", b"2"), label(b"b", b"3")].concat();
    let status = field(3, &field(1, b"Active"));
    let raw = [field(1, &first), status, field(1, &second)].concat();
    let want = json!({
        "kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "shop", "labels": {"a": "2", "b": "3"}},
        "spec": {}, "status": {"phase": "Active"},
    });
    let ours = decode(&envelope("v1", "Namespace", &raw), Options::default());
    assert_eq!(ours, want);
    assert_eq!(
        ours["metadata"]["labels"].to_string(),
        r#"{"a":"2","b":"3"}"#
    );
}

#[test]
fn the_revision_of_the_key_becomes_the_resource_version_in_every_encoding() {
    let options = || Options {
        resource_version: Some(4242),
        ..Options::default()
    };
    let meta = [field(1, b"shop"), field(6, b"1")].concat();
    let protobuf = envelope("v1", "Namespace", &field(1, &meta));
    let json = br#"{"kind":"Widget","metadata":{"name":"w","uid":"u"}}"#;
    let cbor = b"\xd9\xd9\xf7\xa1\x48metadata\xa1\x44name\x41w";
    for stored in [&protobuf[..], json, cbor] {
        assert_eq!(
            decode(stored, options())["metadata"]["resourceVersion"],
            "4242"
        );
    }
    assert_eq!(
        decode(&protobuf, Options::default())["metadata"]["resourceVersion"],
        "1"
    );
    assert_eq!(
        decode(json, Options::default())["metadata"].get("resourceVersion"),
        None
    );
    // Stored custom resources have sorted members, and stay sorted.
    let text = decode(json, options()).to_string();
    assert!(
        text.contains(r#""name":"w","resourceVersion":"4242","uid":"u""#),
        "{text}"
    );
}

#[test]
fn damage_inside_an_object_is_an_error_with_the_offset_of_the_bad_byte() {
    let meta = field(1, b"shop");
    let stored = envelope("v1", "Namespace", &[&[0x0a, 0x20], &meta[..]].concat());
    let object = Value::parse(&stored)
        .unwrap()
        .object(Options::default())
        .unwrap();
    let error = object.to_json().unwrap_err();
    assert_eq!(
        error.to_string(),
        "value @ 0x19: field needs 32 bytes, 6 are left"
    );
    assert_eq!(
        object.decode::<Json>().unwrap_err().to_string(),
        error.to_string()
    );
    let mut line = b"before".to_vec();
    assert!(object.write_json(&mut line).is_err());
    assert_eq!(line, b"before");

    let varint_for_text = envelope("v1", "Namespace", &field(1, &[0x08, 1]));
    let object = Value::parse(&varint_for_text)
        .unwrap()
        .object(Options::default())
        .unwrap();
    let error = object.to_json().unwrap_err().to_string();
    assert!(
        error.contains("field 1 (name) has another wire type than String"),
        "{error}"
    );
}

#[test]
fn a_json_value_that_is_cut_off_says_where() {
    let error = Value::parse(b"{\"kind\":\n\"Wid")
        .unwrap()
        .object(Options::default())
        .unwrap_err();
    assert!(
        error.to_string().starts_with("value @ 0xc: json:"),
        "{error}"
    );
}

#[test]
fn embedded_json_with_a_number_out_of_range_is_text_in_every_form() {
    for number in ["1e999".to_owned(), "9".repeat(400)] {
        let raw = format!("{{\"a\":{number}}}");
        // ObjectMeta 17 is managedFields, 7 in it fieldsV1.
        let entry = field(7, &field(1, raw.as_bytes()));
        let stored = envelope("v1", "Namespace", &field(1, &field(17, &entry)));
        let object = Value::parse(&stored)
            .unwrap()
            .object(Options::default())
            .unwrap();
        let mut line = Vec::new();
        object.write_json(&mut line).unwrap();
        let written: Json = serde_json::from_slice(&line).unwrap();
        assert_eq!(written, object.to_json().unwrap());
        assert_eq!(
            written["metadata"]["managedFields"][0]["fieldsV1"],
            json!(raw)
        );
    }
}
