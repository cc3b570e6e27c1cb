//! Put db, log and `.snap` files of one member together.

use crate::evidence::Kind;
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;

pub(super) fn step(facts: &Facts<'_>) -> Option<Step> {
    let evidence = facts.member.evidence();
    let directory = matches!(
        evidence.kind(),
        Kind::DataDir | Kind::MemberDir | Kind::SnapDir | Kind::WalDir
    );
    let has_db = evidence.db().is_some_and(|db| db.size() > 0);
    let has_wal = !evidence.wal().is_empty();
    let last = facts
        .member
        .wal_ends()
        .map_or(0, |ends| ends.last_index.get());
    let ahead = has_db && has_wal && facts.applied > last;
    if facts.sound.is_never_used() {
        return None;
    }
    let why = match (has_db, has_wal) {
        (false, true) => "the db of this member is not here",
        (true, false) => "the WAL of this member is not here",
        // Both are of this member; the log goes on from what the restore took back.
        _ if facts.restored.is_some() => return None,
        _ if facts.sound.two_histories() => "db and WAL are of two histories",
        _ if ahead => "the db is ahead of the WAL: they are not of one time",
        _ => return None,
    };
    if !directory {
        return None;
    }
    let mut step = Step::new(Action::Reunite, facts.release);
    step.asks_first = has_db && !has_wal;
    step.outcome = Outcome {
        later_writes: LaterWrites::Kept,
        ..Outcome::unknown()
    };
    step.effect = format!(
        "{why}; if the missing part still exists (where etcd's --wal-dir points, another volume, another backup), judge both with `--wal-dir`, or put the parts of one member together in a copy: db in member/snap, WAL in member/wal, copied or as a symbolic link"
    );
    Some(step)
}
