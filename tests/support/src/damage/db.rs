//! Recipe × place over a bbolt file.

use std::path::Path;
use std::sync::Arc;

use super::{Case, append, flip_bit, noise, overwrite, truncate, zero};
use crate::places::bolt::{Db, Node};

const HUGE: [u64; 4] = [0x7FFF_FFFF, 0xFFFF_FFFF, u64::MAX >> 1, u64::MAX];

/// Every recipe at every kind of place of a healthy bbolt file.
#[must_use]
pub fn db(file: &Path) -> Vec<Case> {
    let db = Arc::new(Db::read(file));
    let mut cases = Vec::new();
    lengths(&db, &mut cases);
    metas(&db, &mut cases);
    for (place, node) in places(&db) {
        page(&db, &place, &node, &mut cases);
        if node.leaf {
            leaf(&db, &place, &node, &mut cases);
        } else {
            branch(&db, &place, &node, &mut cases);
        }
    }
    swaps(&db, &mut cases);
    inline(&db, &mut cases);
    cases
}

/// The root leaf; the root, first, middle and last leaf and one branch of each bucket with pages.
fn places(db: &Db) -> Vec<(String, Node)> {
    let mut places = vec![(
        "the root leaf".to_owned(),
        db.nodes_from(db.root()).remove(0),
    )];
    for bucket in ["key", "meta", "lease", "authUsers"] {
        let nodes = db.nodes(bucket);
        let leaves: Vec<&Node> = nodes.iter().filter(|node| node.leaf).collect();
        let mut picked: Vec<&Node> = nodes.iter().filter(|node| !node.leaf).take(2).collect();
        picked.extend(
            [leaves.first(), leaves.get(leaves.len() / 2), leaves.last()]
                .into_iter()
                .flatten(),
        );
        picked.extend(leaves.iter().find(|node| node.overflow > 0));
        picked.sort_by_key(|node| node.page);
        picked.dedup();
        for node in picked {
            let kind = if node.leaf { "leaf" } else { "branch" };
            places.push((
                format!("{kind} page {} of bucket {bucket}", node.page),
                node.clone(),
            ));
        }
    }
    places
}

fn lengths(db: &Db, cases: &mut Vec<Case>) {
    let used = db.at(db.high_water_mark());
    for length in [
        0,
        1,
        15,
        16,
        100,
        4095,
        4096,
        4097,
        8191,
        8192,
        3 * 4096,
        used / 2,
        used / 2 + 1777,
        used - 4096,
        used - 1,
    ] {
        cases.push(Case::new(
            format!("the file cut to {length} bytes"),
            move |path| truncate(path, length),
        ));
    }
    cases.push(Case::new(
        "the file cut at the high-water mark",
        move |path| truncate(path, used),
    ));
    cases.push(Case::new("32 bytes appended", |path| {
        append(path, &noise(3, 32))
    }));
    cases.push(Case::new("a page and a half of noise appended", |path| {
        append(path, &noise(4, 6144))
    }));
}

fn metas(db: &Arc<Db>, cases: &mut Vec<Case>) {
    let newest = db.newest_meta();
    for (which, slots) in [
        ("the newer meta", vec![newest]),
        ("the older meta", vec![1 - newest]),
        ("both metas", vec![0, 1]),
    ] {
        let page_size = db.page_size;
        let each = slots.clone();
        cases.push(Case::new(format!("{which} zeroed"), move |path| {
            each.iter()
                .for_each(|slot| zero(path, slot * page_size..(slot + 1) * page_size))
        }));
        let each = slots.clone();
        cases.push(Case::new(format!("{which} with noise"), move |path| {
            each.iter()
                .for_each(|slot| overwrite(path, slot * page_size, &noise(1, page_size)))
        }));
        for (field, at, width) in [
            ("id", 0, 8),
            ("flags", 8, 2),
            ("magic", 16, 4),
            ("version", 20, 4),
            ("page size", 24, 4),
            ("root", 32, 8),
            ("freelist", 48, 8),
            ("high-water mark", 56, 8),
            ("txid", 64, 8),
            ("checksum", 72, 8),
        ] {
            for bit in [0, width * 8 - 1] {
                let each = slots.clone();
                cases.push(Case::new(
                    format!("{which}: bit {bit} of {field} flipped"),
                    move |path| {
                        each.iter().for_each(|slot| {
                            flip_bit(path, slot * page_size + at + bit / 8, (bit % 8) as u8)
                        });
                    },
                ));
            }
        }
        // A checksum over nonsense: what a bad RAM bit before the commit, or a hostile hand, leaves.
        let high = db.high_water_mark();
        let mut wild: Vec<(&str, u64)> = Vec::new();
        wild.extend(
            [0, 1, 2, high - 1, high, high + 1000]
                .into_iter()
                .chain(HUGE)
                .map(|value| ("root", value)),
        );
        wild.extend(
            [0, 1, 2, 3, high, high + 1000]
                .into_iter()
                .chain(HUGE)
                .map(|value| ("freelist", value)),
        );
        wild.extend(
            [0, 1, 2, 3, high / 2, high - 1, high + 1, high + 100_000]
                .into_iter()
                .chain(HUGE)
                .map(|value| ("high-water mark", value)),
        );
        wild.extend([0, 1].into_iter().chain(HUGE).map(|value| ("txid", value)));
        wild.extend(
            [0, 1, 16, 512, 1000, 8192, 65536, 0x8000_0000, 0xFFFF_FFFF]
                .map(|value| ("page size", value)),
        );
        wild.extend([0, 1, 3].map(|value| ("version", value)));
        for (field, value) in wild {
            let (db, each) = (Arc::clone(db), slots.clone());
            cases.push(Case::new(
                format!("{which}: {field} is {value}, checksum right"),
                move |path| {
                    for slot in &each {
                        let mut meta = db.meta(*slot);
                        match field {
                            "root" => meta.root = value,
                            "freelist" => meta.freelist = value,
                            "high-water mark" => meta.high_water_mark = value,
                            "txid" => meta.txid = value,
                            "page size" => meta.page_size = value as u32,
                            _ => meta.version = value as u32,
                        }
                        overwrite(path, slot * db.page_size + 16, &meta.encode());
                    }
                },
            ));
        }
    }
}

