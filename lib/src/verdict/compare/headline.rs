//! What a comparison found, in one sentence.

use super::{Comparison, MemberRow};
use crate::start::counted;
use crate::text::number::thousands;
use located::Severity;

impl Comparison {
    /// What is wrong with the copies, the worst first, and which is the best; `None` if all may be kept as they are.
    pub fn headline(&self) -> Option<String> {
        let has = |severity| {
            self.findings
                .iter()
                .any(|finding| finding.severity >= severity)
        };
        let mut parts: Vec<String> = self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.message.clone())
            .take(1)
            .collect();
        let damaged = |row: &MemberRow| row.errors > 0;
        let of_other = |row: &MemberRow| row.parts_at.is_some();
        let removed = |row: &MemberRow| row.removed_by.is_some();
        parts.extend(self.named(damaged, "is damaged", "are damaged"));
        parts.extend(self.named(of_other, "has another history", "have another history"));
        parts.extend(self.named(removed, "is of a removed member", "are of removed members"));
        if let Some(first) = self.first_divergent_revision {
            parts.push(format!(
                "records differ since revision {}",
                thousands(first.into())
            ));
        }
        if parts.is_empty() && !has(Severity::Warning) && self.same != Some(false) {
            return None;
        }
        if parts.is_empty() {
            parts.push("the copies do not agree".to_owned());
        }
        let best = self.best.and_then(|at| self.members.get(at));
        if let Some(best) = best {
            let revision = best.reach().map_or_else(String::new, |revision| {
                format!(", up to revision {}", thousands(revision.into()))
            });
            parts.push(format!("best copy {}{revision}", best.path));
        }
        Some(parts.join("; "))
    }

    /// The worst severity of what is found in the copies, or of all of them together.
    pub fn worst(&self) -> Option<Severity> {
        let of_rows = |row: &MemberRow| match (row.errors, row.warnings) {
            (0, 0) => None,
            (0, _) => Some(Severity::Warning),
            _ => Some(Severity::Error),
        };
        let together = self.findings.iter().map(|finding| finding.severity);
        self.members
            .iter()
            .filter_map(of_rows)
            .chain(together)
            .max()
    }

    /// How many copies are so, and which.
    fn named(&self, is_so: impl Fn(&MemberRow) -> bool, one: &str, many: &str) -> Option<String> {
        let names: Vec<&str> = self
            .members
            .iter()
            .filter(|row| is_so(row))
            .map(|row| row.path.as_str())
            .collect();
        let all = counted(self.members.len() as u64, "copy", "copies");
        let (count, verb) = match names.len() {
            0 => return None,
            1 => (1, one),
            count => (count, many),
        };
        Some(format!("{count} of {all} {verb} ({})", names.join(", ")))
    }
}
