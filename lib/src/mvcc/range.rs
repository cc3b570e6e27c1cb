//! Ranges of user keys, as etcd's requests have them.

/// Half-open in byte order: `start` to before `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self {
            start: Vec::new(),
            end: None,
        }
    }

    /// One key.
    pub fn key(key: &[u8]) -> Self {
        let end = Some([key, b"\0"].concat());
        Self {
            start: key.to_vec(),
            end,
        }
    }

    /// Keys that start with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        let end = end.pop().map(|last| {
            end.push(last + 1);
            end
        });
        Self {
            start: prefix.to_vec(),
            end,
        }
    }

    /// From the range end of etcd's requests: empty means one key, a zero byte every key from `start` on.
    ///
    /// ```
    /// use etcd_inspect::mvcc::KeyRange;
    /// assert_eq!(KeyRange::request(b"a", b""), KeyRange::key(b"a"));
    /// assert!(KeyRange::request(b"a", b"\0").contains(b"zebra"));
    /// assert_eq!(KeyRange::request(b"a", b"b"), KeyRange::prefix(b"a"));
    /// ```
    /// As `rangeKeys` in `server/mvcc/kvstore_txn.go`, v3.5.30, takes the two fields of a request.
    pub fn request(start: &[u8], range_end: &[u8]) -> Self {
        match range_end {
            [] => Self::key(start),
            [0] => Self {
                start: start.to_vec(),
                end: None,
            },
            end => Self {
                start: start.to_vec(),
                end: Some(end.to_vec()),
            },
        }
    }

    /// Returns whether no key that starts with `folder` is in it.
    pub(crate) fn is_apart_from(&self, folder: &[u8]) -> bool {
        let below = Self::prefix(folder);
        self.end.as_deref().is_some_and(|end| end <= folder)
            || below.end.is_some_and(|end| end <= self.start)
    }

    /// Returns whether a key is in it.
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_deref().is_none_or(|end| key < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_highest_bytes_reaches_to_the_end() {
        assert!(KeyRange::prefix(b"\xff\xff").contains(b"\xff\xff\xff"));
        assert!(!KeyRange::prefix(b"\xff\xff").contains(b"\xff\xfe"));
        let range = KeyRange::prefix(b"a\xff");
        assert!(range.contains(b"a\xff\xff") && !range.contains(b"b") && !range.contains(b"a\xfe"));
        assert_eq!(KeyRange::prefix(b""), KeyRange::all());
    }

    #[test]
    fn a_folder_is_apart_only_where_all_its_keys_are() {
        let pods = KeyRange::prefix(b"/registry/pods/");
        for (folder, apart) in [
            ("/registry/pods/", false),
            ("/registry/pods/shop/", false),
            ("/registry/", false),
            ("", false),
            ("/registry/pod/", true),
            ("/registry/podtemplates/", true),
            ("/registry/replicasets/shop/", true),
        ] {
            assert_eq!(pods.is_apart_from(folder.as_bytes()), apart, "{folder}");
        }
        assert!(!KeyRange::all().is_apart_from(b"/a/"));
        assert!(KeyRange::key(b"/a/b").is_apart_from(b"/a/b/"));
    }

    #[test]
    fn one_key_is_not_its_extensions() {
        let range = KeyRange::key(b"a");
        assert!(range.contains(b"a") && !range.contains(b"a\0") && !range.contains(b""));
    }
}
