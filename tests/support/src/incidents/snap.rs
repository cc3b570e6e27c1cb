//! Damage to `.snap` files and to the other files of their folder.

use std::fs;
use std::path::Path;

use super::db::{cut_trailer, edit, set_meta_number};
use super::dir::copy_file;
use super::{CLEAN, Incident, Starts};
use crate::damage::{flip_bit, noise};
use crate::places::{proto, snap};

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

fn flip_middle(path: &Path) {
    flip_bit(
        path,
        fs::metadata(path).expect("metadata").len() as usize / 2,
        1,
    );
}

/// An older db, its consistent_index less than the newest .snap file's index: the db alone was restored from a backup.
fn older_db(dir: &Path) {
    let snapshot = dir
        .parent()
        .expect("a fixture around the data directory")
        .join("snapshot.db");
    fs::remove_file(dir.join("member/snap/db")).expect("removed");
    copy_file(&snapshot, &dir.join("member/snap/db"));
    cut_trailer(dir);
    let behind = snap::index(&snap::newest(dir)) - 20;
    edit(dir, |db| {
        set_meta_number(db, b"consistent_index", |was| was.min(behind))
    });
}

pub(super) const CASES: &[Incident] = &[
    case(
        "S01",
        "SNAP-CRC",
        "HEALS-WITH-LOG",
        Starts::Yes,
        "flip 1 byte inside the newest .snap",
        |dir| flip_middle(&snap::newest(dir)),
    ),
    case(
        "S03",
        "SNAP-ALL-BAD",
        "HEALS-WITH-LOG",
        Starts::Yes,
        "flip 1 byte in every .snap; WAL still holds the history from index 0",
        |dir| snap::files(dir).iter().for_each(|path| flip_middle(path)),
    ),
    case(
        "S05",
        "SNAP-MISSING",
        "SILENT-LATENT",
        Starts::Yes,
        "delete the newest .snap (WAL snapshot record has no file)",
        |dir| fs::remove_file(snap::newest(dir)).expect("removed"),
    ),
    case(
        "S07",
        "SNAP-V2-BROKEN",
        "REFUSES",
        Starts::No,
        "newest .snap: v2store JSON damaged, CRC re-computed",
        |dir| {
            snap::rewrite(&snap::newest(dir), |store, _| {
                let comma = store
                    .iter()
                    .position(|byte| *byte == b',')
                    .expect("a comma");
                store[comma] = b':';
            });
        },
    ),
    case(
        "S09",
        "SNAP-CONFSTATE-EMPTY",
        "HANGS",
        Starts::Hangs,
        "newest .snap: ConfState emptied (CRC valid)",
        |dir| {
            snap::rewrite(&snap::newest(dir), |_, metadata| {
                let (index, term) = (proto::number(metadata, 2), proto::number(metadata, 3));
                metadata.clear();
                proto::put_bytes(metadata, 1, &[0x28, 0]);
                proto::put_number(metadata, 2, index);
                proto::put_number(metadata, 3, term);
            });
        },
    ),
    case(
        "S11",
        "SNAP-NAME-LIES",
        "SILENT-LATENT",
        Starts::Yes,
        "rename the newest .snap so that the file name has a wrong index",
        |dir| {
            let newest = snap::newest(dir);
            let name = newest
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let wrong = format!("{}-{:016x}.snap", &name[..16], snap::index(&newest) + 7);
            fs::rename(&newest, newest.with_file_name(wrong)).expect("renamed");
        },
    ),
    case(
        "S13",
        "SNAP-RESIDUE",
        "HEALS-WITH-LOG",
        Starts::Yes,
        "leave db.tmp.123 (defrag killed), tmp456 (snapshot receive killed) and a foreign .snap.db",
        |dir| {
            for name in ["db.tmp.123", "tmp456", "0000000000000007.snap.db"] {
                fs::write(dir.join("member/snap").join(name), noise(13, 9000)).expect("written");
            }
        },
    ),
    Incident {
        base: "etcd-3.5.30-killed",
        ..case(
            "S14",
            "DB-STALE",
            "REFUSES",
            Starts::No,
            "older db, consistent_index less than the newest .snap file's index, no .snap.db",
            older_db,
        )
    },
    Incident {
        base: "etcd-3.5.30-killed",
        ..case(
            "S15",
            "DB-STALE-SNAPDB",
            "SILENT-HARMLESS",
            Starts::Yes,
            "older db as S14, but the matching <index>.snap.db is present (crash while installing a leader snapshot)",
            |dir| {
                let index = snap::index(&snap::newest(dir));
                copy_file(
                    &dir.join("member/snap/db"),
                    &dir.join(format!("member/snap/{index:016x}.snap.db")),
                );
                older_db(dir);
            },
        )
    },
    case(
        "S17",
        "SNAP-MEMBERSHIP-V2",
        "REFUSES",
        Starts::No,
        "newest .snap v2store: the member entry is re-keyed to another id (v2/v3 membership disagree)",
        |dir| {
            snap::rewrite(&snap::newest(dir), |store, _| {
                let text = String::from_utf8(store.clone()).expect("JSON");
                let start = text.find("\"/0/members/").expect("a member") + 12;
                let id: String = text[start..]
                    .chars()
                    .take_while(char::is_ascii_hexdigit)
                    .collect();
                let other: String = id.chars().rev().collect();
                assert_ne!(id, other);
                *store = text.replace(&id, &other).into_bytes();
            });
        },
    ),
];
