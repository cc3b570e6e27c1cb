//! One cause for many findings of a file, found once all of them are known: a copy that was taken while etcd was writing, and holes.

use crate::evidence::Kind;
use crate::member::Member;
use located::{Finding, RaftIndex};

/// Puts the causes that many findings have in common before them.
pub(super) fn add_file_causes(
    member: &Member,
    findings: &mut Vec<Finding>,
    compared: Option<super::applied::ComparedRange>,
    newest: i64,
) {
    let in_dir = matches!(member.evidence().kind(), Kind::DataDir | Kind::MemberDir);
    let log_end = member
        .wal()
        .map_or(RaftIndex(0), |wal| wal.log().last_index());
    if let Ok(db) = member.db()
        && in_dir
        && let Some(torn) = super::torn_copy::torn_copy(&db, findings, compared, (newest, log_end))
    {
        findings.insert(0, torn);
    }
    let holes = super::holes::holes(member, findings);
    findings.splice(0..0, holes);
}
