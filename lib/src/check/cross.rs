//! Rules that need more than one file.

use crate::backend::{Cluster, EtcdVersion, Meta};
use crate::bolt::{Db, MetaChoice};
use crate::codes::cross;
use crate::evidence::{File, Kind};
use crate::member::{Member, Wal, is_foreign};
use crate::raft::{Payload, Request};
use crate::snap::{SnapPart, Snaps, Store};
use located::Limits;
use located::Place;
use located::{Finding, RaftIndex, Severity, Sink, Term, reported_by};

/// Number of entries by which consistent_index is usually ahead of the commit in the WAL.
const USUAL_LEAD: u64 = 1;

/// The SHA-256 of a snapshot file.
pub(super) fn trailer(member: &Member, report: &mut Sink<'_>) {
    let Ok(file) = member.db_file() else { return };
    let place = Place::file(file.name());
    let in_dir = matches!(
        member.evidence().kind(),
        Kind::DataDir | Kind::MemberDir | Kind::SnapDir
    );
    match member.trailer() {
        Some(_) if in_dir => {
            let message =
                "the db has 32 bytes after its last page, like a file of `etcdctl snapshot save`";
            report(Finding::new(&cross::TRAILER_ON_DB, place, message));
        }
        Some(trailer) if member.trailer_matches() == Some(false) => {
            let hex = |sum: [u8; 32]| {
                sum.iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
            };
            let message = "the file is not what was saved";
            let finding = Finding::new(&cross::TRAILER, place, message)
                .seen(hex(trailer.computed()), hex(trailer.stored()));
            report(finding);
        }
        None if member.evidence().kind() == Kind::Db => {
            report(Finding::new(
                &cross::NO_TRAILER,
                place,
                "there is no SHA-256 after the last page",
            ));
        }
        _ => {}
    }
}

/// What the heads of the segments say without reading the log: a WAL that begins again beside a db that is far ahead.
pub(super) fn quick_heads(member: &Member, report: &mut Sink<'_>) {
    let Ok(db) = member.db() else { return };
    let Some(index) = Meta::read(&db, &mut reported_by("backend::check")).consistent_index else {
        return;
    };
    let newest = member
        .evidence()
        .wal()
        .iter()
        .filter_map(|file| crate::wal::SegmentName::parse(&file.base()))
        .max();
    if let Some(newest) = newest.filter(|newest| newest.index > index.saturating_add(10_000)) {
        let message = format!(
            "the newest segment begins at index {}, consistent_index is {index}: the db lags",
            newest.index
        );
        report(Finding::new(
            &cross::INDEX_ABOVE_COMMIT,
            Place::file(db.file().file()),
            message,
        ));
    }
}

/// A db that a leader sent and that was not yet put in place.
pub(super) fn snap_db(file: &File, applied: RaftIndex, limits: &Limits, report: &mut Sink<'_>) {
    let SnapPart::SnapDb(name) = SnapPart::from_path(&file.base()) else {
        return;
    };
    let wrong = match file
        .bytes()
        .and_then(|bytes| Db::open(bytes, MetaChoice::Newest, limits))
    {
        Err(error) => Some(error.to_string()),
        Ok(db) => {
            let mut damage = 0u64;
            crate::bolt::check::check(&db, &located::progress::Silent, &mut |finding| {
                damage = damage.saturating_add(u64::from(finding.severity == Severity::Error));
            });
            let index = Meta::read(&db, &mut reported_by("backend::check"))
                .consistent_index
                .unwrap_or_default();
            match (damage, index == name) {
                (0, true) => None,
                (0, false) => Some(format!("its consistent_index is {index}")),
                _ => Some(format!("{damage} findings in its pages")),
            }
        }
    };
    if let Some(why) = wrong {
        // One that is older than the db is never used.
        let severity = if name > applied {
            Severity::Error
        } else {
            Severity::Note
        };
        let finding = Finding::new(&cross::SNAP_DB_INDEX, Place::file(file.name()), why);
        report(finding.severity(severity));
    }
}

