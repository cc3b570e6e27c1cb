//! A member whose keys are written very often, as in a cluster that runs for months: a hot key, leases, events that come and
//! go, compaction inside the log, and a log that begins after the store.

use std::collections::BTreeMap;
use std::path::Path;

use super::bolt::DbBuilder;
use super::mvcc::{Keyspace, revision, varint};
use super::wal::SegmentBuilder;

/// The key that is written most often.
pub const HOT_KEY: &str = "/registry/masterleases/10.0.0.1";
/// Writes of the hot key before the log begins.
const EARLIER_WRITES: u64 = 10;
const NODE: u64 = 0x8e9e_05c5_2164_694d;
const CLUSTER: u64 = 0xcdf8_1819_4e3a_8c32;
const TERM: u64 = 2;

/// The value of the hot key's `n`th write: neighbours differ in one bit by nature.
#[must_use]
pub fn hot_value(n: u64) -> Vec<u8> {
    format!("{{\"holder\":\"worker-7\",\"generation\":{n:012}}}").into_bytes()
}

/// A data directory with `writes` writes in its log. The compaction is `kept` revisions before the newest.
///
/// # Panics
/// If the files cannot be written.
pub fn write(data: &Path, writes: u64, kept: u64) {
    let mut keyspace = Keyspace::new();
    let mut modified: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for n in 0..EARLIER_WRITES {
        keyspace.put(HOT_KEY.as_bytes(), &hot_value(n));
    }
    let mut log = SegmentBuilder::new(0, NODE, CLUSTER)
        .snapshot(0, 0)
        .noop(TERM, 1);
    let mut index = 1;
    for n in 0..writes {
        let request = match n % 8 {
            1 => {
                let key = format!("/registry/leases/kube-node-lease/node-{:02}", n / 8 % 20);
                let value = format!("renewed {n:012} by the kubelet of this node, again");
                let before = modified.get(key.as_bytes()).copied().unwrap_or(0);
                let main = keyspace.put(key.as_bytes(), value.as_bytes());
                modified.insert(key.clone().into_bytes(), main);
                update(key.as_bytes(), value.as_bytes(), before)
            }
            3 => {
                let key = format!("/registry/events/default/e{n:08}");
                let value = format!("event {n:012} with a message of some length in it");
                keyspace.put(key.as_bytes(), value.as_bytes());
                put(key.as_bytes(), value.as_bytes())
            }
            5 if n >= 80 => {
                let key = format!("/registry/events/default/e{:08}", n - 66);
                keyspace.delete(key.as_bytes());
                field(5, &field(1, key.as_bytes()))
            }
            _ => {
                let value = hot_value(EARLIER_WRITES + n);
                keyspace.put(HOT_KEY.as_bytes(), &value);
                put(HOT_KEY.as_bytes(), &value)
            }
        };
        index += 1;
        log = log.entry(TERM, index, &request);
    }
    let compacted = keyspace.revision().saturating_sub(kept);
    let mut compaction = vec![0x08];
    varint(&mut compaction, compacted);
    index += 1;
    let log = log.entry(TERM, index, &field(7, &compaction));
    let meta = [
        ("consistent_index", index.to_be_bytes().to_vec()),
        ("term", TERM.to_be_bytes().to_vec()),
        ("scheduledCompactRev", revision(compacted, 0)),
        ("finishedCompactRev", revision(compacted, 0)),
    ];
    let db = DbBuilder::etcd()
        .bucket("key", compact(keyspace.records(), compacted))
        .bucket(
            "meta",
            meta.map(|(name, value)| (name.as_bytes().to_vec(), value)),
        )
        .build();
    let member = data.join("member");
    std::fs::create_dir_all(member.join("snap")).expect("a folder");
    std::fs::create_dir_all(member.join("wal")).expect("a folder");
    std::fs::write(member.join("snap/db"), db).expect("the db");
    let name = format!("wal/{:016x}-{:016x}.wal", 0, 0);
    let log = log.state(TERM, NODE, index).build();
    std::fs::write(member.join(name), log).expect("the log");
}

/// What a compaction leaves: all newer records, and of each key the newest older one, unless it is a tombstone.
fn compact(records: Vec<(Vec<u8>, Vec<u8>)>, compacted: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut newest: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let main = |key: &[u8]| u64::from_be_bytes(key[..8].try_into().expect("8 bytes"));
    let user_key = |message: &[u8]| message[2..2 + usize::from(message[1])].to_vec();
    for (at, (key, message)) in records.iter().enumerate() {
        if main(key) <= compacted {
            newest.insert(user_key(message), at);
        }
    }
    let stays = |at: usize, key: &[u8], message: &[u8]| {
        main(key) > compacted || newest.get(&user_key(message)) == Some(&at) && !key.ends_with(b"t")
    };
    let records = records.into_iter().enumerate();
    records
        .filter(|(at, (key, message))| stays(*at, key, message))
        .map(|(_, record)| record)
        .collect()
}

fn put(key: &[u8], value: &[u8]) -> Vec<u8> {
    field(4, &[field(1, key), field(2, value)].concat())
}

/// A put if the key was last modified at `before`, as a kube-apiserver updates an object.
fn update(key: &[u8], value: &[u8], before: u64) -> Vec<u8> {
    let mut compare = vec![0x10, 2];
    compare.extend(field(3, key));
    compare.push(6 << 3);
    varint(&mut compare, before);
    let success = field(2, &[field(1, key), field(2, value)].concat());
    field(6, &[field(1, &compare), field(2, &success)].concat())
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, number << 3 | 2);
    varint(&mut out, bytes.len() as u64);
    out.extend(bytes);
    out
}
