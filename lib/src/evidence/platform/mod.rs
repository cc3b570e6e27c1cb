//! What differs between operating systems when evidence is read. Everything else in the library is the same everywhere.
//!
//! | system | access times | failing mapped pages | servers that hold files |
//! |---|---|---|---|
//! | Linux | kept (`O_NOATIME`) if the caller owns the file | become zeros and are reported | found in `/proc/locks` |
//! | macOS, FreeBSD | as the mount option says | become zeros and are reported | not looked for |
//! | any other | as the system does it | files are read, not mapped | not looked for |
//!
//! **Invariant**: nothing here opens for writing, takes a lock, or opens a FIFO or a terminal and waits for it.
//!
//! `--cfg portable` builds the third row on any system, so that its code can be tested on Linux.

#[cfg(all(
    any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"),
    not(portable)
))]
#[path = "unix.rs"]
mod system;
#[cfg(not(all(
    any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"),
    not(portable)
)))]
#[path = "other.rs"]
mod system;

pub(super) use system::{
    Guard, address_space, data_extents, holders, identity, is_block_device, is_medium_error,
    is_pipe, list, open, os_str, ownership, spare_handles,
};

use std::ffi::OsString;
use std::time::SystemTime;

use super::tree::Shape;

/// One name of a folder.
pub(super) struct Listed {
    pub(super) name: OsString,
    /// What it is, if the listing itself says so; `None` for links and everything else that must be looked at.
    pub(super) shape: Option<Shape>,
}

/// What the file system says of a file besides its size and times.
#[derive(Default)]
pub(super) struct FileIdentity {
    /// Permission bits (`0o600`), if the system has them.
    pub(super) mode: Option<u32>,
    /// Device and inode, if the system has them.
    pub(super) id: Option<(u64, u64)>,
}

/// What a manifest records of a file besides its size and usual times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ownership {
    /// Owner and group, if the system has them as numbers.
    pub(super) owner: Option<(u32, u32)>,
    /// When the inode was last changed.
    pub(super) changed: Option<SystemTime>,
    /// Bytes that the file takes on the disk.
    pub(super) allocated_bytes: Option<u64>,
    /// How many names the inode has.
    pub(super) links: Option<u64>,
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::{is_medium_error, list, open};

    #[test]
    fn a_folder_is_listed_without_its_dots_and_is_not_opened_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("wal")).unwrap();
        std::fs::write(dir.path().join("db"), b"x").unwrap();
        let mut names: Vec<_> = list(dir.path())
            .unwrap()
            .map(|listed| listed.unwrap().name.into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["db", "wal"]);
        assert_eq!(
            open(dir.path()).unwrap_err().kind(),
            ErrorKind::IsADirectory
        );
        assert!(open(&dir.path().join("db")).is_ok());
        assert_eq!(
            open(&dir.path().join("none")).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn an_io_error_is_of_the_medium_and_a_missing_permission_is_not() {
        let io = if cfg!(windows) { 1117 } else { 5 };
        assert!(is_medium_error(&std::io::Error::from_raw_os_error(io)));
        assert!(!is_medium_error(&ErrorKind::PermissionDenied.into()));
    }
}
