//! Carving: records that no tree reaches, and entries that no start of etcd reads.
//!
//! bbolt copies on write and never wipes a page: what a commit replaced stays until the page is used again. A log keeps its old
//! segments, and what etcd cuts off it copies first. A record is believed if its key is a revision, its message decodes as etcd
//! encodes it and the numbers of both agree; an entry, if a checksum proves it or its form leaves no doubt, and the list says
//! which. Source: bbolt `node.go` (spill), `freelist.go`, v1.3.11; etcd `server/wal/repair.go`, v3.5.30.

mod geometry;
mod image;
mod log;
mod past;
mod piece;
mod revisions;
mod scan;
mod state;
mod v2;

use std::ops::Range;

use super::label::Provenance;
use super::record::{Body, KeyRecord, RecordSource};
use crate::Place;
use crate::evidence::{File, Role};
use crate::member::Member;
use crate::mvcc::{KeyValue, Overlay, Revision, Rules};
use crate::progress::Progress;
use crate::recover::Change;
use crate::wal::Proof;
use geometry::Geometry;
use located::RaftIndex;
pub use past::{Past, PastSource};
pub use piece::carve_piece;
pub use state::CarveState;
use state::ComparedStore;

/// Where a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarveOrigin {
    /// A page that no tree reaches.
    FreePage,
    /// A page of the tree that the other meta page shows: the commit before.
    OtherMeta,
    /// A page of the tree, in none of its elements.
    Slack,
    /// Above the high-water mark.
    Outside,
    /// A db, or a piece of one, in which no meta page can be followed.
    NoTree,
    /// A db that the leader sent and that did not replace the db.
    SnapDb,
    /// What an unfinished defragmentation left.
    TmpDb,
    /// A WAL segment that is older than the newest snapshot.
    OldSegment,
    /// A file that etcd copied before it cut the log.
    Broken,
    /// An entry that a newer leader replaced.
    Overwritten,
    /// After the end of the log, or in a damaged range of it.
    LogTail,
    /// A preallocated segment that was never made one.
    TmpSegment,
    /// A piece of a log.
    LogPiece,
    /// The v2 store of a `.snap` file.
    V2Store,
}

impl CarveOrigin {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreePage => "free page",
            Self::OtherMeta => "other meta",
            Self::Slack => "slack",
            Self::Outside => "outside",
            Self::NoTree => "no tree",
            Self::SnapDb => ".snap.db",
            Self::TmpDb => "db.tmp",
            Self::OldSegment => "old segment",
            Self::Broken => ".broken",
            Self::Overwritten => "overwritten",
            Self::LogTail => "log tail",
            Self::TmpSegment => "tmp segment",
            Self::LogPiece => "log piece",
            Self::V2Store => "v2 store",
        }
    }

    /// Whether it was found in a log.
    pub fn is_log(self) -> bool {
        matches!(
            self,
            Self::OldSegment
                | Self::Broken
                | Self::Overwritten
                | Self::LogTail
                | Self::TmpSegment
                | Self::LogPiece
        )
    }
}

/// What vouches for a carved record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarveProof {
    /// The rolling checksum of the log.
    Checksum,
    /// Its form: it decodes, and its numbers agree.
    Form,
}

impl CarveProof {
    /// As the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checksum => "checksum",
            Self::Form => "form",
        }
    }
}

/// One record that was carved.
#[derive(Clone, Debug)]
pub struct Carved<'c> {
    /// Where it was found.
    pub origin: CarveOrigin,
    /// What vouches for it.
    pub proof: CarveProof,
    /// What it is to the store.
    pub state: CarveState,
    /// Its revision; `None` if nothing says which one an entry of a log got.
    pub revision: Option<Revision>,
    /// The raft index of its entry.
    pub index: Option<RaftIndex>,
    /// Whether it may not have happened: an entry of unknown revision that is a transaction or a deletion.
    pub conditional: bool,
    /// Whether it is a deletion.
    pub tombstone: bool,
    /// The user key.
    pub key: &'c [u8],
    /// The `KeyValue` message; of a record of unknown revision without numbers.
    pub message: &'c [u8],
    /// Its place.
    pub place: Place,
}

/// Calls `each` with the place of the stored key and of the message of every record in a file that is found by its form alone.
pub(super) fn records(
    image: &[u8],
    page_size: u64,
    each: &mut dyn FnMut(Range<usize>, Range<usize>),
) {
    let whole = 0..image.len();
    let geometry = Geometry::with_pages(image, std::slice::from_ref(&whole), page_size, 0);
    scan::scan(image, whole, Some(&geometry), &mut |found| {
        each(found.at..found.message.start, found.message);
        true
    });
}

