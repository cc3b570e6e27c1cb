//! Section 4: what happened, as a chart and as the events around the moment in question.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::SHOWN_EVENTS;
use super::model::{Block, DataTable, Section, heads, plain_heads, table_document};
use super::subject::{Events, Subject};
use super::svg::{self, Flag};
use crate::answers::Table;
use crate::answers::timeline::{EventKind, TimeBuckets};
use located::Command;
use located::text::number::thousands;
use located::text::time::{rfc3339, rfc3339_millis};

/// Columns of the chart.
const COLUMNS: usize = 120;
/// Resources with a colour of their own.
const SERIES: usize = 7;
/// Flags of one kind over the chart.
const FLAGS: usize = 40;

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const SPANS: &[(&str, &str)] = &[
    ("FROM", "from"),
    ("+WRITES", "writes"),
    ("+DELETES", "deletes"),
    ("+OTHER EVENTS", "others"),
];

/// What to know about the times that were asked for: the data has none there.
pub(super) fn outside(subject: &Subject<'_>, events: Option<&Events>) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(ends) = events.and_then(|events| events.ends) else {
        let asked = [subject.question.at, subject.question.since];
        if events.is_some() && asked.iter().any(Option::is_some) {
            notes.push("no write here has a time: --at and --since choose nothing".to_owned());
        }
        return notes;
    };
    let (first, last) = (rfc3339(ends.0), rfc3339(ends.1));
    if let Some(at) = subject.question.at {
        let (asked, nearest) = (rfc3339(at), "the events nearest to it are shown");
        if at < ends.0 {
            notes.push(format!(
                "the moment in question, {asked}, is before the first event with a time, {first}: {nearest}"
            ));
        } else if at > ends.1 {
            notes.push(format!(
                "the moment in question, {asked}, is after the last event with a time, {last}: {nearest}"
            ));
        }
    }
    if let Some(since) = subject.question.since.filter(|since| *since > ends.1) {
        notes.push(format!(
            "nothing here is as late as {}: the last event with a time is of {last}",
            rfc3339(since)
        ));
    }
    notes
}

pub(super) fn section(subject: &Subject<'_>, events: Option<&Events>, notes: &[String]) -> Section {
    let mut section = Section::new("timeline", "Timeline");
    let Some(events) = events else {
        section.say(subject.unreadable());
        return section;
    };
    for note in notes {
        section.say(sentence(note));
    }
    let rows = &events.stream.rows;
    match TimeBuckets::new(rows, None, COLUMNS) {
        Some(buckets) => chart(subject, events, &buckets, &mut section),
        None => section.say("No write here has a time."),
    }
    let mut command = subject.reading(Command::inspect("timeline"));
    if let Some(since) = subject.question.since {
        command = command.flag("--since", rfc3339(since));
    }
    let command = subject.command(command);
    left_out(events, &mut section);
    let moment = subject.moment();
    let limit = subject.question.limit(SHOWN_EVENTS);
    let near = around(
        rows.iter().map(|row| row.time.map(|time| time.time)),
        moment,
        limit,
    );
    let caption = match moment {
        Some(moment) => format!("Events around {}", rfc3339(moment)),
        None => "Events".to_owned(),
    };
    let table = Table::new(
        columns(),
        rows.get(near.clone())
            .unwrap_or_default()
            .iter()
            .collect::<Vec<_>>(),
    );
    let answer = table_document(&table);
    let mut table = DataTable::new(
        caption,
        &answer,
        "/rows",
        command,
        heads(columns()),
        usize::MAX,
    );
    for (at, _) in &mut table.rows {
        *at = at.saturating_add(near.start);
    }
    table.total = rows.len();
    section.push(table);
    section
}

/// What the chart lacks.
fn left_out(events: &Events, section: &mut Section) {
    let folded = events.stream.folded.iter();
    let folded: Vec<String> = folded
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if !folded.is_empty() {
        section.say(format!(
            "Left out as noise, of the chart and of the events: {}.",
            folded.join(", ")
        ));
    }
    let undated = events
        .stream
        .rows
        .iter()
        .filter(|row| row.time.is_none())
        .count();
    if undated > 0 {
        let undated = crate::start::counted(
            undated as u64,
            "event has no time and is",
            "events have no time and are",
        );
        section.say(format!("{undated} not in the chart."));
    }
}

/// A note as a sentence of the page.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn columns() -> &'static [crate::answers::Column] {
    crate::answers::timeline::columns()
}

/// The rows nearest to a moment, in their order; the last ones without one.
fn around(
    times: impl Iterator<Item = Option<Timestamp>>,
    moment: Option<Timestamp>,
    limit: usize,
) -> std::ops::Range<usize> {
    let times: Vec<Option<Timestamp>> = times.collect();
    let dated = times.iter().take_while(|time| time.is_some()).count();
    let middle = match moment {
        Some(moment) => times
            .iter()
            .take(dated)
            .filter(|time| **time <= Some(moment))
            .count(),
        None => dated,
    };
    let start = middle.saturating_sub(limit / 4 * 3);
    let end = start.saturating_add(limit).min(times.len());
    end.saturating_sub(limit)..end
}

