//! `search`: where a pattern is found.

use std::collections::{HashMap, HashSet};

use super::{Cell, Column, Label, Row};
use crate::Place;
use crate::check::Logged;
use crate::kubernetes::mask::Mask;
use crate::member::{Hit, Objects, Pattern, Places};
use crate::mvcc::{KeyRange, Revision, Version};
use crate::salvage::carve::{CarveOrigin, CarveState, Carved, Carvings};

static COLUMNS: [Column; 8] = [
    Column::left("WHERE", "where"),
    Column::right("REV", "revision"),
    Column::right("FIRST REV", "first_revision").wide(),
    Column::right("VERSIONS", "versions"),
    Column::left("KEY", "key"),
    Column::left("FIELD", "field"),
    Column::left("MATCH", "match"),
    Column::json("live"),
];

/// The columns; with those of carved records if they are searched too.
pub fn columns(carved: bool) -> Vec<Column> {
    let of_carved = [
        Column::left("STATE", "state"),
        Column::left("PLACE", "place"),
    ];
    let of_carved = of_carved.into_iter().filter(|_| carved);
    COLUMNS.iter().cloned().chain(of_carved).collect()
}

/// Where a hit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HitStore {
    /// In the db.
    Db,
    /// Only in the WAL, with a known revision.
    Wal,
    /// Only in the WAL: of its write only the raft index is known, which is in place of the revision.
    Unplaced,
    /// Carved: where, what it is to the store, and its place. Of an entry of unknown revision the raft index is in its place.
    Carved {
        /// Where it was found.
        origin: CarveOrigin,
        /// What it is to the store.
        state: CarveState,
        /// Its place.
        place: Place,
        /// Whether its revision is known.
        is_placed: bool,
    },
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
        let place = match (&hit.field, hit.live, &self.store) {
            (_, _, HitStore::Wal | HitStore::Unplaced) => "wal",
            (_, _, HitStore::Carved { origin, .. }) => origin.as_str(),
            (None, true, _) => "key",
            (None, false, _) => "deleted key",
            (Some(_), true, _) => "live",
            (Some(_), false, _) => "history",
        };
        let revision = |revision: i64| match self.store {
            HitStore::Carved {
                is_placed: false, ..
            } if revision == 0 => Cell::shown("-", serde_json::Value::Null),
            HitStore::Unplaced
            | HitStore::Carved {
                is_placed: false, ..
            } => Cell::shown(format!("(entry {revision})"), serde_json::Value::Null),
            _ => Cell::number(revision),
        };
        let field = hit.field.as_deref().filter(|field| !field.is_empty());
        let of_carved = match &self.store {
            HitStore::Carved { state, place, .. } => {
                [Cell::text(state.as_str()), Cell::text(place.to_string())]
            }
            _ => [Cell::unknown(), Cell::unknown()],
        };
        let cells = vec![
            Cell::text(place).label(Label::Dim),
            revision(hit.revision),
            revision(hit.first_revision),
            Cell::number(hit.versions),
            Cell::key(hit.key.as_slice()).label(Label::Name),
            field.map(Cell::text).unwrap_or_default(),
            Cell::text(hit.text.as_str()),
            Cell::flag(hit.live && self.store == HitStore::Db),
        ];
        cells.into_iter().chain(of_carved).collect()
    }
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Search<'q, 'a> {
    /// The db.
    pub objects: &'q Objects<'a>,
    /// What only the WAL has, if it is to be searched too.
    pub logged: Option<&'q Logged>,
    /// What no tree and no log has any more, if it is to be searched too.
    pub carvings: Option<&'q Carvings<'a>>,
    /// Whether the db cannot be read: then copies of its records are searched in its place.
    pub is_unreadable: bool,
    /// The pattern.
    pub pattern: &'q Pattern,
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
        if self.is_unreadable {
            // What stands for the db is what was carved: each record of it is searched on its own.
        } else if places.keys || places.values || places.history {
            self.objects
                .search(self.pattern, self.range, places, self.mask, &mut |hit| {
                    going = each(SearchRow {
                        hit,
                        store: HitStore::Db,
                    });
                    going
                });
        }
        if going && let Some(logged) = self.logged {
            going = self.each_logged(logged, each);
        }
        if going && let Some(carvings) = self.carvings {
            self.each_carved(carvings, each);
        }
    }

    /// What only the WAL has; `false` if that was stopped.
    fn each_logged(&self, logged: &Logged, each: &mut dyn FnMut(SearchRow) -> bool) -> bool {
        let mut going = true;
        for (keyspace, store) in [
            (logged.keyspace(), HitStore::Wal),
            (logged.unplaced(), HitStore::Unplaced),
        ] {
            if !going {
                break;
            }
            let until = self.places.until.filter(|_| store == HitStore::Wal);
            let everything = Places {
                keys: true,
                values: true,
                history: true,
                until,
            };
            let places = match self.is_unreadable {
                // The log stands for the db.
                true => Places {
                    until,
                    ..self.places
                },
                false => everything,
            };
            let objects = self.objects.over(keyspace);
            let mut known: Option<KeyValues<'_>> = None;
            objects.search(self.pattern, self.range, places, self.mask, &mut |hit| {
                if store == HitStore::Unplaced {
                    // Hits of one key follow each other.
                    if known.as_ref().is_none_or(|known| known.key != hit.key) {
                        known = Some(self.values_of(logged, &hit.key));
                    }
                    let is_left_out = known.as_ref().is_some_and(|known| {
                        known.is_of_unknown_value(logged, &hit)
                            || !self.is_unreadable && known.is_stored(&hit)
                    });
                    if is_left_out {
                        return true;
                    }
                }
                let store = store.clone();
                going = each(SearchRow { hit, store });
                going
            });
        }
        going
    }

    /// What log and db have of a key.
    fn values_of<'k>(&'k self, logged: &'k Logged, key: &[u8]) -> KeyValues<'k> {
        let mut entries: HashMap<i64, Vec<Version<'k>>> = HashMap::new();
        for version in logged.unplaced().records_of(key).iter() {
            entries
                .entry(version.revision.main)
                .or_default()
                .push(version);
        }
        let stored = self.objects.keyspace().records_of(key);
        let puts = stored.iter().filter(|version| !version.tombstone);
        KeyValues {
            key: key.to_vec(),
            entries,
            stored: puts.map(|version| value_of(&version)).collect(),
            has_records: !stored.is_empty(),
        }
    }

    /// Carved records, each on its own: copies of what the db has are not searched again.
    fn each_carved(&self, carvings: &Carvings<'_>, each: &mut dyn FnMut(SearchRow) -> bool) {
        let keyspace = self.objects.keyspace();
        let is_copy = |carved: &Carved<'_>| {
            carved.revision.is_some_and(|revision| {
                let mut here = keyspace.between(revision.main..=revision.main);
                here.any(|of_db| of_db.revision == revision && of_db.message == carved.message)
            })
        };
        // Without db and log the carved records themselves are the keyspace.
        let has_other_sources = !self.is_unreadable || self.logged.is_some();
        for carved in carvings.iter() {
            if (has_other_sources && is_copy(&carved)) || !self.range.contains(carved.key) {
                continue;
            }
            let entry = carved
                .index
                .and_then(|index| i64::try_from(index.get()).ok());
            let in_place_of_revision = Revision::new(entry.unwrap_or(0), 0);
            let version = Version {
                key: carved.key,
                revision: carved.revision.unwrap_or(in_place_of_revision),
                tombstone: carved.tombstone,
                offset: None,
                stored_bytes: carved.message.len() as u64,
                message: carved.message,
            };
            let places = Places {
                until: self.places.until.filter(|_| carved.revision.is_some()),
                ..self.places
            };
            let hits = self
                .objects
                .search_version(&version, self.pattern, places, self.mask);
            for hit in hits {
                let store = HitStore::Carved {
                    origin: carved.origin,
                    state: carved.state,
                    place: carved.place.clone(),
                    is_placed: carved.revision.is_some(),
                };
                if !each(SearchRow { hit, store }) {
                    return;
                }
            }
        }
    }
}

/// Writes of unknown revision of one key, and the values of it that the db has: found once for all hits of the key.
struct KeyValues<'k> {
    key: Vec<u8>,
    /// By raft index.
    entries: HashMap<i64, Vec<Version<'k>>>,
    stored: HashSet<Option<&'k [u8]>>,
    has_records: bool,
}

impl KeyValues<'_> {
    /// Whether the db has what was found.
    fn is_stored(&self, hit: &Hit) -> bool {
        let entries = self.entries.get(&hit.revision);
        let mut puts = entries
            .into_iter()
            .flatten()
            .filter(|version| !version.tombstone);
        match hit.field {
            None => self.has_records,
            Some(_) => puts.any(|version| self.stored.contains(&value_of(version))),
        }
    }

    /// Whether a pattern that matches nothing at all was found in a value which is not known.
    fn is_of_unknown_value(&self, logged: &Logged, hit: &Hit) -> bool {
        let entries = self.entries.get(&hit.revision);
        let mut entries = entries.into_iter().flatten();
        hit.field.is_some() && entries.all(|version| logged.keeps_value(version.revision))
    }
}

fn value_of<'k>(version: &Version<'k>) -> Option<&'k [u8]> {
    version.key_value().ok().map(|kv| kv.value)
}
