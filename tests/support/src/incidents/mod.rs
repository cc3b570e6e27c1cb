//! Failures from the field, reproduced: every case of the reference's table that can be made offline from a real member, as
//! a recipe over a private copy of a healthy fixture.
//!
//! `reaction` and `starts` are what real etcd 3.5.30 did with the reference's own directories; on other directories of the
//! same kind details may differ, and the parity tests ask a real etcd.

mod db;
mod dir;
mod logic;
mod snap;
mod wal;

use std::path::Path;

use crate::{Copy, fixture_copy};

/// What happened to real etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// It serves, and takes writes.
    Yes,
    /// It serves reads; every write times out.
    WritesBlocked,
    /// It runs and never serves.
    Hangs,
    /// It exits.
    No,
}

/// One reproduction.
#[derive(Clone, Copy)]
pub struct Incident {
    /// Case id of the reference: `W07`, `D36` …
    pub id: &'static str,
    /// Class of the reference: `WAL-TORN-TAIL` …
    pub class: &'static str,
    /// What real etcd 3.5.30 did: `REFUSES`, `SILENT-WRONG-DATA` …
    pub reaction: &'static str,
    /// Whether it started.
    pub starts: Starts,
    /// Fixture that the recipe is made for.
    pub base: &'static str,
    /// What is done.
    pub what: &'static str,
    /// Damages a data directory (the folder that holds `member/`).
    pub apply: fn(&Path),
}

impl Incident {
    /// A fresh private copy of the base, damaged. The data directory is [`Copy::data_dir`].
    #[must_use]
    pub fn reproduce(&self) -> Copy {
        let copy = fixture_copy(self.base);
        (self.apply)(&copy.data_dir());
        copy
    }
}

/// A member stopped cleanly: the db is level with the WAL.
pub const CLEAN: &str = "etcd-3.5.30";
/// A member killed: the db lags behind the WAL by 128 entries.
pub const KILLED: &str = "lagging-3.5.30";

/// Every reproduction, in the order of the reference.
#[must_use]
pub fn all() -> Vec<Incident> {
    [
        dir::CONTROLS,
        wal::CASES,
        snap::CASES,
        db::CASES,
        logic::CASES,
        dir::CASES,
    ]
    .concat()
}

/// The reproduction of an id.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn incident(id: &str) -> Incident {
    all()
        .into_iter()
        .find(|incident| incident.id == id)
        .unwrap_or_else(|| panic!("no incident {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seal;

    #[test]
    fn every_recipe_applies_to_its_base_and_changes_it_unless_it_is_a_control() {
        for incident in all() {
            let copy = fixture_copy(incident.base);
            let before = format!("{:?}", Seal::read(&copy.data_dir()));
            (incident.apply)(&copy.data_dir());
            let after = format!("{:?}", Seal::read(&copy.data_dir()));
            assert_eq!(
                before == after,
                incident.class == "CONTROL" && incident.id != "C02",
                "{}",
                incident.id
            );
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = all().iter().map(|incident| incident.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
