//! WHAT: what the user asks for by name. The one place that takes such words apart.
//!
//! Only syntax is decided here. Whether `web` is a resource, or by chance a key of an etcd that Kubernetes never saw, is
//! for the command to look up: an exact key always wins.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use base64::Engine as _;

use crate::failure::Failure;

/// One thing asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A raw key; with a slash at its end also the prefix of that name.
    Key(Vec<u8>),
    /// Raw keys by pattern: `*` is anything but a slash, `**` anything, `?` one byte.
    Glob(Vec<u8>),
    /// kubectl's `TYPE[.GROUP][/NAME]` or `TYPE NAME`.
    Noun {
        /// `deploy`, `pods`, `certificates.cert-manager.io`.
        resource: String,
        /// `web`; none for all of them.
        name: Option<String>,
    },
    /// `rev:1202270`, or just the number: whatever was written at that revision.
    Revision(i64),
    /// `page:20731`.
    Page(u64),
    /// `wal:2109264`: a raft index.
    WalIndex(u64),
    /// `F-01`, a finding of `check`.
    Finding(String),
}

/// Takes the words apart: `deploy/web svc/web`, `pods web-1 web-2`, `po,svc`, `/registry/pods/`, `rev:7`.
pub(crate) fn parse(words: &[OsString]) -> Result<Vec<What>, Failure> {
    let mut found = Vec::new();
    let mut resources: Vec<String> = Vec::new(); // of a first word like `po,svc`, waiting for names
    let mut named = false;
    for word in words {
        if let Some(what) = pasted(word)? {
            found.push(what);
            continue;
        }
        let Some(text) = word.to_str() else {
            found.push(What::Key(word.as_bytes().to_vec()));
            continue;
        };
        match text.split_once('/') {
            Some((resource, name)) if is_noun(resource) && !name.is_empty() => {
                found.push(What::Noun {
                    resource: resource.to_owned(),
                    name: Some(name.to_owned()),
                })
            }
            None if resources.is_empty() => {
                resources = text.split(',').map(str::to_owned).collect()
            }
            None => {
                named = true;
                for resource in &resources {
                    found.push(What::Noun {
                        resource: resource.clone(),
                        name: Some(text.to_owned()),
                    });
                }
            }
            Some(_) => found.push(What::Key(unescape(word))),
        }
    }
    if !named {
        found.extend(resources.into_iter().map(|resource| What::Noun {
            resource,
            name: None,
        }));
    }
    Ok(found)
}

/// What cannot be a noun: paths, patterns, escapes, ids.
fn pasted(word: &OsStr) -> Result<Option<What>, Failure> {
    let bytes = word.as_bytes();
    let Some(text) = word.to_str() else {
        return Ok(Some(What::Key(bytes.to_vec())));
    };
    let number = |digits: &str| {
        digits
            .replace(',', "")
            .parse::<u64>()
            .map_err(|_| Failure::usage(format!("{digits:?} in {text:?} is not a number")))
    };
    let what = if let Some(digits) = text.strip_prefix("rev:") {
        What::Revision(number(digits)?.cast_signed())
    } else if let Some(digits) = text.strip_prefix("page:") {
        What::Page(number(digits)?)
    } else if let Some(digits) = text.strip_prefix("wal:") {
        What::WalIndex(number(digits)?)
    } else if let Some(encoded) = text.strip_prefix("b64:") {
        What::Key(
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .map_err(|error| Failure::usage(format!("{text:?}: {error}")))?,
        )
    } else if text.len() > 2
        && text.starts_with("F-")
        && text.bytes().skip(2).all(|byte| byte.is_ascii_digit())
    {
        What::Finding(text.to_owned())
    } else if !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b',')
    {
        What::Revision(number(text)?.cast_signed())
    } else if text.is_empty() {
        What::Key(Vec::new())
    } else if text.contains(['*', '?']) {
        What::Glob(unescape(word))
    } else if text.starts_with('/') || text.contains('\\') {
        What::Key(unescape(word))
    } else {
        return Ok(None);
    };
    Ok(Some(what))
}

/// `deploy`, `deployments.apps`, `certificates.cert-manager.io`.
fn is_noun(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
}

/// A key as we print it, back to its bytes.
pub(crate) fn unescape(word: &OsStr) -> Vec<u8> {
    etcd_inspect::text::escape::undo(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<What> {
        let words: Vec<_> = text.split(' ').map(OsString::from).collect();
        parse(&words).unwrap()
    }

    fn noun(resource: &str, name: Option<&str>) -> What {
        What::Noun {
            resource: resource.to_owned(),
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn kubectl_forms_are_understood() {
        assert_eq!(words("deploy/web"), [noun("deploy", Some("web"))]);
        assert_eq!(words("pods"), [noun("pods", None)]);
        assert_eq!(
            words("pods a b"),
            [noun("pods", Some("a")), noun("pods", Some("b"))]
        );
        assert_eq!(words("po,svc"), [noun("po", None), noun("svc", None)]);
        assert_eq!(
            words("deploy/web certificates.cert-manager.io/tls"),
            [
                noun("deploy", Some("web")),
                noun("certificates.cert-manager.io", Some("tls"))
            ]
        );
        assert_eq!(
            words("clusterroles/system:node"),
            [noun("clusterroles", Some("system:node"))]
        );
    }

    #[test]
    fn keys_patterns_and_pasted_ids_are_told_from_nouns() {
        assert_eq!(
            words("/registry/pods/"),
            [What::Key(b"/registry/pods/".to_vec())]
        );
        assert_eq!(
            words("/registry/*/x"),
            [What::Glob(b"/registry/*/x".to_vec())]
        );
        assert_eq!(
            words("a\\xff\\u{e9}\\\\n"),
            [What::Key(b"a\xff\xc3\xa9\\n".to_vec())]
        );
        assert_eq!(words("b64:/wA="), [What::Key(vec![0xff, 0])]);
        assert_eq!(words("1202270"), [What::Revision(1_202_270)]);
        assert_eq!(words("rev:1,202,270"), [What::Revision(1_202_270)]);
        assert_eq!(words("page:20731"), [What::Page(20_731)]);
        assert_eq!(words("wal:2109264"), [What::WalIndex(2_109_264)]);
        assert_eq!(words("F-01"), [What::Finding("F-01".to_owned())]);
        assert!(parse(&["rev:x".into()]).is_err());
    }

    #[test]
    fn what_is_printed_escaped_can_be_pasted_back() {
        for key in [
            &b"a\\b"[..],
            b"\xff\x00\n\x1b[2J",
            "e\u{301}\u{202e}\u{9b}".as_bytes(),
            b"",
        ] {
            let shown =
                crate::output::escape::bytes(key, crate::output::escape::Charset { ascii: false });
            assert_eq!(unescape(OsStr::new(shown.as_ref())), key, "{shown}");
        }
    }
}
