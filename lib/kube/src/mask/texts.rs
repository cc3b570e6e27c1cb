//! Secrets within a text: what they look like, and which names come before them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::{Captures, Regex};

use super::names::{Around, is_public_value, is_secret_name};
use super::{BULLETS, Mask};

/// One of these, in any case, is in every text in which something is hidden, and in every stored value with a secret by name.
const SIGNS: &[&str] = &[
    "://",
    "eyj",
    "oken",
    "passw",
    "passp",
    "passc",
    "_pass",
    "pwd",
    "cred",
    "secret",
    "key",
    "authori",
    "bearer ",
    "basic ",
    "ls0tls1crudjti",
    "hvs.",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "dockerc",
    "oauth",
    "helm",
    "tiller",
];

static SIGN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(SIGNS)
        .ok()
});

/// Returns whether a text may have a secret in it; never `false` for one that has.
pub(super) fn has_sign(bytes: &[u8]) -> bool {
    SIGN.as_ref().is_none_or(|signs| signs.is_match(bytes))
}

/// Hides what is secret in a text.
pub(super) fn hide<'t>(mask: &Mask, bytes: &'t [u8]) -> Cow<'t, [u8]> {
    hide_places(mask, bytes, places(bytes))
}

/// Hides these places of a text.
pub(super) fn hide_places<'t>(
    mask: &Mask,
    bytes: &'t [u8],
    mut places: Vec<Range<usize>>,
) -> Cow<'t, [u8]> {
    if places.is_empty() {
        return Cow::Borrowed(bytes);
    }
    places.sort_unstable_by_key(|place| place.start);
    let (mut shown, mut copied) = (Vec::new(), 0);
    let mut places = places.into_iter().peekable();
    while let Some(mut place) = places.next() {
        // A password within the value of a field named after one.
        while let Some(next) = places.next_if(|next| next.start < place.end) {
            place.end = place.end.max(next.end);
        }
        shown.extend_from_slice(bytes.get(copied..place.start).unwrap_or_default());
        let plain = bytes.get(place.clone()).unwrap_or_default();
        shown.extend_from_slice(mask.hidden(plain).as_bytes());
        copied = place.end;
    }
    shown.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Cow::Owned(shown)
}

/// Where the secrets of a text are; places may overlap.
pub(super) fn places(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if has_sign(bytes) {
        by_form(bytes, &mut found);
        by_name(bytes, &mut found);
    }
    found
}

/// What is a secret by its form.
fn by_form(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    let Some(pattern) = EMBEDDED.as_ref() else {
        return;
    };
    for found in pattern.captures_iter(bytes) {
        let mut forms = ["password", "jwt", "pem", "encoded", "issued"].iter();
        let Some(secret) = forms.find_map(|form| found.name(form)) else {
            continue;
        };
        // The certificates of a cluster are base64 too, and no secret.
        let is_public = found.name("encoded").is_some() && !is_private_key(secret.as_bytes());
        if !is_public && !secret.as_bytes().starts_with(BULLETS.as_bytes()) {
            places.push(secret.range());
        }
    }
}

/// What is a secret by the name before it.
fn by_name(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(found) = NAMED
        .as_ref()
        .and_then(|pattern| pattern.captures_at(bytes, at))
    {
        let mut forms = ["escaped", "quoted", "single", "bare"].iter();
        let value = forms.find_map(|form| found.name(form));
        let (Some(sign), Some(value)) = (found.name("sign"), value) else {
            return;
        };
        // What is no secret may have a name of one in it: `key: password=x`.
        at = sign.end();
        if !value.as_bytes().starts_with(BULLETS.as_bytes())
            && is_named_secret(bytes, &found, value.as_bytes())
        {
            places.push(value.range());
            at = value.end();
        }
    }
}

/// Whether `NAME=VALUE`, `NAME: VALUE` or `--NAME VALUE` has a secret. Prose has names before a colon or a blank too ("failed to
/// fetch token: cannot use TokenRequest"): there a value is only one on a line of its own, in quotes, or with a digit in it.
fn is_named_secret(text: &[u8], found: &Captures<'_>, value: &[u8]) -> bool {
    let group = |name| found.name(name).map_or(&b""[..], |group| group.as_bytes());
    let (Ok(name), Ok(value)) = (str::from_utf8(group("name")), str::from_utf8(value)) else {
        return false;
    };
    let is_scheme = ["bearer", "basic"]
        .iter()
        .any(|scheme| name.eq_ignore_ascii_case(scheme));
    let around = match name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        true => Around::Field,
        false => Around::Setting,
    };
    if is_public_value(value)
        || value.starts_with('=')
        || !(is_scheme || is_secret_name(name, around))
    {
        return false;
    }
    let looks_random = value.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
    let is_quoted = found.name("quoted").or(found.name("escaped")).is_some();
    match group("sign")
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
    {
        Some(b'=') => true,
        Some(_) => is_quoted || looks_random || is_line(text, found),
        None => looks_random || (is_scheme && value.ends_with('=') && value.len() >= 8),
    }
}