fn page(db: &Db, place: &str, node: &Node, cases: &mut Vec<Case>) {
    let (at, page_size, id) = (db.at(node.page), db.page_size, node.page);
    let count = db.u16(at + 10);
    let mut case = |what: String, offset: usize, bytes: Vec<u8>| {
        cases.push(Case::new(format!("{place}: {what}"), move |path| {
            overwrite(path, offset, &bytes)
        }));
    };
    case("zeroed".into(), at, vec![0; page_size]);
    case("one sector zeroed".into(), at + 512, vec![0; 512]);
    case("filled with ff".into(), at, vec![0xFF; page_size]);
    case("filled with noise".into(), at, noise(2, page_size));
    for wrong in [0, 1, id + 1, id ^ 1 << 40, u64::MAX] {
        case(format!("id is {wrong}"), at, wrong.to_le_bytes().into());
    }
    for flags in [
        0u16,
        0x03,
        0x04,
        0x10,
        0x40,
        0xFFFF,
        if node.leaf { 1 } else { 2 },
    ] {
        case(
            format!("flags are {flags:#x}"),
            at + 8,
            flags.to_le_bytes().into(),
        );
    }
    for wrong in [
        0,
        1,
        count.saturating_sub(1),
        count + 1,
        count + 50,
        0xFFF0,
        0xFFFF,
    ] {
        case(
            format!("count is {wrong}"),
            at + 10,
            wrong.to_le_bytes().into(),
        );
    }
    for wrong in [
        node.overflow + 1,
        3,
        1000,
        0x7FFF_FFFF,
        0xFFFF_FFFE,
        0xFFFF_FFFF,
    ] {
        case(
            format!("overflow is {wrong}"),
            at + 12,
            wrong.to_le_bytes().into(),
        );
    }
}

fn leaf(db: &Db, place: &str, node: &Node, cases: &mut Vec<Case>) {
    let entries = db.leaf(node.page);
    let mut picked = vec![
        entries.first(),
        entries.get(entries.len() / 2),
        entries.last(),
    ];
    picked.dedup();
    for entry in picked.into_iter().flatten() {
        let n = entry.index;
        for (field, at) in [("flags", 0), ("pos", 4), ("ksize", 8), ("vsize", 12)] {
            let was = db.u32(entry.at + at);
            for value in [
                0,
                1,
                was ^ 1,
                was.wrapping_add(100),
                was | 0x8000_0000,
                0x7FFF_FFFF,
                0xFFFF_FFFF,
            ] {
                let offset = entry.at + at;
                cases.push(Case::new(
                    format!("{place}: {field} of element {n} is {value}"),
                    move |path| overwrite(path, offset, &value.to_le_bytes()),
                ));
            }
        }
        for (what, range) in [("key", entry.key.clone()), ("value", entry.value.clone())] {
            if range.is_empty() {
                continue;
            }
            for offset in [range.start, range.start + range.len() / 2, range.end - 1] {
                for bit in [0, 7] {
                    cases.push(Case::new(
                        format!(
                            "{place}: bit {bit} at byte {} of the {what} of element {n} flipped",
                            offset - range.start
                        ),
                        move |path| flip_bit(path, offset, bit),
                    ));
                }
            }
            cases.push(Case::new(
                format!("{place}: {what} of element {n} zeroed"),
                {
                    let range = range.clone();
                    move |path| zero(path, range.clone())
                },
            ));
        }
        if db.u32(entry.at) == 1 {
            let start = entry.value.start;
            let high = db.high_water_mark();
            for root in [0, 1, 2, db.root(), high - 1, high, high + 1000]
                .into_iter()
                .chain(HUGE)
            {
                cases.push(Case::new(
                    format!("{place}: bucket {n} has root page {root}"),
                    move |path| overwrite(path, start, &root.to_le_bytes()),
                ));
            }
        }
    }
}

