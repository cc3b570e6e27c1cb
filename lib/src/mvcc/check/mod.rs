//! Rules that every record of the `key` bucket must obey.
//!
//! Nothing protects it: bbolt has no checksum over pages, and etcd looks at little more than whether a message parses. But
//! records depend on each other: every revision greater than the compaction revision occurs, the versions of a key count up,
//! and create_revision stays the same until the key is deleted. A lost page, a stale page, a record that is missing or is back
//! breaks at least one of these rules. [`check`] compares every record with the one before it in the log and with the one
//! before it of the same key; it needs no memory besides the index.

mod found;
mod rules;
mod unreadable;

use rayon::prelude::*;

use self::found::{Tally, report};
use self::rules::Judge;
use super::keyspace::Keyspace;
use crate::bolt::Bucket;
use located::Limits;
use located::Sink;
use located::progress::Progress;

/// Number of records of one task.
const RECORDS_PER_TASK: usize = 4096;

/// Checks every record of the `key` bucket that `keyspace` was indexed from.
///
/// Findings of one rule on one page are one finding with a count; of each code, [`Limits::findings_per_code`] pages keep
/// their own. Damage of the tree itself is for [`bolt::check`](crate::bolt::check).
pub fn check(
    bucket: &Bucket<'_>,
    keyspace: &Keyspace<'_>,
    limits: &Limits,
    progress: &dyn Progress,
    sink: &mut Sink<'_>,
) {
    let records = keyspace.index().len();
    progress.begin(
        "revisions",
        keyspace
            .index
            .records
            .par_iter()
            .map(|record| record.stored_bytes())
            .sum(),
    );
    let tasks: Vec<usize> = (0..records).step_by(RECORDS_PER_TASK).collect();
    let judge = Judge::new(keyspace);
    let tallies: Vec<Tally> = tasks
        .into_par_iter()
        .filter(|_| !progress.cancelled())
        .map(|start| {
            let mut tally = Tally::default();
            let end = records.min(start + RECORDS_PER_TASK);
            let mut bytes = 0;
            for id in start..end {
                bytes += judge.record(id, &mut tally);
            }
            progress.advance(bytes);
            tally
        })
        .filter(|tally| !tally.is_empty())
        .collect();
    let mut total = Tally::default();
    if keyspace.index().skipped() > 0 {
        unreadable::scan(bucket, &mut total);
    }
    tallies.into_iter().for_each(|tally| total.append(tally));
    report(bucket, total, limits, sink);
}

/// The first bytes of a user key, escaped: what a message shows of it.
fn shown(key: &[u8]) -> String {
    const SHOWN: usize = 200;
    match key.get(..SHOWN) {
        Some(start) if key.len() > SHOWN => format!("\"{}…\"", start.escape_ascii()),
        _ => format!("\"{}\"", key.escape_ascii()),
    }
}
