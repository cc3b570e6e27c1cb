//! The store as etcd serves it: the evidence, and with `--scratch` what is written over it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use etcd_inspect::Error;
use etcd_inspect::answers::{KeyValue, Keyspace};
use etcd_inspect::dataset::Dataset;
use etcd_inspect::dataset::scratch::{Scratch, Writes};
use etcd_inspect::member::{BucketPart, Buckets};
use tokio::sync::watch;
use tonic::Status;

use super::errors;
use super::lease_ids::LeaseIds;
use super::messages::Header;

/// A lease that is granted.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Seconds it was granted for.
    pub granted: i64,
    /// Seconds it lives at each renewal.
    pub ttl: i64,
    /// When it expires; `None`: never, because nothing is written.
    pub expires: Option<Instant>,
}

/// What answers.
#[derive(Debug)]
pub struct Store {
    /// The evidence.
    pub dataset: Dataset,
    /// The revision that is served; `None`: the newest.
    pinned: Option<i64>,
    scratch: Option<RwLock<Scratch>>,
    /// Whether the leases of the evidence can be read.
    pub leases_are_known: bool,
    /// Leases by id.
    pub leases: Mutex<BTreeMap<i64, Lease>>,
    /// Makes the ids of new leases.
    pub lease_ids: LeaseIds,
    changed: watch::Sender<i64>,
    cluster_id: u64,
    /// The id of the member.
    pub member_id: u64,
    /// The term.
    pub term: u64,
}

impl Store {
    /// Serves evidence as of a revision; `is_scratch`: writes are taken.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn new(dataset: Dataset, pinned: Option<i64>, is_scratch: bool) -> Result<Self, Error> {
        let identity = dataset.member().identity();
        // Without a db the log alone answers: what only the db has is not known.
        let (buckets, is_known) = match dataset.replayed()? {
            Some(replayed) => (replayed.buckets(), true),
            None => match dataset.member().buckets() {
                Ok(buckets) => (buckets, true),
                Err(_) => {
                    drop(dataset.keyspace()?.into_parts());
                    (Buckets::default(), false)
                }
            },
        };
        let is_known = is_known && buckets.is_whole(BucketPart::Leases);
        let leases = buckets.leases.iter().map(|lease| {
            let ttl = match lease.remaining_ttl_seconds {
                left if left > 0 => left,
                _ => lease.ttl_seconds,
            };
            let expires = is_scratch.then(|| Instant::now() + seconds(ttl));
            let granted = Lease {
                granted: lease.ttl_seconds,
                ttl,
                expires,
            };
            (lease.id.0, granted)
        });
        let leases = leases.collect();
        // The db has the term since 3.5 only.
        let stored = dataset.member().meta().ok().and_then(|meta| meta.term);
        let ends = dataset.member().wal_ends();
        let logged = ends.and_then(|ends| Some(ends.state?.term));
        let term = logged.max(stored);
        let scratch = match is_scratch {
            true => Some(RwLock::new(Scratch::new(dataset.clone())?)),
            false => None,
        };
        let store = Self {
            pinned,
            scratch,
            leases_are_known: is_known,
            leases: Mutex::new(leases),
            lease_ids: LeaseIds::new(identity.member_id.map_or(0, u64::from)),
            changed: watch::Sender::new(0),
            cluster_id: identity.cluster_id.map_or(0, u64::from),
            member_id: identity.member_id.map_or(0, u64::from),
            term: term.map_or(0, u64::from),
            dataset,
        };
        let revision = store.read(|_, revision| Ok(revision)).unwrap_or(0);
        store.changed.send_replace(revision);
        Ok(store)
    }

    /// Whether writes are taken.
    pub fn is_scratch(&self) -> bool {
        self.scratch.is_some()
    }

    /// Whether it serves the db as it is stored.
    pub fn is_stored(&self) -> bool {
        self.pinned.is_none() && self.scratch.is_none()
    }

    /// Says when the revision changes.
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.changed.subscribe()
    }

    /// Reads: the keyspace, and the revision that is current.
    ///
    /// # Errors
    /// Those of `read`, or the evidence cannot be read.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Keyspace<'_>, i64) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let failed = |error: Error| errors::from_library(&error);
        match &self.scratch {
            None => {
                let (keyspace, _) = self.dataset.keyspace().map_err(failed)?.into_parts();
                let current = self.pinned.unwrap_or_else(|| keyspace.revision());
                read(&keyspace, current)
            }
            Some(scratch) => {
                let scratch = scratch.read().unwrap_or_else(PoisonError::into_inner);
                let keyspace = scratch.keyspace().map_err(failed)?;
                read(&keyspace, keyspace.revision())
            }
        }
    }

    /// Writes as one transaction.
    ///
    /// # Errors
    /// Those of `write`; without `--scratch` none is taken.
    pub fn write<T>(
        &self,
        write: impl FnOnce(&mut Batch<'_, '_, '_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let scratch = self.scratch.as_ref().ok_or_else(errors::read_only)?;
        let mut scratch = scratch.write().unwrap_or_else(PoisonError::into_inner);
        let written = scratch.write(|writes| {
            let main = writes.keyspace().revision().saturating_add(1);
            let mut batch = Batch {
                writes,
                main,
                sub: 0,
            };
            let result = write(&mut batch);
            (result, batch.current())
        });
        let (result, revision) = written.map_err(|error| errors::from_library(&error))?;
        drop(scratch);
        self.changed.send_if_modified(|known| {
            let is_newer = *known < revision;
            *known = revision;
            is_newer
        });
        result
    }

    /// The header at a revision.
    pub fn header(&self, revision: i64) -> Option<Header> {
        Some(Header {
            cluster_id: self.cluster_id,
            member_id: self.member_id,
            revision,
            raft_term: self.term,
        })
    }

    /// The header at the current revision.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn header_now(&self) -> Result<Option<Header>, Status> {
        self.read(|_, revision| Ok(self.header(revision)))
    }
}

