//! The keyspace of the db, indexed once.

use super::Member;
use crate::backend::Meta;
use crate::bolt::Db;
use crate::bolt::{PageCounts, PageMap};
use crate::mvcc::{Compaction, Index, Keyspace, MissingRecords, Noted, StoredKey};
use located::Error;
use located::Place;
use located::progress::{Progress, Silent};
use located::{Answer, Damage, reported_by};
use located::{Finding, Severity};

/// Last leaf pages that [`Member::newest_keyspace`] reads: a screen full of every resource that is written to, and where
/// nothing is in the page cache some tens of milliseconds of a disk.
const NEWEST_LEAVES: usize = 400;

/// What one walk over the `key` bucket finds.
#[derive(Debug)]
pub(super) struct Indexed {
    index: Index,
    pages: PageCounts,
    damage: Vec<Finding>,
}

/// That the file ends before the pages that its meta page counts: then a bucket that is not found need not be missing.
fn cut(db: &Db<'_>) -> Option<Error> {
    let (need, have) = (db.meta().size_bytes(), db.file().len() as u64);
    (have < need).then(|| Error::Truncated {
        what: "the db, as its meta page counts its pages,",
        place: Place::at(db.file().file(), have),
        need,
        have,
    })
}

/// That no record can be found because pages above them cannot be read.
fn lost(damage: &[Finding]) -> Option<Error> {
    let mut damage = damage.iter();
    let first = damage.find(|finding| finding.severity == Severity::Error)?;
    Some(Error::Malformed {
        what: "no record of the db can be reached",
        place: first.place.clone(),
        seen: first.message.clone(),
    })
}

/// One pass over the `key` bucket; its result must not be used if it was cancelled.
fn read(db: &Db<'_>, wanted: Noted, progress: &dyn Progress) -> Result<Indexed, Error> {
    progress.begin("indexing", db.file().len() as u64);
    let mut damage = Vec::new();
    let bucket = db
        .bucket(b"key", &mut |finding| damage.push(finding))
        .map_err(|error| cut(db).or_else(|| lost(&damage)).unwrap_or(error))?;
    let told = &mut |finding| damage.push(finding);
    let (index, leaves) = Index::with_leaves(&bucket, wanted, told, progress);
    let pages = match damage.is_empty() {
        true => PageCounts::with_known_bucket(db, "key", &leaves),
        false => PageMap::build(db, &mut reported_by("bbolt::check")).counts(),
    };
    // A page that cannot be read explains what is missing.
    if damage.is_empty() && !progress.cancelled() {
        damage = missing_records(db, &index);
    }
    Ok(Indexed {
        index,
        pages,
        damage,
    })
}

/// What the index lacks although no page of the tree is damaged; nothing if the compaction is not known.
fn missing_records(db: &Db<'_>, index: &Index) -> Vec<Finding> {
    let meta = Meta::read(db, &mut reported_by("Member::buckets and backend::check"));
    if meta.is_compaction_unknown() {
        return Vec::new();
    }
    let place = Place::file(db.file().file());
    MissingRecords::find(index, meta.compaction.revision()).findings(&place)
}

