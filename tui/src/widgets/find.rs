//! A text that is looked for in the lines of a pane: `/`, then `n` and `N`.

use std::ops::Range;

use etcd_inspect::text::escape::{self, Charset};
use ratatui::layout::Rect;

use super::needle::Needle;
use crate::paint::{Pen, cells};
use crate::theme::Role;

/// What is looked for, and where it was found.
#[derive(Debug, Default)]
pub struct Find {
    text: String,
    needle: Option<Needle>,
    /// Lines that have it.
    hits: Vec<usize>,
    /// The hit that is shown, by its place among them.
    at: usize,
    /// Where looking began: the first hit from there on is shown first.
    from: usize,
    /// Steps over hits that are wanted and not yet taken; `None`: to the first one.
    steps: Option<isize>,
}

impl Find {
    /// Whether something is looked for.
    pub fn is_on(&self) -> bool {
        self.needle.is_some()
    }

    /// What is looked for.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Looks for a text from a line on; empty: for nothing.
    pub fn set(&mut self, text: &str, from: usize) {
        if self.text.is_empty() {
            self.from = from;
        }
        text.clone_into(&mut self.text);
        self.needle = Needle::new(text);
        self.hits.clear();
        (self.at, self.steps) = (0, None);
    }

    /// Another text has the lines: its first hit is wanted.
    pub fn restart(&mut self) {
        self.hits.clear();
        (self.at, self.from, self.steps) = (0, 0, None);
    }

    /// To the next hit, or to the one before.
    pub fn step(&mut self, forward: bool) {
        let step = if forward { 1 } else { -1 };
        self.steps = Some(self.steps.unwrap_or(0).saturating_add(step));
    }

    /// Looks at the lines; gives the one to go to if another one is wanted.
    pub fn look(&mut self, len: usize, line: impl Fn(usize) -> String) -> Option<usize> {
        let needle = self.needle.as_mut()?;
        self.hits = (0..len)
            .filter(|at| needle.keeps(line(*at).as_bytes()))
            .collect();
        let count = self.hits.len();
        if count == 0 {
            self.steps = Some(0);
            return None;
        }
        match self.steps.replace(0) {
            None => self.at = self.hits.partition_point(|hit| *hit < self.from) % count,
            Some(0) => {
                self.at = self.at.min(count - 1);
                return None;
            }
            Some(steps) => {
                let last = isize::try_from(count).unwrap_or(isize::MAX);
                let at = isize::try_from(self.at).unwrap_or(0).saturating_add(steps);
                self.at = usize::try_from(at.rem_euclid(last)).unwrap_or(0);
            }
        }
        self.hits.get(self.at).copied()
    }

    /// The line of the hit that is shown.
    pub fn line(&self) -> Option<usize> {
        self.hits.get(self.at).copied()
    }

    /// `/image  2 of 3   n N   Esc`, for the title of the pane.
    pub fn status(&self) -> String {
        match self.hits.len() {
            0 => format!(" /{}  no line has it ", self.text),
            count => format!(" /{}  {} of {count}   n N   Esc ", self.text, self.at + 1),
        }
    }

    /// Where a line has it, in bytes.
    fn ranges(&self, line: &str) -> Vec<Range<usize>> {
        self.needle
            .as_ref()
            .map_or_else(Vec::new, |needle| needle.ranges(line))
    }

    /// Marks what was found in a line that was drawn on a row without its first `skip` cells.
    pub fn mark(&self, pen: &mut Pen<'_>, area: Rect, y: u16, line: &str, at: usize, skip: usize) {
        for range in self.ranges(line) {
            let before = self.width(line.get(..range.start), pen.charset());
            let within = self.width(line.get(range), pen.charset());
            let end = cells((before + within).saturating_sub(skip)).min(area.width);
            let start = cells(before.saturating_sub(skip)).min(end);
            let place = Rect {
                x: area.x.saturating_add(start),
                width: end - start,
                ..area
            };
            let role = match self.line() == Some(at) {
                true => Role::Cursor,
                false => Role::Match,
            };
            pen.highlight(place, y, role);
        }
    }

    /// Cells that a text takes as it is drawn.
    fn width(&self, text: Option<&str>, charset: Charset) -> usize {
        escape::width(&escape::text(text.unwrap_or_default(), charset))
    }
}

#[cfg(test)]
mod tests {
    use super::Find;

    #[test]
    fn steps_go_round_and_begin_at_the_line_where_looking_began() {
        let lines = ["image: a", "name: b", "Image: c", "x", "image: d"];
        let look = |find: &mut Find| find.look(lines.len(), |at| lines[at].to_owned());
        let mut find = Find::default();
        find.set("image", 1);
        assert_eq!(look(&mut find), Some(2));
        assert_eq!(find.status(), " /image  2 of 3   n N   Esc ");
        for (forward, want) in [(true, 4), (true, 0), (false, 4), (false, 2)] {
            find.step(forward);
            assert_eq!(look(&mut find), Some(want));
        }
        assert_eq!(look(&mut find), None, "nothing moves by itself");
        find.set("nothing such", 0);
        assert_eq!(look(&mut find), None);
        assert!(find.status().contains("no line has it"));
    }
}
