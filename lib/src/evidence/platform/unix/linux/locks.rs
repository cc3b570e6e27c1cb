//! Is a server holding the files? `/proc/locks` shows it; trying to take a lock would disturb the server.
//!
//! bbolt locks `db` with `flock(2)` (bolt_unix.go, v1.3.11); etcd locks each open WAL segment and `N.tmp` with an
//! open-file-description lock (client/pkg/fileutil/lock_linux.go, v3.5.30). The kernel lists both with device and inode. It
//! hides locks of other PID namespaces from a container, so an empty answer proves nothing there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::evidence::file::{File, Role};
use crate::evidence::live::Holder;
use crate::evidence::name::shown;

/// One line of `/proc/locks`.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    pid: Option<u32>,
    exclusive: bool,
    device: (u64, u64),
    inode: u64,
}

/// Returns the processes that hold files, each once.
pub(in crate::evidence) fn holders(files: &[File]) -> Vec<Holder> {
    holders_in(Path::new("/proc"), files)
}

fn holders_in(proc: &Path, files: &[File]) -> Vec<Holder> {
    let Ok(table) = fs::read_to_string(proc.join("locks")) else {
        return Vec::new();
    };
    let mut locks: BTreeMap<u64, Vec<Lock>> = BTreeMap::new();
    for lock in table.lines().filter_map(lock) {
        locks.entry(lock.inode).or_default().push(lock);
    }
    let mut holders: Vec<Holder> = Vec::new();
    let held = files.iter().filter(|file| {
        matches!(
            file.role(),
            Role::Db | Role::Wal | Role::WalTmp | Role::SnapDb | Role::DbTmp
        )
    });
    for file in held {
        let Some((device, inode)) = file.id() else {
            continue;
        };
        for lock in locks.get(&inode).into_iter().flatten() {
            let same_device = (
                u64::from(rustix::fs::major(device)),
                u64::from(rustix::fs::minor(device)),
            ) == lock.device;
            // A known holder that locks a further file needs no search.
            if same_device && lock.pid.is_none() && holders.iter().any(|known| known.pid.is_some())
            {
                continue;
            }
            // An OFD lock names no process, and btrfs and overlayfs show other device numbers in `stat`: the open descriptors
            // of all processes show which one has the file.
            let pid = match lock.pid {
                Some(pid) if same_device || holds(proc, pid, (device, inode)) => Some(pid),
                Some(_) => continue,
                None => match searched(proc, (device, inode)) {
                    Some(pid) => Some(pid),
                    None if same_device => None,
                    None => continue,
                },
            };
            if holders.iter().any(|known| known.pid == pid) {
                continue;
            }
            holders.push(Holder {
                command: pid.and_then(|pid| command(proc, pid)),
                pid,
                file: file.name().clone(),
                exclusive: lock.exclusive,
            });
        }
    }
    holders
}

/// `12: OFDLCK ADVISORY  WRITE -1 fe:00:1181 0 EOF`; blocked requests have `->` and hold nothing.
fn lock(line: &str) -> Option<Lock> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let kind = fields.next()?;
    let (_mode, access, pid, place) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    if !matches!(kind, "FLOCK" | "OFDLCK" | "POSIX") {
        return None;
    }
    let mut parts = place.split(':');
    let major = u64::from_str_radix(parts.next()?, 16).ok()?;
    let minor = u64::from_str_radix(parts.next()?, 16).ok()?;
    Some(Lock {
        pid: pid.parse().ok().filter(|pid| *pid > 0),
        exclusive: access == "WRITE",
        device: (major, minor),
        inode: parts.next()?.parse().ok()?,
    })
}

/// Whether a process has that file open.
fn holds(proc: &Path, pid: u32, id: (u64, u64)) -> bool {
    let Ok(descriptors) = fs::read_dir(proc.join(pid.to_string()).join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::metadata(descriptor.path()).ok())
        .any(|meta| (meta.dev(), meta.ino()) == id)
}

/// The process that has that file open, among those whose descriptors may be seen.
fn searched(proc: &Path, id: (u64, u64)) -> Option<u32> {
    let own = std::process::id();
    fs::read_dir(proc)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .find(|pid| holds(proc, *pid, id))
}

fn command(proc: &Path, pid: u32) -> Option<String> {
    let name = fs::read_to_string(proc.join(pid.to_string()).join("comm")).ok()?;
    Some(shown(Path::new(name.trim_end())))
}

#[cfg(test)]
mod tests {
    use super::{Lock, lock};

    #[test]
    fn lines_of_proc_locks_are_read() {
        let line = "1: FLOCK  ADVISORY  WRITE 2911 fe:0a:1181 0 EOF";
        let want = Lock {
            pid: Some(2911),
            exclusive: true,
            device: (0xfe, 0x0a),
            inode: 1181,
        };
        assert_eq!(lock(line), Some(want));
        let line = "2: OFDLCK ADVISORY  READ -1 00:2b:77 0 EOF";
        let want = Lock {
            pid: None,
            exclusive: false,
            device: (0, 0x2b),
            inode: 77,
        };
        assert_eq!(lock(line), Some(want));
        assert_eq!(lock("2: -> FLOCK  ADVISORY  WRITE 12 00:2b:77 0 EOF"), None);
        assert_eq!(lock("3: LEASE  ACTIVE    READ 12 00:2b:77 0 EOF"), None);
        assert_eq!(lock(""), None);
    }
}
