//! What real etcd wrote and what of it is still in the files: `carve` finds exactly that, and invents nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::Seal;
use testkit::etcd::{Binaries, Server};
use testkit::synth::mvcc::KeyValue;

use crate::{run, salvage};

const PATIENCE: Duration = Duration::from_secs(40);

/// One record that etcd wrote, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    revision: i64,
    tombstone: bool,
    key: String,
    value: String,
    stored: Vec<u8>,
}

/// A client that remembers what it wrote.
struct Writer<'s> {
    server: &'s Server,
    all: Vec<Written>,
    live: BTreeMap<String, (i64, i64)>,
    seed: u64,
}

impl<'s> Writer<'s> {
    fn new(server: &'s Server, seed: u64) -> Self {
        Self {
            server,
            all: Vec::new(),
            live: BTreeMap::new(),
            seed,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn value(&mut self, bytes: usize) -> String {
        let mut value = format!("value {} ", self.random(u64::MAX >> 33));
        while value.len() < bytes {
            value.push_str(&format!("{:08x}_", self.random(u64::MAX >> 33)));
        }
        value
    }

    fn put(&mut self, key: &str, bytes: usize) -> i64 {
        let value = self.value(bytes);
        let body = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(&value)});
        let revision = revision(&self.server.post("/v3/kv/put", &body));
        let (create, version) = match self.live.get(key) {
            Some((create, version)) => (*create, version + 1),
            None => (revision, 1),
        };
        self.live.insert(key.to_owned(), (create, version));
        let message = KeyValue {
            key: key.as_bytes().to_vec(),
            create_revision: create,
            mod_revision: revision,
            version,
            value: value.as_bytes().to_vec(),
            lease: 0,
        };
        self.note(revision, false, key, &value, &message.encode());
        revision
    }

    fn delete(&mut self, key: &str) {
        let body = json!({"key": STANDARD.encode(key)});
        let revision = revision(&self.server.post("/v3/kv/deleterange", &body));
        if self.live.remove(key).is_some() {
            let message = KeyValue {
                key: key.as_bytes().to_vec(),
                ..KeyValue::default()
            };
            self.note(revision, true, key, "", &message.encode());
        }
    }

    fn note(&mut self, revision: i64, tombstone: bool, key: &str, value: &str, message: &[u8]) {
        let mut stored = revision.to_be_bytes().to_vec();
        stored.push(b'_');
        stored.extend([0; 8]);
        stored.extend(tombstone.then_some(b't'));
        stored.extend(message);
        self.all.push(Written {
            revision,
            tombstone,
            key: key.to_owned(),
            value: value.to_owned(),
            stored,
        });
    }
}

fn revision(answer: &Value) -> i64 {
    let revision = &answer["header"]["revision"];
    revision.as_str().unwrap().parse().unwrap()
}

