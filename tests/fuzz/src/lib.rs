//! One function for each format: whatever bytes it is given, it answers, in bounded time and memory.
//!
//! The targets in `targets/` hand them to libFuzzer; the test `corpus` runs every file of `corpus/` through them.

mod directory;

use std::hint::black_box;
use std::io::Write;

use etcd_inspect::backend::{self, Meta};
use etcd_inspect::bolt::{self, Db, MetaChoice, PageMap, freelist};
use etcd_inspect::evidence::{Evidence, OpenOptions as EvidenceOptions};
use etcd_inspect::kubernetes::encryption::{Keyring, Seal};
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::kubernetes::{Options, Value};
use etcd_inspect::member::{self, Member, Objects, Reading};
use etcd_inspect::mvcc::{self, Index, KeyRange, KeyValue, Keyspace, Rules, StoredKey};
use etcd_inspect::progress::Silent;
use etcd_inspect::snap::{self, SnapFile, Store};
use etcd_inspect::wal::{self, Log};
use etcd_inspect::{Bytes, FileName, Finding, Limits, raft};

pub use directory::{directory, salvage};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Target); 10] = [
    ("bolt", bolt),
    ("wal", wal),
    ("snap", snap),
    ("mvcc", mvcc),
    ("kubernetes", kubernetes),
    ("key", key),
    ("encryption", encryption),
    ("archive", archive),
    ("directory", directory),
    ("salvage", salvage),
];

fn ignore(finding: Finding) {
    black_box(finding.message.len());
}

/// A bbolt file: every meta, every check, every bucket, the keyspace and its hashes.
pub fn bolt(data: &[u8]) {
    let name = FileName::new("db");
    let file = Bytes::new(&name, 0, data);
    let sink = &mut |finding| ignore(finding);
    for choice in [
        MetaChoice::Newest,
        MetaChoice::Older,
        MetaChoice::Slot(0),
        MetaChoice::Slot(1),
    ] {
        let Ok(db) = Db::open(file, choice, &Limits::default()) else {
            continue;
        };
        bolt::check::check(&db, &Silent, sink);
        let map = PageMap::build(&db, sink).counts();
        assert_eq!(
            map.free_pages + map.used_pages + map.unknown_pages + map.outside_pages,
            db.file_pages()
        );
        black_box(freelist::rebuilt(&db, sink).len());
        for (_, bucket) in db.buckets(sink) {
            bucket.for_each(sink, &mut |item| {
                black_box(item.key.len() + item.value.len());
            });
            black_box(bucket.get(b"consistent_index").is_some());
        }
        backend::check::check(&db, None, sink);
        black_box(mvcc::db_hash(&db, &[], sink));
        let Ok(bucket) = db.bucket(b"key", sink) else {
            continue;
        };
        let index = Index::build(&bucket, sink);
        let compaction = Meta::read(&db, sink).compaction;
        keyspace(&Keyspace::new(&index, data, compaction, Rules::NEWEST));
    }
}

fn keyspace(keyspace: &Keyspace<'_>) {
    black_box((
        keyspace.hash_kv(None).is_ok(),
        keyspace.counts(),
        keyspace.live_count(),
    ));
    for version in keyspace.all(&KeyRange::all()).iter().take(20) {
        black_box(keyspace.history(version.key).len());
        black_box(
            keyspace
                .get(version.key, Some(version.revision.main))
                .is_ok(),
        );
    }
    black_box(keyspace.removable().len() + keyspace.deleted(&KeyRange::all()).len());
}

/// A WAL: the bytes as one segment, and cut in two.
pub fn wal(data: &[u8]) {
    let names = [0u64, 1].map(|seq| FileName::new(format!("{seq:016x}-{:016x}.wal", seq * 4)));
    let [first, second] = &names;
    let half = data.len() / 2;
    let one = vec![Bytes::new(first, 0, data)];
    let two = vec![
        Bytes::new(first, 0, &data[..half]),
        Bytes::new(second, 0, &data[half..]),
    ];
    for files in [one, two] {
        let log = Log::read(&files, &Limits::default(), &Silent);
        wal::check::all(&log, &files, &mut ignore);
        black_box((log.terms().len(), log.intact_after_damages().len()));
        for entry in log.surviving() {
            if let Some(data) = log.data(&files, entry) {
                black_box(format!("{:?}", raft::Payload::decode(entry.kind, data)).len());
            }
        }
    }
}

