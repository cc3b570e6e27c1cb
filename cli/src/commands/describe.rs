//! `describe`.

use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use jiff::Timestamp;

use super::get::GetArgs;
use crate::at::At;
use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kube::{KubeArgs, LayoutArgs, ScopeArgs};
use crate::output::Format;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;

/// Describe objects as kubectl does, with states, conditions, and the events in the data
///
/// Ages are relative to the newest time in the data, or to --now. Of Secrets the sizes of values are shown with --reveal.
#[derive(clap::Args, Clone, Debug)]
#[command(before_help = "Examples:
  etcd-inspect describe pod/web-1 -n shop -d /copy/m1
  etcd-inspect describe deploy web api -n shop --rev -100 -d /copy/m1
  etcd-inspect describe node -d /copy/m1
  etcd-inspect describe po -A -l app=web --at -2h -d /copy/m1")]
pub(crate) struct DescribeArgs {
    /// TYPE[/NAME] or TYPE NAME… as for kubectl
    #[arg(required = true, add = ArgValueCandidates::new(completion::nouns))]
    what: Vec<OsString>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Labels: app=web,tier!=db
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    #[command(flatten)]
    at: At,
    /// Also versions that only log or carved records have
    #[arg(long, conflicts_with = "replay", hide_short_help = true)]
    carved: bool,
    /// What ages are relative to (default: the newest time in the data)
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    now: Option<Timestamp>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

pub(crate) fn run(args: &DescribeArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    if !matches!(ui.global.format(), Format::Table | Format::Wide) {
        return Err(Failure::usage(format!(
            "describe prints text for people: -o {} has no meaning",
            ui.global.format()
        ))
        .next("etcd-inspect get --help")
        .into());
    }
    let args = args.clone();
    let kube = KubeArgs {
        scope: args.scope,
        selector: args.selector,
        now: args.now,
        layout: args.layout,
        keys: args.keys,
        showing: args.showing,
        describe: true,
        ..KubeArgs::default()
    };
    super::get::run(
        &GetArgs::describing(args.what, args.at, args.carved, kube),
        ui,
    )
}
