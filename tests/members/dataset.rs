//! The owned handle: what it answers is what the borrowed ones answer, and damage stays with the answer.

use etcd_inspect::Limits;
use etcd_inspect::bolt::{PageType, Pgid};
use etcd_inspect::dataset::{Dataset, Side};
use etcd_inspect::member::Member;
use testkit::{Copy, data_dir, fixture_copy};

/// A copy of a directory of Kubernetes without one leaf page that holds pods.
fn without_a_leaf() -> (Copy, u64) {
    let copy = fixture_copy("k8s-1.20-etcd35");
    let file = copy.data_dir().join("member/snap/db");
    let healthy = std::fs::read(&file).unwrap();
    let pages: Vec<(u64, usize)> = {
        let member = Member::open(copy.data_dir()).unwrap();
        let db = member.db().unwrap();
        let size = usize::try_from(db.page_size()).unwrap();
        let holds_pods = |id: &u64| {
            let page = db.page(Pgid(*id)).unwrap();
            let at = usize::try_from(*id).unwrap() * size;
            page.header.page_type() == Some(PageType::Leaf)
                && page.header.overflow == 0
                && memchr(&healthy[at..at + size], b"/registry/pods/")
        };
        let all = 2..db.meta().size_bytes() / db.page_size();
        all.filter(holds_pods).map(|id| (id, size)).collect()
    };
    for (id, size) in pages {
        let mut damaged = healthy.clone();
        let at = usize::try_from(id).unwrap() * size;
        damaged[at..at + size].fill(0);
        std::fs::write(&file, &damaged).unwrap();
        let dataset = Dataset::open(copy.data_dir()).unwrap();
        if !dataset.newest().pods().unwrap().is_complete() {
            return (copy, id);
        }
    }
    panic!("no leaf page with pods is part of the tree");
}

fn memchr(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn a_zeroed_leaf_makes_every_answer_partial_and_names_the_page() {
    let (copy, page) = without_a_leaf();
    let dataset = Dataset::open(copy.data_dir()).unwrap();
    let newest = dataset.newest();
    let error = newest.pods().unwrap().complete().unwrap_err();
    let named = |damage: &etcd_inspect::answers::Damage| {
        damage
            .findings
            .iter()
            .any(|finding| finding.place.page == Some(page))
    };
    assert!(named(&error.damage), "page {page}: {error}");
    let (keys, damage) = newest.keys("/registry/").unwrap().into_parts();
    let whole = Dataset::open(data_dir("k8s-1.20-etcd35")).unwrap();
    let all = whole
        .newest()
        .keys("/registry/")
        .unwrap()
        .complete()
        .unwrap();
    assert!(keys.len() < all.len(), "{} of {}", keys.len(), all.len());
    assert!(named(&damage));
    assert!(!newest.hash_kv().unwrap().is_complete());
    assert!(!newest.get("/registry/no").unwrap().is_complete());
    let marked = serde_json::to_value(newest.revision().unwrap()).unwrap();
    assert!(
        marked["partial"]["findings"][0]["code"].is_string(),
        "{marked}"
    );
}

#[test]
fn clones_answer_the_same_from_every_thread() {
    let dataset = Dataset::open(data_dir("k8s-1.20-etcd35")).unwrap();
    let pods = dataset.newest().pods().unwrap().complete().unwrap();
    assert!(!pods.is_empty());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let moment = dataset.newest();
            std::thread::spawn(move || moment.pods().unwrap().complete().unwrap())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), pods);
    }
    let name = pods[0].name().to_owned();
    let one = dataset.newest().objects("pods").name(&name).all().unwrap();
    assert!(one.complete().unwrap().iter().all(|pod| pod.name() == name));
}

#[test]
fn the_replayed_side_is_that_of_a_replay() {
    let path = data_dir("etcd-3.5.30-killed");
    let dataset = Dataset::open(&path).unwrap();
    let member = Member::open(&path).unwrap();
    let replayed = etcd_inspect::recover::replay(&member, &etcd_inspect::progress::Silent).unwrap();
    let after = dataset.on(Side::Replayed).newest().hash_kv().unwrap();
    let theirs = replayed.keyspace().hash_kv(None).unwrap();
    assert_eq!(after.complete().unwrap(), theirs);
    let before = dataset.newest().hash_kv().unwrap().complete().unwrap();
    assert!(
        before.revision < theirs.revision,
        "the db lags behind its log"
    );
}

#[test]
fn limits_are_set_once() {
    let mut limits = Limits::default();
    limits.value_depth = 2;
    let dataset = Dataset::builder()
        .limits(limits)
        .open(data_dir("k8s-1.20-etcd35"))
        .unwrap();
    let error = dataset.newest().pods().unwrap().complete().unwrap_err();
    assert!(error.to_string().contains("--value-depth"), "{error}");
    let place = &error.damage.findings[0].place;
    assert!(place.offset.is_some(), "a place in the file: {place}");
}
