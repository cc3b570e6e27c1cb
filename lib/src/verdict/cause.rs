//! Causes: findings, with what they explain folded into them.

use super::explains::{CauseScope, Explanation, TABLE};
use crate::check::Report;
use crate::codes::Code;
use crate::{Finding, Place, Severity};

/// One cause, and the findings that follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its code.
    pub code: &'static Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The first place where it shows.
    pub place: Place,
    /// Positions in [`Report::findings`] of the findings that it consists of: the first is the one whose message it has.
    pub findings: Vec<usize>,
    /// Positions of the findings that it explains.
    pub explains: Vec<usize>,
}

/// Folds findings: causes first, worst first. Notes are causes of nothing, and are left out unless something explains them.
pub fn causes(report: &Report) -> Vec<Cause> {
    let mut taken = vec![false; report.findings.len()];
    let mut causes: Vec<Cause> = Vec::new();
    for row in TABLE {
        let mut findings = report.findings.iter().enumerate();
        let first = findings.find(|(_, finding)| {
            std::ptr::eq(finding.code, row.cause) && finding.severity > Severity::Note
        });
        let Some((at, first)) = first else { continue };
        let known = causes
            .iter()
            .position(|cause| std::ptr::eq(cause.code, row.cause));
        // Something nearer to the cause explains it already.
        if known.is_none() && taken.get(at).copied().unwrap_or(true) {
            continue;
        }
        let known = known.unwrap_or_else(|| {
            causes.push(of_code(report, first, &mut taken));
            causes.len().saturating_sub(1)
        });
        if let Some(cause) = causes.get_mut(known) {
            absorb(report, row, cause, &mut taken);
        }
    }
    // What the table does not know is a cause of its own, once for each code.
    for (at, finding) in report.findings.iter().enumerate() {
        if finding.severity > Severity::Note && !taken.get(at).copied().unwrap_or(true) {
            causes.push(of_code(report, finding, &mut taken));
        }
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.severity));
    causes
}

/// A cause of all findings that have the code of `first`.
fn of_code(report: &Report, first: &Finding, taken: &mut [bool]) -> Cause {
    let found = report.findings.iter().enumerate().filter(|(at, finding)| {
        std::ptr::eq(first.code, finding.code) && taken.get(*at) == Some(&false)
    });
    let mut all: Vec<usize> = Vec::new();
    let mut worst: Option<&Finding> = None;
    for (at, finding) in found {
        if worst.is_none_or(|worst| finding.severity > worst.severity) {
            worst = Some(finding);
            all.insert(0, at);
        } else {
            all.push(at);
        }
    }
    for at in &all {
        if let Some(place) = taken.get_mut(*at) {
            *place = true;
        }
    }
    let worst = worst.unwrap_or(first);
    Cause {
        code: worst.code,
        severity: worst.severity,
        message: worst.message.clone(),
        place: worst.place.clone(),
        findings: all,
        explains: Vec::new(),
    }
}

fn absorb(report: &Report, row: &Explanation, cause: &mut Cause, taken: &mut [bool]) {
    for (at, finding) in report.findings.iter().enumerate() {
        let free = taken.get(at) == Some(&false);
        let named = row.explains.iter().copied().flatten();
        let mut named = named.filter(|code| std::ptr::eq(**code, finding.code));
        let near = row.reach == CauseScope::Member || finding.place.file == cause.place.file;
        if free && near && named.next().is_some() {
            cause.explains.push(at);
            if let Some(place) = taken.get_mut(at) {
                *place = true;
            }
        }
    }
}
