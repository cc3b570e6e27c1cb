//! How fast stored pods become JSON: the claim is 300 MB/s of stored protobuf on one core.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark may stop at its first failure"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etcd_inspect::kubernetes::{Options, Value};
use k8s_openapi::api::core::v1::Pod;

/// Every stored version of a pod of 3 to 10 KB in a real db: found by its head, cut by its own length.
fn pods() -> Vec<Vec<u8>> {
    const HEAD: &[u8] = b"k8s\0\n\x09\n\x02v1\x12\x03Pod\x12";
    const TAIL: &[u8] = b"\x1a\0\"\0";
    let db = std::fs::read(testkit::data_dir("k8s-1.20-etcd35").join("member/snap/db")).unwrap();
    let mut pods: Vec<Vec<u8>> = memchr::memmem::find_iter(&db, HEAD)
        .filter_map(|start| {
            let body = start + HEAD.len();
            let [low, high] = [db[body], db[body + 1]].map(usize::from);
            let len = if low < 0x80 {
                low
            } else {
                low & 0x7f | high << 7
            };
            let end = body + if low < 0x80 { 1 } else { 2 } + len + TAIL.len();
            let pod = db.get(start..end)?;
            ((3000..10_000).contains(&pod.len()) && pod.ends_with(TAIL)).then(|| pod.to_vec())
        })
        .collect();
    pods.sort();
    pods.dedup();
    pods
}

fn decode(criterion: &mut Criterion) {
    let pods = pods();
    assert!(pods.len() > 20, "{} pods", pods.len());
    let bytes: usize = pods.iter().map(Vec::len).sum();
    let mut group = criterion.benchmark_group("kubernetes");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("pod to json", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            for pod in &pods {
                out.clear();
                let object = Value::parse(pod)
                    .unwrap()
                    .object(Options::default())
                    .unwrap();
                object.write_json(&mut out).unwrap();
                black_box(&out);
            }
        });
    });
    group.bench_function("pod to tree", |bencher| {
        bencher.iter(|| {
            for pod in &pods {
                let object = Value::parse(pod)
                    .unwrap()
                    .object(Options::default())
                    .unwrap();
                black_box(object.to_json().unwrap());
            }
        });
    });
    group.bench_function("pod to k8s-openapi", |bencher| {
        bencher.iter(|| {
            for pod in &pods {
                let object = Value::parse(pod)
                    .unwrap()
                    .object(Options::default())
                    .unwrap();
                black_box(object.decode::<Pod>().unwrap());
            }
        });
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
