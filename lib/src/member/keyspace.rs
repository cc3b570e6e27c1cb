//! The keyspace of the db, indexed once.

use super::Member;
use crate::error::Error;
use crate::finding::Finding;
use crate::mvcc::{Compaction, Index, Keyspace, StoredKey};

impl Member {
    /// The keyspace as the db has it, without what only the WAL knows.
    ///
    /// The first call reads all leaf pages of the `key` bucket on all cores; what it met on the way is
    /// [`Member::keyspace_damage`].
    ///
    /// ```no_run
    /// use etcd_inspect::member::Member;
    /// use etcd_inspect::mvcc::KeyRange;
    /// let member = Member::open("/copy/m1")?;
    /// let keyspace = member.keyspace()?;
    /// for version in keyspace.live(&KeyRange::all(), None)?.iter() {
    ///     println!("{}", String::from_utf8_lossy(version.key));
    /// }
    /// # Ok::<(), etcd_inspect::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Member::db`]; [`Error::Missing`] where the db has no `key` bucket.
    pub fn keyspace(&self) -> Result<Keyspace<'_>, Error> {
        let db = self.db()?;
        let (index, _) = match self.index.get() {
            Some(known) => known,
            None => {
                let mut damage = Vec::new();
                let bucket = db.bucket(b"key", &mut |finding| damage.push(finding))?;
                let index = Index::build(&bucket, &mut |finding| damage.push(finding));
                self.index.get_or_init(|| (index, damage))
            }
        };
        let rules = self.options.rules.unwrap_or(crate::mvcc::Rules::NEWEST);
        Ok(Keyspace::new(
            index,
            db.file().as_slice(),
            self.compaction()?,
            rules,
        ))
    }

    /// The newest revision of the db, read from the last record alone; the compaction counts where it is newer. `None`: no
    /// record can be read there.
    pub fn newest_revision(&self) -> Option<i64> {
        let last = self.db().ok()?.bucket(b"key", &mut |_| {}).ok()?.last()?;
        let main = StoredKey::parse(last.key).ok()?.revision.main;
        let compacted = self.compaction().ok()?.scheduled.unwrap_or(0);
        Some(main.max(compacted))
    }

    /// What the index of the keyspace met on its way; empty until [`Member::keyspace`] was asked.
    pub fn keyspace_damage(&self) -> &[Finding] {
        self.index.get().map_or(&[], |(_, damage)| damage)
    }

    /// What the `meta` bucket says of compactions; absent where it cannot be read.
    fn compaction(&self) -> Result<Compaction, Error> {
        Ok(crate::backend::Meta::read(&self.db()?, &mut |_| {}).compaction)
    }
}
