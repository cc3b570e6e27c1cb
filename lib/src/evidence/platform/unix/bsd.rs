//! macOS and FreeBSD: no flag against access times, no list of locks.

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::evidence::file::File;
use crate::evidence::live::Holder;

/// There is no such flag: access times are kept if the volume is mounted `noatime`.
pub(super) const NO_ACCESS_TIME: OFlags = OFlags::empty();

/// What a failing disk or a damaged file system answers.
pub(super) const MEDIUM_ERRORS: &[Errno] = &[
    Errno::IO,
    Errno::TIMEDOUT,
    Errno::BADMSG,
    Errno::ILSEQ,
    Errno::STALE,
];

pub(super) use libc::__error as errno_location;

/// None: the system does not list who holds a lock, and trying to take one would disturb a server.
pub(in crate::evidence) fn holders(_: &[File]) -> Vec<Holder> {
    Vec::new()
}