/// Everything that was carved: by revision, then what has none by raft index. What is found several times is in it once.
#[derive(Debug, Default)]
pub struct Carvings<'a> {
    sources: Vec<CarvedSource<'a>>,
    /// Messages of what was made from entries.
    made: Vec<u8>,
    found: Vec<Carving>,
    /// Bytes that claim each other again and again were not searched to the end.
    pub is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Carving {
    find: Find,
    state: CarveState,
    /// The message: in the image of its source, or among those that were made.
    at: usize,
    len: usize,
    in_made: bool,
}

/// One find of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Find {
    pub(super) record: KeyRecord,
    pub(super) origin: CarveOrigin,
    pub(super) is_placed: bool,
    proof: CarveProof,
    conditional: bool,
}

impl Find {
    fn stored(record: KeyRecord, origin: CarveOrigin) -> Self {
        Self {
            record,
            origin,
            is_placed: true,
            proof: CarveProof::Form,
            conditional: false,
        }
    }

    fn placed(origin: CarveOrigin, proof: Proof) -> Self {
        let record = KeyRecord {
            revision: Revision::new(0, 0),
            body: Body::Made(0),
            source: 0,
            tombstone: false,
            label: Provenance::Carved,
        };
        let proof = match proof {
            Proof::Checksum => CarveProof::Checksum,
            Proof::Form => CarveProof::Form,
        };
        Self {
            proof,
            ..Self::stored(record, origin)
        }
    }

    fn unplaced(origin: CarveOrigin, proof: Proof, conditional: bool) -> Self {
        Self {
            is_placed: false,
            conditional,
            ..Self::placed(origin, proof)
        }
    }
}

/// One file, and what was found in it.
#[derive(Debug)]
pub(super) struct CarvedSource<'a> {
    pub(super) source: RecordSource<'a>,
    pub(super) finds: Vec<Find>,
    /// Where the frame of each change begins.
    frames: Vec<u64>,
    geometry: Option<Geometry>,
}

impl<'a> CarvedSource<'a> {
    fn new(source: RecordSource<'a>) -> Self {
        Self {
            source,
            finds: Vec::new(),
            frames: Vec::new(),
            geometry: None,
        }
    }

    fn push_change(&mut self, change: Change<'a>, find: Find, frame: u64) {
        let Ok(number) = u32::try_from(self.source.changes.len()) else {
            return;
        };
        let record = KeyRecord {
            revision: change.revision,
            tombstone: change.put.is_none(),
            body: Body::Made(number),
            ..find.record
        };
        self.finds.push(Find { record, ..find });
        self.source.changes.push(change);
        self.frames.push(frame);
    }

    fn place(&self, record: &KeyRecord) -> Place {
        let file = &self.source.file;
        match record.body {
            Body::Stored { at, .. } => {
                let place = Place::at(file, at);
                let page = usize::try_from(at)
                    .ok()
                    .zip(self.geometry.as_ref())
                    .and_then(|(at, geometry)| geometry.page_of(at));
                match page {
                    Some(page) => place.on_page(page),
                    None => place,
                }
            }
            Body::Made(change) => {
                let frame = self.frames.get(change as usize).copied();
                let index = self.index(record).unwrap_or_default();
                match (frame, index) {
                    (Some(frame), index) if index > 0 => Place::at(file, frame).with_index(index),
                    _ => Place::file(file),
                }
            }
        }
    }

    fn index(&self, record: &KeyRecord) -> Option<RaftIndex> {
        match record.body {
            Body::Made(change) => self.source.changes.get(change as usize).map(|c| c.index),
            Body::Stored { .. } => None,
        }
    }
}

/// The ranges of a file that are not holes.
fn extents(file: &File) -> Vec<std::ops::Range<usize>> {
    let at = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let extents = file.data_extents().into_iter();
    extents.map(|data| at(data.start)..at(data.end)).collect()
}

