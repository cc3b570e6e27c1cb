use std::path::PathBuf;

use etcd_inspect::answers::leases::{LeaseState, LeasesRead, leases};

use crate::at::Side;
use crate::exit::Exit;
use crate::ui::Ui;
use crate::view::View;

/// List leases with their keys, and keys whose lease does not exist
///
/// No expiry time is stored: after an election every lease starts again with its TTL, or with what a checkpoint left of it.
/// STATE is `orphan` if keys name a lease that is not stored: etcd never expires such keys. It is `unknown`, and KEYS begins with ≥, if
/// leases or keys cannot be read.
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

pub(crate) fn run(args: &LeasesArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let view = View::open(&member, args.side, ui)?;
    let buckets = view.buckets()?;
    ui.partial(buckets.loss());
    let read = LeasesRead::new(&buckets, &member);
    let table = leases(&buckets.leases, &view.keyspace(), read);
    ui.table("leases", &table)?;
    let orphan = |state| state == LeaseState::Orphan;
    let orphans = table.rows.iter().filter(|row| orphan(row.state)).count();
    if orphans > 0 {
        ui.warn(format!(
            "{orphans} leases are named by keys but not stored: etcd never expires those keys"
        ))?;
    }
    Ok(Exit::Ok)
}
