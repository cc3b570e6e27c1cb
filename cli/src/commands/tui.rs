use std::env;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_inspect::evidence::Evidence;
use etcd_inspect::member;
use etcd_inspect_tui::{Ended, Options};

use crate::at::Rev;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::logs::AuditLogs;
use crate::output::time;
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;
use crate::what;

/// Browse keyspace, history, log, pages and damage on the terminal
///
/// Press ? for the keys, q to go back and to leave. Several PATHs are members of one cluster. Nothing is written beside the
/// evidence.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect tui /copy/m1
  etcd-inspect tui /copy/m1 /copy/m2 /copy/m3
  etcd-inspect tui /copy/m1 --rev 1202270 --key /registry/deployments/shop/web")]
pub(crate) struct TuiArgs {
    /// Data directories, dbs, snapshots, WALs or archives
    paths: Vec<PathBuf>,
    /// Begin at this revision; -N: N before the newest
    #[arg(long, value_name = "N|-N|latest", allow_hyphen_values = true)]
    rev: Option<Rev>,
    /// Begin with the state that etcd would have after a start; S goes to and fro
    #[arg(long)]
    replay: bool,
    /// Begin with this screen; 0 is Home, the first one otherwise
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    screen: Option<u8>,
    /// Begin at this key
    #[arg(long, value_name = "KEY")]
    key: Option<OsString>,
    /// Colours: the terminal's, for dark, light, colour-blind eyes, or none
    #[arg(
        long,
        value_name = "terminal|dark|light|cb|mono",
        value_enum,
        hide_possible_values = true,
        default_value_t
    )]
    theme: Theme,
    /// Where e… writes files; never within evidence [default: the current directory]
    #[arg(
        long,
        value_name = "DIR",
        hide_default_value = true,
        default_value = "."
    )]
    export_dir: PathBuf,
    /// Leave the mouse to the terminal
    #[arg(long, hide_short_help = true)]
    no_mouse: bool,
    #[command(flatten)]
    audit: AuditLogs,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

/// As [`etcd_inspect_tui::Theme`].
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum Theme {
    #[default]
    Terminal,
    Dark,
    Light,
    Cb,
    Mono,
}

pub(crate) fn run(args: &TuiArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("the browser needs a terminal")
            .next("etcd-inspect status {path}")
            .into());
    }
    let paths = match args.paths.as_slice() {
        [] => vec![ui.target(None)?],
        paths => paths.to_vec(),
    };
    let options = options(args, ui)?;
    for (at, path) in paths.iter().enumerate() {
        let opened = ui.options_of(at, paths.len())?;
        refuse_what_is_none(path, &opened)?;
    }
    ui.interrupt.let_go();
    let end = etcd_inspect_tui::run(paths, options)?;
    // Where the terminal is gone, so is who would read this.
    for said in end.said {
        let _ = ui.warn(said);
    }
    Ok(match end.why {
        Ended::Left => Exit::Ok,
        Ended::Signal(number) => {
            let _ = ui.warn(format!("ended by {}", name_of(number)));
            Exit::Signal(u8::try_from(number).unwrap_or_default())
        }
        Ended::Interrupted => Exit::Signal(2),
        // As a hangup is.
        Ended::Gone => Exit::Signal(1),
    })
}

fn name_of(signal: i32) -> String {
    let name = signal_hook::low_level::signal_name(signal);
    name.map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// A folder that is no evidence is reported here, with what is near. Archives are opened within the browser: that may take long.
fn refuse_what_is_none(path: &Path, options: &member::Options) -> anyhow::Result<()> {
    if path.is_dir() || !path.exists() {
        Evidence::open(path, &options.evidence)?;
    }
    Ok(())
}

/// `$XDG_STATE_HOME/etcd-inspect`.
fn state_dir() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("etcd-inspect"))
}

fn options(args: &TuiArgs, ui: &mut Ui) -> anyhow::Result<Options> {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let mask = args.showing.mask(false, ui)?.ok_or_else(|| {
        Failure::usage("--reveal=all: in the browser X shows one secret at a time")
    })?;
    // As the design of other programs has it: one variable for everything that a screen reader needs.
    let linear = set("ETCD_INSPECT_A11Y") && env::var_os("ETCD_INSPECT_A11Y") != Some("0".into());
    Ok(Options {
        linear,
        member: ui.global.member_options(),
        wal_dirs: ui.global.wal_dir.clone(),
        keyring: args.keys.keyring()?,
        flags: ui.opened_with.clone(),
        mask,
        ascii: ui.terminal.charset.ascii || linear,
        theme: match args.theme {
            Theme::Terminal => etcd_inspect_tui::Theme::Terminal,
            Theme::Dark => etcd_inspect_tui::Theme::Dark,
            Theme::Light => etcd_inspect_tui::Theme::Light,
            Theme::Cb => etcd_inspect_tui::Theme::ColorBlind,
            Theme::Mono => etcd_inspect_tui::Theme::Mono,
        },
        color: ui.terminal.color,
        mouse: !args.no_mouse && !linear,
        zone: time::zone(ui.global.local),
        remote: set("SSH_TTY") || set("SSH_CONNECTION"),
        tmux: set("TMUX"),
        revision: match args.rev {
            None | Some(Rev::Latest) => None,
            Some(Rev::Exact(revision)) => Some(revision),
            Some(Rev::Back(back)) => Some(back.saturating_neg()),
        },
        audit_log: args.audit.read()?.map(Arc::new),
        export_dir: args.export_dir.clone(),
        state_dir: state_dir(),
        replay: args.replay,
        screen: args.screen,
        key: args.key.as_ref().map(|key| what::unescape(key)),
    })
}
