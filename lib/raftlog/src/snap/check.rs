//! Checks `.snap` files: each alone, and against the snapshot records of the WAL.

use std::collections::HashSet;

use super::{SnapFile, SnapPart, Snaps, Store};
use crate::codes::snap as codes;
use crate::raft::ConfState;
use crate::wal::{Log, LogSnapshot};
use located::{Bytes, Finding, MemberId, RaftIndex, Severity, Sink, Term};

/// Maximum number of ids or paths that a message lists.
const MAX_ITEMS_LISTED: usize = 4;

/// Reads and checks one file; `None` if it cannot be parsed or is not a `.snap` file.
///
/// [`Snaps::read`] checks a directory.
pub fn file(bytes: &Bytes<'_>, report: &mut Sink<'_>) -> Option<SnapFile> {
    let part = SnapPart::from_path(bytes.file().as_str());
    if !matches!(part, SnapPart::Snap(_) | SnapPart::Broken(_)) {
        return None;
    }
    // etcd renamed the file because it could not read it: loadSnap in server/etcdserver/api/snap/snapshotter.go, v3.5.30.
    let renamed = matches!(part, SnapPart::Broken(_));
    let severity = if renamed {
        Severity::Note
    } else {
        codes::SNAP_UNREADABLE.severity
    };
    let snap = match SnapFile::parse(bytes) {
        Ok(snap) => snap,
        Err(error) => {
            let place = error.place().cloned().unwrap_or(bytes.place(0));
            let message = match bytes.len() {
                0 => "the file is empty".into(),
                _ => error.to_string(),
            };
            report(Finding::new(&codes::SNAP_UNREADABLE, place, message).severity(severity));
            return None;
        }
    };
    if !snap.is_intact() {
        let place = bytes.place(0).with_index(snap.index);
        let message = "the content does not match the stored CRC-32C";
        report(
            Finding::new(&codes::SNAP_UNREADABLE, place, message)
                .severity(severity)
                .seen(
                    format!("{:#010x}", snap.crc_stored),
                    format!("{:#010x}", snap.crc_computed),
                ),
        );
        return Some(snap);
    }
    if renamed {
        return Some(snap);
    }
    if let Some(name) = snap.name
        && (name.term, name.index) != (snap.term, snap.index)
    {
        let message = "etcd sorts by the name and compares the content with the WAL";
        report(Finding::new(&codes::SNAP_NAME, snap.place(), message).seen(
            format!("term {} index {} in the name", name.term, name.index),
            format!("term {} index {}", snap.term, snap.index),
        ));
    }
    conf_state(&snap, report);
    store(&snap, report);
    Some(snap)
}

/// Reports a joint configuration, and a configuration without voters: such a member never elects a leader.
fn conf_state(snap: &SnapFile, report: &mut Sink<'_>) {
    if snap.conf_state.is_joint() {
        let message = "outgoing voters, future learners or auto_leave are set";
        report(Finding::new(&codes::SNAP_JOINT, snap.place(), message));
    }
    if snap.conf_state.voters.is_empty() {
        let message = format!("the snapshot at index {} names no voters", snap.index);
        report(Finding::new(&codes::SNAP_NO_VOTERS, snap.place(), message));
    }
}

/// Checks the v2 store: its JSON, keys of v2 clients, and its members against the voters.
///
/// etcd 3.6 refuses to start on keys of v2 clients (etcd#20870). Members of the v2 store and of the db differ after bugs in
/// 3.5 (etcd#13196, etcd#20340, etcd#20793).
fn store(snap: &SnapFile, report: &mut Sink<'_>) {
    let store = match Store::parse(&snap.store_json) {
        Ok(store) => store,
        Err(error) => {
            let message = format!("the JSON of the v2 store cannot be parsed: {error}");
            report(Finding::new(&codes::SNAP_STORE, snap.place(), message));
            return;
        }
    };
    if !store.odd.is_empty() {
        let message = format!("damaged or unknown paths: {}", list(&store.odd));
        let count = store.odd.len() as u64;
        report(Finding::new(&codes::SNAP_STORE, snap.place(), message).count(count));
    }
    if !store.custom.is_empty() {
        let message = format!("v2 keys: {}", list(&store.custom));
        let count = store.custom.len() as u64;
        report(Finding::new(&codes::SNAP_CUSTOM, snap.place(), message).count(count));
    }
    let members: Vec<MemberId> = store.members.iter().map(|member| member.id).collect();
    let strangers: Vec<MemberId> = members
        .iter()
        .copied()
        .filter(|id| !snap.conf_state.contains(*id))
        .collect();
    let missing: Vec<MemberId> = snap
        .conf_state
        .voters
        .iter()
        .chain(&snap.conf_state.learners)
        .map(|&id| MemberId(id))
        .filter(|id| !members.contains(id))
        .collect();
    let differ = !strangers.is_empty() || !missing.is_empty();
    if differ && !snap.conf_state.voters.is_empty() {
        let hex = |ids: &[MemberId]| {
            let ids: Vec<_> = ids.iter().map(MemberId::to_string).collect();
            list(&ids)
        };
        let message = match (missing.as_slice(), strangers.as_slice()) {
            (missing, []) => format!(
                "voters or learners without a member entry: {}",
                hex(missing)
            ),
            ([], strangers) => format!(
                "members that are neither voters nor learners: {}",
                hex(strangers)
            ),
            (missing, strangers) => format!(
                "voters or learners without a member entry: {}; members that are neither voters nor learners: {}",
                hex(missing),
                hex(strangers)
            ),
        };
        report(
            Finding::new(&codes::SNAP_MEMBERSHIP, snap.place(), message)
                .seen(ids(&snap.conf_state), hex(&members)),
        );
    }
}

