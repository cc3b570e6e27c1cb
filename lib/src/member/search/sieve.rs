//! Which records need to be decoded to be searched: those whose stored bytes can print a text with the pattern in it.

use std::sync::OnceLock;

use rayon::prelude::*;
use regex::bytes::Regex;
use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_syntax::hir::Hir;

use super::pattern::{compiled, may_match_within, relaxed};
use super::{Objects, Places, is_whole};
use crate::kubernetes::encryption::Seal;
use crate::kubernetes::schema::{BASE64_TEXTS, COMPUTED_TEXTS, Kind, Rendered};
use crate::kubernetes::{Unknown, Value};
use crate::mvcc::{KeyRange, Keyspace, Version};
use located::progress::Progress;

/// Records that one thread looks at before it takes others.
const PART: usize = 1024;
/// Bytes that begin CBOR, which may be within a field of protobuf.
const CBOR: &[u8] = b"\xd9\xd9\xf7";

/// Whether stored bytes can print a text in which a pattern is found.
#[derive(Debug)]
pub(super) struct Sieve {
    pattern: Regex,
    /// Matches the stored bytes of every string in which the pattern is found.
    stored: meta::Regex,
    /// The same for JSON text that has escapes without numbers.
    escaped: meta::Regex,
    /// Whether the pattern may be found in base64.
    pub(super) in_base64: bool,
    /// What the pattern means for each kind, in the order of [`Kind::all`].
    kinds: Vec<OnceLock<KindFacts>>,
    /// Whether JSON text, in which `resourceVersion` is printed but not stored, must be decoded.
    names_version: bool,
}

/// What of a kind is printed otherwise than it is stored, as far as the pattern may be found in it.
#[derive(Debug)]
struct KindFacts {
    has_name: bool,
    base64: Vec<u16>,
    json: Vec<u16>,
}

impl Sieve {
    /// `None` if only decoding shows it: the pattern matches the empty text, or part of a number or a time.
    pub(super) fn new(pattern: &Regex, parsed: &Hir) -> Option<Self> {
        let stored = relaxed(parsed, false)?;
        let escaped = relaxed(parsed, true)?;
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().utf8(false))
            .build_from_hir(&stored)
            .ok()?;
        if stored.properties().minimum_len()? == 0 || may_match_within(&nfa, COMPUTED_TEXTS) {
            return None;
        }
        let kinds = Kind::all().iter().map(|_| OnceLock::new());
        Some(Self {
            pattern: pattern.clone(),
            stored: compiled(&stored)?,
            escaped: compiled(&escaped)?,
            in_base64: may_match_within(&nfa, BASE64_TEXTS),
            kinds: kinds.collect(),
            names_version: pattern.is_match(b"resourceVersion"),
        })
    }

    /// Whether the pattern may be found in a string that is verbatim among these bytes.
    pub(super) fn passes(&self, stored: &[u8]) -> bool {
        self.stored.is_match(stored)
    }

    /// Whether the pattern may be found in a string of JSON text among these bytes, of which [`Sieve::passes`] is false.
    pub(super) fn passes_json(&self, text: &[u8]) -> bool {
        memchr::memchr(b'\\', text).is_some()
            && (memchr::memmem::find(text, b"\\u").is_some() || self.escaped.is_match(text))
    }

    /// Whether the pattern may be found in the key of a version, or in what is printed of its value.
    pub(super) fn may_match(&self, objects: &Objects<'_>, version: &Version<'_>) -> bool {
        if self.passes(version.message) {
            return true;
        }
        if version.tombstone {
            return false;
        }
        let kv = version.key_value();
        kv.is_ok_and(|kv| self.may_print_value(objects, version.key, kv.value))
    }

    /// Whether the pattern may be found in what is printed of a value, though not among its bytes.
    pub(super) fn may_print_value(&self, objects: &Objects<'_>, key: &[u8], value: &[u8]) -> bool {
        if objects.layout().resource(key).is_none() {
            return false;
        }
        if Seal::parse(value).is_some() {
            return true;
        }
        match Value::parse(value) {
            Ok(Value::Protobuf(unknown)) => self.may_print(&unknown),
            Ok(Value::Json(text)) => {
                self.names_version
                    // The data of Secrets is looked at in clear text.
                    || memchr::memmem::find(text, b"Secret").is_some()
                    || self.passes_json(text)
            }
            Ok(Value::Cbor(_) | Value::Encrypted(_)) => true,
            // What gives no object is searched as bytes.
            Ok(Value::Other(_)) | Err(_) => false,
        }
    }

    fn may_print(&self, unknown: &Unknown<'_>) -> bool {
        if !unknown.content_encoding.is_empty() || !unknown.content_type.is_empty() {
            return true;
        }
        // Of other kinds all is a guess.
        let Some(position) = Kind::position(&unknown.api_version, &unknown.kind) else {
            return true;
        };
        let (Some(kind), Some(facts)) = (Kind::all().get(position), self.kinds.get(position))
        else {
            return true;
        };
        let facts = facts.get_or_init(|| self.facts(kind));
        facts.has_name
            || !facts.base64.is_empty() && unknown.has_field(&facts.base64)
            || !facts.json.is_empty()
                && unknown.has_field(&facts.json)
                && (self.passes_json(unknown.raw)
                    || memchr::memmem::find(unknown.raw, CBOR).is_some())
    }

    fn facts(&self, kind: &Kind) -> KindFacts {
        let rendered = Rendered::new(kind);
        let has_name = |name: &&str| self.pattern.is_match(name.as_bytes());
        KindFacts {
            has_name: rendered
                .names
                .iter()
                .any(|name| is_whole(&self.pattern, name))
                || rendered.names_in_data && rendered.names.iter().any(has_name),
            base64: match self.in_base64 {
                true => rendered.bytes,
                false => Vec::new(),
            },
            json: rendered.json,
        }
    }

    /// Keys with a record in which the pattern may be found, in byte order. Records are read in the order of their
    /// revisions, which is nearly that of the file.
    pub(super) fn keys<'a>(
        &self,
        objects: &Objects<'a>,
        places: Places,
        progress: &dyn Progress,
    ) -> Vec<&'a [u8]> {
        let keyspace = objects.keyspace();
        let numbers = match places.history || places.until.is_some() {
            true => keyspace.numbers_between(i64::MIN..=i64::MAX).collect(),
            false => keyspace.index().newest_in_order(),
        };
        let may_match = |version: &Version<'a>| self.may_match(objects, version);
        keys_with(&keyspace, &numbers, &KeyRange::all(), &may_match, progress)
    }
}

/// Keys of a range with one of these records for which `wanted` holds, in byte order; `progress` counts the bytes of records.
pub(super) fn keys_with<'a>(
    keyspace: &Keyspace<'a>,
    numbers: &[u32],
    range: &KeyRange,
    wanted: &(dyn Fn(&Version<'a>) -> bool + Sync),
    progress: &dyn Progress,
) -> Vec<&'a [u8]> {
    let of = |part: &[u32]| {
        if progress.cancelled() {
            return Vec::new();
        }
        let versions = part.iter().filter_map(|number| keyspace.record(*number));
        let bytes = versions.clone().map(|version| version.stored_bytes);
        progress.advance(bytes.fold(0, u64::saturating_add));
        let found = versions.filter(|version| {
            range.contains(version.key) && !version.key.is_empty() && wanted(version)
        });
        found.map(|version| version.key).collect::<Vec<_>>()
    };
    let parts = numbers.par_chunks(PART);
    let mut keys: Vec<&[u8]> = parts.flat_map_iter(of).collect();
    keys.par_sort_unstable();
    keys.dedup();
    keys
}