fn branch(db: &Db, place: &str, node: &Node, cases: &mut Vec<Case>) {
    let children = db.children(node.page);
    let (high, own, root) = (db.high_water_mark(), node.page, db.root());
    let bucket_root = db.nodes("key").first().map_or(0, |node| node.page);
    for n in [0, children.len() / 2, children.len() - 1] {
        let (at, _) = children[n];
        let sibling = children[(n + 1) % children.len()].1;
        for (what, child) in [
            ("itself", own),
            ("its bucket's root", bucket_root),
            ("the root of all", root),
            ("its sibling", sibling),
            ("page 0", 0),
            ("page 1", 1),
            ("the last page", high - 1),
            ("the high-water mark", high),
            ("far outside", high + 1_000_000),
            ("2^63", 1 << 63),
            ("all ones", u64::MAX),
        ] {
            cases.push(Case::new(
                format!("{place}: child {n} points to {what}"),
                move |path| overwrite(path, at + 8, &child.to_le_bytes()),
            ));
        }
        for (field, offset) in [("pos", 0), ("ksize", 4)] {
            for value in [0u32, 1, 100, 0x7FFF_FFFF, 0xFFFF_FFFF] {
                cases.push(Case::new(
                    format!("{place}: {field} of child {n} is {value}"),
                    move |path| overwrite(path, at + offset, &value.to_le_bytes()),
                ));
            }
        }
        let key = at + db.u32(at) as usize;
        for offset in [key, key + 7] {
            cases.push(Case::new(
                format!(
                    "{place}: bit 0 at byte {} of the key of child {n} flipped",
                    offset - key
                ),
                move |path| flip_bit(path, offset, 0),
            ));
        }
    }
}

fn swaps(db: &Arc<Db>, cases: &mut Vec<Case>) {
    let leaves = db.leaves("key");
    if leaves.len() < 2 {
        return;
    }
    let (a, b) = (leaves[leaves.len() / 2 - 1], leaves[leaves.len() / 2]);
    for (what, from) in [("wholly", 0), ("but for their ids", 8)] {
        let db = Arc::clone(db);
        cases.push(Case::new(
            format!("key leaves {a} and {b} swapped {what}"),
            move |path| {
                let (at, to, length) = (db.at(a) + from, db.at(b) + from, db.page_size - from);
                overwrite(path, at, &db.bytes[to..to + length]);
                overwrite(path, to, &db.bytes[at..at + length]);
            },
        ));
    }
    let db = Arc::clone(db);
    cases.push(Case::new(
        format!("key leaf {b} is a copy of {a}, its id right"),
        move |path| {
            overwrite(
                path,
                db.at(b) + 8,
                &db.bytes[db.at(a) + 8..db.at(a) + db.page_size],
            );
        },
    ));
}

fn inline(db: &Db, cases: &mut Vec<Case>) {
    let Some(root) = db.nodes_from(db.root()).into_iter().find(|node| node.leaf) else {
        return;
    };
    for entry in db
        .leaf(root.page)
        .into_iter()
        .filter(|entry| db.u64(entry.value.start) == 0 && entry.value.len() > 32)
        .take(3)
    {
        let name = String::from_utf8_lossy(&db.slice(&entry.key)).into_owned();
        let page = entry.value.start + 16;
        let mut case = |what: String, offset: usize, bytes: Vec<u8>| {
            cases.push(Case::new(
                format!("inline bucket {name}: {what}"),
                move |path| overwrite(path, offset, &bytes),
            ));
        };
        for value in [0u16, 1, 0x10, 0xFFFF] {
            case(
                format!("flags are {value:#x}"),
                page + 8,
                value.to_le_bytes().into(),
            );
            case(
                format!("count is {value}"),
                page + 10,
                value.to_le_bytes().into(),
            );
        }
        for value in [1u32, 0xFFFF_FFFF] {
            case(
                format!("overflow is {value}"),
                page + 12,
                value.to_le_bytes().into(),
            );
            for (field, at) in [("flags", 16), ("pos", 20), ("ksize", 24), ("vsize", 28)] {
                case(
                    format!("{field} of element 0 is {value}"),
                    page + at,
                    value.to_le_bytes().into(),
                );
            }
        }
    }
}
