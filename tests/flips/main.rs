//! One bit flipped, everywhere: what of it is noticed.
//!
//! A few flips of each region run with the suite; `FLIPS=200 cargo test -p etcd-inspect-lib --test flips -- --nocapture` flips
//! that many in each and prints the table of `tests/README.md`. `SEED` chooses other bits. With `FLIPS_ETCD=1` a real etcd
//! is started on each damaged copy (some seconds each): what stops it must have been noticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at its first failure"
)]

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcd_inspect::Severity;
use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use testkit::etcd::{Binaries, Server};
use testkit::fixture_copy;
use testkit::places::{bolt, snap, wal};

const BASE: &str = "etcd-3.5.30";

/// A kind of bytes, and where it is.
struct Region {
    name: &'static str,
    file: PathBuf,
    ranges: Vec<Range<usize>>,
    /// Whether a checksum or a structure that etcd relies on covers every bit of it.
    covered: bool,
}

fn regions(dir: &Path) -> Vec<Region> {
    let db_path = dir.join("member/snap/db");
    let db = bolt::Db::read(&db_path);
    let of = |name, ranges: Vec<Range<usize>>, covered| Region {
        name,
        file: db_path.clone(),
        ranges,
        covered,
    };
    // magic to checksum, after the page header of 16 bytes.
    let meta = |slot: usize| slot * db.page_size + 16..slot * db.page_size + 80;
    let newest = db.newest_meta();
    let nodes = db.nodes("key");
    let headers = |leaf: bool| -> Vec<Range<usize>> {
        let at = nodes
            .iter()
            .filter(|node| node.leaf == leaf)
            .map(|node| db.at(node.page));
        at.map(|at| at..at + 16).collect()
    };
    let entries = db.entries("key");
    let elements: Vec<_> = nodes
        .iter()
        .filter(|node| node.leaf)
        .flat_map(|node| db.leaf(node.page))
        .map(|entry| entry.at..entry.at + 16)
        .collect();
    let children: Vec<_> = nodes
        .iter()
        .filter(|node| !node.leaf)
        .flat_map(|node| db.children(node.page))
        .map(|(at, _)| at..at + 16)
        .collect();
    let meta_values = db
        .entries("meta")
        .into_iter()
        .map(|entry| entry.value)
        .collect();
    let free = db
        .free_pages()
        .into_iter()
        .map(|page| db.at(page) + 16..db.at(page) + db.page_size)
        .collect();
    let mut all = vec![
        of("db: newest meta", Vec::from([meta(newest)]), true),
        of("db: older meta", Vec::from([meta(1 - newest)]), true),
        of("db: branch page header", headers(false), true),
        of("db: branch element", children, true),
        of("db: leaf page header", headers(true), true),
        of("db: leaf element", elements, true),
        of(
            "db: revision (key of a record)",
            entries.iter().map(|entry| entry.key.clone()).collect(),
            true,
        ),
        of(
            "db: KeyValue message",
            entries.iter().map(|entry| entry.value.clone()).collect(),
            false,
        ),
        of("db: values of the meta bucket", meta_values, false),
        of("db: free page", free, false),
    ];
    let log = wal::Log::read(dir);
    let segment = &log.segments[0];
    let frames = &segment.frames;
    let of = |name, ranges: Vec<Range<usize>>, covered| Region {
        name,
        file: segment.path.clone(),
        ranges,
        covered,
    };
    all.extend([
        of(
            "WAL: length word",
            frames.iter().map(|frame| frame.at..frame.at + 8).collect(),
            true,
        ),
        of(
            "WAL: type and checksum of a record",
            frames
                .iter()
                .map(|frame| frame.at + 8..frame.data.start.max(frame.at + 9))
                .collect(),
            /* the bits of a checksum's varint after the 32nd, which etcd drops as well */
            false,
        ),
        of(
            "WAL: payload of a record",
            frames
                .iter()
                .map(|frame| frame.data.clone())
                .filter(|data| !data.is_empty())
                .collect(),
            true,
        ),
        of(
            "WAL: padding",
            frames
                .iter()
                .map(|frame| frame.data.end..frame.end)
                .filter(|pad| !pad.is_empty())
                .collect(),
            false,
        ),
        of(
            "WAL: zeros after the log",
            std::iter::once(segment.end() + 8..segment.end() + 100_000).collect(),
            false,
        ),
    ]);
    let file = snap::newest(dir);
    let len = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
    all.push(Region {
        name: ".snap",
        file,
        ranges: std::iter::once(0..len).collect(),
        covered: true,
    });
    all
}

