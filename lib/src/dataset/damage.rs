//! What of the files was not read.

use super::Dataset;
use crate::codes::dir;
use crate::evidence::Evidence;
use crate::member::Member;
use located::Damage;

impl Dataset {
    /// What could not be read until now: files, ranges of files, and records of the keyspace.
    pub fn damage(&self) -> Damage {
        self.member().damage()
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
}
