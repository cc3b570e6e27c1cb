//! What is searched without decoding is found as if everything were decoded.

use etcd_inspect::check::logged_beside;
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::{Hit, Member, Objects, Pattern, Places, Reading};
use etcd_inspect::mvcc::{KeyRange, Revision, Version};
use etcd_inspect::progress::Silent;
use serde_json::Value as Json;

use super::objects::objects;

/// Texts that are tried of each fixture, unless `SEARCHES` says how many.
const TRIED: usize = 60;

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

/// Every name and every leaf of an object, as text.
fn texts(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Object(fields) => fields.iter().for_each(|(name, field)| {
            found.push(name.clone());
            texts(field, found);
        }),
        Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Json::String(text) => found.push(text.clone()),
        Json::Null => {}
        other => found.push(other.to_string()),
    }
}

/// A part of a text as a pattern: plain, or with something in it that is not plain.
fn pattern(text: &str, random: &mut Random) -> String {
    let chars: Vec<char> = text.chars().collect();
    let start = random.below(chars.len());
    let end = start + 1 + random.below((chars.len() - start).min(24));
    let part: Vec<String> = chars[start..end.min(chars.len())]
        .iter()
        .map(|c| regex::escape(&c.to_string()))
        .collect();
    let middle = random.below(part.len());
    let (before, after) = (part[..middle].concat(), part[middle..].concat());
    match random.below(9) {
        0 => format!("{before}.*{after}"),
        1 => format!("^{}", part.concat()),
        2 => format!(r"\b{}", part.concat()),
        3 => format!("{before}.{}", part[(middle + 1).min(part.len())..].concat()),
        4 => format!("{before}[^\\n]{{0,3}}{after}"),
        5 => format!("nothing-of-it|({before})({after})"),
        _ => part.concat(),
    }
}

const PLACES: Places = Places {
    keys: true,
    values: true,
    history: true,
    until: None,
};

fn hits(objects: &Objects<'_>, pattern: &Pattern, range: &KeyRange, mask: &Mask) -> Vec<Hit> {
    let mut hits = Vec::new();
    objects.search(pattern, range, PLACES, Some(mask), &mut |hit| {
        hits.push(hit);
        true
    });
    hits
}

#[test]
fn stored_bytes_lose_no_hit_of_any_name_number_time_or_text() {
    let mask = Mask::new(b"test");
    let tried = std::env::var("SEARCHES").map_or(TRIED, |tried| tried.parse().unwrap());
    for name in [
        "k8s-1.20-etcd35",
        "k8s-1.20-etcd35-enc",
        "k8s-1.20-cluster3/m1",
    ] {
        let path = testkit::data_dir(name);
        let member = Member::open(&path).unwrap();
        let objects = objects(&member, Keyring::default());
        let all: Vec<Version<'_>> = objects.keyspace().between(0..=i64::MAX).collect();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut found, mut sieved) = (0, 0);
        for _ in 0..tried {
            let version = &all[random.below(all.len())];
            let mut choices = vec![String::from_utf8_lossy(version.key).into_owned()];
            if let Ok(object) = objects.json(version, Reading::default()) {
                texts(&object, &mut choices);
            }
            let text = &choices[random.below(choices.len())];
            if text.is_empty() {
                continue;
            }
            let written = pattern(text, &mut random);
            let Ok(pattern) = Pattern::new(&written, random.below(3) == 0, None) else {
                continue;
            };
            let range = KeyRange::key(version.key);
            let fast = hits(&objects, &pattern, &range, &mask);
            let whole = hits(&objects, &pattern.without_sieve(), &range, &mask);
            assert_eq!(fast, whole, "{name}: {written:?} in {version:?}");
            found += usize::from(!whole.is_empty());
            sieved += usize::from(pattern.is_sieved());
        }
        assert!(
            found > tried / 2 && sieved > tried / 4,
            "{name}: {found} found, {sieved} sieved"
        );
    }
}