impl Member {
    /// The keyspace as the db has it, without what only the WAL knows, and what could not be read of it.
    ///
    /// The first call reads all leaf pages of the `key` bucket on all cores.
    ///
    /// ```
    /// use etcd_inspect::member::Member;
    /// use etcd_inspect::mvcc::KeyRange;
    /// let member = Member::open("../fixtures/etcd-3.5.30.tar.zst")?;
    /// // An error if a page of the tree is damaged; `into_parts` gives what can be read.
    /// let keyspace = member.keyspace()?.complete()?;
    /// for version in keyspace.live(&KeyRange::all(), None)?.iter() {
    ///     println!("{}", String::from_utf8_lossy(version.key));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Member::db`]; [`Error::Missing`] if the db has no `key` bucket; [`Error::Malformed`] if no record of it can be reached.
    pub fn keyspace(&self) -> Result<Answer<Keyspace<'_>>, Error> {
        let keyspace = self.readable_keyspace()?;
        if keyspace.index().is_empty()
            && let Some(error) = self.unreachable()
        {
            return Err(error);
        }
        Ok(Answer::new(keyspace, self.damage()))
    }

    /// Whether a record of the db can be reached, or it is known to have none: looks at its newest records first.
    ///
    /// # Errors
    /// As [`Member::keyspace`].
    pub fn reach(&self) -> Result<(), Error> {
        match self.newest_keyspace() {
            Ok(newest) if !newest.index().is_empty() => Ok(()),
            _ => self.keyspace().map(drop),
        }
    }

    /// Why no record of the db can be reached; `None` if one can, or if there is none.
    pub fn unreachable(&self) -> Option<Error> {
        let indexed = self.index.get()?;
        let lost = || cut(&self.db().ok()?).or_else(|| lost(&indexed.damage));
        lost().filter(|_| indexed.index.is_empty())
    }

    /// What can be read of the keyspace, for those who report its damage ([`Member::damage`]) on their own way.
    ///
    /// # Errors
    /// As [`Member::keyspace`].
    pub fn readable_keyspace(&self) -> Result<Keyspace<'_>, Error> {
        self.noted_keyspace(Noted::default())
    }

    /// As [`Member::keyspace`], for whoever wants its hash: the first call of either also sums every record on the way, so
    /// that [`Keyspace::hash_kv`] at any revision reads nothing again. After a call of the other it is the same.
    ///
    /// # Errors
    /// As [`Member::keyspace`].
    pub fn summed_keyspace(&self) -> Result<Keyspace<'_>, Error> {
        self.noted_keyspace(Noted::SUMS)
    }

    /// As [`Member::keyspace`]; the first call of any notes of each record what it is asked for.
    pub(crate) fn noted_keyspace(&self, wanted: Noted) -> Result<Keyspace<'_>, Error> {
        let db = self.db()?;
        let indexed = match self.index.get() {
            Some(known) => known,
            None => {
                let indexed = read(&db, wanted, &Silent)?;
                self.index.get_or_init(|| indexed)
            }
        };
        self.over(&db, &indexed.index)
    }

    /// Returns the keyspace and reports the progress of reading; `None` if that was cancelled.
    ///
    /// # Errors
    /// As [`Member::keyspace`].
    pub fn keyspace_with(&self, progress: &dyn Progress) -> Result<Option<Keyspace<'_>>, Error> {
        if self.index.get().is_none() {
            let indexed = read(&self.db()?, Noted::default(), progress)?;
            if progress.cancelled() {
                return Ok(None);
            }
            self.index.get_or_init(|| indexed);
        }
        self.readable_keyspace().map(Some)
    }

    /// The newest revisions alone, from some of the last leaf pages: what they say of the newest revision is what
    /// [`Member::keyspace`] says, of keys that were written then. Keys and versions that are older are missing. Read once, in
    /// the time that these pages take; damage is not reported.
    ///
    /// # Errors
    /// As [`Member::keyspace`].
    pub fn newest_keyspace(&self) -> Result<Keyspace<'_>, Error> {
        let db = self.db()?;
        let index = match self.newest.get() {
            Some(known) => known,
            None => {
                let bucket = db.bucket(b"key", &mut reported_by("Member::keyspace"))?;
                let leaves = bucket.last_leaves(NEWEST_LEAVES);
                let index = Index::of_leaves(&bucket, &leaves);
                self.newest.get_or_init(|| index)
            }
        };
        self.over(&db, index)
    }

    /// The keyspace over an index that is there already, or that of the newest revisions alone: reads nothing.
    pub(crate) fn known_keyspace(
        &self,
        newest_only: bool,
        compaction: Compaction,
    ) -> Option<Keyspace<'_>> {
        let index = match newest_only {
            true => self.newest.get()?,
            false => &self.index.get()?.index,
        };
        let rules = self.options.rules.unwrap_or(crate::mvcc::Rules::NEWEST);
        let keyspace = Keyspace::new(index, self.db_bytes().ok()?.as_slice(), compaction, rules);
        let reader = self.db_file().ok()?.reader();
        Some(keyspace.with_source(reader.map(crate::bolt::FileSource::new)))
    }

    fn over<'a>(&'a self, db: &Db<'a>, index: &'a Index) -> Result<Keyspace<'a>, Error> {
        let rules = self.options.rules.unwrap_or(crate::mvcc::Rules::NEWEST);
        let bytes = db.file().as_slice();
        Ok(Keyspace::new(index, bytes, self.compaction()?, rules).with_source(db.source()))
    }

    /// The newest revision of the db, read from the last record alone; the compaction counts where it is newer. `None`: no
    /// record can be read there.
    pub fn newest_revision(&self) -> Option<i64> {
        let last = self
            .db()
            .ok()?
            .bucket(b"key", &mut reported_by("Member::keyspace"))
            .ok()?
            .last()?;
        let main = StoredKey::parse(last.key).ok()?.revision.main;
        let compacted = self.compaction().ok()?.scheduled.unwrap_or(0);
        Some(main.max(compacted))
    }

    /// What the index of the keyspace met on its way; empty until [`Member::keyspace`] was asked.
    pub fn keyspace_damage(&self) -> &[Finding] {
        self.index.get().map_or(&[], |indexed| &indexed.damage)
    }

    /// What the index of the keyspace had to leave out; empty until [`Member::keyspace`] was asked.
    pub fn keyspace_loss(&self) -> Damage {
        let Some(indexed) = self.index.get() else {
            return Damage::default();
        };
        let mut loss = Damage::new(indexed.damage.clone(), indexed.index.skipped());
        // What a compaction removed, and which revision is the newest, is not known without the `meta` bucket.
        if self.meta().is_ok_and(|meta| meta.is_compaction_unknown()) {
            loss.extend(self.meta_loss());
        }
        loss
    }

    /// How many pages of the db are used: known once the keyspace is indexed, else counted on a walk of its own.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub(super) fn page_counts(&self) -> Result<PageCounts, Error> {
        match self.index.get() {
            Some(indexed) => Ok(indexed.pages),
            None => Ok(PageMap::build(&self.db()?, &mut reported_by("bbolt::check")).counts()),
        }
    }

    /// The compaction revisions of the `meta` bucket; absent if they cannot be read.
    pub(crate) fn compaction(&self) -> Result<Compaction, Error> {
        Ok(Meta::read(
            &self.db()?,
            &mut reported_by("Member::buckets and backend::check"),
        )
        .compaction)
    }
}