fn chart(subject: &Subject<'_>, events: &Events, buckets: &TimeBuckets, section: &mut Section) {
    let spans = buckets.writes.len();
    let width = i64::try_from(buckets.width.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let place = |time: Timestamp| {
        let since = i64::try_from(time.duration_since(buckets.start).as_millis()).unwrap_or(0);
        usize::try_from(since.checked_div(width).unwrap_or(0)).unwrap_or(0)
    };
    let (series, names) = stacked(events, spans, &place);
    let end = buckets.start.checked_add(
        buckets
            .width
            .saturating_mul(i32::try_from(spans).unwrap_or(i32::MAX)),
    );
    let ends = (rfc3339(buckets.start), end.map(rfc3339).unwrap_or_default());
    let flags = flags(subject, events, buckets, spans);
    let title = format!(
        "Writes in spans of {:.1} s by resource, deletions below in red, elections, findings and the moment in question as lines",
        buckets.width.as_secs_f64()
    );
    let drawn = svg::timeline(
        &title,
        &series,
        &buckets.deletes,
        &flags,
        (&ends.0, &ends.1),
    );
    let legend = svg::legend(&names);
    section.push(Block::Chart(title, maud::html! { (drawn) (legend) }));
    let kinds = [EventKind::Election, EventKind::Finding, EventKind::Alarm];
    for kind in kinds {
        let rows = events.stream.rows.iter();
        let all = rows
            .filter(|row| row.kind == kind && row.time.is_some())
            .count();
        if all > FLAGS {
            section.say(format!(
                "Lines of the chart: the first {FLAGS} of {} events of kind {}; the table of events has all kinds.",
                thousands(all as i128),
                kind.as_str()
            ));
        }
    }
    section.push(spans_table(buckets));
}

/// Writes in each span by resource, the busiest first, and their names.
fn stacked(
    events: &Events,
    spans: usize,
    place: &dyn Fn(Timestamp) -> usize,
) -> (Vec<Vec<u64>>, Vec<String>) {
    let mut totals = vec![0u64; events.names.len().saturating_add(1)];
    let mut counts = vec![vec![0u64; spans]; totals.len()];
    for (row, resource) in events.stream.rows.iter().zip(&events.of_rows) {
        let (EventKind::Put, Some(time)) = (row.kind, row.time) else {
            continue;
        };
        let series = resource.unwrap_or(events.names.len());
        if let Some(total) = totals.get_mut(series) {
            *total = total.saturating_add(row.count);
        }
        let cell = counts
            .get_mut(series)
            .and_then(|counts| counts.get_mut(place(time.time)));
        if let Some(cell) = cell {
            *cell = cell.saturating_add(row.count);
        }
    }
    let mut order: Vec<usize> = (0..totals.len())
        .filter(|at| totals.get(*at).is_some_and(|total| *total > 0))
        .collect();
    order.sort_by_key(|at| {
        (
            std::cmp::Reverse(totals.get(*at).copied()),
            events.names.get(*at),
        )
    });
    let name = |at: &usize| {
        events
            .names
            .get(*at)
            .map_or("(other keys)", String::as_str)
            .to_owned()
    };
    let (own, others) = order.split_at(order.len().min(SERIES));
    let mut series: Vec<Vec<u64>> = own
        .iter()
        .filter_map(|at| counts.get(*at).cloned())
        .collect();
    let mut names: Vec<String> = own.iter().map(name).collect();
    if !others.is_empty() {
        let rest = (0..spans).map(|span| {
            let counts = others.iter().filter_map(|at| counts.get(*at)?.get(span));
            counts.sum()
        });
        series.push(rest.collect());
        names.push(format!("{} other resources", others.len()));
    }
    (series, names)
}

/// What the chart shows, as rows.
fn spans_table(buckets: &TimeBuckets) -> DataTable {
    let spans = buckets.writes.len();
    let starts = (0..spans).map(|span| {
        let at = buckets
            .width
            .saturating_mul(i32::try_from(span).unwrap_or(i32::MAX));
        buckets
            .start
            .checked_add(at)
            .map(rfc3339_millis)
            .unwrap_or_default()
    });
    let get = |counts: &[u64], at: usize| counts.get(at).copied().unwrap_or(0);
    let rows = starts.enumerate().map(|(at, start)| json!({ "from": start, "writes": get(&buckets.writes, at), "deletes": get(&buckets.deletes, at), "others": get(&buckets.others, at) }));
    let rows: Vec<Value> = rows
        .filter(|row| {
            ["writes", "deletes", "others"]
                .iter()
                .any(|count| row.get(*count) != Some(&json!(0)))
        })
        .collect();
    let document = json!({ "rows": rows });
    let columns = plain_heads(SPANS);
    let caption = "The chart as a table";
    DataTable::new(
        caption,
        &document,
        "/rows",
        String::new(),
        columns,
        usize::MAX,
    )
    .folded()
}

fn flags(subject: &Subject<'_>, events: &Events, buckets: &TimeBuckets, spans: usize) -> Vec<Flag> {
    let whole = i64::try_from(buckets.width.as_millis())
        .unwrap_or(1)
        .saturating_mul(i64::try_from(spans).unwrap_or(1))
        .max(1);
    let at = |time: Timestamp| {
        let since = i64::try_from(time.duration_since(buckets.start).as_millis()).unwrap_or(0);
        u64::try_from(since.saturating_mul(1000).checked_div(whole).unwrap_or(0)).unwrap_or(0)
    };
    let flagged = |kind: EventKind, class: &'static str| {
        let rows = events
            .stream
            .rows
            .iter()
            .filter(move |row| row.kind == kind);
        let dated = rows.filter_map(|row| Some((row.time?.time, row.message())));
        dated.take(FLAGS).map(move |(time, name)| Flag {
            at: at(time),
            name: super::model::text_of(&name),
            class,
        })
    };
    let mut flags: Vec<Flag> = flagged(EventKind::Election, "election").collect();
    flags.extend(flagged(EventKind::Finding, "finding-flag"));
    flags.extend(flagged(EventKind::Alarm, "finding-flag"));
    flags.extend(subject.question.at.map(|time| Flag {
        at: at(time),
        name: format!("the moment in question: {}", rfc3339(time)),
        class: "at",
    }));
    flags
}