fn carved(path: &Path) -> Vec<Value> {
    let seal = Seal::read(path);
    let output = run(&["carve", path.to_str().unwrap(), "-o", "jsonl"]);
    seal.assert_unchanged();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

type Row = (i64, bool, String, String);

fn rows(carved: &[Value]) -> BTreeSet<Row> {
    carved
        .iter()
        .map(|row| {
            (
                row["revision"].as_i64().unwrap_or(-1),
                row["op"] == "delete",
                row["key"].as_str().unwrap_or_default().to_owned(),
                row["value"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

fn row(written: &Written) -> Row {
    (
        written.revision,
        written.tombstone,
        written.key.clone(),
        written.value.clone(),
    )
}

fn occurrences(image: &[u8], bytes: &[u8]) -> usize {
    memchr::memmem::find_iter(image, bytes).count()
}

/// A server's files after puts, overwrites, deletes and a compaction without a defragmentation, and what it wrote.
fn churned(binaries: &Binaries, dir: &Path) -> (Vec<Written>, i64) {
    let server = Server::start(binaries, dir, &[], PATIENCE).unwrap();
    let mut writer = Writer::new(&server, 7);
    for round in 0..220u64 {
        let key = format!("/app/{:02}", writer.random(40));
        match (round % 5, writer.random(8)) {
            (4, _) => writer.delete(&key),
            (_, size) => {
                let bytes = [12_000, 2500].get(size as usize).copied().unwrap_or(60);
                writer.put(&key, bytes);
            }
        }
        if round % 40 == 39 {
            // The backend commits every 100 ms: several commits leave several generations of pages.
            std::thread::sleep(Duration::from_millis(150));
        }
        if round == 150 {
            let compacted = writer.put("/app/compacted-at", 10);
            server.ctl(&["compact", &compacted.to_string(), "--physical"]);
        }
    }
    let compacted = writer.all.iter().find(|w| w.key == "/app/compacted-at");
    let compacted = compacted.unwrap().revision;
    let all = writer.all;
    server.stop();
    (all, compacted)
}

/// What a compaction leaves in the tree: everything newer, and the newest version of each key before it unless it is a deletion.
fn in_tree(all: &[Written], compacted: i64) -> BTreeSet<i64> {
    let old = all.iter().filter(|w| w.revision <= compacted);
    let mut newest: BTreeMap<&str, &Written> = BTreeMap::new();
    newest.extend(old.map(|w| (w.key.as_str(), w)));
    let kept = newest.values().filter(|w| !w.tombstone).map(|w| w.revision);
    let newer = all.iter().filter(|w| w.revision > compacted);
    kept.chain(newer.map(|w| w.revision)).collect()
}

fn releases() -> Vec<Binaries> {
    let all = Binaries::all().into_iter();
    all.filter(|b| b.version == "3.5.30" || b.version == "3.4.23")
        .collect()
}

#[test]
fn carving_a_db_finds_exactly_the_records_whose_bytes_are_still_there() {
    for binaries in releases() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let (all, compacted) = churned(&binaries, &data);
        let db = data.join("member/snap/db");
        let image = std::fs::read(&db).unwrap();
        let tree = in_tree(&all, compacted);
        let wanted: BTreeSet<Row> = all
            .iter()
            .filter(|w| occurrences(&image, &w.stored) > usize::from(tree.contains(&w.revision)))
            .map(row)
            .collect();
        assert!(wanted.len() > 20, "{} records are left", wanted.len());
        let found = carved(&data);
        assert_eq!(rows(&found), wanted, "etcd {}", binaries.version);
        for row in &found {
            let state = row["state"].as_str().unwrap();
            let gone = !tree.contains(&row["revision"].as_i64().unwrap());
            let says_gone = matches!(state, "deleted" | "compacted");
            assert!(!gone || says_gone, "{row}");
        }
        eprintln!(
            "{}: {} of {} records carved",
            binaries.version,
            wanted.len(),
            all.len()
        );
        without_a_tree(&all, &image, dir.path());
    }
}

/// Both meta pages zeroed, and a piece that begins and ends anywhere: every record whose bytes are there is found.
fn without_a_tree(all: &[Written], image: &[u8], dir: &Path) {
    let whole = |image: &[u8]| -> BTreeSet<Row> {
        let left = all.iter().filter(|w| occurrences(image, &w.stored) > 0);
        left.map(row).collect()
    };
    let mut zeroed = image.to_vec();
    zeroed[..8192].fill(0);
    let path = dir.join("zeroed.db");
    std::fs::write(&path, &zeroed).unwrap();
    assert_eq!(rows(&carved(&path)), whole(&zeroed));
    for (from, bytes) in [(8192 + 1, 100_000), (20_000, 70_001), (33, 150_000)] {
        let piece = &image[from..from + bytes];
        let path = dir.join("piece.bin");
        std::fs::write(&path, piece).unwrap();
        assert_eq!(rows(&carved(&path)), whole(piece), "from {from}");
    }
}

/// A log that etcd cut: entries that only the `.broken` copy has get the revisions that etcd gave them, and a backup with them is
/// restored by real etcd.
#[test]
fn entries_that_a_repair_cut_off_are_carved_with_their_revisions_and_restored() {
    for binaries in releases() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let server = Server::start(&binaries, &data, &[], PATIENCE).unwrap();
        let mut writer = Writer::new(&server, 11);
        for number in 0..20 {
            writer.put(&format!("/kept/{number}"), 100);
        }
        let kept = writer.all.len();
        let mut all = writer.all;
        let live = writer.live;
        server.stop();
        let old = std::fs::read(data.join("member/snap/db")).unwrap();
        let server = Server::start(&binaries, &data, &[], PATIENCE).unwrap();
        let mut writer = Writer::new(&server, 13);
        writer.live = live;
        for number in 0..10 {
            writer.put(&format!("/cut/{number}"), 300);
        }
        writer.delete("/kept/3");
        all.append(&mut writer.all);
        server.kill();
        std::fs::write(data.join("member/snap/db"), old).unwrap();
        lower_length(&data, &all[kept].value);
        Server::start(&binaries, &data, &[], PATIENCE)
            .unwrap()
            .stop();
        let last = all.last().unwrap().revision;
        let backup = salvage(&data, &["--include", "carved"]);
        assert_eq!(backup.number("revision"), last, "etcd {}", binaries.version);
        let into = dir.path().join("restored");
        let server = crate::served::restored(&binaries, &backup.out, &into);
        let answer = server.json(&["get", "/cut/5"]);
        let value = answer["kvs"][0]["value"].as_str().unwrap();
        let written = all.iter().find(|w| w.key == "/cut/5").unwrap();
        assert_eq!(STANDARD.decode(value).unwrap(), written.value.as_bytes());
        assert!(server.json(&["get", "/kept/3"])["kvs"].is_null());
        server.stop();
        let server = Server::start(&binaries, &data, &[], PATIENCE).unwrap();
        server.ctl(&["put", "/after", "the repair"]);
        server.stop();
        let found = carved(&data);
        let broken: Vec<Value> = found
            .into_iter()
            .filter(|row| row["source"] == ".broken")
            .collect();
        let wanted: BTreeSet<Row> = all[kept..].iter().map(row).collect();
        assert_eq!(rows(&broken), wanted, "etcd {}", binaries.version);
        assert!(broken.iter().all(|row| row["proof"] == "checksum"));
    }
}

/// Lowers the length word of the entry that holds a value: etcd takes the log to end there, copies it and cuts it.
fn lower_length(data: &Path, value: &str) {
    let wal = data.join("member/wal/0000000000000000-0000000000000000.wal");
    let mut bytes = std::fs::read(&wal).unwrap();
    let at = memchr::memmem::find(&bytes, value.as_bytes()).unwrap();
    let frame = (0..at)
        .rev()
        .find(|from| from % 8 == 0 && bytes[from + 8..from + 11] == [8, 2, 16])
        .unwrap();
    bytes[frame] -= 2;
    std::fs::write(&wal, bytes).unwrap();
}

/// A key of which only a free page holds the last value: compacted and deleted, then restored as of before the deletion.
#[test]
fn a_value_that_only_a_free_page_holds_is_restored() {
    let Some(binaries) = releases().into_iter().find(|b| b.version == "3.5.30") else {
        return eprintln!("no etcd 3.5.30 here");
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (all, compacted) = churned(&binaries, &data);
    std::fs::remove_dir_all(data.join("member/wal")).unwrap();
    let tree = in_tree(&all, compacted);
    let found = rows(&carved(&data));
    let mut candidates = all
        .iter()
        .filter(|w| !w.tombstone && !tree.contains(&w.revision) && found.contains(&row(w)));
    let lost = candidates.next_back().unwrap();
    let point = lost.revision.to_string();
    let backup = salvage(&data, &["--rev", &point, "--include", "carved"]);
    let server = crate::served::restored(&binaries, &backup.out, &dir.path().join("restored"));
    let answer = server.json(&["get", &lost.key]);
    let value = answer["kvs"][0]["value"].as_str().unwrap();
    assert_eq!(STANDARD.decode(value).unwrap(), lost.value.as_bytes());
    server.stop();
}

/// A leader that was cut off kept entries that a newer leader replaced: they never got a revision.
#[test]
fn entries_that_a_newer_leader_replaced_have_no_revision() {
    let found = carved(&testkit::data_dir("k8s-1.20-cluster3/m1"));
    let replaced: Vec<&Value> = found
        .iter()
        .filter(|row| row["source"] == "overwritten")
        .collect();
    assert_eq!(replaced.len(), 5);
    for row in replaced {
        assert!(
            row["revision"].is_null() && row["state"] == "unknown",
            "{row}"
        );
        assert!(row["raft_index"].as_u64().unwrap() > 0);
    }
}

/// A record below the compaction that a free page still has is an answer of `history`, `get` and `keys` with `--carved`.
#[test]
fn the_past_below_the_compaction_is_asked_with_carved_records() {
    let data = testkit::data_dir("etcd-3.5.30");
    let path = data.to_str().unwrap();
    let found = carved(&data);
    let compacted = found
        .iter()
        .find(|row| row["state"] == "compacted")
        .unwrap();
    let key = compacted["key"].as_str().unwrap();
    let revision = compacted["revision"].as_i64().unwrap();
    let output = run(&["history", key, "--carved", "-o", "json", "-d", path]);
    let history: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = history["rows"].as_array().unwrap();
    let of = |row: &&Value| row["revision"].as_i64() == Some(revision);
    assert!(rows.iter().any(|row| of(&row)), "{history}");
    let at = revision.to_string();
    let output = run(&[
        "get", key, "--carved", "--rev", &at, "-o", "json", "-d", path,
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains(&format!("\"mod_revision\": {revision}")),
        "{text}"
    );
    let output = run(&["keys", "--carved", "--rev", &at, "-o", "json", path]);
    let keys: Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed = keys["rows"].as_array().unwrap();
    assert!(
        listed
            .iter()
            .any(|row| row["key"] == key && row["mod_revision"] == revision)
    );
}

/// What the last commit changed, in both directions.
#[test]
fn the_trees_of_the_two_meta_pages_are_compared() {
    let path = testkit::data_dir("killed-3.5.16");
    let path = path.to_str().unwrap();
    let diff = run(&["page", "--diff-metas", "-o", "json", path]);
    let diff: Value = serde_json::from_slice(&diff.stdout).unwrap();
    let txid = |side: &str| diff[side]["txid"].as_u64().unwrap();
    assert_eq!(txid("newer"), txid("older") + 1);
    let all = |meta: &str| -> BTreeSet<(i64, i64)> {
        let output = run(&["keys", "--meta", meta, "-o", "json", path]);
        let keys: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = keys["rows"].as_array().unwrap().iter();
        rows.map(|row| (row["mod_revision"].as_i64().unwrap(), 0))
            .collect()
    };
    let older = all("older");
    let newer = run(&["keys", "-o", "json", path]);
    let newer: Value = serde_json::from_slice(&newer.stdout).unwrap();
    let newer: BTreeSet<(i64, i64)> = newer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["mod_revision"].as_i64().unwrap(), 0))
        .collect();
    let added: BTreeSet<i64> = diff["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["change"] == "added" && row["bucket"] == "key")
        .map(|row| row["revision"].as_i64().unwrap())
        .collect();
    for (revision, _) in newer.difference(&older) {
        assert!(added.contains(revision), "{revision} is new and not listed");
    }
    let lost = diff["one_commit_back"]["records_lost"].as_u64().unwrap();
    let rows = diff["rows"].as_array().unwrap().iter();
    let of_key = rows.filter(|row| row["change"] == "added" && row["bucket"] == "key");
    assert_eq!(lost, of_key.count() as u64);
}
