mod bundle;

use std::env;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::output::{Label, Line};
use crate::ui::Ui;
use crate::{config, target};

/// Print version, paths, terminal and clipboard route: what a bug report needs
///
/// With --bundle: one archive to attach to an issue, with the page of `report`, the `manifest`, the findings of `check` as JSON and
/// what is printed here. Secrets are hidden in it; names of keys, members and paths are not.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect doctor
  etcd-inspect doctor --bundle issue.tar.zst /copy/m1
  etcd-inspect doctor --bundle issue.tar.zst /copy/m1 /copy/m2 /copy/m3")]
pub(crate) struct DoctorArgs {
    /// Data directories, dbs or snapshots for --bundle
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// The archive to write; it must not exist
    #[arg(long, value_name = "FILE.tar.zst")]
    bundle: Option<PathBuf>,
}

/// Columns of the answer about the file that was written.
const COLUMNS: [&str; 13] = [
    "version",
    "system",
    "threads",
    "data_dir",
    "config",
    "temp_dir",
    "terminal",
    "clipboard",
    "live_etcd",
    "bundle.path",
    "bundle.size_bytes",
    "bundle.sha256",
    "bundle.files",
];

impl DoctorArgs {
    /// The columns of the answer, if a file is written before it.
    pub(super) fn columns_after_writing(&self) -> Option<&'static [&'static str]> {
        self.bundle.is_some().then_some(COLUMNS.as_slice())
    }
}

pub(crate) fn run(args: &DoctorArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut fields = facts(args.paths.first().map(PathBuf::as_path), ui);
    let mut exit = Exit::Ok;
    if let Some(out) = &args.bundle {
        let (bundle, of_bundle) = bundle::write(out, &args.paths, &fields, ui)?;
        exit = of_bundle;
        fields.insert("bundle".to_owned(), bundle);
    }
    ui.answer("doctor", &fields, |ui| {
        let sheet = fields.iter().filter(|(name, _)| *name != "bundle");
        for (name, value) in sheet {
            ui.line(
                Line::new()
                    .with(Label::Heading, format!("{name:<10}"))
                    .text(value.as_str().unwrap_or_default()),
            )?;
        }
        match fields.get("bundle") {
            Some(written) => bundle::sheet(written, ui),
            None => Ok(()),
        }
    })?;
    Ok(exit)
}

/// What is known of the program, the system and the terminal.
fn facts(path: Option<&Path>, ui: &Ui) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: String| {
        fields.insert(name.to_owned(), Value::from(value));
    };
    put("version", env!("CARGO_PKG_VERSION").to_owned());
    put(
        "system",
        format!("{} {}", env::consts::OS, env::consts::ARCH),
    );
    put(
        "threads",
        std::thread::available_parallelism()
            .map_or(1, usize::from)
            .to_string(),
    );
    put(
        "data_dir",
        target::resolve(path, ui.global.data_dir.as_deref()).map_or_else(
            |failure| format!("none: {}", failure.message),
            |path| path.display().to_string(),
        ),
    );
    put(
        "config",
        config::file().map_or_else(
            || "none: neither XDG_CONFIG_HOME nor HOME is set".to_owned(),
            |path| {
                format!(
                    "{}{}",
                    path.display(),
                    if path.exists() { "" } else { " (not there)" }
                )
            },
        ),
    );
    put("temp_dir", env::temp_dir().display().to_string());
    put("terminal", terminal(ui));
    put("clipboard", clipboard());
    put(
        "live_etcd",
        if Path::new("/proc/locks").exists() {
            "a server that holds the files is noticed through /proc/locks".to_owned()
        } else {
            "no /proc/locks here: a server that holds the files is not noticed".to_owned()
        },
    );
    fields
}

fn terminal(ui: &Ui) -> String {
    let stdout = ui.terminal;
    let kind = env::var("TERM").unwrap_or_else(|_| "unset".to_owned());
    let size = stdout.size.map_or_else(
        || "no terminal on stdout".to_owned(),
        |(width, height)| format!("{width}x{height}"),
    );
    let color = if stdout.color { "colour" } else { "no colour" };
    let charset = if stdout.charset.ascii {
        "ASCII"
    } else {
        "UTF-8"
    };
    format!("TERM={kind}, {size}, {color}, {charset}")
}

/// How the browser would copy: a program of the desktop, or the terminal itself through OSC 52.
fn clipboard() -> String {
    let found = |name: &str| {
        env::var_os("PATH")
            .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
    };
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("SSH_CONNECTION") || set("SSH_TTY") {
        "OSC 52 through SSH, to your own terminal".to_owned()
    } else if set("WAYLAND_DISPLAY") && found("wl-copy") {
        "wl-copy".to_owned()
    } else if set("DISPLAY") && found("xclip") {
        "xclip".to_owned()
    } else if found("pbcopy") {
        "pbcopy".to_owned()
    } else if set("TMUX") {
        "OSC 52 through tmux (needs: set -g set-clipboard on)".to_owned()
    } else {
        "OSC 52, where the terminal allows it".to_owned()
    }
}