/// The db, the log and the snapshots of one member must be of one time and one member.
pub(super) fn db_and_log(
    member: &Member,
    db: &Db<'_>,
    meta: &Meta,
    wal: &Wal<'_>,
    snaps: &Snaps,
    report: &mut Sink<'_>,
) {
    let log = wal.log();
    let here = Place::file(db.file().file());
    let at = |key| meta.place(key).unwrap_or(&here).clone();
    let index = meta.consistent_index.unwrap_or_default();
    let last = log.last_index();
    if index > last && !log.records.is_empty() {
        let behind = log
            .entries
            .iter()
            .map(|entry| entry.index)
            .max()
            .filter(|whole| *whole >= index);
        let damaged = behind.map_or(String::new(), |_| {
            " (the entries between are damaged)".to_owned()
        });
        let message = format!(
            "consistent_index is {index}, the WAL ends at {last}{damaged}: the next {} entries would not be applied",
            index.since(last)
        );
        let finding = Finding::new(&cross::INDEX_AHEAD, at("consistent_index"), message);
        report(finding.seen(index.to_string(), format!("at most {last}")));
    }
    let state = log.hard_state();
    let commit = state.unwrap_or_default().commit;
    if state.is_some() && index <= last && commit.saturating_add(USUAL_LEAD) < index {
        let message =
            format!("consistent_index is {index}, the last HardState has committed {commit}");
        report(Finding::new(
            &cross::INDEX_ABOVE_COMMIT,
            at("consistent_index"),
            message,
        ));
    }
    if index == 0
        && log.first().is_some_and(|first| first.index == 1)
        && member
            .readable_keyspace()
            .is_ok_and(|keyspace| !keyspace.index().is_empty())
    {
        let message = "consistent_index is 0 although the store has records: a start applies the whole WAL again";
        report(Finding::new(&cross::TWICE, at("consistent_index"), message).count(last.get()));
    }
    super::restored_db::restored_db(member, meta, wal, &at("consistent_index"), report);
    version(db, wal, snaps, report);
    term(meta, log, &at("term"), report);
    snap_ahead(member, meta, wal, snaps, &at("consistent_index"), report);
    snap_after_the_end(member, meta, wal, snaps, report);
    super::foreign_snap::foreign_snap(db, wal, snaps, report);
    joined_without_data(member, db, wal, report);
    snap_order(snaps, report);
    super::membership::members(member, db, meta, (wal, snaps), report);
}

fn term(meta: &Meta, log: &crate::wal::Log, place: &Place, report: &mut Sink<'_>) {
    let (Some(term), Some(index)) = (meta.term, meta.consistent_index) else {
        return;
    };
    let highest = log
        .hard_state()
        .map_or(Term(0), |state| state.term)
        .max(log.last().map_or(Term(0), |entry| entry.term));
    let of_entry = log.entry(index).map(|entry| entry.term);
    let wanted = match of_entry {
        Some(of_entry) if of_entry != term => format!("{of_entry}, the term of entry {index}"),
        None if term > highest && highest > Term(0) => format!("at most {highest}"),
        _ => return,
    };
    let message = format!("the db says entry {index} was of term {term}");
    let finding = Finding::new(&cross::TERM, place.clone(), message);
    // etcdctl 3.4 does not know the field, and leaves that of the backup. The first write of 3.5 sets it.
    let is_of_backup = log.is_restored() && index == log.last_index();
    let finding = match is_of_backup {
        true => finding.severity(Severity::Note),
        false => finding,
    };
    report(finding.seen(term.to_string(), wanted));
}

fn snap_ahead(
    member: &Member,
    meta: &Meta,
    wal: &Wal<'_>,
    snaps: &Snaps,
    place: &Place,
    report: &mut Sink<'_>,
) {
    let log = wal.log();
    let Some(chosen) = super::foreign_snap::taken_by_a_start(wal, snaps) else {
        return;
    };
    let index = meta.consistent_index.unwrap_or_default();
    let received = member
        .evidence()
        .with_role(crate::evidence::Role::SnapDb)
        .iter()
        .any(
            |file| matches!(SnapPart::from_path(&file.base()), SnapPart::SnapDb(of) if of == chosen.index),
        );
    if chosen.index > index && !received {
        let first = log.first().map_or(RaftIndex::MAX, |entry| entry.index);
        let reaches = first <= index.next();
        let applied = match meta.consistent_index {
            Some(_) => format!("the db is at {index}"),
            None => "the consistent_index of the db cannot be read".to_owned(),
        };
        let wal = match (meta.consistent_index, reaches) {
            (None, _) => "",
            (_, true) => "; the WAL reaches back to the db",
            (_, false) => "; the WAL does not reach back to the db",
        };
        let message = format!(
            "the snapshot etcd starts from is at index {}, {applied}{wal}",
            chosen.index
        );
        report(
            Finding::new(&cross::SNAP_AHEAD, place.clone(), message)
                .seen(index.to_string(), format!("{} or more", chosen.index)),
        );
    }
}

