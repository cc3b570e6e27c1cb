use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;

use etcd_inspect::member::Space;
use etcd_inspect::mvcc::{Counts, Keyspace};
use serde_json::{Map, Value, json};

use super::check::key_value;
use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::number::{percent, size, thousands};
use crate::output::{Label, Line, escape};
use crate::secrets::KeyFiles;
use crate::ui::Ui;

/// etcd's default for --quota-backend-bytes.
const DEFAULT_QUOTA: u64 = 2 << 30;
/// Free bytes of a file that was just defragmented: two pages, measured with 3.5.30.
const FREE_AFTER_DEFRAG: u64 = 8192;
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
    /// What the rows are
    #[arg(long, value_name = "WHAT", default_value = "resource")]
    by: By,
    /// What the rows are ordered by
    #[arg(long, value_name = "METRIC", default_value = "total")]
    metric: Metric,
    /// Rows, largest values and busiest keys to show; 0: all rows
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// etcd's --quota-backend-bytes: 8GiB, 2147483648
    #[arg(long, value_name = "SIZE")]
    quota: Option<Bytes>,
    #[command(flatten)]
    layout: LayoutArgs,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Registry paths; keys that Kubernetes did not write are one row.
    Resource,
    /// Namespaces.
    Namespace,
    /// The part of the key up to the second slash.
    Prefix,
}

/// What the rows are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Metric {
    /// All records.
    Total,
    /// Current versions.
    Live,
    /// Older versions and deletions.
    History,
}

/// A size as people write it.
#[derive(Clone, Copy, Debug)]
struct Bytes(u64);

impl FromStr for Bytes {
    type Err = String;

    /// `8GiB`, `8Gi`, `2GB`, `100M`, `2147483648`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no size such as 8GiB or 2147483648");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let unit = unit.to_ascii_lowercase();
        let binary = unit.contains('i');
        let power = match unit.trim_end_matches('b').trim_end_matches('i') {
            "" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            _ => return Err(wrong()),
        };
        let base: u64 = if binary { 1024 } else { 1000 };
        let number: u64 = digits.trim().parse().map_err(|_| wrong())?;
        number
            .checked_mul(base.pow(power))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(wrong)
    }
}

/// A part of the file: a group of keys, or what lies around them.
struct Part {
    name: String,
    counts: Option<Counts>,
    bytes: u64,
}

pub(crate) fn run(args: &SpaceArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let keyspace = member.keyspace()?;
    let space = member.space(&keyspace.counts())?;
    let parts = parts(args, &member, &keyspace, &space, ui)?;
    let shown = if args.top == 0 { usize::MAX } else { args.top };
    let few = if args.top == 0 { 10 } else { args.top };
    let largest = keyspace.largest(few);
    let churn = keyspace.churn(few);
    let quota = args.quota.map_or(DEFAULT_QUOTA, |quota| quota.0);
    let counted = space.size_bytes().saturating_sub(space.outside_bytes);
    // A defragmentation writes a new file: the free pages are gone but for the free list's own, and what bbolt allocates ahead
    // comes back (bbolt `db.go`, `grow`).
    let given_back = space.free_bytes.saturating_sub(FREE_AFTER_DEFRAG);

    let mut fields = Map::new();
    fields.insert("path".to_owned(), json!(member.db_file()?.name().as_str()));
    fields.insert("size_bytes".to_owned(), json!(space.size_bytes()));
    fields.insert("bytes".to_owned(), json!(space));
    fields.insert(
        "quota".to_owned(),
        json!({ "quota_bytes": quota, "counted_bytes": counted, "exceeded": counted >= quota }),
    );
    fields.insert("by".to_owned(), json!(name(args.by)));
    fields.insert("rows".to_owned(), parts.iter().map(Part::json).collect());
    fields.insert(
        "largest".to_owned(),
        largest
            .iter()
            .map(|version| {
                let value = version.key_value().map_or(0, |kv| kv.value.len());
                json!({ "key": key_value(version.key), "mod_revision": version.revision.main, "value_bytes": value, "stored_bytes": version.stored_bytes })
            })
            .collect(),
    );
    fields.insert(
        "churn".to_owned(),
        churn
            .iter()
            .map(|(key, counts)| {
                json!({ "key": key_value(key), "revisions": counts.revisions, "history_bytes": counts.history_bytes })
            })
            .collect(),
    );
    fields.insert(
        "compaction".to_owned(),
        json!({ "revision": keyspace.revision(), "frees_bytes": space.history_bytes }),
    );
    fields.insert(
        "defragmentation".to_owned(),
        json!({ "gives_back_bytes": given_back, "after_compaction_bytes": given_back.saturating_add(space.history_bytes) }),
    );
    ui.document("space", fields, |ui| {
        rows(&parts, shown, &space, ui)?;
        let line = |ui: &mut Ui, name: &str, text: String| -> anyhow::Result<()> {
            Ok(ui.line(
                Line::new()
                    .with(Label::Heading, format!("{name:<10}"))
                    .text(text),
            )?)
        };
        if let Some(first) = largest.first() {
            line(
                ui,
                "largest",
                shown_key(first.key, first.stored_bytes, "", ui),
            )?;
            for version in largest.iter().skip(1) {
                line(ui, "", shown_key(version.key, version.stored_bytes, "", ui))?;
            }
        }
        for (at, (key, counts)) in churn.iter().enumerate() {
            let bytes = counts.live_bytes.saturating_add(counts.history_bytes);
            let note = format!("  {} versions kept", thousands(counts.revisions.into()));
            line(
                ui,
                if at == 0 { "busiest" } else { "" },
                shown_key(key, bytes, &note, ui),
            )?;
        }
        let of_quota = format!(
            "{} of {} ({}){}: etcd counts all but the part never used",
            size(counted),
            size(quota),
            percent(counted, quota),
            if args.quota.is_some() {
                ""
            } else {
                ", the default"
            }
        );
        line(ui, "quota", of_quota)?;
        if counted >= quota {
            let text =
                "          etcd raises the NOSPACE alarm and refuses writes until it is disarmed";
            ui.line(Line::new().with(Label::Warning, text))?;
        }
        line(
            ui,
            "compact",
            format!(
                "at revision {} would free {} of history inside the file; its size stays",
                thousands(keyspace.revision().into()),
                size(space.history_bytes)
            ),
        )?;
        line(
            ui,
            "defrag",
            format!(
                "would give back about {} of what etcd counts now, about {} after that compaction; room that the file grew by comes back",
                size(given_back),
                size(given_back.saturating_add(space.history_bytes))
            ),
        )
    })?;
    Ok(Exit::Ok)
}

