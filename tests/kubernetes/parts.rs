//! Every stored version of real clusters: what is made without a tree of the object is what the tree gives.

use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_inspect::answers::describe::table_of;
use etcd_inspect::answers::values::{RowForm, Values};
use etcd_inspect::answers::{Cell, Content};
use etcd_inspect::kubernetes::ObjectParts;
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::{Member, Reading, Undecodable};
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::Value as Json;

use crate::objects::objects;

const MEMBERS: [(&str, &str); 2] = [("k8s-1.20-etcd35", "data"), ("k8s-1.20-etcd35-enc", "data")];

/// Calls `each` with all versions of a member; returns their number.
fn for_each_version(
    each: impl Fn(&etcd_inspect::member::Objects<'_>, &etcd_inspect::mvcc::Version<'_>) + Sync,
) -> usize {
    let counts = MEMBERS.iter().map(|(name, data)| {
        let member = Member::open(testkit::fixture(name).join(data)).unwrap();
        let objects = objects(&member, Keyring::default());
        let versions: Vec<_> = objects.keyspace().between(0..=i64::MAX).collect();
        versions
            .par_iter()
            .for_each(|version| each(&objects, version));
        versions.len()
    });
    counts.sum()
}

fn cause<T>(read: Result<T, Undecodable>) -> Result<T, String> {
    read.map_err(|cause| format!("{cause:?}"))
}

#[test]
fn rows_of_parts_are_those_of_whole_objects() {
    let now: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
    let count = for_each_version(|objects, version| {
        let reading = Reading::default();
        let whole = cause(objects.json(version, reading));
        let flat = cause(objects.flat(version, reading, &ObjectParts::SHOWN));
        let (Ok(whole), Ok(_)) = (&whole, &flat) else {
            assert_eq!(flat.map(drop), whole.map(drop));
            return;
        };
        let Some(key) = objects.parse(version.key) else {
            return;
        };
        let targets = objects.layout().resolve(key.plural);
        for target in targets.iter().filter(|target| target.path == key.path) {
            let table = table_of(objects, target, whole);
            let Some(parts) = table.parts() else { continue };
            let flat = objects.flat(version, reading, parts).unwrap();
            let want = table.row(whole, now, true);
            assert_eq!(table.row_of(&flat, now, true), want, "{version:?}");
        }
    });
    assert!(count > 1000, "{count}");
}

#[test]
fn lines_of_objects_are_what_their_documents_are_written_as() {
    fn write(value: &Json, out: &mut Vec<u8>) {
        out.extend_from_slice(value.to_string().as_bytes());
    }
    let lines = AtomicUsize::new(0);
    let mask = Mask::new(b"a key");
    for_each_version(|objects, version| {
        for (stored, unknown_fields, mask) in [
            (false, false, None),
            (false, false, Some(&mask)),
            (true, true, None),
        ] {
            let reading = Reading {
                stored,
                unknown_fields,
            };
            let values = Values::new(objects, reading, mask.cloned());
            let in_lines = values.cells(version, RowForm::Lines(write));
            let documents = values.cells(version, RowForm::Documents);
            let written = in_lines.into_iter().map(|cell| match &cell.content {
                Content::Line(line) => {
                    lines.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(cell.json().to_string(), *line);
                    Cell::shown("", cell.json())
                }
                _ => cell,
            });
            assert_eq!(written.collect::<Vec<_>>(), documents, "{version:?}");
        }
        let leaves_out = objects.leaves_out_fields(version, Reading::default());
        let all = Reading {
            unknown_fields: true,
            ..Reading::default()
        };
        if let (Ok(whole), Ok(all)) = (
            objects.json(version, Reading::default()),
            objects.json(version, all),
        ) {
            assert_eq!(leaves_out, whole != all, "{version:?}");
        }
    });
    assert!(lines.into_inner() > 1000);
}
