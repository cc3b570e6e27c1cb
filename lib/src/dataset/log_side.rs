//! The state that the log alone gives, for a db that cannot be read.

use super::{Dataset, Side};
use crate::answers::log_alone::{LogReach, log_reach};
use crate::check::{Logged, logged_beside};
use crate::start::has_stored_db;
use located::progress::Progress;
use located::{Error, FileName};

impl Dataset {
    /// The same evidence, asked for what the log alone gives, with how far that reaches; `None` if the log does not begin with the
    /// store: then it has writes and no state. Everything that is answered from the keyspace is answered; buckets, pages and space
    /// are the db's.
    ///
    /// ```
    /// use etcd_inspect::{dataset::Dataset, progress::Silent};
    ///
    /// let stored = Dataset::open("../fixtures/etcd-3.5.30.tar.zst")?;
    /// let dataset = match stored.keyspace() {
    ///     Ok(_) => stored,
    ///     Err(error) => stored.of_log(&Silent).ok_or(error)?.0,
    /// };
    /// println!("{} pods", dataset.newest().pods()?.complete()?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_log(&self, progress: &dyn Progress) -> Option<(Self, LogReach)> {
        let logged = self.logged(progress)?;
        logged.revisions()?;
        let reach = log_reach(self.member(), logged)?;
        Some((self.on(Side::Log), reach))
    }

    /// The log, read once.
    pub(super) fn logged(&self, progress: &dyn Progress) -> Option<&Logged> {
        let nothing = super::indexed::NOTHING.keyspace();
        let read = || logged_beside(&nothing, self.member(), progress);
        self.shared.log.get_or_init(read).as_ref()
    }

    /// The file that findings about records name.
    pub(super) fn store_name(&self) -> Result<&FileName, Error> {
        match self.side {
            Side::Log => Ok(self.member().evidence().name()),
            Side::Replayed if !has_stored_db(self.member()) => Ok(self.member().evidence().name()),
            Side::Stored | Side::Replayed => Ok(self.member().db_file()?.name()),
        }
    }
}
