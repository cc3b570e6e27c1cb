//! Files of a log, their sequence, and the checksum chain between them.

use std::collections::HashSet;

use super::{Evidence, Tally, entries_text, verb};
use crate::codes::wal as codes;
use crate::wal::{Ending, GapCause, Link, RecordKind, Segment, WalFile};
use located::{Finding, Place, RaftIndex, Severity, Sink};

/// Length of a segment in use, and the length at which etcd starts the next one: SegmentSizeBytes in server/wal/wal.go, v3.5.30.
const SEGMENT_BYTES: u64 = 64_000_000;

/// Reports files with a name that etcd ignores: checkWalNames in `server/wal/util.go`, v3.5.30.
pub(super) fn names(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut tally = Tally::new(&codes::NAME);
    for other in &log.log.others {
        let Some(file) = log.files.get(other.file).map(|bytes| bytes.file()) else {
            continue;
        };
        if other.kind == WalFile::Stray && file.as_str().ends_with(".wal") {
            tally.add(|code| {
                let message =
                    "etcd ignores this file: its name is not two hexadecimal numbers of 16 digits";
                Finding::new(code, Place::file(file), message)
            });
        }
    }
    tally.report(report);
}

/// Reports missing and duplicated segments, and a log that starts after the newest snapshot.
///
/// etcd checks the sequence only from the segment that it opens (isValidSeq in `server/wal/util.go`, v3.5.30), but the checksums
/// of all: a missing segment in the middle is `wal: crc mismatch` for it.
pub(super) fn sequence(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    for (number, pair) in log.log.segments.windows(2).enumerate() {
        let [earlier, later] = pair else { continue };
        let (Some(was), Some(is)) = (earlier.name, later.name) else {
            continue;
        };
        let expected = was.seq.saturating_add(1);
        if is.seq == expected {
            continue;
        }
        let gap = log
            .log
            .gaps
            .iter()
            .find(|gap| gap.cause == GapCause::Segment && gap.next >= is.index.min(gap.next));
        let lost = match gap {
            Some(gap) => {
                let (low, high) = (gap.after.saturating_add(1), gap.next.saturating_sub(1));
                format!("; {} {} lost", entries_text(low, high), verb(low, high))
            }
            None => String::new(),
        };
        let message = if is.seq <= was.seq {
            format!("segment {} exists twice", is.seq)
        } else {
            match is.seq.saturating_sub(expected) {
                1 => format!("segment {expected} is missing{lost}"),
                _ => format!(
                    "segments {expected}–{} are missing{lost}",
                    is.seq.saturating_sub(1)
                ),
            }
        };
        report(
            Finding::new(
                &codes::SEQUENCE,
                log.whole_segment(number.saturating_add(1)),
                message,
            )
            .seen(
                format!("sequence {}", is.seq),
                format!("sequence {expected}"),
            ),
        );
    }
    first_segment(log, report);
}

/// Reports a log that lacks the entries after the newest snapshot: operators delete segments to free space, or lose the
/// newest .snap (etcd#19601). selectWALFiles in `server/wal/wal.go`, v3.5.30, then returns `wal: file not found`.
/// `selectWALFiles` in `server/wal/wal.go`, v3.5.30.
fn first_segment(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let Some(name) = log.log.segments.first().and_then(|segment| segment.name) else {
        return;
    };
    let newest = log.log.valid_snapshots().map(|snapshot| snapshot.index);
    let newest = newest.max().unwrap_or_default();
    if name.index > newest {
        let (low, high) = (newest.next(), name.index.previous());
        let missing = if low > high {
            format!("the newest valid snapshot record is at index {newest}")
        } else {
            format!("{} {} missing", entries_text(low, high), verb(low, high))
        };
        let message = format!("the WAL starts after the newest usable snapshot: {missing}");
        report(
            Finding::new(&codes::FIRST_SEGMENT, log.whole_segment(0), message)
                .seen(format!("index {}", name.index), format!("at most {newest}")),
        );
    }
}

