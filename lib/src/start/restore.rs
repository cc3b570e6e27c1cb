//! `snapshot restore` of a db, and the start of what it makes.
//!
//! Source: etcd `etcdutl/snapshot/v3_snapshot.go` (`Restore`), `server/etcdserver/api/membership/store.go`
//! (`TrimMembershipFromBackend`), v3.5.30; `clientv3/snapshot/v3_snapshot.go`, v3.4.23.

use super::engine::Engine;
use super::store::Backend;
use super::{Level, Stopped, WritesAfterStart};
use crate::bolt::open::Found;

/// Bytes of the hash at the end of a backup.
const HASH_BYTES: usize = 32;
/// A file with a hash has these bytes after its last sector (`hasChecksum`).
const SECTOR_BYTES: usize = 512;

impl Engine<'_, '_> {
    /// The tool, then etcd.
    pub(super) fn restore(&mut self) -> Result<(), Stopped> {
        let file = self
            .member
            .db_file()
            .map_err(|_| Stopped::Refuses("no such file or directory".to_owned()))?;
        let bytes = file
            .bytes()
            .map_err(|error| Stopped::Unknown(error.to_string()))?;
        let image = copied(bytes.as_slice())?;
        let backend = self
            .backend(Some(image))
            .map_err(|stop| self.of_tool(stop))?;
        let Some(backend) = backend else {
            return self.of_nothing();
        };
        self.say(
            Level::Pass,
            "DB",
            "the db opens and its pages can be walked",
        );
        let changed = match self.release.minor {
            ..=4 => self.changed_by_etcdctl(&backend),
            _ => backend.changed_by_etcdutl(),
        };
        changed.map_err(|stop| self.of_tool(stop))?;
        let restored = self.open_store(&backend)?;
        // A restored cluster has no version yet: its first one is written into the bucket, whose elements are then all read
        // (`mustSaveClusterVersionToBackend` in `server/etcdserver/api/membership/store.go`, v3.5.30).
        backend.rewrite("cluster", b"clusterVersion")?;
        self.outcome.revision = Some(restored.revision);
        self.outcome.keys = Some(restored.keys);
        self.outcome.later_writes = WritesAfterStart::Kept;
        let dies = restored.dies_at_first_question || backend.first_write().is_err();
        self.outcome.dies_at_first_question = dies;
        self.hazard(&backend, 0)?;
        self.alarms();
        Ok(())
    }

    /// 3.4 reads leases, the whole store and the members, and sets consistent_index (`saveDB`).
    fn changed_by_etcdctl(&self, backend: &Backend<'_>) -> Result<(), Stopped> {
        if self.known.store.is_none() {
            backend.leases()?;
            backend.restore()?;
        }
        // The members of the old cluster are met one by one; their ids are deleted as if they were keys of clients.
        for name in ["members", "members_removed"] {
            if let Found::Bucket(bucket) = backend.find(name)? {
                backend.each(Some(bucket), |_, _| Ok(()))?;
            }
        }
        backend.rewrite("meta", b"consistent_index")
    }

    /// A file of nothing but a hash becomes a new, empty db.
    fn of_nothing(&mut self) -> Result<(), Stopped> {
        if self.release.minor >= 5 {
            return Err(silent("bucket meta is missing"));
        }
        (self.outcome.revision, self.outcome.keys) = (Some(1), Some(0));
        Ok(())
    }

    /// The tools have no log: of a line that would say why, only the panic is left, or nothing.
    fn of_tool(&self, stop: Stopped) -> Stopped {
        match stop {
            Stopped::Refuses(text) if self.release.minor >= 5 => {
                Stopped::Refuses(match text.split_once(" {") {
                    Some((said, _)) if text.starts_with("panic: ") => said.to_owned(),
                    _ if text.starts_with("failed to ") => return silent(&text),
                    _ => text,
                })
            }
            other => other,
        }
    }
}

/// `copyAndVerifyDB`: a hash at the end is cut off, whether it is one or not.
fn copied(file: &[u8]) -> Result<&[u8], Stopped> {
    let Some(without) = file.len().checked_sub(HASH_BYTES) else {
        return Err(Stopped::Refuses(
            "invalid argument (seek: the file is shorter than a hash)".to_owned(),
        ));
    };
    let has_hash = file.len() % SECTOR_BYTES == HASH_BYTES;
    let end = if has_hash { without } else { file.len() };
    Ok(file.get(..end).unwrap_or(file))
}

/// The exit code is 1, and no message says why.
fn silent(why: &str) -> Stopped {
    Stopped::Refuses(format!("no message ({why})"))
}

impl Backend<'_> {
    /// The members are removed, those of the new cluster are written, and consistent_index is set.
    fn changed_by_etcdutl(&self) -> Result<(), Stopped> {
        for name in ["members", "members_removed"] {
            let Found::Bucket(bucket) = self.find(name)? else {
                continue;
            };
            self.each(Some(bucket), |key, _| {
                self.rewrite(name, key)?;
                let text = std::str::from_utf8(key).unwrap_or_default();
                match u64::from_str_radix(text, 16) {
                    Ok(_) => Ok(()),
                    Err(_) => Err(Stopped::Refuses(
                        "panic: failed to parse member id from key".to_owned(),
                    )),
                }
            })?;
        }
        for name in ["members", "members_removed", "cluster"] {
            self.create(name)?;
        }
        match self.find("meta")? {
            Found::Bucket(_) => self.rewrite("meta", b"consistent_index"),
            _ => Err(silent("bucket meta is missing")),
        }
    }
}
