//! The difference of two versions as lines: unified, or side by side.

use similar::{ChangeTag, TextDiff};

use crate::paint::Line;
use crate::theme::Role;

/// Lines of a difference, and where its changes begin.
#[derive(Clone, Debug, Default)]
pub(in crate::screens) struct Diff {
    pub(in crate::screens) lines: Vec<Line>,
    /// The line at which each run of changes begins.
    pub(in crate::screens) hunks: Vec<usize>,
}

/// Lines around a change.
const CONTEXT: usize = 3;

/// Of longer texts the size is shown: a difference of megabytes would be waited for.
const MOST_BYTES: usize = 2 << 20;

pub(in crate::screens) fn diff(before: &str, after: &str, side_by_side: Option<usize>) -> Diff {
    if before.len() + after.len() > MOST_BYTES {
        let text = format!(
            "{} and {} bytes: too long for a difference here",
            before.len(),
            after.len()
        );
        return Diff {
            lines: vec![Line::piece(Role::Dim, text)],
            hunks: Vec::new(),
        };
    }
    let text = TextDiff::configure()
        .timeout(std::time::Duration::from_millis(500))
        .diff_lines(before, after);
    let mut diff = Diff::default();
    for (number, group) in text.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            diff.lines.push(Line::piece(Role::Dim, "…"));
        }
        let changes = group.iter().flat_map(|op| text.iter_changes(op));
        let changes: Vec<(ChangeTag, &str)> = changes
            .map(|change| (change.tag(), change.value().trim_end_matches('\n')))
            .collect();
        match side_by_side {
            Some(width) => diff.pairs(&changes, width),
            None => diff.unified(&changes),
        }
    }
    diff
}

impl Diff {
    fn unified(&mut self, changes: &[(ChangeTag, &str)]) {
        let mut within = false;
        for (tag, text) in changes {
            let (sign, role) = match tag {
                ChangeTag::Equal => (" ", Role::Plain),
                ChangeTag::Delete => ("-", Role::Removed),
                ChangeTag::Insert => ("+", Role::Added),
            };
            let changed = *tag != ChangeTag::Equal;
            if changed && !within {
                self.hunks.push(self.lines.len());
            }
            within = changed;
            self.lines.push(Line::piece(role, format!("{sign} {text}")));
        }
    }

    /// Removed lines beside the added ones that follow them.
    fn pairs(&mut self, changes: &[(ChangeTag, &str)], width: usize) {
        let half = (width.saturating_sub(3) / 2).max(8);
        let mut at = 0;
        while let Some((tag, text)) = changes.get(at) {
            if *tag == ChangeTag::Equal {
                self.lines.push(Line::from(format!(
                    "  {} │ {text}",
                    fitted(text, half.saturating_sub(2))
                )));
                at += 1;
                continue;
            }
            self.hunks.push(self.lines.len());
            let run = |from: usize, tag: ChangeTag| {
                changes
                    .get(from..)
                    .unwrap_or_default()
                    .iter()
                    .take_while(|(of, _)| *of == tag)
                    .count()
            };
            let removed = run(at, ChangeTag::Delete);
            let added = run(at + removed, ChangeTag::Insert);
            for row in 0..removed.max(added).max(1) {
                let text = |from: usize, count: usize| {
                    (row < count).then(|| changes.get(from + row).map_or("", |(_, text)| text))
                };
                let (old, new) = (text(at, removed), text(at + removed, added));
                let left = format!(
                    "{} {}",
                    if old.is_some() { "-" } else { " " },
                    fitted(old.unwrap_or_default(), half.saturating_sub(2))
                );
                let right = format!(
                    "{} {}",
                    if new.is_some() { "+" } else { " " },
                    new.unwrap_or_default()
                );
                self.lines.push(
                    Line::piece(Role::Removed, left)
                        .with(Role::Dim, " │ ")
                        .with(Role::Added, right),
                );
            }
            at += (removed + added).max(1);
        }
    }
}

/// Text cut or padded to a number of characters.
fn fitted(text: &str, width: usize) -> String {
    let cut: String = text.chars().take(width).collect();
    format!("{cut:<width$}")
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn hunks_begin_where_lines_change() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n";
        let after = "a\nB\nc\nd\ne\nf\ng\nh\ni\nJ\nk\n";
        let unified = diff(before, after, None);
        let text: Vec<_> = unified.lines.iter().map(super::Line::plain).collect();
        assert_eq!(text[..4], ["  a", "- b", "+ B", "  c"]);
        assert_eq!(unified.hunks.len(), 2);
        let pairs = diff(before, after, Some(23));
        assert_eq!(pairs.lines[1].plain(), "- b        │ + B");
        assert_eq!(pairs.hunks.len(), 2);
        assert!(diff("same\n", "same\n", None).lines.is_empty());
    }
}
