//! The state that a question is asked of: the db's, or what it becomes when the WAL entries after it are replayed.

use std::sync::OnceLock;

use super::Answer;
use super::clocks::{clock_of_evidence, whole_clock};
use super::log_alone::log_reach;
use super::returned::ReturnedKeys;
use crate::check::{Logged, log_adds_nothing, log_ends_otherwise, logged_beside, logged_tail};
use crate::clock::{Clock, Measurement};
use crate::codes::dir;
use crate::kubernetes::encryption::Keyring;
#[cfg(feature = "search")]
use crate::member::Pattern;
use crate::member::{Buckets, Member, Objects, Space};
use crate::mvcc::{Counts, Keyspace, Overlay, Rules};
use crate::progress::Progress;
use crate::recover::Replayed;
use crate::salvage::carve::{Carvings, Past, carve};
use crate::start::{has_stored_db, state_after_start};
use located::{Damage, Error, Finding, Place};

/// That a data directory has a db and no log: what a start serves is known, what the log had after it is not.
pub(crate) fn missing_log(member: &Member) -> Damage {
    let evidence = member.evidence();
    let is_missing = evidence.wal().is_empty() && !evidence.is_file() && has_stored_db(member);
    let finding = is_missing.then(|| {
        let message = "there is no WAL beside the db: what it had after the db is not known";
        Finding::new(&dir::WAL_MISSING, Place::file(evidence.name()), message)
    });
    Damage::new(finding.into_iter().collect(), 0)
}

/// An open keyspace with the member it comes from.
#[derive(Debug)]
pub struct View<'m> {
    member: &'m Member,
    keyspace: Keyspace<'m>,
    replayed: Option<Replayed<'m>>,
    past: Option<Past<'m>>,
    logged: Option<Logged>,
    /// Whether the db cannot be read, and the log answers in its place.
    is_log_alone: bool,
    clock: OnceLock<Clock>,
}

impl<'m> View<'m> {
    /// Reads the keyspace; with `replay` as etcd would have it after a start.
    ///
    /// # Errors
    /// As [`Member::keyspace`].
    pub fn open(
        member: &'m Member,
        replay: bool,
        progress: &dyn Progress,
    ) -> Result<Answer<Self>, Error> {
        let keyspace = match member.keyspace() {
            Ok(keyspace) => keyspace,
            // A start that makes the db again has a state without it.
            Err(error) if replay && !has_stored_db(member) => {
                let Ok(replayed) = state_after_start(member, None, progress) else {
                    return Err(error);
                };
                let mut view = Self::without_db(member);
                view.replayed = Some(replayed);
                return Ok(Answer::new(view, member.damage()));
            }
            Err(error) => return Err(error),
        };
        let replayed = match replay {
            true => Some(state_after_start(member, None, progress)?),
            false => None,
        };
        let (keyspace, mut damage) = keyspace.into_parts();
        if replay {
            damage.extend(missing_log(member));
        }
        Ok(Answer::new(keyspace, damage).map(|keyspace| Self {
            member,
            keyspace,
            replayed,
            past: None,
            logged: None,
            is_log_alone: false,
            clock: OnceLock::new(),
        }))
    }

    /// A view of a member whose db cannot be read: it has what [`View::with_past`] adds, and nothing else.
    pub fn without_db(member: &'m Member) -> Self {
        static NOTHING: OnceLock<Overlay<'static>> = OnceLock::new();
        let nothing = NOTHING.get_or_init(|| Overlay::empty(Rules::NEWEST));
        Self {
            member,
            keyspace: nothing.keyspace(),
            replayed: None,
            past: None,
            logged: None,
            is_log_alone: false,
            clock: OnceLock::new(),
        }
    }

