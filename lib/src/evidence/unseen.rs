//! What may be there although it is not listed: our ignorance is no missing file.

use located::Finding;

use super::Evidence;
use crate::codes::dir;

impl Evidence {
    /// Why there may be segments of the log that are not listed: a folder or a segment could not be read, or a part of the archive.
    ///
    /// Without it a log that is not listed is not there.
    pub fn unseen_log(&self) -> Option<&Finding> {
        self.unseen("wal")
    }

    /// Why there may be a db that is not listed: its folder could not be read, or a part of the archive.
    pub fn unseen_db(&self) -> Option<&Finding> {
        self.unseen("snap")
    }

    /// Whether this user may not read a folder or a segment of it: another user may.
    pub fn is_denied(&self) -> bool {
        self.found.is_denied
    }

    fn unseen(&self, folder: &str) -> Option<&Finding> {
        let hides = |finding: &&Finding| match finding.code.id {
            id if id == dir::ARCHIVE_DAMAGED.id || id == dir::ARCHIVE_ENCRYPTED.id => true,
            id if id == dir::UNREADABLE.id => {
                let mut parts = finding.place.file.as_str().rsplit('/').take(2);
                parts.any(|part| part == folder) || finding.place.file.as_str().ends_with(".wal")
            }
            // A link that leads nowhere, or what else is in place of the folder.
            _ => finding.place.file.as_str().rsplit('/').next() == Some(folder),
        };
        self.found.findings.iter().find(hides)
    }
}
