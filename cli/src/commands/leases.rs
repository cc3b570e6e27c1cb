use std::collections::BTreeMap;
use std::path::PathBuf;

use etcd_inspect::backend::LeaseId;
use etcd_inspect::mvcc::Version;

use super::keys::json_key;
use crate::at::Side;
use crate::exit::Exit;
use crate::output::{Cell, Column, Label, Tail, number};
use crate::ui::Ui;
use crate::view::View;

/// List leases with the keys that hang on them, and keys whose lease does not exist
///
/// No time stands on disk: after an election every lease starts anew with its TTL, or with what a checkpoint left of it.
/// STATE is `orphan` where keys name a lease that is not stored: etcd never expires such keys.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect leases /copy/m1
  etcd-inspect leases -o json /copy/m1 | jq '.rows[] | select(.state == \"orphan\")'")]
pub(crate) struct LeasesArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    #[command(flatten)]
    side: Side,
}

static COLUMNS: [Column; 7] = [
    Column::left("LEASE", "id"),
    Column::right("TTL", "ttl_seconds"),
    Column::right("REMAINING", "remaining_ttl_seconds"),
    Column::right("KEYS", "key_count"),
    Column::left("STATE", "state"),
    Column::left("FIRST KEY", "first_key").table_only(),
    Column::json("keys"),
];

pub(crate) fn run(args: &LeasesArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, args.side, ui)?;
    let stored = view.buckets()?.leases;
    let keyspace = view.keyspace();
    let mut keys: BTreeMap<LeaseId, Vec<Version<'_>>> = BTreeMap::new();
    for (lease, version) in keyspace.leased() {
        keys.entry(LeaseId(lease)).or_default().push(version);
    }
    let mut orphans = 0;
    let mut rows = ui.rows("leases", &COLUMNS)?;
    for lease in &stored {
        let attached = keys.remove(&lease.id).unwrap_or_default();
        let state = if attached.is_empty() { "no keys" } else { "ok" };
        let remaining = match lease.remaining_ttl_seconds {
            0 => Cell::unknown(),
            seconds => Cell::plain(seconds),
        };
        rows.push(row(
            lease.id,
            Cell::plain(lease.ttl_seconds),
            remaining,
            Cell::text(state),
            &attached,
        ))?;
    }
    for (id, attached) in &keys {
        orphans += 1;
        let state = Cell::text("orphan").label(Label::Warning);
        rows.push(row(*id, Cell::unknown(), Cell::unknown(), state, attached))?;
    }
    rows.finish(Tail {
        all: Some(format!(
            "{} leases",
            number::thousands(stored.len() as i128)
        )),
        ..Tail::default()
    })?;
    if orphans > 0 {
        ui.warn(format!(
            "{orphans} leases are named by keys but not stored: etcd never expires those keys"
        ))?;
    }
    view.finish(ui)
}

fn row(
    id: LeaseId,
    ttl: Cell,
    remaining: Cell,
    state: Cell,
    attached: &[Version<'_>],
) -> Vec<Cell> {
    let first = attached
        .first()
        .map(|version| Cell::key(version.key))
        .unwrap_or_default();
    let all: Vec<_> = attached
        .iter()
        .map(|version| json_key(version.key))
        .collect();
    vec![
        Cell::id(id.0.cast_unsigned()).label(Label::Name),
        ttl,
        remaining,
        Cell::count(attached.len()),
        state,
        first,
        Cell::shown("", all),
    ]
}
