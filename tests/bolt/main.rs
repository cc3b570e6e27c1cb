//! The bbolt room, on built files and on real ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may stop at the first surprise"
)]

mod built;
mod damaged;
mod real;
mod written;

use etcd_inspect_bbolt::{Db, MetaChoice, check};
use located::progress::Silent;
use located::{Bytes, FileName, Finding, Limits};

/// Opens bytes and hands the db to `ask`.
fn with_db<T>(file: &[u8], choice: MetaChoice, ask: impl FnOnce(&Db<'_>) -> T) -> T {
    let name = FileName::new("db");
    ask(&Db::open(Bytes::new(&name, 0, file), choice, &Limits::default()).unwrap())
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Every element of a bucket, with what the walk complained about.
fn entries(file: &[u8], bucket: &[u8]) -> (Entries, Vec<Finding>) {
    with_db(file, MetaChoice::Newest, |db| {
        let (mut all, mut found) = (Vec::new(), Vec::new());
        let bucket = db.bucket(bucket, &mut |_| {}).unwrap();
        bucket.for_each(&mut |f| found.push(f), &mut |item| {
            all.push((item.key.to_vec(), item.value.to_vec()));
        });
        (all, found)
    })
}

/// The findings of the whole check.
fn findings(file: &[u8]) -> Vec<Finding> {
    with_db(file, MetaChoice::Newest, |db| {
        let mut found = Vec::new();
        check::check(db, &Silent, &mut |finding| found.push(finding));
        found
    })
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    let mut codes: Vec<_> = found.iter().map(|finding| finding.code.id).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
