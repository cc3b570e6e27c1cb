use clap_complete::env::Shells;

use crate::completion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;

/// Print a completion script for your shell
///
/// The script asks this program for what fits, so verbs, flags, resource names and codes are always those of the version
/// that is installed.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect completions bash > ~/.local/share/bash-completion/completions/etcd-inspect
  etcd-inspect completions zsh > ~/.zfunc/_etcd-inspect
  etcd-inspect completions fish > ~/.config/fish/completions/etcd-inspect.fish")]
pub(crate) struct CompletionsArgs {
    /// bash, zsh, fish, powershell or elvish
    #[arg(value_name = "SHELL")]
    shell: String,
}

pub(crate) fn run(args: &CompletionsArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&args.shell) else {
        let failure = Failure::usage(format!("no shell {:?}", args.shell));
        let near = etcd_inspect::answers::nearest(&args.shell, shells.names());
        return Err(failure
            .means(format!(
                "shells: {}",
                shells.names().collect::<Vec<_>>().join(", ")
            ))
            .next(etcd_inspect::Command::inspect("completions").arg(near.unwrap_or("bash")))
            .into());
    };
    let name = "etcd-inspect";
    shell.write_registration(completion::VARIABLE, name, name, name, ui.out())?;
    Ok(Exit::Ok)
}
