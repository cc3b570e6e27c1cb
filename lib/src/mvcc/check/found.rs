//! Turns broken rules into findings: pages and stacks are looked up once, at the end, and only if a rule is broken.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bolt::{Bucket, Pgid};
use crate::codes::Code;
use located::Limits;
use located::Place;
use located::{Finding, Sink, reported_by};

/// Maximum number of broken rules that one task keeps; the rest is counted.
const MAX_KEPT_PER_TASK: usize = 64;

/// One broken rule at one record.
#[derive(Clone, Debug)]
pub(super) struct BrokenRule {
    pub(super) code: &'static Code,
    /// Of the stored key, in the file.
    pub(super) offset: u64,
    pub(super) message: String,
    pub(super) seen: Option<(String, String)>,
    pub(super) key: Option<Vec<u8>>,
}

/// What was found, in order of revision.
#[derive(Debug, Default)]
pub(super) struct Tally {
    found: Vec<BrokenRule>,
    beyond: BTreeMap<&'static str, (&'static Code, u64)>,
}

impl Tally {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Keeps one, or only counts it if there are many. `found` is called only to keep it.
    pub(super) fn add(&mut self, code: &'static Code, found: impl FnOnce() -> BrokenRule) {
        if self.found.len() < MAX_KEPT_PER_TASK
            || !self.found.iter().any(|kept| std::ptr::eq(kept.code, code))
        {
            self.found.push(found());
        } else {
            self.beyond.entry(code.id).or_insert((code, 0)).1 += 1;
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.found.extend(other.found);
        for (id, (code, count)) in other.beyond {
            self.beyond.entry(id).or_insert((code, 0)).1 += count;
        }
    }
}

/// Reports everything: one finding for each code and page.
pub(super) fn report(bucket: &Bucket<'_>, mut tally: Tally, limits: &Limits, sink: &mut Sink<'_>) {
    if tally.is_empty() {
        return;
    }
    let file = bucket.db().file();
    let pages = pages_of(bucket, &tally.found);
    let mut findings: Vec<Finding> = Vec::new();
    let mut known: BTreeMap<(&str, Option<Pgid>), usize> = BTreeMap::new();
    let mut pages_of_code: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut names: HashMap<usize, HashSet<Vec<u8>>> = HashMap::new();
    for found in std::mem::take(&mut tally.found) {
        let page = pages.get(&found.offset);
        let at = (found.code.id, page.map(|(page, _)| *page));
        let (used, last) = pages_of_code
            .get(found.code.id)
            .copied()
            .unwrap_or_default();
        let of_same_page = known
            .get(&at)
            .copied()
            .or((used >= limits.findings_per_code.max(1)).then_some(last));
        let known_finding =
            of_same_page.and_then(|number| Some((number, findings.get_mut(number)?)));
        if let Some((at, finding)) = known_finding {
            finding.count += 1;
            let names = names
                .entry(at)
                .or_insert_with(|| finding.keys.iter().cloned().collect());
            let key = found.key.filter(|key| names.insert(key.clone()));
            finding.keys.extend(key);
            continue;
        }
        known.insert(at, findings.len());
        pages_of_code.insert(found.code.id, (used + 1, findings.len()));
        let mut place = Place::at(file.file(), found.offset);
        let mut stack = Vec::new();
        if let Some((page, above)) = page {
            place = place.on_page(page.0);
            stack.extend(above.iter().map(|pgid| pgid.0).chain([page.0]));
        }
        let mut finding = Finding::new(found.code, place, found.message).stack(stack);
        finding.keys = found.key.into_iter().collect();
        if let Some((seen, expected)) = found.seen {
            finding = finding.seen(seen, expected);
        }
        findings.push(finding);
    }
    for (id, (code, count)) in tally.beyond {
        let last = pages_of_code.get(id).map(|(_, last)| *last);
        match last.and_then(|last| findings.get_mut(last)) {
            Some(finding) => finding.count += count,
            None => {
                findings.push(Finding::new(code, Place::file(file.file()), code.title).count(count))
            }
        }
    }
    findings.into_iter().for_each(sink);
}

/// The leaf page of each offset, and the pages above it.
fn pages_of(bucket: &Bucket<'_>, found: &[BrokenRule]) -> BTreeMap<u64, (Pgid, Vec<Pgid>)> {
    let mut offsets: Vec<u64> = found.iter().map(|found| found.offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let mut pages = BTreeMap::new();
    bucket.walk(&mut reported_by("bbolt::check"), &mut |visit| {
        let start = visit.page.bytes.offset();
        let end = start.saturating_add(visit.page.bytes.len() as u64);
        let first = offsets.partition_point(|offset| *offset < start);
        let mine = offsets
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(|offset| **offset < end);
        for offset in mine {
            pages
                .entry(*offset)
                .or_insert_with(|| (visit.page.pgid, visit.stack.to_vec()));
        }
    });
    pages
}