/// Everything that is left of a member beside what its tree and its log have, one source for each file.
pub(super) fn remnants<'a>(
    member: &'a Member,
    progress: &dyn Progress,
) -> (Vec<CarvedSource<'a>>, bool) {
    let mut sources = Vec::new();
    if let (Ok(file), Ok(image)) = (member.db_file(), member.db_bytes()) {
        sources.push(image::of_db(
            image,
            &extents(file),
            member.db().ok(),
            progress,
        ));
    }
    let others = [
        (Role::SnapDb, CarveOrigin::SnapDb),
        (Role::DbTmp, CarveOrigin::TmpDb),
    ];
    for (role, origin) in others {
        for file in member.evidence().with_role(role) {
            if let Ok(bytes) = file.bytes() {
                sources.push(image::of_image(bytes, &extents(file), origin, progress));
            }
        }
    }
    let (logs, is_cut) = log::of_logs(member, progress);
    sources.extend(logs);
    (sources, is_cut)
}

/// Carves a member: its db, the db files beside it, its log, and the v2 store of its `.snap` files.
///
/// ```
/// use etcd_inspect::member::Member;
/// use etcd_inspect::progress::Silent;
/// use etcd_inspect::salvage::carve::{CarveState, carve};
/// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
/// for carved in carve(&member, &Silent).iter().filter(|c| c.state == CarveState::Deleted) {
///     println!("{:?} {} {}", carved.revision, String::from_utf8_lossy(carved.key), carved.place);
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
pub fn carve<'a>(member: &'a Member, progress: &dyn Progress) -> Carvings<'a> {
    let (mut sources, is_cut) = remnants(member, progress);
    sources.extend(v2::of_snaps(member));
    let keyspace = member.readable_keyspace().ok();
    let is_whole = member
        .keyspace()
        .is_ok_and(|answer| answer.complete().is_ok());
    let store = keyspace.map(|keyspace| ComparedStore { keyspace, is_whole });
    Carvings::new(sources, is_cut, store.as_ref())
}

impl<'a> Carvings<'a> {
    fn new(
        mut sources: Vec<CarvedSource<'a>>,
        is_cut: bool,
        store: Option<&ComparedStore<'_>>,
    ) -> Self {
        let mut finds: Vec<Find> = Vec::new();
        for (number, source) in (0u16..).zip(&mut sources) {
            finds.extend(source.finds.drain(..).map(|mut find| {
                find.record.source = number;
                find
            }));
        }
        let mut carvings = Self {
            sources,
            is_cut,
            ..Self::default()
        };
        carvings.found = finds
            .into_iter()
            .filter_map(|find| carvings.carving(find))
            .collect();
        carvings.sort();
        let states: Vec<CarveState> = carvings
            .found
            .iter()
            .map(|carving| carvings.state(carving, store))
            .collect();
        for (carving, state) in carvings.found.iter_mut().zip(states) {
            carving.state = state;
        }
        carvings
    }

    fn carving(&mut self, find: Find) -> Option<Carving> {
        let source = self.sources.get(usize::from(find.record.source))?;
        let (at, len, in_made) = match find.record.body {
            Body::Stored { at, len } => (usize::try_from(at).ok()?, len as usize, false),
            Body::Made(change) => {
                let change = source.source.changes.get(change as usize)?;
                let message = change.key_value().to_bytes();
                let at = self.made.len();
                self.made.extend(&message);
                (at, message.len(), true)
            }
        };
        Some(Carving {
            find,
            state: CarveState::Unknown,
            at,
            len,
            in_made,
        })
    }

    /// By revision, and of equal records the first alone.
    fn sort(&mut self) {
        let mut found = std::mem::take(&mut self.found);
        let order = |carving: &Carving| {
            let record = &carving.find.record;
            let index = match carving.find.is_placed {
                true => RaftIndex(0),
                false => self.index(record).unwrap_or_default(),
            };
            (
                !carving.find.is_placed,
                record.revision,
                index,
                record.tombstone,
            )
        };
        found.sort_by(|a, b| {
            let by_place = || {
                let origin = |carving: &Carving| (carving.find.origin, carving.find.record.source);
                origin(a).cmp(&origin(b)).then(a.at.cmp(&b.at))
            };
            order(a)
                .cmp(&order(b))
                .then_with(|| self.message(a).cmp(self.message(b)))
                .then_with(by_place)
        });
        found.dedup_by(|a, b| order(a) == order(b) && self.message(a) == self.message(b));
        self.found = found;
    }

    fn index(&self, record: &KeyRecord) -> Option<RaftIndex> {
        let source = self.sources.get(usize::from(record.source))?;
        source.index(record)
    }

    fn message(&self, carving: &Carving) -> &[u8] {
        let source = self.sources.get(usize::from(carving.find.record.source));
        let bytes: &[u8] = match (carving.in_made, source) {
            (true, _) => &self.made,
            (false, Some(source)) => source.source.image,
            (false, None) => &[],
        };
        let end = carving.at.saturating_add(carving.len);
        bytes.get(carving.at..end).unwrap_or_default()
    }

