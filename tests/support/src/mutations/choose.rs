//! A seed chooses a fixture, a place in it and what happens there.

use std::path::Path;

use super::{Action, DB, Dice, Edit, Mutation, hex, swapped};
use crate::damage::edit::noise;
use crate::data_dir;
use crate::places::bolt::Db;
use crate::places::wal::Log;
use crate::synth::bolt::fnv;

/// Fixtures of one member that its own release starts on, by release.
const MEMBERS: [(&str, &[&str]); 3] = [
    (
        "3.4.23",
        &[
            "etcd-3.4.23",
            "etcd-3.4.23-killed",
            "defragmented-3.4.23",
            "restored-plain-3.4.23",
        ],
    ),
    (
        "3.5.16",
        &[
            "etcd-3.5.16",
            "killed-3.5.16",
            "restored-bumped-started-3.5.16",
        ],
    ),
    (
        "3.5.30",
        &[
            "etcd-3.5.30",
            "etcd-3.5.30-killed",
            "lagging-3.5.30",
            "defragmented-3.5.30",
            "mid-compaction-3.5.30",
            "upgraded-3.5.30",
            "large-values-3.5.30",
        ],
    ),
];

/// Members of clusters, of which a majority is missing: what `--force-new-cluster` is for.
const OF_CLUSTERS: [(&str, &[&str]); 2] = [
    (
        "3.4.23",
        &[
            "cluster3-3.4.23/m1",
            "cluster3-3.4.23/m2",
            "cluster3-3.4.23/m3",
        ],
    ),
    (
        "3.5.30",
        &[
            "diverged-3.5.30/m1",
            "diverged-3.5.30/m2",
            "learner-3.5.30/m1",
        ],
    ),
];

/// Buckets of etcd.
const BUCKETS: [&str; 11] = [
    "key",
    "meta",
    "lease",
    "alarm",
    "cluster",
    "members",
    "members_removed",
    "auth",
    "authUsers",
    "authRoles",
    "key",
];

/// The mutation of a seed. Of eight seeds, six are started, one is restored, one is forced to be a new cluster.
#[must_use]
pub fn random(seed: u64) -> Mutation {
    let mut dice = Dice::new(seed);
    let action = match seed % 8 {
        6 => Action::Restore,
        7 => Action::ForceNewCluster,
        _ => Action::Start,
    };
    let of_cluster = action == Action::ForceNewCluster && dice.below(2) == 0;
    let members: &[(&str, &[&str])] = if of_cluster { &OF_CLUSTERS } else { &MEMBERS };
    let (release, fixtures) = *dice.pick(members);
    let fixture = (*dice.pick(fixtures)).to_owned();
    let dir = data_dir(&fixture);
    // A restore reads the db alone.
    let kinds = if action == Action::Restore { 70 } else { 100 };
    let (what, edits) = loop {
        let chosen = match dice.below(kinds) {
            0..=10 => meta(&mut dice, &dir),
            11..=29 => page(&mut dice, &dir),
            30..=44 => element(&mut dice, &dir),
            45..=53 => bit(&mut dice, &dir),
            54..=58 => content(&mut dice, &dir),
            59..=63 => swapped::torn(&mut dice, &dir, fixtures),
            64..=66 => cut_db(&mut dice, &dir),
            67..=69 => swapped::db(&mut dice, &dir, fixtures),
            70..=79 => record(&mut dice, &dir),
            80..=87 => wal_bits(&mut dice, &dir),
            88..=90 => cut_wal(&mut dice, &dir),
            91..=96 => snap(&mut dice, &dir),
            _ => swapped::logs(&mut dice, &dir, fixtures),
        };
        if let Some(chosen) = chosen {
            break chosen;
        }
    };
    Mutation {
        release: release.to_owned(),
        fixture,
        action,
        what,
        edits,
    }
}

pub(super) type Chosen = Option<(String, Vec<Edit>)>;

pub(super) fn write(file: &str, at: usize, bytes: &[u8]) -> Edit {
    Edit::Write {
        file: file.to_owned(),
        at,
        bytes: hex(bytes),
    }
}

/// A number that was `old`: its neighbours, ends of ranges, one bit.
fn number(dice: &mut Dice, old: u64, bytes: usize) -> u64 {
    let wide = [
        0,
        1,
        2,
        old.wrapping_sub(1),
        old.wrapping_add(1),
        old ^ (1 << dice.below(8 * bytes)),
        old.wrapping_mul(2),
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        u64::MAX,
        1 << 63,
        old >> 1,
    ];
    *dice.pick(&wide)
}

