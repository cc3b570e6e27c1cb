//! `check`: findings, and what to do about them.

use serde::Serialize;

use super::plan::PlanAnswer;
use super::{Column, FindingRow};
use crate::check::{Health, Report, Skipped};
use crate::verdict::Verdict;
use located::{AdvicePart, EvidenceOperand, Finding, Severity};

/// Columns of findings.
pub static COLUMNS: [Column; 10] = [
    Column::left("ID", "id"),
    Column::left("SEV", "severity"),
    Column::left("CODE", "code"),
    Column::left("FILE", "file"),
    Column::right("OFFSET", "offset"),
    Column::right("PAGE", "page").wide(),
    Column::right("COUNT", "count"),
    Column::left("MESSAGE", "message"),
    Column::left("SEEN", "seen").wide(),
    Column::left("EXPECTED", "expected").wide(),
];

/// The document of a check.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CheckAnswer {
    /// One word for all.
    pub verdict: Health,
    /// What was found and asked for, worst first.
    pub findings: Vec<CheckRow>,
    /// What was looked at.
    pub checked: Vec<String>,
    /// What was not, and why.
    pub skipped: Vec<Skipped>,
    /// What to do next.
    pub next: [String; 1],
    /// Causes and plan.
    #[serde(flatten)]
    pub plan: Option<PlanAnswer>,
}

/// One finding of a check, in full.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CheckRow {
    /// `F-01`.
    pub id: String,
    /// Its place and its words.
    #[serde(flatten)]
    pub finding: FindingRow,
    /// What to do next.
    pub next: Vec<String>,
}

impl CheckRow {
    /// A finding at a position of its report.
    pub fn new(position: usize, finding: &Finding, evidence: EvidenceOperand<'_>) -> Self {
        let advice = finding.advice();
        Self {
            id: Report::id(position),
            finding: finding.into(),
            next: (advice.iter())
                .flat_map(|advice| advice.parts(evidence))
                .filter_map(alone)
                .collect(),
        }
    }
}

/// Which findings are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Only<'q> {
    /// Beginnings of their codes, in any case; all if empty.
    pub codes: &'q [String],
}

impl Only<'_> {
    /// Whether a finding is asked for.
    pub fn has(&self, finding: &Finding) -> bool {
        let id = finding.code.id.to_ascii_lowercase();
        let starts = |prefix: &String| id.starts_with(&prefix.to_ascii_lowercase());
        self.codes.is_empty() || self.codes.iter().any(starts)
    }

    /// How many findings of a severity are asked for.
    pub fn count(&self, report: &Report, severity: Severity) -> usize {
        let findings = report.findings.iter();
        let wanted = findings.filter(|finding| finding.severity == severity && self.has(finding));
        wanted.count()
    }
}

/// A command without the words around it, so that a program can run it; or the words.
fn alone(part: AdvicePart) -> Option<String> {
    match part {
        AdvicePart::Command { text, .. } => Some(text),
        AdvicePart::Prose(text) => {
            let text = text.trim_matches([' ', ';', ',', '.', ':', '`', '(', ')']);
            text.contains(char::is_alphabetic).then(|| text.to_owned())
        }
    }
}

impl CheckAnswer {
    /// The findings of a report that are asked for, with the plan if there is one.
    pub fn new(
        report: &Report,
        only: Only<'_>,
        verdict: Option<&Verdict>,
        evidence: EvidenceOperand<'_>,
    ) -> Self {
        let findings = report.findings.iter().enumerate();
        let findings = findings.filter(|(_, finding)| only.has(finding));
        Self {
            verdict: report.verdict,
            findings: findings
                .map(|(position, finding)| CheckRow::new(position, finding, evidence))
                .collect(),
            checked: report.checked.clone(),
            skipped: report.skipped.clone(),
            next: [verdict.map_or_else(
                || report.next.on(evidence),
                |verdict| verdict.next.clone().opened_with(evidence).to_string(),
            )],
            plan: verdict.map(|verdict| PlanAnswer::new(verdict, report)),
        }
    }
}
