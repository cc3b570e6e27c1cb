//! Whether db and log fit into the address space of this process: they are mapped, or read into memory, as a whole.

use std::io;
use std::path::PathBuf;

use super::file::{File, Role};
use super::{Evidence, platform};
use located::Error;
use located::text::number::size;

/// Address space of the program itself: code, threads, tables.
const OWN_BYTES: u64 = 256 << 20;

impl Evidence {
    /// Refuses evidence that cannot be mapped under the limit of `ulimit -v`: a part that is left out would be taken for one that is
    /// not there.
    pub(super) fn fits_address_space(&self) -> Result<(), Error> {
        self.fits(platform::address_space())
    }

    fn fits(&self, limit: Option<u64>) -> Result<(), Error> {
        let files = self.files().iter();
        let mapped = |file: &&File| matches!(file.role(), Role::Db | Role::Wal);
        let mapped: Vec<&File> = files.filter(mapped).collect();
        let need = mapped
            .iter()
            .map(|file| file.size())
            .fold(0, u64::saturating_add);
        let largest = mapped.iter().max_by_key(|file| file.size());
        let (Some(limit), Some(largest)) = (limit, largest) else {
            return Ok(());
        };
        if self.archived || need.saturating_add(OWN_BYTES) <= limit || need < OWN_BYTES {
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
        assert!(evidence.fits(None).is_ok());
        assert!(evidence.fits(Some(8 << 30)).is_ok());
        let error = evidence
            .fits(Some(4_000_000 << 10))
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