/// Reports segments that do not start with a crc record and a metadata record, and metadata of different members.
/// `cut` in `server/wal/wal.go`, v3.5.30: checksum, metadata, HardState, then entries.
pub(super) fn heads(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let kind = |at: usize| log.log.records.get(at).map(|record| record.kind);
    let mut conflict = Tally::new(&codes::METADATA);
    for (number, segment) in log.log.segments.iter().enumerate() {
        let damaged_head = log.log.damages.iter().any(|damage| {
            damage.segment == number
                && damage.records_before <= segment.records.start.saturating_add(1)
        });
        if segment.records.is_empty() {
            // An empty last segment has a code of its own, because etcd does not detect it.
            let lost_tail = log.is_last(number) && number > 0;
            if !damaged_head && !lost_tail {
                let message = format!("the segment has no record in {} bytes", segment.len_bytes);
                report(Finding::new(&codes::HEAD, log.position(number, 0), message));
            }
            continue;
        }
        let first = segment.records.start;
        let head = (kind(first), kind(first.saturating_add(1)));
        let good = matches!(head, (Some(RecordKind::Crc), Some(RecordKind::Metadata)));
        // Without metadata the member id is 0, and raft panics with "cannot use none as id" (etcd#5270, etcd#14102).
        if !good && !damaged_head {
            let name = |kind: Option<RecordKind>| kind.map_or("nothing", RecordKind::name);
            report(
                Finding::new(
                    &codes::HEAD,
                    log.position(number, 0),
                    "the segment does not start with a crc record and a metadata record",
                )
                .seen(
                    format!("{}, {}", name(head.0), name(head.1)),
                    "crc, metadata",
                ),
            );
        }
    }
    // Files of two members in one directory: ErrMetadataConflict in server/wal/wal.go, v3.5.30.
    let Some(first) = log.log.metadata.first() else {
        return;
    };
    for other in log.log.metadata.iter().skip(1) {
        if (other.node_id, other.cluster_id) != (first.node_id, first.cluster_id) {
            let text = |m: &crate::wal::LogMetadata| {
                format!("member {:016x} of cluster {:016x}", m.node_id, m.cluster_id)
            };
            conflict.add(|code| {
                let message =
                    "the segment was written by another member or cluster than the first segment";
                Finding::new(code, log.record(other.record), message).seen(text(other), text(first))
            });
        }
    }
    conflict.report(report);
}

/// Reports segments whose crc record does not continue the segment before them.
///
/// Before 3.3.21 and 3.4.8 etcd reported it falsely after a purge (etcd#11918).
/// `Validate` in `server/wal/walpb/record.go`, v3.5.30.
pub(super) fn links(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    for (number, segment) in log.log.segments.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|n| log.log.segments.get(n));
        match segment.link {
            Link::Broken { running, stored } => {
                // A missing segment is reported by `sequence`.
                let seqs = (before.and_then(|before| before.name), segment.name);
                if let (Some(was), Some(is)) = seqs
                    && is.seq != was.seq.saturating_add(1)
                {
                    continue;
                }
                let message = match before.map(|before| before.ending) {
                    Some(Ending::Zeros | Ending::Garbage { .. }) => {
                        "the segment before it ends in zeros: records at its end are lost, or it belongs to another log"
                    }
                    _ if is_copy(log, segment) => {
                        "earlier segments already contain its entries: the file is a copy with a wrong name"
                    }
                    _ => {
                        "records between the two segments are lost, or the segments belong to different logs"
                    }
                };
                report(
                    Finding::new(&codes::CHAIN, log.position(number, 0), message)
                        .seen(format!("{stored:#010x}"), format!("{running:#010x}")),
                );
            }
            Link::HeadDamaged { running, stored } => {
                let message = "only the checksum at the start of the segment is damaged, its records continue the segment before it; etcd refuses to start: `wal: crc mismatch`";
                report(
                    Finding::new(&codes::CRC, log.position(number, 0), message)
                        .seen(format!("{stored:#010x}"), format!("{running:#010x}")),
                );
            }
            Link::First | Link::Continues | Link::Unknown | Link::NoHead => {}
        }
    }
}

/// Returns whether the log already had every entry of a segment.
fn is_copy(log: &Evidence<'_, '_>, segment: &Segment) -> bool {
    let mut own = log.log.entries.iter().filter(|entry| {
        let record = entry.record as usize;
        segment.records.contains(&record)
    });
    let mut any = false;
    own.all(|entry| {
        any = true;
        !entry.survives && entry.superseded_by.is_none()
    }) && any
}