/// A `.snap` file, and the bytes as a v2 store.
pub fn snap(data: &[u8]) {
    let name = FileName::new("0000000000000002-0000000000000003.snap");
    let bytes = Bytes::new(&name, 0, data);
    black_box(snap::check::file(&bytes, &mut ignore).is_some());
    black_box(SnapFile::parse(&bytes).is_ok());
    black_box(Store::parse(data).is_ok());
}

/// Records of the `key` bucket: the first 18 bytes as the stored key, the rest as the message.
pub fn mvcc(data: &[u8]) {
    let (key, message) = data.split_at(data.len().min(18));
    black_box(StoredKey::parse(key).is_ok());
    if let Ok(kv) = KeyValue::parse(message) {
        let again = kv.to_bytes();
        let reparsed = KeyValue::parse(&again).expect("what was written is read");
        assert_eq!(
            (reparsed.key, reparsed.value, reparsed.lease),
            (kv.key, kv.value, kv.lease)
        );
    }
}

/// A stored value: JSON, YAML's source, and the view of unknown fields.
pub fn kubernetes(data: &[u8]) {
    let Ok(value) = Value::parse(data) else {
        return;
    };
    black_box((value.encoding(), value.type_meta().is_some()));
    let options = Options {
        unknown_fields: true,
        resource_version: Some(7),
        ..Options::default()
    };
    let Ok(object) = value.object(options) else {
        return;
    };
    let json = object.to_json();
    let mut written = Vec::new();
    let wrote = object.write_json(&mut written);
    assert_eq!(json.is_ok(), wrote.is_ok());
    black_box(object.note());
}

/// The grammar of keys.
pub fn key(data: &[u8]) {
    let keys: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let layout = Layout::detect(keys.iter().copied());
    for key in keys {
        black_box(layout.resource(key).is_some());
        if let Some(parsed) = layout.parse(key) {
            assert!(parsed.name.len() + parsed.path.len() <= key.len() + 64);
            black_box(parsed.is_secret());
        }
    }
}

/// Encryption envelopes, opened without a key.
pub fn encryption(data: &[u8]) {
    if let Some(seal) = Seal::parse(data) {
        black_box((seal.name().len(), seal.envelope().is_some()));
    }
    black_box(
        Keyring::default()
            .open(b"/registry/secrets/a/b", None, data)
            .is_ok(),
    );
}

/// A file that may be an archive.
pub fn archive(data: &[u8]) {
    let mut file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a file in memory");
    file.write_all(data).expect("it takes bytes");
    let mut options = EvidenceOptions::default();
    options.limits.unpacked_bytes = 16 << 20;
    if let Ok(evidence) = Evidence::open(file.path(), &options) {
        evidence.report(&mut ignore);
        ask(&Member::from_evidence(evidence, member::Options::default()));
    }
}

/// Everything a member can be asked.
pub(crate) fn ask(member: &Member) {
    let report = etcd_inspect::check::check(member, etcd_inspect::check::Depth::Deep, &Silent);
    black_box(
        report
            .findings
            .iter()
            .map(|finding| finding.message.len())
            .sum::<usize>(),
    );
    if let Ok(space) = member.readable_keyspace() {
        keyspace(&space);
        if let Ok(file) = member.db_file() {
            let objects = Objects::new(
                space,
                file.name(),
                None,
                Keyring::default(),
                &member.options().evidence.limits,
            );
            for version in space.between(0..=i64::MAX).take(50) {
                black_box(objects.json(&version, Reading::default()).is_ok());
            }
        }
        if let Ok(space) = member.space(&space.counts()) {
            let size = member.db_file().map_or(0, |file| file.size());
            assert_eq!(space.size_bytes(), size);
        }
    }
    if let Ok(replayed) = etcd_inspect::recover::replay(member, &Silent) {
        keyspace(&replayed.keyspace());
    }
}
