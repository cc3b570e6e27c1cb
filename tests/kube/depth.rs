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
