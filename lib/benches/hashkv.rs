//! How fast HashKV and the hash of a whole db are, in bytes of the db a second. As `keyspace`, `ETCD_INSPECT_BENCH_DB` names
//! another db.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etcd_inspect::backend;
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::{Index, Keyspace, Rules, db_hash};

fn hashkv(criterion: &mut Criterion) {
    let path = std::env::var_os("ETCD_INSPECT_BENCH_DB")
        .map_or_else(|| testkit::data_dir("k8s-1.20-etcd35"), Into::into);
    let member = Member::open(&path).unwrap();
    let db = member.db().unwrap();
    let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
    let bytes = db.file().as_slice();
    let meta = backend::Meta::read(&db, &mut |_| {});
    let index = Index::build(&bucket, &mut |_| {});
    let keyspace = Keyspace::new(&index, bytes, meta.compaction, Rules::NEWEST);

    let mut group = criterion.benchmark_group("hashkv");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("one_thread_over_the_file", |b| {
        b.iter(|| black_box(crc32c::crc32c(bytes)))
    });
    group.bench_function("hash_kv", |b| {
        b.iter(|| black_box(keyspace.hash_kv(None).unwrap().hash))
    });
    group.bench_function("index_and_hash_kv", |b| {
        b.iter(|| {
            let index = Index::summed(&bucket, &mut |_| {});
            let keyspace = Keyspace::new(&index, bytes, meta.compaction, Rules::NEWEST);
            black_box(keyspace.hash_kv(None).unwrap().hash)
        });
    });
    group.bench_function("db_hash", |b| {
        b.iter(|| black_box(db_hash(&db, &[], &mut |_| {}).hash))
    });
    group.finish();
}

criterion_group!(benches, hashkv);
criterion_main!(benches);
