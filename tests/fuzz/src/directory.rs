//! A whole data directory, built from what the bytes say and then damaged as they say.

use std::io::Cursor;

use etcd_inspect::bolt::{self, Db as Bolt, MetaChoice};
use etcd_inspect::evidence::{Evidence, Kind};
use etcd_inspect::member::{Member, Options};
use etcd_inspect::progress::Silent;
use etcd_inspect::salvage::{self, Sources, carve, correct};
use etcd_inspect::{Bytes, FileName, Limits};
use testkit::synth::bolt::DbBuilder;
use testkit::synth::mvcc::Keyspace;

/// Asks a damaged directory everything.
pub fn directory(data: &[u8]) {
    super::ask(&member(data));
}

/// Salvages a damaged directory: what is written has nothing that our own check reports.
pub fn salvage(data: &[u8]) {
    let member = member(data);
    let sources = Sources::read([&member], &Silent);
    for carved in [false, true] {
        let options = salvage::SalvageOptions {
            carved,
            ..salvage::SalvageOptions::default()
        };
        let Ok(salvaged) = sources.salvage(&options, &Silent) else {
            continue;
        };
        let mut file = Cursor::new(Vec::new());
        salvaged.image(&mut file, &Silent).expect("sorted entries");
        let name = FileName::new("salvaged");
        let bytes = file.into_inner();
        let bytes = Bytes::new(&name, 0, &bytes);
        let db = Bolt::open(bytes, MetaChoice::Newest, &Limits::default()).expect("a db");
        bolt::check::check(&db, &Silent, &mut |finding| panic!("{finding:?}"));
    }
    std::hint::black_box(correct::corrections(&member, &Silent).len());
    std::hint::black_box(carve::carve(&member, &Silent).iter().count());
}

/// Takes the bytes as a script: how many keys of what size, then edits of the db, then the log and a `.snap`.
fn member(data: &[u8]) -> Member {
    let mut script = Script(data);
    let mut keys = Keyspace::new();
    let (count, size, per_leaf) = (script.byte() % 64, script.byte(), script.byte() % 16 + 1);
    for at in 0..u32::from(count) {
        let key = format!("/registry/pods/ns-{}/pod-{}", at % 3, at % 11);
        match script.byte() % 4 {
            0 => keys.delete(key.as_bytes()),
            _ => keys.put(key.as_bytes(), &vec![script.byte(); usize::from(size) * 8]),
        };
    }
    let mut db = DbBuilder::etcd()
        .per_leaf(usize::from(per_leaf))
        .spare_pages(u64::from(script.byte() % 4))
        .bucket("key", keys.records())
        .build();
    for _ in 0..script.byte() % 16 {
        let at = usize::from(script.byte()) << 12 | usize::from(script.byte() % 64) << 2;
        let word = [script.byte(), script.byte(), script.byte(), script.byte()];
        if let Some(place) = db.get_mut(at..at + 4) {
            place.copy_from_slice(&word);
        }
    }
    if script.byte() % 4 == 0 {
        db.truncate(usize::from(script.byte()) << 10 | usize::from(script.byte()));
    }
    let log = script.rest();
    let (wal, snap) = log.split_at(log.len() / 4 * 3);
    let files = [
        ("member/snap/db", db),
        (
            "member/snap/0000000000000002-0000000000000003.snap",
            snap.to_vec(),
        ),
        (
            "member/wal/0000000000000000-0000000000000000.wal",
            wal.to_vec(),
        ),
    ];
    let evidence = Evidence::of_readers("made up", Kind::DataDir, files);
    Member::from_evidence(evidence, Options::default())
}

struct Script<'d>(&'d [u8]);

impl<'d> Script<'d> {
    /// The next byte; zeros after the end.
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn rest(self) -> &'d [u8] {
        self.0
    }
}
