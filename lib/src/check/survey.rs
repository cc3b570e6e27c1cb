//! What `status` looks at: everything that one pass over each file tells.

use super::{CheckRun, Depth, Report};
use crate::codes;
use crate::member::Member;
use located::progress::Progress;

/// What [`survey`] leaves to [`check`].
pub(crate) const NOT_SURVEYED: [&str; 3] = [
    "pages of the db",
    "values",
    "records and buckets against the log",
];

/// Looks at everything that is read in one pass: metas, buckets, revisions, the whole log, the `.snap` files, their ends and their
/// order. What [`NOT_SURVEYED`] names is left out.
pub(crate) fn survey(member: &Member, progress: &dyn Progress) -> Report {
    let mut run = CheckRun::new(member, Depth::Quick, progress);
    run.layout();
    run.db(Depth::Quick);
    if member.trailer_matches() == Some(false) {
        run.trailer();
    }
    if let Ok(db) = member.db() {
        run.keyspace(&db);
        // Pages that the records are on; a check finds these when it walks all pages.
        let damage = member.keyspace_damage().iter();
        let of_pages = damage.filter(|finding| is_one_of(finding.code, codes::bolt::ALL));
        of_pages.for_each(|finding| run.found.add(finding.clone()));
    }
    run.log_and_snaps(false);
    if is_applied_again(member, progress) {
        run.applied();
    }
    run.report()
}

fn is_one_of(code: &codes::Code, codes: &[&codes::Code]) -> bool {
    codes.iter().any(|other| std::ptr::eq(*other, code))
}

/// Whether the db has the value of the first put that a start would apply: perhaps it has the effect of entries after
/// consistent_index. A comparison of all records tells.
fn is_applied_again(member: &Member, progress: &dyn Progress) -> bool {
    let Some(wal) = member.wal_with(progress) else {
        return false;
    };
    let meta = member.meta().ok();
    let index = meta
        .and_then(|meta| meta.consistent_index)
        .unwrap_or_default();
    let pending = wal.log().surviving().filter(|entry| entry.index > index);
    let pending = pending.map(|entry| wal.payload(entry));
    crate::start::shows_a_known_value(member, pending)
}
