//! Holes: ranges of a file without blocks on disk, in which something was looked for.
//!
//! A hole alone is no damage: bbolt lengthens its file before it writes to it (`DB.grow` in `db.go`, v1.3.11), a page that was
//! freed in the transaction that allocated it is never written, and etcd preallocates the segment it writes. Damage that was
//! found in one has one cause.

use std::ops::Range;

use crate::codes::dir;
use crate::evidence::File;
use crate::member::Member;
use located::text::number::thousands;
use located::{Finding, Place, Severity};

/// A record of the log is at most that long before the hole that it runs into: etcd's `--max-request-bytes` is 1.5 MiB.
const RECORD_BYTES: u64 = 2 << 20;
/// Maximum number of holes of one file that a finding lists.
const MAX_LISTED: usize = 4;

/// Reports the holes that other findings are about, in the db and in the segments of the log.
pub(super) fn holes(member: &Member, findings: &[Finding]) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Ok(db) = member.db_file() {
        let page = member.db().map_or(4096, |db| db.page_size());
        let hit = hit(db, db.holes(), 0, findings);
        found.extend(finding(db, &hit, &dir::HOLE_IN_DB, Some(page)));
    }
    for segment in member.evidence().wal() {
        let mut holes = segment.holes();
        // What etcd preallocated.
        holes.retain(|hole| hole.end < segment.size());
        let hit = hit(segment, holes, RECORD_BYTES, findings);
        found.extend(finding(segment, &hit, &dir::HOLE_IN_LOG, None));
    }
    found
}

/// A hole, and the number of findings in it.
type Hit = (Range<u64>, u64);

/// The holes with a finding in them, or up to so many bytes before.
fn hit(file: &File, holes: Vec<Range<u64>>, before: u64, findings: &[Finding]) -> Vec<Hit> {
    let of_file = findings.iter().filter(|finding| {
        finding.severity == Severity::Error && finding.place.file == *file.name()
    });
    let offsets: Vec<u64> = of_file
        .map(|finding| finding.place.offset.unwrap_or(0))
        .collect();
    let counted = holes.into_iter().map(|hole| {
        let from = hole.start.saturating_sub(before);
        let count = offsets
            .iter()
            .filter(|at| (from..hole.end).contains(at))
            .count();
        (hole, count as u64)
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

fn finding(
    file: &File,
    hit: &[Hit],
    code: &'static located::codes::Code,
    page_size: Option<u64>,
) -> Option<Finding> {
    let (first, _) = hit.first()?;
    let bytes: u64 = hit
        .iter()
        .map(|(hole, _)| hole.end.saturating_sub(hole.start))
        .sum();
    let count: u64 = hit.iter().map(|(_, count)| count).sum();
    let listed = hit.iter().take(MAX_LISTED).map(|(hole, _)| {
        let (start, last) = (hole.start, hole.end.saturating_sub(1));
        let pages =
            page_size.and_then(|size| Some((start.checked_div(size)?, last.checked_div(size)?)));
        match pages {
            Some((from, to)) => format!("{start:#x}–{last:#x} (pages {from}–{to})"),
            None => format!("{start:#x}–{last:#x}"),
        }
    });
    let listed = listed.collect::<Vec<_>>().join(", ");
    let more = match hit.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more ranges"),
    };
    let damage = match count {
        1 => "the damage at 1 place is".to_owned(),
        count => format!("the damage at {} places is", thousands(i128::from(count))),
    };
    let message = format!(
        "bytes {listed}{more} are a hole, {} of {} bytes: nothing was written there, or a copy left it out; {damage} its consequence",
        thousands(i128::from(bytes)),
        thousands(i128::from(file.size()))
    );
    Some(Finding::new(code, Place::at(file.name(), first.start), message).count(hit.len() as u64))
}
