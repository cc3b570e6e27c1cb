//! How fast pages are walked and judged, a member is checked and three are compared, in bytes of the db a second. As
//! `keyspace`, `ETCD_INSPECT_BENCH_DB` names another db or data directory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etcd_inspect::bolt::{self, PageMap};
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::compare;

fn checks(criterion: &mut Criterion) {
    let path = std::env::var_os("ETCD_INSPECT_BENCH_DB")
        .map_or_else(|| testkit::data_dir("k8s-1.20-etcd35"), PathBuf::from);
    let member = Member::open(&path).unwrap();
    let db = member.db().unwrap();

    let mut group = criterion.benchmark_group("check");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(db.file().len() as u64));
    group.bench_function("page_walk", |b| {
        b.iter(|| black_box(PageMap::build(&db, &mut |_| {}).counts()))
    });
    group.bench_function("pages", |b| {
        let mut findings = 0;
        b.iter(|| bolt::check::check(&db, &Silent, &mut |_| findings += 1));
        black_box(findings);
    });
    // A member keeps what it has read: each round opens its own.
    for (name, depth) in [("quick", Depth::Quick), ("default", Depth::Default)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let member = Member::open(&path).unwrap();
                black_box(check(&member, depth, &Silent).findings.len())
            });
        });
    }
    group.bench_function("compare_of_three", |b| {
        b.iter(|| {
            let members = [(); 3].map(|()| Member::open(&path).unwrap());
            black_box(compare(&members, false, &Silent).same)
        });
    });
    group.finish();
}

criterion_group!(benches, checks);
criterion_main!(benches);