/// A `.snap` whose index neither log nor db reach: what was there once, for etcd writes one only of entries that it has
/// applied (kubernetes#65580: an older copy was put over a directory that had gone on).
fn snap_after_the_end(
    member: &Member,
    meta: &Meta,
    wal: &Wal<'_>,
    snaps: &Snaps,
    report: &mut Sink<'_>,
) {
    let Some(newest) = snaps.usable().max_by_key(|snap| snap.index) else {
        return;
    };
    let log = wal.log();
    let end = log
        .last_index()
        .max(meta.consistent_index.unwrap_or_default());
    // One that a leader sent is written before its record; its db is beside it.
    let received = member.evidence().with_role(crate::evidence::Role::SnapDb);
    let is_received = received.iter().any(
        |file| matches!(SnapPart::from_path(&file.base()), SnapPart::SnapDb(of) if of == newest.index),
    );
    let is_recorded = log
        .snapshots
        .iter()
        .any(|record| (record.index, record.term) == (newest.index, newest.term));
    if newest.index <= end || is_received || is_recorded || log.records.is_empty() {
        return;
    }
    let own = log.metadata.first().map(|metadata| metadata.node_id);
    if is_foreign(newest, own) {
        let message = format!(
            "the newest .snap, of index {}, is not this member's: it does not name member {:016x}; a start does not read it",
            newest.index,
            own.unwrap_or_default()
        );
        let finding = Finding::new(&cross::SNAP_AFTER_END, newest.place(), message);
        report(finding.severity(Severity::Warning).seen(
            super::membership::ids(&newest.conf_state),
            "this member among them",
        ));
        return;
    }
    let message = format!(
        "the newest .snap is of index {}, but log and db end at {end}: at least {} entries that this member had are missing{}",
        newest.index,
        newest.index.since(end),
        match newest.conf_state.voters.len() {
            ..=1 => "",
            _ => ", unless the .snap is a copy of another member's of this cluster",
        }
    );
    let finding = Finding::new(&cross::SNAP_AFTER_END, newest.place(), message);
    report(finding.seen(
        format!("the end at index {end}"),
        format!("index {} or later", newest.index),
    ));
}

/// A log without an entry: a member that joined a running cluster and has received nothing, because the first start of a
/// new cluster writes one ConfChange for each member (`bootstrapRaftFromCluster` in `server/etcdserver/bootstrap.go`, v3.6.14).
fn joined_without_data(member: &Member, db: &Db<'_>, wal: &Wal<'_>, report: &mut Sink<'_>) {
    let log = wal.log();
    let is_empty = log.entries.is_empty() && log.snapshots.iter().all(|record| record.index == 0);
    let Some(own) = log.metadata.first().map(|metadata| metadata.node_id) else {
        return;
    };
    let has_records = !member
        .readable_keyspace()
        .is_ok_and(|keyspace| keyspace.index().is_empty());
    if !is_empty || !log.damages.is_empty() || has_records {
        return;
    }
    let message = format!(
        "the log of member {own:016x} has no entry and the db has no record: the member joined a running cluster and has received nothing yet"
    );
    let place = Place::file(db.file().file());
    report(Finding::new(&cross::JOINED_WITHOUT_DATA, place, message));
}

/// The cluster version of the db must have been set by someone.
fn version(db: &Db<'_>, wal: &Wal<'_>, snaps: &Snaps, report: &mut Sink<'_>) {
    let Some(stored) = Cluster::read(db, &mut reported_by("backend::check")).cluster_version else {
        return;
    };
    let mut known: Vec<EtcdVersion> = Vec::new();
    let stores = snaps
        .usable()
        .filter_map(|snap| Store::parse(&snap.store_json).ok());
    known.extend(stores.filter_map(|store| store.cluster_version?.parse::<EtcdVersion>().ok()));
    for entry in wal.log().surviving().filter(|entry| !entry.is_plain) {
        let Payload::Request(request) = wal.payload(entry) else {
            continue;
        };
        let version = match &request {
            Request::V2(request) => request.cluster_version(),
            Request::Internal(request) => request
                .cluster_version_set
                .as_ref()
                .map(|set| set.ver.as_str()),
            _ => None,
        };
        known.extend(version.and_then(|version| version.parse::<EtcdVersion>().ok()));
    }
    if !known.is_empty() && !known.contains(&stored) {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let message = format!("the db says cluster version {stored}");
        let finding = Finding::new(
            &cross::VERSION_DIFFERS,
            Place::file(db.file().file()),
            message,
        );
        report(finding.seen(stored.to_string(), names.join(" or ")));
    }
}

fn snap_order(snaps: &Snaps, report: &mut Sink<'_>) {
    let mut usable: Vec<_> = snaps.usable().collect();
    usable.sort_by_key(|snap| snap.index);
    for pair in usable.windows(2) {
        if let [older, newer] = pair
            && newer.term < older.term
        {
            let message = format!(
                "index {} has term {}, index {} has term {}",
                older.index, older.term, newer.index, newer.term
            );
            report(Finding::new(&cross::SNAP_ORDER, newer.place(), message));
        }
    }
}
