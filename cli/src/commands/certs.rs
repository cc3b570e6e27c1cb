use std::path::PathBuf;

use etcd_inspect::answers::certs::{CertificateFilter, certs};
use jiff::Timestamp;

use crate::at::At;
use crate::exit::Exit;
use crate::kube::{self, LayoutArgs};
use crate::output::time;
use crate::secrets::KeyFiles;
use crate::ui::Ui;
use crate::view::View;

/// Certificates in Secrets, signing requests and CA bundles, by expiry
///
/// Times are relative to the newest time in the data: what had expired when the copy was made. A certificate that is in
/// several objects is one row; -o json lists all of them. Private keys are never read.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect certs /copy/m1
  etcd-inspect certs --expired /copy/m1
  etcd-inspect certs --within 30 -o wide /copy/m1")]
pub(crate) struct CertsArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Only those that had expired
    #[arg(long)]
    expired: bool,
    /// Only those that expire within so many days
    #[arg(long, value_name = "DAYS")]
    within: Option<i64>,
    /// What expiry is relative to (default: the newest time in the data)
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &CertsArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let (view, [revision]) = View::open_at(&member, [&args.at], false, ui)?;
    let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
    let known = args.now.or_else(|| objects.newest_time(revision));
    let now = known.unwrap_or(Timestamp::UNIX_EPOCH);
    ui.note(match (known, args.now) {
        (Some(_), Some(_)) => format!("as of {}, as asked", time::rfc3339(now)),
        (Some(_), None) => format!("as of {}, the newest time in the data", time::rfc3339(now)),
        (None, _) => {
            "no value contains a time: what has expired is not known (--now TIME)".to_owned()
        }
    })?;
    let wanted = CertificateFilter {
        expired: args.expired,
        within_days: args.within,
    };
    let table = ui.take(certs(&objects, revision, now, wanted)?);
    ui.table("certs", &table)?;
    Ok(view.exit(Exit::Ok))
}
