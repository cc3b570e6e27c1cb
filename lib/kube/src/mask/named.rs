//! What is a secret by the name before it: `password: X`, `--token X`, `Authorization: Bearer X`, `{name: DB_PASSWORD, value: X}`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::BULLETS;
use super::extent::{Extent, ValueForm, begins_line, line_before, value};
use super::names::{Around, is_prose, is_public_value, is_secret_name, is_secret_setting};

/// Adds what is a secret by the name before it.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    let mut at = 0;
    while let Some(found) = NAMED
        .as_ref()
        .and_then(|named| named.captures_at(bytes, at))
    {
        let (Some(name), Some(sign)) = (found.name("name"), found.name("sign")) else {
            return;
        };
        // What is no secret may have a name of one in it: `key: password=x`.
        at = sign.end();
        let Some(named) = Named::new(bytes, &found) else {
            continue;
        };
        let start = match named.has_scheme() {
            true => scheme_end(bytes, sign.end()),
            false => sign.end(),
        };
        let Some(extent) = value(
            bytes,
            (name.start(), start),
            named.may_take_line(),
            named.is_quoted,
        ) else {
            continue;
        };
        let text = bytes.get(extent.range.clone()).unwrap_or_default();
        if !text.starts_with(BULLETS.as_bytes()) && named.is_secret(&extent, text) {
            at = extent.range.end.max(at);
            places.push(extent.range);
        }
    }
    pairs(bytes, places);
}

/// `- name: DB_PASSWORD`, and `value: X` after it; `? password`, and `: X`.
fn pairs(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    let all = [&PAIR, &COMPLEX]
        .into_iter()
        .filter_map(|pattern| pattern.as_ref());
    for found in all.flat_map(|pattern| pattern.captures_iter(bytes)) {
        let (Some(name), Some(word), Some(all)) =
            (found.name("name"), found.name("word"), found.get(0))
        else {
            continue;
        };
        let name = str::from_utf8(name.as_bytes()).unwrap_or_default();
        let is_line = line_before(bytes, word.start()).is_some_and(begins_line);
        let extent = value(bytes, (word.start(), all.end()), is_line, true);
        let Some(extent) = extent.filter(|_| is_secret_name(name, Around::Setting)) else {
            continue;
        };
        let text = bytes.get(extent.range.clone()).unwrap_or_default();
        let is_hidden = text.starts_with(BULLETS.as_bytes());
        let is_secret = |text: &str| {
            is_secret_setting(name, text) && (!is_public_value(text) || text.starts_with("<<"))
        };
        if !is_hidden && str::from_utf8(text).is_ok_and(is_secret) {
            places.push(extent.range);
        }
    }
}

/// After `Bearer` and its like.
fn scheme_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let found = SCHEME.as_ref().and_then(|scheme| scheme.find(rest));
    at.saturating_add(found.map_or(0, |found| found.end()))
}

/// The sign between a name and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Equals,
    Colon,
    /// `define('DB_PASSWORD', 'x')`.
    Comma,
    /// `the password is x`.
    Is,
    Blank,
}

/// A name that may be that of a secret, and what is around it.
struct Named<'t> {
    name: &'t str,
    sign: Sign,
    before: Option<&'t [u8]>,
    /// Whether a quote closes the name.
    is_quoted: bool,
    has_tab: bool,
    is_only_line: bool,
}

