//! Which of many rows a filter leaves: the first ones at once, the others beside the loop.

use std::any::Any;
use std::rc::Rc;

use super::needle::Needle;
use crate::job::{JobId, Monitor};
use crate::screen::ScreenId;
use crate::session::Session;

/// Rows that are looked at before anything is drawn; the others follow from a job.
const AT_ONCE: usize = 5_000;
/// Rows between two parts of a job's answer.
const PART: usize = 50_000;

/// A filter over rows that are known by their numbers.
#[derive(Debug, Default)]
pub struct Sieve {
    text: String,
    found: Option<Rc<Vec<u32>>>,
    job: Option<JobId>,
}

/// Rows that a part of the job has found.
struct SieveRows(Vec<u32>);

impl Sieve {
    /// Its text; empty: everything is shown.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether rows are left out.
    pub fn is_on(&self) -> bool {
        self.found.is_some()
    }

    /// Whether all rows are left out.
    pub fn is_without_row(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.is_empty())
    }

    /// Whether more may be found.
    pub fn is_looking(&self) -> bool {
        self.job.is_some()
    }

    /// How many of `rows` are shown.
    pub fn len(&self, rows: usize) -> usize {
        self.found.as_ref().map_or(rows, |found| found.len())
    }

    /// The number of the row that is shown at a place.
    pub fn row(&self, place: usize) -> Option<usize> {
        match &self.found {
            Some(found) => found.get(place).map(|row| *row as usize),
            None => Some(place),
        }
    }

    /// The place at which a row is shown; `None`: it is left out.
    pub fn place(&self, row: usize) -> Option<usize> {
        match &self.found {
            Some(found) => {
                let row = u32::try_from(row).ok()?;
                found.binary_search(&row).ok()
            }
            None => Some(row),
        }
    }

    /// Shows the rows whose line a text leaves; `line` gives that of a row.
    pub fn set(
        &mut self,
        text: &str,
        rows: usize,
        line: impl Fn(usize) -> String + Send + 'static,
        screen: ScreenId,
        session: &mut Session,
    ) {
        self.clear(session);
        text.clone_into(&mut self.text);
        let Some(mut needle) = Needle::new(text) else {
            return;
        };
        let mut among = move |from: usize, to: usize| -> Vec<u32> {
            (from..to)
                .filter(|row| needle.keeps(line(*row).as_bytes()))
                .filter_map(|row| u32::try_from(row).ok())
                .collect()
        };
        self.found = Some(Rc::new(among(0, rows.min(AT_ONCE))));
        if rows <= AT_ONCE {
            return;
        }
        let work = move |monitor: &Monitor| {
            let mut from = AT_ONCE;
            while from < rows && !monitor.is_cancelled() {
                let to = from.saturating_add(PART).min(rows);
                monitor.send(SieveRows(among(from, to)));
                from = to;
            }
            SieveRows(Vec::new())
        };
        self.job = Some(session.spawn(screen, "filter", work));
    }

    /// Shows all rows.
    pub fn clear(&mut self, session: &mut Session) {
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.text.clear();
        self.found = None;
    }

    /// Takes what its job gives; `false`: this is the answer of another one.
    pub fn answer(&mut self, job: JobId, value: &dyn Any, last: bool) -> bool {
        let Some(SieveRows(rows)) = value.downcast_ref::<SieveRows>() else {
            return false;
        };
        if self.job == Some(job) {
            if let Some(found) = &mut self.found {
                Rc::make_mut(found).extend(rows);
            }
            self.job = self.job.filter(|_| !last);
        }
        true
    }
}
