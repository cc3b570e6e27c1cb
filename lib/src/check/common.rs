//! What many findings have in common is found once all of them are known.

use crate::evidence::Kind;
use crate::member::Member;
use located::Finding;

/// Adds what many findings have in common: a copy that was taken while etcd was writing, holes of a file.
pub(super) fn add_common_causes(
    member: &Member,
    findings: &mut Vec<Finding>,
    compared: Option<super::applied::ComparedRange>,
    newest: i64,
) {
    let in_dir = matches!(member.evidence().kind(), Kind::DataDir | Kind::MemberDir);
    if let Ok(db) = member.db()
        && in_dir
        && let Some(torn) = super::torn_copy::torn_copy(&db, findings, compared, newest)
    {
        findings.insert(0, torn);
    }
    let holes = super::holes::holes(member, findings);
    findings.splice(0..0, holes);
}