/// A value under a key, as a message of etcd.
fn message(key: &str, value: &[u8]) -> Vec<u8> {
    let mut message = vec![0x0a, u8::try_from(key.len()).unwrap()];
    message.extend_from_slice(key.as_bytes());
    message.extend_from_slice(&[0x10, 2, 0x18, 2, 0x20, 1, 0x2a]);
    let mut len = value.len();
    while len > 0x7f {
        message.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    message.push(len as u8);
    message.extend_from_slice(value);
    message
}

#[test]
fn escapes_of_json_and_bytes_that_are_no_text_hide_nothing() {
    let path = testkit::data_dir("k8s-1.20-etcd35");
    let member = Member::open(&path).unwrap();
    let objects = objects(&member, Keyring::default());
    let pod = |name: &[u8]| {
        let raw = [&[0x0a, name.len() as u8 + 2, 0x0a, name.len() as u8], name].concat();
        let head = b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12";
        [head, &[raw.len() as u8][..], &raw, b"\x1a\0\"\0"].concat()
    };
    let values: Vec<(&str, Vec<u8>)> = vec![
        (
            "hunter",
            br#"{"kind":"A","apiVersion":"v1","x":"hunt\u0065r"}"#.to_vec(),
        ),
        (
            "say \"hunter\"",
            br#"{"kind":"A","apiVersion":"v1","x":"say \"hunter\" ok"}"#.to_vec(),
        ),
        (
            "a/b",
            br#"{"kind":"A","apiVersion":"v1","x":"a\/b"}"#.to_vec(),
        ),
        (
            "line\nnext",
            br#"{"kind":"A","apiVersion":"v1","x":"line\nnext"}"#.to_vec(),
        ),
        (
            "l[^x]n",
            br#"{"kind":"A","apiVersion":"v1","x":"al\tn"}"#.to_vec(),
        ),
        (
            "hunter",
            br#"{"kind":"Secret","apiVersion":"v1","data":{"p":"aHVudGVy"}}"#.to_vec(),
        ),
        (
            "resourceVersion",
            br#"{"kind":"A","apiVersion":"v1","metadata":{"name":"x"}}"#.to_vec(),
        ),
        ("hun.t.er", pod(b"hun\xfft\xf0er")),
        ("hun[^a-z]{2}t", pod(b"hun\xf0\x90t")),
        ("\u{fffd}t", pod(b"hun\xfft")),
        ("containers", pod(b"hunter")),
        ("hunter", pod(b"hunter")),
    ];
    for (written, value) in values {
        let key = "/registry/pods/shop/a";
        let message = message(key, &value);
        let version = Version {
            key: key.as_bytes(),
            revision: Revision::new(2, 0),
            tombstone: false,
            offset: None,
            stored_bytes: message.len() as u64,
            message: &message,
        };
        let pattern = Pattern::new(written, false, None).unwrap();
        let fast = objects.search_version(&version, &pattern, PLACES, None);
        let whole = objects.search_version(&version, &pattern.without_sieve(), PLACES, None);
        assert_eq!(fast, whole, "{written:?}");
        assert!(!whole.is_empty(), "{written:?} in {}", value.escape_ascii());
    }
}

#[test]
fn hits_of_patterns_tell_nothing_of_a_hidden_value() {
    let path = testkit::data_dir("k8s-1.20-etcd35");
    let member = Member::open(&path).unwrap();
    let objects = objects(&member, Keyring::default());
    let mask = Mask::new(b"test");
    let found = |text: &str, mask: Option<&Mask>| {
        let pattern = Pattern::new(text, false, None).unwrap();
        let mut fields = Vec::new();
        let range = KeyRange::prefix(b"/registry/secrets/");
        objects.search(&pattern, &range, PLACES, mask, &mut |hit| {
            fields.extend(hit.field);
            true
        });
        fields
    };
    let secrets = KeyRange::prefix(b"/registry/secrets/");
    let mut tried = 0;
    for version in objects.keyspace().all(&secrets).iter().step_by(9) {
        let Ok(object) = objects.json(&version, Reading::default()) else {
            continue;
        };
        for (name, value) in object["data"].as_object().into_iter().flatten() {
            use base64::Engine;
            let plain = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap());
            let plain = String::from_utf8_lossy(&plain.unwrap()).into_owned();
            let Some(start) = plain
                .get(..plain.len().min(12))
                .filter(|start| start.len() > 6)
            else {
                continue;
            };
            let (field, start) = (format!("data.{name}"), regex::escape(start));
            let is_field = |fields: Vec<String>| fields.iter().any(|one| one.starts_with("data"));
            assert!(is_field(found(&format!("^{start}"), None)), "{field}");
            for pattern in [format!("^{start}"), start.clone(), format!("(?s){start}.*")] {
                assert!(
                    !is_field(found(&pattern, Some(&mask))),
                    "{field}: {pattern}"
                );
            }
            tried += 1;
        }
    }
    assert!(tried > 4, "{tried}");
}

#[test]
fn a_log_that_is_not_read_has_nothing_of_the_pattern() {
    let everything = KeyRange::all();
    for name in ["k8s-1.20-etcd35", "k8s-1.20-cluster3/m1"] {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let objects = objects(&member, Keyring::default());
        let wal = member.wal().unwrap();
        let logged = logged_beside(&objects.keyspace(), &member, &Silent).unwrap();
        let of_log = objects.over(logged.keyspace());
        let mut choices = Vec::new();
        let of_db = objects.keyspace();
        let in_db = of_db.between(0..=i64::MAX).take(200);
        for version in of_log.keyspace().between(0..=i64::MAX).chain(in_db) {
            choices.push(String::from_utf8_lossy(version.key).into_owned());
            if let Ok(object) = of_log.json(&version, Reading::default()) {
                texts(&object, &mut choices);
            }
        }
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (mut found, mut skipped) = (0, 0);
        for round in 0..40 {
            let text = &choices[random.below(choices.len())];
            if text.is_empty() {
                continue;
            }
            let mut written = pattern(text, &mut random);
            // Half of them are found nowhere.
            if round % 2 == 0 {
                written.push_str("-nowhere");
            }
            let Ok(pattern) = Pattern::new(&written, random.below(3) == 0, None) else {
                continue;
            };
            if objects.log_may_have(&pattern, &wal, &Silent) {
                continue;
            }
            skipped += 1;
            for keyspace in [logged.keyspace(), logged.unplaced()] {
                let mut hits = 0;
                let pattern = pattern.without_sieve();
                let of_log = objects.over(keyspace);
                of_log.search(&pattern, &everything, PLACES, None, &mut |_| {
                    hits += 1;
                    false
                });
                assert_eq!(hits, 0, "{name}: {written:?}");
                found += hits;
            }
        }
        assert!(skipped > 5 && found == 0, "{name}: {skipped} logs not read");
    }
}
