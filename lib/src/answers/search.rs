//! `search`: where a pattern is found.

use regex::bytes::Regex;

use super::{Cell, Column, Label, Row};
use crate::check::Logged;
use crate::kubernetes::mask::Mask;
use crate::member::{Hit, Objects, Places};
use crate::mvcc::KeyRange;

/// Columns of hits.
pub static COLUMNS: [Column; 8] = [
    Column::left("WHERE", "where"),
    Column::right("REV", "revision"),
    Column::right("FIRST REV", "first_revision").wide(),
    Column::right("VERSIONS", "versions"),
    Column::left("KEY", "key"),
    Column::left("FIELD", "field"),
    Column::left("MATCH", "match"),
    Column::json("live"),
];

/// Where a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitStore {
    /// In the db.
    Db,
    /// Only in the WAL, with a known revision.
    Wal,
    /// Only in the WAL: of its write only the raft index is known, which is in place of the revision.
    Unplaced,
}

/// One hit.
#[derive(Clone, Debug)]
pub struct SearchRow {
    /// What was found.
    pub hit: Hit,
    /// Where.
    pub store: HitStore,
}

impl Row for SearchRow {
    fn cells(&self) -> Vec<Cell> {
        let hit = &self.hit;
        let place = match (&hit.field, hit.live, self.store) {
            (_, _, HitStore::Wal | HitStore::Unplaced) => "wal",
            (None, true, _) => "key",
            (None, false, _) => "deleted key",
            (Some(_), true, _) => "live",
            (Some(_), false, _) => "history",
        };
        let revision = |revision: i64| match self.store {
            HitStore::Unplaced => {
                Cell::shown(format!("(entry {revision})"), serde_json::Value::Null)
            }
            _ => Cell::number(revision),
        };
        let field = hit.field.as_deref().filter(|field| !field.is_empty());
        vec![
            Cell::text(place).label(Label::Dim),
            revision(hit.revision),
            revision(hit.first_revision),
            Cell::number(hit.versions),
            Cell::key(hit.key.as_slice()).label(Label::Name),
            field.map(Cell::text).unwrap_or_default(),
            Cell::text(hit.text.as_str()),
            Cell::flag(hit.live && self.store == HitStore::Db),
        ]
    }
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Search<'q, 'a> {
    /// The db.
    pub objects: &'q Objects<'a>,
    /// What only the WAL has, if it is to be searched too.
    pub logged: Option<&'q Logged>,
    /// The pattern.
    pub pattern: &'q Regex,
    /// Only keys of this range.
    pub range: &'q KeyRange,
    /// Keys, values, older versions, and until which revision.
    pub places: Places,
    /// Hides secrets in what is shown.
    pub mask: Option<&'q Mask>,
}

impl Search<'_, '_> {
    /// Finds; `each` is given every hit and returns `false` to stop.
    pub fn each(&self, each: &mut dyn FnMut(SearchRow) -> bool) {
        let places = self.places;
        let mut going = true;
        if places.keys || places.values || places.history {
            self.objects
                .search(self.pattern, self.range, places, self.mask, &mut |hit| {
                    going = each(SearchRow {
                        hit,
                        store: HitStore::Db,
                    });
                    going
                });
        }
        let Some(logged) = self.logged else { return };
        let rest = [
            (logged.keyspace(), HitStore::Wal),
            (logged.unplaced(), HitStore::Unplaced),
        ];
        for (keyspace, store) in rest {
            if !going {
                return;
            }
            let everything = Places {
                keys: true,
                values: true,
                history: true,
                until: places.until.filter(|_| store == HitStore::Wal),
            };
            let objects = self.objects.over(keyspace);
            objects.search(
                self.pattern,
                self.range,
                everything,
                self.mask,
                &mut |hit| {
                    if store == HitStore::Unplaced && is_of_unknown_value(logged, &hit) {
                        return true;
                    }
                    going = each(SearchRow { hit, store });
                    going
                },
            );
        }
    }
}

/// Whether a pattern that matches nothing at all was found in a value which is not known.
fn is_of_unknown_value(logged: &Logged, hit: &Hit) -> bool {
    let of_key = logged.unplaced().records_of(&hit.key);
    let mut of_entry = of_key
        .iter()
        .filter(|version| version.revision.main == hit.revision);
    hit.field.is_some() && of_entry.all(|version| logged.keeps_value(version.revision))
}
