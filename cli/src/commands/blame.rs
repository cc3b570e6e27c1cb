use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use etcd_inspect::Command;
use etcd_inspect::answers::blame::{NoBlame, blame};
use etcd_inspect::answers::clocks::clock_near;
use etcd_inspect::check::versions;
use etcd_inspect::member::Objects;

use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{self, LayoutArgs, ScopeArgs, named_keys};
use crate::logs::AuditLogs;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::view::View;
use crate::what;

/// Who wrote each line of an object, when, and with which revision
///
/// All versions that db and log still have are compared: a line belongs to the revision that changed it. Items of lists are
/// matched by their keys (name, type, containerPort, …), not by their position. ≤REV: versions before it are lost, and the line
/// is from one of them or from REV. Lines older than all versions have the manager that owns the field.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect blame deploy/web -n shop -d /copy/m1
  etcd-inspect blame deploy/web -n shop --rev 1202270 -d /copy/m1
  etcd-inspect blame deploy/web -n shop --audit-log audit.log -d /copy/m1
  etcd-inspect blame /registry/configmaps/shop/web-env -o json -d /copy/m1")]
pub(crate) struct BlameArgs {
    /// Raw key, or TYPE/NAME as for kubectl
    #[arg(required = true, add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    #[command(flatten)]
    audit: AuditLogs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    at: At,
}

pub(crate) fn run(args: &BlameArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let asked = what::parse(&args.what)?;
    let member = ui.member(None)?;
    let (mut view, [revision]) = View::open_at_by(&member, [&args.at], false, &args.audit, ui)?;
    view.read_log(ui);
    let keyspace = view.keyspace();
    let objects = kube::open(&member, keyspace, &args.layout, &args.keys)?;
    let logged = view.logged();
    let of_wal = logged.map(|logged| objects.over(logged.keyspace()));
    let sources: Vec<&Objects<'_>> = std::iter::once(&objects).chain(&of_wal).collect();
    let named = named_keys(asked, &args.scope.scope(), "blame", &sources)?;
    let [key] = named.keys.as_slice() else {
        return Err(several(&named.keys).into());
    };
    let mask = args.showing.mask(named.exact, ui)?;
    let revision = revision.unwrap_or(i64::MAX);
    let all = versions(key, &keyspace, logged);
    let audited = args.audit.matched(&objects, logged, ui)?;
    let mains = all.iter().map(|(_, version)| version.revision.main);
    let clock = clock_near(&objects, logged, mains, audited.as_ref());
    let found = blame(
        &objects,
        &all,
        revision,
        &clock,
        mask.as_ref(),
        audited.as_ref(),
    );
    let table = found.map_err(|why| refused(why, key, args))?;
    ui.table("blame", &table)?;
    Ok(view.exit(Exit::Ok))
}

fn several(keys: &[Vec<u8>]) -> Failure {
    match keys.first() {
        None => Failure::not_found("no key of that name").next("etcd-inspect keys {path}"),
        Some(first) => {
            let one = Command::inspect("blame").key(first).arg("-d").evidence();
            Failure::usage(format!("blame is of one object; this names {}", keys.len())).next(one)
        }
    }
}

fn refused(why: NoBlame, key: &[u8], args: &BlameArgs) -> Failure {
    let word = args
        .what
        .first()
        .map(|word| word.to_string_lossy())
        .unwrap_or_default();
    let history = Command::inspect("history").key(key).arg("-d").evidence();
    match why {
        NoBlame::Absent => {
            Failure::not_found(format!("no version of {word} is known at that revision"))
                .next(history)
        }
        NoBlame::Deleted(revision) => {
            let before = revision.saturating_sub(1).to_string();
            let blame = Command::inspect("blame")
                .key(key)
                .args(["--rev", &before, "-d"]);
            Failure::not_found(format!("{word} was deleted at rev {revision}"))
                .next(blame.evidence())
        }
        NoBlame::Sealed => {
            let blame = Command::inspect("blame").key(key).arg("-d").evidence();
            let blame = blame.arg("--encryption-config").choice("FILE");
            Failure::usage(format!(
                "the value of {word} is encrypted, and no key is given"
            ))
            .next(blame)
        }
        NoBlame::NoText => {
            Failure::not_found(format!("the value of {word} is neither an object nor text"))
                .next(history)
        }
    }
}
