//! Passwords that programs take with a short flag, in a text or in the list of arguments of a container: `curl -u user:X`,
//! `mysql -pX`, `sshpass -p X`, `docker login -p X`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;
use serde_json::{Map, Value};

use super::BULLETS;
use super::names::is_public_value;

/// Adds the passwords of commands.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    let all = COMMANDS
        .as_ref()
        .into_iter()
        .flat_map(|pattern| pattern.captures_iter(bytes));
    for found in all {
        let Some(value) = ["quoted", "single", "word"]
            .iter()
            .find_map(|form| found.name(form))
        else {
            continue;
        };
        let Ok(text) = str::from_utf8(value.as_bytes()) else {
            continue;
        };
        let is_other = ["ort", "rotocol", "refix", "ath", "rofile", "roject"]
            .iter()
            .any(|end| {
                text.strip_prefix(end)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            });
        let is_hidden = text.starts_with(BULLETS);
        if !is_other && !is_hidden && !is_public_value(text) && !text.starts_with('-') {
            places.push(value.range());
        }
    }
    users(bytes, places);
}

/// `-u user:X` of curl and its like, `--user user:X`.
fn users(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    let is_request = REQUEST
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(bytes));
    for found in USERS
        .as_ref()
        .into_iter()
        .flat_map(|pattern| pattern.captures_iter(bytes))
    {
        let value = ["quoted", "single", "word"]
            .iter()
            .find_map(|form| found.name(form));
        let Some(value) = value else {
            continue;
        };
        let user = found.name("user").map_or(&b"x"[..], |user| user.as_bytes());
        let is_short = found.name("short").is_some();
        let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
        // Numbers of a user and its group, and an address.
        let is_ids = digits(user) && digits(value.as_bytes());
        let text = str::from_utf8(value.as_bytes()).unwrap_or_default();
        let is_public =
            text.starts_with("//") || text.starts_with(BULLETS) || is_public_value(text);
        if !is_ids && !is_public && (is_request || !is_short) {
            places.push(value.range());
        }
    }
}

/// Hides the passwords among the arguments of a container, whose program is in `command` or comes first.
pub(super) fn hide_arguments(fields: &mut Map<String, Value>, hidden: &dyn Fn(&[u8]) -> String) {
    let (mut joined, mut items) = (Vec::new(), Vec::new());
    for name in ["command", "args"] {
        for (at, item) in fields
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let text = item.as_str().unwrap_or_default();
            let from = joined.len();
            joined.extend_from_slice(text.as_bytes());
            items.push((name, at, from..joined.len()));
            joined.push(b' ');
        }
    }
    let mut places = Vec::new();
    find(&joined, &mut places);
    for place in places {
        let Some((name, at, item)) = items
            .iter()
            .find(|(_, _, item)| item.contains(&place.start))
        else {
            continue;
        };
        let all = fields.get_mut(*name).and_then(Value::as_array_mut);
        let Some(Value::String(text)) = all.and_then(|all| all.get_mut(*at)) else {
            continue;
        };
        // To the end of the argument: a blank does not end it. What is a command by itself is a text like any other.
        let from = place.start.saturating_sub(item.start);
        let mut own = Vec::new();
        find(text.as_bytes(), &mut own);
        if own.iter().any(|own| own.contains(&from)) || text.contains(BULLETS) {
            continue;
        }
        let plain = text.get(from..).unwrap_or(text).as_bytes().to_vec();
        let kept = text.get(..from).unwrap_or_default().to_owned();
        *text = kept + &hidden(&plain);
    }
}

const VALUE: &str = r#"(?:"(?P<quoted>[^"\x00-\x1f]+)"?|'(?P<single>[^'\x00-\x1f]+)'?|(?P<word>[^\s"'\x00-\x1f]+))"#;

/// Programs with a short flag for a password.
static COMMANDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let before = concat!(
        r"(?-u)\b(?:(?:mysql(?:dump|admin|import|check|sh)?|mariadb(?:-dump|-admin)?)(?:[ \t][^\n|;&]*?)?[ \t]-p",
        r"|sshpass[ \t]+(?:-[a-oq-z]+[ \t]+)*-p[ \t]*",
        r"|redis-cli(?:[ \t][^\n|;&]*?)?[ \t](?:-a|--pass)[ \t=]+",
        r"|(?:docker|podman|nerdctl|buildah|skopeo|helm|crane|oras|oc|regctl|az)[ \t][^\n|;&]*?\blogin\b[^\n|;&]*?[ \t]-p[ \t=]*",
        r"|mongo(?:sh|dump|restore|export|import)?(?:[ \t][^\n|;&]*?)?[ \t]-p[ \t]+",
        r"|ldap(?:search|modify|add|delete|whoami|passwd)(?:[ \t][^\n|;&]*?)?[ \t]-w[ \t]*",
        r"|sqlcmd(?:[ \t][^\n|;&]*?)?[ \t]-P[ \t]*",
        r"|openssl[ \t][^\n|;&]*?[ \t]pass:)",
    );
    Regex::new(&format!("{before}{VALUE}")).ok()
});

static USERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let before = r#"(?-u)(?:\A|[\s"'])(?:(?P<short>-u[ \t=]*)|--(?:proxy-)?user[ \t=]+)(?:"(?:[^\s:"'+%/\-][^\s:"'/]*):(?P<quoted>[^"\x00-\x1f]+)|'(?:[^\s:"'+%/\-][^\s:"'/]*):(?P<single>[^'\x00-\x1f]+)|(?P<user>[^\s:"'+%/\-][^\s:"'/]*):(?P<word>[^\s"'\x00-\x1f]+))"#;
    Regex::new(before).ok()
});

/// Programs of which `-u` takes a user and a password.
static REQUEST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?-u)\b(?:curl|wget|https?)\b").ok());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(COMMANDS.is_some() && USERS.is_some() && REQUEST.is_some());
    }
}
