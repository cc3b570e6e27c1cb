//! What the end of a log says of entries that came after it: the one computation for a salvage and for every action of a plan.

use super::Lost;
use crate::Place;
use crate::evidence::Kind;
use crate::member::{Member, Wal};
use crate::progress::Progress;
use crate::wal::{Damage, Ending, WalFile};
use located::RaftIndex;

/// Damage after the last entry that can be read, and segments that have a name and no record. `applied`: the last entry in the db; what
/// the damage had up to there is not lost, and whether it had more is not known.
pub(crate) fn damaged_end(wal: &Wal<'_>, applied: RaftIndex) -> Vec<Lost> {
    let log = wal.log();
    let last = log.last_index();
    let end = log
        .last()
        .and_then(|entry| log.records.get(entry.record as usize))
        .map_or((0, 0), |record| (record.segment as usize, record.offset));
    let after = |damage: &&Damage| (damage.segment, damage.from) > end;
    let lost = |damage: &Damage| {
        let file = log.segments.get(damage.segment)?.file;
        let place = Place::at(wal.files().get(file)?.file(), damage.from);
        let is_damaged = |record: usize| damage.record == Some(record);
        let mut entries = log.entries.iter();
        let entry = entries.find(|entry| is_damaged(entry.record as usize));
        let index = entry.map(|entry| entry.index).filter(|index| *index > last);
        let in_db = applied > last;
        let what = match damage.torn {
            false if in_db => format!(
                "the log is damaged after entry {last}; the db has applied entry {applied}: what was written after its last commit is unknown"
            ),
            true => format!(
                "the record after entry {last} was torn while it was written: etcd answers after the sync, so its write was acknowledged only if the disk lost it later"
            ),
            false => {
                format!("the log is damaged after entry {last}: what was written there is lost")
            }
        };
        Some(Lost {
            what,
            place: Some(place),
            indexes: index
                .map(|index| (index, index))
                .filter(|_| !damage.torn && !in_db),
            possibly: damage.torn || in_db,
            ..Lost::default()
        })
    };
    let damaged = log.damages.iter().filter(after).filter_map(lost);
    let empty = log.segments.iter();
    let empty = empty.filter(|segment| segment.records.is_empty());
    let empty = empty.filter_map(|segment| {
        let name = segment.name.filter(|name| name.index > 0)?;
        let file = wal.files().get(segment.file);
        Some(Lost {
            what: format!(
                "the segment that begins with entry {} has no record: its entries are lost",
                name.index
            ),
            place: file.map(|file| Place::file(file.file())),
            ..Lost::default()
        })
    });
    damaged.chain(empty).collect()
}

/// The last segment ends as finished ones do. etcd truncates a segment when it begins the next one; the one that is written
/// to has zeros up to 64,000,000 bytes, unless `Repair` truncated it. `cut` in `server/wal/wal.go`, v3.5.30.
pub(crate) fn missing_segment(wal: &Wal<'_>) -> Option<Lost> {
    let log = wal.log();
    // A last segment without a record is listed on its own.
    if log.segments.last()?.records.is_empty() {
        return None;
    }
    let last = log.records.get(log.last()?.record as usize)?;
    let segment = log.segments.get(last.segment as usize)?;
    let mut others = log.others.iter();
    let repaired = others.any(|other| matches!(other.kind, WalFile::Broken(_)));
    if repaired || segment.ending != Ending::Exact || segment.records.is_empty() {
        return None;
    }
    Some(Lost {
        what: format!(
            "the last segment ends exactly after entry {}, as etcd leaves a segment when it begins the next one: entries of a missing segment may be lost (or the file was copied without its zeros)",
            log.last_index()
        ),
        place: wal
            .files()
            .get(segment.file)
            .map(|file| Place::at(file.file(), segment.end)),
        possibly: true,
        ..Lost::default()
    })
}

/// The log ends before the last entry that the db has applied. etcd syncs an entry before it applies it, so the log had more: what came
/// after the last commit of the db was there, too, and is unknown. `Ready` and `Save` in `server/etcdserver/raft.go`, v3.5.30.
pub(crate) fn before_db(wal: &Wal<'_>, last: RaftIndex, applied: RaftIndex) -> Option<Lost> {
    let segment = wal.log().segments.last();
    let file = segment.and_then(|segment| wal.files().get(segment.file));
    (last < applied).then(|| Lost {
        what: format!(
            "the log ends at entry {last}, and the db has applied entry {applied}: the end of the log is missing, and what was written after the last commit of the db is unknown"
        ),
        place: file.map(|file| Place::file(file.file())),
        possibly: true,
        ..Lost::default()
    })
}

/// A data directory with a db and without a log: nothing says what was written after the last commit of the db.
pub(crate) fn no_log(member: &Member, applied: RaftIndex, revision: i64) -> Option<Lost> {
    let evidence = member.evidence();
    let had_log = matches!(evidence.kind(), Kind::DataDir | Kind::MemberDir);
    (had_log && evidence.db().is_some()).then(|| Lost {
        what: format!(
            "the data directory has no entry of a log: writes after the end of the db (entry {applied}, revision {revision}) are unknown"
        ),
        place: Some(Place::file(evidence.name())),
        possibly: true,
        ..Lost::default()
    })
}

/// Everything that the end of the log shows to be lost, and what it may have lost. `applied`: the last entry in the db.
pub(crate) fn end_losses(
    member: &Member,
    applied: RaftIndex,
    progress: &dyn Progress,
) -> Vec<Lost> {
    let wal = member.wal_with(progress);
    let Some(wal) = wal.filter(|wal| wal.log().first().is_some()) else {
        let revision = member.readable_keyspace().ok();
        let revision = revision.map_or(0, |keyspace| keyspace.revision());
        return no_log(member, applied, revision).into_iter().collect();
    };
    let is_readable = member.readable_keyspace().is_ok();
    let mut lost = damaged_end(&wal, if is_readable { applied } else { RaftIndex(0) });
    lost.extend(missing_segment(&wal));
    lost.extend(before_db(&wal, wal.log().last_index(), applied));
    lost
}
