//! Recipe × place over a WAL segment and over a `.snap` file.

use std::path::Path;
use std::sync::Arc;

use super::{Case, append, flip_bit, noise, overwrite, truncate, zero};
use crate::places::wal::{CRC, ENTRY, METADATA, SNAPSHOT, STATE, Segment, frame};

/// Every recipe at every kind of record of a healthy WAL segment: the first and a middle and the last one of each type.
#[must_use]
pub fn wal(file: &Path) -> Vec<Case> {
    let segment = Arc::new(Segment::read(file));
    let mut cases = Vec::new();
    for (name, kind) in [
        ("crc", CRC),
        ("metadata", METADATA),
        ("snapshot", SNAPSHOT),
        ("entry", ENTRY),
        ("state", STATE),
    ] {
        let frames: Vec<usize> = (0..segment.frames.len())
            .filter(|n| segment.frames[*n].kind == kind)
            .collect();
        let mut picked = vec![
            frames.first(),
            frames.get(frames.len() / 2),
            frames.get(frames.len().saturating_sub(30)),
            frames.last(),
        ];
        picked.dedup();
        for n in picked.into_iter().flatten() {
            record(&segment, &format!("{name} record {n}"), *n, &mut cases);
        }
    }
    let end = segment.end();
    for length in [0, 1, 7, 8, 100, 4096, end / 2, end - 1, end, end + 7] {
        cases.push(Case::new(
            format!("the segment cut to {length} bytes"),
            move |path| truncate(path, length),
        ));
    }
    cases.push(Case::new(
        "64 bytes of noise after the last record",
        move |path| overwrite(path, end, &noise(5, 64)),
    ));
    cases.push(Case::new(
        "4 KiB of noise 64 KiB after the last record",
        move |path| overwrite(path, end + 65536, &noise(6, 4096)),
    ));
    cases.push(Case::new(
        "a record of type 9 after the last",
        move |path| overwrite(path, end, &frame(9, 0, Some(b"what"))),
    ));
    cases
}

fn record(segment: &Arc<Segment>, place: &str, n: usize, cases: &mut Vec<Case>) {
    let found = segment.frames[n].clone();
    let word = u64::from_le_bytes(
        segment.bytes[found.at..found.at + 8]
            .try_into()
            .expect("eight bytes"),
    );
    let mut case = |what: String, offset: usize, bytes: Vec<u8>| {
        cases.push(Case::new(format!("{place}: {what}"), move |path| {
            overwrite(path, offset, &bytes)
        }));
    };
    for wrong in [
        0,
        1,
        word + 8,
        word - 1,
        word ^ 1 << 40,
        word ^ 1 << 55,
        word ^ 1 << 63,
        u64::MAX,
        0x00FF_FFFF_FFFF_FFFF,
    ] {
        case(
            format!("length word is {wrong:#x}"),
            found.at,
            wrong.to_le_bytes().into(),
        );
    }
    case("type is 9".into(), found.record + 1, vec![9]);
    case("type tag broken".into(), found.record, vec![0x0F]);
    case("zeroed".into(), found.at, vec![0; found.end - found.at]);
    case(
        "ff".into(),
        found.at + 8,
        vec![0xFF; found.end - found.at - 8],
    );
    let sector = found.at / 512 * 512;
    case("its sector zeroed".into(), sector, vec![0; 512]);
    for (what, offset, bit) in [
        ("the crc", found.record + 3, 3),
        ("the last byte", found.end - 1, 0),
    ] {
        cases.push(Case::new(
            format!("{place}: a bit of {what} flipped"),
            move |path| flip_bit(path, offset, bit),
        ));
    }
    for offset in [found.data.start, found.data.start + found.data.len() / 2] {
        if !found.data.is_empty() {
            cases.push(Case::new(
                format!(
                    "{place}: a bit at byte {} of the payload flipped",
                    offset - found.data.start
                ),
                move |path| flip_bit(path, offset, 2),
            ));
        }
    }
    let middle = found.at + (found.end - found.at) / 2;
    cases.push(Case::new(
        format!("{place}: the file cut inside"),
        move |path| truncate(path, middle),
    ));
    let end = segment.end();
    cases.push(Case::new(
        format!("{place}: everything from its middle on zeroed"),
        move |path| zero(path, middle..end),
    ));
    let segment = Arc::clone(segment);
    cases.push(Case::new(format!("{place}: written twice"), move |path| {
        let rest = [
            &segment.bytes[found.at..found.end],
            &segment.bytes[found.at..segment.end()],
        ]
        .concat();
        overwrite(path, found.at, &rest);
    }));
}

/// Every recipe over a healthy `.snap` file.
#[must_use]
pub fn snap(file: &Path) -> Vec<Case> {
    let bytes = Arc::new(std::fs::read(file).expect("a .snap file"));
    let length = bytes.len();
    let mut cases = Vec::new();
    for cut in [0, 1, 5, 100, length / 2, length - 1] {
        cases.push(Case::new(
            format!(".snap cut to {cut} bytes"),
            move |path| truncate(path, cut),
        ));
    }
    for offset in [0, 1, 3, 6, 8, 9, length / 2, length - 20, length - 1] {
        for bit in [0, 7] {
            cases.push(Case::new(
                format!(".snap: bit {bit} at {offset} flipped"),
                move |path| flip_bit(path, offset, bit),
            ));
        }
    }
    cases.push(Case::new(".snap zeroed", move |path| zero(path, 0..length)));
    cases.push(Case::new(".snap with noise in the middle", move |path| {
        overwrite(path, length / 2, &noise(7, 64))
    }));
    cases.push(Case::new(".snap with noise at its end", |path| {
        append(path, &noise(8, 64))
    }));
    cases
}
