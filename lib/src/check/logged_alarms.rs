//! Alarms that entries after consistent_index raise: a start applies them, and then refuses writes.

use std::collections::BTreeMap;

use crate::backend::{Alarm, AlarmType, Meta};
use crate::bolt::Db;
use crate::codes::{Code, backend};
use crate::member::{Member, Wal};
use crate::raft::{Operation, Payload, Request};
use crate::recover::{commit, voters};
use located::{Finding, MemberId, Place, RaftIndex, Sink, reported_by};

/// `ACTIVATE` and `DEACTIVATE` of `AlarmRequest` in `api/etcdserverpb/rpc.proto`, v3.5.30.
const ACTIVATE: i32 = 1;
const DEACTIVATE: i32 = 2;

/// Reports alarms that are on after a start and that the db does not have.
pub(super) fn logged_alarms(
    member: &Member,
    db: &Db<'_>,
    meta: &Meta,
    wal: &Wal<'_>,
    report: &mut Sink<'_>,
) {
    let applied = meta.consistent_index.unwrap_or_default();
    let committed = commit(wal, applied);
    let until = match voters(member, wal, committed).voters.len() {
        ..=1 => RaftIndex::MAX,
        _ => committed,
    };
    let mut raised: BTreeMap<(u64, i32), (RaftIndex, Place)> = BTreeMap::new();
    let later = wal.log().surviving();
    let later =
        later.filter(|entry| !entry.is_plain && entry.index > applied && entry.index <= until);
    for entry in later {
        let Payload::Request(Request::Internal(request)) = wal.payload(entry) else {
            continue;
        };
        let Some(Operation::Alarm(alarm)) = request.operation() else {
            continue;
        };
        let which = (alarm.member_id, alarm.alarm);
        match alarm.action {
            ACTIVATE => {
                let place = wal.place(entry);
                let place = place.unwrap_or_else(|| Place::file(db.file().file()));
                raised.entry(which).or_insert((entry.index, place));
            }
            DEACTIVATE => {
                raised.remove(&which);
            }
            _ => {}
        }
    }
    let stored = Alarm::read_all(db, &mut reported_by("backend::check"));
    for ((id, kind), (index, place)) in raised {
        let Some((code, name, alarm)) = known(kind) else {
            continue;
        };
        let is_stored = stored
            .iter()
            .any(|stored| (stored.member_id, stored.alarm) == (MemberId(id), alarm));
        if !is_stored {
            let message = format!(
                "{name}, raised for member {} by raft entry {index}, which the db has not applied yet: a start applies it",
                MemberId(id)
            );
            report(Finding::new(code, place, message));
        }
    }
}

/// `AlarmType` of the same file.
fn known(kind: i32) -> Option<(&'static Code, &'static str, AlarmType)> {
    match kind {
        1 => Some((&backend::ALARM_NOSPACE, "NOSPACE", AlarmType::NoSpace)),
        2 => Some((&backend::ALARM_CORRUPT, "CORRUPT", AlarmType::Corrupt)),
        _ => None,
    }
}
