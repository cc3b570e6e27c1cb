//! Names of the files in a snap directory.

use located::{RaftIndex, Term};

/// The name of a snapshot file: `TTTTTTTTTTTTTTTT-IIIIIIIIIIIIIIII.snap`, term and index.
///
/// etcd sorts by the name and never compares it with the content: snapNames in
/// `server/etcdserver/api/snap/snapshotter.go`, v3.5.30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapName {
    /// Term of the entry at `index`.
    pub term: Term,
    /// Index of the last entry that the snapshot contains.
    pub index: RaftIndex,
}

impl SnapName {
    /// Parses a name as etcd writes it: `%016x-%016x.snap`.
    ///
    /// ```
    /// use etcd_inspect_raftlog::located::{RaftIndex, Term};
    /// use etcd_inspect_raftlog::snap::SnapName;
    /// let name = SnapName::parse("0000000000000003-000000000000012f.snap").expect("a name");
    /// assert_eq!((name.term, name.index), (Term(3), RaftIndex(303)));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let (term, index) = name.strip_suffix(".snap")?.split_once('-')?;
        Some(Self {
            term: Term(hex16(term)?),
            index: RaftIndex(hex16(index)?),
        })
    }

    /// Returns the name as etcd writes it.
    pub fn file_name(&self) -> String {
        format!("{:016x}-{:016x}.snap", self.term, self.index)
    }
}

fn hex16(digits: &str) -> Option<u64> {
    let fits = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// The kind of a file in a snap directory, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapPart {
    /// `db`: the bbolt backend.
    Db,
    /// A snapshot file; `None` if the name is not a term and an index.
    Snap(Option<SnapName>),
    /// `….snap.broken`: a file that etcd could not read and renamed. etcd never reads it again.
    Broken(Option<SnapName>),
    /// `IIIIIIIIIIIIIIII.snap.db`: the db that a leader sent for that index. If it is newer than `db`, the next start renames
    /// it to `db`.
    SnapDb(RaftIndex),
    /// `db.tmp.*`, `tmp*`: the rest of an interrupted defragmentation or snapshot transfer; the next start deletes it.
    Tmp,
    /// Any other file: ignored with a warning.
    Stray,
}

impl SnapPart {
    /// Returns the kind of the file, by the last component of `path`.
    /// `dbFilePath` in `server/etcdserver/api/snap/db.go`, v3.5.30; `cleanupSnapdir` in
    /// `server/etcdserver/api/snap/snapshotter.go`, v3.5.30, deletes the rest.
    pub fn from_path(path: &str) -> Self {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if name == "db" {
            Self::Db
        } else if let Some(stem) = name.strip_suffix(".snap.db") {
            hex16(stem).map_or(Self::Stray, |index| Self::SnapDb(RaftIndex(index)))
        } else if let Some(stem) = name.strip_suffix(".broken") {
            Self::Broken(SnapName::parse(stem))
        } else if name.ends_with(".snap") {
            Self::Snap(SnapName::parse(name))
        } else if name.starts_with("tmp") || name.starts_with("db.tmp") {
            Self::Tmp
        } else {
            Self::Stray
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_distinguish_snapshots_from_leftovers() {
        let of = SnapPart::from_path;
        let name = SnapName {
            term: Term(2),
            index: RaftIndex(101),
        };
        let file = format!("member/snap/{}", name.file_name());
        assert_eq!(of(&file), SnapPart::Snap(Some(name)));
        assert_eq!(of(&format!("{file}.broken")), SnapPart::Broken(Some(name)));
        assert_eq!(
            of("snap/0000000000000065.snap.db"),
            SnapPart::SnapDb(RaftIndex(101))
        );
        assert_eq!(of("db"), SnapPart::Db);
        assert_eq!(
            (of("db.tmp.17"), of("tmp123")),
            (SnapPart::Tmp, SnapPart::Tmp)
        );
        assert_eq!(
            (of("backup.db"), of("a.snap")),
            (SnapPart::Stray, SnapPart::Snap(None))
        );
    }
}
