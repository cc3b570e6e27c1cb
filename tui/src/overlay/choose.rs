//! Values of a column, to choose one of: the rows that have it are shown then.

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent};
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
    /// Columns to order rows by, not values to filter by.
    is_order: bool,
    /// Columns that have no room on the screen.
    hidden: Vec<String>,
}

impl Choose {
    pub(crate) fn new(values: Vec<(String, usize)>) -> Self {
        let list = List::default();
        Self {
            values,
            list,
            is_order: false,
            hidden: Vec::new(),
        }
    }

    /// Columns to order rows by, each with whether it is shown.
    pub(crate) fn of_columns(columns: Vec<(String, bool)>) -> Self {
        let hidden = columns.iter().filter(|(_, is_shown)| !is_shown);
        Self {
            is_order: true,
            hidden: hidden.map(|(column, _)| column.clone()).collect(),
            ..Self::new(columns.into_iter().map(|(column, _)| (column, 0)).collect())
        }
    }

    /// Whether a column to order by is chosen.
    pub(crate) fn is_order(&self) -> bool {
        self.is_order
    }

    /// The column that the letter of a key means; keys of the cursor are none.
    pub(crate) fn with_letter(&self, key: &KeyEvent) -> Option<String> {
        let KeyCode::Char(letter) = key.code else {
            return None;
        };
        if !self.is_order || matches!(letter, 'j' | 'k' | 'g' | 'G') {
            return None;
        }
        let letter = letter.to_ascii_lowercase();
        let at = self.letters().iter().position(|own| *own == Some(letter))?;
        self.values.get(at).map(|(column, _)| column.clone())
    }

    /// A letter of its name for each column: the first that none before it has.
    fn letters(&self) -> Vec<Option<char>> {
        let mut taken = vec!['j', 'k', 'g'];
        let mut letters = Vec::new();
        for (column, _) in &self.values {
            let mut own = column.chars().map(|c| c.to_ascii_lowercase());
            let own = own.find(|c| c.is_ascii_lowercase() && !taken.contains(c));
            taken.extend(own);
            letters.push(own);
        }
        letters
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
        let title = match self.is_order {
            true => "order by · its letter, or ⏎; Esc",
            false => "only rows with · ⏎ Esc",
        };
        let title = Line::piece(Role::Heading, title);
        let inner = pen.frame(area, &title, true);
        let letters = self.letters();
        let of = self.values.len();
        for (y, at) in self.list.window(inner.height, self.values.len()) {
            let Some((value, count)) = self.values.get(at) else {
                continue;
            };
            let letter = letters.get(at).copied().flatten();
            let x = match letter.filter(|_| self.is_order) {
                Some(letter) => pen.put(inner, 1, y, &format!("{letter}  "), Role::Key),
                None => 1,
            };
            pen.put(inner, x, y, value, Role::Plain);
            if self.hidden.contains(value) {
                pen.right(inner, y, &Line::piece(Role::Dim, "no room: not shown "));
            }
            if !self.is_order {
                let count = number::thousands(*count as i128);
                pen.right(inner, y, &Line::piece(Role::Dim, format!("{count} ")));
            }
            if at == self.list.cursor() {
                pen.highlight(inner, y, Role::Cursor);
            }
        }
        pen.note_cut(inner, self.list.span(), of, &[]);
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