/// Whether a match is a line by itself, as in YAML and in a file of properties.
fn is_line(text: &[u8], found: &Captures<'_>) -> bool {
    let Some(all) = found.get(0) else {
        return false;
    };
    let before = text.get(..all.start()).unwrap_or_default();
    let line = before
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let after = text.get(all.end()..).unwrap_or_default();
    let rest = after
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let is_indent = |byte: &u8| matches!(byte, b' ' | b'\t' | b'-' | b'"' | b'\'');
    line.iter().all(is_indent)
        && rest
            .iter()
            .all(|byte| matches!(byte, b' ' | b'\r' | b'"' | b'\''))
}

/// Whether base64 is that of a PEM private key.
fn is_private_key(encoded: &[u8]) -> bool {
    // The first line is enough, and its length need not be a multiple of four.
    let head = encoded
        .get(..encoded.len().min(64) / 4 * 4)
        .unwrap_or_default();
    let plain = STANDARD.decode(head).unwrap_or_default();
    memchr::memmem::find(&plain, b"PRIVATE KEY").is_some()
}

/// What is a secret by its form: passwords of URLs, signed tokens, private keys, tokens with the prefix of who issues them.
static EMBEDDED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)(?P<url>[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?\x23:@"'\\<>]*:)(?P<password>[^\s/?\x23@"'\\<>\x00-\x1f]+)(?P<at>@)"#,
        r"|(?P<jwt>eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,})",
        r"|(?P<pem>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z))",
        r"|(?P<encoded>LS0tLS1CRUdJTi[A-Za-z0-9+/]{24,}={0,2})",
        r"|(?P<issued>\b(?:hvs\.[A-Za-z0-9_\-]{20,}|gh[pos]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_\-]{20,}|xox[bp]-[A-Za-z0-9\-]{20,}|A[KS]IA[A-Z0-9]{16}))",
    ))
    .ok()
});

/// What may be a secret by the name before it: name, sign, and a value in quotes or none. [`is_named_secret`] decides.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)(?P<name>[A-Za-z0-9_.\-]*"#,
        r#"(?i:password|passwd|passphrase|passcode|pass|pwd|token|key|key-data|secret|credentials?|creds|authorization|bearer|basic))"#,
        r#"(?:\\?["'])?(?P<sign>[ \t]*[=:][ \t]*|[ \t]+)"#,
        r#"(?:\\"(?P<escaped>[^"\\\x00-\x1f]+)|"(?P<quoted>(?:[^"\\\x00-\x1f]|\\.)+)|'(?P<single>[^'\x00-\x1f]+)"#,
        r#"|(?:(?i:bearer|basic)[ \t]+)?(?P<bare>[^\s&;,"'\\<>(){}\x00-\x1f][^\s&;,"'\\<>\x00-\x1f]*))"#,
    ))
    .ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let mask = Mask::new(b"test");
        String::from_utf8(hide(&mask, text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn the_patterns_compile() {
        assert!(EMBEDDED.is_some() && NAMED.is_some() && SIGN.is_some());
    }

    #[test]
    fn a_value_after_a_secret_name_is_hidden_in_lines_in_json_in_arguments_and_in_urls() {
        for text in [
            "password: hunter2",
            "db:\n  user: web\n  password: \"hunter2\"\n  port: 1",
            "token = hunter2",
            r#"{"user":"u","password":"hunter2","n":1}"#,
            r#"{\"password\":\"hunter2\"}"#,
            "https://h/x?user=u&access_token=hunter2&y=1",
            "run --password=hunter2 --user=x",
            "failed: run --db-password hunter2x9 ended",
            "Authorization: Bearer hunter2x9",
            "GET / Bearer hunter2x9 denied",
            "export API_KEY=hunter2\nexport A=b",
            "DB_PASS=hunter2",
            "host=db user=web password=hunter2 sslmode=off",
            "rejected, token: hunter2x9y",
            "s3: AWS_SECRET_ACCESS_KEY=hunter2",
        ] {
            let shown = hidden(text);
            assert!(
                !shown.contains("hunter2") && shown.contains(BULLETS),
                "{text} -> {shown}"
            );
            assert_eq!(hidden(&shown), shown, "hidden twice");
        }
    }

    #[test]
    fn prose_references_and_switches_stay() {
        for text in [
            "failed to fetch token: cannot use TokenRequest",
            "couldn't find key password in Secret shop/db",
            "the --token flag is gone",
            "password=$(DB_PASSWORD)",
            "--password-file=/run/x",
            "PWD=/srv",
            "key: web",
            "secretName: web-tls",
            "auth-secret: web-users",
            "automountServiceAccountToken: true",
            "rule: self.token == oldSelf.token",
            "MountVolume.SetUp failed for volume \"default-token-x7k2p\" : not found",
            "Bearer authentication",
            "PASSWORD=",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
