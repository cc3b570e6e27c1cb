//! The SHA-256 that `etcdctl snapshot save` appends to the bbolt image.

use sha2::{Digest, Sha256};

use super::File;
use located::Bytes;

/// The trailer of a snapshot file.
///
/// Present if `size % 512 == 32`: a bbolt file is a whole number of pages. etcd's restore uses the same rule
/// (`hasChecksum` in `etcdutl/snapshot/v3_snapshot.go, v3.5.30`; a truncated file can match by chance: etcd#16809). Nothing is hashed until [`Trailer::computed`] is asked.
#[derive(Clone, Copy, Debug)]
pub struct Trailer<'a> {
    image: Bytes<'a>,
    stored: [u8; 32],
}

impl<'a> Trailer<'a> {
    /// Returns the trailer, if the length of the file shows that there is one.
    ///
    /// ```
    /// use etcd_inspect::{Bytes, FileName, evidence::Trailer};
    /// let name = FileName::new("snapshot.db");
    /// assert!(Trailer::find(&Bytes::new(&name, 0, &[0; 512])).is_none());
    /// let trailer = Trailer::find(&Bytes::new(&name, 0, &[0; 544])).unwrap();
    /// assert!(!trailer.matches());
    /// ```
    pub fn find(file: &Bytes<'a>) -> Option<Self> {
        if !has_trailer(file.len() as u64) {
            return None;
        }
        let at = file.len().checked_sub(32)?;
        let stored = file.as_slice().get(at..)?.try_into().ok()?;
        let image = file.slice(0, at, "snapshot.image").ok()?;
        Some(Self { image, stored })
    }

    /// The bbolt file before the trailer.
    pub fn image(&self) -> Bytes<'a> {
        self.image
    }

    /// The sum that the file contains.
    pub fn stored(&self) -> [u8; 32] {
        self.stored
    }

    /// The sum of the bytes before it. Reads the whole file.
    pub fn computed(&self) -> [u8; 32] {
        Sha256::digest(self.image.as_slice()).into()
    }

    /// Whether both are equal. Reads the whole file.
    pub fn matches(&self) -> bool {
        self.computed() == self.stored
    }
}

impl File {
    /// Whether the trailer matches the bytes before it; `None` if there is none, or the file cannot be read. It is computed once.
    pub fn trailer_matches(&self) -> Option<bool> {
        let matches = || Some(Trailer::find(&self.bytes().ok()?)?.matches());
        *self.known_trailer().get_or_init(matches)
    }
}

/// Returns whether a file of that length ends with a sum.
pub fn has_trailer(size: u64) -> bool {
    size % 512 == 32 && size > 512
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::Trailer;
    use located::{Bytes, FileName};

    #[test]
    fn the_sum_covers_everything_before_it() {
        let mut file = vec![9; 8192];
        file.extend(Sha256::digest(&file));
        let name = FileName::new("snapshot.db");
        let trailer = Trailer::find(&Bytes::new(&name, 0, &file)).unwrap();
        assert!(trailer.matches());
        assert_eq!(trailer.image().len(), 8192);
        file[17] ^= 1;
        assert!(
            !Trailer::find(&Bytes::new(&name, 0, &file))
                .unwrap()
                .matches()
        );
    }
}
