use std::path::PathBuf;

use etcd_inspect::answers::encryption::encryption;
use etcd_inspect::answers::meta::MetaAnswer;

use crate::at::At;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs};
use crate::output::{Label, Line};
use crate::secrets::KeyFiles;
use crate::ui::Ui;
use crate::view::View;

/// Members, versions, alarms, users and roles: what etcd keeps about itself
///
/// Read from the db; who the directory belongs to also from WAL and .snap. Password hashes are left out.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect meta /copy/m1
  etcd-inspect meta -o yaml /copy/m1
  etcd-inspect meta -o json /copy/m1 | jq .members")]
pub(crate) struct MetaArgs {
    /// Data directory, db or snapshot
    path: Option<PathBuf>,
    /// Which key encrypted the values of each resource at rest
    #[arg(long)]
    encryption: bool,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &MetaArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    if args.encryption {
        let view = View::open(&member, args.at.side, ui)?;
        let objects = kube::open(&member, view.keyspace(), &args.layout, &args.keys)?;
        let revision = view.revision(&args.at, ui)?;
        let table = encryption(&objects, revision)?;
        ui.table("meta", &table)?;
        if table.rows.is_empty() {
            ui.note("no value is encrypted at rest")?;
        }
        return Ok(Exit::Ok);
    }
    only_of_encryption(ui)?;
    let mut identity = member.identity();
    let meta = member.meta()?;
    let buckets = match args.at.side.replay {
        true => View::open(&member, args.at.side, ui)?.buckets()?,
        false => member.buckets()?,
    };
    ui.partial(buckets.loss());
    ui.partial(member.meta_loss());
    if args.at.side.replay {
        identity.with_members(buckets.cluster.members.clone());
    }
    let answer = MetaAnswer::new(identity, meta, buckets);
    ui.answer("meta", &answer, |ui| {
        for (name, text) in answer.lines(ui.terminal.charset) {
            let heading = Line::new().with(Label::Heading, format!("{name:<17}"));
            ui.line(heading.text(text))?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

/// Refuses flags that only `--encryption` looks at.
fn only_of_encryption(ui: &Ui) -> Result<(), Failure> {
    let flags = [
        "--rev",
        "--at",
        "--etcd-prefix",
        "--encryption-config",
        "--kms-keys",
    ];
    match flags.into_iter().find(|flag| ui.is_typed(flag)) {
        Some(flag) => Err(Failure::usage(format!(
            "{flag} has no effect on members, users and versions, which are the newest: it is of --encryption"
        ))
        .next(ui.with_flag("--encryption"))
        .next(ui.without_flags(&flags))),
        None => Ok(()),
    }
}
