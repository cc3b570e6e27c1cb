//! Questions about the state at one revision.

use super::object::StoredValue;
use super::{Dataset, Object, Selection};
use crate::mvcc::{HashKv, KeyRange};
use located::Error;
use located::{Answer, Damage, MainRevision};

/// The state of a dataset at a revision, ready for questions. Owned: it can be kept and sent between threads.
#[derive(Clone, Debug)]
pub struct Moment {
    pub(super) dataset: Dataset,
    pub(super) revision: Option<MainRevision>,
}

impl Moment {
    pub(super) fn new(dataset: Dataset, revision: Option<MainRevision>) -> Self {
        Self { dataset, revision }
    }

    pub(super) fn main(&self) -> Option<i64> {
        self.revision.map(MainRevision::get)
    }

    /// The revision.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`]; [`Error::Compacted`] below the compaction revision, [`Error::Future`] above the newest one.
    pub fn revision(&self) -> Result<Answer<MainRevision>, Error> {
        let (keyspace, damage) = self.dataset.keyspace()?.into_parts();
        Ok(Answer::new(keyspace.at(self.main())?.into(), damage))
    }

    /// All pods.
    ///
    /// # Errors
    /// As [`Moment::revision`].
    pub fn pods(&self) -> Result<Answer<Vec<Object>>, Error> {
        self.objects("pods").all()
    }

    /// The objects of a resource, named as for kubectl (`deploy`, `pods`, `widgets.example.com`), to be narrowed further.
    ///
    /// ```
    /// # let dataset = etcd_inspect::dataset::Dataset::open("../fixtures/etcd-3.5.30.tar.zst")?;
    /// let web = dataset.newest().objects("deploy").namespace("shop").labels("app=web")?.all()?;
    /// # drop(web);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn objects(&self, noun: impl Into<String>) -> Selection {
        Selection::new(self.clone(), noun.into())
    }

    /// What is stored under a key; `None` if the key does not exist at this revision.
    ///
    /// # Errors
    /// As [`Moment::revision`]; [`Error::Malformed`] if the stored record breaks.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Answer<Option<StoredValue>>, Error> {
        let (keyspace, damage) = self.dataset.keyspace()?.into_parts();
        let version = keyspace.get(key.as_ref(), self.main())?;
        let file = self.dataset.store_name()?;
        let value = version.map(|version| StoredValue::from_version(&version, file));
        Ok(Answer::new(value.transpose()?, damage))
    }

    /// Keys with a prefix, in byte order, with what is stored under them. A record that breaks is skipped and counted.
    ///
    /// # Errors
    /// As [`Moment::revision`].
    pub fn keys(&self, prefix: impl AsRef<[u8]>) -> Result<Answer<Vec<StoredValue>>, Error> {
        let (keyspace, mut damage) = self.dataset.keyspace()?.into_parts();
        let live = keyspace.live(&KeyRange::prefix(prefix.as_ref()), self.main())?;
        let file = self.dataset.store_name()?;
        let mut values = Vec::with_capacity(live.len());
        let mut broken = 0;
        for version in live.iter() {
            match StoredValue::from_version(&version, file) {
                Ok(value) => values.push(value),
                Err(_) => broken += 1,
            }
        }
        damage.skipped = damage.skipped.saturating_add(broken);
        Ok(Answer::new(values, damage))
    }

    /// The hash that `etcdctl endpoint hashkv` gives at this revision.
    ///
    /// # Errors
    /// As [`Moment::revision`].
    pub fn hash_kv(&self) -> Result<Answer<HashKv>, Error> {
        let (keyspace, damage) = self.dataset.keyspace()?.into_parts();
        let hash = keyspace.hash_kv(self.main())?;
        // Reading the records may have met more ranges that cannot be read.
        let mut all: Damage = damage;
        all.extend(self.dataset.damage());
        Ok(Answer::new(hash, all))
    }
}
