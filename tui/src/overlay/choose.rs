//! Values of a column, to choose one of: the rows that have it are shown then.

use std::collections::HashMap;

use etcd_inspect::text::number;

use super::popup::centred;
use crate::act::Act;
use crate::paint::{Line, Pen, cells};
use crate::theme::Role;
use crate::widgets::List;

/// Values that are offered.
const MOST: usize = 500;

/// The open choice.
#[derive(Debug)]
pub(crate) struct Choose {
    values: Vec<(String, usize)>,
    list: List,
}

impl Choose {
    pub(crate) fn new(values: Vec<(String, usize)>) -> Self {
        let list = List::default();
        Self { values, list }
    }

    /// Moves the cursor; `false`: another key.
    pub(crate) fn act(&mut self, act: Act) -> bool {
        self.list.act(act, self.values.len())
    }

    /// The value under the cursor.
    pub(crate) fn value(&self) -> Option<&str> {
        let (value, _) = self.values.get(self.list.cursor())?;
        Some(value)
    }

    pub(crate) fn draw(&mut self, pen: &mut Pen<'_>) {
        let widest = self.values.iter().map(|(value, _)| value.chars().count());
        let width = cells(widest.max().unwrap_or(0).max(26)).saturating_add(16);
        let height = cells(self.values.len()).saturating_add(2);
        let whole = pen.area();
        let area = centred(whole, width, height.min(whole.height.saturating_sub(4)));
        pen.clear(area);
        let title = Line::piece(Role::Heading, "only rows with · ⏎ Esc");
        let inner = pen.frame(area, &title, true);
        for (y, at) in self.list.window(inner.height, self.values.len()) {
            let Some((value, count)) = self.values.get(at) else {
                continue;
            };
            pen.put(inner, 1, y, value, Role::Plain);
            let count = number::thousands(*count as i128);
            pen.right(inner, y, &Line::piece(Role::Dim, format!("{count} ")));
            if at == self.list.cursor() {
                pen.highlight(inner, y, Role::Cursor);
            }
        }
    }
}

/// How often each value is there, the commonest first.
pub(crate) fn counted(values: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for value in values.filter(|value| !value.is_empty()) {
        *counts.entry(value).or_default() += 1;
    }
    let mut counted: Vec<(String, usize)> = counts.into_iter().collect();
    counted.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    counted.truncate(MOST);
    counted
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn values_are_counted_and_the_commonest_comes_first() {
        let values = ["put", "txn", "", "txn"].map(str::to_owned);
        let want = [("txn".to_owned(), 2), ("put".to_owned(), 1)];
        assert_eq!(counted(values.into_iter()), want);
    }
}
