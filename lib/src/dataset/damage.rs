//! What of the files was not read.

use super::{Dataset, Side};
use crate::answers::view::missing_log;
use crate::answers::wal::log_loss;
use crate::codes::{cross, dir};
use crate::evidence::{Evidence, Kind};
use crate::member::Member;
use located::progress::Silent;
use located::{Damage, Finding, Place};

impl Dataset {
    /// What could not be read until now: files, ranges of files, and records of the keyspace.
    pub fn damage(&self) -> Damage {
        // If the log answers in the place of the db, what the db lacks is no part of the answer.
        let mut damage = match self.side() {
            Side::Log => self.member().file_damage(),
            Side::Stored | Side::Replayed => self.member().damage(),
        };
        if self.side() != Side::Stored {
            damage.extend(log_loss(self.member(), &Silent));
        }
        if self.side() == Side::Replayed {
            damage.extend(missing_log(self.member()));
        }
        damage
    }
}

impl Member {
    /// What could not be read until now: files, ranges of files, and records of the keyspace if it was indexed.
    ///
    /// Every answer about this member may lack what this names.
    pub fn damage(&self) -> Damage {
        let mut damage = self.file_damage();
        damage.extend(self.keyspace_loss());
        damage
    }

    /// What could not be read of the files of this member until now.
    pub fn file_damage(&self) -> Damage {
        self.evidence().damage()
    }
}

impl Evidence {
    /// Folders that could not be listed, archives that are damaged, ranges that could not be read until now.
    pub fn damage(&self) -> Damage {
        let mut findings = Vec::new();
        let losses = [
            dir::UNREADABLE.id,
            dir::ARCHIVE_DAMAGED.id,
            dir::ARCHIVE_ENCRYPTED.id,
            dir::TOO_MANY_FILES.id,
        ];
        self.report(&mut |finding| {
            if losses.contains(&finding.code.id) {
                findings.push(finding);
            }
        });
        self.report_unreadable(&mut |finding| findings.push(finding));
        Damage::new(findings, 0)
    }

    /// The size of a backup whose SHA-256 an answer about its records depends on; `None` if this is no file of `etcdctl snapshot
    /// save`.
    pub fn backup_size_bytes(&self) -> Option<u64> {
        let db = self.db().filter(|_| self.kind() == Kind::Snapshot)?;
        Some(db.size())
    }

    /// A backup that fails its SHA-256: which of its records are not what was saved is unknown. Computed once, which reads the whole
    /// file.
    pub fn backup_damage(&self) -> Damage {
        let backup = self.db().filter(|_| self.backup_size_bytes().is_some());
        let wrong = backup.filter(|file| file.trailer_matches() == Some(false));
        let finding = wrong.map(|file| {
            let message = "the file is not what was saved: any record may be wrong";
            Finding::new(&cross::TRAILER, Place::file(file.name()), message)
        });
        Damage::new(finding.into_iter().collect(), 0)
    }
}
