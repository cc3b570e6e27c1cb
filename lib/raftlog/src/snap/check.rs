//! Judges `.snap` files: each alone, and against the WAL's snapshot records.

use super::{SnapFile, SnapPart, Snaps, Store};
use crate::codes::snap as codes;
use crate::raft::ConfState;
use crate::wal::{Log, LogSnapshot};
use located::{Bytes, Finding, MemberId, Place, Severity, Sink};

/// Reads and judges one file alone; `None` where it cannot be read at all. Files that are no `.snap` are passed over.
///
/// [`Snaps::read`] does it for a directory.
pub fn file(bytes: &Bytes<'_>, report: &mut Sink<'_>) -> Option<SnapFile> {
    let part = SnapPart::of(bytes.file().as_str());
    if !matches!(part, SnapPart::Snap(_) | SnapPart::Broken(_)) {
        return None;
    }
    // What a boot renamed is known to be bad: worth a look, no alarm.
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
        let message = "the content does not have the stored CRC-32C";
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
        let message = "etcd sorts by the name and matches by the content";
        report(Finding::new(&codes::SNAP_NAME, snap.place(), message).seen(
            format!("term {} index {} by name", name.term, name.index),
            format!("term {} index {}", snap.term, snap.index),
        ));
    }
    conf_state(&snap, report);
    store(&snap, report);
    Some(snap)
}

fn conf_state(snap: &SnapFile, report: &mut Sink<'_>) {
    if snap.conf_state.is_joint() {
        let message = "outgoing voters, future learners or auto_leave are set";
        report(Finding::new(&codes::SNAP_JOINT, snap.place(), message));
    }
    if snap.conf_state.voters.is_empty() {
        let message = format!("the snapshot at index {} names no voter", snap.index);
        report(Finding::new(&codes::SNAP_NO_VOTERS, snap.place(), message));
    }
}

fn store(snap: &SnapFile, report: &mut Sink<'_>) {
    let store = match Store::parse(&snap.store_json) {
        Ok(store) => store,
        Err(error) => {
            let message = format!("its JSON cannot be read: {error}");
            report(Finding::new(&codes::SNAP_STORE, snap.place(), message));
            return;
        }
    };
    if !store.odd.is_empty() {
        let message = format!("damaged or unknown: {}", list(&store.odd));
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
            (missing, []) => format!("votes or learns, but is no member: {}", hex(missing)),
            ([], strangers) => format!("member without a vote: {}", hex(strangers)),
            (missing, strangers) => format!(
                "votes or learns, but is no member: {}; member without a vote: {}",
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

/// At most four of them by name, the rest by number.
fn list(items: &[String]) -> String {
    let named: Vec<_> = items.iter().take(4).map(String::as_str).collect();
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

/// Judges the snapshots of a directory against the WAL's records. `files` are those the log was read from.
pub fn against_log(snaps: &Snaps, log: &Log, files: &[Bytes<'_>], report: &mut Sink<'_>) {
    let usable: Vec<_> = snaps.usable().collect();
    let covered = |snap: &SnapFile| {
        // Records of purged segments are gone with them.
        let first = log.first().map_or(u64::MAX, |entry| entry.index);
        let newest = log.snapshots.iter().map(|record| record.index).max();
        snap.index >= first || newest.is_some_and(|newest| snap.index > newest)
    };
    for snap in &usable {
        match record_of(log, snap) {
            None if covered(snap) => {
                let message = format!(
                    "no snapshot record of term {} index {} in the WAL",
                    snap.term, snap.index
                );
                report(Finding::new(&codes::SNAP_ORPHAN, snap.place(), message));
            }
            Some(record) => {
                // A snapshot without voters has a code of its own.
                if let Some(conf_state) = &record.conf_state
                    && !conf_state.same_members(&snap.conf_state)
                    && !snap.conf_state.voters.is_empty()
                {
                    let message = format!("at index {}", snap.index);
                    report(
                        Finding::new(&codes::SNAP_CONF_STATE, snap.place(), message)
                            .seen(ids(&snap.conf_state), ids(conf_state)),
                    );
                }
            }
            None => {}
        }
    }
    missing_file(snaps, &usable, log, files, report);
}

fn record_of<'l>(log: &'l Log, snap: &SnapFile) -> Option<&'l LogSnapshot> {
    log.snapshots
        .iter()
        .rev()
        .find(|record| (record.index, record.term) == (snap.index, snap.term))
}

/// Only the newest: older files are purged by `--max-snapshots`.
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
    let has_file = usable
        .iter()
        .any(|snap| (snap.index, snap.term) == (newest.index, newest.term));
    if newest.index == 0 || has_file {
        return;
    }
    let older = log
        .valid_snapshots()
        .filter(|record| {
            usable
                .iter()
                .any(|snap| (snap.index, snap.term) == (record.index, record.term))
        })
        .map(|record| record.index)
        .max();
    let start = older.unwrap_or(0);
    let reaches = match log.first() {
        Some(first) => first.index <= start.saturating_add(1),
        None => false,
    };
    let name = super::SnapName {
        term: newest.term,
        index: newest.index,
    };
    // A file that is there and damaged has been told; what follows from it matters only where there is no way back.
    if reaches && snaps.is_damaged(name) {
        return;
    }
    let message = match (older, reaches) {
        (Some(index), true) => {
            format!("etcd falls back to the snapshot at index {index} and replays from there")
        }
        (None, true) => "etcd replays the whole WAL".into(),
        (_, false) => {
            "and the WAL does not reach back to an older one: etcd up to 3.6 does not start".into()
        }
    };
    let place = log.place(files, newest.record).unwrap_or_else(|| {
        let name = located::FileName::new("wal");
        Place::file(&name)
    });
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
        .seen(
            "no usable file".to_string(),
            super::SnapName {
                term: newest.term,
                index: newest.index,
            }
            .file_name(),
        ),
    );
}
