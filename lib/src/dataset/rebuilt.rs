//! A keyspace whose db cannot be read, rebuilt from what the log and carved records still have of it.

use std::sync::Arc;

use super::indexed::NOTHING;
use super::{Dataset, IndexedKeyspace};
use crate::answers::log_alone::log_reach;
use crate::check::{Logged, logged_beside};
use crate::member::Origin;
use crate::mvcc::{Compaction, Keyspace, Revision};
use crate::salvage::carve::{Past, PastSource, carve};
use located::progress::Progress;
use located::{FileName, RaftIndex};

/// What answers instead of a db.
#[derive(Debug)]
pub struct Rebuilt {
    past: Past<'static>,
    logged: Option<Logged>,
    /// Why the db does not answer.
    pub why: String,
    /// How far the log reaches, in a sentence; `None` without a log.
    pub reach: Option<String>,
    /// First and last revision that only the log has.
    pub revisions: Option<(i64, i64)>,
    /// Versions that only carved records have: nothing verifies them.
    pub carved: usize,
    /// Whether no revision is known: those that are shown are indexes of raft entries.
    pub by_index: bool,
}

/// Where a version of a rebuilt keyspace is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuiltOrigin {
    /// `W` for the log, `C` for carved records.
    pub letter: char,
    /// The source.
    pub origin: Origin,
    /// The place in words.
    pub text: String,
    /// The entry of the log.
    pub entry: Option<RaftIndex>,
    /// Page and offset in the db file.
    pub page: Option<(u64, u64)>,
}

impl Rebuilt {
    /// Every version that was found.
    pub(super) fn keyspace(&self) -> Keyspace<'_> {
        match (&self.logged, self.by_index) {
            (Some(logged), true) => logged.unplaced(),
            _ => self.past.keyspace(),
        }
    }

    /// Where the version of a revision is from.
    pub fn origin(&self, revision: Revision) -> RebuiltOrigin {
        if self.by_index {
            return of_entry(u64::try_from(revision.main).ok().map(RaftIndex));
        }
        match self.past.source(revision) {
            PastSource::Carved(origin, place) => RebuiltOrigin {
                letter: 'C',
                origin: Origin::Carved(origin.as_str()),
                text: format!("{}: {place}, unverified", origin.as_str()),
                entry: place.index,
                page: place.page.zip(place.offset),
            },
            PastSource::Wal(index) => of_entry(index),
            PastSource::Db => of_entry(None),
        }
    }
}

fn of_entry(entry: Option<RaftIndex>) -> RebuiltOrigin {
    RebuiltOrigin {
        letter: 'W',
        origin: Origin::Wal(entry),
        text: match entry {
            Some(index) => format!("entry {index} of the log"),
            None => "the log".to_owned(),
        },
        entry,
        page: None,
    }
}

impl Dataset {
    /// The keyspace as far as log and carved records have it: for a db that cannot be read, for the reason `why`. `None` if they have
    /// nothing.
    pub fn rebuilt(&self, why: String, progress: &dyn Progress) -> Option<IndexedKeyspace> {
        let member = self.member();
        let nothing = NOTHING.keyspace();
        let logged = logged_beside(&nothing, member, progress);
        let reach = logged.as_ref().and_then(|logged| log_reach(member, logged));
        let carvings = carve(member, progress);
        let past = Past::new(&nothing, logged.as_ref(), &carvings);
        drop(carvings);
        let is_empty = past.keyspace().newest_revision().is_none();
        let mut rebuilt = Rebuilt {
            why,
            reach: reach.map(|reach| reach.text),
            revisions: past.logged(),
            carved: past.carved(),
            by_index: is_empty,
            past,
            logged,
        };
        rebuilt.keyspace().newest_revision()?;
        rebuilt.why = rebuilt.why.lines().next().unwrap_or_default().to_owned();
        let file = member.db_file().map(|file| file.name().clone());
        let file = file.unwrap_or_else(|_| FileName::new("the log"));
        Some(self.index_rebuilt(Arc::new(rebuilt), Compaction::default(), file))
    }
}
