//! `wal`: entries, records, segments and terms of the log.

mod entries;
mod filter;
mod records;
mod segments;
mod terms;

pub use entries::{COLUMNS, EntryData, EntryReader, EntryRow, LogRange, data, entries, reach};
pub use filter::{Filter, IndexRange, Keys, NoSuchType};
pub use records::{RecordRow, records};
pub use segments::{SegmentFile, SegmentRow, segments};
pub use terms::{TermRow, terms};

use super::{Answer, Damage};
use crate::codes::cross;
use crate::member::{Member, Wal};
use crate::wal::{Gap, GapCause, check};
use located::progress::Progress;
use located::{Bytes, Finding, Place, RaftIndex, Severity};

/// What is damaged in the chain of records: the findings, and whether a record of the answer is lost.
#[derive(Clone, Debug, Default)]
pub struct ChainDamage {
    /// Errors; warnings only if a record is lost.
    pub findings: Vec<Finding>,
    /// Whether records could not be read: the answer is partial.
    pub is_partial: bool,
}

/// Checks the chain of records.
pub fn chain_damage(wal: &Wal<'_>) -> ChainDamage {
    let mut findings = Vec::new();
    check::chain(wal.log(), wal.files(), &mut |finding| {
        if finding.severity > Severity::Note {
            findings.push(finding);
        }
    });
    let lost = |damage: &crate::wal::Damage| {
        let record = damage
            .record
            .and_then(|record| wal.log().records.get(record));
        record.is_none_or(|record| !record.crc.is_trusted())
    };
    let is_partial = wal.log().damages.iter().any(lost);
    // A torn tail is only a warning; if it costs a record of the answer, the answer says so.
    findings.retain(|finding| is_partial || finding.severity == Severity::Error);
    ChainDamage {
        findings,
        is_partial,
    }
}

/// The log as an answer: partial if records could not be read.
pub fn log<'a>(wal: Wal<'a>) -> Answer<Wal<'a>> {
    let damage = chain_damage(&wal);
    let damage = match damage.is_partial {
        true => {
            let lost = u64::try_from(wal.log().damages.len()).unwrap_or(u64::MAX);
            Damage::new(damage.findings, lost)
        }
        false => Damage::default(),
    };
    Answer::new(wal, damage)
}

/// What of the log is lost, if there is one: damaged records, missing segments, and entries that the db has applied and the log no
/// longer has. Every answer that needs the log may lack them.
///
/// A torn record at the end is no loss: a crash leaves it, and etcd never acknowledged its entry.
pub fn log_loss(member: &Member, progress: &dyn Progress) -> Damage {
    let Some(wal) = member.wal_with(progress) else {
        return Damage::default();
    };
    let log = wal.log();
    // etcd calls a record torn by its zeros, wherever it is; only at the end nothing acknowledged is in it.
    let is_torn_end = |damage: &crate::wal::Damage| {
        let before = damage.records_before;
        damage.torn
            && before.saturating_add(usize::from(damage.record.is_some())) >= log.records.len()
    };
    let damaged = log
        .damages
        .iter()
        .filter(|damage| !is_torn_end(damage))
        .count();
    let is_missing = |gap: &Gap| !matches!(gap.cause, GapCause::Snapshot | GapCause::Damage(_));
    let missing = log.gaps.iter().filter(|gap| is_missing(gap)).count();
    let applied = member.meta().ok().and_then(|meta| meta.consistent_index);
    let is_ahead = |applied: &RaftIndex| *applied > log.last_index() && !log.records.is_empty();
    let ahead = applied.filter(is_ahead);
    let mut findings = Vec::new();
    if damaged > 0 || missing > 0 {
        check::all(log, wal.files(), &mut |finding| findings.push(finding));
        findings.retain(|finding| finding.severity == Severity::Error);
    }
    if let Some(applied) = ahead {
        let last = log.last_index();
        let message = format!(
            "the db has applied the entries up to {applied}, the log ends at {last}: the entries between are not in it"
        );
        let file = wal
            .files()
            .last()
            .map_or(member.evidence().name(), Bytes::file);
        findings.push(Finding::new(
            &cross::INDEX_AHEAD,
            Place::file(file),
            message,
        ));
    }
    let skipped = damaged.saturating_add(missing);
    Damage::new(findings, u64::try_from(skipped).unwrap_or(u64::MAX))
}

/// `….wal+0x3FF70`: the file's own name, without the folder.
pub(super) fn short_place(file: &str, offset: u64) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    format!("{base}+{offset:#x}")
}