/// A field of a meta page, with a fresh checksum or without.
fn meta(dice: &mut Dice, dir: &Path) -> Chosen {
    let db = Db::read(&dir.join(DB));
    let slot = dice.below(2);
    let (name, at, bytes) = *dice.pick(&[
        ("magic", 16, 4),
        ("version", 20, 4),
        ("page size", 24, 4),
        ("flags", 28, 4),
        ("root", 32, 8),
        ("root", 32, 8),
        ("sequence", 40, 8),
        ("freelist", 48, 8),
        ("freelist", 48, 8),
        ("high-water mark", 56, 8),
        ("high-water mark", 56, 8),
        ("txid", 64, 8),
        ("txid", 64, 8),
        ("checksum", 72, 8),
    ]);
    let base = slot * db.page_size;
    let old = if bytes == 4 {
        u64::from(db.u32(base + at))
    } else {
        db.u64(base + at)
    };
    let hwm = db.high_water_mark();
    let new = match name {
        "root" | "freelist" if dice.below(2) == 0 => dice.next() % (hwm + 2),
        _ => number(dice, old, bytes),
    };
    let fixed = dice.below(4) > 0;
    Some((
        format!(
            "meta {slot} {name} {old:#x} -> {new:#x}{}",
            if fixed { ", checksum fitted" } else { "" }
        ),
        vec![meta_edit(&db, slot, at, &new.to_le_bytes()[..bytes], fixed)],
    ))
}

/// Writes a field of a meta page; with `fixed`, the checksum follows.
pub(super) fn meta_edit(db: &Db, slot: usize, at: usize, bytes: &[u8], fixed: bool) -> Edit {
    let base = slot * db.page_size;
    let mut image = db.bytes[base + 16..base + 80].to_vec();
    image[at - 16..at - 16 + bytes.len()].copy_from_slice(bytes);
    if fixed && at != 72 {
        let sum = fnv(&image[..56]);
        image[56..].copy_from_slice(&sum.to_le_bytes());
    }
    write(DB, base + 16, &image)
}

/// A page of a tree: the root's, one bucket's, seldom a free one.
pub(super) fn some_page(dice: &mut Dice, db: &Db) -> u64 {
    match dice.below(8) {
        0 | 1 => db.root(),
        2 => {
            let free = db.free_pages();
            if free.is_empty() {
                db.root()
            } else {
                *dice.pick(&free)
            }
        }
        _ => {
            let name = *dice.pick(BUCKETS.as_slice());
            let nodes = db.nodes(name);
            if nodes.is_empty() {
                db.root()
            } else {
                dice.pick(&nodes).page
            }
        }
    }
}

/// A field of a page header.
fn page(dice: &mut Dice, dir: &Path) -> Chosen {
    let db = Db::read(&dir.join(DB));
    let page = some_page(dice, &db);
    let base = db.at(page);
    let (name, at, bytes) = *dice.pick(&[
        ("id", 0, 8),
        ("flags", 8, 2),
        ("count", 10, 2),
        ("overflow", 12, 4),
    ]);
    let old = match bytes {
        2 => u64::from(db.u16(base + at)),
        4 => u64::from(db.u32(base + at)),
        _ => db.u64(base + at),
    };
    let new = match (name, dice.below(2)) {
        ("flags", 0) => *dice.pick(&[1, 2, 4, 0x10, 3, 6, 0]),
        ("id", 0) => dice.next() % (db.high_water_mark() + 2),
        _ => number(dice, old, bytes),
    };
    Some((
        format!("page {page} {name} {old:#x} -> {new:#x}"),
        vec![write(DB, base + at, &new.to_le_bytes()[..bytes])],
    ))
}

