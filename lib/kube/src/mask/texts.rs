//! Secrets within a text: what they look like, and which names come before them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::{Mask, blocks, commands, forms, named};

/// One of these, in any case, is in every text in which something is hidden, and in every stored value with a secret by name.
const SIGNS: &[&str] = &[
    "://",
    "eyj",
    "oken",
    "pass",
    "pwd",
    "pw",
    "cred",
    "secret",
    "key",
    "auth",
    "bearer ",
    "basic ",
    "ls0tls1crudjti",
    "hvs.",
    "hvb.",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "glrt-",
    "gldt-",
    "xox",
    "xapp-",
    "akia",
    "asia",
    "k_live_",
    "k_test_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "aiza",
    "sg.",
    "sig=",
    "sas=",
    "hmac=",
    "code=",
    "signature=",
    "hooks.",
    "webhook",
    "telegram",
    "@tcp",
    "@udp",
    "@unix",
    "cookie",
    "curl",
    "wget",
    "--user",
    "--proxy-user",
    "mysql",
    "mariadb",
    "redis-cli",
    "login",
    "mongo",
    "ldap",
    "sqlcmd",
    "openssl",
    "kubeconfig",
    "dockerc",
    "helm",
    "tiller",
    "stringdata",
    "binarydata",
    "_pat",
    "_pin",
    "salt",
    "psk",
    "mnemonic",
    "id_rsa",
    "id_ecdsa",
    "id_ed25519",
    "jwt_signing",
    "route.openshift.io",
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
        forms::find(bytes, &mut found);
        named::find(bytes, &mut found);
        commands::find(bytes, &mut found);
        blocks::find(bytes, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::BULLETS;
    use super::*;

    fn hidden(text: &str) -> String {
        let mask = Mask::new(b"test");
        String::from_utf8(hide(&mask, text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn the_patterns_compile() {
        assert!(SIGN.is_some());
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
            "passwd: files systemd",
            "simdutf8::basic::Utf8Error",
            "token:\n  type: string\n  description: what it is\n",
            "imagePullSecrets:\n  - regcred\n",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
