//! Each rule about a log alone, broken by one synthetic log whose checksums are right.

use etcd_inspect_raftlog::wal::GapCause;
use located::RaftIndex;
use testkit::places::wal::{
    CRC, ENTRY, METADATA, SNAPSHOT, STATE, encode, entry, frame, hard_state,
};

use super::{Files, SEGMENT, codes, findings};

type Records = Vec<(u64, Vec<u8>)>;

const LOCAL: u64 = 0x11;

fn metadata(node: u8) -> (u64, Vec<u8>) {
    (METADATA, vec![8, node, 16, 9])
}

fn put(index: u64, term: u64) -> (u64, Vec<u8>) {
    // A put with a header whose id was made by the member LOCAL.
    let id = varint((LOCAL << 48) | (0xA1_FBBF_8D58_u64 << 8) | index);
    let header = [vec![0xa2, 6, id.len() as u8 + 1, 8], id].concat();
    let request = [b"\x22\x06\x0a\x01k\x12\x01v".to_vec(), header].concat();
    (ENTRY, entry(0, term, index, &request))
}

fn noop(index: u64, term: u64) -> (u64, Vec<u8>) {
    (ENTRY, entry(0, term, index, b""))
}

fn state(term: u64, vote: u64, commit: u64) -> (u64, Vec<u8>) {
    (STATE, hard_state(term, vote, commit))
}

fn snapshot(index: u8, term: u8, conf_state: &[u8]) -> (u64, Vec<u8>) {
    let mut message = vec![8, index, 16, term];
    if !conf_state.is_empty() {
        message.extend([0x1a, conf_state.len() as u8]);
        message.extend(conf_state);
    }
    (SNAPSHOT, message)
}

fn change(index: u64, kind: u8, id: u8, node: u8, context: &[u8]) -> (u64, Vec<u8>) {
    let mut message = vec![8, id, 16, kind, 24, node];
    if !context.is_empty() {
        message.extend([0x22, context.len() as u8]);
        message.extend(context);
    }
    (ENTRY, entry(1, 1, index, &message))
}

