//! Lines with tabs, aligned as kubectl aligns them.

use std::io::Write as _;

use tabwriter::TabWriter;

use super::View;

/// Maximum number of characters of an annotation on one line.
const ANNOTATION: usize = 140;

/// A text that grows.
#[derive(Default)]
pub(super) struct Sheet(String);

impl Sheet {
    /// A line, two blanks deeper for each level.
    pub(super) fn line(&mut self, level: usize, text: &str) {
        self.0.extend(std::iter::repeat_n("  ", level));
        self.0.push_str(text);
        self.0.push('\n');
    }

    pub(super) fn field(&mut self, name: &str, value: &str) {
        self.at(0, name, value);
    }

    pub(super) fn at(&mut self, level: usize, name: &str, value: &str) {
        self.line(level, &format!("{name}:\t{value}"));
    }

    /// A field that is written only if it is there.
    pub(super) fn known(&mut self, level: usize, name: &str, value: View<'_>) {
        if value.present() {
            let text = value.any_or("");
            if !text.is_empty() {
                self.at(level, name, &text);
            }
        }
    }

    /// Pairs below each other, beside their title: `Labels`.
    pub(super) fn pairs(&mut self, level: usize, title: &str, map: View<'_>) {
        let mut pairs: Vec<_> = map.fields().collect();
        pairs.sort_by_key(|(name, _)| *name);
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.or("")))
            .collect();
        self.column(level, title, &pairs);
    }

    /// Texts below each other, beside their title.
    pub(super) fn column(&mut self, level: usize, title: &str, texts: &[String]) {
        let Some((first, rest)) = texts.split_first() else {
            self.at(level, title, "<none>");
            return;
        };
        self.at(level, title, first);
        for text in rest {
            self.line(level, &format!("\t{text}"));
        }
    }

    /// Annotations but for the copy that `kubectl apply` keeps; long ones on lines of their own.
    pub(super) fn annotations(&mut self, level: usize, map: View<'_>) {
        let mut all: Vec<_> = map
            .fields()
            .filter(|(name, _)| !name.ends_with("last-applied-configuration"))
            .map(|(name, value)| (name, value.or("")))
            .collect();
        all.sort();
        let mut lines = Vec::new();
        for (name, value) in all {
            let value = value.trim_end_matches('\n');
            if value.chars().count() + name.chars().count() + 2 > ANNOTATION || value.contains('\n')
            {
                lines.push(format!("{name}:"));
                lines.extend(value.split('\n').map(|line| {
                    match line.char_indices().nth(ANNOTATION - 2) {
                        Some((at, _)) => format!("  {}...", line.get(..at).unwrap_or_default()),
                        None => format!("  {line}"),
                    }
                }));
            } else {
                lines.push(format!("{name}: {value}"));
            }
        }
        self.column(level, "Annotations", &lines);
    }

    /// `Type  Status  Reason` of conditions; `fields` are those of the columns.
    pub(super) fn conditions(
        &mut self,
        conditions: View<'_>,
        head: &[&str],
        fields: &dyn Fn(View<'_>) -> Vec<String>,
    ) {
        if conditions.len() == 0 {
            return;
        }
        self.line(0, "Conditions:");
        self.line(1, &head.join("\t"));
        let rules: Vec<String> = head
            .iter()
            .map(|word| "-".repeat(word.len().min(18)))
            .collect();
        self.line(1, &rules.join("\t"));
        for condition in conditions.items() {
            self.line(1, &fields(condition).join("\t"));
        }
    }

    /// Labels and annotations, as nearly every description begins.
    pub(super) fn metadata(&mut self, of: View<'_>) {
        self.pairs(0, "Labels", of.path("metadata.labels"));
        self.annotations(0, of.path("metadata.annotations"));
    }

    /// The text with its columns aligned.
    pub(super) fn text(self) -> String {
        let mut writer = TabWriter::new(Vec::new()).minwidth(0).padding(2);
        // Writing to memory does not fail.
        let _ = writer.write_all(self.0.as_bytes());
        let aligned = writer.into_inner().unwrap_or_default();
        String::from_utf8(aligned).unwrap_or(self.0)
    }
}
