//! Names that say that their value is a secret: `DB_PASSWORD`, `clientSecret`, `Authorization`.
//!
//! Only the end of a name counts: `passwordFile`, `tokenExpirationSeconds` and `secretName` name something else. Where a field of an
//! object or an annotation ends in `secret` or `credentials`, the field refers to a Secret more often than it has one in it
//! (`auth-secret: web-users`), and its value is what an operator has to restore: there only `clientSecret` and its like are hidden.

use std::sync::LazyLock;

/// Ends of a name, without separators and in lower case.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "keydata",
    "authkey",
    "signingkey",
    "encryptionkey",
    "sharedkey",
    "masterkey",
    "accountkey",
    "authorization",
    "clientsecret",
    "sharedsecret",
    "appsecret",
    "consumersecret",
    "webhooksecret",
    "sessionsecret",
    "cookiesecret",
    "sessionkey",
    "secretkeybase",
    "pgpass",
    "dbpass",
    "userpass",
    "adminpass",
    "rootpass",
    "requirepass",
    "masterauth",
    "servicekey",
    "integrationkey",
    "restuserkey",
    "hmackey",
    "licensekey",
    "unsealkey",
    "userpwd",
    "adminpwd",
    "rootpwd",
    "bindpwd",
    "rootpw",
    "bindpw",
    "adminpw",
    "keypass",
    "storepass",
    "bindpass",
];

/// Ends of a name that refers to a Secret by its name, whoever reads it.
const ENDS_OF_REFERENCES: &[&str] = &["existingsecret", "imagepullsecret"];

/// Ends of variables, in capitals: elsewhere they are words of prose.
const ENDS_OF_VARIABLES: &[&str] = &[
    "_PAT",
    "_PIN",
    "_COOKIE",
    "SALT",
    "_PSK",
    "_MNEMONIC",
    "SSH_KEY",
    "OPENAI_KEY",
    "JWT_SIGNING",
];

/// Ends that are a secret where a program is given its settings, and a reference to a Secret elsewhere.
const ENDS_OF_SETTINGS: &[&str] = &["secret", "credential", "credentials"];

/// Last words that are too short to be an end: `compass` is no password.
const WORDS: &[&str] = &["pass", "pwd", "pw", "creds"];

/// Whole names of settings, and their last words: elsewhere they are words of prose or the names of other things.
const WORDS_OF_SETTINGS: &[&str] = &[
    "psk",
    "mnemonic",
    "id_rsa",
    "id_ecdsa",
    "id_ed25519",
    "tls.key",
];

/// Values of `…_AUTH` that name a method.
const METHODS: &[&str] = &[
    "plain",
    "basic",
    "md5",
    "ldap",
    "ldaps",
    "oauth",
    "oauth2",
    "oidc",
    "jwt",
    "kerberos",
    "sasl",
    "tls",
    "mtls",
    "ssl",
    "x509",
    "trust",
    "login",
    "on",
    "off",
    "yes",
    "no",
    "enabled",
    "disabled",
    "required",
    "optional",
    "anonymous",
    "scram",
    "iam",
    "saml",
    "password",
    "token",
    "cert",
    "digest",
    "ntlm",
    "negotiate",
    "peer",
    "ident",
    "internal",
    "external",
    "native",
    "radius",
    "pam",
    "database",
    "header",
    "proxy",
];

/// Words that come after `--token` or "password is" in prose.
const PROSE: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "argument",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "cannot",
    "changed",
    "could",
    "correct",
    "default",
    "deprecated",
    "does",
    "empty",
    "exists",
    "expired",
    "failed",
    "file",
    "flag",
    "flags",
    "for",
    "from",
    "given",
    "has",
    "have",
    "if",
    "ignored",
    "in",
    "incorrect",
    "instead",
    "into",
    "invalid",
    "is",
    "it",
    "its",
    "limit",
    "malformed",
    "may",
    "missing",
    "must",
    "mutually",
    "needed",
    "no",
    "not",
    "of",
    "on",
    "only",
    "option",
    "optional",
    "options",
    "or",
    "parameter",
    "required",
    "requires",
    "review",
    "set",
    "should",
    "specified",
    "stored",
    "than",
    "that",
    "the",
    "this",
    "to",
    "too",
    "unknown",
    "unset",
    "used",
    "using",
    "valid",
    "value",
    "was",
    "were",
    "when",
    "where",
    "which",
    "will",
    "with",
    "without",
    "wrong",
    "you",
    "your",
    "authentication",
    "auth",
    "generated",
    "created",
    "found",
    "named",
    "accepted",
    "rejected",
    "denied",
    "provided",
    "supplied",
];

