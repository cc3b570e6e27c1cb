//! Names of the files in a snap directory.

use located::Term;

/// `TTTTTTTTTTTTTTTT-IIIIIIIIIIIIIIII.snap`: term first, then index. etcd sorts by it and never compares it with the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapName {
    /// The term of entry `index`.
    pub term: Term,
    /// The last entry the snapshot contains.
    pub index: u64,
}

impl SnapName {
    /// Reads a name as etcd writes it: `%016x-%016x.snap`.
    ///
    /// ```
    /// use etcd_inspect_located::Term;
    /// use etcd_inspect_raftlog::snap::SnapName;
    /// let name = SnapName::parse("0000000000000003-000000000000012f.snap").expect("a name");
    /// assert_eq!((name.term, name.index), (Term(3), 303));
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        let (term, index) = name.strip_suffix(".snap")?.split_once('-')?;
        Some(Self {
            term: Term(hex16(term)?),
            index: hex16(index)?,
        })
    }

    /// The name as etcd writes it.
    pub fn file_name(&self) -> String {
        format!("{:016x}-{:016x}.snap", self.term, self.index)
    }
}

fn hex16(digits: &str) -> Option<u64> {
    let fits = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// What a file in a snap directory is, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapPart {
    /// `db`: the bbolt backend.
    Db,
    /// A raft snapshot; `None` where the name says no term and index.
    Snap(Option<SnapName>),
    /// `….snap.broken`: renamed by a boot because it was unreadable. etcd never reads it again.
    Broken(Option<SnapName>),
    /// `IIIIIIIIIIIIIIII.snap.db`: the db a leader sent for that index; the next boot puts it in place of `db` when it is ahead.
    SnapDb(u64),
    /// `db.tmp.*`, `tmp*`: what a killed defragmentation or snapshot receipt left; the next boot deletes it.
    Tmp,
    /// Anything else: ignored with a warning.
    Stray,
}

impl SnapPart {
    /// By the last component of `path`.
    pub fn of(path: &str) -> Self {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if name == "db" {
            Self::Db
        } else if let Some(stem) = name.strip_suffix(".snap.db") {
            hex16(stem).map_or(Self::Stray, Self::SnapDb)
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
    fn names_tell_snapshots_from_leftovers() {
        let of = SnapPart::of;
        let name = SnapName {
            term: Term(2),
            index: 101,
        };
        let file = format!("member/snap/{}", name.file_name());
        assert_eq!(of(&file), SnapPart::Snap(Some(name)));
        assert_eq!(of(&format!("{file}.broken")), SnapPart::Broken(Some(name)));
        assert_eq!(of("snap/0000000000000065.snap.db"), SnapPart::SnapDb(101));
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
