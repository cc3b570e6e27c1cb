//! The bound on nesting: the same for protobuf, JSON and CBOR, up to the maximum and never beyond.

use etcd_inspect_kube::{Error, Limits, MAX_VALUE_DEPTH, Options, Value};
use serde_json::Value as Json;

/// A custom resource whose `spec` makes it `levels` deep.
fn nested_json(levels: usize) -> Vec<u8> {
    let inner = levels - 1;
    let spec = "{\"a\":".repeat(inner) + "1" + &"}".repeat(inner);
    format!(r#"{{"apiVersion":"example.com/v1","kind":"Widget","spec":{spec}}}"#).into_bytes()
}

/// The same in CBOR.
fn nested_cbor(levels: usize) -> Vec<u8> {
    let mut data =
        b"\xd9\xd9\xf7\xa3\x4aapiVersion\x4eexample.com/v1\x44kind\x46Widget\x44spec".to_vec();
    data.extend(b"\xa1\x41a".repeat(levels - 1));
    data.push(1);
    data
}

fn options(levels: usize) -> Options {
    let mut limits = Limits::default();
    limits.value_depth = levels;
    Options {
        limits,
        ..Options::default()
    }
}

/// Decodes in every way there is; the ways agree.
fn decode(stored: &[u8], levels: usize) -> Result<Json, Error> {
    let object = Value::parse(stored)?.object(options(levels))?;
    let tree = object.to_json()?;
    let mut line = Vec::new();
    object.write_json(&mut line)?;
    let mut reader = serde_json::Deserializer::from_slice(&line);
    reader.disable_recursion_limit();
    assert_eq!(
        serde::Deserialize::deserialize(&mut reader).ok(),
        Some(tree.clone())
    );
    Ok(tree)
}

#[test]
fn a_custom_resource_is_read_as_deep_as_the_limit_says_and_not_deeper() {
    for stored in [nested_json, nested_cbor] {
        for levels in [2, 3, 64, 127, 128, 129, 130, 200, 499, 500] {
            assert!(decode(&stored(levels), levels).is_ok(), "{levels}");
            let refused = decode(&stored(levels), levels - 1);
            assert!(matches!(refused, Err(Error::Limit { .. })), "{levels}");
        }
    }
}

#[test]
fn no_limit_lets_a_value_take_the_whole_stack() {
    for stored in [nested_json, nested_cbor] {
        assert!(decode(&stored(MAX_VALUE_DEPTH), usize::MAX).is_ok());
        for levels in [MAX_VALUE_DEPTH + 1, 10_000, 1_000_000] {
            let refused = decode(&stored(levels), usize::MAX).unwrap_err();
            assert!(refused.to_string().contains("500"), "{levels}: {refused}");
        }
    }
}

/// A message of protobuf that is printed as a map with a map in it, two bytes each.
fn containers(count: usize) -> Vec<u8> {
    let varint = |mut value: usize| {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let field =
        |number: u8, body: &[u8]| [&[number << 3 | 2][..], &varint(body.len()), body].concat();
    let pod = [
        field(1, &field(1, b"tiny")),
        field(2, &b"\x12\0".repeat(count)),
    ]
    .concat();
    let kind = [field(1, b"v1"), field(2, b"Pod")].concat();
    [&b"k8s\0"[..], &field(1, &kind), &field(2, &pod)].concat()
}

#[test]
fn a_value_that_would_take_many_times_its_size_is_refused_by_every_encoding_and_texts_are_not() {
    let json = |item: &str, count: usize| {
        let items = vec![item; count].join(",");
        let text = format!(
            r#"{{"apiVersion":"example.com/v1","kind":"Widget","spec":{{"a":[{items}]}}}}"#
        );
        text.into_bytes()
    };
    let cbor = |item: &[u8], count: u32| {
        let mut data =
            b"\xd9\xd9\xf7\xa3\x4aapiVersion\x4eexample.com/v1\x44kind\x46Widget\x44spec".to_vec();
        data.extend(b"\xa1\x41a\x9a");
        data.extend(count.to_be_bytes());
        data.extend(item.repeat(count as usize));
        data
    };
    let mut raised = options(128);
    raised.limits.value_memory = 1 << 30;
    for stored in [
        json("1", 400_000),
        json("{}", 400_000),
        json("[[1]]", 100_000),
        cbor(b"\xf6", 400_000),
        cbor(b"\x80", 400_000),
        cbor(b"\x81\x81\x01", 100_000),
        cbor(b"\xa1\x41a\xf6", 100_000),
        containers(100_000),
    ] {
        let refused = decode(&stored, 128).unwrap_err();
        let option = match &refused {
            Error::Limit { option, .. } => *option,
            other => panic!("{other}"),
        };
        assert_eq!(option, "--value-memory", "{refused}");
        let object = Value::parse(&stored).unwrap().object(raised.clone());
        assert!(object.is_ok(), "{:?}", object.err());
    }
    let text = format!("\"{}\"", "x".repeat(3_000_000));
    assert!(decode(&json(&text, 1), 128).is_ok());
    assert!(decode(&json("{\"name\":\"web\",\"value\":\"1\"}", 20_000), 128).is_ok());
    assert!(decode(&containers(10_000), 128).is_ok());
}
