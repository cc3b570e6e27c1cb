//! Commands that texts name must exist: verbs and flags in codes, hints, help and documentation, held against clap's tree.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};

use crate::app::Cli;

/// Words that follow the program's name in sentences about it.
const PROSE: [&str; 4] = ["looks", "has", "help", "uses"];

/// Every command line that a text names: the words after the program's name, up to the end of the sentence.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, name) in text.match_indices("etcd-inspect ") {
        let rest = &text[at + name.len()..];
        let line = rest.lines().next().unwrap_or_default();
        let line = line.split("etcd-inspect").next().unwrap_or_default();
        let line = line.split('|').next().unwrap_or_default();
        let mut words = Vec::new();
        for word in line.split_whitespace() {
            let bare = word.trim_matches(|c| "`\"'()[],;.:…\\".contains(c));
            words.push(bare.to_owned());
            if word.ends_with([';', '.', ':', ')', ']', '`', '"']) && !bare.is_empty() {
                break;
            }
        }
        if words
            .first()
            .is_some_and(|verb| is_word(verb) && !PROSE.contains(&verb.as_str()))
        {
            found.push(words);
        }
    }
    found
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

fn complaint(root: &Command, words: &[String]) -> Option<String> {
    let (verb, rest) = words.split_first()?;
    if verb.starts_with('-') {
        return None;
    }
    let Some(command) = root.find_subcommand(verb) else {
        return Some(format!("no verb {verb}"));
    };
    let of = |command: &Command, flag: &str| {
        let name = flag.split('=').next().unwrap_or(flag);
        command.get_arguments().any(|argument| {
            let long = name.strip_prefix("--").is_some_and(|long| {
                argument.get_long() == Some(long)
                    || argument
                        .get_all_aliases()
                        .is_some_and(|all| all.contains(&long))
            });
            let short = name
                .strip_prefix('-')
                .and_then(|short| short.chars().next());
            long || (!name.starts_with("--") && short.is_some() && argument.get_short() == short)
        })
    };
    let known =
        |flag: &str| of(command, flag) || of(root, flag) || flag == "--help" || flag == "-h";
    rest.iter()
        .take_while(|word| *word != "--")
        .filter(|word| {
            word.len() > 1
                && word.starts_with('-')
                && !word[1..].starts_with(|c: char| c.is_ascii_digit())
        })
        .find(|flag| !known(flag))
        .map(|flag| format!("{verb} has no {flag}"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        match path.extension().and_then(|ext| ext.to_str()) {
            _ if path.is_dir() => sources(&path, found),
            Some("rs") => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn every_command_that_a_code_names_exists() {
    let root = Cli::command();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for code in etcd_inspect::codes::all() {
        for words in [code.what, code.why, code.next]
            .into_iter()
            .flat_map(commands)
        {
            seen += 1;
            if let Some(why) = complaint(&root, &words) {
                wrong.push(format!("{}: {why}: {}", code.id, words.join(" ")));
            }
        }
    }
    assert!(seen > 50, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_command_that_the_sources_name_exists() {
    let root = Cli::command();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&top.join("src"), &mut files);
    sources(&top.join("../lib"), &mut files);
    sources(&top.join("../tui/src"), &mut files);
    let mut wrong = Vec::new();
    for file in files
        .iter()
        .filter(|file| !file.ends_with("cli/src/named.rs") && !file.ends_with("src/named.rs"))
    {
        for words in commands(&fs::read_to_string(file).unwrap()) {
            if let Some(why) = complaint(&root, &words) {
                wrong.push(format!("{}: {why}: {}", file.display(), words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn verbs_and_flags_that_do_not_exist_are_noticed() {
    let root = Cli::command();
    let first_complaint = |text: &str| {
        commands(text)
            .iter()
            .find_map(|words| complaint(&root, words))
    };
    assert_eq!(
        first_complaint("etcd-inspect repair {path}").as_deref(),
        Some("no verb repair")
    );
    assert_eq!(
        first_complaint("try etcd-inspect check --hard {path}; then").as_deref(),
        Some("check has no --hard")
    );
    assert_eq!(
        first_complaint("etcd-inspect preflight --for start {path} says more"),
        None
    );
}