/// Seconds, at least one.
pub fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(1).max(1))
}

/// The writes of one transaction: they have one main revision.
#[derive(Debug)]
pub struct Batch<'b, 'w, 'a> {
    writes: &'b mut Writes<'w, 'a>,
    main: i64,
    sub: i64,
}

impl Batch<'_, '_, '_> {
    /// The keyspace with what was written until now.
    pub fn keyspace(&self) -> Keyspace<'_> {
        self.writes.keyspace()
    }

    /// The revision that is current: the one before, until something is written.
    pub fn current(&self) -> i64 {
        match self.sub {
            0 => self.main.saturating_sub(1),
            _ => self.main,
        }
    }

    /// Puts. `storeTxnWrite.put` in `server/mvcc/kvstore_txn.go`, v3.5.30.
    ///
    /// # Errors
    /// No more records can be stored.
    pub fn put(&mut self, key: &[u8], value: &[u8], lease: i64) -> Result<(), Status> {
        let before = self.writes.keyspace().get(key, None).ok().flatten();
        let before = before.and_then(|before| before.key_value().ok());
        let (create_revision, version) = match before {
            Some(before) => (before.create_revision, before.version.saturating_add(1)),
            None => (self.main, 1),
        };
        let write = KeyValue {
            key,
            create_revision,
            mod_revision: self.main,
            version,
            value,
            lease,
            ..KeyValue::default()
        };
        let is_written = self.writes.put(self.main, self.sub, &write);
        self.next(is_written)
    }

    /// Deletes a key that exists.
    ///
    /// # Errors
    /// No more records can be stored.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), Status> {
        let is_written = self.writes.delete(self.main, self.sub, key);
        self.next(is_written)
    }

    /// Removes what a compaction at a revision removes.
    pub fn compact(&mut self, revision: i64) {
        self.writes.compact(revision);
    }

    fn next(&mut self, is_written: bool) -> Result<(), Status> {
        if !is_written {
            return Err(Status::resource_exhausted("etcdserver: no space"));
        }
        self.sub = self.sub.saturating_add(1);
        Ok(())
    }
}
