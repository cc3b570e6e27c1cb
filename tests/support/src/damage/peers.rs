//! The rows of the reference's matrix of what peers do on damage: the same damage, for the same comparison with us.

use std::path::Path;

use super::{Case, flip_bit, overwrite, truncate, zero};
use crate::places::bolt::Db;
use crate::places::wal::{ENTRY, Segment};
use crate::synth::bolt::{FREELIST, header};

/// Damage to a db, in the order and the words of the reference.
#[must_use]
pub fn db() -> Vec<Case> {
    fn on(name: &str, edit: fn(&mut Db)) -> Case {
        Case::new(name, move |path| {
            let mut db = Db::read(path);
            edit(&mut db);
            db.write(path);
        })
    }
    fn middle(db: &Db) -> u64 {
        let leaves = db.leaves("key");
        leaves[leaves.len() / 2]
    }
    fn child(db: &mut Db, to: impl Fn(&Db, u64, usize) -> u64) {
        let branch = db
            .nodes("key")
            .into_iter()
            .find(|node| !node.leaf)
            .expect("a branch");
        let children = db.children(branch.page);
        let n = children.len() / 2;
        let target = to(db, branch.page, n);
        db.put(children[n].0 + 8, &target.to_le_bytes());
    }
    fn meta(db: &mut Db, newest: bool, both: bool) {
        let current = db.newest_meta();
        for slot in 0..2 {
            if both || (slot == current) == newest {
                let at = slot * db.page_size;
                db.bytes[at..at + 80].fill(0);
            }
        }
    }
    let used = |path: &Path| {
        let db = Db::read(path);
        db.at(db.high_water_mark())
    };
    vec![
        Case::new("truncated to half", move |path| {
            truncate(path, used(path) / 2)
        }),
        Case::new("truncated 3 pages before HWM, mid-page", move |path| {
            truncate(path, used(path) - 3 * 4096 + 1000)
        }),
        Case::new("truncated to 1 page", |path| truncate(path, 4096)),
        Case::new("100 bytes", |path| truncate(path, 100)),
        Case::new("0 bytes", |path| truncate(path, 0)),
        on("8 bytes flipped inside a value", |db| {
            let entry = db
                .entries("key")
                .into_iter()
                .max_by_key(|entry| entry.value.len())
                .expect("an entry");
            let at = entry.value.start + entry.value.len() / 2;
            (at..at + 8).for_each(|at| db.bytes[at] ^= 0xFF);
        }),
        on("mvcc KeyValue proto tag flipped", |db| {
            let at = db.leaf(middle(db))[0].value.start;
            db.bytes[at] ^= 0x07;
        }),
        on("1 bit of a revision key flipped", |db| {
            let at = db.leaf(middle(db))[1].key.start;
            db.bytes[at + 6] ^= 0x10;
        }),
        on("leaf page zeroed", |db| {
            let at = db.at(middle(db));
            db.bytes[at..at + 4096].fill(0);
        }),
        on("leaf flags wrong", |db| {
            let at = db.at(middle(db));
            db.put(at + 8, &0x30u16.to_le_bytes());
        }),
        on("leaf page id wrong", |db| {
            let at = db.at(middle(db));
            db.put(at, &99_999u64.to_le_bytes());
        }),
        on("leaf count=0xfff0", |db| {
            let at = db.at(middle(db));
            db.put(at + 10, &0xFFF0u16.to_le_bytes());
        }),
        on("leaf overflow=0x7fffffff", |db| {
            let at = db.at(middle(db));
            db.put(at + 12, &0x7FFF_FFFFu32.to_le_bytes());
        }),
        on("element pos huge", |db| {
            let at = db.leaf(middle(db))[0].at;
            db.put(at + 4, &0x7FFF_FF00u32.to_le_bytes());
        }),
        on("element vsize huge", |db| {
            let at = db.leaf(middle(db))[0].at;
            db.put(at + 12, &0x7FFF_FF00u32.to_le_bytes());
        }),
        on("element vsize +100 (overlaps next)", |db| {
            let at = db.leaf(middle(db))[0].at;
            let vsize = db.u32(at + 12) + 100;
            db.put(at + 12, &vsize.to_le_bytes());
        }),
        on("branch child out of file", |db| {
            child(db, |_, _, _| 99_999_999)
        }),
        on("branch child duplicated (subtree lost)", |db| {
            child(db, |db, page, n| db.children(page)[n - 1].1)
        }),
        on("branch points to itself (cycle)", |db| {
            child(db, |_, page, _| page)
        }),
        on("branch points to root (cycle)", |db| {
            child(db, |db, _, _| db.nodes("key")[0].page)
        }),
        on("current meta zeroed", |db| meta(db, true, false)),
        on("older meta zeroed", |db| meta(db, false, false)),
        on("both metas zeroed", |db| meta(db, true, true)),
        Case::new("current meta txid bit flip (bad checksum)", |path| {
            let db = Db::read(path);
            flip_bit(path, db.newest_meta() * db.page_size + 64, 1);
        }),
        on("meta root beyond HWM", |db| {
            let slot = db.newest_meta();
            let mut meta = db.meta(slot);
            meta.root = meta.high_water_mark + 5;
            db.set_meta(slot, &meta);
        }),
        on("bucket root 0", |db| {
            let at = db.bucket("key").expect("a key bucket").value.start;
            db.put(at, &0u64.to_le_bytes());
        }),
        on("freelist count=0xffff + 2^40", |db| {
            let free = db.free_pages()[0];
            let at = db.at(free);
            db.put(at, &header(free, FREELIST, 0xFFFF, 0));
            db.put(at + 16, &(1u64 << 40).to_le_bytes());
            point_freelist(db, free);
        }),
        on("freelist lists a used page", |db| {
            let (free, used) = (db.free_pages()[0], middle(db));
            stored_freelist(db, free, &[used]);
        }),
        on("freelist entry out of range", |db| {
            let free = db.free_pages()[0];
            let beyond = db.high_water_mark() + 7;
            stored_freelist(db, free, &[beyond]);
        }),
    ]
}