    /// A view of a member whose db cannot be read: the log alone. If the store was not empty before its first entry, its writes
    /// have no revisions. `None` if there is no log, or no entry wrote a key.
    pub fn of_log(member: &'m Member, progress: &dyn Progress) -> Option<Self> {
        let mut view = Self::without_db(member);
        let logged = logged_beside(&view.keyspace, member, progress)?;
        if logged.revisions().is_none() && logged.unplaced().newest_revision().is_none() {
            return None;
        }
        view.logged = Some(logged);
        view.is_log_alone = true;
        Some(view)
    }

    /// Reads the log beside the db, if there is one: [`logged`](Self::logged) has it from then on.
    pub fn read_log(&mut self, progress: &dyn Progress) {
        if self.logged.is_none() {
            self.logged = logged_beside(&self.keyspace, self.member, progress);
        }
    }

    /// Keys that the db has as live although the log deleted them. The log is read for that, and only if the db is damaged.
    pub fn returned(&self, progress: &dyn Progress) -> ReturnedKeys {
        if self.member.keyspace_loss().is_empty() || self.replayed.is_some() {
            return ReturnedKeys::default();
        }
        let logged = logged_beside(&self.keyspace, self.member, progress);
        logged.map_or_else(ReturnedKeys::default, |logged| {
            ReturnedKeys::find(&self.keyspace, &logged)
        })
    }

    /// Whether the db has each write of some keys that the log has: then the log need not be read for them. It is looked through.
    pub fn log_adds_nothing(&self, keys: &[Vec<u8>], progress: &dyn Progress) -> bool {
        log_adds_nothing(&self.keyspace, self.member, keys, progress)
    }

    /// Whether the log ends with another write of a key than the db: one that the db lost or does not have yet, or one that failed. It is
    /// looked through.
    pub fn log_ends_otherwise(&self, key: &[u8], progress: &dyn Progress) -> bool {
        log_ends_otherwise(&self.keyspace, self.member, key, progress)
    }

    /// Whether a search may find a pattern in what only the log has. If not, the log need not be read for it; it is looked through.
    #[cfg(feature = "search")]
    pub fn log_may_have(
        &self,
        objects: &Objects<'_>,
        pattern: &Pattern,
        progress: &dyn Progress,
    ) -> bool {
        let wal = self.member.wal_with(progress);
        wal.is_some_and(|wal| objects.log_may_have(pattern, &wal, progress))
    }

    /// Reads the newest entries of the log beside the db, if they suffice to know their revisions; the first of those revisions.
    pub fn read_log_tail(&mut self, entries: usize, progress: &dyn Progress) -> Option<i64> {
        let tail = logged_tail(&self.keyspace, self.member, entries, progress)?;
        let (first, _) = tail.revisions()?;
        self.logged = Some(tail);
        Some(first)
    }

    /// Forgets a part of the log that was read, so that the whole can be.
    pub fn forget_log(&mut self) {
        self.logged = None;
    }

    /// The log, once it was read: alone, or beside the db.
    pub fn logged(&self) -> Option<&Logged> {
        self.logged.as_ref()
    }

    /// The log, if it alone answers.
    pub fn log_alone(&self) -> Option<&Logged> {
        self.logged().filter(|_| self.is_log_alone)
    }

