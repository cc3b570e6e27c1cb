//! Why a question leaves nothing: the namespace or the time that it names is nowhere in the data.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use located::text::number::thousands;
use located::text::time;

use super::nearest;
use crate::check::Logged;
use crate::clock::{Clock, TimeBound};
use crate::member::Objects;
use crate::mvcc::KeyRange;

/// Namespaces that a sentence names.
const MAX_NAMED: usize = 8;

/// The namespaces of all keys that db or log have, also of those that were deleted, and those that have an object of their own;
/// `None` as soon as one is `wanted`.
fn namespaces_without(
    wanted: &str,
    objects: &Objects<'_>,
    logged: Option<&Logged>,
) -> Option<BTreeSet<String>> {
    let all = KeyRange::all();
    let keyspaces = [Some(objects.keyspace()), logged.map(Logged::keyspace)];
    let mut found = BTreeSet::new();
    for keyspace in keyspaces.into_iter().flatten() {
        for version in keyspace.all(&all).iter() {
            let Some(parsed) = objects.parse(version.key) else {
                continue;
            };
            let own = (parsed.path == "namespaces").then_some(parsed.name);
            let name = parsed.namespace.or(own).filter(|name| !name.is_empty());
            match name {
                Some(name) if name == wanted => return None,
                Some(name) if !found.contains(name) => _ = found.insert(name.to_owned()),
                _ => {}
            }
        }
    }
    Some(found)
}

/// What there is instead of a namespace that neither the db nor the log, if that was read, has ever had; `None` if they have it.
pub fn unknown_namespace(
    objects: &Objects<'_>,
    logged: Option<&Logged>,
    namespace: &str,
) -> Option<String> {
    let known = namespaces_without(namespace, objects, logged)?;
    if known.is_empty() {
        return Some("no key here is in a namespace: -n leaves nothing".to_owned());
    }
    let meant = match nearest(namespace, known.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean {near}?"),
        None => String::new(),
    };
    let mut names: Vec<&str> = known.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = known.len().saturating_sub(names.len());
    let more_text = format!("{more} more");
    if more > 0 {
        names.push(&more_text);
    }
    // A log that was not read may have had it.
    let whose = match logged {
        Some(_) => "neither db nor log has ever had a",
        None => "the db has no key of a",
    };
    Some(format!(
        "{whose} namespace {namespace}: there are {}{meant}",
        names.join(", ")
    ))
}

/// Why no write is in a span of time; `None` if the data reach into it. `newest`: the newest revision.
pub fn outside_of_data(
    clock: &Clock,
    newest: i64,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    zone: &TimeZone,
) -> Option<String> {
    let Some(((first, from), _)) = clock.ends() else {
        return Some(
            "no value here has a time: no write is known to be in a span of time".to_owned(),
        );
    };
    let to = clock.time_of(newest)?;
    let is_late = since.is_some_and(|since| !time::is_by(since, to.time));
    let is_early = until.is_some_and(|until| !time::is_by(from.time, until));
    let side = match (is_late, is_early) {
        (false, false) => return None,
        (true, _) => "after",
        (false, true) => "before",
    };
    let or_later = match to.bound() {
        Some(TimeBound::NotBefore) => " or later",
        _ => "",
    };
    Some(format!(
        "this span is {side} all that is known: the first write with a time is rev {}, ~{}, the newest rev {}, ~{}{or_later}",
        thousands(first.into()),
        time::full(from.time, zone),
        thousands(newest.into()),
        time::full(to.time, zone),
    ))
}
