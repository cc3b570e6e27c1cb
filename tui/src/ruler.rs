//! The one time axis of all screens: from the oldest retained revision to the newest.

use jiff::Timestamp;

/// The revision of the history that all screens show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruler {
    /// Oldest revision that can be asked about.
    pub first: i64,
    /// Newest one.
    pub last: i64,
    at: Option<i64>,
    /// Revisions of the key that has the focus: main revision, and whether the key was deleted there.
    pub marks: Vec<(i64, bool)>,
    /// Newest time in the data at a revision.
    pub time: Option<(i64, Option<Timestamp>)>,
}

impl Ruler {
    /// The revision: `None` is the newest.
    pub fn at(&self) -> Option<i64> {
        self.at
    }

    /// The revision as a number.
    pub fn revision(&self) -> i64 {
        self.at.unwrap_or(self.last)
    }

    /// Whether it is in the past.
    pub fn is_past(&self) -> bool {
        self.at.is_some()
    }

    /// Moves; what is outside becomes the nearest end, and the newest revision is always "latest".
    pub(crate) fn go(&mut self, revision: Option<i64>) {
        self.at = revision
            .filter(|at| *at < self.last)
            .map(|at| at.max(self.first));
    }

    /// Learns how far it reaches.
    pub(crate) fn reach(&mut self, first: i64, last: i64) {
        (self.first, self.last) = (first.min(last), last);
        self.go(self.at);
    }

    /// The cell of a ruler of `width` cells that a revision falls into.
    pub(crate) fn cell(&self, revision: i64, width: u16) -> u16 {
        let span = i128::from(self.last) - i128::from(self.first);
        let offset = i128::from(revision) - i128::from(self.first);
        if span <= 0 || width < 2 {
            return width.saturating_sub(1);
        }
        let cell = offset.clamp(0, span) * i128::from(width - 1) / span;
        u16::try_from(cell).unwrap_or(width - 1)
    }

    /// The revision that a cell stands for.
    pub(crate) fn of_cell(&self, cell: u16, width: u16) -> i64 {
        let span = i128::from(self.last) - i128::from(self.first);
        let last_cell = i128::from(width.saturating_sub(1)).max(1);
        let at = i128::from(self.first) + span * i128::from(cell).min(last_cell) / last_cell;
        i64::try_from(at).unwrap_or(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_revision_is_latest_and_what_is_compacted_is_not_reached() {
        let mut ruler = Ruler::default();
        ruler.reach(100, 200);
        ruler.go(Some(150));
        assert_eq!((ruler.at(), ruler.revision()), (Some(150), 150));
        ruler.go(Some(7));
        assert_eq!(ruler.at(), Some(100));
        ruler.go(Some(200));
        assert_eq!((ruler.at(), ruler.revision()), (None, 200));
    }

    #[test]
    fn cells_and_revisions_fit_each_other_even_at_the_ends_of_the_numbers() {
        let mut ruler = Ruler::default();
        ruler.reach(0, i64::MAX);
        assert_eq!(ruler.cell(i64::MAX, 80), 79);
        assert_eq!(ruler.of_cell(79, 80), i64::MAX);
        assert_eq!(ruler.cell(-5, 80), 0);
        ruler.reach(5, 5);
        assert_eq!((ruler.cell(5, 0), ruler.of_cell(3, 1)), (0, 5));
    }
}
