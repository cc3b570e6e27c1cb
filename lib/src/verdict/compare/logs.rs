//! The same raft index in several logs.

use super::MemberRow;
use crate::codes::cross;
use crate::member::Member;
use crate::verdict::copies::Entries;
use located::{Finding, Place, Severity};

/// The same index with another term or another payload, where both logs call it committed.
pub(super) fn logs(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let logs: Vec<Option<Entries<'_>>> = members
        .iter()
        .map(|member| member.wal().map(Entries::from_wal))
        .collect();
    for (at, (log, row)) in logs.iter().zip(rows).enumerate().skip(1) {
        let Some(log) = log else { continue };
        for (other, other_row) in logs.iter().zip(rows).take(at) {
            let Some(other) = other else { continue };
            if row.cluster_id != other_row.cluster_id {
                continue;
            }
            let committed = row.commit.min(other_row.commit).unwrap_or_default();
            let mut different = log.different(other);
            let Some((entry, theirs)) = different.next() else {
                continue;
            };
            let count = different.count().saturating_add(1) as u64;
            let clone = row.member_id.is_some() && row.member_id == other_row.member_id;
            // After the commit index of one of them, raft resolves the conflict: the entries of the older term are overwritten.
            let settled = entry.index > committed && !clone;
            let message = format!(
                "entry {} of {} has term {}, that of {} term {}{}",
                entry.index,
                row.path,
                entry.term,
                other_row.path,
                theirs.term,
                if entry.term == theirs.term {
                    " and another payload"
                } else {
                    ""
                }
            );
            let place = log.wal.place(entry);
            let code = if clone {
                &cross::CLONED
            } else {
                &cross::LOGS_DIFFER
            };
            let place = place.unwrap_or_else(|| Place::file(&located::FileName::new(&row.path)));
            let finding = Finding::new(code, place, message).count(count);
            findings.push(if settled {
                let message = format!("{}; not committed in both: no damage", finding.message);
                let next = vec![
                    "Nothing: raft overwrites the entry of the older term when the members meet."
                        .into(),
                ];
                Finding {
                    message,
                    next,
                    ..finding
                }
                .severity(Severity::Note)
            } else {
                finding
            });
        }
    }
}
