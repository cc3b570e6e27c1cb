//! The evidence that tables are made of.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use etcd_inspect::Error;
use etcd_inspect::answers::clocks::{clock_without_log, whole_clock};
use etcd_inspect::answers::{Answer, Damage};
use etcd_inspect::check::logged_beside;
use etcd_inspect::clock::{Clock, WriteTime};
use etcd_inspect::dataset::{Dataset, Side};
use etcd_inspect::kubernetes::mask::{Mask, is_secret_key};
use etcd_inspect::member::{Objects, Wal};
use etcd_inspect::mvcc::KeyRange;
use etcd_inspect::progress::Silent;

use sha2::{Digest as _, Sha256};

use crate::value::Row;

/// Why a table gives no rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The evidence cannot be read.
    #[error(transparent)]
    Evidence(#[from] Error),
    /// SQLite refuses the query.
    #[error("{0}")]
    Sql(String),
    /// It was stopped before its end.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// A file cannot be written.
    #[error("{0}")]
    Write(String),
}

/// What stopped a query or the writing of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The caller, through the flag that was given.
    #[error("it was interrupted")]
    Interrupted,
    /// [`Bounds::time`](crate::sql::Bounds::time).
    #[error("the query takes longer than its limit")]
    Time,
    /// [`Bounds::memory`](crate::sql::Bounds::memory).
    #[error("the query needs more memory than its limit")]
    Memory,
}

/// What becomes of values.
#[derive(Clone, Debug)]
pub enum Values {
    /// Left out: columns that hold values are `Null`.
    None,
    /// With their secrets hidden.
    Masked(Box<Mask>),
    /// As they are stored.
    Revealed,
}

/// A key for the fingerprints of hidden values, made of what is hidden: the same evidence gives the same fingerprints, and who has
/// only the fingerprints cannot test guesses. `None` if no key holds a secret as a whole.
///
/// # Errors
/// As [`Dataset::keyspace`].
pub fn fingerprint_key(dataset: &Dataset) -> Result<Option<Vec<u8>>, Error> {
    // What is damaged is reported when the tables are read.
    let (objects, _) = dataset.objects()?.into_parts();
    let live = objects.keyspace().live(&KeyRange::all(), None)?;
    let secrets = live
        .iter()
        .filter(|version| is_secret_key(objects.layout(), version.key));
    let mut sum = Sha256::new();
    let mut any = false;
    for kv in secrets.filter_map(|version| version.key_value().ok()) {
        any |= !kv.value.is_empty();
        sum.update((kv.value.len() as u64).to_le_bytes());
        sum.update(kv.value);
    }
    Ok(any.then(|| sum.finalize().to_vec()))
}

/// Maximum number of rows whose times are read without those of all writes.
const MAX_DATED_ALONE: usize = 64;

/// When the revisions of some rows were written.
#[derive(Debug)]
pub(crate) enum Times<'s> {
    /// The clock of all writes.
    Whole(&'s Clock),
    /// The clock near those revisions.
    Near(Box<Clock>),
}

impl Times<'_> {
    /// When a revision was written.
    pub(crate) fn time_of(&self, revision: i64) -> Option<WriteTime> {
        match self {
            Self::Whole(clock) => clock.time_of(revision),
            Self::Near(clock) => clock.time_of(revision),
        }
    }
}

/// One copy of a member at one moment, to be asked for tables. Cheap to share; what is found once is kept.
#[derive(Debug)]
pub struct Source {
    dataset: Dataset,
    revision: Option<i64>,
    values: Values,
    damage: Mutex<Damage>,
    clock: OnceLock<Clock>,
    dated_alone: AtomicUsize,
    made: Mutex<HashMap<&'static str, Arc<[Row]>>>,
    refusal: Mutex<Option<Error>>,
    closed: AtomicBool,
    /// Whether a table that is made of the store was read.
    of_store: AtomicBool,
    /// Whether a table of the log was read, and there is none.
    without_log: AtomicBool,
}

impl Source {
    /// The evidence of a dataset, at a revision (`None`: the newest), with what may be shown of values.
    pub fn new(dataset: Dataset, revision: Option<i64>, values: Values) -> Arc<Self> {
        Arc::new(Self {
            dataset,
            revision,
            values,
            damage: Mutex::default(),
            clock: OnceLock::new(),
            dated_alone: AtomicUsize::new(0),
            made: Mutex::default(),
            refusal: Mutex::default(),
            closed: AtomicBool::new(false),
            of_store: AtomicBool::new(false),
            without_log: AtomicBool::new(false),
        })
    }

