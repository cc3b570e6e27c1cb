use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_mangen::Man;
use etcd_inspect::Command;

use crate::app::Cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;

/// Print the manual page, or write one per verb into a folder
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect man | man -l -
  etcd-inspect man --out ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write etcd-inspect.1 and etcd-inspect-VERB.1 into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite pages that are there already
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &ManArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        ui.out().write_all(&page)?;
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(folder)?;
    let mut pages = vec![("etcd-inspect.1".to_owned(), command.clone())];
    for verb in command.get_subcommands() {
        let name = format!("etcd-inspect-{}", verb.get_name());
        pages.push((format!("{name}.1"), verb.clone().display_name(name)));
    }
    let count = pages.len();
    for (name, command) in pages {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true);
        if args.force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let mut file = options.open(&path).map_err(|error| {
            let mut failure = Failure::usage(format!("{}: {error}", path.display()));
            failure.code = etcd_inspect::codes::error::OUTPUT.id;
            failure.next(
                Command::inspect("man")
                    .args(["--force", "--out"])
                    .path(folder),
            )
        })?;
        file.write_all(&page)?;
    }
    ui.note(format!(
        "{count} manual pages written to {}",
        folder.display()
    ))?;
    Ok(Exit::Ok)
}
