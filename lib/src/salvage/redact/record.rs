//! A record of one bucket: what of it stays, and what is filled.

use std::sync::Mutex;

use super::content::{self, is_json, number};
use super::fill::Filler;
use super::names::NewNames;
use crate::mvcc::{KeyValue, StoredKey};

/// Maximum length of keys of etcd's own buckets, and of names of buckets, that stay.
const MAX_KEY_BYTES: usize = 512;
/// Maximum length of a value of the `meta` bucket that stays: raft's ConfState as JSON.
const MAX_META_BYTES: usize = 4096;
/// Maximum length of other values of etcd's own that stay.
const MAX_OWN_BYTES: usize = 256;
/// Bytes of a stored revision.
const REVISION_BYTES: usize = 17;

/// What a bucket holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BucketKind {
    /// Buckets.
    Root,
    /// Records of the user.
    Key,
    /// Numbers and versions: `meta`, `cluster`, `lease`, `alarm`, `auth`, `members_removed`.
    Own,
    /// Members as JSON.
    Members,
    /// Users, with the hashes of their passwords.
    Users,
    /// Roles, with the keys that they allow.
    Roles,
    /// Not of etcd.
    Foreign,
}

impl BucketKind {
    pub(super) fn of_name(name: &[u8]) -> Self {
        match name {
            b"key" => Self::Key,
            b"meta" | b"cluster" | b"lease" | b"alarm" | b"auth" | b"members_removed" => Self::Own,
            b"members" => Self::Members,
            b"authUsers" => Self::Users,
            b"authRoles" => Self::Roles,
            _ => Self::Foreign,
        }
    }
}

/// Fills records.
pub(super) struct Redactor {
    pub(super) filler: Filler,
    /// Replaces names, if that is asked for.
    pub(super) names: Option<Mutex<NewNames>>,
}

impl Redactor {
    /// A key as it is in a page of the bucket: revisions and etcd's own names stay.
    pub(super) fn stored_key(&self, kind: &BucketKind, key: &[u8]) -> Vec<u8> {
        let keep = |length: usize| {
            let (kept, rest) = key.split_at(length.min(key.len()));
            [kept, &self.filler.letters(rest)].concat()
        };
        match kind {
            BucketKind::Key if is_revision(key) => keep(REVISION_BYTES.saturating_add(1)),
            BucketKind::Key => self.filler.letters(key),
            _ => keep(MAX_KEY_BYTES),
        }
    }

    /// A value of the bucket that is not a bucket itself.
    pub(super) fn stored_value(&self, kind: &BucketKind, key: &[u8], value: &[u8]) -> Vec<u8> {
        match kind {
            BucketKind::Key => self.key_value(value),
            BucketKind::Own => self.own(key, value),
            BucketKind::Members if is_json(value) => content::own_json(&self.filler, value),
            BucketKind::Users => self.user(value),
            BucketKind::Roles => self.role(value),
            _ => content::value(&self.filler, value),
        }
    }

    fn own(&self, key: &[u8], value: &[u8]) -> Vec<u8> {
        let most = match key {
            b"consistent_index" | b"term" | b"authRevision" => 8,
            b"scheduledCompactRev" | b"finishedCompactRev" => REVISION_BYTES.saturating_add(1),
            b"confState" if is_json(value) => MAX_META_BYTES,
            b"clusterVersion" | b"storageVersion" | b"storage-version" => 32,
            b"downgrade" if is_json(value) => MAX_OWN_BYTES,
            b"authEnabled" => 1,
            _ if value == b"removed" => value.len(),
            // A lease: numbers.
            _ if key.len() == 8 && is_numbers(value) => MAX_OWN_BYTES,
            _ => 0,
        };
        let (kept, rest) = value.split_at(most.min(value.len()));
        [kept, &content::value(&self.filler, rest)].concat()
    }

    /// `mvccpb.KeyValue`: numbers stay.
    fn key_value(&self, message: &[u8]) -> Vec<u8> {
        let parsed = KeyValue::parse(message);
        let is_sound = parsed.is_ok_and(|kv| kv.canonical);
        let mut out = Vec::with_capacity(message.len());
        let mut last = 0;
        while let Some(rest) = message.get(out.len()..)
            && let Some((field, bytes)) = self.field(rest, last, is_sound)
        {
            out.extend(bytes);
            last = field;
        }
        let rest = message.get(out.len()..).unwrap_or_default();
        out.extend(tail(rest.len(), parsed.is_ok()));
        out
    }

    /// The field that begins here, if it is one that etcd writes after field `last`: its number and its new bytes.
    fn field(&self, rest: &[u8], last: u8, is_sound: bool) -> Option<(u8, Vec<u8>)> {
        let tag = *rest.first()?;
        let field = tag >> 3;
        if field <= last || field > 6 {
            return None;
        }
        let (value, bytes) = number(rest.get(1..)?)?;
        let head = bytes.checked_add(1)?;
        let mut out = rest.get(..head)?.to_vec();
        match tag {
            0x0a | 0x2a => {
                let end = head.checked_add(usize::try_from(value).ok()?)?;
                let content = rest.get(head..end)?;
                out.extend(match tag {
                    0x0a => self.user_key(content, is_sound),
                    _ => content::value(&self.filler, content),
                });
            }
            0x10 | 0x18 | 0x20 => {}
            // A lease is the last field: what only looks like one within a value is none.
            0x30 if rest.len() == head => {}
            _ => return None,
        }
        Some((field, out))
    }

