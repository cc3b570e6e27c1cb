//! What was found so far: one finding for each cause, with a count and the first keys.

use crate::bolt::Db;
use crate::mvcc::Version;
use located::{FileName, Place};
use located::{Finding, Sink};

/// Keys that a finding names.
const KEYS: usize = 1000;

/// Findings so far, one for each code.
pub(super) struct Told {
    found: Vec<Finding>,
    file: FileName,
    page_size: u64,
}

impl Told {
    /// Nothing yet about that db.
    pub(super) fn new(db: &Db<'_>) -> Self {
        Self {
            found: Vec::new(),
            file: db.file().file().clone(),
            page_size: db.page_size(),
        }
    }

    /// Adds an occurrence.
    pub(super) fn add(&mut self, finding: Finding) {
        let Some(known) = self
            .found
            .iter_mut()
            .find(|known| std::ptr::eq(known.code, finding.code))
        else {
            self.found.push(finding);
            return;
        };
        known.count = known.count.saturating_add(finding.count);
        for key in finding.keys {
            if known.keys.len() < KEYS && !known.keys.contains(&key) {
                known.keys.push(key);
            }
        }
    }

    /// Nothing yet, about the same db.
    pub(super) fn empty(&self) -> Self {
        Self {
            found: Vec::new(),
            file: self.file.clone(),
            page_size: self.page_size,
        }
    }

    /// Adds all that another was told.
    pub(super) fn extend(&mut self, other: Self) {
        other
            .found
            .into_iter()
            .for_each(|finding| self.add(finding));
    }

    /// The db.
    pub(super) fn db_place(&self) -> Place {
        Place::file(&self.file)
    }

    /// Where a record lies in the db.
    pub(super) fn place_of(&self, version: &Version<'_>) -> Place {
        let Some(offset) = version.offset else {
            return Place::file(&self.file);
        };
        let place = Place::at(&self.file, offset);
        match offset.checked_div(self.page_size) {
            Some(page) => place.on_page(page),
            None => place,
        }
    }

    /// Gives everything away.
    pub(super) fn tell(self, report: &mut Sink<'_>) {
        for mut finding in self.found {
            if finding.count > 1 {
                finding.message = format!(
                    "{} (and {} more)",
                    finding.message,
                    finding.count.saturating_sub(1)
                );
            }
            report(finding);
        }
    }
}
