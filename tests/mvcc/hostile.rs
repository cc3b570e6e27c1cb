//! Files made to cost more than they weigh: work and memory stay in proportion to their size.

use etcd_inspect::bolt::{Db, MetaChoice};
use etcd_inspect::mvcc::{Compaction, Index, KeyRange, Keyspace, Rules, check, db_hash};
use etcd_inspect::progress::Silent;
use etcd_inspect::{Bytes, FileName, Limits};
use testkit::synth;

/// Asks everything of a file, whatever it is; returns the number of records in the index.
fn ask(file: &[u8]) -> usize {
    let name = FileName::new("db");
    let Ok(db) = Db::open(
        Bytes::new(&name, 0, file),
        MetaChoice::Newest,
        &Limits::default(),
    ) else {
        return 0;
    };
    let sink = &mut |_| {};
    db_hash(&db, &[], sink);
    etcd_inspect::backend::check::check(&db, None, sink);
    let Ok(bucket) = db.bucket(b"key", sink) else {
        return 0;
    };
    let index = Index::build(&bucket, sink);
    let compaction = Compaction {
        scheduled: Some(7),
        finished: Some(3),
    };
    let keyspace = Keyspace::new(&index, file, compaction, Rules::NEWEST);
    check::check(&bucket, &keyspace, &Limits::default(), &Silent, sink);
    etcd_inspect::backend::check::check(&db, Some(&keyspace), sink);
    let _ = keyspace.hash_kv(None);
    let _ = keyspace
        .live(&KeyRange::all(), None)
        .map(|live| live.iter().count());
    keyspace.history(b"/a");
    keyspace.counts();
    index.len()
}

fn file() -> Vec<u8> {
    let mut keys = synth::mvcc::Keyspace::new();
    for main in 0..400u64 {
        keys.put(
            format!("/key/{:03}", main % 50).as_bytes(),
            &vec![b'x'; (main as usize * 7) % 300],
        );
    }
    synth::bolt::DbBuilder::etcd()
        .bucket("key", keys.records())
        .build()
}

#[test]
fn leaves_that_claim_the_whole_file_as_overflow_and_value_cost_no_more_than_the_file() {
    let mut file = file();
    for page in file
        .chunks_exact_mut(4096)
        .filter(|page| page[8..10] == [2, 0])
    {
        page[10..12].copy_from_slice(&u16::MAX.to_le_bytes());
        page[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        for element in page[16..4096 - 16].chunks_exact_mut(16) {
            element[4..8].copy_from_slice(&16u32.to_le_bytes());
            element[8..12].copy_from_slice(&17u32.to_le_bytes());
            element[12..16].copy_from_slice(&60_000u32.to_le_bytes());
        }
    }
    assert!(ask(&file) <= 2 * file.len() / 33);
}

#[test]
fn any_byte_of_a_small_file_may_be_anything() {
    let file = file();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..300 {
        let mut damaged = file.clone();
        for _ in 0..4 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = (seed >> 8) as usize % (damaged.len() - 8192) + 8192;
            damaged[at] = seed as u8;
        }
        ask(&damaged);
    }
}

#[test]
fn a_bit_flipped_in_a_leaf_header_or_element_never_stops_the_others() {
    let file = file();
    let leaf = file
        .chunks_exact(4096)
        .position(|page| page[8..10] == [2, 0] && page[10] > 4)
        .unwrap()
        * 4096;
    for bit in 0..8 * 64 {
        let mut damaged = file.clone();
        damaged[leaf + bit / 8] ^= 1 << (bit % 8);
        assert!(ask(&damaged) > 100, "bit {bit}");
    }
}
