//! Random objects: drawn from the field tables, encoded by testkit, decoded by the library.

use etcd_inspect_kube::Limits;
use etcd_inspect_kube::{Options, Value};
use proptest::prelude::*;
use rayon::prelude::*;
use std::sync::LazyLock;
use testkit::synth::kubernetes::{Random, Schema};

use crate::compare::difference;
use crate::encode::{envelope, field};

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::load);

/// The first difference between what is decoded and what was drawn.
fn check(kind: usize, seed: u64) -> Option<String> {
    let (stored, want) = SCHEMA.object(kind, &mut Random::new(seed));
    let object = Value::parse(&stored)
        .unwrap()
        .object(Options::default())
        .unwrap();
    let name = format!(
        "{}/{} (kind {kind}, seed {seed})",
        object.api_version(),
        object.kind()
    );
    let ours = object.to_json().unwrap();
    let mut line = Vec::new();
    object.write_json(&mut line).unwrap();
    assert!(!line.contains(&b'\n'), "{name}: one object is one line");
    let line = serde_json::from_slice(&line).unwrap();
    difference(&name, &ours, &want).or_else(|| difference(&name, &line, &want))
}

#[test]
fn every_kind_is_decoded_to_what_was_encoded() {
    let wrong: Vec<String> = (0..SCHEMA.kinds())
        .into_par_iter()
        .flat_map_iter(|kind| (0..3).filter_map(move |seed| check(kind, seed)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

/// Reads a value in every way there is; what comes out does not matter here.
fn read_everything(stored: &[u8]) {
    let Ok(value) = Value::parse(stored) else {
        return;
    };
    let _ = value.type_meta();
    let options = Options {
        resource_version: Some(1),
        unknown_fields: true,
        ..Options::default()
    };
    let Ok(object) = value.object(options) else {
        return;
    };
    let mut line = Vec::new();
    let written = object.write_json(&mut line);
    let tree = object.to_json();
    assert_eq!(written.is_ok(), tree.is_ok());
    if let Ok(tree) = tree {
        // A text may hold numbers that a tree rounds, so only the shape is compared.
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&line)
                .unwrap()
                .is_object(),
            tree.is_object()
        );
    } else {
        assert!(line.is_empty(), "nothing is left of a failed object");
    }
    let _ = object.decode::<serde_json::Value>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_object_is_decoded_to_what_was_encoded(kind in 0..500_usize, seed in any::<u64>()) {
        prop_assert_eq!(check(kind, seed), None);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_everything(&bytes);
        read_everything(&[b"k8s\0", &bytes[..]].concat());
        read_everything(&[b"\xd9\xd9\xf7", &bytes[..]].concat());
        read_everything(&[b"{", &bytes[..]].concat());
        read_everything(&envelope("v1", "Pod", &bytes));
        read_everything(&envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", &bytes));
        read_everything(&envelope("example.com/v1", "Unheard", &bytes));
    }

    #[test]
    fn a_damaged_object_never_panics(
        kind in 0..500_usize,
        seed in any::<u64>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut stored, _) = SCHEMA.object(kind, &mut Random::new(seed));
        for (at, byte) in &flips {
            *at.get_mut(&mut stored) = *byte;
        }
        read_everything(&stored);
        read_everything(&stored[..cut.index(stored.len())]);
    }
}

#[test]
fn nesting_deeper_than_the_limit_is_an_error_with_the_option_that_raises_it() {
    // JSONSchemaProps 28 is `not`: a schema in a schema in a schema.
    let schema = (0..300).fold(Vec::new(), |schema, _| field(28, &schema));
    let spec = field(7, &field(4, &field(1, &schema)));
    let stored = envelope(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &field(2, &spec),
    );
    let object = Value::parse(&stored)
        .unwrap()
        .object(Options::default())
        .unwrap();
    let error = object.to_json().unwrap_err().to_string();
    assert!(error.contains("--value-depth"), "{error}");
    let limits = |depth: usize| {
        let mut limits = Limits::default();
        limits.value_depth = depth;
        limits
    };
    let with = |stored, depth| {
        let options = Options {
            limits: limits(depth),
            ..Options::default()
        };
        let written = Value::parse(stored).unwrap().object(options).unwrap();
        written
            .write_json(&mut Vec::new())
            .and(written.decode::<serde_json::Value>().map(drop))
    };
    assert!(with(&stored, 400).is_ok());
    // No limit lets a value take the whole stack.
    let schema = (0..490).fold(Vec::new(), |schema, _| field(28, &schema));
    let spec = field(7, &field(4, &field(1, &schema)));
    let deep = envelope(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &field(2, &spec),
    );
    assert!(with(&deep, usize::MAX).is_ok());
    let schema = (0..2000).fold(Vec::new(), |schema, _| field(28, &schema));
    let deeper = envelope(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &field(2, &field(7, &field(4, &field(1, &schema)))),
    );
    assert!(with(&deeper, usize::MAX).is_err());
}