/// What a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// An environment variable, a header, a key of a ConfigMap: a program reads the value itself.
    Setting,
    /// A field of an object, an annotation, a label, an argument, a line of text.
    Field,
}

/// Number of the last two letters of a name, whatever their case and its separators; `None` if there are none.
fn tail(name: &str) -> Option<usize> {
    let mut letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric);
    let (last, before) = (letters.next()?, letters.next()?);
    let number = |letter: u8| usize::from(letter.to_ascii_lowercase().saturating_sub(b'0'));
    Some(number(before) * LETTERS + number(last))
}

/// From `0` to `z`.
const LETTERS: usize = 75;

/// The last two letters of all ends and words: names that end otherwise are nearly all there are.
static TAILS: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let mut tails = vec![false; LETTERS * LETTERS];
    let ends = [
        ENDS,
        ENDS_OF_VARIABLES,
        ENDS_OF_SETTINGS,
        WORDS,
        WORDS_OF_SETTINGS,
        &["auth"],
    ];
    for at in ends.into_iter().flatten().filter_map(|end| tail(end)) {
        if let Some(place) = tails.get_mut(at) {
            *place = true;
        }
    }
    tails
});

/// Returns whether a value with this name is a secret.
pub(super) fn is_secret_name(name: &str, around: Around) -> bool {
    let is_tail = tail(name).and_then(|at| TAILS.get(at));
    if is_tail != Some(&true) {
        return false;
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| has_end(name, end));
    let is_setting = around == Around::Setting
        && (ends(ENDS_OF_SETTINGS) && !ends(ENDS_OF_REFERENCES)
            || is_auth(name)
            || is_variable(name)
            || WORDS_OF_SETTINGS
                .iter()
                .any(|word| is_last_word(name, word)));
    ends(ENDS) || is_setting || WORDS.iter().any(|word| is_last_word(name, word))
}

/// Whether a name is that of a variable such as `REDIS_AUTH`.
fn is_auth(name: &str) -> bool {
    is_last_word(name, "auth") && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Whether a name is that of a variable such as `GITHUB_PAT`.
fn is_variable(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_lowercase())
        && ENDS_OF_VARIABLES.iter().any(|end| name.ends_with(end))
}

/// Returns whether the value of a variable with the name of a secret may be one: `KAFKA_AUTH=plain` names a method.
pub(super) fn is_secret_setting(name: &str, value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let is_method = METHODS.contains(&value.as_str())
        || value.starts_with("scram-")
        || value.bytes().all(|byte| byte.is_ascii_digit());
    !(is_auth(name) && is_method)
}

/// Returns whether a value is a word of prose.
pub(super) fn is_prose(value: &str) -> bool {
    let word =
        value.trim_matches(|letter: char| letter.is_ascii_punctuation() || letter.is_whitespace());
    let word = word.split(char::is_whitespace).next().unwrap_or_default();
    PROSE.contains(&word.to_ascii_lowercase().as_str())
}

/// Whether a name ends so, whatever its case and its separators: `X-Api-Key` ends in `apikey`.
fn has_end(name: &str, end: &str) -> bool {
    let mut letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric);
    end.bytes().rev().all(|wanted| {
        letters
            .next()
            .is_some_and(|letter| letter.eq_ignore_ascii_case(&wanted))
    })
}

