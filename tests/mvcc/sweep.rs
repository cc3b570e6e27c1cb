//! Three ways to build an index: a sweep through the file, a mapping, the careful walk of a damaged tree. All return the same.

use std::fs;
use std::io;
use std::ops::Range;

use etcd_inspect::backend::Meta;
use etcd_inspect::bolt::{Db, MetaChoice};
use etcd_inspect::codes;
use etcd_inspect::evidence::Reader;
use etcd_inspect::mvcc::{Counts, HashKv, Index, KeyRange, Keyspace, Rules};
use etcd_inspect::{Bytes, FileName, Finding, Limits};

/// A file that fails where the test says.
struct Disk {
    bytes: Vec<u8>,
    bad: Range<u64>,
    ends_at: u64,
}

impl Reader for Disk {
    fn size(&self) -> io::Result<u64> {
        self.bytes.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset + buffer.len() as u64;
        if self.bad.start < end && self.bad.end > offset {
            return Err(io::Error::from_raw_os_error(5));
        }
        let len = end.min(self.ends_at).saturating_sub(offset) as usize;
        self.bytes.read_at(&mut buffer[..len], offset)
    }
}

/// A key, its revisions, and how many bytes each record has.
type Records = Vec<(Vec<u8>, i64, i64, u64, bool)>;

#[derive(Debug, PartialEq)]
struct Seen {
    records: Records,
    hash: Option<HashKv>,
    counts: Counts,
    folders: Vec<(Vec<u8>, Counts)>,
    found: Vec<&'static str>,
}

fn look(file: &[u8], reader: Option<&dyn Reader>, summed: bool) -> Seen {
    let name = FileName::new("db");
    let bytes = Bytes::new(&name, 0, file);
    let mut db = Db::open(bytes, MetaChoice::Newest, &Limits::default()).unwrap();
    if let Some(reader) = reader {
        db = db.with_reader(reader);
    }
    let mut found = Vec::new();
    let sink = &mut |finding: Finding| found.push(finding.code.id);
    let bucket = db.bucket(b"key", sink).unwrap();
    let index = if summed {
        Index::summed(&bucket, sink)
    } else {
        Index::build(&bucket, sink)
    };
    let compaction = Meta::read(&db, &mut |_| {}).compaction;
    let keyspace = Keyspace::new(&index, file, compaction, Rules::NEWEST);
    let records = keyspace.between(0..=i64::MAX).map(|version| {
        let (main, sub) = (version.revision.main, version.revision.sub);
        (
            version.key.to_vec(),
            main,
            sub,
            version.stored_bytes,
            version.tombstone,
        )
    });
    let folder = |key: &[u8]| {
        key[..key
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1)]
            .to_vec()
    };
    let mut by_key: Vec<_> = keyspace.counts_by(folder).into_iter().collect();
    let mut folders: Vec<_> = keyspace
        .counts_by_folder(|name| Some(name.to_vec()), |_| unreachable!())
        .into_iter()
        .collect();
    by_key.sort_by(|a, b| a.0.cmp(&b.0));
    folders.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        by_key, folders,
        "what a folder answers is what its keys answer"
    );
    // A range is answered the same whichever folders it cuts.
    for prefix in [
        &b"/registry/"[..],
        b"/registry/pods/",
        b"/registry/p",
        b"/registry/events/default/",
        b"k",
        b"zz",
    ] {
        let in_range = keyspace.all(&KeyRange::prefix(prefix)).len();
        let all = keyspace.all(&KeyRange::all());
        assert_eq!(
            in_range,
            all.iter()
                .filter(|newest| newest.key.starts_with(prefix))
                .count()
        );
    }
    Seen {
        records: records.collect(),
        hash: keyspace.hash_kv(None).ok(),
        counts: keyspace.counts(),
        folders,
        found,
    }
}

fn databases() -> Vec<(String, Vec<u8>)> {
    let mut databases = Vec::new();
    for name in ["k8s-1.20-etcd35", "etcd-3.5.30", "etcd-3.4.23"] {
        databases.push((
            name.to_owned(),
            fs::read(testkit::data_dir(name).join("member/snap/db")).unwrap(),
        ));
    }
    databases
}

#[test]
fn a_sweep_reads_what_the_mapping_has_and_sums_what_etcd_sums() {
    for (name, file) in databases() {
        let disk = Disk {
            bad: 0..0,
            ends_at: u64::MAX,
            bytes: file.clone(),
        };
        let mapped = look(&file, None, false);
        assert!(
            mapped.found.is_empty() && mapped.records.len() > 10,
            "{name}"
        );
        assert_eq!(mapped, look(&file, Some(&disk), false), "{name}");
        assert_eq!(mapped, look(&file, Some(&disk), true), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_read_in_places_is_looked_at_where_it_is_mapped() {
    for (name, file) in databases() {
        let mapped = look(&file, None, true);
        let half = file.len() as u64 / 2;
        for (bad, ends_at) in [
            (half..half + 1, u64::MAX),
            (0..u64::MAX, u64::MAX),
            (0..0, half),
        ] {
            let disk = Disk {
                bad,
                ends_at,
                bytes: file.clone(),
            };
            assert_eq!(mapped, look(&file, Some(&disk), true), "{name}");
        }
    }
}

#[test]
fn a_leaf_with_another_id_is_told_and_its_records_are_there_all_the_same() {
    for (name, mut file) in databases() {
        let sound = look(&file, None, true);
        let head = {
            let label = FileName::new("db");
            let db = Db::open(
                Bytes::new(&label, 0, &file),
                MetaChoice::Newest,
                &Limits::default(),
            )
            .unwrap();
            let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
            let leaves = bucket.leaves(&mut |_| {});
            let leaf = leaves.get(leaves.len() / 2).unwrap();
            (leaf.pgid.0 * db.page_size()) as usize
        };
        file[head] ^= 0x40;
        for summed in [false, true] {
            let careful = look(&file, None, summed);
            assert_eq!(careful.found, [codes::bolt::PAGE_ID.id], "{name}");
            assert_eq!(
                (careful.records, careful.hash, careful.counts),
                (sound.records.clone(), sound.hash, sound.counts),
                "{name}"
            );
        }
    }
}
