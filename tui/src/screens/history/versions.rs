//! The versions of a key and what each tells, newest first; many of them are read beside the loop.

use std::any::Any;
use std::sync::Arc;

use etcd_inspect::Place;
use etcd_inspect::RaftIndex;
use etcd_inspect::answers::WrittenVersion;
use etcd_inspect::answers::audit::Audited;
use etcd_inspect::answers::clocks::clock_near;
use etcd_inspect::answers::history::is_placed;
use etcd_inspect::check::Logged;
use etcd_inspect::clock::WriteTime;
use etcd_inspect::dataset::{CarvedVersions, all_versions};
use etcd_inspect::kubernetes::changed::Change;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::{Origin, describe_versions};
use etcd_inspect::text::number;

use crate::job::{JobId, Monitor};
use crate::screen::ScreenId;
use crate::session::{Data, Session};
use crate::target::Target;

/// Versions that are read at once, without a job.
const AT_ONCE: usize = 60;
/// Changed fields that a row names.
const SHOWN: usize = 4;
/// Lines around a change that the library is asked for: all, so that any two versions can be compared.
const ALL: Option<usize> = None;

/// The text of a put that keeps a value of which nothing is known.
const VALUE_KEPT: &str = "(unknown: the put keeps the value that the key had)\n";

/// One version.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) origin: Origin,
    pub(super) version: WrittenVersion,
    pub(super) who: String,
    pub(super) when: Option<WriteTime>,
    /// Where it was carved.
    pub(super) place: Option<Place>,
    /// Its position among all versions, oldest first.
    order: usize,
    pub(super) changed: String,
    /// Whether nothing but status changed.
    pub(super) is_status: bool,
    /// What a difference is shown of.
    pub(super) text: String,
}

impl Known {
    /// Whether its revision is known.
    pub(super) fn is_placed(&self) -> bool {
        !matches!(self.origin, Origin::Unplaced { .. })
    }

    /// The log entry that made it, where the version itself says so.
    pub(super) fn entry(&self) -> Option<RaftIndex> {
        match self.origin {
            Origin::Wal(index) => index,
            Origin::Unplaced { index, .. } => Some(index),
            Origin::Db | Origin::Carved(_) => None,
        }
    }

    /// Its source as the list has it: `db`, `W` for the log, `C` for carved records.
    pub(super) fn letter(&self) -> &'static str {
        match self.origin {
            Origin::Db => "db",
            Origin::Wal(_) | Origin::Unplaced { .. } => "W",
            Origin::Carved(_) => "C",
        }
    }

    /// What it does, with a question mark if it may not have happened.
    pub(super) fn op(&self) -> &'static str {
        let is_doubtful = match self.origin {
            Origin::Carved(_) => true,
            Origin::Unplaced { conditional, .. } => conditional,
            Origin::Db | Origin::Wal(_) => false,
        };
        match (self.version.tombstone, is_doubtful) {
            (false, false) => "PUT",
            (false, true) => "PUT?",
            (true, false) => "DELETE",
            (true, true) => "DELETE?",
        }
    }

    /// `1,202,270`, or the log entry where that is all one knows.
    pub(super) fn revision(&self) -> String {
        match self.origin {
            Origin::Unplaced { index, .. } => format!("entry {index}"),
            _ => number::thousands(self.version.revision.main.into()),
        }
    }

    /// The key's version number; 0 in the log where it is not known.
    pub(super) fn counted(&self) -> String {
        let number = self.version.key_value().map_or(0, |value| value.version);
        if self.version.tombstone {
            String::new()
        } else if number == 0 {
            "?".to_owned()
        } else {
            number.to_string()
        }
    }

    /// What the filter looks at.
    pub(super) fn line(&self) -> String {
        let (letter, op) = (self.letter(), self.op());
        let main = self.version.revision.main;
        format!("{letter} {main} {op} {} {}", self.who, self.changed)
    }

    /// The page that stores it.
    pub(super) fn page(&self, session: &Session) -> Result<Target, String> {
        if let Some(place) = &self.place {
            let found = place.page.zip(place.offset);
            let (id, offset) = found.ok_or_else(|| format!("it was carved from {place}"))?;
            let offset = Some(offset);
            return Ok(Target::Page { id, offset });
        }
        let db = session.member().and_then(|member| member.db().ok());
        match (self.version.offset, db) {
            (Some(offset), Some(db)) => Ok(Target::Page {
                id: offset.checked_div(db.page_size()).unwrap_or(0),
                offset: Some(offset),
            }),
            _ => Err("this version is not in the db file".to_owned()),
        }
    }

    /// What titles call it.
    pub(super) fn number(&self) -> String {
        match self.counted().as_str() {
            "" | "?" => self.revision(),
            number => format!("v{number}"),
        }
    }
}

/// What the versions depend on beside key and data.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    pub(super) logged: Option<Arc<Logged>>,
    pub(super) carved: Option<Arc<CarvedVersions>>,
    pub(super) audited: Option<Arc<Audited>>,
    pub(super) revealed: bool,
}

/// The versions of a key.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) key: Vec<u8>,
    /// Those that are shown.
    pub(super) rows: Vec<Known>,
    /// Those that are not.
    folded: Vec<Known>,
    pub(super) generation: u64,
    of: Option<(usize, [bool; 4])>,
    job: Option<JobId>,
}

struct Read {
    rows: Vec<Known>,
}

