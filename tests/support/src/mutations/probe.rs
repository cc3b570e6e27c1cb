//! The systematic probe of what bbolt demands when it opens: every field of metas, free list, root leaf and bucket headers.

use super::choose::{meta_edit, write};
use super::{Action, DB, Edit, Mutation};
use crate::data_dir;
use crate::places::bolt::Db;
use crate::synth::bolt::{FREELIST, header};

/// The fixtures probed: release, fixture.
const PROBED: [(&str, &str); 3] = [
    ("3.4.23", "etcd-3.4.23"),
    ("3.5.16", "etcd-3.5.16"),
    ("3.5.30", "etcd-3.5.30"),
];

/// All of them, in a fixed order.
#[must_use]
pub fn probe() -> Vec<Mutation> {
    let mut all = Vec::new();
    for (release, fixture) in PROBED {
        let db = Db::read(&data_dir(fixture).join(DB));
        let mut add = |what: String, edits: Vec<Edit>| {
            all.push(Mutation {
                release: release.to_owned(),
                fixture: fixture.to_owned(),
                action: Action::Start,
                what,
                edits,
            });
        };
        metas(&db, &mut add);
        freelists(&db, &mut add);
        root_leaf(&db, &mut add);
        buckets(&db, &mut add);
    }
    all
}

fn metas(db: &Db, add: &mut impl FnMut(String, Vec<Edit>)) {
    let hwm = db.high_water_mark();
    let newest = db.newest_meta();
    let txid = db.meta(newest).txid;
    let leaf = db.leaves("key")[0];
    let free = db.free_pages().first().copied().unwrap_or(hwm - 1);
    let fields: [(&str, usize, usize, Vec<u64>); 9] = [
        ("magic", 16, 4, vec![0]),
        ("version", 20, 4, vec![0, 1, 3]),
        (
            "page size",
            24,
            4,
            vec![
                0,
                12,
                512,
                1024,
                2048,
                8192,
                16384,
                0x8000_0000,
                0xffff_ffff,
            ],
        ),
        ("flags", 28, 4, vec![1, 0xffff_ffff]),
        (
            "root",
            32,
            8,
            vec![
                0,
                1,
                2,
                leaf,
                free,
                hwm - 1,
                hwm,
                hwm + 1,
                1 << 31,
                1 << 40,
                u64::MAX,
            ],
        ),
        ("sequence", 40, 8, vec![1, u64::MAX]),
        (
            "freelist",
            48,
            8,
            vec![
                0,
                1,
                leaf,
                free,
                hwm - 1,
                hwm,
                hwm + 1,
                1 << 40,
                u64::MAX - 1,
            ],
        ),
        (
            "high-water mark",
            56,
            8,
            vec![
                0,
                1,
                2,
                3,
                leaf,
                hwm - 1,
                hwm + 1,
                hwm + 100,
                hwm + 100_000,
                1 << 31,
                1 << 40,
                u64::MAX,
            ],
        ),
        (
            "txid",
            64,
            8,
            vec![
                0,
                1,
                txid - 1,
                txid - 2,
                txid + 2,
                1 << 63,
                u64::MAX - 1,
                u64::MAX,
            ],
        ),
    ];
    for (name, at, bytes, values) in fields {
        for value in values {
            let edit = meta_edit(db, newest, at, &value.to_le_bytes()[..bytes], true);
            add(format!("newest meta {name} = {value:#x}"), vec![edit]);
        }
    }
    for slot in [newest, 1 - newest] {
        add(
            format!("checksum of meta {slot}"),
            vec![meta_edit(db, slot, 72, &[0; 8], false)],
        );
        let header: [(&str, usize, &[u8]); 3] =
            [("id", 0, &[9]), ("flags", 8, &[2]), ("count", 10, &[7])];
        for (name, at, bytes) in header {
            add(
                format!("header of meta {slot}: {name}"),
                vec![write(DB, slot * db.page_size + at, bytes)],
            );
        }
    }
    let page_size = |slot| meta_edit(db, slot, 24, &8192u32.to_le_bytes(), true);
    add(
        "page size 8192 in both metas".to_owned(),
        vec![page_size(0), page_size(1)],
    );
    let sums = |slot| meta_edit(db, slot, 72, &[1; 8], false);
    add("both checksums wrong".to_owned(), vec![sums(0), sums(1)]);
}