/// A field of an element, a bucket's header, or an inline page's.
fn element(dice: &mut Dice, dir: &Path) -> Chosen {
    let db = Db::read(&dir.join(DB));
    if dice.below(5) == 0 {
        let branches: Vec<u64> = BUCKETS
            .iter()
            .flat_map(|bucket| db.nodes(bucket))
            .filter(|node| !node.leaf)
            .map(|node| node.page)
            .collect();
        let branch = if branches.is_empty() {
            return None;
        } else {
            *dice.pick(&branches)
        };
        let (at, child) = *dice.pick(&db.children(branch));
        let (name, offset, bytes) = *dice.pick(&[("pos", 0, 4), ("ksize", 4, 4), ("child", 8, 8)]);
        let old = if bytes == 8 {
            child
        } else {
            u64::from(db.u32(at + offset))
        };
        let new = if bytes == 8 && dice.below(2) == 0 {
            dice.next() % (db.high_water_mark() + 2)
        } else {
            number(dice, old, bytes)
        };
        return Some((
            format!("branch {branch} {name} {old:#x} -> {new:#x}"),
            vec![write(DB, at + offset, &new.to_le_bytes()[..bytes])],
        ));
    }
    let name = *dice.pick(BUCKETS.as_slice());
    let entry = db.bucket(name)?;
    if dice.below(3) == 0 {
        // The header of the bucket: root, sequence, or the header of its inline page.
        let length = entry.value.len().min(32);
        let at = entry.value.start + dice.below(length / 8) * 8;
        let old = db.u64(at);
        let new = if dice.below(2) == 0 {
            dice.next() % (db.high_water_mark() + 2)
        } else {
            number(dice, old, 8)
        };
        return Some((
            format!(
                "header of bucket {name} at {:#x}: {old:#x} -> {new:#x}",
                at - entry.value.start
            ),
            vec![write(DB, at, &new.to_le_bytes())],
        ));
    }
    let entries = if dice.below(3) == 0 {
        vec![entry]
    } else {
        db.entries(name)
    };
    if entries.is_empty() {
        return None;
    }
    let entry = dice.pick(&entries).clone();
    let (field, offset) = *dice.pick(&[("flags", 0), ("pos", 4), ("ksize", 8), ("vsize", 12)]);
    let old = u64::from(db.u32(entry.at + offset));
    let new = number(dice, old, 4);
    let page = entry
        .page
        .map_or("inline".to_owned(), |page| format!("page {page}"));
    Some((
        format!(
            "bucket {name} {page} element {} {field} {old:#x} -> {new:#x}",
            entry.index
        ),
        vec![write(DB, entry.at + offset, &new.to_le_bytes()[..4])],
    ))
}

/// A bit of a page that is in use.
fn bit(dice: &mut Dice, dir: &Path) -> Chosen {
    let db = Db::read(&dir.join(DB));
    let page = if dice.below(6) == 0 {
        dice.below(2) as u64
    } else {
        some_page(dice, &db)
    };
    let width = if dice.below(2) == 0 {
        256
    } else {
        db.page_size
    };
    let at = db.at(page) + dice.below(width);
    let bit = dice.below(8);
    Some((
        format!("bit {bit} of byte {at:#x} on page {page}"),
        vec![write(DB, at, &[db.bytes.get(at)? ^ (1 << bit)])],
    ))
}

/// A key or value of one of etcd's buckets.
fn content(dice: &mut Dice, dir: &Path) -> Chosen {
    let db = Db::read(&dir.join(DB));
    let name = *dice.pick(BUCKETS.as_slice());
    let entries = db.entries(name);
    if entries.is_empty() {
        return None;
    }
    let entry = dice.pick(&entries);
    let range = if dice.below(3) == 0 {
        entry.key.clone()
    } else {
        entry.value.clone()
    };
    if range.is_empty() {
        return None;
    }
    let at = range.start + dice.below(range.len());
    let new = if dice.below(2) == 0 {
        db.bytes[at] ^ (1 << dice.below(8))
    } else {
        dice.below(256) as u8
    };
    Some((
        format!(
            "content of bucket {name} at {at:#x}: {:#x} -> {new:#x}",
            db.bytes[at]
        ),
        vec![write(DB, at, &[new])],
    ))
}

fn relative(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir)
        .expect("a file of the directory")
        .display()
        .to_string()
}

/// A frame's length word, a record's type or checksum.
fn record(dice: &mut Dice, dir: &Path) -> Chosen {
    let log = Log::read(dir);
    let segment = dice.pick(&log.segments);
    let file = relative(dir, &segment.path);
    let number = dice.below(segment.frames.len());
    let frame = segment.frames.get(number)?;
    let word = u64::from_le_bytes(
        segment.bytes[frame.at..frame.at + 8]
            .try_into()
            .expect("eight bytes"),
    );
    let length = word & 0x00ff_ffff_ffff_ffff;
    let (what, at, bytes) = match dice.below(8) {
        0 | 1 => {
            let new = length.saturating_sub(1 + dice.next() % length.max(2));
            let pad = new.wrapping_neg() & 7;
            (
                "length lowered",
                frame.at,
                (new | if pad == 0 { 0 } else { (0x80 | pad) << 56 })
                    .to_le_bytes()
                    .to_vec(),
            )
        }
        2 => (
            "length raised",
            frame.at,
            (word + 1 + dice.next() % 64).to_le_bytes().to_vec(),
        ),
        3 => (
            "length",
            frame.at,
            super::choose::number(dice, word, 8).to_le_bytes().to_vec(),
        ),
        4 => (
            "length bit",
            frame.at,
            (word ^ (1 << dice.below(64))).to_le_bytes().to_vec(),
        ),
        5 => ("type", frame.record + 1, vec![dice.below(9) as u8]),
        6 => (
            "checksum",
            frame.record + 3,
            vec![segment.bytes[frame.record + 3] ^ (1 << dice.below(7))],
        ),
        _ => (
            "tag",
            frame.record + *dice.pick(&[0, 2]),
            vec![dice.below(64) as u8],
        ),
    };
    Some((
        format!(
            "record {number} of {} ({}): {what}",
            segment.frames.len(),
            frame.kind
        ),
        vec![write(&file, at, &bytes)],
    ))
}

