//! Lists and mappings of YAML below the name of a secret: `passwords:` with items, `stringData:` with members.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::BULLETS;
use super::extent::{indent, line_end, next_line, value};
use super::names::{Around, is_public_value, is_secret_name};

/// Members that say where a secret is, or to whom it belongs, and are none.
const PLAIN: &[&str] = &[
    "name",
    "namespace",
    "key",
    "path",
    "type",
    "kind",
    "mode",
    "group",
    "version",
    "apiversion",
    "provider",
    "optional",
    "enabled",
    "create",
    "user",
    "username",
    "email",
    "url",
    "host",
    "port",
    "ttl",
    "items",
    "labels",
    "annotations",
    "engine",
    "store",
    "audience",
    "expirationseconds",
    "server",
];
/// Ends of such members.
const PLAIN_ENDS: &[&str] = &[
    "name",
    "ref",
    "file",
    "path",
    "mode",
    "type",
    "key",
    "seconds",
    "namespace",
    "id",
    "class",
];

/// Largest indent of a block that is looked into.
const MAX_INDENT: usize = 400;

/// Adds the values of the blocks and lists of a text.
pub(super) fn find(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    lists(bytes, places);
    let is_secret = IS_SECRET
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(bytes));
    let mut after = 0;
    for found in OPEN
        .as_ref()
        .into_iter()
        .flat_map(|pattern| pattern.captures_iter(bytes))
    {
        let (Some(all), Some(blank), Some(name)) =
            (found.get(0), found.name("indent"), found.name("name"))
        else {
            continue;
        };
        let name = str::from_utf8(name.as_bytes()).unwrap_or_default();
        let is_data = name == "stringData" || (name == "data" && is_secret);
        // Within data that is hidden already. Deeper than this is no text of people.
        let own = blank.as_bytes().len();
        if all.start() < after || own > MAX_INDENT || !(is_data || is_secret_block(name)) {
            continue;
        }
        let end = members(bytes, (all.end(), own), is_data, places);
        after = if is_data { end } else { after };
    }
}

/// Adds the items of lists on one line: `passwords: [x, y]`.
fn lists(bytes: &[u8], places: &mut Vec<Range<usize>>) {
    for found in LIST
        .as_ref()
        .into_iter()
        .flat_map(|pattern| pattern.captures_iter(bytes))
    {
        let (Some(name), Some(items)) = (found.name("name"), found.name("items")) else {
            continue;
        };
        let name = str::from_utf8(name.as_bytes()).unwrap_or_default();
        if is_secret_block(name) && !items.as_bytes().starts_with(BULLETS.as_bytes()) {
            places.push(items.range());
        }
    }
}

/// Whether a block with this name has secrets. `imagePullSecrets` and `secrets` of a ServiceAccount are lists of names.
fn is_secret_block(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let singular = lower.strip_suffix('s').unwrap_or(&lower);
    let is_plural_of_names = lower.ends_with("secrets") || lower.ends_with("secretrefs");
    !is_plural_of_names
        && (is_secret_name(&lower, Around::Setting) || is_secret_name(singular, Around::Setting))
}

/// Hides the values of the lines after a name with that indent; returns where they end. Of a block that is no data of a Secret only
/// its own items and members: what is deeper has names of its own.
fn members(
    bytes: &[u8],
    (start, own): (usize, usize),
    is_data: bool,
    places: &mut Vec<Range<usize>>,
) -> usize {
    let (mut at, mut first, mut found) = (start, None, Vec::new());
    let mut stop = bytes.len();
    while let Some(next) = next_line(bytes, at) {
        let end = line_end(bytes, next);
        let line = bytes.get(next..end).unwrap_or_default();
        at = end.max(next);
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let depth = indent(line);
        if depth < own || (depth == own && !text.starts_with(b"- ")) {
            stop = next;
            break;
        }
        let first = *first.get_or_insert(depth);
        if !is_data && is_of_schema(text) {
            return at;
        }
        if let Some(range) = member(bytes, next..end, is_data).filter(|_| is_data || depth == first)
        {
            // A block scalar reaches over further lines.
            at = range.end.max(at);
            found.push(range);
        }
    }
    places.extend(found);
    stop
}

/// Whether a member describes a field or a job that has the name of a secret: a schema, a form, a pipeline.
fn is_of_schema(text: &[u8]) -> bool {
    let names = [
        "type:",
        "description:",
        "properties:",
        "help_text:",
        "api_field:",
        "runs-on:",
        "steps:",
        "uses:",
        "anyOf:",
        "$ref:",
        "in:",
    ];
    names.iter().any(|name| text.starts_with(name.as_bytes()))
}

/// The value of a line: of a member, or an item of a list.
fn member(bytes: &[u8], line: Range<usize>, is_data: bool) -> Option<Range<usize>> {
    let text = bytes.get(line.clone())?;
    let found = MEMBER.as_ref().and_then(|pattern| pattern.captures(text))?;
    let key = found
        .name("key")
        .map_or("", |key| str::from_utf8(key.as_bytes()).unwrap_or_default());
    let at = line.start.saturating_add(found.get(0)?.end());
    let lower = key.to_ascii_lowercase();
    let is_item = text.trim_ascii_start().starts_with(b"- ");
    let is_plain = !is_data
        && (is_item && !key.is_empty() && key != "value"
            || PLAIN.contains(&lower.as_str())
            || PLAIN_ENDS.iter().any(|end| lower.ends_with(end)));
    if at >= line.end || is_plain {
        return None;
    }
    let range = value(
        bytes,
        (line.start.saturating_add(indent(text)), at),
        true,
        true,
    )?
    .range;
    let shown = bytes.get(range.clone())?;
    let is_public = str::from_utf8(shown).is_ok_and(is_public_value);
    (!is_public && !shown.starts_with(BULLETS.as_bytes())).then_some(range)
}

/// A name without a value on its line.
static OPEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?-u)(?m)^(?P<indent>[ \t]*)(?:- +)?["']?(?P<name>[A-Za-z0-9_.\-]+)["']?:[ \t]*\r?$"#,
    )
    .ok()
});

/// A list on one line.
static LIST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)(?P<name>[A-Za-z0-9_.\-]+)\\*["']?[ \t]*[:=][ \t]*\[[ \t]*(?P<items>[^\[\]{}\x00-\x1f]*[^\[\]{}\x00-\x20])[ \t]*\]"#).ok()
});

/// A document that is a Secret.
static IS_SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)(?m)^[ \t]*(?:- +)?["']?kind["']?:[ \t]*["']?(?i:secret)["']?[ \t]*\r?$"#)
        .ok()
});

/// What comes before the value of a line.
static MEMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?-u)\A[ \t]*(?:- +)?(?:["']?(?P<key>[A-Za-z0-9_./\-]+)["']?:(?:[ \t]+|\z))?"#)
        .ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(OPEN.is_some() && LIST.is_some() && IS_SECRET.is_some() && MEMBER.is_some());
    }
}
