//! A record of one bucket: what of it stays, and what is filled.

use std::sync::Mutex;

use super::content::{self, is_json, number};
use super::fill::Filler;
use super::names::NewNames;
use crate::kubernetes::mask::token;
use crate::mvcc::KeyValue;

/// Maximum length of keys of etcd's own buckets, and of names of buckets, that stay.
const MAX_KEY_BYTES: usize = 512;
/// Maximum length of a value of the `meta` bucket that stays: raft's ConfState as JSON.
const MAX_META_BYTES: usize = 4096;
/// Maximum length of other values of etcd's own that stay.
const MAX_OWN_BYTES: usize = 256;
/// Tag of `create_revision`, the field after the key.
const CREATE_TAG: u8 = 0x10;
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
    /// A page that no tree reaches, and whose keys are none of a bucket that is known.
    Unknown,
}

impl BucketKind {
    /// What a page holds that no tree reaches, by the first key of it.
    pub(super) fn of_first_key(key: &[u8], is_bucket: bool) -> Self {
        match key {
            _ if is_bucket => Self::Root,
            _ if is_revision(key) => Self::Key,
            b"consistent_index"
            | b"confState"
            | b"term"
            | b"scheduledCompactRev"
            | b"finishedCompactRev"
            | b"clusterVersion"
            | b"downgrade" => Self::Own,
            _ => Self::Unknown,
        }
    }

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
            // Zeros stay, so that the order of keys is what it was.
            BucketKind::Key | BucketKind::Unknown => {
                let letters = self.filler.letters(key);
                let pairs = key.iter().zip(letters);
                let fill = |(plain, letter): (&u8, u8)| if *plain == 0 { 0 } else { letter };
                pairs.map(fill).collect()
            }
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
    pub(super) fn key_value(&self, message: &[u8]) -> Vec<u8> {
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
        out.extend(tail(rest, parsed.is_ok()));
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
                    0x0a => {
                        let is_followed = rest.get(end).is_none_or(|next| *next == CREATE_TAG);
                        self.user_key(content, is_sound, is_followed)
                    }
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

    /// The name of a key. In a damaged record its length may take in parts of the value, and what a damaged element calls a record
    /// may be a part of a value: only a name before the field that etcd writes after it is one.
    fn user_key(&self, key: &[u8], is_sound: bool, is_followed: bool) -> Vec<u8> {
        let is_printable = || key.iter().all(u8::is_ascii_graphic);
        if !(is_sound || is_followed && is_printable()) {
            return self.filler.letters(key);
        }
        match &self.names {
            None => self.without_token(key),
            Some(names) => {
                let mut names = names
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                names.key(key)
            }
        }
    }

    /// A key that stays, but for a token that an object is named after.
    fn without_token(&self, key: &[u8]) -> Vec<u8> {
        let mut out = key.to_vec();
        if let Some(name) = token(key).and_then(|place| out.get_mut(place)) {
            let letters = self.filler.letters(name);
            name.copy_from_slice(&letters);
        }
        out
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

/// The end of a record that is no field of etcd's: bytes that are as unreadable, or as readable, as those that were there. None of
/// them is the byte that was there.
fn tail(input: &[u8], is_readable: bool) -> Vec<u8> {
    // Field 0 is none; fields 14 and 15 with a number of one byte, the first of two if the length is odd.
    let is_odd = input.len() >= 3 && !input.len().is_multiple_of(2);
    let part = |at: usize| match (is_readable, is_odd, at) {
        (false, ..) => 3,
        (true, true, 0..3) => at,
        (true, ..) => match at.wrapping_add(usize::from(is_odd)).is_multiple_of(2) {
            true => 0,
            false => 2,
        },
    };
    let other = |plain: u8, first: u8, second: u8| if plain == first { second } else { first };
    let bytes = input.iter().enumerate();
    bytes
        .map(|(at, plain)| match part(at) {
            0 => other(*plain, 0x78, 0x70),
            1 => other(*plain, 0xf8, 0xf9),
            2 => other(*plain, 0x01, 0x02),
            _ => other(*plain, 0x07, 0x06),
        })
        .collect()
}

/// Whether bytes begin with a revision, or with what was one before some bytes of it were damaged: of the bytes that are 0 in each
/// revision below 2^40, and of the separator, half are as they must be. Text has no 0.
pub(super) fn is_revision(key: &[u8]) -> bool {
    let zeros = key.iter().take(3).chain(key.get(9..15).unwrap_or_default());
    let zeros = zeros.filter(|byte| **byte == 0).count();
    let separator = usize::from(key.get(8).is_some_and(|byte| *byte == b'_'));
    match key.len() {
        // A length that is damaged may cut it.
        ..REVISION_BYTES => key.starts_with(&[0; 3]) && key.get(8).is_none_or(|byte| *byte == b'_'),
        _ => zeros.saturating_add(separator) >= 5,
    }
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
