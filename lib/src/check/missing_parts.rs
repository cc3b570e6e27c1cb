//! A db without a log, and a log without a db, of which nothing is missing.

use crate::codes::{Code, backend, dir};
use crate::member::{Member, Wal};
use located::{Finding, Severity};

/// Leaves out or softens what is no damage.
pub(super) fn settle(member: &Member, findings: &mut Vec<Finding>) {
    let is = |finding: &Finding, code: &'static Code| std::ptr::eq(finding.code, code);
    // Without a bucket there was never anything that a WAL would have.
    let mut all = findings.iter();
    if all.any(|finding| is(finding, &backend::NEVER_USED)) {
        findings.retain(|finding| !is(finding, &dir::WAL_MISSING));
    }
    let mut all = findings.iter_mut();
    let no_db = all.find(|finding| is(finding, &dir::DB_MISSING));
    let Some(no_db) = no_db else { return };
    if member.wal().is_some_and(|wal| makes_the_db(member, &wal)) {
        no_db.severity = Severity::Warning;
        "there is a WAL, but no snap/db: a start makes the db again from the log, which has every entry since the store was empty"
            .clone_into(&mut no_db.message);
        no_db.next = vec!["etcd-inspect preflight {path} --for start".into()];
    }
}

/// Whether the log has every entry since the store was empty, and a start reads all of them: without a `.snap` file.
fn makes_the_db(member: &Member, wal: &Wal<'_>) -> bool {
    let log = wal.log();
    log.begins_with_empty_store()
        && log.gaps.is_empty()
        && log.damages.is_empty()
        && member.newest_snap() == 0
}
