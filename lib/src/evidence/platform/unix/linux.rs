//! Linux: `O_NOATIME`, its own I/O errors, and `/proc/locks`.

#[path = "linux/locks.rs"]
mod locks;

use rustix::fs::OFlags;
use rustix::io::Errno;

pub(in crate::evidence) use locks::holders;

/// Leaves the access time of what is opened as it is.
pub(super) const NO_ACCESS_TIME: OFlags = OFlags::NOATIME;

/// What a failing disk or a damaged file system answers. ext4 reports EUCLEAN and EBADMSG for metadata with a wrong checksum
/// (`EFSCORRUPTED`, `EFSBADCRC` in fs/ext4/ext4.h), a network block device EREMOTEIO or ETIMEDOUT, NFS ESTALE.
pub(super) const MEDIUM_ERRORS: &[Errno] = &[
    Errno::IO,
    Errno::NODATA,
    Errno::REMOTEIO,
    Errno::TIMEDOUT,
    Errno::BADMSG,
    Errno::UCLEAN,
    Errno::ILSEQ,
    Errno::STALE,
];

pub(super) use libc::__errno_location as errno_location;
