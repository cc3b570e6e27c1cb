//! All snapshot files of one directory.

use super::{SnapFile, SnapName, SnapPart, check};
use located::{Bytes, FileName, Sink};

/// The `.snap` and `.snap.broken` files of a snap directory.
#[derive(Clone, Debug, Default)]
pub struct Snaps {
    /// Files that could be parsed, in the order in which etcd tries them: names descending. Their checksums may be wrong.
    pub files: Vec<SnapFile>,
    /// Files that could not be parsed.
    pub unreadable: Vec<FileName>,
}

impl Snaps {
    /// Reads the snapshot files of a directory and skips other files. Findings about each file go to `report`.
    ///
    /// ```
    /// use etcd_inspect_raftlog::located::{Bytes, FileName};
    /// use etcd_inspect_raftlog::snap::Snaps;
    /// let name = FileName::new("snap/0000000000000002-0000000000000065.snap");
    /// let mut findings = Vec::new();
    /// let snaps = Snaps::read(&[Bytes::new(&name, 0, &[])], &mut |finding| findings.push(finding.code.id));
    /// assert_eq!((snaps.unreadable.len(), findings), (1, vec!["SNAP-001"]));
    /// ```
    pub fn read(files: &[Bytes<'_>], report: &mut Sink<'_>) -> Self {
        let mut snaps = Self::default();
        for bytes in files {
            let part = SnapPart::from_path(bytes.file().as_str());
            if !matches!(part, SnapPart::Snap(_) | SnapPart::Broken(_)) {
                continue;
            }
            match check::file(bytes, report) {
                Some(snap) => snaps.files.push(snap),
                None => snaps.unreadable.push(bytes.file().clone()),
            }
        }
        snaps.files.sort_by(|a, b| b.file.cmp(&a.file));
        snaps
    }

    /// Iterates over the files that etcd accepts, newest name first.
    /// `loadMatching` in `server/etcdserver/api/snap/snapshotter.go`, v3.5.30, takes the newest that it can read.
    pub fn usable(&self) -> impl Iterator<Item = &SnapFile> {
        self.files
            .iter()
            .filter(|snap| snap.is_intact())
            .filter(|snap| matches!(SnapPart::from_path(snap.file.as_str()), SnapPart::Snap(_)))
    }

    /// Returns whether there is a file of that name that etcd does not accept.
    pub fn is_damaged(&self, name: SnapName) -> bool {
        let bad = self.files.iter().filter(|snap| !snap.is_intact());
        bad.map(|snap| &snap.file)
            .chain(&self.unreadable)
            .any(|file| match SnapPart::from_path(file.as_str()) {
                SnapPart::Snap(found) | SnapPart::Broken(found) => found == Some(name),
                _ => false,
            })
    }
}