    /// What the log alone has, with what is certain of it; `None` if it does not answer alone.
    pub fn past_of_log(&self) -> Option<Past<'m>> {
        let logged = self.log_alone()?;
        let past = Past::new(&self.keyspace, Some(logged), &Carvings::default());
        let reach = log_reach(self.member, logged);
        Some(match reach.is_some_and(|reach| reach.may_lack_writes) {
            true => past.without_newest(),
            false => past,
        })
    }

    /// The same with every version that the log has.
    #[must_use]
    pub fn with_log(mut self, progress: &dyn Progress) -> Self {
        self.read_log(progress);
        let carvings = Carvings::default();
        self.past = Some(Past::new(&self.keyspace, self.logged(), &carvings));
        self.clock = OnceLock::new();
        self
    }

    /// The same with every version that log and carved records still have.
    #[must_use]
    pub fn with_past(mut self, progress: &dyn Progress) -> Self {
        self.read_log(progress);
        let carvings = carve(self.member, progress);
        self.past = Some(Past::new(&self.keyspace, self.logged(), &carvings));
        self.clock = OnceLock::new();
        self
    }

    /// Every version of every source, if that was asked for.
    pub fn past(&self) -> Option<&Past<'m>> {
        self.past.as_ref()
    }

    /// What the replay did, if one was asked for.
    pub fn replayed(&self) -> Option<&Replayed<'m>> {
        self.replayed.as_ref()
    }

    /// The member.
    pub fn member(&self) -> &'m Member {
        self.member
    }

    /// The keyspace.
    pub fn keyspace(&self) -> Keyspace<'_> {
        match (&self.past, &self.replayed, self.log_alone()) {
            (Some(past), ..) => past.keyspace(),
            (None, Some(replayed), _) => replayed.keyspace(),
            (None, None, Some(logged)) => logged.keyspace(),
            (None, None, None) => self.keyspace,
        }
    }

    /// The clock by which a time means a revision: the same for every verb.
    ///
    /// # Errors
    /// None: the keyspace was read already.
    pub fn clock(&self, progress: &dyn Progress) -> Result<&Clock, Error> {
        let objects = self.objects()?;
        let read = || clock_of_evidence(self.member, &objects, self.logged(), progress);
        Ok(self.clock.get_or_init(read))
    }

    /// Dates moments by other measurements too, such as those of an audit log. The log is read for that.
    ///
    /// # Errors
    /// None: the keyspace was read already.
    pub fn measure(
        &mut self,
        others: &[Measurement],
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        self.read_log(progress);
        let clock = whole_clock(&self.objects()?, self.logged(), others, progress);
        self.clock = OnceLock::from(clock);
        Ok(())
    }

    /// Where the bytes of the db are. `all`: the counts of all records, if they were counted already.
    ///
    /// # Errors
    /// As [`Member::space`].
    pub fn space(&self, all: Option<&Counts>) -> Result<Space, Error> {
        match all.filter(|_| self.replayed.is_none()) {
            Some(all) => self.member.space(all),
            None => self
                .member
                .space(&self.member.readable_keyspace()?.counts()),
        }
    }

    /// The same for sums of keys; `None` if other files answer too: their bytes are no part of the db.
    ///
    /// # Errors
    /// As [`Member::space`].
    pub fn space_of_keys(&self, all: Option<&Counts>) -> Result<Option<Space>, Error> {
        match self.is_log_alone || self.past.is_some() {
            true => Ok(None),
            false => self.space(all).map(Some),
        }
    }

    /// Members, leases, alarms, users and roles, on the side that was asked for.
    ///
    /// # Errors
    /// As [`Member::buckets`].
    pub fn buckets(&self) -> Result<Buckets, Error> {
        match &self.replayed {
            Some(replayed) => Ok(Buckets {
                // A start that made the db again has nothing of one that could be damaged.
                damage: match has_stored_db(self.member) {
                    true => self.member.buckets()?.damage,
                    false => replayed.buckets().damage,
                },
                ..replayed.buckets()
            }),
            None => self.member.buckets(),
        }
    }

    /// The keyspace as Kubernetes sees it; `None` if no key among the oldest is one of its.
    ///
    /// # Errors
    /// None: the keyspace was read already.
    pub fn kubernetes(&self) -> Result<Option<Objects<'_>>, Error> {
        let objects = self.objects()?;
        Ok(objects.has_kubernetes().then_some(objects))
    }

    /// The keyspace as Kubernetes would see it.
    ///
    /// # Errors
    /// None: the keyspace was read already.
    pub fn objects(&self) -> Result<Objects<'_>, Error> {
        let evidence = self.member.evidence();
        let name = evidence.db().map_or(evidence.name(), |file| file.name());
        let limits = &self.member.options().evidence.limits;
        let keyring = Keyring::default();
        Ok(Objects::new(self.keyspace(), name, None, keyring, limits))
    }
}