    fn key(&self, carving: &Carving) -> &[u8] {
        crate::mvcc::user_key(self.message(carving)).unwrap_or_default()
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All: by revision, then those of unknown revision by raft index.
    pub fn iter(&self) -> impl Iterator<Item = Carved<'_>> {
        self.found.iter().filter_map(|carving| self.carved(carving))
    }

    /// What was carved as a keyspace of its own, as far as revisions are known: to find out how its keys are to be read.
    pub fn overlay(&self) -> Overlay<'static> {
        let mut overlay = Overlay::empty(Rules::NEWEST);
        for carving in self.found.iter().filter(|c| c.find.is_placed) {
            let record = &carving.find.record;
            if record.tombstone {
                overlay.delete(record.revision, self.key(carving));
            } else if let Ok(kv) = KeyValue::parse(self.message(carving)) {
                overlay.put(record.revision, &kv);
            }
        }
        overlay
    }

    fn carved(&self, carving: &Carving) -> Option<Carved<'_>> {
        let find = &carving.find;
        let source = self.sources.get(usize::from(find.record.source))?;
        Some(Carved {
            origin: find.origin,
            proof: find.proof,
            state: carving.state,
            revision: find.is_placed.then_some(find.record.revision),
            index: source.index(&find.record).filter(|index| *index > 0),
            conditional: find.conditional,
            tombstone: find.record.tombstone,
            key: self.key(carving),
            message: self.message(carving),
            place: source.place(&find.record),
        })
    }
}

impl<'a> super::Salvage<'a> {
    /// Adds the files in which something is left to the sources; returns the records of known revision in them.
    pub(super) fn add_remnants(
        &mut self,
        member: &'a Member,
        progress: &dyn Progress,
    ) -> Vec<KeyRecord> {
        let mut records = Vec::new();
        let (sources, _) = remnants(member, progress);
        for CarvedSource { source, finds, .. } in sources {
            let Ok(number) = u16::try_from(self.set.sources.len()) else {
                break;
            };
            let placed = finds.into_iter().filter(|find| find.is_placed);
            records.extend(placed.map(|find| KeyRecord {
                source: number,
                ..find.record
            }));
            self.set.sources.push(source);
        }
        records
    }
}

impl super::Salvage<'_> {
    /// Reaches as far as records of a db whose tree has lost some: the newest may be among those that it does not reach.
    pub(super) fn reach_carved(&mut self, loose: &[KeyRecord]) {
        let is_stored = |record: &&KeyRecord| matches!(record.body, Body::Stored { .. });
        let newest = loose.iter().filter(is_stored);
        let newest = newest.map(|record| record.revision.main).max();
        let Some(newest) = newest.filter(|newest| *newest > self.revision) else {
            return;
        };
        if self.unrecoverable.is_empty() {
            return;
        }
        self.notes.push(format!(
            "revisions {}–{newest} are only in pages that no tree reaches: they are carved, and which of them were compacted or deleted is not known",
            self.revision.saturating_add(1)
        ));
        self.revision = newest;
    }

    /// Goes on after the newest revision with what was cut off the log, if it follows directly: a log that was written to since
    /// has other writes at those revisions, and the two are not mixed.
    pub(super) fn continue_with(&mut self, loose: &[KeyRecord]) {
        let first = self.revision.saturating_add(1);
        let made = |record: &&KeyRecord| {
            matches!(record.body, Body::Made(_)) && record.revision.main >= first
        };
        let mut mains: Vec<i64> = Vec::new();
        let mut sources: Vec<u16> = loose.iter().map(|record| record.source).collect();
        sources.sort_unstable();
        sources.dedup();
        for source in sources {
            let of_source = || loose.iter().filter(|record| record.source == source);
            let starts_here = of_source()
                .filter(|record| matches!(record.body, Body::Made(_)))
                .map(|record| record.revision.main)
                .min();
            if starts_here == Some(first) {
                mains.extend(of_source().filter(made).map(|record| record.revision.main));
            }
        }
        mains.sort_unstable();
        mains.dedup();
        let follow = (first..)
            .zip(&mains)
            .take_while(|(wanted, main)| wanted == *main);
        if let Some((last, _)) = follow.last() {
            self.notes.push(format!(
                "revisions {first}–{last} were cut off the log and are carved"
            ));
            self.revision = last;
        }
    }
}
