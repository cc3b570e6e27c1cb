//! Prints the sums of keys by resource as JSON: the same document as `etcd-inspect keys --by-resource -o json`.
//!
//! ```text
//! cargo run -p etcd-inspect-lib --example sums -- /copy/m1
//! ```

use std::io::Write as _;

use etcd_inspect::answers::clocks::Dating;
use etcd_inspect::answers::keys::Within;
use etcd_inspect::answers::sums::{By, sums};
use etcd_inspect::dataset::Dataset;
use etcd_inspect::mvcc::KeyRange;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which directory?")?;
    let dataset = Dataset::open(path)?;
    let (objects, damage) = dataset.objects()?.into_parts();
    let everything = Within {
        objects: &objects,
        namespace: None,
        dating: Dating::new(dataset.member(), None),
    };
    let counts = objects.keyspace().counts();
    let space = |_: Option<&_>| dataset.member().space(&counts).map(Some);
    let table = sums(
        &objects,
        &everything,
        &KeyRange::all(),
        By::Resource,
        None,
        space,
    )?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &table)?;
    writeln!(out)?;
    if !damage.is_empty() {
        writeln!(std::io::stderr(), "the sums are partial: {damage}")?;
    }
    Ok(())
}
