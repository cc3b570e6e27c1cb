//! What a start does not notice, and what it would not survive elsewhere.

use super::Boot;
use crate::backend::Meta;
use crate::cluster::{Level, Line};
use crate::codes::snap;
use crate::finding::Severity;
use crate::wal::{Damage, LogSnapshot, Segment};

impl Boot<'_> {
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

    /// Damage that etcd would start with.
    pub(super) fn unnoticed(&mut self) {
        let said: Vec<String> = self
            .start
            .lines
            .iter()
            .map(|line| line.code.clone())
            .collect();
        let lines: Vec<Line> = self
            .report
            .findings
            .iter()
            .filter(|finding| {
                finding.severity > Severity::Note
                    && !said.iter().any(|code| code == finding.code.id)
            })
            .map(|finding| {
                let level = if finding.severity == Severity::Error {
                    Level::Fail
                } else {
                    Level::Warn
                };
                let text = match level {
                    Level::Fail => format!(
                        "etcd starts and does not notice: {}: {}",
                        finding.code.title, finding.message
                    ),
                    _ => format!("{}: {}", finding.code.title, finding.message),
                };
                Line::new(level, finding.code.id, text)
            })
            .collect();
        self.start.lines.extend(lines);
        let orphan = self
            .report
            .findings
            .iter()
            .any(|finding| std::ptr::eq(finding.code, &snap::SNAP_ORPHAN));
        if orphan {
            self.say(
                Level::Pass,
                "SNAP-003",
                "a .snap without WAL record is passed over",
            );
        }
    }
}
