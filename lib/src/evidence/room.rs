//! Whether this process may take what evidence needs: address space, because db and log are mapped, or read into memory, as a
//! whole; file handles. What a limit of ours leaves out would be taken for what is not there.

use std::io;
use std::path::{Path, PathBuf};

use memmap2::MmapOptions;

use super::file::{File, Role};
use super::{Evidence, platform};
use located::Error;
use located::text::number::size;

/// Address space that the work on evidence takes besides its files: threads, tables of keys.
const WORK_BYTES: u64 = 64 << 20;

/// Files that are open at once besides those of other evidence: a db, what is written, folders that are listed.
const HANDLES: usize = 8;

/// Refuses a process that may not open the few files that are open at once.
pub(super) fn has_handles(path: &Path) -> Result<(), Error> {
    platform::spare_handles(HANDLES).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })
}

impl Evidence {
    /// Refuses evidence that cannot be mapped under the limit of `ulimit -v`.
    pub(super) fn fits_address_space(&self) -> Result<(), Error> {
        match platform::address_space() {
            None => Ok(()),
            Some(limit) => self.fits(limit, is_free),
        }
    }

    /// Takes the address space of all files at once if it is limited: later, threads may have taken it.
    pub(super) fn keep_address_space(&self) -> Result<(), Error> {
        if platform::address_space().is_none() {
            return Ok(());
        }
        let is_of_limit = |error: &Error| matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::OutOfMemory);
        let mapped = |file: &&File| matches!(file.role(), Role::Db | Role::Wal);
        let refused = self
            .files()
            .iter()
            .filter(mapped)
            .filter_map(|file| file.bytes().err());
        refused
            .filter(is_of_limit)
            .map(Err)
            .next()
            .unwrap_or(Ok(()))
    }

    fn fits(&self, limit: u64, is_free: impl Fn(u64) -> bool) -> Result<(), Error> {
        let files = self.files().iter();
        let mapped = |file: &&File| matches!(file.role(), Role::Db | Role::Wal);
        let mapped: Vec<&File> = files.filter(mapped).collect();
        // What an archive held is in memory by now.
        let need = match self.archived {
            true => 0,
            false => mapped
                .iter()
                .map(|file| file.size())
                .fold(0, u64::saturating_add),
        };
        let largest = mapped.iter().max_by_key(|file| file.size());
        let Some(largest) = largest else {
            return Ok(());
        };
        if is_free(need.saturating_add(WORK_BYTES)) {
            return Ok(());
        }
        let seen = format!(
            "db and log have {}, this file {}, and this process may take {} of address space (ulimit -v)",
            size(need),
            size(largest.size()),
            size(limit)
        );
        Err(Error::Io {
            path: PathBuf::from(largest.name().as_str()),
            source: io::Error::new(io::ErrorKind::OutOfMemory, seen),
        })
    }
}

/// Whether the system gives that much address space beside what is taken already; it is given back at once.
fn is_free(bytes: u64) -> bool {
    let Ok(len) = usize::try_from(bytes) else {
        return false;
    };
    let map = MmapOptions::new().len(len).no_reserve_swap().map_anon();
    map.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Kind, Reader};

    /// A file of zeros of any length.
    struct Zeros(u64);

    impl Reader for Zeros {
        fn size(&self) -> io::Result<u64> {
            Ok(self.0)
        }

        fn read_at(&self, buffer: &mut [u8], _: u64) -> io::Result<usize> {
            buffer.fill(0);
            Ok(buffer.len())
        }
    }

    #[test]
    fn evidence_that_is_larger_than_the_address_space_is_refused_with_both_sizes() {
        let evidence = Evidence::of_readers(
            "m1",
            Kind::DataDir,
            [
                ("member/snap/db", Zeros(3 << 30)),
                (
                    "member/wal/0000000000000000-0000000000000000.wal",
                    Zeros(2 << 30),
                ),
            ],
        );
        assert!(evidence.fits(8 << 30, |bytes| bytes <= 8 << 30).is_ok());
        let limit = 4_000_000 << 10;
        let error = evidence
            .fits(limit, |bytes| bytes <= limit)
            .unwrap_err()
            .to_string();
        assert!(error.contains("m1/member/snap/db"), "{error}");
        assert!(
            error.contains("db and log have 5.4 GB, this file 3.2 GB"),
            "{error}"
        );
        assert!(
            error.contains("may take 4.1 GB of address space"),
            "{error}"
        );
    }
}
