//! One field or record is changed, and real etcd is started on it: whether it serves, revision, keys and later writes are what the
//! plan says, and GO is given only where nothing is wrong.

use std::path::Path;

use testkit::etcd::Binaries;
use testkit::places::bolt::Db;
use testkit::places::proto;
use testkit::places::wal::{Log, SNAPSHOT, STATE, hard_state};
use testkit::{copy_of, data_dir};

use crate::matrix::complaint;
use crate::printed::{Printed, preflight};
use crate::served::serve;

struct Recipe {
    name: &'static str,
    base: &'static str,
    change: fn(&Path),
    /// Whether a start may be done; `None` if this is not asked here.
    go: Option<bool>,
    /// The revision that is served, if it is known beforehand.
    revision: Option<i64>,
}

fn edit(data_dir: &Path, change: impl FnOnce(&mut Db)) {
    let path = data_dir.join("member/snap/db");
    let mut db = Db::read(&path);
    change(&mut db);
    db.write(&path);
}

fn high_water_mark(data_dir: &Path, change: fn(u64) -> u64) {
    edit(data_dir, |db| {
        let slot = db.newest_meta();
        let mut meta = db.meta(slot);
        meta.high_water_mark = change(meta.high_water_mark);
        db.set_meta(slot, &meta);
    });
}

const RECIPES: &[Recipe] = &[
    Recipe {
        name: "the length word of a WAL record is lowered",
        base: "lagging-3.5.30",
        change: |data| {
            let path = Log::read(data).segments[0].path.clone();
            let mut bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes[42_928], 0xc2);
            bytes[42_928] = 0xc0;
            std::fs::write(path, bytes).unwrap();
        },
        go: Some(false),
        revision: Some(321),
    },
    Recipe {
        name: "no snapshot record is left in the WAL",
        base: "lagging-3.5.30",
        change: |data| {
            Log::read(data).rewrite(|_, records| records.retain(|(kind, _)| *kind != SNAPSHOT));
        },
        go: None,
        revision: None,
    },
    Recipe {
        name: "HardState.vote names a member that does not exist",
        base: "lagging-3.5.30",
        change: |data| {
            Log::read(data).rewrite(|_, records| {
                for (kind, bytes) in records {
                    if *kind == STATE {
                        let (term, commit) = (proto::number(bytes, 1), proto::number(bytes, 3));
                        *bytes = hard_state(term, 0xdead, commit);
                    }
                }
            });
        },
        go: Some(true),
        revision: Some(421),
    },
    Recipe {
        name: "a lease whose stored id differs from its key",
        base: "lagging-3.5.30",
        change: |data| {
            edit(data, |db| {
                let lease = db.entries("lease").remove(0);
                // The field is first; its last byte has the highest bits of the varint.
                db.bytes[lease.value.start + 1] ^= 1;
            });
        },
        go: None,
        revision: Some(421),
    },
    Recipe {
        name: "the high-water mark is lowered by one",
        base: "etcd-3.5.30",
        change: |data| high_water_mark(data, |mark| mark - 1),
        go: None,
        revision: None,
    },
    Recipe {
        name: "the high-water mark is raised past the end of the file",
        base: "etcd-3.5.30",
        change: |data| high_water_mark(data, |mark| mark + 100_000),
        go: None,
        revision: None,
    },
    Recipe {
        name: "the cluster version is only in the WAL",
        base: "lagging-3.5.30",
        change: |data| edit(data, |db| db.rewrite_bucket("cluster", Vec::clear)),
        go: None,
        revision: Some(421),
    },
    Recipe {
        name: "the own member is missing from the bucket members",
        base: "etcd-3.5.30",
        change: |data| edit(data, |db| db.rewrite_bucket("members", Vec::clear)),
        go: None,
        revision: None,
    },
    Recipe {
        name: "meta.freelist points to a leaf page",
        base: "etcd-3.5.30",
        change: |data| {
            edit(data, |db| {
                let (slot, leaf) = (db.newest_meta(), db.leaves("key")[0]);
                let mut meta = db.meta(slot);
                meta.freelist = leaf;
                db.set_meta(slot, &meta);
            });
        },
        go: Some(false),
        revision: None,
    },
    Recipe {
        name: "nothing; a crash, then --force-new-cluster, then writes",
        base: "force-new-cluster-3.5.30",
        change: |_| (),
        go: Some(true),
        revision: None,
    },
    Recipe {
        name: "nothing; a compaction was interrupted",
        base: "mid-compaction-3.5.30",
        change: |_| (),
        go: Some(true),
        revision: None,
    },
];

#[test]
fn one_changed_field_leads_to_what_is_predicted() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
        return;
    };
    let mut wrong = Vec::new();
    for recipe in RECIPES {
        let copy = copy_of(&data_dir(recipe.base));
        (recipe.change)(&copy);
        let go = preflight(&copy, "start", "3.5.30")["go"].as_bool();
        let step = Printed::preflight(&copy, "start", "3.5.30").unwrap();
        let seen = serve(&binaries, &copy, &[]);
        let revision = seen.as_ref().ok().map(|seen| seen.revision);
        eprintln!(
            "{}: served {revision:?}, predicted {:?} {:?}, GO {go:?}",
            recipe.name, step.starts, step.revision
        );
        if let Some(complaint) = complaint(&step, &seen) {
            wrong.push(format!("{}: {complaint}", recipe.name));
        }
        if recipe.go.is_some() && go != recipe.go {
            wrong.push(format!(
                "{}: GO {go:?}, expected {:?}",
                recipe.name, recipe.go
            ));
        }
        if recipe.revision.is_some() && revision != recipe.revision {
            wrong.push(format!("{}: real etcd serves {revision:?}", recipe.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
