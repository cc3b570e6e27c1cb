//! Damage to the structure of the db: pages, elements, metas, freelist.

use std::fs;
use std::path::Path;

use super::dir::copy_file;
use super::{CLEAN, Incident, Starts};
use crate::damage::peers::stored_freelist;
use crate::damage::{append, flip_bit, noise, overwrite, truncate};
use crate::places::bolt::{Db, Element};
use crate::places::{proto, snap};
use crate::sparse;

const fn case(
    id: &'static str,
    class: &'static str,
    reaction: &'static str,
    starts: Starts,
    what: &'static str,
    apply: fn(&Path),
) -> Incident {
    Incident {
        id,
        class,
        reaction,
        starts,
        base: CLEAN,
        what,
        apply,
    }
}

/// Reads the db of a data directory, changes it in memory, writes it back.
pub(super) fn edit(dir: &Path, change: impl FnOnce(&mut Db)) {
    let path = dir.join("member/snap/db");
    let mut db = Db::read(&path);
    change(&mut db);
    db.write(&path);
}

/// Changes a big-endian number of bucket `meta` (or the auth revision of `auth`).
pub(super) fn set_meta_number(db: &mut Db, key: &[u8], change: impl FnOnce(u64) -> u64) {
    let bucket = if key == b"authRevision" {
        "auth"
    } else {
        "meta"
    };
    let entry = db
        .entry(bucket, key)
        .unwrap_or_else(|| panic!("{} is stored", String::from_utf8_lossy(key)));
    let was = u64::from_be_bytes(
        db.bytes[entry.value.clone()]
            .try_into()
            .expect("eight bytes"),
    );
    db.put(entry.value.start, &change(was).to_be_bytes());
}

/// Removes the SHA-256 trailer from a snapshot file in the place of the db.
pub(super) fn cut_trailer(dir: &Path) {
    let path = dir.join("member/snap/db");
    let length = fs::metadata(&path).expect("metadata").len() as usize;
    truncate(&path, length / 512 * 512);
}

/// The middle one of the leaf pages of bucket `key` that hold a few records and no overflow.
fn middle(db: &Db) -> u64 {
    let leaves: Vec<u64> = db
        .leaves("key")
        .into_iter()
        .filter(|page| db.u32(db.at(*page) + 12) == 0 && db.u16(db.at(*page) + 10) > 3)
        .collect();
    leaves[leaves.len() / 2]
}

/// The newest record of a user key that is still alive.
pub(super) fn live(db: &Db) -> Element {
    let entries = db.entries("key");
    entries
        .iter()
        .enumerate()
        .rev()
        .skip(3)
        .find(|(n, entry)| {
            let key = |entry: &Element| proto::bytes(&db.bytes[entry.value.clone()], 1);
            entry.key.len() == 17
                && key(entry).len() > 4
                && !entries[n + 1..]
                    .iter()
                    .any(|later| key(later) == key(entry))
        })
        .map(|(_, entry)| entry.clone())
        .expect("a live key")
}

fn set_both_metas(db: &mut Db, change: impl Fn(&mut crate::synth::bolt::Meta)) {
    for slot in 0..2 {
        let mut meta = db.meta(slot);
        change(&mut meta);
        db.set_meta(slot, &meta);
    }
}

