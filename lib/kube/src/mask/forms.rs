//! What is a secret by its form: passwords and tokens of URLs, signed tokens, private keys, elements of XML, tokens with the
//! prefix of who issues them.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::{Captures, Regex};

use super::BULLETS;
use super::names::{Around, is_public_value, is_secret_name};

/// Adds what is a secret by its form.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    for pattern in [&EMBEDDED, &ADDRESSES, &ELEMENTS] {
        let Some(pattern) = pattern.as_ref() else {
            continue;
        };
        for found in pattern.captures_iter(bytes) {
            if let Some(place) = secret(&found) {
                places.push(place);
            }
        }
    }
}

/// Where the secret of a match is, if it is one.
fn secret(found: &Captures<'_>) -> Option<Range<usize>> {
    let forms = [
        "password",
        "jwt",
        "pem",
        "encoded",
        "issued",
        "paired",
        "user",
        "signed",
        "hook",
        "named",
        "dsn",
        "element",
        "attribute",
    ];
    let value = forms.iter().find_map(|form| found.name(form))?;
    let group = |name| {
        let group = found.name(name).map_or(&b""[..], |group| group.as_bytes());
        str::from_utf8(group).unwrap_or_default()
    };
    // The certificates of a cluster are base64 too, and no secret.
    let is_public = found.name("encoded").is_some() && !is_private_key(value.as_bytes());
    // A person's name has no number in it; a token that is there instead of a name has.
    let is_name = found.name("user").is_some() && !is_token(value.as_bytes());
    let named = [group("tag"), group("entry"), group("attribute_name")].concat();
    let is_element = found.name("element").or(found.name("attribute")).is_some();
    let is_other = is_element && !is_secret_name(&named, Around::Setting);
    let is_reference =
        found.name("pem").is_none() && str::from_utf8(value.as_bytes()).is_ok_and(is_public_value);
    // The name of a token since OpenShift 4.6.
    let is_hash = found.name("named").is_some() && value.as_bytes().starts_with(b"sha256~");
    let is_hidden = is_hash || value.as_bytes().starts_with(BULLETS.as_bytes());
    (!is_public && !is_name && !is_other && !is_reference && !is_hidden).then(|| value.range())
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

fn is_token(user: &[u8]) -> bool {
    user.len() >= 20 || (user.len() >= 6 && user.iter().any(u8::is_ascii_digit))
}

/// The form alone says it.
static EMBEDDED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u)(?P<jwt>eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,})",
        r"|(?P<pem>-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))",
        r"|(?P<encoded>LS0tLS1CRUdJTi[A-Za-z0-9+/]{24,}={0,2})",
        r#"|(?P<paired>A[KS]IA[A-Z0-9]{16}[\s:,;|/"']{1,4}[A-Za-z0-9/+]{39,45})"#,
        r"|(?P<issued>\b(?:hv[sb]\.[A-Za-z0-9_\-]{20,}|gh[oprsu]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|gl(?:pat|rt|dt)-[A-Za-z0-9_\-]{20,}",
        r"|xox[abeprs]-[A-Za-z0-9\-]{10,}|xapp-[A-Za-z0-9\-]{20,}|A[KS]IA[A-Z0-9]{16}|[rs]k_(?:live|test)_[A-Za-z0-9]{8,}|sk-(?:ant|proj)-[A-Za-z0-9_\-]{20,}",
        r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_\-]{40,}|dop_v1_[a-f0-9]{40,}|AIza[A-Za-z0-9_\-]{35}|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}))",
    ))
    .ok()
});

/// Addresses with a password, a token or a signature.
static ADDRESSES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        // A password with a slash in it: what comes before the slash is no port.
        r#"(?-u)[A-Za-z][A-Za-z0-9+.\-]*://[^\s/?\x23:@"'\\<>]*:(?P<password>[^\s/?\x23"'\\<>\x00-\x1f]+|[^\s/"'\\<>\x00-\x1f]*[^0-9\s/"'\\<>\x00-\x1f][^\s/"'\\<>\x00-\x1f]*/[^\s"'\\<>\x00-\x1f]*)@"#,
        r#"|https?://(?P<user>[^\s/?\x23:@"'\\<>\x00-\x1f]+)@"#,
        r"|(?i:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/webhookb2|api\.telegram\.org)/(?P<hook>[A-Za-z0-9/_:@.\-]+)",
        r#"|/oauth(?:/|\.openshift\.io/(?:v1/)?(?:oauth)?)(?:access|authorize)tokens/(?P<named>[^\s/"'?\\<>\x00-\x1f]+)"#,
        r#"|[?&](?i:sig|signature|x-(?:amz|goog)-signature|x-amz-security-token|access_?key|api_?key|key|auth|hmac|code|sas)=(?P<signed>[^\s&"'<>\x23\\\x00-\x1f]{3,})"#,
        r#"|\b[A-Za-z0-9_.\-]+:(?P<dsn>[^\s"'`<>\x00-\x1f]+)@(?:tcp6?|udp|unix)\("#,
    ))
    .ok()
});

/// `<password>X</password>`, `<property name="password" value="X"/>`.
static ELEMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)<(?:[A-Za-z0-9_.\-]+[ \t]+(?:key|name)=\\?["'](?P<entry>[A-Za-z0-9_.\-]+)\\?["'][^<>]*|(?P<tag>[A-Za-z0-9_.:\-]+)(?:[ \t][^<>]*)?)>(?:<!\[CDATA\[)?(?P<element>[^<>\]]+)(?:\]\]>)?</"#,
        r#"|(?:key|name|property)=\\?["'](?P<attribute_name>[A-Za-z0-9_.\-]+)\\?["']\s+(?:value)=\\?["'](?P<attribute>[^"'<>\\]+)"#,
    ))
    .ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(EMBEDDED.is_some() && ADDRESSES.is_some() && ELEMENTS.is_some());
    }
}
