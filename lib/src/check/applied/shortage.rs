//! A store that ends before the writes of the log that it has applied.
//!
//! A tree that is entered at the wrong page is sound and has fewer records: no page says so. But the entries up to consistent_index
//! make a revision, or at least so many after the compaction that one of them names, and a store that has applied them reaches it.

use super::{FindingSet, RunEntry};
use crate::codes::cross;
use crate::mvcc::Keyspace;
use crate::raft::{Operation, Payload, Request};
use crate::recover::{Applied, Nothing, Replay};
use crate::start::counted;
use crate::text::number::thousands;
use located::Finding;

/// Percentage of the records of the store that must be what the log wrote, so that it is its own.
const OWN_PERCENT: usize = 90;

/// What is known of a log besides its entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortageRules {
    /// It begins with the empty store.
    pub(super) is_whole: bool,
    /// An alarm or authentication is on in the db: requests may have been refused.
    pub(super) may_refuse: bool,
}

/// Reports that the store ends before the last write that it has applied; returns whether it does.
pub(super) fn shortage(
    keyspace: &Keyspace<'_>,
    applied: &[RunEntry<'_>],
    ShortageRules {
        is_whole,
        may_refuse,
    }: ShortageRules,
    findings: &mut FindingSet,
) -> bool {
    let made = match is_whole {
        true => made(keyspace, applied),
        false if may_refuse => None,
        false => least(keyspace, applied),
    };
    let revision = keyspace.revision();
    let (Some(made), Some(last)) = (made.filter(|made| *made > revision), applied.last()) else {
        return false;
    };
    let missing = made.saturating_sub(revision).unsigned_abs();
    let first = revision.saturating_add(1);
    let message = format!(
        "the entries of the WAL up to {} {} revision {}, but the tree of bucket key ends at revision {}: {} missing in it, though the store has applied them",
        thousands(last.entry.index.into()),
        if is_whole {
            "wrote up to"
        } else {
            "wrote at least up to"
        },
        thousands(made.into()),
        thousands(revision.into()),
        match missing {
            1 => "1 write is".to_owned(),
            _ => format!("{} are", counted(missing, "write", "writes")),
        }
    );
    let finding = Finding::new(&cross::MISSING, findings.db_place(), message);
    let finding = finding
        .seen(format!("revision {revision}"), format!("revision {made}"))
        .count(missing);
    findings.add(finding, (first, made));
    true
}

/// The revision that the entries since the empty store make, if they also made the records that are there.
fn made(keyspace: &Keyspace<'_>, applied: &[RunEntry<'_>]) -> Option<i64> {
    let mut replay = Replay::new(&Nothing, super::beginning(), 1, -1);
    for entry in applied {
        if let Applied::Stops(_) = entry.apply(&mut replay) {
            return None;
        }
    }
    let changes = replay.changes();
    let (mut all, mut own) = (0usize, 0usize);
    for version in keyspace.between(0..=i64::MAX) {
        all = all.saturating_add(1);
        let at = changes.binary_search_by_key(&version.revision, |change| change.revision);
        let change = at.ok().and_then(|at| changes.get(at));
        let is_own = change.is_some_and(|change| *change.key == *version.key);
        own = own.saturating_add(usize::from(is_own));
    }
    let is_own = all > 0 && own.saturating_mul(100) >= all.saturating_mul(OWN_PERCENT);
    is_own.then(|| replay.revision())
}

/// The least revision that the entries make: that of the compaction in force, and one for each put after its request. `None` if
/// requests may have been refused.
fn least(keyspace: &Keyspace<'_>, applied: &[RunEntry<'_>]) -> Option<i64> {
    let compacted = keyspace.compact_revision()?;
    // A request to compact a later revision than the newest is in the log, too, and is refused: the store names the one that was not.
    // Source: `compaction` in `server/mvcc/kvstore.go`, v3.5.30.
    let at = applied.iter().rposition(|entry| {
        operation_is(entry, |operation| {
            matches!(operation, Operation::Compaction(one) if one.revision == compacted)
        })
    })?;
    let later = applied.get(at..)?;
    let may_be_refused = |operation: &Operation<'_>| {
        matches!(operation, Operation::Alarm(_) | Operation::AuthEnable(_))
    };
    if later
        .iter()
        .any(|entry| operation_is(entry, may_be_refused))
    {
        return None;
    }
    let puts = later.iter().filter(|entry| {
        let mut puts = false;
        entry.each_put(|put| puts |= !put.is_conditional && put.lease == 0 && !put.keeps_value);
        puts
    });
    Some(compacted.saturating_add(i64::try_from(puts.count()).unwrap_or(0)))
}

fn operation_is(entry: &RunEntry<'_>, is: impl Fn(&Operation<'_>) -> bool) -> bool {
    match &entry.payload() {
        Payload::Request(Request::Internal(request)) => {
            request.operation().is_some_and(|operation| is(&operation))
        }
        _ => false,
    }
}
