//! From the arguments to the exit code.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};

use etcd_inspect::Command as Shown;
use etcd_inspect::codes::dir;
use etcd_inspect::codes::error as codes;
use etcd_inspect::dataset::MetaChoice;
use etcd_inspect::evidence::Evidence;
use etcd_inspect::member::{Member, Options};
use etcd_inspect::salvage::backup::OutError;

use crate::commands::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::global::Global;
use crate::output::{Format, messages};
use crate::signals::Interrupt;
use crate::ui::Ui;
use crate::{config, help, logs, usage};

/// Looks into a copied etcd data directory, db, snapshot or WAL without changing a byte of it
#[derive(Parser, Debug)]
#[command(
    name = "etcd-inspect",
    version,
    disable_help_subcommand = false,
    args_override_self = true,
    subcommand_required = true,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    help_template = help::ROOT_TEMPLATE,
    before_help = help::EXAMPLES,
    after_help = help::AFTER,
    propagate_version = false,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Runs one command line and says how it ended.
pub(crate) fn run(args: Vec<OsString>) -> Exit {
    let interrupt = Interrupt::listen().unwrap_or_default();
    let (cli, path) = match parse(&args) {
        Ok(Parsed::Ask(cli, path)) => (cli, path),
        Ok(Parsed::Told(text)) => return tell(&text, interrupt),
        Err(failure) => return refuse(&failure, &args, interrupt),
    };
    if let Some(threads) = cli.global.threads {
        // Only the first pool of a process counts, and this is it.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
    }
    let mut ui = Ui::new(cli.global, interrupt);
    ui.path = path;
    ui.reveal_all = args.iter().any(|arg| arg == "--reveal=all");
    let refused = cli.command.refuses(&ui.global);
    if let Some(failure) = refused.or_else(|| cli.command.without_effect(&ui)) {
        let failure = with_next(failure);
        let _ = messages::failure(&failure, &mut ui);
        return failure.exit;
    }
    let answer = cli.command.run(&mut ui);
    let answer = answer.and_then(|exit| ui.out().flush().map(|()| exit).map_err(Into::into));
    let exit = finish(answer, &mut ui);
    let _ = messages::to_be_saved(&mut ui);
    exit
}

/// Reports what could not be read, and why there is no answer.
fn finish(answer: anyhow::Result<Exit>, ui: &mut Ui) -> Exit {
    match answer {
        Ok(exit) if ui.interrupt.is_set() => {
            let by = stopped_by(ui);
            let _ = ui.warn(format!("{by}: the answer is what was known until then"));
            if exit == Exit::Refused {
                exit
            } else {
                Exit::Partial
            }
        }
        Ok(exit) => match messages::damage(ui) {
            Ok(true) if exit != Exit::Refused => Exit::Partial,
            _ => exit,
        },
        Err(error) if ui.interrupt.is_set() && !is_pipe(&error) => no_answer(&error, ui),
        // What was not found may be in what could not be read.
        Err(error) => match (messages::damage(ui), give_up(&error, ui)) {
            (Ok(true), Exit::Negative) => Exit::Partial,
            (_, exit) => exit,
        },
    }
}

enum Parsed {
    /// A question, and the evidence that it names.
    Ask(Box<Cli>, Option<PathBuf>),
    /// Help or version: the text.
    Told(String),
}

fn parse(args: &[OsString]) -> Result<Parsed, Failure> {
    if args.len() <= 1 {
        return Ok(Parsed::Told(help::NO_ARGS.to_owned()));
    }
    let mut command = help::finish(Cli::command());
    let mut all: Vec<OsString> = args.iter().take(1).cloned().collect();
    if !args.iter().any(|arg| arg == "--no-config") {
        all.extend(config::flags(&command)?);
    }
    let given = logs::without_evidence(args).into_iter().skip(1);
    all.extend(given.map(in_standard_input));
    let matches = command.try_get_matches_from_mut(&all);
    let path = matches.as_ref().ok().and_then(evidence_of);
    match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => Ok(Parsed::Ask(Box::new(cli), path)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            Ok(Parsed::Told(error.render().to_string()))
        }
        Err(error) => Err(usage::failure(&error, &command, args)),
    }
}