    /// The dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The revision that was asked for.
    pub fn revision(&self) -> Option<i64> {
        self.revision
    }

    /// What may be shown of values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The keyspace as Kubernetes sees it.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn objects(&self) -> Result<Objects<'_>, Error> {
        self.of_store.store(true, Ordering::Relaxed);
        Ok(self.take(self.dataset.objects()?))
    }

    /// When some revisions were written. Of a few rows only the values near them are read, unless the log may say more; the clock of all
    /// writes, of db and log, is made when many rows are asked for.
    pub(crate) fn times(&self, objects: &Objects<'_>, revisions: &[i64]) -> Times<'_> {
        if self.clock.get().is_none() && !revisions.is_empty() {
            let before = self
                .dated_alone
                .fetch_add(revisions.len(), Ordering::Relaxed);
            if before.saturating_add(revisions.len()) <= MAX_DATED_ALONE
                && let Some(clock) = clock_without_log(objects, revisions.iter().copied())
            {
                return Times::Near(Box::new(clock));
            }
        }
        match revisions.is_empty() {
            true => Times::Near(Box::default()),
            false => Times::Whole(self.clock(objects)),
        }
    }

    fn clock(&self, objects: &Objects<'_>) -> &Clock {
        self.clock.get_or_init(|| {
            let logged = logged_beside(&objects.keyspace(), self.dataset.member(), &Silent);
            whole_clock(objects, logged.as_ref(), &[], &Silent)
        })
    }

    /// Whether the times in all values of db and log were read: the few rows of a point query need those near them alone.
    pub fn has_read_all_times(&self) -> bool {
        self.clock.get().is_some()
    }

    /// Whether the state is the one after a start.
    pub fn is_replayed(&self) -> bool {
        self.dataset.side() == Side::Replayed
    }

    /// The value of an answer; its damage is kept for [`Source::damage`].
    pub fn take<T>(&self, answer: Answer<T>) -> T {
        let (value, damage) = answer.into_parts();
        self.add_damage(damage);
        value
    }

    /// Keeps what could not be read.
    pub fn add_damage(&self, damage: Damage) {
        if !damage.is_empty() {
            let mut known = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(damage);
        }
    }

    /// Keeps why a table gives no rows while SQLite, which knows only texts of errors, ends the query.
    pub(crate) fn keep_refusal(&self, error: TableError) -> String {
        let message = error.to_string();
        if let TableError::Evidence(error) = error {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        message
    }

    /// Why a table gave no rows, once.
    pub(crate) fn take_refusal(&self) -> Option<Error> {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        refusal.take()
    }

    /// Notes a value that is encrypted, for which no key was given.
    pub(crate) fn note_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether the newest state of the db itself was read: it may lag behind the log, whose newer entries no table of the store has.
    pub fn has_read_newest_of_db(&self) -> bool {
        self.of_store.load(Ordering::Relaxed)
            && self.revision.is_none()
            && self.dataset.side() == Side::Stored
    }

    /// The log; that there is none is known to [`lacks_log`](Self::lacks_log) from then on.
    pub(crate) fn log(&self) -> Option<Answer<Wal<'_>>> {
        let log = self.dataset.log();
        if log.is_none() {
            self.without_log.store(true, Ordering::Relaxed);
        }
        log
    }

    /// Whether a table of the log was asked for although there is none: that it is empty says nothing.
    pub fn lacks_log(&self) -> bool {
        self.without_log.load(Ordering::Relaxed)
    }

    /// Whether a value was asked for that is encrypted, and no key was given.
    pub fn has_closed_values(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// What could not be read of everything that was asked until now.
    pub fn damage(&self) -> Damage {
        let known = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        let mut damage = known.clone();
        damage.extend(self.dataset.damage());
        damage
    }

    /// The rows of a small table, made once.
    pub(crate) fn made(
        &self,
        name: &'static str,
        make: impl FnOnce() -> Result<Vec<Row>, TableError>,
    ) -> Result<Arc<[Row]>, TableError> {
        let known = |made: &HashMap<&'static str, Arc<[Row]>>| made.get(name).map(Arc::clone);
        if let Some(rows) = known(&self.made.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(rows);
        }
        let rows: Arc<[Row]> = make()?.into();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(name, Arc::clone(&rows));
        Ok(rows)
    }
}
