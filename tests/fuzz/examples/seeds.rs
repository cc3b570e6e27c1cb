//! Writes the first inputs of every target into `corpus/`, from the fixtures: small, and of every kind there is.

use std::fs;
use std::path::Path;

use etcd_inspect::member::Member;
use etcd_inspect::mvcc::KeyRange;
use testkit::synth::bolt::{DbBuilder, Freelist};
use testkit::synth::mvcc::Keyspace;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let seed = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(corpus.join(target)).expect("a folder");
        fs::write(corpus.join(target).join(name), bytes).expect("a seed");
    };
    let mut keys = Keyspace::new();
    for at in 0..6u8 {
        keys.put(&[b'/', b'a' + at % 3], &[at; 40]);
    }
    keys.delete(b"/a");
    let small = DbBuilder::etcd()
        .page_size(512)
        .bucket("key", keys.records());
    seed("bolt", "small", &small.build());
    let deep = DbBuilder::etcd()
        .page_size(512)
        .per_leaf(2)
        .never_inline()
        .spare_pages(2)
        .bucket("key", keys.records());
    seed("bolt", "deep", &deep.build());
    seed(
        "bolt",
        "stored",
        &DbBuilder::etcd()
            .page_size(512)
            .freelist(Freelist::Stored)
            .build(),
    );
    for (name, fixture) in [
        ("v3.4", "etcd-3.4.23-killed"),
        ("v3.5", "etcd-3.5.30-killed"),
        ("v3.7", "etcd-3.7.1-killed"),
    ] {
        let member = testkit::data_dir(fixture).join("member");
        let mut logs = names(&member.join("wal"), ".wal");
        let log = fs::read(logs.remove(0)).expect("a log");
        seed("wal", name, &log[..log.len().min(4096)]);
        let script: Vec<u8> = (0..80u8).chain(log[..2048].iter().copied()).collect();
        seed("directory", name, &script);
        for (at, snap) in names(&member.join("snap"), ".snap")
            .iter()
            .take(2)
            .enumerate()
        {
            seed(
                "snap",
                &format!("{name}-{at}"),
                &fs::read(snap).expect("a snap"),
            );
        }
    }
    for fixture in ["k8s-1.20-etcd35", "k8s-1.20-etcd35-enc"] {
        let member = Member::open(testkit::data_dir(fixture)).expect("a member");
        let keyspace = member.readable_keyspace().expect("a keyspace");
        let live = keyspace.live(&KeyRange::all(), None).expect("keys");
        let all: Vec<u8> = live
            .iter()
            .step_by(9)
            .flat_map(|version| [version.key, b"\n"].concat())
            .collect();
        seed("key", fixture, &all);
        for (at, version) in live.iter().step_by(97).enumerate() {
            let kv = version.key_value().expect("a record");
            if kv.value.len() > 4000 {
                continue;
            }
            let target = if kv.value.starts_with(b"k8s:enc:") {
                "encryption"
            } else {
                "kubernetes"
            };
            seed(target, &format!("{fixture}-{at}"), kv.value);
            if at < 4 {
                let record = [&[0; 7][..], b"\x07_\0\0\0\0\0\0\0\0t", version.message].concat();
                seed("mvcc", &format!("{fixture}-{at}"), &record);
            }
        }
    }
    seed(
        "encryption",
        "aescbc",
        b"k8s:enc:aescbc:v1:key1:0123456789abcdef0123456789abcdef",
    );
    seed(
        "encryption",
        "kms1",
        b"k8s:enc:kms:v1:vault:\0\x04abcd0123456789ab0123",
    );
    seed(
        "encryption",
        "kms2",
        b"k8s:enc:kms:v2:vault:\x0a\x04abcd\x12\x02id\x1a\x04dekk",
    );
    let widget =
        r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"n":1e3}"#;
    seed("kubernetes", "custom", widget.as_bytes());
    seed(
        "kubernetes",
        "cbor",
        b"\xd9\xd9\xf7\xa2\x44kind\x43Pod\x4aapiVersion\x42v1",
    );
    let tar = testkit::unzstd(&testkit::archive("etcd-3.5.30"));
    seed("archive", "tar", &tar[..tar.len().min(3 << 9)]);
    seed(
        "archive",
        "zip",
        b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0dbPK\x05\x06\0\0\0\0",
    );
    seed(
        "archive",
        "gzip",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0",
    );
    seed(
        "archive",
        "zstd",
        b"\x28\xb5\x2f\xfd\x24\0\x01\0\0\x99\xe9\xd8\x51",
    );
    seed("archive", "db", &small.build());
}

fn names(folder: &Path, end: &str) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    found.sort();
    found
}