/// A free list on a free page, and what it may name.
fn freelists(db: &Db, add: &mut impl FnMut(String, Vec<Edit>)) {
    let free = db.free_pages();
    let Some(&page) = free.last() else { return };
    let ids: Vec<u64> = free.iter().copied().filter(|id| *id != page).collect();
    let some = ids.first().copied().unwrap_or(page);
    let nodes = db.nodes("key");
    let leaf = nodes.iter().rfind(|node| node.leaf).expect("a leaf").page;
    let branch = nodes
        .iter()
        .find(|node| !node.leaf)
        .map_or(leaf, |node| node.page);
    let with = |extra: &[u64]| {
        let mut all = ids.clone();
        all.extend(extra);
        all.sort_unstable();
        all
    };
    let lists: [(&str, Vec<u64>); 11] = [
        ("as it should be", with(&[])),
        ("empty", vec![]),
        ("names a page twice", with(&[some])),
        ("names a leaf of bucket key", with(&[leaf])),
        ("names a branch or leaf", with(&[branch])),
        ("names the root leaf", with(&[db.root()])),
        ("names a meta page", with(&[1])),
        ("names page 0", with(&[0])),
        ("names the high-water mark", with(&[db.high_water_mark()])),
        ("names 2^40", with(&[1 << 40])),
        ("names itself", with(&[page])),
    ];
    let newest = db.newest_meta();
    let edits = |flags: u16, count: u16, list: &[u64]| {
        let mut image = header(page, flags, count, 0);
        list.iter().for_each(|id| image.extend(id.to_le_bytes()));
        image.truncate(db.page_size);
        vec![
            write(DB, db.at(page), &image),
            meta_edit(db, newest, 48, &page.to_le_bytes(), true),
        ]
    };
    for (what, list) in lists {
        add(
            format!("free list {what}"),
            edits(FREELIST, list.len() as u16, &list),
        );
    }
    let mut backwards = ids.clone();
    backwards.reverse();
    add(
        "free list backwards".to_owned(),
        edits(FREELIST, backwards.len() as u16, &backwards),
    );
    for count in [1u16, 600, 0xfffe, 0xffff] {
        add(
            format!("free list count {count:#x}"),
            edits(FREELIST, count, &ids),
        );
    }
    add(
        "free list long form of 2^40".to_owned(),
        edits(FREELIST, 0xffff, &[&[1 << 40], ids.as_slice()].concat()),
    );
    add(
        "free list long form, negative".to_owned(),
        edits(FREELIST, 0xffff, &[&[u64::MAX], ids.as_slice()].concat()),
    );
    for flags in [0u16, 2, 4, 0x11, 0x30] {
        add(
            format!("free list flags {flags:#x}"),
            edits(flags, ids.len() as u16, &ids),
        );
    }
}

/// The header and every element of the root leaf.
fn root_leaf(db: &Db, add: &mut impl FnMut(String, Vec<Edit>)) {
    let root = db.root();
    let base = db.at(root);
    let count = db.u16(base + 10);
    let header: [(&str, usize, usize, Vec<u64>); 4] = [
        ("id", 0, 8, vec![0, root + 1, u64::MAX]),
        ("flags", 8, 2, vec![0, 1, 3, 4, 0x10, 0x12, 0x8002]),
        (
            "count",
            10,
            2,
            vec![0, 1, u64::from(count) - 1, u64::from(count) + 1, 0xffff],
        ),
        ("overflow", 12, 4, vec![1, 2, 1 << 20, 0xffff_ffff]),
    ];
    for (name, at, bytes, values) in header {
        for value in values {
            add(
                format!("root leaf {name} = {value:#x}"),
                vec![write(DB, base + at, &value.to_le_bytes()[..bytes])],
            );
        }
    }
    for entry in db.leaf(root) {
        let name = String::from_utf8_lossy(&db.slice(&entry.key)).into_owned();
        let sizes = [
            u64::from(db.u32(entry.at + 8)),
            u64::from(db.u32(entry.at + 12)),
        ];
        let pos = u64::from(db.u32(entry.at + 4));
        let fields: [(&str, usize, Vec<u64>); 4] = [
            ("flags", 0, vec![0, 2, 3]),
            ("pos", 4, vec![0, pos + 1, pos - 1, 1 << 20, 1 << 31]),
            ("ksize", 8, vec![0, sizes[0] - 1, sizes[0] + 1, 1 << 31]),
            (
                "vsize",
                12,
                vec![0, 8, 15, sizes[1] - 1, sizes[1] + 1, 1 << 31],
            ),
        ];
        for (field, at, values) in fields {
            for value in values {
                add(
                    format!("root leaf element {name} {field} = {value:#x}"),
                    vec![write(DB, entry.at + at, &value.to_le_bytes()[..4])],
                );
            }
        }
        let key = entry.key.start;
        add(
            format!("root leaf element {name}: first byte of its name"),
            vec![write(DB, key, &[db.bytes[key] ^ 0x20])],
        );
    }
}

/// The header of every bucket; of inline ones the header of their page too.
fn buckets(db: &Db, add: &mut impl FnMut(String, Vec<Edit>)) {
    let hwm = db.high_water_mark();
    for entry in db.leaf(db.root()) {
        let name = String::from_utf8_lossy(&db.slice(&entry.key)).into_owned();
        let at = entry.value.start;
        let root = db.u64(at);
        let other = db.leaves("meta").first().copied().unwrap_or(db.root());
        for value in [
            0,
            1,
            other,
            db.root(),
            root + 1,
            hwm - 1,
            hwm,
            hwm + 1,
            1 << 40,
            u64::MAX,
        ] {
            if value != root {
                add(
                    format!("bucket {name} root = {value:#x}"),
                    vec![write(DB, at, &value.to_le_bytes())],
                );
            }
        }
        add(
            format!("bucket {name} sequence"),
            vec![write(DB, at + 8, &[1])],
        );
        if root == 0 {
            let fields: [(&str, usize, &[u8]); 6] = [
                ("id", 16, &[7]),
                ("flags 0", 24, &[0]),
                ("flags branch", 24, &[1]),
                ("count 1 more", 26, &[db.bytes[at + 26] + 1]),
                ("count 0xffff", 26, &[0xff, 0xff]),
                ("overflow", 28, &[1]),
            ];
            for (field, offset, bytes) in fields {
                add(
                    format!("inline page of bucket {name}: {field}"),
                    vec![write(DB, at + offset, bytes)],
                );
            }
        }
    }
}
