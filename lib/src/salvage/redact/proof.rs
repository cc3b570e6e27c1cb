//! The proof that a copy has nothing of a value: the copy is read back and compared with every record that is anywhere in the original.
//!
//! Records are found by their own form, wherever they are: by no page, element or tree, whose damage may mislead what fills. So a
//! record that the filling did not know of is found here.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use rayon::prelude::*;

use super::content::{self, number};
use super::record::Redactor;

/// Bytes in a row that must not survive.
const RUN_BYTES: usize = 4;
/// Maximum length of a name of a key.
const MAX_KEY_BYTES: usize = 32 * 1024;
/// Bytes of the copy that are compared at a time.
const WINDOW_BYTES: usize = 8 << 20;
/// How often each byte of the original is compared at most, on average, before nested records are cut.
const MAX_COMPARISONS: usize = 16;
/// Bytes of a record that are compared after that.
const MAX_NESTED_BYTES: usize = 4096;
/// Bytes of a stored revision.
const REVISION_BYTES: usize = 17;

/// A record in the original: where its name and its value are.
#[derive(Clone, Copy, Debug)]
struct ProvedRecord {
    key: (usize, usize),
    value: (usize, usize),
}

/// Compares the copy with every record of the original. Returns where four bytes in a row or more of a name or a value are where they
/// were and are not listed as kept, in the order of the file.
///
/// # Errors
/// The copy cannot be read.
pub(super) fn survivors(
    image: &[u8],
    page_size: usize,
    copy: &mut File,
    redactor: &Redactor,
) -> io::Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let records = records(image);
    let ends = ends(image, page_size);
    let mut rest = records.as_slice();
    while let Some(first) = rest.first() {
        let from = first.key.0;
        let end = from.saturating_add(WINDOW_BYTES).max(first.value.1);
        let count = rest
            .iter()
            .take_while(|record| record.value.1 <= end)
            .count();
        let (batch, after) = rest.split_at(count.max(1).min(rest.len()));
        rest = after;
        let window = window(copy, from, end.min(image.len()))?;
        let of_records = batch
            .par_iter()
            .flat_map_iter(|record| of_record(image, &window, from, *record, &ends, redactor));
        found.extend(of_records.collect::<Vec<_>>());
    }
    copy.seek(SeekFrom::End(0))?;
    found.sort_by_key(|bytes| (bytes.start, bytes.end));
    Ok(found)
}

fn window(copy: &mut File, from: usize, end: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; end.saturating_sub(from)];
    copy.seek(SeekFrom::Start(from as u64))?;
    copy.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Where something of a record is in the copy that must not be there.
fn of_record(
    image: &[u8],
    window: &[u8],
    from: usize,
    record: ProvedRecord,
    ends: &[usize],
    redactor: &Redactor,
) -> Vec<Range<usize>> {
    // A length that is damaged takes in the records after this one, of which other things are kept.
    let cut = ends.partition_point(|end| *end <= record.value.0);
    let cut = ends
        .get(cut)
        .copied()
        .unwrap_or(usize::MAX)
        .min(record.value.1);
    let piece = |bytes: &[u8], base: usize, (start, end): (usize, usize)| {
        bytes
            .get(start.checked_sub(base)?..end.checked_sub(base)?)
            .map(<[u8]>::to_vec)
    };
    let both = |place| Some((piece(image, 0, place)?, piece(window, from, place)?));
    let placed = |runs: Vec<Range<usize>>, start: usize| {
        let shift = move |at: usize| at.saturating_add(start);
        runs.into_iter()
            .map(move |run| shift(run.start)..shift(run.end))
    };
    let mut found = Vec::new();
    let place = (record.value.0, cut);
    if let Some((before, after)) = both(place)
        && !runs(&before, &after, &[]).is_empty()
        && let Some(whole) = image.get(record.value.0..record.value.1)
    {
        let kept = [
            content::value(&redactor.filler, whole),
            content::value(&redactor.filler, &before),
        ];
        found.extend(placed(runs(&before, &after, &kept), place.0));
    }
    if let Some(names) = &redactor.names
        && let Some((before, after)) = both(record.key)
        && !runs(&before, &after, &[]).is_empty()
    {
        let mut names = names
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let kept = [names.key(&before)];
        found.extend(placed(runs(&before, &after, &kept), record.key.0));
    }
    found
}

