//! How fast a log is indexed and judged: the claim is 1 GB/s for the index on one core.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark may stop at the first surprise"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etcd_inspect_raftlog::wal::{Log, check};
use located::progress::Silent;
use located::{Bytes, FileName, Limits};
use testkit::places::wal::{CRC, ENTRY, METADATA, encode, entry};

/// 64 MB of the requests a real apiserver made, over and over.
fn segment() -> Vec<u8> {
    let real = testkit::places::wal::Log::read(&testkit::data_dir("k8s-1.20-etcd35"));
    let requests: Vec<_> = real
        .entries()
        .into_iter()
        .filter(|entry| entry.kind == 0)
        .collect();
    let mut records = vec![(CRC, Vec::new()), (METADATA, vec![8, 1, 16, 1])];
    let mut size = 0;
    for (at, request) in requests.iter().cycle().enumerate() {
        let record = entry(0, 2, at as u64 + 1, &request.data);
        size += record.len() + 24;
        records.push((ENTRY, record));
        if size > 64_000_000 {
            break;
        }
    }
    encode(0, &records).0
}

fn benches(criterion: &mut Criterion) {
    let bytes = segment();
    let name = FileName::new("0000000000000000-0000000000000000.wal");
    let files = [Bytes::new(&name, 0, &bytes)];
    let mut group = criterion.benchmark_group("wal");
    group
        .throughput(Throughput::Bytes(bytes.len() as u64))
        .sample_size(10);
    group.bench_function("index", |bencher| {
        bencher.iter(|| black_box(Log::read(&files, &Limits::default(), &Silent)));
    });
    let log = Log::read(&files, &Limits::default(), &Silent);
    group.bench_function("judge every payload", |bencher| {
        bencher.iter(|| check::all(&log, &files, &mut |finding| drop(black_box(finding))));
    });
    group.finish();
}

criterion_group!(wal, benches);
criterion_main!(wal);
