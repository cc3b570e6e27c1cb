//! Damage to what the records mean, in a structurally perfect db.

use std::fs;
use std::path::Path;

use super::db::{edit, live, set_meta_number};
use super::{CLEAN, Incident, Starts};
use crate::places::bolt::Db;
use crate::places::wal::{Log, SNAPSHOT};
use crate::places::{proto, snap};
use crate::synth::mvcc::revision;

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

/// Main revision of the last record.
fn current(db: &Db) -> u64 {
    let last = db.entries("key").pop().expect("a record");
    u64::from_be_bytes(
        db.bytes[last.key.start..last.key.start + 8]
            .try_into()
            .expect("eight bytes"),
    )
}

/// Writes an entry of bucket `meta`, which may not exist yet.
fn set_meta(db: &mut Db, key: &[u8], value: Vec<u8>) {
    db.rewrite_bucket("meta", |elements| {
        elements.retain(|(_, other, _)| other != key);
        elements.push((0, key.to_vec(), value));
        elements.sort_by(|a, b| a.1.cmp(&b.1));
    });
}

pub(super) const CASES: &[Incident] = &[
    case(
        "L01",
        "CINDEX-BACK",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "meta/consistent_index lowered by 10 (still >= newest snapshot index): 3.5.0-3.5.2 class",
        |dir| {
            edit(dir, |db| {
                set_meta_number(db, b"consistent_index", |was| was - 10)
            })
        },
    ),
    case(
        "L03",
        "CINDEX-AHEAD-OF-LOG",
        "SILENT-SWALLOWS-WRITES",
        Starts::WritesBlocked,
        "meta/consistent_index raised 500 past the last WAL entry",
        |dir| {
            edit(dir, |db| {
                set_meta_number(db, b"consistent_index", |was| was + 500)
            })
        },
    ),
    case(
        "L05",
        "CINDEX-ZERO",
        "WARNS-BUT-WRONG-DATA",
        Starts::Yes,
        "meta/consistent_index set to 0 (no .snap): whole WAL re-applied on top of existing data",
        |dir| {
            for path in snap::files(dir) {
                fs::remove_file(path).expect("removed");
            }
            Log::read(dir).rewrite(|_, records| {
                records.retain(|(kind, data)| *kind != SNAPSHOT || proto::number(data, 1) == 0)
            });
            edit(dir, |db| set_meta_number(db, b"consistent_index", |_| 0));
        },
    ),
    case(
        "L07",
        "COMPACT-AHEAD",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "meta/finishedCompactRev raised above the current revision",
        |dir| {
            edit(dir, |db| {
                let ahead = current(db) + 100;
                set_meta(db, b"finishedCompactRev", revision(ahead, 0));
            });
        },
    ),
    case(
        "L09",
        "COMPACT-BUMPED",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "meta/scheduledCompactRev far above the current revision (as --mark-compacted/--bump-revision or a bit flip)",
        |dir| {
            edit(dir, |db| {
                let ahead = current(db) + 1_000_000_000;
                set_meta(db, b"scheduledCompactRev", revision(ahead, 0));
            });
        },
    ),
    case(
        "L11",
        "KV-CREATE-GT-MOD",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "one KeyValue: create_revision > mod_revision",
        |dir| {
            edit(dir, |db| {
                let entry = live(db);
                let message = db.slice(&entry.value);
                let field = proto::field(&message, 2).expect("a create_revision");
                let modified = proto::number(&message, 3);
                let mut changed = message[..field.at].to_vec();
                proto::put_number(&mut changed, 2, modified + 1);
                changed.extend(&message[field.payload.end..]);
                db.rewrite_leaf(entry.page.expect("a page"), |elements| {
                    elements[entry.index].2 = changed
                });
            });
        },
    ),
    case(
        "L13",
        "KV-MISSING",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "remove one live key revision from its leaf page (structurally perfect b-tree)",
        |dir| {
            edit(dir, |db| {
                let entry = live(db);
                db.rewrite_leaf(entry.page.expect("a page"), |elements| {
                    drop(elements.remove(entry.index))
                });
            });
        },
    ),
    case(
        "L14",
        "KV-RESURRECTED",
        "SILENT-WRONG-DATA",
        Starts::Yes,
        "remove a tombstone: the deleted key lives again",
        |dir| {
            edit(dir, |db| {
                let entry = db
                    .entries("key")
                    .into_iter()
                    .rev()
                    .find(|entry| entry.key.len() == 18)
                    .expect("a tombstone");
                db.rewrite_leaf(entry.page.expect("a page"), |elements| {
                    drop(elements.remove(entry.index))
                });
            });
        },
    ),
    case(
        "L15",
        "KV-ORPHAN-TOMBSTONE",
        "SILENT-LATENT",
        Starts::Yes,
        "remove the put whose tombstone follows: tombstone without a put",
        |dir| {
            edit(dir, |db| {
                let entries = db.entries("key");
                let key = |n: usize| proto::bytes(&db.bytes[entries[n].value.clone()], 1);
                // The put right before a tombstone of the same key, and no older record of that key: an orphan for certain.
                let put = (0..entries.len())
                    .rev()
                    .filter(|n| entries[*n].key.len() == 18)
                    .filter_map(|n| {
                        let older: Vec<usize> = (0..n).filter(|m| key(*m) == key(n)).collect();
                        (older.len() == 1 && entries[older[0]].key.len() == 17).then(|| older[0])
                    })
                    .next()
                    .expect("a key put once and deleted");
                let entry = entries[put].clone();
                db.rewrite_leaf(entry.page.expect("a page"), |elements| {
                    drop(elements.remove(entry.index))
                });
            });
        },
    ),
    case(
        "L17",
        "MEMBER-ATTR-MISMATCH",
        "SILENT-LATENT",
        Starts::Yes,
        "bucket members: attributes of the own member (name) changed; v2 .snap says otherwise",
        |dir| {
            edit(dir, |db| {
                db.rewrite_bucket("members", |elements| {
                    let text = String::from_utf8(elements[0].2.clone()).expect("JSON");
                    elements[0].2 = text
                        .replace("\"name\":\"m1\"", "\"name\":\"m9\"")
                        .into_bytes();
                });
            });
        },
    ),
    case(
        "L19",
        "CLUSTER-VERSION",
        "SILENT-LATENT",
        Starts::Yes,
        "bucket cluster: clusterVersion 3.5.0 -> 3.6.0 (directory already upgraded)",
        |dir| {
            edit(dir, |db| {
                let entry = db
                    .entry("cluster", b"clusterVersion")
                    .expect("a cluster version");
                db.put(entry.value.start, b"3.6.0");
            });
        },
    ),
    case(
        "L21",
        "TERM-MISMATCH",
        "SILENT-LATENT",
        Starts::Yes,
        "meta/term lower than the term of the entry at consistent_index",
        |dir| edit(dir, |db| set_meta_number(db, b"term", |was| was - 1)),
    ),
    case(
        "L23",
        "AUTHREV-BEHIND",
        "SILENT-LATENT",
        Starts::Yes,
        "auth bucket: authRevision lowered by 1 (11651 class)",
        |dir| {
            edit(dir, |db| {
                set_meta_number(db, b"authRevision", |was| was - 1)
            })
        },
    ),
    case(
        "L25",
        "LEASE-UNDECODABLE",
        "REFUSES",
        Starts::No,
        "lease bucket: lease record undecodable",
        |dir| {
            edit(dir, |db| {
                let entry = db.entries("lease").remove(0);
                db.bytes[entry.value.start] = 0x0F;
            });
        },
    ),
];
