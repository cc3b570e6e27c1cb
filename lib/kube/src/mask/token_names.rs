//! Keys whose last segment is a token: OpenShift before 4.6 names its OAuth tokens after themselves.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::find_iter;
use sha2::{Digest, Sha256};

use super::BULLETS;

/// Ends of the folders of such objects.
const FOLDERS: [&[u8]; 2] = [b"accesstokens/", b"authorizetokens/"];

/// A key without the token that it may be named after. The token is random and long, so the start of its SHA-256, by which later
/// releases name the object, shows nothing of it and tells keys apart. Also with `--reveal`: of a token that is asked for by its
/// name, the object has it in `metadata.name`.
///
/// ```
/// use etcd_inspect_kube::mask::without_token;
/// let shown = without_token(b"/openshift.io/oauth/accesstokens/hunter2");
/// assert!(shown.starts_with("/openshift.io/oauth/accesstokens/••••".as_bytes()));
/// assert_eq!(&*without_token(b"/registry/pods/shop/web"), b"/registry/pods/shop/web");
/// ```
pub fn without_token(key: &[u8]) -> Cow<'_, [u8]> {
    let (mut shown, mut copied) = (Vec::new(), 0);
    for place in tokens(key) {
        let plain = key.get(place.clone()).unwrap_or_default();
        let sum: String = Sha256::digest(plain)
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        shown.extend_from_slice(key.get(copied..place.start).unwrap_or_default());
        shown.extend_from_slice(format!("{BULLETS} sha256 {sum}").as_bytes());
        copied = place.end;
    }
    if shown.is_empty() {
        return Cow::Borrowed(key);
    }
    shown.extend_from_slice(key.get(copied..).unwrap_or_default());
    Cow::Owned(shown)
}

/// The same of a text that may have several such keys in it.
pub fn text_without_tokens(text: &str) -> Cow<'_, str> {
    match without_token(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(shown) => Cow::Owned(String::from_utf8_lossy(&shown).into_owned()),
    }
}

/// The name of an object as [`without_token`] shows it in its key.
pub fn shown_name<'k>(key: &[u8], name: &'k str) -> Cow<'k, str> {
    let Some(place) = token(key) else {
        return Cow::Borrowed(name);
    };
    let shown = without_token(key);
    let shown = shown.get(place.start..).unwrap_or_default();
    Cow::Owned(String::from_utf8_lossy(shown).into_owned())
}

/// Where the token of a key is.
pub fn token(key: &[u8]) -> Option<Range<usize>> {
    tokens(key).pop()
}

/// Where tokens are, in their order.
fn tokens(text: &[u8]) -> Vec<Range<usize>> {
    let ends = FOLDERS
        .into_iter()
        .flat_map(|end| find_iter(text, end).map(move |at| (at, at.saturating_add(end.len()))));
    let mut found: Vec<_> = ends
        .filter_map(|(folder, from)| token_at(text, folder, from))
        .collect();
    found.sort_unstable_by_key(|place| place.start);
    found
}

fn token_at(text: &[u8], folder: usize, from: usize) -> Option<Range<usize>> {
    let before = text.get(..folder)?;
    let is_oauth = [
        &b"/oauth/"[..],
        b"/oauth.openshift.io/",
        b"/oauth.openshift.io/oauth",
        b"/oauth.openshift.io/v1/oauth",
    ];
    let name = text.get(from..)?;
    let is_end = |byte: &u8| *byte <= b' ' || matches!(byte, b'/' | b'"' | b',');
    let length = name.iter().position(is_end).unwrap_or(name.len());
    let is_hashed = name.starts_with(b"sha256~") || name.starts_with(BULLETS.as_bytes());
    let is_token = length > 0 && !is_hashed && is_oauth.iter().any(|start| before.ends_with(start));
    is_token.then(|| from..from.saturating_add(length))
}
