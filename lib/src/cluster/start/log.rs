//! The log: what a start cuts off, what it applies, what may be moved out of its way.

use super::{Boot, Stopped};
use crate::backend::Meta;
use crate::cluster::{Level, counted};
use crate::member::Wal;
use crate::raft::{ConfChangeType, Payload};
use crate::recover::replay_through;
use crate::wal::boot;
use crate::wal::{Damage, LogSnapshot, Segment};
use located::MemberId;

/// Keys that a prediction names.
const KEYS: usize = 1000;

impl Boot<'_> {
    /// What etcd cuts off, erases, or never sees.
    pub(super) fn tail(&mut self, wal: &Wal<'_>, reading: &boot::Reading) {
        if let Some(repair) = &reading.repair {
            self.say(
                Level::Warn,
                "WAL-007",
                format!("the last segment would be repaired: {}", repair.error),
            );
        }
        if reading.erases.is_some() && !reading.lost.is_empty() {
            self.say(
                Level::Fail,
                "WAL-034",
                "bytes after the end of the log would be erased silently",
            );
        }
        let lost: Vec<_> = reading
            .lost
            .iter()
            .filter_map(|&position| wal.log().entries.get(position))
            .collect();
        let (Some(first), Some(last)) = (lost.first(), lost.last()) else {
            return;
        };
        self.start.lost_entries = lost.len() as u64;
        for entry in &lost {
            let payload = wal.payload(entry);
            for key in payload.user_keys() {
                if self.start.lost_keys.len() < KEYS
                    && !self.start.lost_keys.iter().any(|known| known == key)
                {
                    self.start.lost_keys.push(key.to_vec());
                }
            }
        }
        let text = format!(
            "{} ({} to {}) would be lost by the start",
            counted(lost.len() as u64, "whole entry", "whole entries"),
            first.index,
            last.index
        );
        self.say(Level::Fail, "WAL-033", text);
    }

    /// The entries behind the db.
    pub(super) fn replayed(
        &mut self,
        wal: &Wal<'_>,
        own: MemberId,
        last: u64,
    ) -> Result<(), Stopped> {
        let member = self.member;
        let Ok(replayed) = replay_through(member, last, self.progress) else {
            return Ok(());
        };
        if let Some((index, why)) = replayed
            .reach
            .stops
            .clone()
            .filter(|(index, _)| *index <= last)
        {
            return Err(Stopped(format!(
                "panic: unmarshal should never fail ({why}) at entry {index}"
            )));
        }
        let removes_self = wal.log().surviving().any(|entry| {
            entry.index > replayed.reach.from.min(entry.index.saturating_sub(1))
                && entry.index <= replayed.reach.to
                && matches!(wal.payload(entry), Payload::ConfChange(change)
                    if change.kind() == ConfChangeType::RemoveNode && change.node_id == own.get())
        });
        if removes_self {
            return Err(Stopped("panic: removed all voters".to_owned()));
        }
        let from = replayed.reach.from;
        self.start.swallowed = from.saturating_sub(last);
        if self.start.swallowed > 0 {
            let text = format!(
                "etcd would skip the next {} entries: writes time out and are never in the store",
                self.start.swallowed
            );
            self.say(Level::Fail, "META-003", text);
        }
        self.start.revision = Some(replayed.keyspace().revision());
        self.start.live_keys = Some(replayed.keyspace().live_count());
        if replayed.reach.entries > 0 {
            let text = format!(
                "{} ({} to {}) are applied to the db, which then is at revision {}",
                counted(replayed.reach.entries, "entry", "entries"),
                from.saturating_add(1),
                replayed.reach.to,
                replayed.keyspace().revision()
            );
            self.say(Level::Pass, "REPLAY", text);
        }
        Ok(())
    }

    /// etcd reads all segments, also those that it does not need: damage before the newest usable snapshot stops it in vain.
    pub(super) fn movable(&mut self) {
        let member = self.member;
        let (Some(wal), Ok(db)) = (member.wal_with(self.progress), member.db()) else {
            return;
        };
        let log = wal.log();
        let applied = Meta::read(&db, &mut |_| {}).consistent_index.unwrap_or(0);
        let snaps = member.snaps(&mut |_| {});
        let newest = snaps.usable().find_map(|snap| {
            let is_it =
                |record: &&LogSnapshot| (record.index, record.term) == (snap.index, snap.term);
            let record = log.valid_snapshots().rfind(is_it)?;
            log.records.get(record.record).map(|_| snap.index)
        });
        let Some(newest) = newest.filter(|newest| *newest <= applied) else {
            return;
        };
        // etcd opens the last segment whose name is not behind the snapshot.
        let first = |segment: &Segment| segment.name.map(|name| name.index);
        let needed = log
            .segments
            .iter()
            .rposition(|segment| first(segment).is_some_and(|first| first <= newest));
        let Some(needed) = needed.filter(|needed| *needed > 0) else {
            return;
        };
        let old = |damage: &Damage| damage.segment < needed;
        if log.damages.is_empty() || !log.damages.iter().all(old) {
            return;
        }
        let names = log.segments.iter().take(needed);
        let names: Vec<String> = names
            .filter_map(|segment| {
                let name = segment.name?;
                Some(format!("{:016x}-{:016x}.wal", name.seq, name.index))
            })
            .collect();
        let text = format!(
            "the damage lies before the snapshot at index {newest}, and nothing of it is needed: in a copy, move aside {}; then etcd starts",
            names.join(", ")
        );
        self.say(Level::Warn, "WAL-OLD", text);
    }
}