impl Versions {
    /// Whether more is coming.
    pub(super) fn is_reading(&self) -> bool {
        self.job.is_some()
    }

    /// Reads the versions of a key where they are not those already; whether that was so.
    pub(super) fn read(
        &mut self,
        data: &Arc<Data>,
        key: &[u8],
        telling: Telling,
        session: &mut Session,
    ) -> bool {
        let of = (
            Arc::as_ptr(data).addr(),
            [
                telling.logged.is_some(),
                telling.carved.is_some(),
                telling.audited.is_some(),
                telling.revealed,
            ],
        );
        if self.key == key && self.of == Some(of) {
            return false;
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        if self.key != key {
            self.rows.clear();
        }
        self.folded.clear();
        key.clone_into(&mut self.key);
        self.of = Some(of);
        self.generation += 1;
        let mask = session.mask(key).cloned();
        let (logged, carved) = (telling.logged.as_deref(), telling.carved.as_deref());
        let found = all_versions(key, &data.keyspace(), data.rebuilt(), logged, carved);
        if found.len() <= AT_ONCE {
            self.rows = tell(data, key, &telling, mask.as_ref());
            return true;
        }
        let (data, key) = (Arc::clone(data), key.to_vec());
        let work = move |_: &Monitor| Read {
            rows: tell(&data, &key, &telling, mask.as_ref()),
        };
        self.job = Some(session.spawn(ScreenId::History, "versions", work));
        true
    }

    /// Takes what its job gives; whether it was of this key.
    pub(super) fn answer(&mut self, job: JobId, value: Box<dyn Any + Send>) -> bool {
        let Ok(read) = value.downcast::<Read>() else {
            return false;
        };
        // An older question is not answered any more.
        let current = self.job == Some(job);
        if current {
            self.job = None;
            self.rows = read.rows;
            self.folded.clear();
            self.generation += 1;
        }
        current
    }
}

impl Versions {
    /// Folds away versions that change nothing but status, or shows all.
    pub(super) fn fold(&mut self, spec_only: bool) {
        let mut all = std::mem::take(&mut self.rows);
        all.append(&mut self.folded);
        // Newest first.
        all.sort_by_key(|known| std::cmp::Reverse(known.order));
        let (folded, rows) = all
            .into_iter()
            .partition(|known| spec_only && known.is_status);
        (self.rows, self.folded) = (rows, folded);
        self.generation += 1;
    }

    /// How many are folded away.
    pub(super) fn hidden(&self) -> usize {
        self.folded.len()
    }
}

/// Whether a version changes fields, and nothing but those that controllers and etcd write.
fn is_status(changes: &[Change], tombstone: bool, is_first: bool) -> bool {
    let of_status = |change: &Change| {
        let path = change.path.as_str();
        path == "status"
            || path.starts_with("status.")
            || path.starts_with("status[")
            || path == "metadata.generation"
    };
    !tombstone && !is_first && changes.iter().all(of_status)
}

fn tell(data: &Data, key: &[u8], telling: &Telling, mask: Option<&Mask>) -> Vec<Known> {
    let (objects, logged) = (data.objects(), telling.logged.as_deref());
    let (carved, audited) = (telling.carved.as_deref(), telling.audited.as_deref());
    let found = all_versions(key, &data.keyspace(), data.rebuilt(), logged, carved);
    let placed = found.iter().filter(|(origin, _)| is_placed(*origin));
    let clock = clock_near(
        &objects,
        logged,
        placed.map(|(_, version)| version.revision.main),
        audited,
    );
    let described = describe_versions(&objects, found.into_iter(), &clock, mask, ALL);
    let mut rows: Vec<Known> = described
        .into_iter()
        .enumerate()
        .map(|(order, described)| Known {
            order,
            place: match (described.origin, &telling.carved) {
                (Origin::Carved(_), Some(carved)) => {
                    carved.place(described.version.revision).cloned()
                }
                _ => None,
            },
            origin: described.origin,
            who: audited
                .filter(|_| is_placed(described.origin))
                .and_then(|audited| audited.brief(described.version.revision.main))
                .or_else(|| described.writer.map(|writer| writer.shown()))
                .unwrap_or_default(),
            when: described.time,
            is_status: is_status(
                &described.changed,
                described.version.tombstone,
                described
                    .version
                    .key_value()
                    .map_or(true, |value| value.version <= 1),
            ),
            changed: changed(&described.changed, described.version.tombstone),
            text: match described.origin.has_value() {
                true => etcd_inspect::member::comparable(&objects, &described.version, mask),
                false => VALUE_KEPT.to_owned(),
            },
            version: WrittenVersion::from(&described.version),
        })
        .collect();
    rows.reverse();
    rows
}

fn changed(changes: &[Change], tombstone: bool) -> String {
    if tombstone {
        return "whole object".to_owned();
    }
    // What people write says more than what controllers answer.
    let rank = |change: &&Change| match change.path.split('.').next() {
        Some("metadata") => 1,
        Some("status") => 2,
        _ => 0,
    };
    let mut ranked: Vec<&Change> = changes.iter().collect();
    ranked.sort_by_key(rank);
    let mut text: Vec<String> = ranked
        .into_iter()
        .take(SHOWN)
        .map(Change::summary)
        .collect();
    if changes.len() > SHOWN {
        text.push(format!("… {} more", changes.len() - SHOWN));
    }
    text.join(", ")
}