/// The evidence that a command line names, for the commands of errors that come before it is opened.
fn evidence_of(matches: &ArgMatches) -> Option<PathBuf> {
    let (_, verb) = matches.subcommand()?;
    let one = || verb.try_get_one::<PathBuf>("path").ok().flatten();
    let first = || verb.try_get_many::<PathBuf>("paths").ok().flatten()?.next();
    let environment = || {
        let path = std::env::var_os("ETCD_DATA_DIR")?;
        (!path.is_empty()).then(|| PathBuf::from(path))
    };
    let given = one().or_else(first).or_else(|| {
        let data_dir = verb.try_get_one::<PathBuf>("data_dir").ok().flatten();
        data_dir.or_else(|| matches.try_get_one::<PathBuf>("data_dir").ok().flatten())
    });
    let path = given.cloned().or_else(environment);
    path.filter(|path| path != Path::new("-"))
}

/// `-!/m1`, which begins as a flag does, is a path in an archive that comes through standard input.
fn in_standard_input(word: OsString) -> OsString {
    match word.to_str().and_then(|word| word.strip_prefix("-!/")) {
        Some(inner) => format!("/dev/stdin!/{inner}").into(),
        None => word,
    }
}

/// Prints help on stdout.
fn tell(text: &str, interrupt: Interrupt) -> Exit {
    let mut ui = Ui::new(Global::default(), interrupt);
    let written = ui
        .out()
        .write_all(text.as_bytes())
        .and_then(|()| ui.out().flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Refused,
        _ => Exit::Ok,
    }
}

/// Prints a usage error in the form that the arguments would have asked for.
fn refuse(failure: &Failure, args: &[OsString], interrupt: Interrupt) -> Exit {
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let json = words
        .iter()
        .enumerate()
        .any(|(at, word)| match word.as_ref() {
            "-ojson" | "-o=json" | "--output=json" | "-ojsonl" | "--output=jsonl" => true,
            "-o" | "--output" => words
                .get(at + 1)
                .is_some_and(|format| format.starts_with("json")),
            _ => false,
        });
    let global = Global {
        output: json.then_some(Format::Json),
        ascii: words.iter().any(|word| word == "--ascii"),
        ..Global::default()
    };
    let failure = with_next(failure.clone());
    let _ = messages::failure(&failure, &mut Ui::new(global, interrupt));
    failure.exit
}

/// Whether a db that was opened has no readable keys by the meta page that was chosen, and has them by the older one: the last
/// commit damaged the pages at the top of its tree.
fn older_meta_has_keys(ui: &Ui) -> bool {
    let options = ui.global.member_options();
    let has_keys = |evidence: &Evidence, meta: MetaChoice| {
        let options = Options {
            meta,
            ..options.clone()
        };
        let member = Member::from_evidence(evidence.clone(), options);
        let keyspace = member.readable_keyspace();
        keyspace.is_ok_and(|keyspace| keyspace.revision() > 1)
    };
    options.meta == MetaChoice::Newest
        && ui.opened.iter().any(|evidence| {
            !has_keys(evidence, MetaChoice::Newest) && has_keys(evidence, MetaChoice::Older)
        })
}

/// The salvage that shows what is left if a db that was opened cannot be read: of the log, or of the db's pages without one.
///
/// `is_of_bytes`: the error is about bytes, so that also the trees of the db are looked at.
fn salvage_of_rest(is_of_bytes: bool, ui: &Ui) -> Option<&'static str> {
    let options = ui.global.member_options();
    let is_unreadable = |evidence: &&Evidence| {
        let member = Member::from_evidence((*evidence).clone(), options.clone());
        member.db().is_err() || (is_of_bytes && member.reach().is_err())
    };
    let unreadable = ui.opened.iter().find(is_unreadable)?;
    if !unreadable.wal().is_empty() {
        return Some(
            "etcd-inspect salvage {path} --dry-run     what a backup built from the log would hold: with --out FILE it is written, and FILE answers",
        );
    }
    unreadable.db()?;
    Some(
        "etcd-inspect salvage {path} --include carved --dry-run     what a backup built from pages of the db would hold: with --out FILE it is written, and FILE answers",
    )
}