impl<'t> Named<'t> {
    fn new(bytes: &'t [u8], found: &Captures<'t>) -> Option<Self> {
        let name = found.name("name")?;
        let text = str::from_utf8(name.as_bytes()).ok()?;
        let sign = found.name("sign")?;
        let around = match text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            true => Around::Field,
            false => Around::Setting,
        };
        let is_cookie =
            text.eq_ignore_ascii_case("cookie") || text.eq_ignore_ascii_case("set-cookie");
        let is_known = is_cookie
            || is_secret_name(text, around)
            || (is_scheme(text) && sign.as_bytes().trim_ascii().is_empty());
        let marks = sign.as_bytes().trim_ascii();
        let sign_kind = match marks {
            b"" => Sign::Blank,
            b"," => Sign::Comma,
            b"=" | b"=>" | b":=" => Sign::Equals,
            marks if marks.starts_with(b":") => Sign::Colon,
            _ => Sign::Is,
        };
        // `htpasswd:bob` is a user of OpenShift's identity provider.
        let is_provider = text.eq_ignore_ascii_case("htpasswd") && sign.as_bytes() == b":";
        (is_known && !is_provider).then_some(Self {
            name: text,
            sign: sign_kind,
            before: line_before(bytes, name.start()),
            is_quoted: found.name("close").is_some_and(|close| !close.is_empty()),
            has_tab: sign.as_bytes().contains(&b'\t'),
            is_only_line: memchr::memchr(b'\n', bytes.trim_ascii_end()).is_none(),
        })
    }

    fn begins_line(&self) -> bool {
        self.before.is_some_and(begins_line)
    }

    /// Whether the value is the rest of the line: as in YAML and in a file of properties.
    fn may_take_line(&self) -> bool {
        let is_sign = matches!(self.sign, Sign::Colon | Sign::Equals);
        let is_comment = self
            .before
            .is_some_and(|before| before.trim_ascii_start().starts_with(b"#"));
        let is_switch = self.name.starts_with('-') && self.sign == Sign::Equals;
        is_sign && self.begins_line() && !is_comment && !is_switch && !self.is_quoted_json()
    }

    /// Whether the name of a scheme may come before the value.
    fn has_scheme(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        ["authorization", "bearer", "header", "auth"]
            .iter()
            .any(|end| name.ends_with(end))
    }

    /// `"password": 12,` of JSON.
    fn is_quoted_json(&self) -> bool {
        self.is_quoted && self.before.is_some_and(|before| before.ends_with(b"\""))
    }

    /// Whether a value with this name, in this form, is a secret. Prose has names before a colon or a blank too ("failed to
    /// fetch token: cannot use TokenRequest"): there a value is only one on a line of its own, in quotes, or with a digit in it.
    fn is_secret(&self, extent: &Extent, value: &[u8]) -> bool {
        let Ok(value) = str::from_utf8(value) else {
            // Bytes of a message that only look like a name.
            return extent.form != ValueForm::Line && self.sign == Sign::Equals;
        };
        // A document of several lines is no switch, and `<<EOF` no reference.
        let is_reference = is_public_value(value) && !value.starts_with("<<");
        if is_reference
            || value.starts_with('=')
            || !(is_scheme(self.name) || self.is_cookie() || is_secret_setting(self.name, value))
        {
            return false;
        }
        // A line of /etc/nsswitch.conf.
        if self.name == "passwd"
            && ["files", "compat", "systemd"]
                .iter()
                .any(|source| value.starts_with(source))
        {
            return false;
        }
        let looks_random = value.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
        let is_word = is_prose(value);
        match self.sign {
            Sign::Equals => !self.is_cookie() || self.begins_line(),
            Sign::Colon if self.is_cookie() || self.is_header() => {
                self.is_in_request() || looks_random || extent.form == ValueForm::Line
            }
            Sign::Colon => {
                matches!(extent.form, ValueForm::Quoted | ValueForm::Line)
                    || looks_random
                    || self.is_member(extent, is_word)
                    || self.is_whole_comment(value)
            }
            Sign::Comma => extent.form == ValueForm::Quoted && self.is_argument(),
            Sign::Is => {
                !is_word
                    && !self.is_cookie()
                    && (extent.form == ValueForm::Quoted
                        || value
                            .bytes()
                            .any(|byte| !byte.is_ascii_lowercase() && byte != b'.'))
            }
            Sign::Blank => {
                let is_basic = is_scheme(self.name) && value.ends_with('=') && value.len() >= 8;
                looks_random || is_basic || (!is_word && self.is_given())
            }
        }
    }

    /// Whether it is the name of a constant or a variable that a program sets or reads: `define('DB_PASSWORD', 'x')`.
    fn is_argument(&self) -> bool {
        let before = self.before.unwrap_or_default();
        let before = before
            .get(..before.len().saturating_sub(1))
            .unwrap_or_default();
        let ends = [&b"define("[..], b"env(", b"get(", b"setdefault(", b"set("];
        self.is_quoted && ends.iter().any(|end| before.ends_with(end))
    }

    fn is_cookie(&self) -> bool {
        self.name.eq_ignore_ascii_case("cookie") || self.name.eq_ignore_ascii_case("set-cookie")
    }

    /// `Authorization`, `X-Api-Key`.
    fn is_header(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        name.ends_with("authorization") || (name.contains('-') && !name.starts_with('-'))
    }

    /// Whether a header is in a command (`-H "X-Api-Key: X"`), or is what a line or a text begins with.
    fn is_in_request(&self) -> bool {
        let Some(before) = self.before else {
            return self.name.to_ascii_lowercase().ends_with("authorization");
        };
        let before = before.trim_ascii_end();
        let before = before
            .strip_suffix(b"\"")
            .or_else(|| before.strip_suffix(b"'"))
            .unwrap_or(before);
        let before = before
            .strip_suffix(b"\\")
            .unwrap_or(before)
            .trim_ascii_end();
        let ends = [
            &b"-H"[..],
            b"-H=",
            b"--header",
            b"--header=",
            b"-header",
            b"-header=",
        ];
        ends.iter().any(|end| before.ends_with(end))
            || self.name.to_ascii_lowercase().ends_with("authorization")
    }

    /// Whether it is a member of an inline mapping. Prose has commas too: "rejected, token: invalid".
    fn is_member(&self, extent: &Extent, is_word: bool) -> bool {
        let Some(before) = self.before.map(<[u8]>::trim_ascii_end) else {
            return false;
        };
        let has_member = before.ends_with(b"{") || memchr::memmem::find(before, b": ").is_some();
        extent.form == ValueForm::Flow && has_member && !is_word
    }

    /// `# password: X`: a setting that is switched off.
    fn is_whole_comment(&self, value: &str) -> bool {
        self.begins_line() && !value.contains(' ') && !is_prose(value)
    }

    /// Whether a value after a blank is given to a program: `--password X`, `ENV DB_PASSWORD X`, `machine h login u password X`, a
    /// line of a file of settings.
    fn is_given(&self) -> bool {
        let Some(before) = self.before else {
            return self.name.starts_with("--");
        };
        let has = |word: &[u8]| memchr::memmem::find(before, word).is_some();
        let is_env = begins_line(before)
            && [&b"ENV "[..], b"env ", b"setx ", b"set "]
                .iter()
                .any(|word| has(word));
        let is_setting = begins_line(before)
            && (self.has_tab || !self.is_only_line || before.is_empty())
            && !is_scheme(self.name)
            && self.is_setting_name();
        self.name.starts_with('-') || is_env || has(b"login ") || is_setting
    }

    /// Names that a file of settings has before a blank, and prose has not.
    fn is_setting_name(&self) -> bool {
        let has_mark = self.name.contains(['_', '.']) || self.has_tab;
        has_mark
            || ["requirepass", "masterauth", "bindpw", "rootpw"]
                .contains(&self.name.to_ascii_lowercase().as_str())
    }
}