/// Joins at most [`MAX_ITEMS_LISTED`] items and counts the rest.
fn list(items: &[String]) -> String {
    let named: Vec<_> = items
        .iter()
        .take(MAX_ITEMS_LISTED)
        .map(String::as_str)
        .collect();
    match items.len().saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn ids(conf_state: &ConfState) -> String {
    let mut ids: Vec<_> = conf_state
        .voters
        .iter()
        .map(|id| format!("{id:016x}"))
        .collect();
    ids.sort();
    let learners = conf_state
        .learners
        .iter()
        .map(|id| format!("{id:016x} (learner)"));
    ids.extend(learners);
    ids.join(", ")
}

/// Checks the snapshots of a directory against the snapshot records of the WAL. `files` are those that the log was read from.
pub fn against_log(snaps: &Snaps, log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    let usable: Vec<_> = snaps.usable().collect();
    let covered = |snap: &SnapFile| {
        // A purge deletes the records of older snapshots with their segments.
        let first = log.first().map_or(RaftIndex::MAX, |entry| entry.index);
        let newest = log.snapshots.iter().map(|record| record.index).max();
        snap.index >= first || newest.is_some_and(|newest| snap.index > newest)
    };
    let mut orphans: Vec<&SnapFile> = Vec::new();
    for snap in &usable {
        match record_of(log, snap) {
            None if covered(snap) => orphans.push(snap),
            Some(record) => {
                // A snapshot without voters is reported as SNAP-014.
                if let Some(conf_state) = &record.conf_state
                    // The promotion of a learner was not persisted in 3.5.1 to 3.5.19 (etcd#19557).
                    && !conf_state.same_members(&snap.conf_state)
                    && !snap.conf_state.voters.is_empty()
                {
                    let message = format!(
                        "the .snap and the WAL record at index {} name different voters",
                        snap.index
                    );
                    report(
                        Finding::new(&codes::SNAP_CONF_STATE, snap.place(), message)
                            .seen(ids(&snap.conf_state), ids(conf_state)),
                    );
                }
            }
            None => {}
        }
    }
    orphaned(&mut orphans, report);
    missing_file(snaps, &usable, log, files, report);
}

/// One finding for all `.snap` files without a record: they have one cause.
/// The file is written before the record: `SaveSnap` in `server/etcdserver/storage.go`, v3.5.30; a crash between the two leaves
/// it alone.
fn orphaned(orphans: &mut [&SnapFile], report: &mut Sink<'_>) {
    orphans.sort_by_key(|snap| snap.index);
    let (Some(first), Some(last)) = (orphans.first(), orphans.last()) else {
        return;
    };
    let message = match orphans.len() {
        1 => format!(
            "the WAL has no snapshot record of term {} index {}: etcd ignores the file",
            last.term, last.index
        ),
        count => format!(
            "the WAL has no snapshot record of {count} .snap files, at indexes {}–{}: etcd ignores them",
            first.index, last.index
        ),
    };
    let finding = Finding::new(&codes::SNAP_ORPHAN, last.place(), message);
    report(finding.count(orphans.len() as u64));
}

fn record_of<'l>(log: &'l Log, snap: &SnapFile) -> Option<&'l LogSnapshot> {
    log.snapshots
        .iter()
        .rev()
        .find(|record| (record.index, record.term) == (snap.index, snap.term))
}

/// Returns whether a snapshot record has a usable file.
fn has_file(record: &LogSnapshot, usable: &[&SnapFile]) -> bool {
    usable
        .iter()
        .any(|snap| (snap.index, snap.term) == (record.index, record.term))
}

/// Returns the index of the newest valid snapshot record with a usable file.
fn newest_with_file(log: &Log, usable: &[&SnapFile]) -> Option<RaftIndex> {
    let with_file: HashSet<(RaftIndex, Term)> =
        usable.iter().map(|snap| (snap.index, snap.term)).collect();
    let records = log.valid_snapshots();
    let records = records.filter(|record| with_file.contains(&(record.index, record.term)));
    records.map(|record| record.index).max()
}

/// Reports the newest valid snapshot record without a usable file. etcd deletes older files (`--max-snapshots`).
/// `LoadNewestAvailable` in `server/etcdserver/api/snap/snapshotter.go`, v3.5.30, wants a file for a snapshot record of the
/// log.
fn missing_file(
    snaps: &Snaps,
    usable: &[&SnapFile],
    log: &Log,
    files: &[Bytes<'_>],
    report: &mut Sink<'_>,
) {
    let Some(newest) = log.valid_snapshots().max_by_key(|record| record.index) else {
        return;
    };
    if newest.index == 0 || has_file(newest, usable) {
        return;
    }
    let older = newest_with_file(log, usable);
    let start = older.unwrap_or_default();
    let reaches = match log.first() {
        Some(first) => first.index <= start.next(),
        None => false,
    };
    let name = super::SnapName {
        term: newest.term,
        index: newest.index,
    };
    // A damaged file is reported as SNAP-001. It matters here only if etcd cannot start without it.
    if reaches && snaps.is_damaged(name) {
        return;
    }
    let message = match (older, reaches) {
        (Some(index), true) => {
            format!("etcd uses the snapshot at index {index} and replays the entries after it")
        }
        (None, true) => "etcd replays the whole WAL".into(),
        (_, false) => {
            "the WAL lacks the entries after an older snapshot: etcd up to 3.6 does not start"
                .into()
        }
    };
    let Some(place) = log.place(files, newest.record) else {
        return;
    };
    let severity = if reaches {
        Severity::Warning
    } else {
        Severity::Error
    };
    report(
        Finding::new(
            &codes::SNAP_FILE_MISSING,
            place.with_index(newest.index),
            message,
        )
        .severity(severity)
        .seen("no usable file", name.file_name()),
    );
}