/// Reports bytes after the end of the log, and a last segment that is empty or not the last.
pub(super) fn ends(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    for (number, segment) in log.log.segments.iter().enumerate() {
        if let Ending::Garbage { from, to } = segment.ending {
            let message = format!(
                "{} bytes that are not records, {} bytes after the end of the log",
                to.saturating_sub(from),
                from.saturating_sub(segment.end)
            );
            report(
                Finding::new(&codes::GARBAGE, log.position(number, from), message)
                    .seen("bytes other than zero", "zeros to the end of the file"),
            );
        }
    }
    let number = log.log.segments.len().saturating_sub(1);
    if let Some(last) = log.log.segments.get(number) {
        last_segment(log, number, last, report);
    }
}

/// Reports a last segment that is empty, or after which another one may be missing: etcd detects neither.
/// `renameWAL` in `server/wal/wal.go`, v3.5.30, makes a segment visible only when its head is written.
fn last_segment(log: &Evidence<'_, '_>, number: usize, last: &Segment, report: &mut Sink<'_>) {
    if last.records.is_empty() && number > 0 && last.ending != Ending::Damage {
        let message = match last.name {
            Some(name) => format!("every entry from index {} on is lost", name.index),
            None => "the segment has no record".into(),
        };
        report(
            Finding::new(&codes::LAST_EMPTY, log.position(number, 0), message).seen(
                format!("{} bytes, no record", last.len_bytes),
                "at least a crc record and a metadata record",
            ),
        );
    }
    let was_repaired = log
        .log
        .others
        .iter()
        .any(|other| matches!(other.kind, WalFile::Broken(_)));
    if last.ending == Ending::Exact
        && !last.records.is_empty()
        && last.name.is_some()
        && !was_repaired
    {
        let finished = last.len_bytes >= SEGMENT_BYTES;
        let message = if finished {
            "the segment is finished, and the segment that must follow is missing"
        } else {
            "the file ends after its last record: it was copied without its zeros, or repaired, or a later segment is missing"
        };
        let severity = if finished {
            Severity::Warning
        } else {
            Severity::Note
        };
        report(
            Finding::new(
                &codes::LAST_MISSING,
                log.position(number, last.end),
                message,
            )
            .severity(severity)
            .seen(
                format!("{} bytes", last.len_bytes),
                format!("{SEGMENT_BYTES} bytes, zeros at the end"),
            ),
        );
    }
}

/// Reports entries that earlier repairs discarded: they exist only in a `.broken` file.
/// `Repair` in `server/wal/repair.go`, v3.5.30, copies the last segment to `.broken` before it truncates it.
pub(super) fn broken(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let first = log.log.first().map_or(RaftIndex(0), |entry| entry.index);
    let mut known: Vec<_> = log.log.entries.iter().map(|e| (e.index, e.term)).collect();
    known.sort_unstable();
    for other in &log.log.others {
        let (Some(broken), Some(file)) = (&other.log, log.files.get(other.file)) else {
            continue;
        };
        let lost: Vec<_> = broken
            .surviving()
            .filter(|entry| entry.index >= first)
            .filter(|entry| known.binary_search(&(entry.index, entry.term)).is_err())
            .collect();
        let (Some(low), Some(high)) = (lost.first(), lost.last()) else {
            continue;
        };
        let message = format!(
            "{} intact entries, indexes {}–{}, are no longer in the log",
            lost.len(),
            low.index,
            high.index
        );
        let offset = broken
            .records
            .get(low.record as usize)
            .map_or(0, |record| record.offset);
        let place = Place::at(file.file(), offset).with_index(low.index);
        let mut finding =
            Finding::new(&codes::BROKEN_HAS_MORE, place, message).count(lost.len() as u64);
        let mut known = HashSet::new();
        for entry in &lost {
            let Some(data) = broken.data(log.files, entry) else {
                continue;
            };
            let payload = crate::raft::Payload::decode(entry.kind, data);
            for key in payload.user_keys() {
                if known.insert(key.to_vec()) {
                    finding.keys.push(key.to_vec());
                }
            }
        }
        report(finding);
    }
}
