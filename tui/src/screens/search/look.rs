//! Looking for a pattern beside the loop: in the db first, then in what only the log has.

use std::sync::Arc;

use etcd_inspect::RaftIndex;
use etcd_inspect::answers::KeyRange;
use etcd_inspect::check::Logged;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::{Hit, Pattern, Places};

use crate::job::Monitor;
use crate::session::Data;

/// Hits after which a search ends: who finds more must ask more precisely.
const MOST: usize = 20_000;
/// Hits between two parts of an answer.
const PART: usize = 64;

/// A hit, and where it is.
#[derive(Clone, Debug)]
pub(super) struct LocatedHit {
    pub(super) hit: Hit,
    pub(super) of: Origin,
}

/// Where a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A record of the db.
    Db,
    /// A write of the log whose revision is known; its raft index, where that is.
    Log(Option<RaftIndex>),
    /// A write of the log of which only the raft index is known.
    Unplaced(RaftIndex),
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchEnd {
    Whole,
    Stopped,
    Full,
}

/// Everything: keys, values, older versions.
const PLACES: Places = Places {
    keys: true,
    values: true,
    history: true,
    until: None,
};

/// Text or regex; letters match in either case unless one of them is a capital.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    let ignore_case = !text.chars().any(char::is_uppercase);
    let build = |pattern: &str| Pattern::new(pattern, ignore_case, Some(1 << 20));
    build(text)
        .or_else(|_| build(&regex::escape(text)))
        .map_err(|error| error.to_string())
}

/// Collects hits and tells them in parts, the first ones at once.
struct Reporter<'m> {
    monitor: &'m Monitor,
    count: usize,
    part: Vec<LocatedHit>,
}

impl Reporter<'_> {
    /// `false`: it is enough.
    fn report(&mut self, found: LocatedHit) -> bool {
        self.part.push(found);
        self.count += 1;
        if self.part.len() >= PART.min(self.count) {
            self.monitor.send(std::mem::take(&mut self.part));
        }
        self.count < MOST && !self.monitor.is_cancelled()
    }

    fn end(self) -> SearchEnd {
        self.monitor.send(self.part);
        match (self.monitor.is_cancelled(), self.count >= MOST) {
            (true, _) => SearchEnd::Stopped,
            (false, true) => SearchEnd::Full,
            (false, false) => SearchEnd::Whole,
        }
    }
}

/// Looks through the keyspace that is shown, the keys that were written last first.
pub(super) fn in_store(
    data: &Arc<Data>,
    pattern: &Pattern,
    mask: &Mask,
    monitor: &Monitor,
) -> SearchEnd {
    let mut reporter = Reporter {
        monitor,
        count: 0,
        part: Vec::new(),
    };
    let objects = data.objects();
    objects.search_newest_first(pattern, PLACES, Some(mask), monitor, &mut |hit| {
        let of = Origin::Db;
        reporter.report(LocatedHit { hit, of })
    });
    reporter.end()
}

/// Looks through the writes that only the log has.
pub(super) fn in_log(
    data: &Arc<Data>,
    logged: &Logged,
    pattern: &Pattern,
    mask: &Mask,
    monitor: &Monitor,
) -> SearchEnd {
    let mut reporter = Reporter {
        monitor,
        count: 0,
        part: Vec::new(),
    };
    let mut goes_on = true;
    data.objects().over(logged.keyspace()).search_newest_first(
        pattern,
        PLACES,
        Some(mask),
        monitor,
        &mut |hit| {
            // After a replay the store has it, and it was found there.
            let mut stored = data.keyspace().between(hit.revision..=hit.revision);
            if stored.any(|version| version.key == hit.key) {
                return true;
            }
            let of = Origin::Log(logged.index_of(hit.revision));
            goes_on = reporter.report(LocatedHit { hit, of });
            goes_on
        },
    );
    if goes_on {
        data.objects().over(logged.unplaced()).search_newest_first(
            pattern,
            PLACES,
            Some(mask),
            monitor,
            &mut |hit| {
                let of = Origin::Unplaced(RaftIndex(u64::try_from(hit.revision).unwrap_or(0)));
                reporter.report(LocatedHit { hit, of })
            },
        );
    }
    reporter.end()
}

/// Looks through one key, and shows what it finds.
pub(super) fn in_key(
    data: &Arc<Data>,
    logged: Option<&Logged>,
    pattern: &Pattern,
    key: &[u8],
    monitor: &Monitor,
) {
    let mut found = Vec::new();
    let range = KeyRange::key(key);
    match logged {
        None => data
            .objects()
            .search(pattern, &range, PLACES, None, &mut |hit| {
                found.push(LocatedHit {
                    hit,
                    of: Origin::Db,
                });
                true
            }),
        Some(logged) => {
            for keyspace in [logged.keyspace(), logged.unplaced()] {
                data.objects()
                    .over(keyspace)
                    .search(pattern, &range, PLACES, None, &mut |hit| {
                        found.push(LocatedHit {
                            hit,
                            of: Origin::Log(None),
                        });
                        true
                    });
            }
        }
    }
    monitor.send(found);
}
