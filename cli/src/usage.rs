//! A command line that cannot be meant so: the nearest thing that can.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use etcd_inspect::Command as Shown;

use crate::failure::Failure;

/// What clap found wrong, in our words.
pub(crate) fn failure(error: &Error, command: &Command, args: &[OsString]) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            match context(ContextKind::InvalidSubcommand) {
                Some(word) => unknown_verb(&word, command, args),
                None => Failure::usage("no verb given").next("etcd-inspect -h"),
            }
        }
        ErrorKind::UnknownArgument => {
            let flag = context(ContextKind::InvalidArg).unwrap_or_default();
            unknown_flag(&flag, context(ContextKind::SuggestedArg), command, args)
        }
        _ => other(error, args),
    }
}

fn unknown_verb(word: &str, command: &Command, args: &[OsString]) -> Failure {
    let replaced = |verb: &str| corrected(args, word, &[verb.as_ref()]);
    let path = Path::new(word);
    if word.contains('/') || word.starts_with('.') || path.exists() {
        let rest = corrected(args, word, &["status".as_ref(), path.as_os_str()]);
        return Failure::usage(format!("no verb {word:?}. Did you mean: {rest} ?"));
    }
    let verbs = || command.get_subcommands().map(Command::get_name);
    match etcd_inspect::answers::nearest(word, verbs()) {
        Some(verb) => Failure::usage(format!(
            "no verb {word:?}. Did you mean: {} ?",
            replaced(verb)
        )),
        None => Failure::usage(format!("no verb {word:?}"))
            .means(format!("verbs: {}", verbs().collect::<Vec<_>>().join(", ")))
            .next("etcd-inspect -h"),
    }
}

fn unknown_flag(
    flag: &str,
    suggested: Option<String>,
    command: &Command,
    args: &[OsString],
) -> Failure {
    let verb = args
        .iter()
        .filter_map(|arg| arg.to_str())
        .find_map(|arg| command.find_subcommand(arg));
    let name = verb.map(Command::get_name);
    let place = name.map(|name| format!(" of `{name}`")).unwrap_or_default();
    let help = name
        .into_iter()
        .fold(Shown::new("etcd-inspect"), Shown::arg);
    let help = help.arg("-h");
    if !flag.starts_with('-') {
        return Failure::usage(format!("one word too many: {flag:?}")).next(help);
    }
    let typed = flag.trim_start_matches('-').split('=').next();
    let typed = typed.unwrap_or_default().to_owned();
    let has_value = is_followed_by_value(flag, args);
    let fits = |long: &str| {
        let mut known = verb.into_iter().chain(Some(command));
        let known = known.find_map(|command| {
            command
                .get_arguments()
                .find(|arg| arg.get_long() == Some(long))
        });
        known.is_some_and(|arg| has_value || !arg.get_action().takes_values() || is_optional(arg))
    };
    let flags = || {
        let commands = verb.into_iter().chain(Some(command));
        commands.flat_map(|command| command.get_arguments().filter_map(clap::Arg::get_long))
    };
    let meant = OTHER_WORDS.iter().find(|(word, _)| *word == typed);
    let meant = meant.map(|(_, flag)| *flag).filter(|long| fits(long));
    let suggested = suggested.filter(|near| fits(near.trim_start_matches('-')));
    let near = meant
        .map(|long| format!("--{long}"))
        .or(suggested)
        .or_else(|| {
            let fitting = flags().filter(|long| fits(long));
            etcd_inspect::answers::nearest(&typed, fitting).map(|near| format!("--{near}"))
        });
    match near {
        Some(near) => Failure::usage(format!(
            "no flag {flag}{place}. Did you mean: {} ?",
            corrected(args, flag, &[near.as_ref()])
        )),
        None => Failure::usage(format!("no flag {flag}{place}")).next(help),
    }
}

/// Words of other verbs for a flag: the log's newer entries are `--wal` of `history`.
const OTHER_WORDS: [(&str, &str); 2] = [("wal", "replay"), ("all", "all-namespaces")];

/// Whether a flag that was typed has a value, or a word after it that may be one.
fn is_followed_by_value(flag: &str, args: &[OsString]) -> bool {
    let at = args.iter().position(|arg| {
        let word = arg.to_string_lossy();
        word == flag || word.split('=').next() == Some(flag)
    });
    let Some(at) = at else { return false };
    let has_own = args
        .get(at)
        .is_some_and(|arg| arg.to_string_lossy().contains('='));
    let next = args.get(at + 1).map(|next| next.to_string_lossy());
    has_own || next.is_some_and(|next| !next.starts_with('-'))
}

/// Whether a flag may be given without a value: `--reveal`.
fn is_optional(arg: &clap::Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|count| count.min_values() == 0)
}

/// Clap's own sentence, without its decoration.
fn other(error: &Error, args: &[OsString]) -> Failure {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut message = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned();
    let more: Vec<_> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(|line| line.trim_start_matches("tip: "))
        .collect();
    if message.ends_with(':') && !more.is_empty() {
        message = format!("{message} {}", more.join(", "));
    } else if !more.is_empty() {
        message = format!("{message} ({})", more.join("; "));
    }
    let verb = args.get(1).and_then(|arg| arg.to_str());
    let verb = verb.filter(|verb| crate::commands::is_verb(verb));
    let help = verb
        .into_iter()
        .fold(Shown::new("etcd-inspect"), Shown::arg);
    Failure::usage(message).next(help.arg("-h"))
}

/// The user's own command line with one word replaced.
fn corrected(args: &[OsString], wrong: &str, right: &[&OsStr]) -> Shown {
    let mut command = Shown::new("etcd-inspect");
    let mut done = false;
    for arg in args.iter().skip(1) {
        let word = arg.to_string_lossy();
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word.as_ref(), None),
        };
        command = match !done && (name == wrong || word == wrong) {
            false => command.arg(arg),
            true => {
                done = true;
                let mut words = right.iter().map(|word| word.to_os_string());
                let mut command = command;
                while let Some(mut word) = words.next() {
                    if let Some(value) = value.filter(|_| words.len() == 0) {
                        word.push("=");
                        word.push(value);
                    }
                    command = command.arg(word);
                }
                command
            }
        };
    }
    command
}