/// A log of three committed entries, then `more`.
fn log(more: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Records {
    let member = br#"{"id":17,"peerURLs":["http://a"],"name":"m"}"#;
    let mut records = vec![
        (CRC, Vec::new()),
        metadata(0x11),
        snapshot(0, 0, b""),
        change(1, 0, 0, 0x11, member),
        state(1, 0, 1),
        noop(2, 2),
        put(3, 2),
        state(2, LOCAL, 3),
    ];
    records.extend(more);
    records
}

fn files(records: &Records) -> Files {
    let mut bytes = encode(0, records).0;
    bytes.resize(bytes.len() + 4096, 0);
    Files::one(SEGMENT, bytes)
}

fn codes_of(more: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Vec<&'static str> {
    codes(&findings(&files(&log(more))).1)
}

#[test]
fn each_broken_rule_has_its_code() {
    let expected: Vec<(&str, Vec<&str>)> = vec![
        ("a healthy log", codes_of([])),
        ("WAL-012", codes_of([metadata(0x12)])),
        ("WAL-014", codes_of([put(5, 2)])),
        ("WAL-015", codes_of([put(4, 1)])),
        ("WAL-016", codes_of([put(4, 2), put(4, 2)])),
        ("WAL-017", codes_of([put(3, 3)])),
        ("WAL-018", codes_of([state(2, LOCAL, 2)])),
        (
            "WAL-019",
            codes_of([
                (ENTRY, change_of(4, b"\x08\x09\x10\x00\x18\x12")),
                state(2, 0x12, 3),
            ]),
        ),
        ("a vote for no member", codes_of([state(2, 0x12, 3)])),
        (
            "a forced start after a crash",
            codes_of([
                put(4, 2),
                put(5, 2),
                (ENTRY, change_of(4, b"\x08\x00\x10\x01\x18\x12")),
                state(2, LOCAL, 4),
            ]),
        ),
        ("WAL-020", codes_of([state(2, LOCAL, 9)])),
        (
            "WAL-021",
            codes_of([put(4, 2), snapshot(4, 2, b"\x08\x11")]),
        ),
        (
            "WAL-022",
            codes_of([snapshot(2, 2, b"\x08\x11"), snapshot(3, 2, b"")]),
        ),
        ("WAL-023", codes_of([snapshot(3, 1, b"\x08\x11")])),
        ("WAL-025", codes_of([(ENTRY, entry(0, 2, 4, b"\x0f\x0f"))])),
        ("WAL-026", codes_of([(ENTRY, entry(2, 2, 4, b""))])),
        (
            "WAL-027",
            codes_of([(
                ENTRY,
                change_of(4, b"\x08\x01\x10\x00\x18\x13\x22\x08{\"id\":7}"),
            )]),
        ),
        ("WAL-030", codes_of([put(4, 500)])),
        (
            "WAL-032",
            codes_of([(
                ENTRY,
                entry(
                    0,
                    2,
                    4,
                    b"\xa2\x06\x0a\x08\x81\x80\x80\x80\x80\x80\x80\x80\x55",
                ),
            )]),
        ),
        (
            "WAL-038",
            codes_of([
                (ENTRY, change_of(4, b"\x08\x01\x10\x01\x18\x11")),
                state(2, LOCAL, 4),
            ]),
        ),
        (
            "WAL-039",
            codes_of([(STATE, entry(0, 2, 4, b"\x22\x02\x0a\x00"))]),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, seen) in expected {
        let wanted: Vec<_> = [name]
            .into_iter()
            .filter(|name| name.starts_with("WAL-"))
            .collect();
        if seen != wanted {
            wrong.push(format!("{name}: {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn change_of(index: u64, message: &[u8]) -> Vec<u8> {
    entry(1, 2, index, message)
}

#[test]
fn a_large_record_is_told_because_old_releases_refuse_it() {
    let big = vec![0x61; 11 << 20];
    let request = [
        b"\x22".to_vec(),
        varint(big.len() as u64 + 8),
        b"\x0a\x01k\x12".to_vec(),
        varint(big.len() as u64),
        big,
    ]
    .concat();
    assert_eq!(codes_of([(ENTRY, entry(0, 2, 4, &request))]), ["WAL-031"]);
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[test]
fn a_gap_behind_an_installed_snapshot_is_no_gap() {
    let more = [
        snapshot(50, 2, b"\x08\x11"),
        state(2, LOCAL, 50),
        put(51, 2),
        put(52, 2),
    ];
    let (log, found) = findings(&files(&log(more)));
    assert_eq!(log.gaps[0].cause, GapCause::Snapshot);
    assert_eq!(codes(&found), Vec::<&str>::new(), "{found:#?}");
    assert_eq!(log.last_index(), 52);
}

#[test]
fn force_new_cluster_leaves_its_fingerprint() {
    let removal = |index, node: u8| (ENTRY, change_of(index, &[8, 0, 16, 1, 24, node]));
    let more = [removal(4, 0x12), removal(5, 0x13), noop(6, 3)];
    let (_, found) = findings(&files(&log(more)));
    let forced = found
        .iter()
        .find(|finding| finding.code.id == "WAL-028")
        .unwrap();
    assert!(
        forced.message.contains('2') && forced.place.index == Some(RaftIndex(4)),
        "{forced:?}"
    );
    assert!(codes(&found).is_empty());
}

#[test]
fn a_log_that_begins_behind_every_valid_snapshot_is_told() {
    let mut records = log([]);
    records.truncate(2);
    records.extend([state(2, LOCAL, 60), put(61, 2)]);
    let name = "0000000000000003-000000000000003d.wal";
    let mut files = files(&records);
    files.0[0].0 = located::FileName::new(name);
    assert_eq!(codes(&findings(&files).1), ["WAL-003"]);
}

#[test]
fn a_name_that_etcd_cannot_read_is_told() {
    let mut files = files(&log([]));
    files
        .0
        .push((located::FileName::new("wal/copy of 0-0.wal"), Vec::new()));
    assert_eq!(codes(&findings(&files).1), ["WAL-001"]);
}

#[test]
fn wrong_padding_and_length_bits_are_told_and_cost_nothing() {
    let records = log([]);
    let good = encode(0, &records).0;
    // The first record takes 4 bytes, and 4 of padding.
    let mut bytes = good.clone();
    bytes[15] = 1;
    bytes.resize(bytes.len() + 512, 0);
    let (log, found) = findings(&Files::one(SEGMENT, bytes));
    assert_eq!(
        (codes(&found), log.records.len()),
        (vec!["WAL-005"], records.len())
    );
    let mut bytes = good;
    bytes[7] |= 0x20;
    bytes.resize(bytes.len() + 512, 0);
    let (log, found) = findings(&Files::one(SEGMENT, bytes));
    assert_eq!(
        (codes(&found), log.records.len()),
        (vec!["WAL-004"], records.len())
    );
}

#[test]
fn a_segment_without_head_is_told() {
    let records = vec![noop(1, 1), put(2, 1)];
    let bytes = [encode(0, &records).0, frame(STATE, 0, Some(b""))].concat();
    let (_, found) = findings(&Files::one(SEGMENT, bytes));
    assert!(codes(&found).contains(&"WAL-011"), "{found:#?}");
}
