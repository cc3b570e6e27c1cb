//! Every number that etcd itself returned for every member of `fixtures/`, computed again from the files alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod dataset;
mod db;
mod live;
mod wal;

use etcd_inspect::member::Member;
use testkit::expected::Expected;

/// Opens every member of the manifest.
fn each(mut ask: impl FnMut(&Expected, &Member)) {
    let all = Expected::all();
    assert!(all.len() > 30, "the manifest lists {} members", all.len());
    for expected in all {
        let member = Member::open(expected.data_dir())
            .unwrap_or_else(|error| panic!("{}: {error}", expected.name));
        ask(&expected, &member);
    }
}