/// SplitMix64: the same flips in every run of a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// A byte of the ranges, each byte as likely as any other.
    fn place(&mut self, ranges: &[Range<usize>]) -> usize {
        let mut at = self.below(ranges.iter().map(Range::len).sum());
        for range in ranges {
            if at < range.len() {
                return range.start + at;
            }
            at -= range.len();
        }
        unreachable!("within the sum")
    }
}

/// Codes with severity and message: what a check says.
fn findings_of(dir: &Path) -> BTreeSet<(Severity, String)> {
    let report = check(&Member::open(dir).unwrap(), Depth::Default, &Silent);
    report
        .findings
        .into_iter()
        .map(|finding| {
            (
                finding.severity,
                format!("{} {}", finding.code.id, finding.message),
            )
        })
        .collect()
}

fn flip(file: &Path, at: usize, bit: usize) {
    use std::os::unix::fs::FileExt;
    let open = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(file)
        .unwrap();
    let mut byte = [0];
    let at = u64::try_from(at).unwrap();
    open.read_exact_at(&mut byte, at).unwrap();
    open.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn flipped_bits_in_what_is_covered_are_noticed() {
    let count = number("FLIPS").unwrap_or(5);
    let mut random = Random(number("SEED").unwrap_or(1));
    let etcd = number("FLIPS_ETCD").and_then(|_| Binaries::newest("3.5"));
    let copy = fixture_copy(BASE);
    let dir = copy.data_dir();
    let before = findings_of(&dir);
    let mut table = vec![
        "| region | flips | reported | as a warning or error |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let (mut missed, mut stopped) = (Vec::new(), Vec::new());
    for region in regions(&dir) {
        assert!(!region.ranges.is_empty(), "{} has no bytes", region.name);
        let (mut noticed, mut loud) = (0, 0);
        for _ in 0..count {
            let (at, bit) = (random.place(&region.ranges), random.below(8));
            flip(&region.file, at, bit);
            let now = findings_of(&dir);
            let new = now.difference(&before).map(|(severity, _)| *severity).max();
            let gone = before.difference(&now).next().is_some();
            noticed += u64::from(new.is_some() || gone);
            let is_loud = new.is_some_and(|severity| severity > Severity::Note);
            loud += u64::from(is_loud);
            let place = format!(
                "{}: bit {bit} of byte {at:#x} in {}",
                region.name,
                region.file.display()
            );
            if region.covered && new.is_none() {
                missed.push(place.clone());
            }
            if let Some(etcd) = etcd.as_ref().filter(|_| !is_loud) {
                let private = testkit::copy_of(&dir);
                if Server::start(etcd, &private, &[], Duration::from_secs(20)).is_err() {
                    stopped.push(place);
                }
            }
            flip(&region.file, at, bit);
        }
        table.push(format!(
            "| {} | {count} | {} % | {} % |",
            region.name,
            noticed * 100 / count,
            loud * 100 / count
        ));
    }
    assert_eq!(findings_of(&dir), before, "every bit is back");
    eprintln!("{}\nmissed in covered bytes: {missed:#?}", table.join("\n"));
    assert!(
        stopped.is_empty(),
        "etcd does not start, and nothing was noticed: {stopped:#?}"
    );
    let allowed = usize::try_from(count).unwrap() / 20;
    assert!(missed.len() <= allowed, "{missed:#?}");
}