    /// The name of a key. In a damaged record its length may take in parts of the value.
    fn user_key(&self, key: &[u8], is_sound: bool) -> Vec<u8> {
        let is_printable = || key.iter().all(u8::is_ascii_graphic);
        if !is_sound && !is_printable() {
            return self.filler.letters(key);
        }
        match &self.names {
            None => key.to_vec(),
            Some(names) => {
                let mut names = names
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                names.key(key)
            }
        }
    }

    /// `authpb.User`: name 1, password 2, roles 3. NewNames stay: pages are ordered by them.
    fn user(&self, value: &[u8]) -> Vec<u8> {
        self.fields(value, &|field| field == 1 || field == 3)
    }

    /// A password's hash: `$2` says that it is one of bcrypt.
    fn password(&self, hash: &[u8]) -> Vec<u8> {
        match hash.strip_prefix(b"$2") {
            Some(rest) => [b"$2", self.filler.letters(rest).as_slice()].concat(),
            None => content::value(&self.filler, hash),
        }
    }

    /// `authpb.Role`: name 1, permissions 2 with the keys that they allow.
    fn role(&self, value: &[u8]) -> Vec<u8> {
        let with_names = self.names.is_some();
        self.fields(value, &|field| field == 1 || !with_names)
    }

    fn fields(&self, value: &[u8], keeps: &dyn Fn(u64) -> bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(value.len());
        while out.len() < value.len() {
            let rest = value.get(out.len()..).unwrap_or_default();
            match length_delimited(rest).filter(|(field, ..)| keeps(*field)) {
                Some((_, _, end)) => out.extend_from_slice(rest.get(..end).unwrap_or_default()),
                None => match length_delimited(rest) {
                    Some((_, head, end)) => {
                        out.extend_from_slice(rest.get(..head).unwrap_or_default());
                        let inner = rest.get(head..end).unwrap_or_default();
                        out.extend(self.password(inner));
                    }
                    None => out.extend(content::value(&self.filler, rest)),
                },
            }
        }
        out
    }
}

/// Number, length of the head and end of a field with a length, if one of at most 256 bytes begins here.
fn length_delimited(rest: &[u8]) -> Option<(u64, usize, usize)> {
    let (tag, tag_bytes) = number(rest)?;
    let (length, length_bytes) = number(rest.get(tag_bytes..)?)?;
    let head = tag_bytes.checked_add(length_bytes)?;
    let end = head.checked_add(usize::try_from(length).ok()?)?;
    let is_one = tag & 7 == 2 && tag >> 3 != 0 && end <= rest.len() && end <= MAX_OWN_BYTES;
    is_one.then_some((tag >> 3, head, end))
}

/// The end of a record that is no field of etcd's: bytes that are as unreadable, or as readable, as those that were there.
fn tail(length: usize, is_readable: bool) -> Vec<u8> {
    match is_readable {
        // Field 0 is none.
        false => vec![0x07; length],
        // Field 15 with a number of one byte, the first of two if the length is odd.
        true => {
            let mut out = Vec::with_capacity(length);
            if !length.is_multiple_of(2) && length >= 3 {
                out.extend([0x78, 0xf8, 0x01]);
            }
            while out.len() < length {
                out.extend([0x78, 0x78]);
            }
            out.truncate(length);
            out
        }
    }
}

/// Whether bytes begin with a revision, or with what was one before a bit of it changed.
pub(super) fn is_revision(key: &[u8]) -> bool {
    // A length that is damaged may cut it.
    let revision = key.get(..REVISION_BYTES).unwrap_or(key);
    let is_small = |range: std::ops::Range<usize>| {
        let bytes = revision.iter().take(range.end).skip(range.start);
        bytes.map(|byte| byte.count_ones()).sum::<u32>() <= 1
    };
    let has_separator = revision
        .get(8)
        .is_some_and(|byte| (byte ^ b'_').count_ones() <= 1);
    if revision.len() < REVISION_BYTES {
        return is_small(0..3) && is_small(9..13);
    }
    StoredKey::parse(revision).is_ok_and(|_| is_small(0..2) && is_small(9..13))
        || (has_separator && is_small(0..3) && is_small(9..13))
        || (is_small(0..4) && is_small(9..15))
}

/// Whether a message consists of numbers.
fn is_numbers(value: &[u8]) -> bool {
    let mut rest = value;
    while !rest.is_empty() {
        let field = || {
            let (tag, bytes) = number(rest)?;
            let after = rest.get(bytes..)?;
            let (_, bytes) = number(after)?;
            (tag & 7 == 0 && tag >> 3 != 0).then_some(after.get(bytes..)?)
        };
        match field() {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}
