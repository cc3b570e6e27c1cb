//! Flags from the config file and the environment: they come before those of the command line, which therefore win.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Command};

use crate::failure::Failure;

const PREFIX: &str = "ETCD_INSPECT_";
/// Variables that are no flags: what the browser does for screen readers, and the key of a session of `serve --mcp`.
const NO_FLAGS: [&str; 2] = ["A11Y", "SESSION_KEY"];

/// `$XDG_CONFIG_HOME/etcd-inspect/config`.
pub(crate) fn file() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("etcd-inspect/config"))
}

/// Flags from the file, one a line, then from `ETCD_INSPECT_*`; only flags of every verb are possible there.
pub(crate) fn flags(command: &Command) -> Result<Vec<OsString>, Failure> {
    let mut flags = Vec::new();
    if let Some(path) = file()
        && let Ok(text) = std::fs::read_to_string(&path)
    {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line
                .split_once(['=', ' '])
                .map_or((line, None), |(name, value)| (name, Some(value.trim())));
            let whence = || format!("{}:{}: {line}", path.display(), number + 1);
            let Some(name) = name.strip_prefix("--") else {
                return Err(Failure::usage(format!(
                    "{}: a line is one flag, as in --color always",
                    whence()
                )));
            };
            push(command, &mut flags, name, value, &whence)?;
        }
    }
    let mut variables: Vec<_> = env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix(PREFIX)?.to_owned();
            Some((name, value.to_str()?.to_owned()))
        })
        .filter(|(name, _)| !NO_FLAGS.contains(&name.as_str()))
        .collect();
    variables.sort();
    for (variable, value) in variables {
        let whence = || format!("{PREFIX}{variable}={value}");
        let name = variable.to_ascii_lowercase().replace('_', "-");
        match value.as_str() {
            "0" | "false" | "" if takes_no_value(command, &name) => {}
            "1" | "true" if takes_no_value(command, &name) => {
                push(command, &mut flags, &name, None, &whence)?
            }
            value => push(command, &mut flags, &name, Some(value), &whence)?,
        }
    }
    Ok(flags)
}

fn takes_no_value(command: &Command, name: &str) -> bool {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))
        .is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue))
}

fn push(
    command: &Command,
    flags: &mut Vec<OsString>,
    name: &str,
    value: Option<&str>,
    whence: &dyn Fn() -> String,
) -> Result<(), Failure> {
    let names = || command.get_arguments().filter_map(clap::Arg::get_long);
    if !names().any(|known| known == name) {
        let failure = Failure::usage(format!(
            "{}: no flag --{name} that every verb takes",
            whence()
        ));
        return Err(match etcd_inspect::answers::nearest(name, names()) {
            Some(near) => failure.means(format!("did you mean --{near}?")),
            None => failure,
        }
        .next("etcd-inspect --no-config …"));
    }
    flags.push(match value {
        Some(value) => format!("--{name}={value}").into(),
        None => format!("--{name}").into(),
    });
    Ok(())
}