/// Where four bytes or more, none of them 0, are the same in both, and not in any of `kept`, which lists what may be.
fn runs(before: &[u8], after: &[u8], kept: &[Vec<u8>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut length = 0usize;
    let count = before.len().min(after.len());
    for at in 0..=count {
        let same = before
            .get(at)
            .filter(|plain| after.get(at) == Some(plain) && **plain != 0);
        let is_kept = |plain: &u8| kept.iter().any(|kept| kept.get(at) == Some(plain));
        if same.is_some_and(|plain| !is_kept(plain)) {
            length = length.saturating_add(1);
            continue;
        }
        if length >= RUN_BYTES {
            found.push(at.saturating_sub(length)..at);
        }
        length = 0;
    }
    found
}

/// Every record with a value, in the order of the file.
fn records(image: &[u8]) -> Vec<ProvedRecord> {
    let mut found: Vec<ProvedRecord> = Vec::new();
    let mut room = image.len().saturating_mul(MAX_COMPARISONS);
    for mut record in memchr::memchr_iter(b'\n', image).filter_map(|at| record(image, at)) {
        // Records within records within records: the outer ones are compared whole.
        let (start, end) = record.value;
        room = room.saturating_sub(end.saturating_sub(start));
        if room == 0 {
            record.value.1 = end.min(start.saturating_add(MAX_NESTED_BYTES));
        }
        // A byte of the revision before a record may look like the start of one with the same value.
        if found.last().is_some_and(|last| last.value == record.value) {
            found.pop();
        }
        found.push(record);
    }
    found
}

/// The record that starts here: name, three numbers and a value, as `mvccpb.KeyValue` has them.
fn record(image: &[u8], at: usize) -> Option<ProvedRecord> {
    let varint = |at: usize| {
        let (value, bytes) = number(image.get(at..at.checked_add(10)?.min(image.len()))?)?;
        Some((usize::try_from(value).ok()?, at.checked_add(bytes)?))
    };
    let tagged = |at: usize, tag: u8| match image.get(at) == Some(&tag) {
        true => varint(at.checked_add(1)?),
        false => None,
    };
    let (key_bytes, key) = tagged(at, b'\n')?;
    let key_end = key
        .checked_add(key_bytes)
        .filter(|_| key_bytes <= MAX_KEY_BYTES)?;
    let (_, modified) = tagged(key_end, 0x10)?;
    let (_, version) = tagged(modified, 0x18)?;
    let (_, value) = tagged(version, 0x20)?;
    let (value_bytes, value) = tagged(value, 0x2a)?;
    let end = value
        .checked_add(value_bytes)
        .filter(|end| *end <= image.len())?;
    Some(ProvedRecord {
        key: (key, key_end),
        value: (value, end),
    })
}

/// Where no value goes on: where a revision is, and at the header of a page.
fn ends(image: &[u8], page_size: usize) -> Vec<usize> {
    let revisions = memchr::memchr_iter(b'_', image).filter_map(|at| {
        let start = at.checked_sub(8)?;
        let revision = image.get(start..start.checked_add(REVISION_BYTES)?)?;
        let is_one = revision.starts_with(&[0; 3]) && revision.get(9..13) == Some(&[0; 4]);
        is_one.then_some(start)
    });
    let pages = (0..image.len()).step_by(page_size.max(1)).zip(0u64..);
    let pages = pages.filter(|(start, page)| {
        let id = start.checked_add(8).and_then(|end| image.get(*start..end));
        id == Some(page.to_le_bytes().as_slice())
    });
    let mut ends: Vec<usize> = revisions.chain(pages.map(|(start, _)| start)).collect();
    ends.sort_unstable();
    ends
}