pub(super) const CASES: &[Incident] = &[
    case(
        "D01",
        "DB-MISSING",
        "REFUSES",
        Starts::No,
        "delete member/snap/db (snapshots exist)",
        |dir| fs::remove_file(dir.join("member/snap/db")).expect("removed"),
    ),
    case(
        "D03",
        "DB-EMPTY",
        "REFUSES",
        Starts::No,
        "truncate db to 0 bytes",
        |dir| truncate(&dir.join("member/snap/db"), 0),
    ),
    case(
        "D05",
        "DB-TOO-SMALL",
        "REFUSES",
        Starts::No,
        "truncate db to 4096 bytes",
        |dir| truncate(&dir.join("member/snap/db"), 4096),
    ),
    case(
        "D07",
        "DB-TRUNCATED",
        "REFUSES",
        Starts::No,
        "truncate db so that its last used page is lost",
        |dir| {
            let path = dir.join("member/snap/db");
            let db = Db::read(&path);
            let free = db.free_pages();
            let last = (2..db.high_water_mark())
                .rev()
                .find(|page| !free.contains(page))
                .expect("a used page");
            truncate(&path, db.at(last));
        },
    ),
    case(
        "D09",
        "DB-META-BOTH",
        "REFUSES",
        Starts::No,
        "flip 1 bit in both meta pages",
        |dir| {
            let path = dir.join("member/snap/db");
            flip_bit(&path, 64, 3);
            flip_bit(&path, 4096 + 64, 3);
        },
    ),
    case(
        "D11",
        "DB-META-VERSION",
        "REFUSES",
        Starts::No,
        "both metas: bolt version 3, checksum re-computed",
        |dir| edit(dir, |db| set_both_metas(db, |meta| meta.version = 3)),
    ),
    case(
        "D13",
        "DB-META-HWM",
        "REFUSES",
        Starts::No,
        "newer meta: high-water mark lowered to half (checksum re-computed) => future writes overwrite live pages",
        |dir| {
            edit(dir, |db| {
                let slot = db.newest_meta();
                let mut meta = db.meta(slot);
                meta.high_water_mark /= 2;
                db.set_meta(slot, &meta);
            });
        },
    ),
    case(
        "D20",
        "DB-VALUE-BITFLIP",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "flip 1 bit inside the value of one live KeyValue",
        |dir| {
            edit(dir, |db| {
                let entry = live(db);
                let field = proto::field(&db.bytes[entry.value.clone()], 5).expect("a value");
                db.bytes[entry.value.start + field.payload.start] ^= 1;
            });
        },
    ),
    case(
        "D21",
        "DB-KEYNAME-BITFLIP",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "flip 1 bit inside the KEY NAME of one live KeyValue (e.g. \"pod\" -> \"pnd\")",
        |dir| {
            edit(dir, |db| {
                let entry = live(db);
                let field = proto::field(&db.bytes[entry.value.clone()], 1).expect("a key");
                db.bytes[entry.value.start + field.payload.start + 2] ^= 1;
            });
        },
    ),
    case(
        "D23",
        "DB-REV-REORDER",
        "REFUSES",
        Starts::No,
        "flip a HIGH bit in the revision key of one leaf element (order broken)",
        |dir| {
            edit(dir, |db| {
                let at = db.leaf(middle(db))[1].key.start;
                db.bytes[at + 1] ^= 1;
            });
        },
    ),
    case(
        "D25",
        "DB-PAGE-ID",
        "REFUSES",
        Starts::No,
        "overwrite the page id in the header of a key-bucket leaf page",
        |dir| {
            edit(dir, |db| {
                db.put(db.at(middle(db)), &(middle(db) + 7).to_le_bytes())
            })
        },
    ),
    case(
        "D27",
        "DB-PAGE-FLAGS",
        "REFUSES",
        Starts::No,
        "set an illegal page type in a key-bucket leaf page",
        |dir| {
            edit(dir, |db| {
                db.put(db.at(middle(db)) + 8, &0x40u16.to_le_bytes())
            })
        },
    ),
    case(
        "D28",
        "DB-PAGE-COUNT-DOWN",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "lower the element COUNT of one key-bucket leaf page by 1",
        |dir| {
            edit(dir, |db| {
                let at = db.at(middle(db)) + 10;
                db.put(at, &(db.u16(at) - 1).to_le_bytes());
            });
        },
    ),
    case(
        "D29",
        "DB-PAGE-COUNT-UP",
        "REFUSES",
        Starts::No,
        "raise the element COUNT of one key-bucket leaf page by 50",
        |dir| {
            edit(dir, |db| {
                let at = db.at(middle(db)) + 10;
                db.put(at, &(db.u16(at) + 50).to_le_bytes());
            });
        },
    ),
    case(
        "D31",
        "DB-BRANCH-PTR-OOB",
        "REFUSES",
        Starts::No,
        "branch page: child pointer beyond the high-water mark but inside the file",
        |dir| {
            edit(dir, |db| {
                let branch = db
                    .nodes("key")
                    .into_iter()
                    .find(|node| !node.leaf)
                    .expect("a branch")
                    .page;
                let children = db.children(branch);
                db.put(
                    children[children.len() / 2].0 + 8,
                    &(db.high_water_mark() + 9).to_le_bytes(),
                );
            });
        },
    ),
    case(
        "D33",
        "DB-ELEM-POS",
        "REFUSES",
        Starts::No,
        "leaf element: wild pos (key/value outside of the page)",
        |dir| {
            edit(dir, |db| {
                db.put(db.leaf(middle(db))[2].at + 4, &0x7FFF_FF00u32.to_le_bytes())
            })
        },
    ),
    case(
        "D35",
        "DB-OVERFLOW",
        "REFUSES",
        Starts::No,
        "leaf page: overflow count 0 -> 3 (claims its neighbours)",
        |dir| {
            edit(dir, |db| {
                db.put(db.at(middle(db)) + 12, &3u32.to_le_bytes())
            })
        },
    ),
    case(
        "D37",
        "DB-LEAF-SWAP",
        "REFUSES",
        Starts::No,
        "swap the contents (not the ids) of two key-bucket leaf pages",
        |dir| {
            edit(dir, |db| {
                let leaves = db.leaves("key");
                let (a, b) = (db.at(leaves[1]) + 8, db.at(leaves[leaves.len() - 2]) + 8);
                let (first, second) = (db.slice(&(a..a + 4088)), db.slice(&(b..b + 4088)));
                db.put(a, &second);
                db.put(b, &first);
            });
        },
    ),
    case(
        "D39",
        "DB-FREEPAGE-GARBAGE",
        "SILENT-HARMLESS",
        Starts::Yes,
        "overwrite an unreachable (free) page with random bytes: harmless",
        |dir| {
            edit(dir, |db| {
                db.put(db.at(db.free_pages()[0]), &noise(39, 4096))
            })
        },
    ),
    case(
        "D41",
        "DB-BUCKET-MISSING",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "root leaf: element of bucket \"key\" renamed to \"kez\"",
        |dir| {
            edit(dir, |db| {
                let key = db.bucket("key").expect("a key bucket").key.end - 1;
                db.bytes[key] = b'z';
            });
        },
    ),
    case(
        "D43",
        "DB-SHA-TRAILER",
        "SILENT-HARMLESS",
        Starts::Yes,
        "append 32 bytes to db (a \"snapshot save\" file copied verbatim to member/snap/db)",
        |dir| append(&dir.join("member/snap/db"), &noise(43, 32)),
    ),
    case(
        "D45",
        "DB-HOLE",
        "REFUSES",
        Starts::No,
        "punch a 64 KiB hole in the middle of the used pages (lost extents, ext4 fast-commit, sparse copy)",
        |dir| {
            edit(dir, |db| {
                let at = db.at(middle(db).saturating_sub(7).max(2));
                let end = (at + 65536).min(db.at(db.high_water_mark()));
                db.bytes[at..end].fill(0);
            });
        },
    ),
    case(
        "D47",
        "DB-BUCKET-ROOT-META",
        "REFUSES",
        Starts::No,
        "bucket \"key\": root page id = 1 (a meta page)",
        |dir| {
            edit(dir, |db| {
                db.put(
                    db.bucket("key").expect("a key bucket").value.start,
                    &1u64.to_le_bytes(),
                )
            });
        },
    ),
    case(
        "D49",
        "DB-OTHER-MEMBER",
        "REFUSES",
        Starts::No,
        "db replaced by the db of an unrelated cluster, consistent_index lower than the newest snapshot",
        |dir| {
            fs::remove_file(dir.join("member/snap/db")).expect("removed");
            copy_file(
                &crate::data_dir("etcd-3.5.16").join("member/snap/db"),
                &dir.join("member/snap/db"),
            );
            let behind = snap::index(&snap::newest(dir)) / 2;
            edit(dir, |db| {
                set_meta_number(db, b"consistent_index", |_| behind)
            });
        },
    ),
    case(
        "D53",
        "DB-FREELIST-LIVE-PAGE",
        "SILENT-THEN-DIES",
        Starts::Yes,
        "synced freelist lists a LIVE key-bucket leaf page as free: next commits overwrite it",
        |dir| {
            edit(dir, |db| {
                let mut ids = db.free_pages();
                let carrier = ids.pop().expect("a free page");
                ids.push(middle(db));
                ids.sort_unstable();
                stored_freelist(db, carrier, &ids);
            });
        },
    ),
    case(
        "D55",
        "DB-FREELIST-DUP",
        "SILENT-THEN-DIES",
        Starts::Yes,
        "synced freelist with a duplicated id",
        |dir| {
            edit(dir, |db| {
                let mut ids = db.free_pages();
                let carrier = ids.pop().expect("a free page");
                ids.insert(0, ids[0]);
                stored_freelist(db, carrier, &ids);
            });
        },
    ),
    case(
        "D57",
        "DB-KEY-LEN",
        "REFUSES",
        Starts::No,
        "key bucket: one element key shortened from 17 to 16 bytes (ksize)",
        |dir| {
            edit(dir, |db| {
                db.put(db.leaf(middle(db))[1].at + 8, &16u32.to_le_bytes())
            })
        },
    ),
    case(
        "D59",
        "DB-REV-LOW-BIT",
        "REFUSES",
        Starts::No,
        "flip the LOWEST bit of one revision key: collides with its neighbour",
        |dir| {
            edit(dir, |db| {
                let leaf = db.leaf(middle(db));
                let twins = leaf.windows(2).find(|pair| {
                    pair[0].key.len() == pair[1].key.len() && {
                        let (mut a, b) = (db.slice(&pair[0].key), db.slice(&pair[1].key));
                        a[7] ^= 1;
                        a == b
                    }
                });
                db.bytes[twins.expect("neighbours that differ in their lowest bit")[0]
                    .key
                    .start
                    + 7] ^= 1;
            });
        },
    ),
    case(
        "D60",
        "DB-META-OLDER",
        "SILENT-HARMLESS",
        Starts::Yes,
        "flip 1 bit in the older meta page",
        |dir| {
            let path = dir.join("member/snap/db");
            let older = 1 - Db::from_bytes(sparse::read(&path)).newest_meta();
            overwrite(&path, older * 4096 + 72, &[0; 8]);
        },
    ),
];
