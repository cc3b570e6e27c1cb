//! The first committed entry that etcd cannot apply when it replays the log after start.

use super::decoder::{Halt, Stage};
use super::{Reading, Release, Start};
use crate::raft::{ConfChange, ConfChangeType, EntryType, Payload, Request};
use crate::wal::{Log, LogEntry};
use located::Bytes;

/// Goes through the entries that etcd replays: those above the snapshot, up to the commit. `voters` are the snapshot's; empty
/// for a start from the beginning. `None`: all of them can be applied.
pub fn apply_stop(
    log: &Log,
    files: &[Bytes<'_>],
    release: Release,
    start: Start,
    reading: &Reading,
    voters: &[u64],
) -> Option<Halt> {
    let mut voters = voters.to_vec();
    let commit = reading.hard_state.commit;
    let replayed = reading
        .entries
        .iter()
        .filter(|(index, _)| (start.index.saturating_add(1)..=commit).contains(index));
    for &(index, term) in replayed {
        let Some(entry) = log
            .entry(index)
            .filter(|entry| entry.term == term && !entry.is_plain)
        else {
            continue;
        };
        let payload = Payload::decode(entry.kind, log.data(files, entry)?);
        if let Some(message) = stops(release, entry, &payload, &mut voters) {
            let record = log.records.get(entry.record as usize);
            return Some(Halt {
                message,
                stage: Stage::Apply,
                segment: record.map(|record| record.segment as usize),
                offset: record.map(|record| record.offset),
            });
        }
    }
    None
}

fn stops(
    release: Release,
    entry: &LogEntry,
    payload: &Payload,
    voters: &mut Vec<u64>,
) -> Option<String> {
    if !matches!(entry.kind, EntryType::Normal | EntryType::ConfChange) {
        return Some("unknown entry type; must be either EntryNormal or EntryConfChange".into());
    }
    match payload {
        // gogo, up to 3.6, takes strings that are not UTF-8.
        Payload::Request(Request::Undecodable(why))
            if release.minor < 7 && why.contains("UTF-8") =>
        {
            None
        }
        Payload::Undecodable(why) | Payload::Request(Request::Undecodable(why)) => {
            Some(format!("unmarshal should never fail ({why})"))
        }
        Payload::Request(Request::V2(_)) if release.minor >= 7 => Some(
            "unmarshal should never fail (proto: cannot parse invalid wire-format data)".into(),
        ),
        Payload::Request(Request::V2(request))
            if release.minor == 6 && !request.is_allowed_in_3_6() =>
        {
            Some("detected disallowed v2 WAL for stage --v2-deprecation=write-only".into())
        }
        Payload::ConfChange(change) => conf_change(change, voters),
        _ => None,
    }
}

fn conf_change(change: &ConfChange, voters: &mut Vec<u64>) -> Option<String> {
    match change.member() {
        Some(Ok(member)) if member.id != change.node_id => {
            return Some("got different member ID".into());
        }
        Some(Err(error)) => return Some(format!("failed to unmarshal member ({error})")),
        _ => {}
    }
    match change.kind() {
        ConfChangeType::AddNode if !voters.contains(&change.node_id) => {
            voters.push(change.node_id);
        }
        ConfChangeType::RemoveNode if voters.contains(&change.node_id) => {
            voters.retain(|voter| *voter != change.node_id);
            if voters.is_empty() {
                return Some("removed all voters".into());
            }
        }
        _ => {}
    }
    None
}
