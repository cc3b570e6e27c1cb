//! How fast a keyspace is indexed and asked, in bytes of the db a second.
//!
//! Over a real Kubernetes member of `fixtures/`; with `ETCD_INSPECT_BENCH_DB` over any db, such as those that
//! `fixtures/recipes/big` makes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use etcd_inspect::member::Member;
use etcd_inspect::mvcc::{Index, KeyRange, Keyspace, Rules, check};
use etcd_inspect::progress::Silent;
use etcd_inspect::{Limits, backend};

fn keyspace(criterion: &mut Criterion) {
    let path = std::env::var_os("ETCD_INSPECT_BENCH_DB")
        .map_or_else(|| testkit::data_dir("k8s-1.20-etcd35"), Into::into);
    let member = Member::open(&path).unwrap();
    let db = member.db().unwrap();
    let bucket = db.bucket(b"key", &mut |_| {}).unwrap();
    let bytes = db.file().as_slice();
    let meta = backend::Meta::read(&db, &mut |_| {});
    let index = Index::build(&bucket, &mut |_| {});
    let keyspace = Keyspace::new(&index, bytes, meta.compaction, Rules::NEWEST);
    let per_revision = index.memory_bytes() / index.len().max(1);
    let name = format!("{}rev-{per_revision}B", index.len());

    let mut group = criterion.benchmark_group("keyspace");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function(BenchmarkId::new("read", &name), |b| {
        b.iter(|| black_box(crc32c::crc32c(bytes)))
    });
    group.bench_function(BenchmarkId::new("leaves", &name), |b| {
        b.iter(|| black_box(bucket.leaves(&mut |_| {}).len()))
    });
    group.bench_function(BenchmarkId::new("index", &name), |b| {
        b.iter(|| black_box(Index::build(&bucket, &mut |_| {}).len()))
    });
    group.bench_function(BenchmarkId::new("counts_by", &name), |b| {
        let resource = |key: &[u8]| key.split(|byte| *byte == b'/').nth(2).map(<[u8]>::to_vec);
        b.iter(|| black_box(keyspace.counts_by(resource).len()));
    });
    group.bench_function(BenchmarkId::new("live", &name), |b| {
        b.iter(|| black_box(keyspace.live(&KeyRange::all(), None).unwrap().len()));
    });
    group.bench_function(BenchmarkId::new("leased", &name), |b| {
        b.iter(|| black_box(keyspace.leased().len()))
    });
    group.bench_function(BenchmarkId::new("check", &name), |b| {
        let mut findings = 0;
        b.iter(|| {
            check::check(&bucket, &keyspace, &Limits::default(), &Silent, &mut |_| {
                findings += 1
            })
        });
        black_box(findings);
    });
    group.finish();
}

criterion_group!(benches, keyspace);
criterion_main!(benches);