fn is_scheme(name: &str) -> bool {
    ["bearer", "basic"]
        .iter()
        .any(|scheme| name.eq_ignore_ascii_case(scheme))
}

/// A name, its closing quote, and the sign before the value.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u)(?P<name>[A-Za-z0-9_.\-]*",
        r"(?i:password|passwd|passphrase|passcode|pass|pwd|pw|token|key|key-data|key_base|secret|credentials?|creds|authorization|auth|cookie|bearer|basic))",
        r#"(?P<close>(?:\\*["'])?)\]?(?P<sign>[ \t]*(?:=>|::|:=|[=:])[ \t]*|[ \t]+(?:is|was):?[ \t]+|[ \t]*,[ \t]*|[ \t]+)"#,
    ))
    .ok()
});

/// The scheme of an `Authorization`.
static SCHEME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)\A(?i:bearer|basic|token|digest|apikey|negotiate|oauth|splunk|key)[ \t]+")
        .ok()
});

/// `? password`, and `: X` on the next line.
static COMPLEX: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)(?m)^[ \t]*\?[ \t]+["']?(?P<name>[A-Za-z0-9_.\-]+)["']?[ \t]*\r?\n[ \t]*(?P<word>):[ \t]*"#).ok()
});

/// A pair of name and value.
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)\b(?:name|key)\\*["']?[ \t]*[=:][ \t]*\\*["']?(?P<name>[A-Za-z0-9_.\-]+)\\*["']?[ \t]*,?\s*\\*["']?(?P<word>value)\\*["']?[ \t]*[=:][ \t]*"#).ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(NAMED.is_some() && PAIR.is_some() && COMPLEX.is_some() && SCHEME.is_some());
    }
}