/// What the error of a verb is to the user.
fn failure_of(error: &anyhow::Error, ui: &Ui) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    if let Some(error) = error.downcast_ref::<OutError>() {
        return Failure::usage(error.to_string()).next(ui.with_other_out());
    }
    let mut causes = error.chain();
    match causes.find_map(|cause| cause.downcast_ref::<etcd_inspect::Error>()) {
        Some(error) => Failure::from_library(error),
        None => {
            let mut failure = Failure::usage(format!("{error:#}"));
            failure.code = codes::IO.id;
            failure
        }
    }
}

/// The same with the command that asks what else has the keys: the older meta page, or the log.
fn with_other_source(failure: Failure, ui: &Ui) -> Failure {
    let of_db = [&codes::MISSING, &codes::TRUNCATED, &codes::MALFORMED];
    let is_of_db = of_db.iter().any(|code| code.id == failure.code);
    if !is_of_db {
        return failure;
    }
    if older_meta_has_keys(ui) {
        return failure.first(
            "etcd-inspect keys --meta older {path}     the state one commit back: its tree can be followed",
        );
    }
    match salvage_of_rest(failure.code != codes::MISSING.id, ui) {
        Some(salvage) => failure.first(salvage),
        None => failure,
    }
}

/// With the help of the verb, if nothing else is to be tried.
fn with_next(failure: Failure) -> Failure {
    if !failure.next.is_empty() || failure.message.ends_with(" ?") {
        return failure;
    }
    let words = std::env::args().skip(1);
    let verb = words.take(1).find(|word| crate::commands::is_verb(word));
    let help = verb.iter().fold(Shown::new("etcd-inspect"), Shown::arg);
    failure.next(help.arg("-h"))
}

/// `stopped by Ctrl-C`.
fn stopped_by(ui: &Ui) -> &'static str {
    match ui.interrupt.number() {
        1 => "stopped by SIGHUP",
        15 => "stopped by SIGTERM",
        _ => "stopped by Ctrl-C",
    }
}

/// Says that there is no answer because the command was stopped; ends as shells have it for a signal.
fn no_answer(error: &anyhow::Error, ui: &mut Ui) -> Exit {
    let written = "nothing was written";
    let what = match error.to_string().contains(written) {
        true => written,
        false => "there is no answer yet",
    };
    let mut failure = Failure::usage(format!("{}: {what}", stopped_by(ui)));
    failure.code = codes::INTERRUPTED.id;
    failure.exit = Exit::Signal(ui.interrupt.number());
    let _ = messages::failure(&failure.next(ui.again()), ui);
    Exit::Signal(ui.interrupt.number())
}

/// Whether whoever read standard output is gone.
fn is_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    let io_error = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    io_error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn give_up(error: &anyhow::Error, ui: &mut Ui) -> Exit {
    if is_pipe(error) {
        return Exit::Ok;
    }
    let failure = with_next(with_other_source(failure_of(error, ui), ui));
    let is_missing = failure.code == codes::MISSING.id;
    let _ = messages::failure(&failure, ui);
    // What is missing may be in the part that could not be read: "no" is not proven.
    let is_unread = |evidence: &Evidence| {
        let damage = evidence.damage().findings;
        let archive = [
            &dir::ARCHIVE_DAMAGED,
            &dir::ARCHIVE_ENCRYPTED,
            &dir::UNREADABLE,
        ];
        damage
            .iter()
            .any(|finding| archive.iter().any(|code| code.id == finding.code.id))
    };
    match failure.exit {
        Exit::Negative if is_missing && ui.opened.iter().any(is_unread) => Exit::Partial,
        exit => exit,
    }
}
