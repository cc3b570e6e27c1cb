//! Versions that neither the trees of the db nor the log have any more, kept beside a dataset.

use super::indexed::NOTHING;
use super::{Dataset, Rebuilt};
use crate::check::{Logged, versions};
use crate::member::Origin;
use crate::mvcc::{Keyspace, Revision, Version};
use crate::salvage::carve::{Past, PastSource, carve};
use located::Place;
use located::progress::Progress;

/// What was carved: copies of records of known revision that neither db nor log have. Nothing verifies them.
#[derive(Debug)]
pub struct CarvedVersions {
    past: Past<'static>,
    /// Carved writes of which no revision is known: they are left out.
    pub unplaced: usize,
}

impl CarvedVersions {
    /// Number of versions.
    pub fn len(&self) -> usize {
        self.past.carved()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a version that was carved.
    pub fn place(&self, revision: Revision) -> Option<&Place> {
        match self.past.source(revision) {
            PastSource::Carved(_, place) => Some(place),
            PastSource::Db | PastSource::Wal(_) => None,
        }
    }

    fn origin(&self, revision: Revision) -> Option<Origin> {
        match self.past.source(revision) {
            PastSource::Carved(origin, _) => Some(Origin::Carved(origin.as_str())),
            PastSource::Db | PastSource::Wal(_) => None,
        }
    }
}

impl Dataset {
    /// Carves the member, and keeps what neither its db nor its log has. All files are read.
    pub fn carved(&self, logged: Option<&Logged>, progress: &dyn Progress) -> CarvedVersions {
        let member = self.member();
        let carvings = carve(member, progress);
        let db = member.readable_keyspace().ok();
        let log = logged.map(Logged::keyspace);
        let is_known = |revision: Revision| {
            let has = |keyspace: &Keyspace<'_>| {
                let mut of_main = keyspace.between(revision.main..=revision.main);
                of_main.any(|version| version.revision == revision)
            };
            db.as_ref().is_some_and(has) || log.as_ref().is_some_and(has)
        };
        let past = Past::of_carved(&NOTHING.keyspace(), &carvings, is_known);
        CarvedVersions {
            unplaced: past.unplaced,
            past,
        }
    }
}

/// Every version of a key that any source has, oldest first; those of unknown revision before all others. `rebuilt`: what answers
/// instead of a db that cannot be read, if `keyspace` is that.
pub fn all_versions<'v>(
    key: &[u8],
    keyspace: &Keyspace<'v>,
    rebuilt: Option<&Rebuilt>,
    logged: Option<&'v Logged>,
    carved: Option<&'v CarvedVersions>,
) -> Vec<(Origin, Version<'v>)> {
    let mut all = versions(key, keyspace, logged);
    if let Some(rebuilt) = rebuilt {
        for (origin, version) in &mut all {
            *origin = rebuilt.origin(version.revision).origin;
        }
    }
    let Some(carved) = carved else {
        return all;
    };
    let is_placed = |origin: &Origin| !matches!(origin, Origin::Unplaced { .. });
    let of_key = carved.past.keyspace().records_of(key);
    let new: Vec<_> = of_key
        .iter()
        .filter(|version| {
            let is_same = |(origin, known): &(Origin, Version<'_>)| {
                is_placed(origin) && known.revision == version.revision
            };
            !all.iter().any(is_same)
        })
        .filter_map(|version| Some((carved.origin(version.revision)?, version)))
        .collect();
    // Those of unknown revision stay where they are: before all others, or after them.
    for (origin, version) in new {
        let is_newer = |(origin, known): &(Origin, Version<'_>)| {
            is_placed(origin) && known.revision > version.revision
        };
        let last = all.iter().rposition(|(origin, _)| is_placed(origin));
        let end = last.map_or_else(
            || {
                all.iter()
                    .take_while(|(origin, _)| !is_placed(origin))
                    .count()
            },
            |last| last.saturating_add(1),
        );
        let at = all.iter().position(is_newer).unwrap_or(end);
        all.insert(at, (origin, version));
    }
    all
}