/// A bit of the log, a sector of zeros, noise, bytes after its end.
fn wal_bits(dice: &mut Dice, dir: &Path) -> Chosen {
    let log = Log::read(dir);
    let segment = dice.pick(&log.segments);
    let file = relative(dir, &segment.path);
    let end = segment.end();
    Some(match dice.below(6) {
        0..=2 => {
            let at = dice.below(end);
            (
                format!("wal bit at {at:#x} of {end:#x}"),
                vec![write(
                    &file,
                    at,
                    &[segment.bytes[at] ^ (1 << dice.below(8))],
                )],
            )
        }
        3 => {
            let at = dice.below(end) / 512 * 512;
            (
                format!("wal sector at {at:#x} zeroed, end {end:#x}"),
                vec![write(&file, at, &[0; 512])],
            )
        }
        4 => {
            let at = dice.below(end);
            let length = 1 + dice.below(16);
            (
                format!("wal noise at {at:#x}, end {end:#x}"),
                vec![write(&file, at, &noise(dice.next(), length))],
            )
        }
        _ => {
            let gap = *dice.pick(&[0, 8, 64, 512]);
            let length = 1 + dice.below(40);
            (
                format!("wal noise {gap} bytes after the end"),
                vec![write(&file, end + gap, &noise(dice.next(), length))],
            )
        }
    })
}

/// The db cut short or made longer.
fn cut_db(dice: &mut Dice, dir: &Path) -> Chosen {
    let length = std::fs::metadata(dir.join(DB)).expect("a db").len() as usize;
    let new = match dice.below(5) {
        0 => *dice.pick(&[0, 1, 100, 4096, 8191, 8192]),
        1 => length + 4096 * (1 + dice.below(4)),
        2 => length - dice.below(4096),
        _ => dice.below(length),
    };
    Some((
        format!("db cut from {length} to {new}"),
        vec![Edit::Truncate {
            file: DB.to_owned(),
            length: new,
        }],
    ))
}

/// A segment cut short.
fn cut_wal(dice: &mut Dice, dir: &Path) -> Chosen {
    let log = Log::read(dir);
    let segment = dice.pick(&log.segments);
    let end = segment.end();
    let new = match dice.below(4) {
        0 => *dice.pick(&[0, 1, 8, 24, end]),
        1 => segment.frames.get(dice.below(segment.frames.len()))?.at,
        2 => end + dice.below(64),
        _ => dice.below(end),
    };
    let file = relative(dir, &segment.path);
    Some((
        format!("wal cut to {new}, end {end}"),
        vec![Edit::Truncate { file, length: new }],
    ))
}

pub(super) fn files_of(dir: &Path, extension: &str) -> Vec<String> {
    let folder = if extension == "wal" {
        "member/wal"
    } else {
        "member/snap"
    };
    let mut names: Vec<String> = std::fs::read_dir(dir.join(folder))
        .expect("a folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(&format!(".{extension}")))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

/// Something about a `.snap`.
fn snap(dice: &mut Dice, dir: &Path) -> Chosen {
    let names = files_of(dir, "snap");
    if names.is_empty() {
        return None;
    }
    let file = dice.pick(&names).clone();
    let bytes = std::fs::read(dir.join(&file)).expect("a file");
    let at = dice.below(bytes.len());
    Some(match dice.below(4) {
        0 => (format!("{file} deleted"), vec![Edit::Remove { file }]),
        1 => (
            format!("{file} cut to {at}"),
            vec![Edit::Truncate { file, length: at }],
        ),
        _ => (
            format!("bit of {file} at {at:#x}"),
            vec![write(&file, at, &[bytes[at] ^ (1 << dice.below(8))])],
        ),
    })
}
