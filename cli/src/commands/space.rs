use std::path::PathBuf;

use etcd_inspect::answers::Counts;
use etcd_inspect::answers::parse_size;
use etcd_inspect::answers::space::{
    DEFAULT_QUOTA_BYTES, Metric, Part, SpaceAnswer, SpaceBy, SpaceQuestion,
};

use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::number::{percent, size, thousands};
use crate::output::{Label, Line, escape};
use crate::secrets::KeyFiles;
use crate::ui::Ui;

/// Largest values and busiest keys that are shown if all rows are.
const FEW: usize = 10;
/// Characters of the longest bar.
const BAR: u64 = 12;

/// Why the db is this big, and what would make it smaller
///
/// By resource, namespace or prefix of the keys. All parts add up to the size of the file. What etcd compares with its quota is everything but the part never used; a
/// compaction makes pages free inside the file, only a defragmentation makes the file smaller.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect space /copy/m1
  etcd-inspect space --by namespace --top 20 /copy/m1
  etcd-inspect space --quota 8GiB -o json /copy/m1")]
pub(crate) struct SpaceArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// What the rows are: resource, namespace, prefix
    #[arg(long, value_name = "WHAT", default_value = "resource", value_parser = by)]
    by: SpaceBy,
    /// What the rows are ordered by: total, live, history
    #[arg(long, value_name = "METRIC", default_value = "total", value_parser = metric)]
    metric: Metric,
    /// Rows, largest values and busiest keys to show; 0: all rows
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// etcd's --quota-backend-bytes: 8GiB, 2147483648
    #[arg(long, value_name = "SIZE", value_parser = quota)]
    quota: Option<u64>,
    #[command(flatten)]
    layout: LayoutArgs,
}

fn by(text: &str) -> Result<SpaceBy, String> {
    match text {
        "resource" => Ok(SpaceBy::Resource),
        "namespace" => Ok(SpaceBy::Namespace),
        "prefix" => Ok(SpaceBy::Prefix),
        _ => Err("one of resource, namespace, prefix".to_owned()),
    }
}

fn metric(text: &str) -> Result<Metric, String> {
    match text {
        "total" => Ok(Metric::Total),
        "live" => Ok(Metric::Live),
        "history" => Ok(Metric::History),
        _ => Err("one of total, live, history".to_owned()),
    }
}

fn quota(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0 => Err("a quota of 0 bytes is etcd's default: leave the flag out".to_owned()),
        bytes => Ok(bytes),
    }
}

pub(crate) fn run(args: &SpaceArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let keyspace = ui.take(member.keyspace()?);
    let objects = kube::open(&member, keyspace, &args.layout, &KeyFiles::default())?;
    let question = SpaceQuestion {
        by: args.by,
        metric: args.metric,
        top: if args.top == 0 { FEW } else { args.top },
        quota_bytes: args.quota.unwrap_or(DEFAULT_QUOTA_BYTES),
    };
    let answer = SpaceAnswer::read(&member, &objects, question)?;
    ui.answer("space", &answer, |ui| sheet(&answer, args, ui))?;
    Ok(Exit::Ok)
}

fn sheet(answer: &SpaceAnswer, args: &SpaceArgs, ui: &mut Ui) -> anyhow::Result<()> {
    let shown = if args.top == 0 { usize::MAX } else { args.top };
    rows(&answer.parts, shown, answer.space.size_bytes(), ui)?;
    let line = |ui: &mut Ui, name: &str, text: String| -> anyhow::Result<()> {
        let heading = Line::new().with(Label::Heading, format!("{name:<10}"));
        Ok(ui.line(heading.text(text))?)
    };
    for (at, large) in answer.largest.iter().enumerate() {
        let name = if at == 0 { "largest" } else { "" };
        let text = shown_key(large.key.as_bytes(), large.stored_bytes, "", ui);
        line(ui, name, text)?;
    }
    for (at, busy) in answer.busiest.iter().enumerate() {
        let counts = &busy.counts;
        let bytes = counts.live_bytes.saturating_add(counts.history_bytes);
        let note = format!("  {} versions kept", thousands(counts.revisions.into()));
        let name = if at == 0 { "busiest" } else { "" };
        line(ui, name, shown_key(busy.key.as_bytes(), bytes, &note, ui))?;
    }
    let (counted, quota) = (answer.counted_bytes(), answer.quota_bytes);
    let default = if args.quota.is_some() {
        ""
    } else {
        ", the default"
    };
    let of_quota = format!(
        "{} of {} ({}){default}: etcd counts all but the part never used",
        size(counted),
        size(quota),
        percent(counted, quota),
    );
    line(ui, "quota", of_quota)?;
    if answer.exceeds_quota() {
        let text =
            "          etcd raises the NOSPACE alarm and refuses writes until it is disarmed";
        ui.line(Line::new().with(Label::Warning, text))?;
    }
    line(ui, "compact", compaction(answer))?;
    line(ui, "defrag", defragmentation(answer))
}

