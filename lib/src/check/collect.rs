//! One finding for one cause.

use std::collections::{HashMap, HashSet};

use crate::codes::Code;
use located::FileName;
use located::Finding;

/// Gathers findings: those of one code on one page become one, and so do all of a code beyond a limit.
pub(super) struct Collector {
    findings: Vec<Finding>,
    /// The keys of each finding that others were joined with.
    keys: HashMap<usize, HashSet<Vec<u8>>>,
    by_place: HashMap<(&'static str, FileName, Option<u64>), usize>,
    per_code: HashMap<&'static str, usize>,
    limit: usize,
}

impl Collector {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            findings: Vec::new(),
            keys: HashMap::new(),
            by_place: HashMap::new(),
            per_code: HashMap::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let id = finding.code.id;
        let kept = self.per_code.get(id).copied().unwrap_or(0);
        let page = if kept >= self.limit {
            None
        } else {
            finding.place.page.or(finding.place.offset)
        };
        let key = (id, finding.place.file.clone(), page);
        let position = self.by_place.get(&key).copied();
        let known = position.and_then(|at| Some((at, self.findings.get_mut(at)?)));
        match known {
            Some((at, known)) => {
                known.count = known.count.saturating_add(finding.count);
                let names = self
                    .keys
                    .entry(at)
                    .or_insert_with(|| known.keys.iter().cloned().collect());
                let new = finding.keys.into_iter();
                known
                    .keys
                    .extend(new.filter(|key| names.insert(key.clone())));
                known.severity = known.severity.max(finding.severity);
            }
            None => {
                self.by_place.insert(key, self.findings.len());
                *self.per_code.entry(id).or_default() += 1;
                self.findings.push(finding);
            }
        }
    }

    /// Whether there is a finding of that code.
    pub(super) fn contains(&self, code: &'static Code) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| std::ptr::eq(finding.code, code))
    }

    /// Joins findings of a code about pages below a page that has a finding of the same code: its own is their cause.
    pub(super) fn join_below(&mut self, code: &'static Code) {
        let is_of_code = |finding: &Finding| std::ptr::eq(finding.code, code);
        let mut positions: HashMap<u64, usize> = HashMap::new();
        let mut joined: Vec<Finding> = Vec::new();
        for finding in std::mem::take(&mut self.findings) {
            let own = finding.place.page.filter(|_| is_of_code(&finding));
            let above = finding.page_stack.iter().filter(|page| Some(**page) != own);
            let cause = above.filter_map(|page| positions.get(page)).next();
            let cause = cause.copied().filter(|_| own.is_some());
            if let Some(cause) = cause.and_then(|at| joined.get_mut(at)) {
                cause.count = cause.count.saturating_add(finding.count);
                cause.keys.extend(finding.keys);
                continue;
            }
            if let Some(page) = own {
                positions.insert(page, joined.len());
            }
            joined.push(finding);
        }
        for at in positions.into_values() {
            if let Some(cause) = joined.get_mut(at).filter(|cause| cause.count > 1) {
                let below = cause.count.saturating_sub(1);
                cause.message = format!("{}, and so do {below} pages below it", cause.message);
            }
        }
        self.findings = joined;
    }

    pub(super) fn findings_mut(&mut self) -> &mut [Finding] {
        &mut self.findings
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
