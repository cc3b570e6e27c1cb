//! Segments that etcd reads but does not need: damage in them stops a start in vain.

use super::lines::{Level, Line};
use crate::backend::Meta;
use crate::member::Member;
use crate::wal::{Damage, LogSnapshot, Segment};
use located::progress::Progress;
use located::reported_by;

/// Returns the advice to move old segments aside, if all damage of the log is in segments before the one of the newest usable
/// `.snap`.
///
/// etcd opens the last segment whose name is not after the snapshot (etcd `server/wal/wal.go`, v3.5.30, `selectWALFiles`), but
/// `ValidSnapshotEntries` in the same file reads all of them first.
pub(super) fn advice(member: &Member, progress: &dyn Progress) -> Option<Line> {
    let wal = member.wal_with(progress)?;
    let db = member.db().ok()?;
    let log = wal.log();
    let applied = Meta::read(&db, &mut reported_by("backend::check"))
        .consistent_index
        .unwrap_or_default();
    let snaps = member.snaps(&mut reported_by("snap::check"));
    let newest = snaps.usable().find_map(|snap| {
        let is_it = |record: &&LogSnapshot| (record.index, record.term) == (snap.index, snap.term);
        let record = log.valid_snapshots().rfind(is_it)?;
        log.records.get(record.record).map(|_| snap.index)
    });
    let newest = newest.filter(|newest| *newest <= applied)?;
    let first = |segment: &Segment| segment.name.map(|name| name.index);
    let needed = log
        .segments
        .iter()
        .rposition(|segment| first(segment).is_some_and(|first| first <= newest))?;
    let is_old = |damage: &Damage| damage.segment < needed;
    if needed == 0 || log.damages.is_empty() || !log.damages.iter().all(is_old) {
        return None;
    }
    let names: Vec<String> = log
        .segments
        .iter()
        .take(needed)
        .filter_map(|segment| {
            let name = segment.name?;
            Some(format!("{:016x}-{:016x}.wal", name.seq, name.index))
        })
        .collect();
    let text = format!(
        "the damage is before the snapshot at index {newest}, and nothing of it is needed: in a copy, move aside {}; then etcd starts",
        names.join(", ")
    );
    Some(Line::new(Level::Warn, "WAL-OLD", text))
}