fn name(by: By) -> &'static str {
    match by {
        By::Resource => "resource",
        By::Namespace => "namespace",
        By::Prefix => "prefix",
    }
}

fn shown_key(key: &[u8], bytes: u64, note: &str, ui: &Ui) -> String {
    let key = escape::bytes(key, ui.terminal.charset);
    format!("{:>8}  {key}{note}", size(bytes))
}

/// Groups of keys, the largest first, and what lies around them. They add up to the file.
fn parts(
    args: &SpaceArgs,
    member: &etcd_inspect::member::Member,
    keyspace: &Keyspace<'_>,
    space: &Space,
    ui: &Ui,
) -> anyhow::Result<Vec<Part>> {
    let objects = kube::open(member, *keyspace, &args.layout, &KeyFiles::default())?;
    let layout = objects.layout();
    let groups: HashMap<Option<&[u8]>, Counts> = match args.by {
        By::Resource => keyspace.counts_by_folder(
            |folder| layout.resource_of_folder(folder),
            |key| layout.resource(key),
        ),
        By::Namespace => keyspace.counts_by(|key| {
            let parsed = layout.parse(key);
            parsed.and_then(|key| key.namespace).map(str::as_bytes)
        }),
        By::Prefix => keyspace.counts_by(|key| Some(second_slash(key))),
    };
    let others = match args.by {
        By::Namespace => "(no namespace)",
        _ => "(other keys)",
    };
    let mut parts: Vec<Part> = groups
        .into_iter()
        .map(|(group, counts)| Part {
            name: group.map_or(others.to_owned(), |group| {
                escape::bytes(group, ui.terminal.charset).into_owned()
            }),
            bytes: counts.live_bytes.saturating_add(counts.history_bytes),
            counts: Some(counts),
        })
        .collect();
    let by = |part: &Part| {
        let counts = part.counts.unwrap_or_default();
        match args.metric {
            Metric::Total => part.bytes,
            Metric::Live => counts.live_bytes,
            Metric::History => counts.history_bytes,
        }
    };
    parts.sort_by(|a, b| by(b).cmp(&by(a)).then_with(|| a.name.cmp(&b.name)));
    // Records that damage makes overlap do not count twice: the last row takes up the difference.
    let records: u64 = parts.iter().map(|part| part.bytes).sum();
    let stored = space.live_bytes.saturating_add(space.history_bytes);
    let around = [
        (
            "(tree: page heads, unused room in pages, etcd's own buckets)",
            space
                .tree_bytes
                .saturating_sub(records.saturating_sub(stored)),
        ),
        ("(free pages)", space.free_bytes),
        ("(never used: room the file grew by)", space.outside_bytes),
    ];
    parts.extend(around.map(|(name, bytes)| Part {
        name: name.to_owned(),
        counts: None,
        bytes,
    }));
    Ok(parts)
}

/// `/registry/pods` of `/registry/pods/shop/web-1`.
fn second_slash(key: &[u8]) -> &[u8] {
    let mut slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let end = slashes.nth(2).or_else(|| {
        key.iter()
            .enumerate()
            .rfind(|(at, byte)| **byte == b'/' && *at > 0)
    });
    end.and_then(|(end, _)| key.get(..end)).unwrap_or(key)
}

impl Part {
    fn json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(self.name));
        fields.insert("bytes".to_owned(), json!(self.bytes));
        if let Some(counts) = self.counts {
            fields.insert("keys".to_owned(), json!(counts.keys));
            fields.insert("revisions".to_owned(), json!(counts.revisions));
            fields.insert("deleted".to_owned(), json!(counts.deleted_keys));
            fields.insert("live_bytes".to_owned(), json!(counts.live_bytes));
            fields.insert("history_bytes".to_owned(), json!(counts.history_bytes));
        }
        Value::Object(fields)
    }
}

fn rows(parts: &[Part], shown: usize, space: &Space, ui: &mut Ui) -> anyhow::Result<()> {
    let full = space.size_bytes();
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
    let mut rest = Part {
        name: String::new(),
        counts: Some(Counts::default()),
        bytes: 0,
    };
    let (mut at, mut left_out) = (0usize, 0usize);
    let mut lines = Vec::new();
    for part in parts {
        if let Some(counts) = part.counts {
            at += 1;
            if at > shown {
                left_out += 1;
                rest.bytes += part.bytes;
                if let Some(sum) = rest.counts.as_mut() {
                    sum.live_bytes += counts.live_bytes;
                    sum.history_bytes += counts.history_bytes;
                    sum.keys += counts.keys;
                    sum.revisions += counts.revisions;
                }
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
    let total = Part {
        name: "the file".to_owned(),
        counts: None,
        bytes: sum,
    };
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