/// Damage to a log, in the order and the words of the reference; the entry in the middle of the log unless noted.
#[must_use]
pub fn wal() -> Vec<Case> {
    fn on(name: &str, edit: fn(&Path, &Segment, usize)) -> Case {
        Case::new(name, move |path| {
            let segment = Segment::read(path);
            let entries: Vec<usize> = (0..segment.frames.len())
                .filter(|n| segment.frames[*n].kind == ENTRY)
                .collect();
            edit(path, &segment, entries[entries.len() / 2]);
        })
    }
    vec![
        on("data byte flipped", |path, wal, n| {
            flip_bit(path, wal.frames[n].data.start + 10, 0)
        }),
        on("crc byte flipped", |path, wal, n| {
            flip_bit(path, wal.frames[n].record + 3, 0)
        }),
        on("record type := 9", |path, wal, n| {
            overwrite(path, wal.frames[n].record + 1, &[9])
        }),
        on("proto tag broken", |path, wal, n| {
            overwrite(path, wal.frames[n].record, &[0x0F])
        }),
        on("length +8", |path, wal, n| {
            let at = wal.frames[n].at;
            overwrite(path, at, &[wal.bytes[at].wrapping_add(8)]);
        }),
        on("length huge", |path, wal, n| {
            overwrite(path, wal.frames[n].at + 5, &[0x7F])
        }),
        on("length := 0", |path, wal, n| {
            zero(path, wal.frames[n].at..wal.frames[n].at + 8)
        }),
        on("512 bytes zeroed (1 sector)", |path, wal, n| {
            let at = wal.frames[n].at / 512 * 512;
            zero(path, at..at + 512);
        }),
        on("file cut inside record", |path, wal, n| {
            truncate(path, wal.frames[n].at + 20)
        }),
        on("cut inside last record", |path, wal, _| {
            truncate(path, wal.end() - 5)
        }),
        on("2nd half of last record zeroed", |path, wal, _| {
            let last = wal.frames.last().expect("a record");
            zero(path, last.at + (last.end - last.at) / 2..last.end);
        }),
        on("64 random bytes after the last record", |path, wal, _| {
            overwrite(path, wal.end(), &super::noise(9, 64))
        }),
        on("WAL 0 bytes", |path, _, _| truncate(path, 0)),
        on("WAL file missing", |path, _, _| {
            std::fs::remove_file(path).expect("removed")
        }),
    ]
}

/// Writes a freelist page into a free page and lets the newest meta name it.
pub(crate) fn stored_freelist(db: &mut Db, page: u64, ids: &[u64]) {
    let at = db.at(page);
    let image = crate::synth::bolt::freelist(page, 0, ids);
    assert!(image.len() <= db.page_size, "the freelist fits one page");
    db.bytes[at..at + db.page_size].fill(0);
    db.put(at, &image);
    point_freelist(db, page);
}

fn point_freelist(db: &mut Db, page: u64) {
    let slot = db.newest_meta();
    let mut meta = db.meta(slot);
    meta.freelist = page;
    db.set_meta(slot, &meta);
}