fn compaction(answer: &SpaceAnswer) -> String {
    match answer.compaction_bytes() {
        Some(bytes) => format!(
            "at revision {} would free {} of history inside the file; its size stays",
            thousands(answer.revision.into()),
            size(bytes)
        ),
        None => "not known what it would free: a part of the records cannot be read".to_owned(),
    }
}

fn defragmentation(answer: &SpaceAnswer) -> String {
    let now = answer.defragmentation_bytes();
    let after = answer.defragmentation_after_compaction_bytes();
    match (now, after) {
        (Some(now), Some(after)) => format!(
            "would give back about {} of what etcd counts now, about {} after that compaction; room that the file grew by comes back",
            size(now),
            size(after)
        ),
        (Some(now), None) => format!(
            "would give back about {} of what etcd counts now",
            size(now)
        ),
        (None, _) => "not known what it would give back: pages may be in use or free".to_owned(),
    }
}

fn shown_key(key: &[u8], bytes: u64, note: &str, ui: &Ui) -> String {
    let key = escape::bytes(key, ui.terminal.charset);
    format!("{:>8}  {key}{note}", size(bytes))
}

fn rows(parts: &[Part], shown: usize, full: u64, ui: &mut Ui) -> anyhow::Result<()> {
    let most = parts
        .iter()
        .map(|part| part.bytes)
        .max()
        .unwrap_or(0)
        .max(1);
    let bar = |bytes: u64| {
        let filled = (u128::from(bytes) * u128::from(BAR)).div_ceil(u128::from(most));
        "#".repeat(usize::try_from(filled).unwrap_or(0))
    };
    ui.line(Line::new().with(
        Label::Heading,
        format!(
            "{:<12}  {:>6}  {:>15}  {:>9}  {:>9}  {:>9}  {:>9}  NAME",
            "BAR", "%", "BYTES", "LIVE", "HISTORY", "KEYS", "REVS"
        ),
    ))?;
    let groups = parts.iter().filter(|part| part.counts.is_some()).count();
    let mut rest = Part::new("", None, 0);
    let (mut at, mut left_out) = (0usize, 0usize);
    let mut lines = Vec::new();
    for part in parts {
        if part.counts.is_some() {
            at += 1;
            if at > shown {
                left_out += 1;
                rest.add(part);
                continue;
            }
        } else if left_out > 0 {
            rest.name = format!("({left_out} of {groups} more; --top 0 for all)");
            lines.push(row(&rest, &bar(rest.bytes), full));
            left_out = 0;
        }
        lines.push(row(part, &bar(part.bytes), full));
    }
    let sum = parts.iter().map(|part| part.bytes).sum();
    let total = Part::new("the file", None, sum);
    lines.push(row(&total, "", full));
    lines.into_iter().try_for_each(|line| ui.line(line))?;
    Ok(())
}

fn row(part: &Part, bar: &str, full: u64) -> Line {
    let number = |of: fn(&Counts) -> u64, as_size: bool| {
        let value = part.counts.as_ref().map(of);
        value.map_or(String::new(), |value| {
            if as_size {
                size(value)
            } else {
                thousands(value.into())
            }
        })
    };
    Line::new()
        .with(Label::Dim, format!("{bar:<12}"))
        .text(format!(
            "  {:>6}  {:>15}  {:>9}  {:>9}  {:>9}  {:>9}  ",
            percent(part.bytes, full),
            thousands(part.bytes.into()),
            number(|counts| counts.live_bytes, true),
            number(|counts| counts.history_bytes, true),
            number(|counts| counts.keys, false),
            number(|counts| counts.revisions, false),
        ))
        .with(Label::Name, part.name.clone())
}