/// Whether the last word of a name is this one.
fn is_last_word(name: &str, word: &str) -> bool {
    let name = name.as_bytes();
    let Some((before, last)) = name
        .len()
        .checked_sub(word.len())
        .and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    last.eq_ignore_ascii_case(word.as_bytes())
        && before
            .last()
            .is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// Returns whether a value with this name is a secret by itself.
///
/// A field that ends in `secret` or `credentials` often has the name of a Secret: what cannot be one (`s3cr3T_x`) is hidden.
pub(super) fn is_secret_value(name: &str, value: &str, around: Around) -> bool {
    let is_secret = is_secret_name(name, around) || {
        let is_name = |letter: u8| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"-./".contains(&letter)
        };
        around == Around::Field
            && is_secret_name(name, Around::Setting)
            && !value.bytes().all(is_name)
    };
    is_secret && !is_public_value(value) && is_secret_setting(name, value)
}

/// Returns whether a value is none although its name says so: a switch, a path, a reference that is resolved elsewhere.
pub(super) fn is_public_value(value: &str) -> bool {
    let text = value.trim();
    let is_switch = ["", "true", "false", "null", "nil", "none", "~", "[]", "{}"].contains(&text);
    let is_reference = [
        "/",
        "./",
        "$",
        "{{",
        "file:",
        "vault:",
        "<",
        "%(",
        "ssh-rsa ",
        "ssh-ed25519 ",
        "ecdsa-sha2-",
    ]
    .iter()
    .any(|start| text.starts_with(start));
    is_switch || is_reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_whether_its_value_is_a_secret() {
        for name in [
            "password",
            "DB_PASSWORD",
            "rootPassword",
            "dbpassword",
            "API_KEY",
            "apiKey",
            "x-api-key",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "accessToken",
            "Authorization",
            "client-secret",
            "oidc.clientSecret",
            "spring.datasource.password",
            "storage-account-key",
            "--bootstrap-token",
            "DB_PASS",
            "pwd",
            "PGPASS",
            "PW",
            "LDAP_BIND_PW",
            "SESSION_KEY",
            "ROOTPW",
            "adminPwd",
            "keystorePass",
            "--hmac-key",
            "--license-key",
            "UNSEAL_KEY",
        ] {
            assert!(is_secret_name(name, Around::Field), "{name}");
            assert!(is_secret_name(name, Around::Setting), "{name}");
        }
        for name in [
            "passwordFile",
            "tokenExpirationSeconds",
            "secretName",
            "AWS_ACCESS_KEY_ID",
            "key",
            "tokens",
            "PASSWORD_HASH_ROUNDS",
            "compass",
            "bypass",
            "service-account-key-file",
            "imagePullSecrets",
            "",
        ] {
            assert!(!is_secret_name(name, Around::Setting), "{name}");
        }
        for name in [
            "GITHUB_PAT",
            "RABBITMQ_ERLANG_COOKIE",
            "CARD_PIN",
            "SSH_KEY",
            "OPENAI_KEY",
            "JWT_SIGNING",
            "psk",
            "mnemonic",
            "tls.key",
            "id_rsa",
        ] {
            assert!(is_secret_name(name, Around::Setting), "{name}");
        }
        for name in [
            "auth.existingSecret",
            "global.imagePullSecret",
            "PATH",
            "spin",
            "MAX_PATTERN",
            "ROUTING_KEY",
            "PARTITION_KEY",
            "seed",
            "cookie",
        ] {
            assert!(!is_secret_name(name, Around::Setting), "{name}");
        }
        for name in ["auth-secret", "spec.credentials"] {
            assert!(!is_secret_name(name, Around::Field), "{name}");
            assert!(is_secret_name(name, Around::Setting), "{name}");
        }
    }

    #[test]
    fn switches_paths_and_references_are_public() {
        for value in [
            "",
            "true",
            "/run/secrets/x",
            "$(DB_PASSWORD)",
            "${TOKEN}",
            "{{ .Values.x }}",
            "vault:secret/data/x#y",
        ] {
            assert!(is_public_value(value), "{value}");
        }
        assert!(!is_public_value("hunter2") && !is_public_value("12345"));
        for (value, hidden) in [
            ("web-users", false),
            ("shop/web-users", false),
            ("s3cr3T_x", true),
            ("$(REF)", false),
        ] {
            assert_eq!(
                is_secret_value("secret", value, Around::Field),
                hidden,
                "{value}"
            );
        }
    }
}
