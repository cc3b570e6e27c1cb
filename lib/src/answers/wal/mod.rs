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
use crate::member::Wal;
use crate::wal::check;
use located::{Finding, Severity};

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

/// `….wal+0x3FF70`: the file's own name, without the folder.
pub(super) fn short_place(file: &str, offset: u64) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    format!("{base}+{offset:#x}")
}
