use clap::CommandFactory;
use clap_complete::Shell;

use crate::app::Cli;
use crate::exit::Exit;
use crate::ui::Ui;

/// Print a completion script for your shell
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect completions bash > ~/.local/share/bash-completion/completions/etcd-inspect
  etcd-inspect completions zsh > ~/.zfunc/_etcd-inspect
  etcd-inspect completions fish > ~/.config/fish/completions/etcd-inspect.fish")]
pub(crate) struct CompletionsArgs {
    /// bash, zsh, fish, powershell or elvish
    #[arg(hide_possible_values = true)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let mut script = Vec::new(); // the generator panics on a writer's error: a closed pipe must not reach it
    clap_complete::generate(args.shell, &mut Cli::command(), "etcd-inspect", &mut script);
    ui.out().write_all(&script)?;
    Ok(Exit::Ok)
}
