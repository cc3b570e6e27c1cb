//! Files, their order and how they hang together.

use super::{Evidence, Tally};
use crate::codes::wal as codes;
use crate::wal::{Ending, GapCause, Link, RecordKind, Segment, WalFile};
use located::{Finding, Place, Severity, Sink};

/// Length of a segment in use, and the length at which it is finished.
const SEGMENT_BYTES: u64 = 64_000_000;

pub(super) fn names(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut tally = Tally::new(&codes::NAME);
    for other in &log.log.others {
        let Some(file) = log.files.get(other.file).map(|bytes| bytes.file()) else {
            continue;
        };
        if other.kind == WalFile::Stray && file.as_str().ends_with(".wal") {
            tally.add(|code| {
                let message = "etcd ignores it: the name is not two 16-digit hex numbers";
                Finding::new(code, Place::file(file), message)
            });
        }
    }
    tally.report(report);
}

pub(super) fn sequence(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    for (number, pair) in log.log.segments.windows(2).enumerate() {
        let [front, behind] = pair else { continue };
        let (Some(was), Some(is)) = (front.name, behind.name) else {
            continue;
        };
        let expected = was.seq.saturating_add(1);
        if is.seq == expected {
            continue;
        }
        let lost = log
            .log
            .gaps
            .iter()
            .find(|gap| gap.cause == GapCause::Segment && gap.next >= is.index.min(gap.next));
        let lost = match lost {
            Some(gap) => format!(
                "; entries {}–{} are gone with it",
                gap.after.saturating_add(1),
                gap.next.saturating_sub(1)
            ),
            None => String::new(),
        };
        let message = if is.seq <= was.seq {
            format!("segment {} stands twice", is.seq)
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
                log.whole(number.saturating_add(1)),
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

fn first_segment(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let Some(name) = log.log.segments.first().and_then(|segment| segment.name) else {
        return;
    };
    let newest = log.log.valid_snapshots().map(|snapshot| snapshot.index);
    let newest = newest.max().unwrap_or(0);
    if name.index > newest {
        let message = format!(
            "the log begins at index {}, the newest snapshot it calls valid is {newest}",
            name.index
        );
        report(
            Finding::new(&codes::FIRST_SEGMENT, log.whole(0), message)
                .seen(format!("index {}", name.index), format!("at most {newest}")),
        );
    }
}

pub(super) fn heads(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let kind = |at: usize| log.log.records.get(at).map(|record| record.kind);
    let mut conflict = Tally::new(&codes::METADATA);
    for (number, segment) in log.log.segments.iter().enumerate() {
        let damaged_head = log.log.damages.iter().any(|damage| {
            damage.segment == number
                && damage.records_before <= segment.records.start.saturating_add(1)
        });
        if segment.records.is_empty() {
            // The last one has a code of its own: etcd does not even notice.
            let lost_tail = log.is_last(number) && number > 0;
            if !damaged_head && !lost_tail {
                let message = format!("no record in {} bytes", segment.len_bytes);
                report(Finding::new(&codes::HEAD, log.at(number, 0), message));
            }
            continue;
        }
        let first = segment.records.start;
        let head = (kind(first), kind(first.saturating_add(1)));
        let good = matches!(head, (Some(RecordKind::Crc), Some(RecordKind::Metadata)));
        if !good && !damaged_head {
            let name = |kind: Option<RecordKind>| kind.map_or("nothing", RecordKind::name);
            report(
                Finding::new(
                    &codes::HEAD,
                    log.at(number, 0),
                    "a segment begins with two records of its own",
                )
                .seen(
                    format!("{}, {}", name(head.0), name(head.1)),
                    "crc, metadata",
                ),
            );
        }
    }
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
                    "the segment was written by another member or cluster than the first one";
                Finding::new(code, log.record(other.record), message).seen(text(other), text(first))
            });
        }
    }
    conflict.report(report);
}

pub(super) fn links(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    for (number, segment) in log.log.segments.iter().enumerate() {
        let front = number.checked_sub(1).and_then(|n| log.log.segments.get(n));
        match segment.link {
            Link::Broken { running, stored } => {
                // A missing segment has been told as such.
                let seqs = (front.and_then(|f| f.name), segment.name);
                if let (Some(was), Some(is)) = seqs
                    && is.seq != was.seq.saturating_add(1)
                {
                    continue;
                }
                let message = match front.map(|front| front.ending) {
                    Some(Ending::Zeros | Ending::Garbage { .. }) => {
                        "the segment in front ends in zeros: records at its end are lost, or it belongs to another log"
                    }
                    _ if is_copy(log, segment) => {
                        "its entries stand in earlier segments already: a copy under a wrong name"
                    }
                    _ => "records between the two are lost, or they belong to different logs",
                };
                report(
                    Finding::new(&codes::CHAIN, log.at(number, 0), message)
                        .seen(format!("{stored:#010x}"), format!("{running:#010x}")),
                );
            }
            Link::HeadDamaged { running, stored } => {
                let message = "only the checksum at the head of the segment is damaged: its records continue the segment in front; etcd refuses with `wal: crc mismatch`";
                report(
                    Finding::new(&codes::CRC, log.at(number, 0), message)
                        .seen(format!("{stored:#010x}"), format!("{running:#010x}")),
                );
            }
            Link::First | Link::Continues | Link::Unknown | Link::NoHead => {}
        }
    }
}

/// Whether every entry of a segment was passed over because the log had it already.
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

pub(super) fn ends(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let Some(number) = log.log.segments.len().checked_sub(1) else {
        return;
    };
    for (number, segment) in log.log.segments.iter().enumerate() {
        if let Ending::Garbage { from, to } = segment.ending {
            let message = format!(
                "{} bytes that are no records, {} bytes behind the end of the log",
                to.saturating_sub(from),
                from.saturating_sub(segment.end)
            );
            report(
                Finding::new(&codes::GARBAGE, log.at(number, from), message)
                    .seen("bytes other than zero", "zeros to the end of the file"),
            );
        }
    }
    let Some(last) = log.log.segments.get(number) else {
        return;
    };
    if last.records.is_empty() && number > 0 && last.ending != Ending::Damage {
        let message = match last.name {
            Some(name) => format!("everything from index {} on is lost", name.index),
            None => "it has no record".into(),
        };
        report(
            Finding::new(&codes::LAST_EMPTY, log.at(number, 0), message).seen(
                format!("{} bytes, no record", last.len_bytes),
                "at least checksum and metadata",
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
            "the segment was finished, and the one that must follow is not here"
        } else {
            "the file ends with its last record: copied without its zeros, repaired, or finished with a later one lost"
        };
        let severity = if finished {
            Severity::Warning
        } else {
            Severity::Note
        };
        report(
            Finding::new(&codes::LAST_MISSING, log.at(number, last.end), message)
                .severity(severity)
                .seen(
                    format!("{} bytes", last.len_bytes),
                    format!("{SEGMENT_BYTES} bytes, zeros at the end"),
                ),
        );
    }
}

/// What earlier repairs cut off.
pub(super) fn broken(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let first = log.log.first().map_or(0, |entry| entry.index);
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
            "{} intact entries, indexes {}–{}, are not in the log any more",
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
        for entry in lost.iter().take(64) {
            let Some(data) = broken.data(log.files, entry) else {
                continue;
            };
            let payload = crate::raft::Payload::decode(entry.kind, data);
            for key in payload.user_keys() {
                if finding.keys.len() < 32 && !finding.keys.iter().any(|known| known == key) {
                    finding.keys.push(key.to_vec());
                }
            }
        }
        report(finding);
    }
}
