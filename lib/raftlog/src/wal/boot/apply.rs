//! The first committed entry that etcd cannot apply when it replays the log after start.

use super::decoder::{Halt, Stage};
use super::{Reading, Release, Start};
use crate::raft::{ConfChange, ConfChangeType, DecodeFailure, EntryType, Payload, Request};
use located::RaftIndex;

/// Goes through the entries that etcd applies: those after the snapshot, up to the index `through` (the last one if the member
/// is the only voter: it commits every entry that it has). `voters` are the snapshot's; empty for a start from the beginning.
/// `None` if all of them can be applied.
pub fn apply_stop(
    release: Release,
    start: Start,
    reading: &Reading<'_>,
    voters: &[u64],
    through: RaftIndex,
) -> Option<(RaftIndex, Halt)> {
    let mut voters = voters.to_vec();
    let applied = start.index.saturating_add(1)..=through;
    for entry in &reading.entries {
        if !applied.contains(&entry.index) {
            continue;
        }
        let payload = Payload::decode(entry.kind, entry.data);
        if let Some(message) = stops(release, entry.kind, &payload, &mut voters) {
            let halt = Halt {
                stage: Stage::Apply,
                ..Halt::message(message)
            };
            return Some((entry.index, halt));
        }
    }
    None
}

fn stops(
    release: Release,
    kind: EntryType,
    payload: &Payload,
    voters: &mut Vec<u64>,
) -> Option<String> {
    if !matches!(kind, EntryType::Normal | EntryType::ConfChange) {
        return Some("unknown entry type; must be either EntryNormal or EntryConfChange".into());
    }
    match payload {
        // gogo, up to 3.6, takes strings that are not UTF-8.
        Payload::Request(Request::Undecodable(DecodeFailure::NotUtf8(_))) if release.minor < 7 => {
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
