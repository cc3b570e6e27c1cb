//! One finding for one cause.

use std::collections::HashMap;

use located::FileName;
use located::Finding;

/// Keys that one finding names.
const KEYS: usize = 1000;

/// Gathers findings: several of one code on one page are one, and behind a bound those of a code are only counted.
pub(super) struct Collector {
    findings: Vec<Finding>,
    by_place: HashMap<(&'static str, FileName, Option<u64>), usize>,
    per_code: HashMap<&'static str, usize>,
    limit: usize,
}

impl Collector {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            findings: Vec::new(),
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
        match self
            .by_place
            .get(&key)
            .and_then(|&at| self.findings.get_mut(at))
        {
            Some(known) => {
                known.count = known.count.saturating_add(finding.count);
                for key in finding.keys {
                    if known.keys.len() < KEYS && !known.keys.contains(&key) {
                        known.keys.push(key);
                    }
                }
                known.severity = known.severity.max(finding.severity);
            }
            None => {
                self.by_place.insert(key, self.findings.len());
                *self.per_code.entry(id).or_default() += 1;
                self.findings.push(finding);
            }
        }
    }

    pub(super) fn findings_mut(&mut self) -> &mut [Finding] {
        &mut self.findings
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
