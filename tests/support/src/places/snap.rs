//! `.snap` files: an envelope of CRC and data around a raft snapshot.

use std::fs;
use std::path::{Path, PathBuf};

use super::proto;

/// The `.snap` files of a data directory, oldest first.
#[must_use]
pub fn files(data_dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(data_dir.join("member/snap"))
        .expect("a snap folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "snap")
        })
        .collect();
    paths.sort();
    paths
}

/// The newest `.snap` of a data directory.
#[must_use]
pub fn newest(data_dir: &Path) -> PathBuf {
    files(data_dir).pop().expect("a .snap file")
}

/// Index of the snapshot in a file, by its content.
#[must_use]
pub fn index(path: &Path) -> u64 {
    let data = proto::bytes(&fs::read(path).expect("a .snap file"), 2);
    proto::number(&proto::bytes(&data, 2), 2)
}

/// Rewrites a file with a changed raft snapshot (1 the v2 store as JSON, 2 metadata: 1 `ConfState`, 2 index, 3 term), CRC right.
pub fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) {
    let snapshot = proto::bytes(&fs::read(path).expect("a .snap file"), 2);
    let (mut store, mut metadata) = (proto::bytes(&snapshot, 1), proto::bytes(&snapshot, 2));
    change(&mut store, &mut metadata);
    let mut data = Vec::new();
    proto::put_bytes(&mut data, 1, &store);
    proto::put_bytes(&mut data, 2, &metadata);
    let mut file = Vec::new();
    proto::put_number(&mut file, 1, u64::from(crc32c::crc32c(&data)));
    proto::put_bytes(&mut file, 2, &data);
    fs::write(path, file).expect("written");
}

#[cfg(test)]
mod tests {
    use crate::fixture_copy;

    #[test]
    fn rewriting_a_real_snap_unchanged_gives_the_same_bytes() {
        let copy = fixture_copy("etcd-3.5.30");
        let path = super::newest(&copy.data_dir());
        let before = std::fs::read(&path).unwrap();
        super::rewrite(&path, |_, _| ());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
