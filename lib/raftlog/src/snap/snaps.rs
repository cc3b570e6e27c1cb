//! All raft snapshots of one directory.

use super::{SnapFile, SnapName, SnapPart, check};
use located::{Bytes, FileName, Sink};

/// The `.snap` and `.snap.broken` files of a snap directory.
#[derive(Clone, Debug, Default)]
pub struct Snaps {
    /// Those that could be read, ordered as etcd tries them: names descending. Their checksums may be wrong.
    pub files: Vec<SnapFile>,
    /// Those that could not be read at all.
    pub unreadable: Vec<FileName>,
}

impl Snaps {
    /// Reads the files of a directory; other files are passed over. What is wrong with each alone goes to `report`.
    ///
    /// ```
    /// use etcd_inspect::{Bytes, FileName, snap::Snaps};
    /// let name = FileName::new("snap/0000000000000002-0000000000000065.snap");
    /// let mut findings = Vec::new();
    /// let snaps = Snaps::read(&[Bytes::new(&name, 0, &[])], &mut |finding| findings.push(finding.code.id));
    /// assert_eq!((snaps.unreadable.len(), findings), (1, vec!["SNAP-001"]));
    /// ```
    pub fn read(files: &[Bytes<'_>], report: &mut Sink<'_>) -> Self {
        let mut snaps = Self::default();
        for bytes in files {
            let part = SnapPart::of(bytes.file().as_str());
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

    /// Those that etcd would accept, newest name first.
    pub fn usable(&self) -> impl Iterator<Item = &SnapFile> {
        self.files
            .iter()
            .filter(|snap| snap.is_intact())
            .filter(|snap| matches!(SnapPart::of(snap.file.as_str()), SnapPart::Snap(_)))
    }

    /// Whether a file of that name is here, but not one etcd would accept.
    pub fn is_damaged(&self, name: SnapName) -> bool {
        let bad = self.files.iter().filter(|snap| !snap.is_intact());
        bad.map(|snap| &snap.file)
            .chain(&self.unreadable)
            .any(|file| match SnapPart::of(file.as_str()) {
                SnapPart::Snap(of) | SnapPart::Broken(of) => of == Some(name),
                _ => false,
            })
    }
}
